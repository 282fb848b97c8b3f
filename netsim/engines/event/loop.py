"""The generic loop: first spikes of any family, connectivity, delay, loop and competition, from event to event.

It is built from the functions of a family (`netsim.specification.families.Family`), and serves families without faster
loops. It is also the reference of the faster loops. For many presentations at once, it ::

    finds the next event: a breakpoint of a PSP at a synapse, the onset of a population, or the end
    finds neurons that reach threshold before it
    fires them, which adds events, or else moves all neurons to the event and adds its amounts to their currents

Changes of currents within the same instant do not affect a potential that reaches threshold. On a grid, times are whole
steps, and a neuron fires in the first step with a potential at or above threshold.
"""

from typing import Any

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.component import EQUAL, ComponentStage, Members, in_double
from netsim.engines.event.sparse import Synapses
from netsim.numerics.flows import DOUBLE
from netsim.specification import Population
from netsim.specification.families import Family
from netsim.specification.grid import TOLERANCE

_AT_ONCE = 2**22
"""Numbers per presentation times presentations; bounds memory."""


class Loop(ComponentStage):
    """A component of populations of one family. Arithmetic has double precision."""

    def __init__(self, clock: Clock, component: tuple[Population, ...]) -> None:
        super().__init__(clock, component)
        self.dtype = DOUBLE
        self.layout = in_double(self.layout, ("delays", "changes"))
        equal = np.array([EQUAL * population.dynamics.threshold for population in component])
        self.members = in_double(self.members, ("onset", "end", "drive"))._replace(equal=equal)
        self.family: type[Family] = component[0].dynamics.kind
        each = [self.family.parameters(population.dynamics, clock.dt) for population in component]
        self.parameters = type(each[0])(*(np.array(values)[self.members.owner] for values in zip(*each, strict=True)))

    def _start(self, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None) -> np.ndarray:
        """Return the threshold of each neuron. On a grid, all neurons of a population have the same tolerance."""
        common = population.dynamics.threshold
        reached = np.full(population.size, common * (1 - TOLERANCE) if self.clock.dt else common)
        return reached if thresholds is None else reached + (thresholds.ravel() - common)

    def _loop(self, start: np.ndarray, bias: np.ndarray) -> Any:
        return self._run, (start, bias)

    def _run(
        self,
        arrivals: np.ndarray,
        silenced: np.ndarray,
        synapses: Synapses,
        lag: np.ndarray,
        threshold: np.ndarray,
        bias: np.ndarray,
        members: Members,
        whole_steps: bool,
        instant: float,
        tie: float,
        bits: np.ndarray,
        spikes: np.ndarray,
    ) -> None:
        room = max(1, _AT_ONCE // (synapses.psp.size * synapses.delays.shape[1] + threshold.size))
        with np.errstate(all="ignore"):
            for first in range(0, len(spikes), room):
                part = slice(first, first + room)
                presentations = _Presentations(
                    self.family, self.parameters, threshold, bias, synapses, lag, members, arrivals[part],
                    silenced[part], whole_steps, instant, tie,
                )  # fmt: skip
                presentations.run()
                spikes[part] = presentations.spikes


class _Presentations:
    """Presentations under way. Arrays have the shapes (presentations,) or (presentations, neurons).

    `due` are the times of pending events, shape (presentations, lines times breakpoints).
    """

    def __init__(
        self,
        family: type[Family],
        parameters: Any,
        threshold: np.ndarray,
        bias: np.ndarray,
        synapses: Synapses,
        lag: np.ndarray,
        members: Members,
        arrivals: np.ndarray,
        silenced: np.ndarray,
        whole_steps: bool,
        instant: float,
        tie: float,
    ) -> None:
        self.family, self.p, self.threshold, self.bias = family, parameters, threshold, bias
        self.synapses, self.members, self.whole_steps, self.instant, self.tie = (
            synapses, members, whole_steps, instant, tie,
        )  # fmt: skip
        count, self.outer = arrivals.shape
        changes = synapses.changes[synapses.psp]
        self.delays = np.where(changes == 0, np.inf, synapses.delays[synapses.psp])
        self.delays[self.outer :] += lag[:, None]
        self.due = np.full((count, *self.delays.shape), np.inf)
        self.due[:, : self.outer] = arrivals[:, :, None] + self.delays[: self.outer]
        self.sender = np.repeat(np.arange(threshold.size), np.diff(members.first_line))
        """The neuron that sends spikes by each of the lines `members.lines` of the loop."""
        shape = (count, threshold.size)
        self.now, self.state = np.zeros((count, 1)), np.zeros((family.states, *shape))
        self.open, self.done, self.held = np.zeros(shape, bool), silenced.copy(), np.zeros(shape)
        self.opened = np.zeros(count, np.int64)
        self.onsets = np.append(members.onset[members.openings], np.inf)
        self.gated, self.drive = members.gated[members.owner], members.drive[members.owner]
        self.end, self.last = members.end[members.owner], members.end[members.last]
        self.tally = np.zeros((count, members.scopes), np.int64)
        self.spikes = np.full(shape, np.inf)

    def run(self) -> None:
        """Present until nothing happens any more."""
        matters = self.members.scopes > 0 or self.sender.size > 0
        while True:
            event, opening = self.due.min(axis=(1, 2), initial=np.inf), self.onsets[self.opened]
            until = np.minimum(np.minimum(event, opening), self.last)
            crossings = self._crossings(until)
            first = crossings.min(axis=1)
            fires = (first <= until + self.instant) & (first < opening)
            if not (fires | (until < self.last)).any():
                return
            self._advance(np.where(fires, first, until))
            together = np.minimum(until + self.instant, opening)
            chosen = fires[:, None] & (crossings <= together[:, None]) & (crossings < np.inf)
            self._fire(self._together(chosen, crossings, first) if matters else chosen, crossings)
            happens = ~fires & (until < self.last)
            self._open(happens & (opening == until))
            self._arrive(happens & (opening > until), event)

    @property
    def _rest(self) -> np.ndarray:
        """Constant currents at present."""
        return np.where(self.open, self.drive + np.where(self.gated, 0.0, self.bias), self.bias)

    def _crossings(self, until: np.ndarray) -> np.ndarray:
        """Return the next spikes until a time, as far as is known; ``inf`` for neurons that do not fire."""
        state, rest, elapsed = self.state, self._rest, np.zeros_like(self.spikes)
        limit = np.maximum(until[:, None] - self.now, 0.0) + self.instant
        searched = self.open & ~self.done
        spans = np.full_like(elapsed, np.inf)
        while searched.any():
            span = elapsed + self.family.crossing(state, rest, self.threshold, limit - elapsed, self.p)
            found = searched & (span <= limit)
            if not self.whole_steps:
                spans[found] = span[found]
                break
            span = np.ceil(np.where(found, span, 0.0))
            state = self.family.advance(self.state, rest, span, self.p)
            over = found & (state[0] >= self.threshold)
            spans[over] = span[over]
            # a potential that was over threshold only between two steps may come back
            elapsed, searched = np.where(found, span, elapsed), found & ~over & (span > elapsed)
        times = self.now + spans
        return np.where(times < self.end, times, np.inf)

    def _advance(self, times: np.ndarray) -> None:
        span = np.maximum(times[:, None] - self.now, 0.0)
        self.state = self.family.advance(self.state, self._rest, span, self.p)
        self.now = self.now + span

    def _together(self, chosen: np.ndarray, times: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Return the first neurons, and rivals of one of them that fire within the tie, before any other neuron."""
        owner, later = self.members.owner, times > first[:, None]
        chosen = chosen & (times <= first[:, None] + self.tie)
        rivals = (self.members.contest.scope >= 0) & (owner == owner[times.argmin(axis=1)][:, None])
        others = np.where(chosen & later & ~rivals, times, np.inf).min(axis=1)
        return chosen & (~later | (rivals & (times < others[:, None])))

    def _fire(self, fires: np.ndarray, times: np.ndarray) -> None:
        """Fire the neurons that competition allows. Their spikes travel along the lines of the loop."""
        if not fires.any():
            return
        self.done |= fires
        if self.members.scopes:
            for presentation in np.flatnonzero(fires.any(axis=1)).tolist():
                self._compete(presentation, fires)
        self.spikes[fires] = times[fires]
        sent = np.where(fires[:, self.sender], times[:, self.sender], np.inf)[:, :, None]
        lines = self.members.lines
        self.due[:, lines] = np.minimum(self.due[:, lines], sent + self.delays[lines])

    def _compete(self, presentation: int, fires: np.ndarray) -> None:
        """Silence the losers of a presentation, by their potential above threshold, then by number."""
        contest, tally = self.members.contest, self.tally[presentation]
        neurons = np.flatnonzero(fires[presentation])
        lead = self.state[0, presentation, neurons] - self.threshold[neurons]
        lead = np.rint(lead / self.members.equal[self.members.owner[neurons]])
        for neuron in neurons[np.lexsort((neurons, -lead))]:
            scope = contest.scope[neuron]
            if scope < 0:
                continue
            if tally[scope] >= contest.most[neuron]:
                fires[presentation, neuron] = False
                continue
            np.add.at(tally, contest.counted[contest.first_counted[neuron] : contest.first_counted[neuron + 1]], 1)

    def _open(self, chosen: np.ndarray) -> None:
        """Open the windows of the next populations in chosen presentations."""
        if not chosen.any():
            return
        population = self.members.openings[np.minimum(self.opened, self.members.openings.size - 1)]
        opens = chosen[:, None] & (self.members.owner == population[:, None])
        self.open |= opens
        self.opened += chosen
        self.state[1:, opens & self.gated] = 0.0
        self.state = self.family.arrive(self.state, np.where(opens, self.held, 0.0), self.p)

    def _arrive(self, chosen: np.ndarray, event: np.ndarray) -> None:
        """Add the amounts of all events at one time, in chosen presentations."""
        synapses, begins = self.synapses, self.synapses.first
        presentation, line, k = np.nonzero(chosen[:, None, None] & (self.due == event[:, None, None]))
        if not line.size:
            return
        self.due[presentation, line, k] = np.inf
        sizes = begins[line + 1] - begins[line]
        s = np.arange(sizes.sum()) + np.repeat(begins[line] - np.cumsum(sizes) + sizes, sizes)
        amounts = np.zeros((2, *self.spikes.shape))  # from outside and from the loop
        where = np.repeat(line >= self.outer, sizes).astype(int), np.repeat(presentation, sizes), synapses.post[s]
        np.add.at(amounts, where, np.repeat(synapses.changes[synapses.psp[line], k], sizes) * synapses.weights[s])
        outside, inside = amounts
        outside[self.open & self.gated] = 0.0
        if self.family.currents_from_onset:
            self.held += np.where(self.open, 0.0, inside)
            inside[~self.open] = 0.0
        self.state = self.family.arrive(self.state, outside + inside, self.p)
