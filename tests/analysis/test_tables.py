"""Tidy tables hold every spike and every sample, once, in order."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.analysis import potential_table, spike_table, write_table
from netsim.engines import Latencies, Potential
from netsim.errors import DataError, RunError
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Pooling

COLUMNS = ["presentation", "label", "layer", "channel", "y", "x", "neuron", "latency_ms"]


def restored(frame: pd.DataFrame, network: Network, indices: np.ndarray) -> Latencies:
    """The latencies of a table, by its coordinates."""
    arrays = Latencies({name: np.full((len(indices), *shape), np.inf) for name, shape in network.shapes.items()})
    row = {index: position for position, index in enumerate(indices)}
    for spike in frame.itertuples():
        layer = str(spike.layer)
        index = (spike.channel,) if spike.y is pd.NA else (spike.y, spike.x, spike.channel)
        assert np.isinf(arrays[layer][(row[spike.presentation], *index)])
        arrays[layer][(row[spike.presentation], *index)] = spike.latency_ms
    return arrays


def test_the_table_has_its_columns_and_types(network: Network, latencies: Latencies) -> None:
    frame = spike_table(network, latencies, labels=[0, 3, 1, 2, 0])
    assert frame.columns.tolist() == COLUMNS
    types = [str(kind) for kind in frame.dtypes]
    assert types == ["int64", "Int64", "category", "int32", "Int32", "Int32", "int32", "float64"]
    assert frame["layer"].cat.categories.tolist() == ["stimulus", "conv", "pool", "hidden", "output"]
    assert frame["layer"].cat.ordered
    assert len(frame) == sum(np.isfinite(layer).sum() for layer in latencies.values())
    assert frame.groupby("presentation")["label"].first().tolist() == [0, 3, 1, 2, 0]


def test_the_table_gives_the_latencies_back(network: Network, latencies: Latencies) -> None:
    indices = np.array([40, 7, 12, 3, 99])
    frame = spike_table(network, latencies, indices=indices)
    back = restored(frame, network, indices)
    for name, original in latencies.items():
        np.testing.assert_array_equal(back[name], original)
    assert frame["label"].isna().all()


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_rows_are_sorted_and_numbered_as_the_synapses_are(data: st.DataObject) -> None:
    sides = data.draw(st.tuples(st.integers(2, 5), st.integers(2, 5), st.integers(1, 3)))
    network = Network.chain(
        "drawn",
        IntensityEncoder(sides, 8.0),
        (Layer("conv", Convolution(2, 1)), Layer("pool", Pooling(2)), Layer("out", Dense(3))),
        16.0,
    )
    generator = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    count = data.draw(st.integers(0, 4))
    # few different times, so that some neurons fire together
    latencies = {
        name: np.where(generator.random((count, *shape)) < 0.6, generator.integers(0, 4, (count, *shape)), np.inf)
        for name, shape in network.shapes.items()
    }
    indices = generator.permutation(count) + 3
    frame = spike_table(network, latencies, labels=indices % 3, indices=indices)
    order = frame.assign(layer=frame["layer"].cat.codes)[["presentation", "layer", "latency_ms", "neuron"]]
    pd.testing.assert_frame_equal(order, order.sort_values(order.columns.tolist()))
    assert (frame["label"] == frame["presentation"] % 3).all()
    back = restored(frame, network, indices)
    for name, original in latencies.items():
        np.testing.assert_array_equal(back[name], original)
    for name, shape in network.shapes.items():
        layer = frame[frame["layer"] == name]
        if len(shape) == 3:
            numbers = (layer["y"] * shape[1] + layer["x"]) * shape[2] + layer["channel"]
        else:
            numbers = layer["channel"]
        assert (numbers == layer["neuron"]).all()


def test_nothing_fires_and_nobody_is_listed(network: Network) -> None:
    silent = {name: np.full((2, *shape), np.inf) for name, shape in network.shapes.items()}
    frame = spike_table(network, silent)
    assert frame.columns.tolist() == COLUMNS
    assert frame.empty


def test_single_precision_is_taken_as_it_is(network: Network, latencies: Latencies) -> None:
    single = {name: layer.astype(np.float32) for name, layer in latencies.items()}
    frame = spike_table(network, single)
    assert frame["latency_ms"].dtype == np.float64
    assert set(frame["latency_ms"]) <= {float(time) for layer in single.values() for time in layer[np.isfinite(layer)]}


def test_latencies_of_another_network_are_refused(network: Network, latencies: Latencies) -> None:
    some = {name: times for name, times in latencies.items() if name != "stimulus"}
    with pytest.raises(DataError, match=r"are of conv, pool, hidden, output, but stimulus, conv, .* are needed"):
        spike_table(network, some)
    with pytest.raises(DataError, match=r"latencies of conv: have shape \(5, 4, 4, 3\), but \(5, 4, 3, 3\) is needed"):
        spike_table(network, latencies | {"conv": np.zeros((5, 4, 4, 3))})
    with pytest.raises(DataError, match="latencies of output: have shape"):
        spike_table(network, latencies | {"output": latencies["output"][:4]})
    latencies["hidden"][0, 0] = np.nan
    with pytest.raises(DataError, match="latencies of hidden: contain NaN"):
        spike_table(network, latencies)


def test_labels_and_indices_must_fit(network: Network, latencies: Latencies) -> None:
    with pytest.raises(DataError, match="labels: must be 5 integers, one per presentation"):
        spike_table(network, latencies, labels=[1, 2])
    with pytest.raises(DataError, match="indices: must be 5 integers"):
        spike_table(network, latencies, indices=np.arange(5.0))
    with pytest.raises(DataError, match="indices: contain a number twice"):
        spike_table(network, latencies, indices=[1, 2, 3, 4, 1])


@pytest.mark.parametrize("name", ["spikes.csv", "spikes.csv.gz"])
def test_csv_gives_the_same_numbers(network: Network, latencies: Latencies, tmp_path: Path, name: str) -> None:
    frame = spike_table(network, latencies, labels=[0, 3, 1, 2, 0])
    write_table(frame, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    write_table(frame, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [name]
    text = gzip.decompress(first).decode() if name.endswith(".gz") else first.decode()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert text.splitlines()[-1].split(",")[4:6] == ["", ""]
    types = {column: kind for column, kind in frame.dtypes.items() if column != "latency_ms"}
    back = pd.read_csv(tmp_path / name, dtype=types, converters={"latency_ms": float})
    pd.testing.assert_frame_equal(back, frame)


def test_a_table_needs_its_folder(network: Network, latencies: Latencies, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere"):
        write_table(spike_table(network, latencies), tmp_path / "nowhere" / "spikes.csv")


def test_potentials_become_rows() -> None:
    potentials = [
        Potential(0, "hidden", 3, np.array([0.0, 1.0, 4.0]), np.array([0.0, 0.5, 2.0])),
        Potential(1, "output", 0, np.array([0.0, 2.0]), np.array([0.0, -1.0])),
    ]
    frame = potential_table(potentials, indices=[8, 5])
    assert frame.columns.tolist() == ["presentation", "layer", "neuron", "time_ms", "potential"]
    assert frame.values.tolist() == [
        [8, "hidden", 3, 0.0, 0.0],
        [8, "hidden", 3, 1.0, 0.5],
        [8, "hidden", 3, 4.0, 2.0],
        [5, "output", 0, 0.0, 0.0],
        [5, "output", 0, 2.0, -1.0],
    ]
    assert potential_table(potentials)["presentation"].tolist() == [0, 0, 0, 1, 1]
    assert potential_table([]).empty
    with pytest.raises(DataError, match="1 given, but presentation 1 was recorded"):
        potential_table(potentials, indices=[8])


def test_other_suffixes_are_refused(network: Network, latencies: Latencies, tmp_path: Path) -> None:
    for name in ("spikes.xlsx", "spikes", "spikes.gz"):
        with pytest.raises(DataError, match=r"saved as \.csv, \.csv\.gz or \.parquet"):
            write_table(spike_table(network, latencies), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_parquet_keeps_numbers_and_types(network: Network, latencies: Latencies, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow, the extra 'parquet'")
    frame = spike_table(network, latencies, labels=[0, 3, 1, 2, 0])
    write_table(frame, tmp_path / "spikes.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "spikes.parquet"), frame)


def test_parquet_without_pyarrow_says_what_to_install(
    network: Network, latencies: Latencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match="needs the package pyarrow; pip install pyarrow") as error:
        write_table(spike_table(network, latencies), tmp_path / "spikes.parquet")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
