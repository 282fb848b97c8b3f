"""Archives of arrays: any, and weights."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, members, zipped
from fuzzing.targets._networks import graphs, small_network, small_weights
from fuzzing.targets._target import Target
from netsim.files import read_arrays
from netsim.specification import Network, Weighting
from netsim.weights.files import read_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import delay_name
from netsim.weights.packing import pack, read_packed


def _arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _npz_seeds() -> list[Parts]:
    generator = np.random.default_rng(0)
    arrays = {"a": generator.normal(size=(3, 4)), "b": np.array("größe"), "c": np.zeros((2, 0), np.float32)}
    return [members(_arrays(arrays)), {"b.npy": members(_arrays(arrays))["b.npy"]}]


def _read_npz(path: Path) -> object:
    arrays = read_arrays(path)
    assert all(array.dtype.kind != "O" for array in arrays.values())
    return arrays


def _read_delays(path: Path) -> object:
    network = graphs()[0]
    weights = read_weights(network, path)
    for projection in network.projections:
        if projection.delays is not None:
            delays = weights[delay_name(projection)]  # those of a file may be beyond the bounds of what is drawn
            assert ((delays >= 0) & (delays < np.inf)).all()
    return weights


def _binary() -> Network:
    return dataclasses.replace(small_network(), weighting=Weighting("binary"))


def _read_weights(path: Path) -> object:
    weights = read_weights(small_network(), path)
    assert all(np.isfinite(array).all() for array in weights.values())
    return weights


def _read_packed(path: Path) -> object:
    weights = read_packed(_binary(), path)
    assert all(np.isfinite(array).all() for array in weights.values())
    return weights


TARGETS = {
    "npz": Target(_npz_seeds, _read_npz, "arrays.npz", zipped),
    "weights": Target(lambda: [members(_arrays(small_weights()))], _read_weights, "weights.npz", zipped),
    "delays": Target(lambda: [members(_arrays(initial_weights(graphs()[0], 0)))], _read_delays, "weights.npz", zipped),
    "packed": Target(lambda: [members(_arrays(pack(_binary(), small_weights())))], _read_packed, "packed.npz", zipped),
}
