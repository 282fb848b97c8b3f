"""Packed weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from netsim.errors import DataError
from netsim.models.presets import load_preset
from netsim.specification import Weighting
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.packing import pack, read_packed, unpack, write_packed


def test_real_weights_are_rounded_to_half_precision(tmp_path: Path) -> None:
    network = load_preset("digits")
    weights = initial_weights(network, 0)
    write_packed(network, weights, tmp_path / "packed.npz")
    found = read_packed(network, tmp_path / "packed.npz")
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array.astype(np.float16))


@pytest.mark.parametrize("scale", ["channel", "layer"])
def test_binary_weights_are_stored_as_bits(scale: Literal["channel", "layer"]) -> None:
    network = dataclasses.replace(load_preset("digits"), weighting=Weighting("binary", scale))
    weights = initial_weights(network, 0)
    packed = pack(network, weights)
    assert packed["hidden.signs"].nbytes == 64 * 200 // 8
    assert packed["hidden.scale"].size == (200 if scale == "channel" else 1)
    found = unpack(network, packed, "here")
    for name, array in forward_weights(network, weights).items():
        np.testing.assert_allclose(found[name], array, rtol=1e-7)
    assert set(np.unique(np.sign(found["hidden.kernel"]))) == {-1.0, 1.0}


def test_weights_of_another_network_are_refused() -> None:
    real = load_preset("digits")
    binary = dataclasses.replace(real, weighting=Weighting("binary"))
    weights = initial_weights(real, 0)
    with pytest.raises(DataError, match="here: does not hold the signs and scales of hidden"):
        unpack(binary, pack(real, weights), "here")
    with pytest.raises(DataError, match="here: does not hold the weights of digits"):
        unpack(real, pack(binary, weights), "here")
    packed = pack(binary, weights)
    packed["hidden.scale"] = packed["hidden.scale"][:3]
    with pytest.raises(DataError, match="scale has shape"):
        unpack(binary, packed, "here")
