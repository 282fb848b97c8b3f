"""Timed calls of other simulators that compute spike times of leaky neurons without a grid.

All present the same images to the same network: 784-350-10, a synaptic time constant of half the membrane's, no bias,
double precision. `deviation` compares their first spikes with ours.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import netsim
from benchmarks.calls import Call, Model, fitted, forward

NEURONS = netsim.Neurons("free", threshold=0.25, tau=10.0, tau_syn=5.0, family="leaky")
RESET = -1000.0
"""Reset potential of neurons that would fire again otherwise."""
STEP, TOLERANCE = 0.5, 1e-9
"""Step (ms) of the fifth-order solver of eventax, and tolerance of its root finder."""
NEST_STEP = 1.0
"""Step of NEST (ms). Shorter steps take longer, steps from 4 ms on miss spikes."""


def peer(images: np.ndarray) -> Model:
    """Return the network, with initial weights that are fitted to images."""
    return fitted(NEURONS, images, float)


def by_netsim(images: np.ndarray) -> Call:
    """Present images to the event engine."""
    return forward(*peer(images), images=images, precision="double")


def _inputs(images: np.ndarray) -> tuple[dict[str, np.ndarray], float, np.ndarray]:
    """Return weights, duration, and input latencies, shape (images, inputs)."""
    network, weights = peer(images)
    kernels = {name: weights[f"{name}.kernel"] for name in ("hidden", "output")}
    return kernels, network.duration, network.encoder.latencies(images, 255).reshape(len(images), -1)


def exact_snn(images: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a call of exact-snn-nn that returns first output spikes, from closed forms between events."""
    torch, event = importlib.import_module("torch"), importlib.import_module("exact_snn.event")
    kernels, duration, times = _inputs(images)
    layers = []
    for kernel in kernels.values():
        layer = event.ExactEventLinear(
            *kernel.shape,
            tm=NEURONS.tau,
            ts=NEURONS.tau_syn,
            theta=NEURONS.threshold,
            t_max=duration,
            dtype=torch.float64,
        )
        with torch.no_grad():
            layer.weight[:, :-1] = torch.from_numpy(kernel.T) * (NEURONS.tau_syn or math.nan) * layer.k_peak
            layer.weight[:, -1] = 0.0  # an input spike at 0
        layers.append(layer)
    model, inputs = torch.nn.Sequential(*layers), torch.from_numpy(times.T.copy())

    def call() -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(inputs).numpy().T)

    return call


def jaxsnn(images: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a call of jaxsnn that returns first output spikes. It goes from event to event, compiled by JAX."""
    jax = _jax()
    modules, lif, spikes, topology = (
        importlib.import_module(f"jaxsnn.event.{name}") for name in ("modules", "modules.lif.lif", "types", "topology")
    )
    kernels, duration, times = _inputs(images)
    parameters = lif.LIFParameters(v_th=NEURONS.threshold, tau_mem=NEURONS.tau, tau_syn=NEURONS.tau_syn, v_reset=RESET)
    builder = topology.Topology(t_max=duration, backprop_method="eventprop")
    inputs, hidden, outputs = (*kernels["hidden"].shape, kernels["output"].shape[1])
    builder.add({
        "input": modules.Source(inputs),
        "hidden": modules.LIF(hidden, inputs + hidden, parameters),
        "output": modules.LIF(outputs, hidden + outputs, parameters),
        "first": modules.Linear(pre_weights=kernels["hidden"]),
        "second": modules.Linear(pre_weights=kernels["output"]),
    })  # fmt: skip
    builder.connect([("input", "first"), ("first", "hidden"), ("hidden", "second"), ("second", "output")])
    begin, apply = builder.done()
    weights = begin(jax.random.PRNGKey(0))
    order = np.argsort(times, axis=1)
    times = np.take_along_axis(times, order, axis=1)
    encoded = spikes.Spike(
        time=jax.numpy.asarray(times),
        idx=jax.numpy.asarray(np.where(np.isfinite(times), order, -1)),
        current=jax.numpy.zeros(times.shape),
        layer_idx=jax.numpy.zeros(times.shape, int),
        internal=jax.numpy.ones(times.shape, bool),
    )
    run = jax.jit(apply)

    def call() -> np.ndarray:
        result = run({"input": encoded}, weights)["output"]
        index, when = np.asarray(result.idx), np.asarray(result.time)
        internal = np.asarray(result.internal)
        return np.stack([
            np.where((index == neuron) & internal, when, np.inf).min(axis=1) for neuron in range(outputs)
        ], axis=1)  # fmt: skip

    return call


def eventax(images: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a call of eventax that returns first output spikes. A solver integrates all neurons between events."""
    jax, eventax = _jax(), importlib.import_module("eventax.evnn")
    diffrax, optimistix = importlib.import_module("diffrax"), importlib.import_module("optimistix")
    models = importlib.import_module("eventax.neuron_models")
    kernels, duration, times = _inputs(images)
    inputs, hidden, outputs = (*kernels["hidden"].shape, kernels["output"].shape[1])
    weights = np.zeros((hidden + outputs + inputs, hidden + outputs))
    weights[:hidden, hidden:], weights[hidden + outputs :, :hidden] = kernels["output"], kernels["hidden"]
    model = eventax.FFEvNN(
        layers=[hidden, outputs],
        in_size=inputs,
        neuron_model=models.LIF,
        max_solver_time=duration,
        key=jax.random.PRNGKey(0),
        solver_stepsize=STEP,
        solver=diffrax.Tsit5(),
        root_finder=optimistix.Bisection(TOLERANCE, TOLERANCE, flip="detect"),
        max_event_steps=2 * (inputs + hidden + outputs),
        output_no_spike_value=np.inf,
        dtype=jax.numpy.float64,
        thresh=NEURONS.threshold,
        tsyn=NEURONS.tau_syn,
        tmem=NEURONS.tau,
        vreset=RESET,
        init_weights=jax.numpy.asarray(weights),
        init_bias=0.0,
    )
    run = jax.jit(lambda stimuli: jax.lax.map(model.ttfs, stimuli))  # in turn: root finders refuse batches
    stimuli = jax.numpy.asarray(times[:, :, None])
    return lambda: np.asarray(run(stimuli))


def nest_precise(images: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a call of NEST that returns first output spikes, from bisection within its time steps.

    Presentations follow each other. In pauses, neurons relax and stay refractory.
    """
    nest = importlib.import_module("nest")
    kernels, duration, times = _inputs(images)
    nest.ResetKernel()
    nest.set(verbosity=nest.VerbosityLevel.ERROR, resolution=NEST_STEP)
    zero, currents = ("E_L", "V_m", "V_reset"), ("tau_syn_ex", "tau_syn_in")
    resting = dict.fromkeys(zero, 0.0) | dict.fromkeys(currents, NEURONS.tau_syn) | {"t_ref": duration}
    resting |= {"C_m": NEURONS.tau, "tau_m": NEURONS.tau, "V_th": NEURONS.threshold}
    layers = [nest.Create("spike_generator", times.shape[1], {"precise_times": True})]
    for kernel in kernels.values():
        layers.append(nest.Create("iaf_psc_exp_ps", kernel.shape[1], resting))
        nest.Connect(*layers[-2:], "all_to_all", {"weight": kernel.T, "delay": np.full(kernel.T.shape, NEST_STEP)})
    nest.Connect(outputs := layers[-1], recorder := nest.Create("spike_recorder"))

    def call() -> np.ndarray:
        starts = nest.biological_time + NEST_STEP + 2 * duration * np.arange(len(times))
        layers[0].set([{"spike_times": sent[np.isfinite(sent)]} for sent in (times + starts[:, None]).T])
        recorder.n_events = 0
        nest.Simulate(2 * duration * len(times))
        fired, result = recorder.events["times"] - len(kernels) * NEST_STEP, np.full((len(times), len(outputs)), np.inf)
        image = np.searchsorted(starts, fired, "right") - 1
        result[image, recorder.events["senders"] - outputs.global_id[0]] = fired - starts[image]
        return result

    return call


def _jax() -> Any:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


PEERS = {"exact-snn-nn": exact_snn, "jaxsnn": jaxsnn, "eventax": eventax, "nest": nest_precise}
"""Peers by the name of their package."""


def deviation(name: str, images: np.ndarray) -> tuple[int, int, float]:
    """Return how many output spikes a peer shares with the event engine, of how many, and their largest difference.

    Shared are spikes of the same neuron in the same presentation.
    """
    network, weights = peer(images)
    engine = netsim.make_engine("event", network)
    ours = engine.present(netsim.Batch(network.encoder.latencies(images, 255), weights))["output"]
    theirs = PEERS[name](images)()
    both = np.isfinite(ours) & np.isfinite(theirs)
    largest = np.abs(ours[both] - theirs[both]).max()
    return int(both.sum()), int((np.isfinite(ours) | np.isfinite(theirs)).sum()), float(largest)
