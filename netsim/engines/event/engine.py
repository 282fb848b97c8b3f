"""The event-driven engine: no time step, a spike time is the root of a line.

A breakpoint of a postsynaptic potential changes a slope. Layers in the regime ``phased`` have a closed form,
one matrix product; the others are swept, breakpoint by breakpoint. Presentations run in parallel. On a grid
the same computation counts in whole steps and rounds spike times up, as a clock-driven engine finds them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from netsim.engines.event.clock import Clock, multiply
from netsim.engines.event.closed_form import ClosedForm
from netsim.engines.event.potentials import potential_traces
from netsim.engines.event.relays import RelayStage
from netsim.engines.event.sparse import SparseStage
from netsim.engines.event.sweep import Sweep
from netsim.engines.event.windows import FirstSpikes
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
from netsim.numerics.threads import over_presentations
from netsim.specification import STIMULUS, Network, Population
from netsim.specification.checks import check_choice
from netsim.weights.layout import Weights, check_weights


class Stage(Protocol):
    """How the first spikes of a population are found; what is the same for all batches is laid out once."""

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """A function that finds the first spikes of some presentations of a batch.

        Parameters
        ----------
        weights : dict of ndarray
        thresholds : ndarray, shape of the population, optional
        """


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
            network.check_dt(dt)
        check_choice(precision, ("single", "double"), "precision")
        check_record(network, record)
        self.network = network
        self.dt = float(dt)
        self.precision = precision
        self.record = tuple(record)
        self.potentials: list[Potential] = []
        self._clock = Clock(network, self.dt, precision)

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
        network, clock = self.network, self._clock
        thresholds, delays = neuron_thresholds(network, batch), axonal_delays(network, batch)
        first_spikes = {
            name: stage.prepare(batch.weights, thresholds.get(name)) for name, stage in self._stages.items()
        }
        late = {
            projection.name: clock.count(np.asarray(projection.delay + delays.get(projection.name, 0.0)))
            for projection in network.projections
            if projection.delay or projection.name in delays
        }
        silenced = silenced_neurons(network, batch)
        latencies = [np.empty((len(batch.stimuli), *shape), clock.dtype) for shape in network.shapes.values()]
        latencies[0][...] = clock.on_grid(batch.stimuli)

        def present_part(part: slice) -> None:
            counted = {STIMULUS: clock.count(latencies[0][part])}
            for population, latency in zip(network.populations, latencies[1:], strict=True):
                own = latency[part]
                spikes = np.empty(own.shape, clock.times) if self.dt else own
                arriving = [
                    counted[projection.source] + late[projection.name]
                    if projection.name in late
                    else counted[projection.source]
                    for projection in network.incoming(population.name)
                ]
                first_spikes[population.name](arriving, spikes)
                if population.name in silenced:
                    spikes[silenced[population.name][part]] = np.inf
                if self.dt:
                    multiply(spikes.reshape(-1), self.dt, own.reshape(-1))
                counted[population.name] = spikes

        over_presentations(len(batch.stimuli), present_part)
        self.potentials = potential_traces(self.network, batch.weights, latencies, self.record, self.dt, delays)
        return latencies

    @cached_property
    def _stages(self) -> dict[str, Stage]:
        return {population.name: self._stage(population) for population in self.network.populations}

    def _stage(self, population: Population) -> Stage:
        projection, *others = self.network.incoming(population.name)
        window = None if others else self.network.window(projection)
        if not population.integrates:
            return RelayStage(self._clock, population)
        if window is None:
            return SparseStage(self._clock, population)
        by_window = ClosedForm if population.dynamics.gated else Sweep
        return by_window(self._clock, population, projection, window)
