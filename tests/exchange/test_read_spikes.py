"""Spikes of all layers from files: the same from every format, and from a table that is read in parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from netsim.engines import make_engine
from netsim.errors import DataError, DataWarning, SpecificationError
from netsim.exchange import export, read_spikes, read_stimuli
from netsim.exchange.spikes import parquet
from netsim.presenting.present import present
from netsim.runs.model import load_model
from netsim.specification import IntensityEncoder
from netsim.spikes import Spikes

FORMATS = {"csv": "csv", "csv.gz": "csv", "parquet": "parquet", "nwb": "nwb", "h5": "sonata"}


@pytest.fixture(scope="module")
def simulation() -> Spikes:
    model = load_model("digits")
    return present(model, index=[5, 9, 2, 40, 41, 7], engine=make_engine("event", model.network))


@pytest.fixture(scope="module")
def files(simulation: Spikes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("spikes")
    paths = {suffix: folder / f"spikes.{suffix}" for suffix in FORMATS}
    for suffix, path in paths.items():
        export(simulation, path, FORMATS[suffix])
    return paths


def _dense(spikes: Spikes, layer: str, size: int) -> np.ndarray:
    result = spikes.layer(layer).dense()
    rows = result[np.argsort(spikes.indices)]
    return np.pad(rows, ((0, 0), (0, size - rows.shape[1])), constant_values=np.inf)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_spikes(suffix: str, files: dict[str, Path], simulation: Spikes) -> None:
    spikes = read_spikes(files[suffix])
    order = np.argsort(simulation.indices)
    assert sorted(spikes.indices.tolist()) == sorted(simulation.indices)
    assert spikes.labels is not None
    assert simulation.labels is not None
    np.testing.assert_array_equal(spikes.labels[np.argsort(spikes.indices)], simulation.labels[order])
    for (name, shape), latencies in zip(simulation.network.shapes.items(), simulation.values(), strict=True):
        size = int(np.prod(shape))
        np.testing.assert_allclose(_dense(spikes, name, size), latencies.reshape(6, -1)[order], atol=1e-9)
        assert spikes.complete == (suffix in ("nwb", "h5"))
        if spikes.complete:
            assert spikes.sizes[name] == size


def test_parts_of_a_table_are_put_together(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_spikes(files["parquet"])
    shuffled = pd.read_parquet(files["parquet"]).sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "shuffled.parquet")
    monkeypatch.setattr(parquet, "_ROWS", 100)
    parts = read_spikes(tmp_path / "shuffled.parquet")
    np.testing.assert_array_equal(parts.indices, whole.indices)
    np.testing.assert_array_equal(parts.labels, whole.labels)
    for name in whole.sizes:
        np.testing.assert_array_equal(parts.layer(name).dense(), whole.layer(name).dense())


def test_parquet_is_looked_through_once_and_read_when_spikes_are_asked_for(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    read = parquet._parts

    def parts_of(path: Path) -> parquet.PartsOf:
        columns, parts = read(path)

        def some(names: list[str]) -> Iterator[Any]:
            asked.append(names)
            return parts(names)

        return columns, some

    from netsim.exchange.spikes._columns import read_columns

    spikes = read_columns(files["parquet"], parts_of)
    assert asked == [["label", "layer", "presentation", "neuron", "latency_ms"]]  # no places
    spikes.layer("output")
    assert asked[1:] == [["layer", "presentation", "neuron", "latency_ms"]]
    assert {part.name for _, part in spikes.parts()} == set(spikes.sizes)  # all layers at once
    assert len(asked) == 3


def test_a_plain_table_without_layers_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("presentation,y,x,latency_ms\n3,0,1,2.5\n3,0,1,1.5\n3,1,0,inf\n8,1,1,4\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not identify the neurons"):
        read_spikes(_renamed(path, "x", "column"))
    path.write_text(
        "presentation,y,x,channel,latency_ms\n3,0,1,0,2.5\n3,0,1,0,1.5\n3,1,0,0,inf\n8,1,1,0,4\n", encoding="utf-8"
    )
    spikes = read_spikes(path)
    assert (spikes.labels, spikes.indices.tolist(), dict(spikes.sizes)) == (None, [3, 8], {"spikes": 4})
    with pytest.warns(DataWarning, match="1 of 3 spikes of spikes are not the first"):
        layer = spikes.layer("spikes")
    np.testing.assert_array_equal(layer.dense(), [[np.inf, 1.5, np.inf, np.inf], [np.inf] * 3 + [4]])


@pytest.mark.parametrize(
    ("neuron", "latency", "message"),
    [
        (5000, 2.5, r"hidden has the neurons 0 to 5,000, but only 2 spikes; if the numbers are identifiers"),
        (1, 0.0025, r"all latencies are below 1 ms; latencies are in ms, so multiply seconds by 1000"),
    ],
)
def test_likely_mistakes_of_a_table_are_noticed(neuron: int, latency: float, message: str, tmp_path: Path) -> None:
    row = f",hidden,{neuron},{latency}\n"
    (tmp_path / "own.csv").write_text(f"presentation,layer,neuron,latency_ms\n0{row}1{row}", encoding="utf-8")
    with pytest.warns(DataWarning, match=message):
        read_spikes(tmp_path / "own.csv")


def test_a_stimulus_in_seconds_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("presentation,neuron,latency_ms\n0,1,0.0025\n", encoding="utf-8")
    read = read_stimuli(tmp_path / "own.csv", (1, 1, 2))
    with pytest.warns(DataWarning, match="all latencies are below 1 ms"):
        read.stimuli(IntensityEncoder((1, 1, 2), t_max=16.0))
    read.stimuli(IntensityEncoder((1, 1, 2), t_max=1.0))


def test_spikes_that_are_left_out_of_nwb_are_counted(tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb", reason="needs pynwb, of the extra exchange")
    file = pynwb.NWBFile("a recording", "id", datetime.now(UTC))
    starts = 0.1 * np.arange(10)
    for start in starts:
        file.add_trial(start_time=start, stop_time=start + 0.1)
    file.add_unit(spike_times=[*(number / 10 for number in range(10)), 0.95, 5.0, 6.0])
    with pynwb.NWBHDF5IO(tmp_path / "session.nwb", "w") as stream:
        stream.write(file)
    with pytest.warns(DataWarning, match="1 of 13 spikes are not the first .*; 2 of 13 spikes are in no presentation"):
        spikes = read_spikes(tmp_path / "session.nwb")
    assert (spikes["units"] == 0).all()  # rounding moves no spike to the trial before


@pytest.mark.parametrize(
    ("columns", "row", "message"),
    [
        ("neuron", "", "neuron is missing in row 2 below the heading"),
        ("neuron,y,x,channel", ",0,1,0", "neuron is missing in row 2"),
        ("y,x,channel", "0,,1", "x is missing in row 2"),
        ("y,x,channel", ",1,", "(y|channel) is missing in row 2"),
        ("y,x,channel", ",,", "y is missing in row 2"),
    ],
)
def test_a_spike_says_which_neuron_fired(columns: str, row: str, message: str, tmp_path: Path) -> None:
    path, filled = tmp_path / "own.csv", ",".join("1" for _ in columns.split(","))
    head = f"presentation,{columns},latency_ms\n0,{filled},5\n"
    path.write_text(f"{head}0,{row},2\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"own.csv: {message}"):
        read_spikes(path)
    if "neuron" in columns:
        with pytest.raises(DataError, match=f"own.csv: {message}"):
            read_stimuli(path, (2, 2, 2))
    path.write_text(f"{head}1,{row},inf\n", encoding="utf-8")  # no spike
    assert np.diff(read_spikes(path).layer("spikes").starts).tolist() == [1, 0]


def test_layers_without_places_have_channels(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    rows = "0,maps,1,0,,2\n0,maps,0,1,,3\n0,dense,,,4,5\n"
    path.write_text(f"presentation,layer,y,x,channel,latency_ms\n{rows}", encoding="utf-8")
    spikes = read_spikes(path)
    assert dict(spikes.sizes) == {"maps": 4, "dense": 5}
    assert [spikes.layer(name).neurons.tolist() for name in spikes.sizes] == [[1, 2], [4]]


def _renamed(path: Path, old: str, new: str) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace(f",{old},", f",{new},", 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "presentation,label,neuron,latency_ms\n0,1,1,2\n1,,2,2\n",
            "label is missing in row 2 below the heading; give it",
        ),
        ("presentation,layer,neuron,latency_ms\n0,a,1,3\n1,,2,4\n", "layer is missing in row 2 below the heading"),
        ("presentation,neuron,latency_ms\n0,1,3,9\n1,2,4,9\n", "rows have more values than the heading has columns"),
        ("presentation;neuron;latency_ms\n0;1;2\n", "columns that other marks than commas separate; separate them by"),
        ("presentation,neuron\n0,1\n", "lacks the column latency_ms"),
        ("presentation,neuron,latency_ms\n0,1,x\n", "latency_ms is not a number"),
        ("presentation,neuron,latency_ms\n0,1,-2\n", "negative times"),
        ("presentation,neuron,latency_ms\n0,-1,2\n", "neuron must be 0 or more"),
        ("presentation,neuron,latency_ms\n0,0.5,2\n", "neuron must contain integers"),
        ("presentation,label,neuron,latency_ms\n0,1,1,2\n0,2,2,2\n", "several labels in one presentation"),
        ("presentation,neuron,latency_ms\n", "has no presentations"),
        ("presentation,neuron,latency_ms\n0,2147483648,2\n", "spikes has 2,147,483,649 .* at most 2,147,483,648"),
        ("presentation,y,x,channel,latency_ms\n0,2097151,2097151,2097151,2\n", "spikes has 9,223,372,036,854,775,808"),
    ],
)
def test_a_damaged_table_is_refused(rows: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(read_spikes(path).layers())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2**31 + 1,), "mine has 2,147,483,649 neurons"),
        ((-3,), "mine has -3 neurons"),
        ((2.5,), "must contain integers"),
    ],
)
def test_neurons_of_sonata_can_be_numbered(shape: tuple[float], message: str) -> None:
    with h5py.File("spikes.h5", "w") as file:
        group = file.create_group("spikes/mine")
        group["node_ids"], group["timestamps"] = np.empty(0, np.uint64), np.empty(0)
        group.attrs["shape"] = shape
    with pytest.raises(DataError, match=message):
        read_spikes("spikes.h5")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match=r"path: must be a path, .* not int"):
        read_spikes(3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no such file"):
        read_spikes(tmp_path / "nosuch.nwb")
    with pytest.raises(DataError, match=r"cannot read spikes of the format neo; use a file that ends in \.nwb"):
        read_spikes(tmp_path / "spikes.mat")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="cannot be read as a table of spikes"):
        read_spikes(tmp_path / "broken.parquet")


def test_labels_may_be_words(tmp_path: Path) -> None:
    path = tmp_path / "spikes.csv"
    path.write_text("presentation,label,neuron,latency_ms\n4,go,0,1\n4,go,1,1\n7,stop,0,1\n8,go,0,3\n")
    spikes = read_spikes(path)
    assert (spikes.require_labels().tolist(), tuple(spikes.classes)) == ([0, 1, 0], ("go", "stop"))


def test_words_and_numbers_in_other_parts_of_a_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "spikes.csv"
    rows = [f"{number},{'a' if number < 150_000 else 3},0,1" for number in range(300_000)]
    path.write_text("\n".join(["presentation,label,neuron,latency_ms", *rows]))
    with pytest.raises(DataError, match=r"label is not a number|has words and numbers as labels"):
        read_spikes(path)


@pytest.mark.parametrize("ordered", [True, False])
def test_later_spikes_of_a_neuron_are_noted(ordered: bool, tmp_path: Path) -> None:
    path = tmp_path / "spikes.csv"
    rows = ["0,2,5.0", "0,2,4.0", "1,2,3.0", "1,0,3.0", "1,2,9.0"]
    rows = rows if ordered else rows[::-1]
    path.write_text("\n".join(["presentation,neuron,latency_ms", *rows]))
    noted = "2 of 5 spikes of spikes are not the first of their neuron in a presentation, and are left out"
    with pytest.warns(DataWarning, match=noted):
        latencies = read_spikes(path)["spikes"]
    assert latencies[:, 2].tolist() == [4.0, 3.0]
    with pytest.warns(DataWarning, match=noted):
        list(read_spikes(path).parts())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    "classes", [("yin", "yang", "dot"), ("1", "2", "3"), ("None", "left", "right"), ("a", "b", "c"), ("+", "-", "0 ")]
)
def test_labels_keep_their_numbers(classes: tuple[str, ...], suffix: str, tmp_path: Path) -> None:
    """Names are written only if they are numbered in the same way when they are read."""
    model = load_model("yin-yang")
    spikes = dataclasses.replace(present(model, index=range(20)), classes=classes)
    export(spikes, tmp_path / f"spikes.{suffix}")
    found = read_spikes(tmp_path / f"spikes.{suffix}")
    assert spikes.labels is not None
    assert found.labels is not None
    assert found.labels.tolist() == spikes.labels.tolist()
    assert found.classes == (classes if classes == ("a", "b", "c") else ())


def test_layers_have_the_order_of_the_fullest_presentation(tmp_path: Path) -> None:
    table = present("digits", index=range(4)).table()
    early = (table["presentation"] == 0) & (table["layer"] == "hidden")
    table[~early].to_csv(tmp_path / "spikes.csv", index=False)
    found = read_spikes(tmp_path / "spikes.csv")
    assert list(found) == ["stimulus", "hidden", "output"]
    expected = table.loc[(table["layer"] == "hidden") & ~early, "latency_ms"]
    np.testing.assert_array_equal(np.sort(found.layer("hidden").latencies), np.sort(expected))
