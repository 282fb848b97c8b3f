"""Tables and HDF5 files that were made to do harm are refused before they take memory, and reach no other file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.errors import DataError
from netsim.exchange import import_network, read_stimuli

SHAPE = (2, 3, 1)


def _refused(name: str, words: str) -> None:
    with pytest.raises(DataError) as refused:
        (import_network if name.endswith(".nir") else lambda path: read_stimuli(path, SHAPE))(name)
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"{name}: ")


def test_a_zipped_table_of_many_times_its_size() -> None:
    with gzip.open("spikes.csv.gz", "wb", compresslevel=1) as stream:
        stream.write(b"presentation,latency_ms,neuron\n")
        for _ in range(300):
            stream.write(b"0,1.0,0\n" * 2**17)
    _refused("spikes.csv.gz", "promises")


def test_a_parquet_table_of_many_times_its_size() -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    columns = {name: np.zeros(2 * 10**7, np.int8) for name in ("presentation", "latency_ms", "neuron")}
    pd.DataFrame(columns).to_parquet("spikes.parquet")
    assert Path("spikes.parquet").stat().st_size < 2**20
    _refused("spikes.parquet", "promises")


def test_a_table_of_few_spikes_in_many_presentations() -> None:
    """A line a presentation, for a layer of many neurons."""
    rows = "".join(f"{n},1,0\n" for n in range(20_000))
    Path("spikes.csv").write_text(f"presentation,latency_ms,neuron\n{rows}", encoding="utf-8")
    message = r"has 20,000 presentations of \(200, 200, 1\); choose fewer, at most 536,870,912"
    with pytest.raises(DataError, match=message):
        read_stimuli("spikes.csv", (200, 200, 1))


def _sonata(fill: Callable[[Any], None]) -> None:
    """A SONATA file of one spike, with something more in it."""
    h5py = pytest.importorskip("h5py", reason="SONATA needs h5py")
    with h5py.File("spikes.h5", "w") as file:
        group = file.create_group("spikes/stimulus")
        group["node_ids"] = np.zeros(1, np.uint64)
        group["timestamps"] = np.ones(1)
        fill(file)


def test_a_file_of_one_spike() -> None:
    _sonata(lambda file: None)
    assert np.isfinite(read_stimuli("spikes.h5", SHAPE).latencies).sum() == 1


def test_nothing_outside_the_file_is_read() -> None:
    h5py = pytest.importorskip("h5py", reason="SONATA needs h5py")
    Path("secret").write_bytes(bytes(8))
    with h5py.File("other.h5", "w") as file:
        file["node_ids"] = np.zeros(1, np.uint64)

    def link(file: Any) -> None:
        file["spikes/stimulus/more"] = h5py.ExternalLink("other.h5", "node_ids")

    def external(file: Any) -> None:
        file.create_dataset("spikes/stimulus/more", (1,), "f8", external=[("secret", 0, 8)])

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout((1,), np.uint64)
        layout[:] = h5py.VirtualSource("other.h5", "node_ids", (1,))
        file.create_virtual_dataset("spikes/stimulus/more", layout)

    linked = {link: "is a link to another file, other.h5", external: "other files", virtual: "other files"}
    for fill, words in linked.items():
        _sonata(fill)
        _refused("spikes.h5", words)


def test_a_group_within_itself_is_not_followed_for_ever() -> None:
    def circle(file: Any) -> None:
        file["spikes/stimulus/again"] = file["spikes"]

    _sonata(circle)
    _refused("spikes.h5", "occurs twice in the file")


@pytest.mark.parametrize("name", ["spikes.h5", "spikes.nwb", "network.nir"])
def test_content_that_is_not_there(name: str) -> None:
    def promise(file: Any) -> None:
        file.create_dataset("spikes/stimulus/more", (10**6, 10**6), "f8", chunks=(1000, 1000))

    _sonata(promise)
    Path("spikes.h5").rename(name)
    _refused(name, "promises 8000000000")


def test_one_array_under_many_names() -> None:
    def repeat(file: Any) -> None:
        file["a"] = np.zeros(10**6)
        for number in range(400):
            file[f"link{number}"] = file["a"]

    _sonata(repeat)
    _refused("spikes.h5", "promises")


def test_what_lies_in_the_folder_is_not_run() -> None:
    """HDF5 files are read by another process, in the folder where netsim is called."""
    for module in ("h5py", "numpy", "netsim", "contextlib", "sitecustomize"):
        Path(f"{module}.py").write_text("open('ran', 'w')\n", encoding="utf-8")
    _sonata(lambda file: None)
    read_stimuli("spikes.h5", SHAPE)
    assert not Path("ran").exists()
