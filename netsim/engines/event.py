"""The event-driven engine: no time step, a spike time is the root of a line.

A breakpoint of a postsynaptic potential changes a slope. Layers in the regime ``phased`` have a closed form,
one matrix product; the others are swept, breakpoint by breakpoint, in parallel over presentations. On a grid
the same computation runs on whole steps and rounds spike times up, as a clock-driven engine would find them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netsim.engines import (
    Batch,
    Experiment,
    Latencies,
    Potential,
    Recorded,
    Result,
    check_batch,
    check_record,
)
from netsim.engines.event_kernels import carry_to_threshold, integrate, sweep
from netsim.errors import SpecificationError
from netsim.grid import TOLERANCE, check_dt, layer_steps, on_grid
from netsim.patches import earliest, gather_patches
from netsim.potentials import potential_traces
from netsim.specification import Convolution, Network, Pooling, WeightedLayer
from netsim.weights import Weights, bias_name, kernel_name

# Receptive fields of so many bytes are laid out at a time: they stay in the cache between being written and
# being multiplied, and memory does not grow with the batch.
_PATCH_BYTES = 4_000_000
# Presentations that are sorted and swept at a time.
_SWEPT = 256


class Clock(NamedTuple):
    """A layer's constants on the clock of the kernels: ms, or whole steps.

    Attributes
    ----------
    threshold : float
        Potential at the threshold, times ``tau``.
    drive : float
    onset, gate, end : float
    delays, changes : ndarray, shape (breakpoints,)
    whole_steps : bool
    """

    threshold: float
    drive: float
    onset: float
    gate: float
    end: float
    delays: np.ndarray
    changes: np.ndarray
    whole_steps: bool


def layer_clock(network: Network, layer: WeightedLayer, dt: float, dtype: np.dtype) -> Clock:
    """The constants of a layer, in ms if `dt` is 0 and else in steps, in the given precision."""
    neurons = layer.neurons
    delays: Sequence[float]
    if dt:
        steps = layer_steps(network, layer, dt)
        threshold = neurons.threshold * (1 - TOLERANCE) * neurons.tau / dt
        onset, gate, end, delays = steps.onset, steps.gate, steps.end, steps.delays
    else:
        threshold = neurons.threshold * neurons.tau
        onset, gate, end = neurons.onset, neurons.gate_time, network.window_end(layer)
        delays = [delay for delay, _ in layer.psp.kernel]
    real = dtype.type
    return Clock(
        real(threshold),
        real(neurons.drive),
        real(onset),
        real(gate),
        real(end),
        np.array(delays, dtype=dtype),
        np.array([change for _, change in layer.psp.kernel], dtype=dtype),
        bool(dt),
    )


class EventEngine:
    """Presents stimuli by events.

    Parameters
    ----------
    network : Network
    dt : float
        Time grid (ms) on which spikes fall; 0 for exact times.
    precision : {"double", "single"}
        Arithmetic, and type of the latencies. On a grid it is always double: a rounding error would
        there move a spike by a whole step.
    record : sequence of Recorded
        Neurons whose potentials are kept in `potentials`, at the times where their slope may change.

    Attributes
    ----------
    potentials : list of Potential
        Of the last batch.

    Raises
    ------
    SpecificationError
        If `dt` or `precision` does not fit, or a recorded neuron does not exist.
    """

    def __init__(
        self, network: Network, dt: float = 0.0, precision: str = "double", record: Sequence[Recorded] = ()
    ) -> None:
        if dt != 0:
            check_dt(network, dt)
        if precision not in ("single", "double"):
            raise SpecificationError("precision", f"must be single or double, not {precision!r}")
        check_record(network, record)
        self.network = network
        self.dt = float(dt)
        self.precision = precision
        self.record = tuple(record)
        self.potentials: list[Potential] = []
        self._dtype = np.dtype(np.float32 if precision == "single" and dt == 0 else np.float64)

    def __repr__(self) -> str:
        return f"EventEngine({self.network.name!r}, dt={self.dt}, precision={self.precision!r})"

    def run(self, experiment: Experiment[Result]) -> Result:
        """Hold the conversation with an experiment until it returns."""
        try:
            batch = next(experiment)
            while True:
                batch = experiment.send(self.present(batch))
        except StopIteration as stop:
            result: Result = stop.value
            return result

    def present(self, batch: Batch) -> Latencies:
        """First-spike latencies (ms) of the stimulus and of every layer.

        Parameters
        ----------
        batch : Batch

        Raises
        ------
        DataError
            If the stimuli are no latencies of the network's shape.
        """
        check_batch(self.network, batch)
        # in steps from here on if there is a grid
        times = [np.rint(on_grid(batch.stimuli, self.dt) / self.dt) if self.dt else batch.stimuli]
        times[0] = np.ascontiguousarray(times[0], dtype=self._dtype)
        for layer in self.network.layers:
            if isinstance(layer, Pooling):
                spikes = earliest(times[-1], layer.size, layer.step)
            else:
                clock = layer_clock(self.network, layer, self.dt, self._dtype)
                first_spikes = closed_form if layer.neurons.regime == "phased" else swept
                spikes = first_spikes(layer, clock, times[-1], batch.weights)
            if layer.name in batch.silenced:
                spikes[np.broadcast_to(batch.silenced[layer.name], spikes.shape)] = np.inf
            times.append(spikes)
        if self.dt:
            times = [steps * self.dt for steps in times]
        self.potentials = potential_traces(self.network, batch.weights, times, self.record, self.dt)
        return times


def closed_form(layer: WeightedLayer, clock: Clock, times: np.ndarray, weights: Weights) -> np.ndarray:
    """First spikes of a phased layer: from the potential at the gate on, the drive alone counts.

    Parameters
    ----------
    layer : Convolution or Dense
        In the regime ``phased``.
    clock : Clock
    times : ndarray, shape (presentations, height, width, channels) or (presentations, neurons)
        Spikes of the layer below, on that clock.
    weights : dict of ndarray

    Returns
    -------
    ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)
    """
    kernel = weights[kernel_name(layer)].astype(times.dtype, copy=False)
    kernel = np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]))
    latencies = np.empty((len(times), *layer.output_shape(times.shape[1:])), dtype=times.dtype)
    integrals = np.empty_like(times)
    integrate(times.reshape(len(times), -1), clock.gate, clock.delays, clock.changes, integrals.reshape(len(times), -1))
    if isinstance(layer, Convolution):
        at_once = (
            max(1, _PATCH_BYTES // (latencies[:1].size // layer.maps * len(kernel) * times.itemsize))
            if len(times)
            else 1
        )
        for first in range(0, len(times), at_once):
            part = slice(first, first + at_once)
            patches = gather_patches(integrals[part], layer.kernel, layer.stride, layer.padding)
            np.matmul(patches, kernel, out=latencies[part].reshape(-1, layer.maps))
    else:
        np.matmul(integrals.reshape(len(times), -1), kernel, out=latencies)
    bias = _bias(layer, weights, times.dtype) * clock.gate
    carry_to_threshold(
        latencies.reshape(-1, latencies.shape[-1]),
        bias,
        clock.threshold,
        clock.drive,
        clock.onset,
        clock.end,
        clock.whole_steps,
    )
    return latencies


def swept(layer: WeightedLayer, clock: Clock, times: np.ndarray, weights: Weights) -> np.ndarray:
    """First spikes of a layer of any regime, by sweeping over the breakpoints in order of time.

    Parameters and result are those of `closed_form`. Time and memory grow with the presynaptic spikes that
    come before the neurons fire.
    """
    kernel = np.ascontiguousarray(weights[kernel_name(layer)], dtype=times.dtype)
    bias = _bias(layer, weights, times.dtype)
    latencies = np.empty((len(times), *layer.output_shape(times.shape[1:])), dtype=times.dtype)
    if isinstance(layer, Convolution):
        width, stride, padding = times.shape[2], layer.stride, layer.padding
        maps = latencies
    else:
        width, stride, padding = 1, 1, 0
        kernel = kernel[None, None]
        maps = latencies[:, None, None]
    for first in range(0, len(times), _SWEPT):
        part = slice(first, first + _SWEPT)
        flat = times[part].reshape(len(times[part]), -1)
        sweep(
            flat,
            np.argsort(flat, axis=1),
            width,
            kernel,
            bias,
            clock.delays,
            clock.changes,
            clock.threshold,
            clock.drive,
            clock.onset,
            clock.gate,
            clock.end,
            clock.whole_steps,
            stride,
            padding,
            maps[part],
        )
    return latencies


def _bias(layer: WeightedLayer, weights: Weights, dtype: np.dtype) -> np.ndarray:
    if layer.neurons.bias:
        return weights[bias_name(layer)].astype(dtype, copy=False)
    return np.zeros(weights[kernel_name(layer)].shape[-1], dtype=dtype)
