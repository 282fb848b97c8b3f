"""Measures of activity that hinders learning: neurons that are silent, at their onset or too late, and ties.

A finding names a problem and its remedy in one sentence.
Training measures every batch. Each figure therefore takes at most one pass over the latencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.measuring.metrics import ROUNDING, Decisions, at_onset, decide, silent_fractions
from netsim.specification import STIMULUS, Learning, Network, Population, Projection
from netsim.specification.grid import breakpoint_steps, nearest_steps, population_times
from netsim.specification.phrases import names
from netsim.weights.initial import projections_with_initial
from netsim.weights.layout import ON_TIME, Weights, axonal_delay, synaptic_delay


class BatchHealth(NamedTuple):
    """Fractions of neurons by population over the presentations of a batch, and the decisions.

    Attributes
    ----------
    silent : dict of float
        Fraction of silent neurons, also of relays. The other figures are only for integrating populations.
    onset : dict of float
        Fraction that fired at the onset of a window that starts after 0 ms. Their potential was already above
        threshold.
    late : dict of float
        Fraction that fired too late to affect any target. 0 without targets.
    decisions : Decisions
    """

    silent: dict[str, float]
    onset: dict[str, float]
    late: dict[str, float]
    decisions: Decisions


class PopulationHealth(NamedTuple):
    """Activity and incoming weights of a population. Fractions are over neurons and presentations.

    Attributes
    ----------
    population : str
    silent, at_onset, too_late : float
        Fractions of neurons that are silent, fire at the onset of a window that starts after 0 ms, or fire too late to
        affect any target.
    lower_quartile_ms, median_ms, upper_quartile_ms : float
        Quartiles of the latencies of neurons that fired (ms), or NaN if none fired.
    excitation, inhibition : float
        Mean sums of the positive and of the negative weights onto a neuron, without padding.
    inhibitory : float or None
        Fraction of inhibitory neurons, or None if neurons have no sign.
    """

    population: str
    silent: float
    at_onset: float
    too_late: float
    lower_quartile_ms: float
    median_ms: float
    upper_quartile_ms: float
    excitation: float
    inhibition: float
    inhibitory: float | None


class ProjectionHealth(NamedTuple):
    """Spikes that arrive through a projection.

    Attributes
    ----------
    projection, source, target : str
    arrivals : float
        Spikes at synapses per presentation.
    too_late : float
        Fraction that arrives too late to affect the target: after the gate or the end of the window. NaN without
        arrivals.
    """

    projection: str
    source: str
    target: str
    arrivals: float
    too_late: float


class Health:
    """Measures of the batches of a network.

    Parameters
    ----------
    network : Network
    dt : float
        Time step of the latencies (ms), or 0 for exact times.
    """

    def __init__(self, network: Network, dt: float) -> None:
        self.network, self.dt = network, dt
        self.times = {population.name: population_times(network, population, dt) for population in network.integrating}
        self._learns_delays = any(projection.learns_delays for projection in network.projections)
        self._by_pre: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._deadlines: dict[str, np.ndarray] = {}

    def measure(self, latencies: Mapping[str, np.ndarray], weights: Weights) -> BatchHealth:
        """Return the fractions of a batch.

        Parameters
        ----------
        latencies : mapping of ndarray
            Latencies (ms) by population, ``inf`` for silence.
        weights : dict of ndarray
            Forward weights. Only their delays are used.

        Returns
        -------
        BatchHealth
        """
        deadlines = self.deadlines(weights)
        onset, late = {}, {}
        for name, times in self.times.items():
            onset[name] = self._share_at(latencies[name], times.onset)
            possible = deadlines[name].min() < times.end
            late[name] = _share_from(latencies[name], deadlines[name]) if possible else 0.0
        output = latencies[self.network.output.name]
        return BatchHealth(silent_fractions(self.network, latencies), onset, late, decide(output))

    def _share_at(self, latencies: np.ndarray, onset: float) -> float:
        if onset == 0:
            return 0.0
        return _share(latencies <= latencies.dtype.type(onset * (1 + ROUNDING)))

    def at_onset(self, decisions: Decisions) -> np.ndarray:
        """Return which presentations were decided at the onset of an output window that starts after 0 ms."""
        return at_onset(decisions, self.times[self.network.output.name].onset)

    def deadlines(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return the times (ms) from which spikes affect no target, by population. ``inf`` without targets.

        The result includes the stimulus. Arrays have the shape of the population, or ``()`` if all neurons share a
        time.
        """
        if not self._deadlines or self._learns_delays:
            deadlines: dict[str, np.ndarray] = {}
            for name in self.network.shapes:
                self._deadline(name, weights, deadlines)
            self._deadlines = deadlines
        return self._deadlines

    def _deadline(self, name: str, weights: Weights, deadlines: dict[str, np.ndarray]) -> np.ndarray:
        """Return and store the deadline of a population. Deadlines of relays after it are stored too."""
        if name not in deadlines:
            latest = np.array(-np.inf)
            for projection in self.network.outgoing(name):
                end = self.until(projection)
                if end is None:
                    end = float(self._deadline(projection.target, weights, deadlines).max())
                latest = np.maximum(latest, end - self._shortest_delay(projection, weights))
            deadlines[name] = latest if self.network.outgoing(name) else np.array(np.inf)
        return deadlines[name]

    def until(self, projection: Projection) -> float | None:
        """Return the time (ms) before which spikes must arrive to affect the target, or None for relays."""
        population = self.network.population(projection.target)
        if not population.integrates:
            return None
        times = self.times[population.name]
        gated = population.dynamics.gated and not self.network.is_recurrent(projection)
        steps = breakpoint_steps(self.network, projection, self.dt) if self.dt else ()
        delays = [step * self.dt for step in steps] or [delay for delay, _ in projection.psp.kernel]
        changes = [change for _, change in projection.psp.kernel]
        effect = min((delay for delay, change in zip(delays, changes, strict=True) if change), default=0.0)
        return (times.gate if gated else times.end - self.dt) - effect

    def delays(self, projection: Projection, weights: Weights) -> np.ndarray:
        """Return the delays of axons (ms) on the time grid, in the shape of the source or ``()``."""
        return self._on_grid(axonal_delay(projection, weights, ON_TIME))

    def synaptic(self, projection: Projection, weights: Weights) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the presynaptic neuron and the delay (ms) of each synapse, or None without individual delays."""
        delays = synaptic_delay(projection, weights)
        if delays is None:
            return None
        pre, weight, _ = self._synapses(projection)
        return pre, self._on_grid(delays.ravel()[weight])

    def _shortest_delay(self, projection: Projection, weights: Weights) -> np.ndarray:
        """Return the shortest delay (ms) of each neuron to any target."""
        single = self.synaptic(projection, weights)
        if single is None:
            return self.delays(projection, weights)
        first = self._synapses(projection)[2]
        source, _ = self.network.ends(projection)
        shortest = np.zeros(int(np.prod(source)))
        if len(first):
            shortest[single[0][first]] = np.minimum.reduceat(single[1], first)
        return shortest.reshape(source)

    def _synapses(self, projection: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return presynaptic neuron and weight index of each synapse, and the first synapse of each source neuron."""
        if projection.name not in self._by_pre:
            pre, _, weight = self.network.connections(projection)
            self._by_pre[projection.name] = pre, weight, np.flatnonzero(np.diff(pre, prepend=-1))
        return self._by_pre[projection.name]

    def _on_grid(self, delays: np.ndarray) -> np.ndarray:
        return nearest_steps(delays, self.dt) * self.dt if self.dt else delays


def is_late(times: np.ndarray, deadline: np.ndarray | float) -> np.ndarray:
    """Return which spikes come at or after a deadline (ms). Silence is not late."""
    # compare in the precision of the latencies; comparing with doubles is several times slower
    bound = np.asarray(deadline * (1 - ROUNDING), times.dtype)
    return (times >= bound) & (times < np.inf)


def _share_from(latencies: np.ndarray, deadline: np.ndarray) -> float:
    return _share(is_late(latencies, deadline))


def _share(chosen: np.ndarray) -> float:
    # a mean of booleans is several times slower
    return float(np.count_nonzero(chosen) / max(chosen.size, 1))


MOSTLY_SILENT = 0.95
"""Fraction of silent neurons above which a population without competition is reported."""
_MOSTLY = 0.5
"""Fraction of neurons at the onset, of late arrivals or of tied presentations above which they are reported."""
_OUTWEIGHS = 1.5
"""Ratio of summed inhibition to summed excitation above which inhibition is the reported cause of silence."""

_SHORTEST_TAU = 1 / 500
"""Time constant, in presentations, below which it is reported if it is also below 1 ms."""


class Finding(NamedTuple):
    """A problem of activity and its remedy.

    Attributes
    ----------
    kind : {"in seconds", "silent", "mostly silent", "at onset", "same time", "too late", "tied", "decided at onset"}
    where : str
        Name of the population, or of the projection whose spikes arrive too late.
    text : str
        Problem and remedy in one line.
    """

    kind: str
    where: str
    text: str


def advise(
    network: Network,
    batch: BatchHealth,
    populations: Sequence[PopulationHealth],
    projections: Sequence[ProjectionHealth],
    at_onset: np.ndarray,
    dt: float,
) -> list[Finding]:
    """Return problems and remedies in the order of propagation.

    Parameters
    ----------
    network : Network
    batch : BatchHealth
    populations, projections
        See `netsim.measuring.checking.Check`.
    at_onset : ndarray of bool
        Whether each presentation was decided at the onset of the output window.
    dt : float
        Time step of the grid (ms), or 0 for exact times.
    """
    if units := times_in_seconds(network):  # other findings would only be consequences
        return [Finding("in seconds", name, text) for name, text in units.items()]
    by_name = {health.population: health for health in populations}
    dead = {name for name, share in batch.silent.items() if share == 1}
    late = {arrivals.projection for arrivals in projections if arrivals.too_late > _MOSTLY}
    # consequences of silent sources or late spikes are not separate findings
    follows = {
        population.name: all(
            arrivals.source in dead or arrivals.projection in late
            for arrivals in projections
            if arrivals.target == population.name
        )
        for population in network.integrating
    }
    findings = []
    for population in network.in_order:
        if not population.integrates:
            continue
        name, health = population.name, by_name[population.name]
        incoming = [arrivals for arrivals in projections if arrivals.target == name]
        findings += [_too_late(network, arrivals) for arrivals in incoming if arrivals.projection in late]
        if health.silent == 1 and not follows[name]:
            # inhibition from neurons that never fire silences nothing
            is_inhibited = not any(arrivals.source in dead for arrivals in incoming)
            text = _silence(network, population, health, "no neuron fires", is_inhibited)
            findings.append(Finding("silent", name, text))
        elif health.silent > MOSTLY_SILENT and not follows[name] and not silences_on_purpose(network, population):
            few = f"{health.silent:.0%} of neurons are silent"
            findings.append(Finding("mostly silent", name, _silence(network, population, health, few)))
        if health.at_onset > _MOSTLY:
            findings.append(Finding("at onset", name, _onset(population, health.at_onset)))
        elif name != network.output.name and not dt and not follows[name] and _fires_at_once(health):
            findings.append(Finding("same time", name, _same_time(population, health)))
    tied, output = batch.decisions.tied, network.output.name
    if tied.mean() > _MOSTLY and by_name[output].at_onset <= _MOSTLY and not follows[output]:
        fact, remedy = tie_sentence(network, float(tied.mean()), float((tied & at_onset).sum() / tied.sum()), dt)
        findings.append(Finding("tied", output, f"{fact}; {remedy}"))
    elif at_onset.mean() > _MOSTLY and by_name[output].at_onset <= _MOSTLY:
        findings.append(Finding("decided at onset", output, _decided_at_onset(network, float(at_onset.mean()))))
    return findings


def advise_on_counts(
    network: Network, spikes: Mapping[str, float], onset_rate: float, accuracy: float = 0.0
) -> list[str]:
    """Return problems and remedies that an evaluation shows, in the order of propagation.

    Parameters
    ----------
    network : Network
    spikes : mapping
        Spikes per presentation by population, and of the stimulus.
    onset_rate : float
        Fraction of decisions at the onset of the output window.
    accuracy : float
        Strict accuracy. Mostly silent populations are no problem if it is nearer to 1 than to chance.
    """
    if units := times_in_seconds(network):
        return list(units.values())
    works = accuracy - 1 / network.outputs > 1 - accuracy
    dead = {name for name, count in spikes.items() if count == 0}
    lines = []
    for population in network.in_order:
        name = population.name
        sources = {projection.source for projection in network.incoming(name)}
        if not population.integrates or sources <= dead:  # silence caused by silent sources is not a separate finding
            continue
        silent = 1 - spikes[name] / population.size
        if name in dead:
            lines.append(f"{name}: no neuron fires; {stronger(network, population)}")
        elif silent > MOSTLY_SILENT and not works and not silences_on_purpose(network, population):
            lines.append(f"{name}: {silent:.0%} of neurons are silent; {stronger(network, population)}")
    if onset_rate > _MOSTLY:
        lines.append(_decided_at_onset(network, onset_rate))
    return lines


def times_in_seconds(network: Network) -> dict[str, str]:
    """Return a line for each population with a time constant that is probably in seconds, by population."""
    lines = {}
    for population in network.integrating:
        for name in ("tau", "tau_syn"):
            tau = getattr(population.dynamics, name)
            if tau is not None and tau < min(1.0, _SHORTEST_TAU * network.duration):
                where = f"{network.key_of(population)}.neurons.{name}"
                fact = f"{where}: {tau:g} ms is very short for presentations of {network.duration:g} ms"
                lines[population.name] = f"{fact}; times are in ms; did you mean {1000 * tau:g}?"
    return lines


def _decided_at_onset(network: Network, share: float) -> str:
    onset = f"at the onset of the window ({network.output.dynamics.onset:g} ms)"
    fact = f"{network.output.name}: {share:.0%} of decisions fall {onset}, so their latencies do not differ"
    learning = network.learning
    trained = f"lower learning.rate (now {learning.rate:g})"
    if learning.targets == "softmax" and learning.label_smoothing == 0:
        trained = f"set learning.label_smoothing = 0.05, or {trained}"
    return f"{fact}; if training moved them there, {trained}; otherwise {weaker(network.output)}"


def silences_on_purpose(network: Network, population: Population) -> bool:
    """Return whether a competition, a bound on biases or a price of spikes keeps most neurons silent."""
    return population.winners is not None or population.rest_below is not None or network.learning.activity > 0


def _fires_at_once(health: PopulationHealth) -> bool:
    """Return whether at least half of all spikes have the same latency."""
    spread = health.upper_quartile_ms - health.lower_quartile_ms
    return health.silent <= 0.5 and spread <= ROUNDING * max(1.0, health.upper_quartile_ms)


def _same_time(population: Population, health: PopulationHealth) -> str:
    fact = f"{population.name}: most spikes are at {health.median_ms:g} ms, whatever the stimulus"
    return f"{fact}; {weaker(population)}, or let its input arrive before its window opens"


def _silence(
    network: Network, population: Population, health: PopulationHealth, fact: str, is_inhibited: bool = True
) -> str:
    if is_inhibited and -health.inhibition > _OUTWEIGHS * health.excitation:
        inhibition = f"inhibitory weights onto a neuron sum to {health.inhibition:.3g}"
        sums = f"{inhibition}, excitatory ones to {health.excitation:.3g}"
        return f"{population.name}: {fact}: {sums}; weaken inhibition, or strengthen excitation"
    return f"{population.name}: {fact}; {stronger(network, population)}"


def stronger(network: Network, population: Population) -> str:
    """Return a remedy that makes a population fire."""
    remedy = f"raise {_initial(population)} of the projections onto it, or lower its threshold"
    steps = [] if network.weighting.is_binary else _steps_to_fit(network, population)
    if steps:
        remedy = f"{' and '.join(steps)}, so that training begins with fitted weights, or {remedy}"
    return f"{remedy} ({_threshold(population)})"


def _steps_to_fit(network: Network, population: Population) -> list[str]:
    """Return what to change so that the initial weights onto a population are fitted. Empty if they are."""
    given = projections_with_initial(network, network.incoming(population.name))
    steps = [f"remove initial of {names(given)}"] if given else []
    if not network.learning.fitted:
        steps.append("set learning.fitted = true")
        if network.learning.rate > Learning.rate:
            steps.append(f"learning.rate = {Learning.rate:g} (now {network.learning.rate:g})")
    return steps


def weaker(population: Population) -> str:
    """Return a remedy that makes a population fire later."""
    return f"lower {_initial(population)} of the projections onto it, or raise its threshold ({_threshold(population)})"


def _initial(population: Population) -> str:
    return "initial.bias, initial.mean or initial.spread" if population.has_bias else "initial.mean or initial.spread"


def _threshold(population: Population) -> str:
    return f"now {population.dynamics.threshold:g}"


def _onset(population: Population, share: float) -> str:
    onset = f"at the onset of their window ({population.dynamics.onset:g} ms)"
    fact = f"{share:.0%} of neurons fire {onset}, because their potential is over threshold before it"
    return f"{population.name}: {fact}; {weaker(population)}, or open the window earlier"


def tie_sentence(network: Network, share: float, at_onset: float, dt: float) -> tuple[str, str]:
    """Return cause and remedy of tied output spikes. `at_onset` is the fraction of ties at the onset."""
    output = network.output
    fact = f"{output.name}: the first spikes tie in {share:.0%} of presentations"
    if at_onset > _MOSTLY:
        onset = f"at the onset of the window ({output.dynamics.onset:g} ms)"
        return (
            f"{fact}, {onset}, because potentials are over threshold before it",
            f"{weaker(output)}, or open the window earlier",
        )
    if dt:
        return f"{fact}, on a time grid of {dt:g} ms", "choose a smaller training.dt, or 0 for exact times"
    return f"{fact}, at exact times", "give its neurons different weights, by a larger initial.spread"


def _too_late(network: Network, arrivals: ProjectionHealth) -> Finding:
    target = network.population(arrivals.target)
    projection = network.projection(arrivals.projection)
    gated = target.dynamics.gated and not network.is_recurrent(projection)
    limit = f"the gate ({target.dynamics.gate:g} ms)" if gated else f"the end ({network.window_end(target):g} ms)"
    fact = f"{arrivals.projection}: {arrivals.too_late:.0%} of its spikes arrive after {limit} of {arrivals.target}"
    remedies = [
        *(["shorten its delay"] if projection.delay != 0.0 else []),
        f"set a later {'onset' if gated else 'end'} of {arrivals.target}",
        *([f"make {arrivals.source} fire earlier"] if arrivals.source != STIMULUS else []),
    ]
    return Finding("too late", arrivals.projection, f"{fact}; {' or '.join(remedies)}")
