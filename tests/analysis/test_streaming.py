"""Analyses of a Parquet file that is read in parts say what those of all spikes in memory say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from netsim.analysis import analyse
from netsim.errors import DataError
from netsim.exchange import read_spikes
from netsim.seams import analyses
from netsim.spikes import LayerSpikes, Spikes

SIZES = {"stimulus": 9, "hidden": 20, "output": 4}
COUNT = 36
ORDERS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as exported": lambda table: table.sort_values(["presentation", "layer", "latency_ms"]),
    "layer by layer": lambda table: table.sort_values(["layer", "presentation", "neuron"]),
    "mixed": lambda table: table.sample(frac=1.0, random_state=3),
    "one layer mixed": lambda table: pd.concat(
        [table[table["layer"] != "hidden"], table[table["layer"] == "hidden"].sample(frac=1.0, random_state=3)]
    ),
}
FOLDING = ["comparison", "psth", "selectivity", "sparseness", "strength"]


@pytest.fixture
def spikes() -> Spikes:
    generator = np.random.default_rng(6)
    labels = np.arange(COUNT) % 3
    layers = []
    for position, (name, size) in enumerate(SIZES.items()):
        mean = 10.0 * position + 4 * generator.random((3, size))[labels]
        times = np.round(generator.normal(mean, 1.5).clip(0), 2)
        times[generator.random(times.shape) < 0.3] = np.inf
        times[:, -1] = mean[:, -1]  # a table omits neurons above the last that fires
        times[17:21] = np.inf if name == "hidden" else times[17:21]
        layers.append(LayerSpikes.of_latencies(name, times))
    return Spikes.of_layers(layers, labels, 100 + np.arange(COUNT))


def _write(path: Path, spikes: Spikes, order: Callable[[pd.DataFrame], pd.DataFrame], twice: bool = False) -> None:
    assert spikes.labels is not None
    tables = []
    for layer in spikes.layers():
        columns = {"presentation": spikes.indices[layer.rows], "label": spikes.labels[layer.rows], "layer": layer.name}
        tables.append(pd.DataFrame(columns | {"neuron": layer.neurons, "latency_ms": layer.latencies}))
    table = pd.concat(tables)
    table["layer"] = pd.Categorical(table["layer"], list(SIZES), ordered=True)
    if twice:  # later spikes, which do not count
        table = pd.concat([table, table.assign(latency_ms=table["latency_ms"].clip(upper=29.0))])
    packed = pa.Table.from_pandas(order(table), preserve_index=False)
    pyarrow.parquet.write_table(packed, path, row_group_size=110)


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.exchange.spikes.parquet._ROWS", 70)
    monkeypatch.setattr("netsim.spikes.columns._PART", 50)
    monkeypatch.setattr("netsim.spikes.columns._MOST_GROUPS", 7)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize(
    "order", [pytest.param(order, marks=[] if order == "mixed" else pytest.mark.nightly) for order in ORDERS]
)
def test_all_analyses_find_the_same_in_a_file(spikes: Spikes, order: str) -> None:
    _write(Path("spikes.parquet"), spikes, ORDERS[order])
    read = read_spikes("spikes.parquet")
    pd.testing.assert_series_equal(pd.Series(read.sizes), pd.Series(spikes.sizes))
    np.testing.assert_array_equal(read.indices, spikes.indices)
    for name, entry in analyses.items():
        if entry.takes("model"):
            continue
        small: dict[str, Any] = {"shuffles": 20} if "shuffles" in entry.settings else {}
        other = read.pick(np.arange(read.presentations)) if entry.needs_other else None
        expected = analyse(spikes, name, spikes if entry.needs_other else None, **small).table
        result = analyse(read, name, other, **small).table
        pd.testing.assert_frame_equal(result, expected, rtol=1e-9, atol=1e-12, obj=name)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize("name", FOLDING)
def test_what_folds_over_presentations_loads_no_layer(spikes: Spikes, name: str) -> None:
    def refuse(layer: str) -> LayerSpikes:
        raise AssertionError(f"all of {layer} was read")

    _write(Path("spikes.parquet"), spikes, ORDERS["as exported"])
    read = replace(read_spikes("spikes.parquet"), load=refuse)
    assert max(len(part.latencies) for _, part in read.parts()) < 110
    assert len(analyse(read, name, read if name == "comparison" else None).table)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize("order", ORDERS)
def test_parts_are_cut_as_layers_are(spikes: Spikes, order: str) -> None:
    _write(Path("spikes.parquet"), spikes, ORDERS[order])
    for chosen in (np.array([3, 18, 20, 35]), np.array([30, 3, 19])):
        cut, expected = read_spikes("spikes.parquet").pick(chosen), spikes.pick(chosen)
        counts = {name: np.zeros(len(chosen), int) for name in SIZES}
        for first, part in cut.parts():
            counts[part.name][first : first + part.presentations] += part.counts
        for name in SIZES:
            np.testing.assert_array_equal(cut.layer(name).dense(), expected.layer(name).dense())
            np.testing.assert_array_equal(counts[name], expected.layer(name).counts)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize("order", ORDERS)
def test_of_several_spikes_in_a_file_the_first_counts(spikes: Spikes, order: str) -> None:
    _write(Path("twice.parquet"), spikes, ORDERS[order], twice=True)
    for name, layer in zip(SIZES, read_spikes("twice.parquet").layers(), strict=True):
        assert layer.name == name
        expected = spikes.layer(name).dense()
        np.testing.assert_array_equal(layer.dense(), np.where(np.isfinite(expected), expected.clip(max=29.0), np.inf))


@pytest.mark.usefixtures("_small_parts")
def test_progress_is_that_of_rows(spikes: Spikes) -> None:
    _write(Path("spikes.parquet"), spikes, ORDERS["as exported"])
    messages: list[tuple[int, int]] = []
    analyse(read_spikes("spikes.parquet"), "psth", progress=lambda done, of: messages.append((done, of)))
    rows = pyarrow.parquet.ParquetFile("spikes.parquet").metadata.num_rows
    assert messages == sorted(messages)
    assert len(messages) > rows / 110
    assert messages[0] == (0, rows)
    assert messages[-1] == (rows, rows)


@pytest.mark.usefixtures("_small_parts")
def test_a_label_that_changes_later_in_the_file_is_refused(spikes: Spikes) -> None:
    _write(Path("spikes.parquet"), spikes, ORDERS["as exported"])
    table = pd.read_parquet("spikes.parquet")
    again = table[table["presentation"] == 100].assign(label=2)
    pd.concat([table, again]).to_parquet("spikes.parquet")
    with pytest.raises(DataError, match="several labels in one presentation"):
        read_spikes("spikes.parquet")


@pytest.mark.parametrize("chosen", [[-1], [0, 0, -2], np.arange(COUNT) % 7 == 3], ids=["negative", "twice", "mask"])
def test_presentations_of_a_file_are_picked_as_those_in_memory(spikes: Spikes, chosen: Any) -> None:
    _write(Path("spikes.parquet"), spikes, ORDERS["as exported"])
    cut, expected = read_spikes("spikes.parquet").pick(chosen), spikes.pick(chosen)
    np.testing.assert_array_equal(cut.indices, spikes.indices[chosen])
    for name in SIZES:
        np.testing.assert_array_equal(cut.layer(name).dense(), expected.layer(name).dense())
        np.testing.assert_array_equal(cut.layer(name).dense(), spikes.layer(name).dense()[chosen])
