"""Packed weights."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from netsim.errors import DataError
from netsim.files import read_arrays
from netsim.models.presets import load_preset, preset_names, trained_weights_file
from netsim.specification import Connectivity, EdgeList, IntensityEncoder, Layer, Network, Random, Shape, Weighting
from netsim.specification.connectivity import PerSynapse
from netsim.specification.connectivity._per_synapse import sorted_pairs
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import weight_shapes
from netsim.weights.packing import pack, read_packed, unpack, write_packed
from netsim.weights.synapses import synapse_checksums


def test_synapses_are_rounded_to_half_precision_and_biases_to_single(tmp_path: Path) -> None:
    """A bias in half precision moves a latency at rest by up to a two thousandth of it."""
    network = load_preset("digits")
    weights = initial_weights(network, 0)
    weights["hidden.bias"] = np.random.default_rng(0).uniform(1.0, 1.1, weights["hidden.bias"].shape)
    write_packed(network, weights, tmp_path / "packed.npz")
    result = read_packed(network, tmp_path / "packed.npz")
    for name, array in weights.items():
        np.testing.assert_array_equal(
            result[name], array.astype(np.float16 if name.endswith(".kernel") else np.float32)
        )


@pytest.mark.parametrize("scale", ["channel", "layer"])
def test_binary_weights_are_stored_as_bits(scale: Literal["channel", "layer"]) -> None:
    network = dataclasses.replace(load_preset("digits"), weighting=Weighting("binary", scale))
    weights = initial_weights(network, 0)
    packed = pack(network, weights)
    assert packed["hidden.signs"].nbytes == 64 * 200 // 8
    assert packed["hidden.scale"].size == (200 if scale == "channel" else 1)
    result = unpack(network, packed, "here")
    for name, array in forward_weights(network, weights).items():
        np.testing.assert_allclose(result[name], array, rtol=1e-7)
    assert set(np.unique(np.sign(result["hidden.kernel"]))) == {-1.0, 1.0}


def test_the_common_scale_is_not_that_of_a_neuron_without_synapses(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post\n0,1\n1,2\n3,1\n")
    layers = [Layer("hidden", EdgeList(3, str(tmp_path / "edges.csv")))]
    binary = Weighting("binary", "layer")
    network = Network.chain("gap", IntensityEncoder((2, 2, 1), 16.0), layers, 64.0, weighting=binary)
    weights = initial_weights(network, 0)
    again = unpack(network, pack(network, weights), "here")["hidden.kernel"]
    np.testing.assert_allclose(again, forward_weights(network, weights)["hidden.kernel"], rtol=1e-6)
    assert again.all()


def test_weights_of_another_network_are_refused() -> None:
    real = load_preset("digits")
    binary = dataclasses.replace(real, weighting=Weighting("binary"))
    weights = initial_weights(real, 0)
    with pytest.raises(DataError, match="here: does not contain the signs and scales of hidden"):
        unpack(binary, pack(real, weights), "here")
    with pytest.raises(DataError, match="here: does not contain the weights of digits"):
        unpack(real, pack(binary, weights), "here")
    packed = pack(binary, weights)
    packed["hidden.scale"] = packed["hidden.scale"][:3]
    with pytest.raises(DataError, match="scale has shape"):
        unpack(binary, packed, "here")


def test_packed_weights_of_other_synapses_are_refused(tmp_path: Path) -> None:
    network = load_preset("sparse-mnist")
    file = tmp_path / "packed.npz"
    write_packed(network, initial_weights(network, 0), file)
    assert set(read_packed(network, file)) == set(weight_shapes(network))
    hidden, output = network.projections
    swapped = dataclasses.replace(hidden, connectivity=_Mirrored(hidden.connectivity))
    other = dataclasses.replace(network, projections=(swapped, output))
    assert weight_shapes(other) == weight_shapes(network)
    with pytest.raises(DataError, match=r"packed.npz: contains weights for other synapses of hidden than sparse-mnist"):
        read_packed(other, file)


def test_synapses_of_the_same_neurons_onto_others_are_other_ones() -> None:
    """From each neuron there are two of them."""
    encoder, rules = IntensityEncoder((3, 3, 1), 10.0), [Random(5, outdegree=2, seed=seed) for seed in (0, 1)]
    first, other = (Network.chain("two", encoder, [Layer("output", rule)], 40.0) for rule in rules)
    ours, others = (network.connections(network.projection("output")) for network in (first, other))
    np.testing.assert_array_equal(ours.pre, others.pre)
    assert synapse_checksums(first) == synapse_checksums(first)
    assert synapse_checksums(first) != synapse_checksums(other)


def test_shipped_weights_say_which_synapses_they_are_of() -> None:
    checked = 0
    for name in preset_names():
        network, file = load_preset(name), trained_weights_file(name)
        listed = synapse_checksums(network)
        if file is not None and listed:
            assert {f"{projection}.synapses" for projection in listed} <= set(read_arrays(file)), name
            checked += 1
    assert checked


@dataclasses.dataclass(frozen=True)
class _Mirrored(PerSynapse):
    """As many synapses of a rule, each from the presynaptic neuron at the other end of the list."""

    rule: Connectivity

    def target_shape(self, source: Shape) -> Shape:
        return self.rule.target_shape(source)

    def about(self, source: Shape, target: Shape) -> float:
        return float(self.rule.synapse_count(source, target))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        pre, post, _ = self.rule.connections(source, target)
        return sorted_pairs(math.prod(source) - 1 - pre, post)
