"""Specifications, plans and records that were made to do harm are read or refused in one line."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsim.data.loading import load_dataset
from netsim.engines import Batch, make_engine
from netsim.errors import DataError, NetsimError, RunError, SpecificationError, one_line
from netsim.models.presets import load_preset, preset_names
from netsim.runs.folder import create_run
from netsim.runs.model import load_model
from netsim.specification import PSP
from netsim.specification.toml import dumps_network, network_from_dict, network_to_dict, read_network, read_toml
from netsim.sweeps.plan import plan_from_dict, read_plan
from netsim.weights.initial import initial_weights

ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TABLES = [network_to_dict(load_preset(name)) for name in preset_names()]

_words = st.sampled_from(
    ["", "free", "dense", "pooling", "a\nb", "\x1b[2J", "../x", "~nobody/x", "a\x00b", "tonic:..", "x" * 300]
)
_numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, -1, 2**31, 10**12]), st.floats(), st.booleans()
)
_leaves = st.one_of(_words, _numbers, st.just(datetime.date(1, 1, 1)))
_values = st.recursive(
    _leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_words, inner, max_size=3)),
    max_leaves=6,
)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Containers and keys of all values."""
    pairs = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
    inner = [container for _, value in pairs if isinstance(value, dict | list) for container in _places(value)]
    return [(tree, key) for key, _ in pairs] + inner


@st.composite
def changed_tables(draw: st.DrawFn) -> dict[str, Any]:
    """The table of a preset with one to three other values."""
    table: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(TABLES))))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(_places(table)))
        container[key] = draw(_values)
    return table


@ANY
@given(changed_tables())
def test_any_value_is_read_or_refused(tmp_path: Path, table: dict[str, Any]) -> None:
    path = tmp_path / "network.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    said = ""
    try:
        network = read_network(path)
    except SpecificationError as error:
        said = str(error)
    if said:
        assert said.startswith(f"{path}: ")
        assert said.isprintable()
        return
    assert network_from_dict(read_toml(path)) == network
    path.write_text(dumps_network(network), encoding="utf-8")
    assert read_network(path) == network
    assert re.fullmatch(r"[\w.-]+", network.name)
    assert (tmp_path / network.name).resolve().parent == tmp_path


@ANY
@given(
    st.dictionaries(st.sampled_from(["base", "seeds", "limit", "overrides", "grid", "random", "x"]), _values), _values
)
def test_any_plan_is_read_or_refused(table: dict[str, Any], value: Any) -> None:
    for plan in (table, table | {"base": "digits"}, {"base": "digits", "grid": {"learning.rate": value}}):
        try:
            runs = plan_from_dict(plan, Path()).runs
        except NetsimError:
            continue
        assert len({(run.network, run.seed) for run in runs}) == len(runs)


def _small(name: str = "x", size: int = 1, side: int = 1) -> str:
    """A specification of one layer."""
    return (
        f'name = "{name}"\nduration = 1.0\nencoder = {{ shape = [{side}, {side}, 1], t_max = 1.0 }}\n'
        f'layers = [{{ rule = "dense", name = "a", size = {size} }}]'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("duration = " + "1" * 5000, "is not TOML"),
        ("duration = 0x" + "f" * 5000, "more than 64 bits"),
        ("duration = 9223372036854775808", "more than 64 bits"),
        ("duration = " + "[" * 100_000, "is not TOML"),
        ("a." * 100 + "b = 1", "nested deeper"),
        ("a." * 100_000 + "b = 1", "more than 100 dots"),
        ("x = { " + "'.'." * 50_000 + "b = 1 }", "more than 100 dots"),
        ("a = " + "[" * 50 + "]" * 50, "nested deeper"),
        ('name = "a"\n' * 2, "is not TOML"),
        ("x = 1\n" + "#" * 1_000_000, "is larger than 1000000 bytes"),
        ("\x00", "is not TOML"),
        ('[[layers]]\nname = "a\\nb\\u001b[2J"\nrule = []', r"layers.a b\x1b[2J.rule: must be one of"),
        ("layers = [{rule = {a = 1}}]", "rule: must be one of"),
        (_small(name="../../x"), "folders are called by it, not '../../x'"),
        (_small(size=10**10), "at most 2,147,483,648 of each"),
        (_small(side=10**6), "encoder.shape: has more than"),
    ],
)
def test_traps(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecificationError) as refused:
        read_network(path)
    assert words in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 2100
    with pytest.raises(SpecificationError):
        read_plan(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "pipe.toml", Path("/dev/zero")):
        with pytest.raises(SpecificationError, match="not a regular file"):
            read_network(path)


@pytest.mark.parametrize("name", ["~no-such-user/images", "a\x00b", "x" * 5000, "\n", "", "/", "../.."])
def test_folders_that_no_data_lies_in(name: str) -> None:
    for name_or_path, folder in ((name, None), ("mnist", name)):
        with pytest.raises(DataError):
            load_dataset(name_or_path, folder)
    with pytest.raises(NetsimError):
        load_model(name)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": True}, {"seed": -1}, {"seed": 1.5}, {"limit": "x"}, {"limit": []}, {"limit": -3},
        {"data_dir": 3}, {"data_dir": ["a"]}, {"command": "netsim"}, {"command": [1]}, {"command": {}},
    ],
)  # fmt: skip
def test_records_that_no_run_writes(change: dict[str, Any], tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", load_preset("digits"), {"seed": 0, "command": ["netsim"]})
    run.write_json("run.json", run.record() | change)
    with pytest.raises(RunError, match=f"run.json: is not the record of a run .*{next(iter(change))}"):
        run.record()


@given(st.text())
def test_errors_are_one_line(text: str) -> None:
    said = str(NetsimError(text))
    assert said == one_line(text)
    assert said.isprintable()
    assert len(said) <= 2010
    said.encode("utf-8")


def test_a_long_error_is_cut() -> None:
    assert len(one_line("ä" * 10**7)) == 2002


def test_steps_and_delays_out_of_all_measure() -> None:
    """A queue for the spikes of 10^300 ms, or a clock of 10^-300 ms, would not fit into any memory."""
    network = load_preset("digits")
    with pytest.raises(SpecificationError, match=r"training.dt: 1e-300 ms cuts a presentation into more than"):
        dataclasses.replace(network, training=dataclasses.replace(network.training, dt=1e-300))
    for engine in ("event", "brian2"):
        with pytest.raises(SpecificationError, match="dt: 1e-300 ms cuts a presentation into more than"):
            make_engine(engine, network, 1e-300)
    hidden, output = network.projections
    late = PSP("breakpoints", breakpoints=((0.0, 1.0), (1e6, -1.0), (1e300, 2.0)))
    changed = dataclasses.replace(network, projections=(dataclasses.replace(hidden, psp=late), output))
    batch = Batch(np.arange(64.0).reshape(1, 8, 8, 1) / 4, initial_weights(network, 0))
    expected = make_engine("event", network, 1.0).present(batch)
    for engine in ("event", "brian2"):
        spikes = make_engine(engine, changed, 1.0).present(batch)
        assert list(spikes) == list(expected)
        for name, latencies in spikes.items():
            np.testing.assert_array_equal(latencies, expected[name])
