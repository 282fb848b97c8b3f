"""Exact spike times of leaky neurons, compared with precise times of NEST, which computes them independently."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.weights.initial import initial_weights

nest: Any = pytest.importorskip("nest", reason="NEST is not installed; pip install nest-simulator")

RESOLUTION, DURATION = 0.1, 80.0
"""Time step of NEST and length of a presentation (ms). Precise times do not lie on the grid."""
TOLERANCE = 1e-9
"""Largest difference of a spike time (ms). NEST searches each crossing within its time step, by bisection."""


def _network(ratio: float) -> Network:
    tau_syn = None if ratio == 1.0 else 10.0 * ratio
    neurons = Neurons(threshold=0.25, tau=10.0, family="leaky", tau_syn=tau_syn, bias=True)
    layers = [Layer("hidden", Dense(30), neurons=neurons, delay=1.0), Layer("output", Dense(4), neurons, delay=1.5)]
    return Network.chain("two", IntensityEncoder((4, 4, 1), 20.0), layers, DURATION)


def _precise_spikes(network: Network, weights: dict[str, np.ndarray], stimulus: np.ndarray) -> dict[str, np.ndarray]:
    """Return the first spikes of `iaf_psc_exp_ps`. A neuron is refractory for the rest of the presentation."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = RESOLUTION
    inputs = nest.Create("spike_generator", stimulus.size)
    inputs.set([{"precise_times": True, "spike_times": [time]} for time in stimulus.ravel()])
    populations, recorders = {"stimulus": inputs}, {}
    for layer in network.layers() or ():
        neurons, size = layer.neurons, network.population(layer.name).size
        assert neurons is not None
        parameters = {
            # with a capacitance of tau, a current of 1 pA drives the potential to 1 mV
            **{"C_m": neurons.tau, "tau_m": neurons.tau, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0},
            **{"V_th": neurons.threshold, "t_ref": 2 * DURATION},
            **dict.fromkeys(("tau_syn_ex", "tau_syn_in"), neurons.tau_syn or neurons.tau),
        }
        populations[layer.name] = nest.Create("iaf_psc_exp_ps", size, parameters)
        populations[layer.name].I_e = weights[f"{layer.name}.bias"].tolist()
        recorders[layer.name] = nest.Create("spike_recorder")
        nest.Connect(populations[layer.name], recorders[layer.name])
    names = list(populations)
    for (source, target), layer in zip(pairwise(names), network.layers() or (), strict=True):
        kernel = weights[f"{target}.kernel"]
        synapses = {"weight": kernel.T, "delay": np.full(kernel.T.shape, layer.delay)}
        nest.Connect(populations[source], populations[target], "all_to_all", synapses)
    nest.Simulate(DURATION)
    result = {}
    for name, recorder in recorders.items():
        result[name] = np.full(len(populations[name]), np.inf)
        fired = np.array(recorder.events["senders"], int) - populations[name].global_id[0]
        result[name][fired] = recorder.events["times"]
    return result


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.0])
def test_precise_spikes_of_nest_are_the_exact_spikes(ratio: float) -> None:
    network, generator = _network(ratio), np.random.default_rng(1)
    weights = {name: array.astype(float) + 0.05 for name, array in initial_weights(network, 2).items()}
    stimuli = generator.uniform(1, 20, (3, *network.encoder.shape))
    spikes = EventEngine(network).present(Batch(stimuli, weights))
    fired = 0
    for b, stimulus in enumerate(stimuli):
        for name, theirs in _precise_spikes(network, weights, stimulus).items():
            np.testing.assert_allclose(theirs, spikes[name][b], rtol=0, atol=TOLERANCE)
            fired += int(np.isfinite(theirs).sum())
    assert fired > 30
