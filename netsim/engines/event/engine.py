"""The event-driven engine: no time step, a spike time is the root of a line.

A breakpoint of a postsynaptic potential changes a slope. Layers in the regime ``phased`` have a closed form,
one matrix product; the others are swept, breakpoint by breakpoint. Presentations run in parallel. On a grid
the same computation counts in whole steps and rounds spike times up, as a clock-driven engine finds them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from netsim.engines.event import grid_products, sparse
from netsim.engines.event.arrangement import Arranged, arrange
from netsim.engines.event.kernels import (
    Queue,
    multiply,
    phased_spikes,
    queue_breakpoints,
    sweep,
)
from netsim.engines.event.potentials import potential_traces
from netsim.engines.protocol import (
    Batch,
    Experiment,
    Latencies,
    Potential,
    Recorded,
    Result,
    axonal_delays,
    check_batch,
    check_record,
    neuron_thresholds,
    silenced_neurons,
)
from netsim.numerics.receptive_fields import earliest
from netsim.numerics.threads import over_presentations
from netsim.specification import STIMULUS, Network, Population, Window
from netsim.specification.checks import check_choice
from netsim.specification.grid import check_dt, nearest_steps, step_at_or_after
from netsim.weights.layout import Weights, check_weights

# So many breakpoints are queued at a time: they stay in the cache between being queued and being visited.
_QUEUED = 100_000


class EventEngine:
    """Presents stimuli by events.

    Parameters
    ----------
    network : Network
    dt : float
        Time grid (ms) on which spikes fall; 0 for exact times.
    precision : {"double", "single"}
        Arithmetic, and type of the latencies. On a grid the latencies are always those of double precision: a
        rounding error would there move a spike by a whole step.
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
        check_choice(precision, ("single", "double"), "precision")
        check_record(network, record)
        self.network = network
        self.dt = float(dt)
        self.precision = precision
        self.record = tuple(record)
        self.potentials: list[Potential] = []
        self._layouts: dict[str, sparse.Synapses] = {}

    def __repr__(self) -> str:
        return f"EventEngine({self.network.name!r}, dt={self.dt}, precision={self.precision!r})"

    def run(self, experiment: Experiment[Result]) -> Result:
        """Hold the conversation with an experiment until it returns."""
        with contextlib.closing(experiment):
            try:
                batch = next(experiment)
                while True:
                    batch = experiment.send(self.present(batch))
            except StopIteration as stop:
                result: Result = stop.value
                return result

    def present(self, batch: Batch) -> Latencies:
        """First-spike latencies (ms) of the stimulus and of every population.

        Parameters
        ----------
        batch : Batch

        Raises
        ------
        DataError
            If something in the batch does not belong to the network.
        """
        check_batch(self.network, batch)
        check_weights(self.network, batch.weights, "weights")
        thresholds, delays = neuron_thresholds(self.network, batch), axonal_delays(self.network, batch)
        dtype = np.dtype(np.float32 if self.precision == "single" and not self.dt else np.float64)
        network = self.network
        stages = {
            population.name: self._stage(population, batch.weights, dtype, thresholds.get(population.name))
            for population in network.populations
        }
        late = {
            projection.name: self._on_clock(np.asarray(projection.delay + delays.get(projection.name, 0.0)))
            for projection in network.projections
            if projection.delay or projection.name in delays
        }
        silenced = silenced_neurons(network, batch)
        latencies = [np.empty((len(batch.stimuli), *shape), dtype) for shape in network.shapes.values()]
        latencies[0][...] = self._on_grid(batch.stimuli)

        def present_part(part: slice) -> None:
            clocked = {STIMULUS: self._on_clock(latencies[0][part])}
            for population, latency in zip(network.populations, latencies[1:], strict=True):
                own = latency[part]
                spikes = np.empty(own.shape, clocked[STIMULUS].dtype) if self.dt else own
                arriving = [
                    clocked[projection.source] + late[projection.name]
                    if projection.name in late
                    else clocked[projection.source]
                    for projection in network.incoming(population.name)
                ]
                stages[population.name](arriving, spikes)
                if population.name in silenced:
                    spikes[silenced[population.name][part]] = np.inf
                if self.dt:
                    multiply(spikes.reshape(-1), self.dt, own.reshape(-1))
                clocked[population.name] = spikes

        over_presentations(len(batch.stimuli), present_part)
        self.potentials = potential_traces(self.network, batch.weights, latencies, self.record, self.dt, delays)
        return latencies

    def _stage(
        self, population: Population, weights: Weights, dtype: np.dtype, thresholds: np.ndarray | None
    ) -> Callable[[Sequence[np.ndarray], np.ndarray], None]:
        """What makes the first spikes of a population out of the spikes that arrive by each projection onto it."""
        network = self.network
        projection, *others = network.incoming(population.name)
        window = None if others else network.window(projection)
        if not population.integrates:
            if window is not None:
                return partial(_relay_window, window)
            return partial(_relay, self._synapses(population, dtype))
        if window is None:
            layout = self._synapses(population, dtype)
            return sparse.prepare(network, population, layout, weights, self.dt, thresholds).first_spikes
        arranged = arrange(network, projection, window, weights, self.dt, dtype, thresholds)
        first_spikes = closed_form if population.dynamics.gated else swept
        return lambda arriving, spikes: first_spikes(arranged, arriving[0], spikes)

    def _synapses(self, population: Population, dtype: np.dtype) -> sparse.Synapses:
        """The synapses onto a population, laid out when they are first needed."""
        if population.name not in self._layouts:
            self._layouts[population.name] = sparse.lay_out_synapses(self.network, population, self.dt, dtype)
        return self._layouts[population.name]

    def _on_grid(self, stimuli: np.ndarray) -> np.ndarray:
        """Stimuli on the grid, if there is one (ms)."""
        if not self.dt:
            return stimuli
        steps = nearest_steps(stimuli.astype(np.float64), self.dt)
        # a spike that the grid moves to the end of the presentation does not take place
        return np.where(steps < step_at_or_after(self.network.duration, self.dt), steps, np.inf) * self.dt

    def _on_clock(self, times: np.ndarray) -> np.ndarray:
        """Times (ms) as the kernels take them: counted in steps if there is a grid, halves go up."""
        if not self.dt:
            return times.astype(np.float32 if self.precision == "single" else np.float64, copy=False)
        # whole numbers, and half the bytes to move
        exact = step_at_or_after(self.network.duration, self.dt) <= 2**24
        return nearest_steps(times, self.dt).astype(np.float32 if exact else np.float64)


def _relay_window(window: Window, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
    """The earliest spike of each field of a map."""
    earliest(arriving[0], window.size, window.stride, spikes)


def _relay(synapses: sparse.Synapses, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
    """The earliest spike that reaches each relay, by any connectivity."""
    arrivals = sparse.arriving_together(arriving, spikes.dtype)
    found = np.empty((len(spikes), spikes[0].size), spikes.dtype)
    sparse.earliest_arrivals(arrivals, synapses.first, synapses.post, found)
    spikes[...] = found.reshape(spikes.shape)


def closed_form(layer: Arranged, below: np.ndarray, spikes: np.ndarray) -> None:
    """First spikes of a phased layer: from the onset on, the drive alone moves the potential.

    Parameters
    ----------
    layer : Arranged
    below : ndarray, shape (presentations, height, width, channels) or (presentations, neurons)
        Spike times of the layer below.
    spikes : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)
        The result is written here.
    """
    constants = layer.constants
    below = np.ascontiguousarray(below).reshape(-1, *layer.source)
    found = spikes.reshape(-1, *layer.shape)
    if layer.rounded is not None:
        clock = grid_products.clock(layer.missing, constants, found.dtype)
        grid_products.first_spikes(below, layer.rounded, layer.missing, clock, constants, found)
        return
    potentials = found if found.dtype == layer.kernel.dtype else np.empty(found.shape, layer.kernel.dtype)
    phased_spikes(below, layer.kernel, layer.bias, layer.start, constants, potentials)
    if potentials is not found:
        found[...] = potentials


def swept(layer: Arranged, below: np.ndarray, spikes: np.ndarray) -> None:
    """First spikes of a layer of any regime, by sweeping over the breakpoints in order of time.

    The time it takes grows with the presynaptic spikes that come before the neurons fire. Parameters are
    those of `closed_form`.
    """
    below = below.reshape(-1, *layer.source).astype(layer.kernel.dtype, copy=False)
    spikes = spikes.reshape(-1, *layer.shape)
    constants, rows, columns = layer.constants, *layer.shape[:2]
    breakpoints = len(layer.kernel) * constants.delays.size
    at_once = max(1, _QUEUED // (rows * columns * breakpoints))
    queue = Queue(
        times=np.empty((at_once, rows, columns, breakpoints), below.dtype),
        synapses=np.empty((at_once, rows, columns, breakpoints), np.int32),
        counts=np.empty((at_once, rows, columns), np.int64),
    )
    for first in range(0, len(below), at_once):
        maps, own = below[first : first + at_once], spikes[first : first + at_once]
        bits = (maps + maps.dtype.type(0)).view(f"u{maps.itemsize}")
        queue_breakpoints(maps, bits, constants, queue)
        found = own if own.dtype == maps.dtype else np.empty(own.shape, maps.dtype)
        sweep(queue, layer.blocks.kernel, layer.blocks.bias, constants, layer.blocks.start, found)
        if found is not own:
            own[...] = found
