"""Files that are cut short, changed, of another kind or missing are refused in one line, whatever the library says."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from netsim.errors import DataError
from netsim.exchange import KINDS, export, read_stimuli
from netsim.measuring.simulation import Simulation

SHAPE = (4, 5, 2)
FILES = [(kind, f"spikes{suffix}") for kind, known in KINDS.items() if known.is_read for suffix in known.suffixes]
CHECKED = [(kind, name) for kind, name in FILES if not name.endswith(".csv")]  # half a CSV file is one, too


def _need(kind: str) -> None:
    for package in KINDS[kind].packages:
        pytest.importorskip(package, reason=f"the format {kind} needs {package}, of the extra 'exchange'")


def _refused(name: str) -> None:
    with pytest.raises(DataError) as refused:
        read_stimuli(name, SHAPE)
    assert str(refused.value).startswith(f"{name}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("kind", "name"), CHECKED)
def test_cut_short(kind: str, name: str, simulation: Simulation) -> None:
    _need(kind)
    export(kind, simulation, name, layers=["stimulus"])
    whole = Path(name).read_bytes()
    for part in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        Path(name).write_bytes(whole[:part])
        _refused(name)


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_missing_or_no_such_file(kind: str, name: str) -> None:
    _need(kind)
    with pytest.raises(DataError, match=f"{name}: no such file"):
        read_stimuli(name, SHAPE)
    Path(name).write_text("some text\nof two lines\n")
    _refused(name)
    Path(name).unlink()
    Path(name).mkdir()
    _refused(name)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in FILES if kind != "nwb"])
def test_changed_bytes_are_read_or_refused(kind: str, name: str, simulation: Simulation) -> None:
    _need(kind)
    export(kind, simulation, name, layers=["stimulus"])
    whole = Path(name).read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(12):
        changed = bytearray(whole)
        for position in generator.integers(0, len(whole), 20):
            changed[position] = generator.integers(0, 256)
        Path(name).write_bytes(changed)
        with contextlib.suppress(DataError):
            latencies = read_stimuli(name, SHAPE).latencies
            assert latencies.shape[1:] == SHAPE
            assert (latencies >= 0).all()


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_missing_package_is_named(
    kind: str, name: str, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = dataclasses.replace(KINDS[kind], packages=("no_such_package",))
    monkeypatch.setitem(KINDS, kind, lacking)
    message = rf"{name}: the format {kind} needs no_such_package; pip install 'netsim\[exchange\]'"
    with pytest.raises(DataError, match=message):
        export(kind, simulation, name)
    with pytest.raises(DataError, match=message):
        read_stimuli(name, SHAPE)
