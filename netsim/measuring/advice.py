"""Findings on the activity of a network: problem and remedy in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.measuring.health import BatchHealth, PopulationHealth, ProjectionHealth
from netsim.measuring.metrics import ROUNDING
from netsim.specification import STIMULUS, Learning, Network, Population
from netsim.specification.phrases import names
from netsim.weights.initial import projections_with_initial

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
