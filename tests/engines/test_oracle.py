"""The oracle against cases that can be solved by hand."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest

from netsim.specification import PSP, Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling, PSPShape


def one_synapse(neurons: Neurons, psp: PSPShape) -> Network:
    return Network.chain(
        "one-synapse", IntensityEncoder((1, 1, 1), 20.0), (Layer("output", Dense(1), neurons, psp),), duration=100.0
    )


def latency(
    oracle: ModuleType, neurons: Neurons, psp: PSPShape, weight: float, dt: float = 0.0, bias: float = 0.0
) -> float:
    """Latency of a neuron whose only input spikes at 5 ms."""
    weights = {"output.kernel": np.array([[weight]]), "output.bias": np.array([bias])}
    stimulus = np.full((1, 1, 1, 1), 5.0)
    return float(oracle.oracle_latencies(one_synapse(neurons, psp), weights, stimulus, dt)["output"][0, 0])


@pytest.mark.parametrize(
    ("neurons", "psp", "weight", "expected"),
    [
        # v = 2·(t - 5)/10 reaches 1 after 5 ms
        (Neurons(threshold=1.0, tau=10.0), PSP(), 2.0, 10.0),
        # the plateau of 2·4/10 stays below 1, that of 2·6/10 does not
        (Neurons(threshold=1.0, tau=10.0), PSP("plateau", rise=4.0), 2.0, math.inf),
        (Neurons(threshold=1.0, tau=10.0), PSP("plateau", rise=6.0), 2.0, 10.0),
        # above threshold before the onset: fires at the onset
        (Neurons("staggered", threshold=1.0, tau=10.0, onset=12.0, drive=1.0), PSP(), 2.0, 12.0),
        # has fallen below threshold again by the onset; 0.4 are left to the drive: 4 ms
        (
            Neurons("staggered", threshold=1.0, tau=10.0, onset=12.0, drive=1.0),
            PSP("breakpoints", breakpoints=((0.0, 2.0), (4.0, -4.0), (5.0, 2.0))),
            1.0,
            16.0,
        ),
        # 2·(8 - 5)/10 = 0.6 at the gate, 0.4 are left to the drive of 0.5: 8 ms
        (Neurons("phased", threshold=1.0, tau=10.0, onset=8.0, drive=0.5), PSP(), 2.0, 16.0),
        # the same, but the window has closed
        (Neurons("phased", threshold=1.0, tau=10.0, onset=8.0, end=16.0, drive=0.5), PSP(), 2.0, math.inf),
    ],
)
def test_exact_times(oracle: ModuleType, neurons: Neurons, psp: PSPShape, weight: float, expected: float) -> None:
    assert latency(oracle, neurons, psp, weight) == pytest.approx(expected, abs=1e-9)


def test_bias_is_an_input_from_the_start(oracle: ModuleType) -> None:
    neurons = Neurons(threshold=1.0, tau=10.0, bias=True)
    assert latency(oracle, neurons, PSP(), 0.0, bias=2.0) == pytest.approx(5.0)


@pytest.mark.parametrize(("dt", "expected"), [(1.0, 9.0), (0.5, 8.5), (4.0, 8.0)])
def test_grid_rounds_spikes_up(oracle: ModuleType, dt: float, expected: float) -> None:
    """The exact spike comes at 8.33 ms; on the grid of 4 ms the input moves to 4 ms and the crossing to 7.33 ms."""
    assert latency(oracle, Neurons(threshold=1.0, tau=10.0), PSP(), 3.0, dt) == expected


def test_threshold_reached_exactly_on_a_step(oracle: ModuleType) -> None:
    """Ten times 0.1 are a little less than 1 in floating point."""
    assert latency(oracle, Neurons(threshold=1.0, tau=10.0), PSP(), 1.0, dt=1.0) == 15.0


def test_padding_never_fires_and_pooling_passes_the_earliest(oracle: ModuleType) -> None:
    network = Network.chain(
        "one-kernel",
        IntensityEncoder((2, 2, 1), 20.0),
        (
            Layer("conv", Convolution(1, 3, padding=1), neurons=Neurons(threshold=1.0, tau=10.0)),
            Layer("pool", Pooling(2)),
            Layer("output", Dense(1), Neurons(threshold=1.0, tau=10.0)),
        ),
        duration=100.0,
    )
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 2] = 2.0  # sees its neighbour on the right; the right column sees padding
    stimuli = np.array([[1.0, 3.0], [2.0, 4.0]]).reshape(1, 2, 2, 1)
    weights = {"conv.kernel": kernel, "output.kernel": np.array([[5.0]])}
    latencies = oracle.oracle_latencies(network, weights, stimuli)
    np.testing.assert_allclose(latencies["conv"][0, :, :, 0], [[8.0, np.inf], [9.0, np.inf]])
    assert latencies["pool"].ravel().tolist() == pytest.approx([8.0])
    assert latencies["output"].ravel().tolist() == pytest.approx([10.0])
    silenced = {"conv": np.array([[True, False], [False, False]])[:, :, None]}
    latencies = oracle.oracle_latencies(network, weights, stimuli, silenced=silenced)
    assert latencies["pool"].ravel().tolist() == pytest.approx([9.0])
