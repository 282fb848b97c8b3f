"""Data sets of one's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, content_of, members, stored
from fuzzing.targets._target import Target
from netsim.data.loading import load_dataset
from netsim.data.making import make_dataset
from netsim.data.packed import write_dataset
from netsim.data.stimuli import load_splits
from netsim.specification import Dense, IntensityEncoder, LatencyEncoder, Layer, Network, Neurons

_BLOBS = IntensityEncoder((3, 4, 1), 16.0)


def _dataset_seeds() -> list[Parts]:
    labels = np.arange(12) % 3
    images = np.random.default_rng(0).integers(0, 256, (16, 3, 4)).astype(np.uint8)
    shown = make_dataset((images[:12], labels), _BLOBS, test=(images[12:], labels[:4]), name="mine")
    times = np.linspace(0, 20, 12 * 5).reshape(12, 5)
    recorded = make_dataset((times, labels.astype(str)), LatencyEncoder((1, 5, 1), 30.0), name="recorded")
    return [members(content_of(partial(write_dataset, data), ".npz")) for data in (shown, recorded)]


def _read_dataset(path: Path) -> object:
    data = load_dataset(path)
    for split, (samples, labels) in data.parts.items():
        assert len(samples) == len(labels), split
        assert samples[: len(samples)].shape == samples.shape
    encoder = _BLOBS if data.samples == _BLOBS.samples else LatencyEncoder((1, 5, 1), 30.0)
    network = Network.chain("own", encoder, (Layer("output", Dense(3), Neurons("free", 0.5, tau=10.0)),), 64.0)
    test = load_splits(network, data, presented=True).test
    latencies = test.latencies(np.arange(len(test)))
    assert not np.isnan(latencies).any()
    assert (latencies >= 0).all()
    return data.sha256


TARGETS = {"dataset": Target(_dataset_seeds, _read_dataset, "mine.npz", stored)}
