"""Products over receptive fields: the same sums whether fields are visited or laid out for a matrix product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.learning.fields import fields_of, is_sparse, spread_onto_source, weigh_fields
from netsim.numerics.receptive_fields import gather_patches
from netsim.numerics.vectors import lanes_of
from netsim.specification import PSP, Convolution, Window

layers = st.builds(
    lambda maps, kernel, stride, padding: Convolution(maps, kernel, stride, min(padding, kernel - 1)),
    maps=st.integers(1, 40),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    padding=st.integers(0, 3),
)


def _inputs(layer: Convolution, channels: int, share: float, kind: type, seed: int) -> tuple[np.ndarray, ...]:
    """Presynaptic values, signals, and a kernel."""
    generator = np.random.default_rng(seed)
    shape = layer.target_shape((6, 5, channels))
    inputs = generator.normal(size=(3, 6, 5, channels)).astype(kind)
    signal = generator.normal(size=(3, *shape)).astype(kind)
    signal[generator.random(signal.shape) >= share] = 0
    kernel = generator.normal(size=(layer.kernel**2 * channels, layer.maps)).astype(kind)
    return inputs, signal, kernel


def _window(layer: Convolution, inputs: np.ndarray) -> Window:
    source = inputs.shape[1:]
    return layer.window(source, layer.target_shape(source))


@pytest.mark.parametrize("visited", [True, False])
@given(
    layer=layers,
    channels=st.integers(1, 70),
    share=st.sampled_from([0.0, 0.1, 1.0]),
    kind=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=80)
def test_both_ways_are_the_sums_of_the_definition(
    visited: bool, layer: Convolution, channels: int, share: float, kind: type, seed: int
) -> None:
    inputs, signal, kernel = _inputs(layer, channels, share, kind, seed)
    seen = gather_patches(inputs.astype(float), layer.kernel, layer.stride, layer.padding)
    signals = signal.reshape(-1, layer.maps).astype(float)
    seen_by, lanes = fields_of(_window(layer, inputs), PSP(), inputs), lanes_of(inputs.itemsize)
    gathered, handed = np.full_like(kernel, np.nan), np.full_like(inputs, np.nan)
    weigh_fields(inputs, signal, seen_by, visited, lanes, gathered)
    spread_onto_source(signal, kernel, seen_by, visited, lanes, handed)
    tolerance = {"rtol": 0, "atol": 1e-10 if kind is np.float64 else 1e-3}
    np.testing.assert_allclose(gathered, seen.T @ signals, **tolerance)
    # what a field is handed, weighed by what it sees, is what the neuron receives
    assert np.vdot(handed.astype(float), inputs) == pytest.approx(
        np.vdot(seen @ kernel.astype(float), signals), rel=1e-3, abs=tolerance["atol"] * 100
    )


def test_few_signals_are_visited() -> None:
    layer = Convolution(16, 3)
    inputs, signal, _ = _inputs(layer, 8, 0.01, np.float64, 1)
    seen_by, lanes = fields_of(_window(layer, inputs), PSP(), inputs), lanes_of(inputs.itemsize)
    assert is_sparse(signal, seen_by, lanes)
    assert not is_sparse(np.ones_like(signal), seen_by, lanes)
    assert not is_sparse(signal[:, :1, :1].copy(), seen_by, lanes)  # a dense layer is one product
