"""Files that are cut short, changed, of another format or missing are refused in one line, whatever a library says."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError
from netsim.exchange import export, read_stimuli
from netsim.seams import spike_formats
from netsim.spikes import Spikes

SHAPE = (4, 5, 2)
FILES = [(to, f"spikes{suffix}") for to, known in spike_formats.items() if known.read for suffix in known.suffixes]
CHECKED = [(to, name) for to, name in FILES if not name.endswith(".csv")]  # half a CSV file is one, too


def _need(to: str) -> None:
    for package in spike_formats[to].packages:
        pytest.importorskip(
            package.partition(">")[0], reason=f"the format {to} needs {package}, of the extra 'exchange'"
        )


def _refused(name: str) -> None:
    with pytest.raises(DataError) as refused:
        read_stimuli(name, SHAPE)
    assert str(refused.value).startswith(f"{name}: ")


@pytest.mark.usefixtures("scanned_here")
@pytest.mark.parametrize(("to", "name"), CHECKED)
def test_cut_short(to: str, name: str, simulation: Spikes) -> None:
    _need(to)
    export(simulation, name, to, populations=["stimulus"])
    whole = Path(name).read_bytes()
    for part in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        Path(name).write_bytes(whole[:part])
        _refused(name)


@pytest.mark.parametrize(("to", "name"), FILES)
def test_missing_or_no_such_file(to: str, name: str) -> None:
    _need(to)
    with pytest.raises(DataError, match=f"{name}: no such file"):
        read_stimuli(name, SHAPE)
    Path(name).write_text("some text\nof two lines\n", encoding="utf-8")
    _refused(name)
    Path(name).unlink()
    Path(name).mkdir()
    _refused(name)


@pytest.mark.parametrize(("to", "name"), [("nwb", "spikes.nwb"), ("sonata", "spikes.h5")])
def test_whole_files_pass_the_check_in_a_process_of_its_own(
    to: str, name: str, simulation: Spikes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tests of HDF5 files check them in their own process, which is faster."""
    _need(to)
    export(simulation, name, to, populations=["stimulus"])
    started, run = list[object](), subprocess.run

    def run_and_note(*given: Any, **how: Any) -> Any:
        started.append(given)
        return run(*given, **how)

    monkeypatch.setattr("netsim.hdf5.subprocess.run", run_and_note)
    expected = np.isfinite(simulation["stimulus"]).sum()
    assert np.isfinite(read_stimuli(name, SHAPE).latencies).sum() == expected
    assert started


@pytest.mark.parametrize(("to", "name"), [(to, name) for to, name in FILES if to != "nwb"])
@pytest.mark.parametrize("files", [3, pytest.param(6, marks=pytest.mark.nightly)])
def test_changed_bytes_are_read_or_refused(to: str, name: str, files: int, simulation: Spikes) -> None:
    _need(to)
    export(simulation, name, to, populations=["stimulus"])
    whole = Path(name).read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(files):
        changed = bytearray(whole)
        for position in generator.integers(0, len(whole), 20):
            changed[position] = generator.integers(0, 256)
        Path(name).write_bytes(changed)
        with contextlib.suppress(DataError):
            latencies = read_stimuli(name, SHAPE).latencies
            assert latencies.shape[1:] == SHAPE
            assert (latencies >= 0).all()


@pytest.mark.parametrize(("to", "name"), FILES)
def test_a_missing_package_is_named(to: str, name: str, simulation: Spikes) -> None:
    known, module = spike_formats[to], spike_formats.origin(to).module
    spike_formats.add(to, dataclasses.replace(known, packages=("no_such_package",)), module)
    message = rf"{name}: the format {to} needs no_such_package; pip install 'netsim-snn\[exchange\]'"
    try:
        with pytest.raises(DataError, match=message):
            export(simulation, name, to)
        with pytest.raises(DataError, match=message):
            read_stimuli(name, SHAPE)
    finally:
        spike_formats.add(to, known, module)
