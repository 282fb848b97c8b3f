"""Weights: drawn from a seed, made binary, kept and checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netsim.errors import DataError
from netsim.specification import (
    Convolution,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Pooling,
    Weighting,
)
from netsim.weights.binary import forward_weights
from netsim.weights.files import read_weights, write_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights, all_finite, check_weights, weight_shapes


def _network(weighting: Weighting | None = None, initial: InitialWeights | None = None) -> Network:
    initial = initial or InitialWeights()
    return Network.chain(
        "small",
        IntensityEncoder((8, 8, 2), 16.0),
        (
            Layer("conv", Convolution(4, 3), neurons=Neurons(bias=True), initial=initial),
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(50), initial=initial),
            Layer("output", Dense(10), Neurons(bias=True), initial=initial),
        ),
        32.0,
        weighting=weighting or Weighting(),
    )


def test_names_and_shapes() -> None:
    shapes = {"conv.kernel": (3, 3, 2, 4), "conv.bias": (4,), "hidden.kernel": (36, 50)}
    shapes |= {"output.kernel": (50, 10), "output.bias": (10,)}
    assert weight_shapes(_network()) == shapes
    assert {name: array.shape for name, array in initial_weights(_network(), 0).items()} == shapes


def test_biases_begin_at_a_current() -> None:
    hidden = Layer("hidden", Dense(3), Neurons(bias=True), initial=InitialWeights(bias=1.5))
    layers = [hidden, Layer("output", Dense(2), Neurons(bias=True))]
    network = Network.chain("biased", IntensityEncoder((2, 2, 1), 16.0), layers, 32.0)
    weights = initial_weights(network, 0)
    np.testing.assert_array_equal(weights["hidden.bias"], [1.5, 1.5, 1.5])
    np.testing.assert_array_equal(weights["output.bias"], [0.0, 0.0])


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_initial_weights_have_the_mean_and_spread_asked_for(distribution: str) -> None:
    initial = InitialWeights(distribution, mean=2.0, spread=3.0)  # type: ignore[arg-type]
    network = _network(initial=initial)
    kernels = np.concatenate([initial_weights(network, seed)["hidden.kernel"].ravel() for seed in range(20)])
    assert kernels.mean() == pytest.approx(2.0 / 36, abs=4 * 3.0 / 6 / np.sqrt(kernels.size))
    assert kernels.std() == pytest.approx(3.0 / 6, rel=0.03)
    if distribution == "uniform":
        assert np.abs(kernels - 2.0 / 36).max() <= np.sqrt(3) * 3.0 / 6
    assert (initial_weights(network, 0)["conv.bias"] == 0).all()


def test_the_seed_decides() -> None:
    first, second, other = (initial_weights(_network(), seed) for seed in (1, 1, 2))
    for name in first:
        assert first[name].tobytes() == second[name].tobytes()
    assert (first["conv.kernel"] != other["conv.kernel"]).all()


@pytest.mark.parametrize("scale", ["channel", "layer"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_binary_weights_are_signs_times_a_scale(scale: str, kind: type) -> None:
    network = _network(Weighting("binary", scale))  # type: ignore[arg-type]
    real: Weights = {name: array.astype(kind) for name, array in initial_weights(network, 0).items()}
    real["hidden.kernel"][0, 0] = 0.0
    real["conv.bias"] += 0.3
    before = {name: array.copy() for name, array in real.items()}
    forward = forward_weights(network, real)
    for name in ("conv.kernel", "hidden.kernel", "output.kernel"):
        assert forward[name].dtype == kind
        flat, flat_forward = real[name].reshape(-1, real[name].shape[-1]), forward[name]
        flat_forward = flat_forward.reshape(flat.shape)
        for channel in range(flat.shape[1]):
            shared = flat[:, channel] if scale == "channel" else flat
            magnitude = float(np.abs(shared).mean())
            for weight, fed in zip(flat[:, channel], flat_forward[:, channel], strict=True):
                assert fed == pytest.approx(magnitude if weight >= 0 else -magnitude, rel=1e-6)
    np.testing.assert_array_equal(forward["conv.bias"], real["conv.bias"])
    for name, array in before.items():
        np.testing.assert_array_equal(real[name], array)


@pytest.mark.parametrize("scale", ["channel", "layer"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_binary_weights_that_feed_forward_already_stay_to_the_bit(scale: str, kind: type) -> None:
    """A mean of many equal numbers would be another one by rounding."""
    network = _network(Weighting("binary", scale))  # type: ignore[arg-type]
    for seed in range(10):
        drawn = initial_weights(network, seed)
        forward = forward_weights(network, {name: array.astype(kind) for name, array in drawn.items()})
        for name, array in forward_weights(network, forward).items():
            np.testing.assert_array_equal(array, forward[name])


def test_real_weights_feed_forward_as_they_are() -> None:
    weights = initial_weights(_network(), 0)
    for name, array in forward_weights(_network(), weights).items():
        assert array is weights[name]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_weights_come_back(kind: type, tmp_path: Path) -> None:
    weights: Weights = {name: array.astype(kind) for name, array in initial_weights(_network(), 0).items()}
    write_weights(weights, tmp_path / "weights.npz")
    back = read_weights(_network(), tmp_path / "weights.npz")
    assert list(back) == list(weights)
    for name, array in back.items():
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, weights[name])


def test_weights_of_another_network_are_refused_by_name() -> None:
    weights = initial_weights(_network(), 0)
    without = {name: array for name, array in weights.items() if name != "conv.bias"}
    with pytest.raises(DataError, match=r"file: .*missing or unknown: conv\.bias"):
        check_weights(_network(), without, "file")
    with pytest.raises(DataError, match=r"file: .*missing or unknown: more\.kernel"):
        check_weights(_network(), weights | {"more.kernel": np.zeros(3)}, "file")
    with pytest.raises(DataError, match=r"file: hidden\.kernel has shape \(50, 36\), the network needs \(36, 50\)"):
        check_weights(_network(), weights | {"hidden.kernel": weights["hidden.kernel"].T}, "file")
    for value, index in ((np.nan, 0), (np.inf, 0), (-np.inf, 0), (np.nan, -1)):
        wrong = weights["conv.kernel"].copy()
        wrong.flat[index] = value
        with pytest.raises(DataError, match=r"file: conv\.kernel contains NaN"):
            check_weights(_network(), weights | {"conv.kernel": wrong}, "file")
    for kind in (np.int64, np.complex128, "U3"):
        with pytest.raises(DataError, match=r"file: conv\.kernel"):
            check_weights(_network(), weights | {"conv.kernel": weights["conv.kernel"].astype(kind)}, "file")


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_found_wherever_it_is(kind: type | str, value: float) -> None:
    largest = np.full((7, 5), np.finfo(kind).max).astype(kind)
    assert all_finite(largest)
    assert all_finite(-largest)
    assert all_finite(largest[:0])
    for index in range(largest.size):
        wrong = largest.copy()
        wrong.flat[index] = value
        assert not all_finite(wrong)
        assert not all_finite(wrong.T)
        wrong.flags.writeable = False
        assert not all_finite(wrong)
        assert all_finite(np.delete(wrong.reshape(-1), index)[::2])


def test_an_archive_with_objects_is_refused(tmp_path: Path) -> None:
    weights = initial_weights(_network(), 0)
    objects = weights["conv.kernel"].astype(object)
    np.savez(tmp_path / "weights.npz", allow_pickle=True, **(weights | {"conv.kernel": objects}))
    with pytest.raises(DataError, match=r"weights\.npz: .*plain arrays"):
        read_weights(_network(), tmp_path / "weights.npz")
