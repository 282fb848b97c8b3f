"""Readers of stimuli and arrays: IDX, data sets of one's own, recordings of events and what is kept of them."""

from __future__ import annotations

import json
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import netsim
from fuzzing.reader import Parts, Reader, archive_of, content_of, gzipped, members, stored, zipped
from netsim.data.events import EVENT_TYPE
from netsim.data.idx import read_idx
from netsim.data.recordings import convert_once
from netsim.data.source import ignore_progress
from netsim.files import read_arrays


def _arrays() -> list[Parts]:
    generator = np.random.default_rng(0)
    arrays = {"a": generator.normal(size=(3, 4)), "b": np.array("größe"), "c": np.zeros((2, 0), np.float32)}
    return [archive_of(arrays), archive_of({"b": arrays["b"]})]


def _read_arrays(path: Path) -> None:
    assert all(array.dtype.kind != "O" for array in read_arrays(path).values())


def _bytes(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _idx(array: np.ndarray) -> bytes:
    return content_of(partial(netsim.write_idx, array=array))


def _idx_files() -> list[Parts]:
    return [{"idx": _idx(each)} for each in (_bytes(3, 4, 5), _bytes(7) % 10, _bytes(2, 3, 4, 2), _bytes(2, 0, 2))]


def _idx_folders() -> list[Parts]:
    files = {}
    for part, count in (("train", 6), ("t10k", 4)):
        files[f"{part}-images-idx3-ubyte"] = _idx(_bytes(count, 3, 4))
        files[f"{part}-labels-idx1-ubyte"] = _idx(np.arange(count, dtype=np.uint8) % 3)
    return [files]


def _read_idx_folder(path: Path) -> None:
    data = netsim.load_dataset(path)
    assert data.train_images.shape[1:] == data.test_images.shape[1:]


SHOWN, TIMES = netsim.IntensityEncoder((3, 4, 1), 16.0), netsim.LatencyEncoder((1, 5, 1), 30.0)


def _datasets() -> list[Parts]:
    labels, images = np.arange(12) % 3, _bytes(16, 3, 4)
    shown = netsim.make_dataset((images[:12], labels), SHOWN, test=(images[12:], labels[:4]), name="mine")
    times = np.linspace(0, 20, 12 * 5).reshape(12, 5)
    recorded = netsim.make_dataset((times, labels.astype(str)), TIMES, name="recorded")
    return [members(content_of(partial(netsim.write_dataset, data), ".npz")) for data in (shown, recorded)]


def _read_dataset(path: Path) -> None:
    data = netsim.load_dataset(path)
    for split, (samples, labels) in data.parts.items():
        assert len(samples) == len(labels), split
        assert samples[: len(samples)].shape == samples.shape
    encoder = SHOWN if data.samples == SHOWN.samples else TIMES
    layers = (netsim.Layer("output", netsim.Dense(3), netsim.Neurons("free", 0.5, tau=10.0)),)
    network = netsim.Network.chain("own", encoder, layers, 64.0)
    test = netsim.load_splits(network, data, presented=True).test
    latencies = test.latencies(np.arange(len(test)))
    assert (latencies >= 0).all()  # and none is NaN


class _Recordings:
    """Recordings of one event each, or one that is read from a file as those of N-MNIST."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def __len__(self) -> int:
        return 5 if self.path is None else 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from tonic.io import read_mnist_file

        return np.zeros(1, EVENT_TYPE) if self.path is None else read_mnist_file(str(self.path), EVENT_TYPE), index


def _read_events(path: Path) -> None:
    sensor = netsim.EventEncoder((34, 34, 2), 16.0, origin="first-event")
    netsim.event_stimuli(_Recordings(path), sensor).latencies(np.arange(1))


@cache
def _kept() -> list[Parts]:
    """What is kept of recordings, once they are converted."""
    with tempfile.TemporaryDirectory() as folder:
        _read_kept(Path(folder))
        return [{name: (Path(folder) / name).read_bytes() for name in ("times.npy", "times-labels.npy", "times.json")}]


def _read_kept(path: Path) -> None:
    encoder = netsim.EventEncoder((3, 4, 2), 16.0)
    times, labels = convert_once(path / "times.npy", _Recordings(), range(5), encoder, "recordings", ignore_progress)
    assert times.shape == (5, 3, 4, 2)
    assert len(labels) == 5
    times.max(), labels.max()  # are there to be read


def _read_tally(path: Path) -> None:
    """A tally that is damaged is made again, from what was kept beside it."""
    _read_kept(path)
    tally = json.loads((path / "times.json").read_text())
    assert tally["recordings"] == 5
    assert 0 <= tally["silent"] < 5
    assert 0 <= tally["cut"] <= 5
    assert 0 <= tally["late"] <= tally["events"]


READERS = {
    "npz": Reader(_arrays, _read_arrays, "arrays.npz", zipped),
    "idx": Reader(_idx_files, read_idx, "file"),
    "idx.gz": Reader(_idx_files, read_idx, "file.gz", gzipped),
    "idx folder": Reader(_idx_folders, _read_idx_folder, "images", None),
    "dataset": Reader(_datasets, _read_dataset, "mine.npz", stored),
    "events": Reader(lambda: [{"bin": (_bytes(50, 5) % 34).tobytes()}], _read_events, "events.bin"),
    "recordings": Reader(_kept, _read_kept, "recordings", None),
    "tally": Reader(_kept, _read_tally, "recordings", None, spared=("times.npy", "times-labels.npy")),
}
