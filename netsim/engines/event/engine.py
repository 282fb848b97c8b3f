"""The event-driven engine, which computes spike times without time steps.

The family of neurons (`netsim.specification.families`) says how their potentials move. The generic loop
(`netsim.engines.event.loop`) serves every family, connectivity, delay, loop and competition. Some families have faster
loops, which `netsim.engines.event.stages` chooses. Presentations run in parallel. On a grid, the same computation
counts in whole steps and rounds spike times up, like a clock-driven engine.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from netsim.engines import Batch, Latencies, Potential, Recorded
from netsim.engines.event.clock import Clock, multiply
from netsim.engines.event.competition import silencing
from netsim.engines.event.component import ComponentStage, Run
from netsim.engines.event.loop import Loop
from netsim.engines.event.potentials import potential_traces
from netsim.engines.event.sparse import RelayStage
from netsim.engines.event.stages import STAGES, Stage
from netsim.engines.event.windows import convert, in_type
from netsim.engines.protocol import RunsConversations, check_record, checked_batch, copy_stimuli, presenting_alone
from netsim.numerics.compilation import is_compiled_for
from netsim.numerics.threads import over_presentations
from netsim.specification import STIMULUS, Network, Population
from netsim.specification.checks import check_choice
from netsim.specification.grid import stimuli_on_grid
from netsim.weights.layout import Weights, axonal_delays, check_values, check_weights, have_shapes, weight_shapes


class _Alone:
    """A population without loops, as a component of the network."""

    def __init__(self, clock: Clock, population: Population, stage: Stage) -> None:
        self._name = population.name
        self._incoming = [projection.name for projection in clock.network.incoming(population.name)]
        self._stage = stage
        self._dtype = clock.dtype
        self._silence = silencing(clock, population) if population.winners is not None else None

    def prepare(self, weights: Weights, thresholds: Mapping[str, np.ndarray], late: Mapping[str, np.ndarray]) -> Run:
        """See `ComponentStage`."""
        first_spikes = self._stage.prepare(weights, thresholds.get(self._name))

        def run(
            arriving: Mapping[str, np.ndarray], silenced: Mapping[str, np.ndarray], spikes: Mapping[str, np.ndarray]
        ) -> None:
            target, sources = spikes[self._name], [arriving[name] for name in self._incoming]
            # ranks have the precision of the arithmetic
            result = target if self._silence is None else in_type(target, self._dtype)
            first_spikes(sources, result)
            if self._name in silenced:
                result[silenced[self._name]] = np.inf
            if self._silence is not None:
                self._silence(result)
                convert(result, target)

        return run


def _sources_before(network: Network, population: Population) -> list[tuple[str, str]]:
    """Return names and sources of the projections from outside the population's component."""
    return [
        (projection.name, projection.source)
        for projection in network.incoming(population.name)
        if not network.is_recurrent(projection)
    ]


class EventEngine(RunsConversations):
    """Present stimuli event by event. Parameters that do not fit the network raise a SpecificationError.

    Parameters
    ----------
    network : Network
    dt : float
        Time step of the grid of spikes (ms), or 0 for exact times. Latencies of stimuli, delays and breakpoints of PSPs
        move to the nearest step, halves up. Onsets, gates and ends move to the first step at or after them.
    precision : {"double", "single"}
        Precision of arithmetic and latencies. On a grid, the engine always uses double precision, because a rounding
        error could move a spike by a whole step.
    record : sequence of Recorded
        Neurons whose `potentials` are recorded in the last batch, at the times where their slope may change.
    generic : bool
        Use the generic loop (`netsim.engines.event.loop`) for all neurons. It is slow, and checks the faster loops.
    """

    solves_equation = True

    def __init__(
        self,
        network: Network,
        dt: float = 0.0,
        precision: str = "double",
        record: Sequence[Recorded] = (),
        generic: bool = False,
    ) -> None:
        check_choice(precision, ("single", "double"), "precision")
        check_record(network, record)
        self.network = network
        self.dt = network.check_dt(dt) if dt != 0 else 0.0
        self.precision = precision
        self.record = tuple(record)
        self.generic = generic
        self.potentials: list[Potential] = []
        self._clock = Clock(network, self.dt, precision)
        # looked up once, because each look-up takes as long as a small layer
        self._shapes = weight_shapes(network)
        self._made: list[ComponentStage | _Alone] = []
        self._members = [
            [(population.name, _sources_before(network, population)) for population in each]
            for each in network.components
        ]

    def __repr__(self) -> str:
        return f"EventEngine({self.network.name!r}, dt={self.dt}, precision={self.precision!r})"

    def present(self, batch: Batch) -> Latencies:
        """Return first-spike latencies (ms) of the stimulus and of all populations.

        Raise the errors of `checked_batch` and `copy_stimuli`. An engine presents one batch at a time. Raise RunError
        if another thread is using it.
        """
        with presenting_alone(self):
            return self._present(batch)

    def _present(self, batch: Batch) -> Latencies:
        network = self.network
        batch = checked_batch(network, batch, values_later=True)
        if not have_shapes(batch.weights, self._shapes):
            check_weights(network, batch.weights, "weights")
        elif not batch.weights_checked:
            check_values(network, batch.weights, "weights")
        if odd := [name for name, array in batch.weights.items() if not is_compiled_for(array.dtype)]:
            doubled = {name: batch.weights[name].astype(np.float64) for name in odd}
            batch = dataclasses.replace(batch, weights={**batch.weights, **doubled})
        latencies = self._spikes(batch)
        self.potentials = potential_traces(network, batch, latencies, self.record, self.dt) if self.record else []
        return latencies

    def _spikes(self, batch: Batch) -> Latencies:
        """Return the latencies of a checked batch."""
        network, clock, count = self.network, self._clock, len(batch.stimuli)
        late, runs = self._prepared(batch)
        latencies = Latencies({name: np.empty((count, *shape), clock.dtype) for name, shape in network.shapes.items()})

        def present_part(part: slice) -> None:
            copy_stimuli(network, batch.stimuli, part, latencies[STIMULUS])
            outcome = {name: latency[part] for name, latency in latencies.items()}
            if self.dt:
                outcome[STIMULUS][:] = stimuli_on_grid(outcome[STIMULUS], network.duration, self.dt)
            counted = {STIMULUS: clock.count(outcome[STIMULUS])}
            silenced = {name: neurons[part] for name, neurons in batch.silenced.items()}
            for members, run in zip(self._members, runs, strict=True):
                counted |= self._fire(members, run, outcome, counted, late, silenced)

        if count:
            over_presentations(count, present_part)
        return latencies

    def _prepared(self, batch: Batch) -> tuple[dict[str, np.ndarray], list[Run]]:
        """Return the delays of axons, in units of the clock, and the functions that compute the components."""
        axons = axonal_delays(self.network, batch.weights, batch.delays)
        late = {name: self._clock.count(delay) for name, delay in axons.items()}
        return late, [stage.prepare(batch.weights, batch.thresholds, late) for stage in self._stages]

    def _fire(
        self,
        members: Sequence[tuple[str, list[tuple[str, str]]]],
        run: Run,
        outcome: Mapping[str, np.ndarray],
        counted: Mapping[str, np.ndarray],
        late: Mapping[str, np.ndarray],
        silenced: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """Compute the spikes of one component. Write latencies to `outcome`, and return counted times."""
        arriving, spikes = {}, {}
        for name, sources in members:
            times = outcome[name]
            spikes[name] = np.empty(times.shape, self._clock.times) if self.dt else times
            for projection, source in sources:
                sent = counted[source]
                arriving[projection] = sent + late[projection] if projection in late else sent
        run(arriving, silenced, spikes)
        for name, times in spikes.items():
            if self.dt:
                multiply(times.reshape(-1), self.dt, outcome[name].reshape(-1))
        return spikes

    @property
    def _stages(self) -> list[ComponentStage | _Alone]:
        """Stages by component of the network, made at the first use.

        Before Python 3.12, `cached_property` has a lock on which a forked process could hang.
        """
        if not self._made:
            self._made = self._make_stages()
        return self._made

    def _make_stages(self) -> list[ComponentStage | _Alone]:
        stages: list[ComponentStage | _Alone] = []
        for component in self.network.components:
            population = component[0]
            fast: type[Stage] | type[ComponentStage] | None = None
            if not population.integrates:
                fast = RelayStage
            elif not self.generic and (choose := STAGES.get(population.dynamics.kind.kernels)) is not None:
                fast = choose(self._clock, component)
            if fast is None:
                stages.append(Loop(self._clock, component))
            elif issubclass(fast, ComponentStage):
                stages.append(fast(self._clock, component))
            else:
                stages.append(_Alone(self._clock, population, fast(self._clock, population)))
        return stages
