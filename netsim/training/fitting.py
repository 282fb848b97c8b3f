"""Fit initial weights and learning rates to a network, based on the activity with drawn weights.

Populations are fitted in the order of propagation. The module presents some training stimuli. The equation of the
network determines the potentials of a population at some times of its window. Weights are scaled and biases are set so
that neurons fire within the window and at different times. Signs and zeros stay.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from netsim.engines import Batch, Engine
from netsim.engines.protocol import solves_equation
from netsim.measuring.potentials import Synaptic
from netsim.seams import optimizers, targets
from netsim.specification import InitialWeights, Network, Neurons, Population, Projection
from netsim.specification.grid import population_times
from netsim.specification.phrases import GAP, T_MAX, names, number
from netsim.specification.populations import STIMULUS
from netsim.specification.responses import effect, effect_of_bias
from netsim.specification.traits import has_bias, is_additive
from netsim.training.measured_rates import STEP, describe_measured_rates, measured_rates, stimuli_text
from netsim.weights.binary import forward_weights
from netsim.weights.initial import projections_with_initial, sign_factors
from netsim.weights.layout import Weights, bias_name, kernel_name

_FIRE = 0.6  # target fraction of hidden neurons that fire in their window
_AT_ONSET = 0.03  # largest fraction of neurons that fire at the onset; of outputs, if they have no biases
_OUTPUTS_AT = 0.4  # target time of output spikes, as a fraction of the output window
_FREE_AT = 1.5  # target time of neurons without a window, in encoding windows
_LEAKY_AT = 0.75  # the same for neurons that leak and so forget early spikes, if all neurons before them leak
_LATEST = 0.75  # latest target time of neurons without a window, as a fraction of the presentation
_FREE_SPREAD = 0.2  # target standard deviation of their latencies, in encoding windows
_SWING = 0.5  # largest standard deviation of potentials, as a fraction of the span of the window
_ENOUGH = 0.75  # fraction of the target that must fire without biases
_LEAST_REACH = 0.01  # smallest effect of a step, relative to its effect if all sources fired at 0 ms
_TIMES = 16
_HALVINGS = 12
_DECADES = 4.0  # search range of scales, in decades up and down
_SEARCHED = 200  # maximum number of neurons per population in the search of scales
_ROUNDS_OF_LOOPS = 3
_AS_FITTED = 0.02  # largest relative difference of weights that are drawn as a proposal says, beyond its rounding


@dataclass(frozen=True)
class Fitted:
    """Scales, biases and learning rates that fit a network.

    Attributes
    ----------
    scales : dict of float
        Factors of drawn weights, by name.
    biases : dict of ndarray
        Biases, by name.
    rates : dict of float
        Factors of the learning rate, by names of weights and biases.
    """

    scales: dict[str, float]
    biases: dict[str, np.ndarray]
    rates: dict[str, float]

    def apply(self, weights: Weights) -> None:
        """Scale drawn weights and set biases, in place."""
        for name, scale in self.scales.items():
            weights[name] *= weights[name].dtype.type(scale)
        for name, bias in self.biases.items():
            weights[name][...] = bias


def proposed(network: Network, fitted: Fitted) -> dict[str, InitialWeights]:
    """Return distributions close to the fitted weights, by projection, for a specification.

    A specification has one bias per population: the mean of the fitted biases. Signs balance weights as they are drawn.
    A population has no proposal if this undoes the fit.
    """
    distributions: dict[str, InitialWeights] = {}
    for population in network.integrating:
        incoming, own = network.incoming(population.name), dict[str, InitialWeights]()
        static = sum(each.initial.bias for each in incoming)  # projections that are fitted have no bias of their own
        bias = fitted.biases.get(bias_name(population))
        for projection in incoming:
            if (scale := fitted.scales.get(kernel_name(projection))) is not None:
                initial = projection.initial
                begin = 0.0 if bias is None else float(f"{bias.mean() - static:.3g}")
                spread = float(f"{initial.spread * scale:.3g}")
                own[projection.name] = replace(initial, spread=spread, bias=begin)
                bias = None  # the first projection determines the bias
        if _are_drawn_as_fitted(network, population, own, fitted):
            distributions |= own
    return distributions


def _are_drawn_as_fitted(
    network: Network, population: Population, own: Mapping[str, InitialWeights], fitted: Fitted
) -> bool:
    """Return whether weights with signs keep the size of the fit if they are drawn from other distributions."""
    initial = {each.name: own.get(each.name, each.initial) for each in network.projections}
    changed = replace(
        network, projections=tuple(replace(each, initial=initial[each.name]) for each in network.projections)
    )
    before, after = (np.array(sign_factors(each, population.name)) for each in (network, changed))
    for projection in network.incoming(population.name):
        signs, scale = network.weight_signs(projection), fitted.scales.get(kernel_name(projection), 1.0)
        if signs is None or not projection.initial.spread:
            continue
        exist = np.array([(signs > 0).any(), (signs < 0).any()])
        wanted = before[exist] * projection.initial.spread * scale
        drawn = after[exist] * initial[projection.name].spread
        if (np.abs(drawn - wanted) > _AS_FITTED * np.abs(wanted)).any():
            return False
    return True


def is_fitted(network: Network, population: Population) -> bool:
    """Return whether the initial weights onto a population are fitted.

    Specified distributions and weights stay unchanged. Static weights do too. Centred outputs keep the drawn mean.
    """
    if not population.integrates or (population is network.output and network.learning.centred_outputs):
        return False
    incoming = network.incoming(population.name)
    scaled = any(_is_scaled(network, projection) for projection in incoming)
    return scaled and not projections_with_initial(network, incoming)


def _is_scaled(network: Network, projection: Projection) -> bool:
    return projection.plastic and projection.connectivity.known_weights(*network.ends(projection)) is None


def fit(engine: Engine, network: Network, weights: Weights, stimuli: np.ndarray) -> Fitted:
    """Fit the drawn weights of a network, and its learning rates.

    If the engine does not solve the equation of the specification, or a family is not additive, only learning rates are
    fitted, to the measured shift of first spikes that a change of the weights causes.

    Parameters
    ----------
    engine : Engine
    network : Network
    weights : dict of ndarray
        Drawn latent weights. They are not changed.
    stimuli : ndarray of float, shape (presentations, height, width, channels)
        Latencies (ms) of some training stimuli.

    Returns
    -------
    Fitted
    """
    if not (solves_equation(engine) and is_additive(network)):
        return Fitted({}, {}, measured_rates(engine, network, weights, stimuli))
    weights = {name: array.copy() for name, array in weights.items()}
    fitted = Fitted({}, {}, {})
    for component in network.components:
        chosen = [population for population in component if population.integrates]
        incoming = [projection for population in chosen for projection in network.incoming(population.name)]
        loops = any(network.is_recurrent(projection) for projection in incoming)
        for turn in range(_ROUNDS_OF_LOOPS if loops else min(1, len(chosen))):
            latencies = engine.present(Batch(stimuli, forward_weights(network, weights)))
            for population in chosen:
                # the activity within a loop is unknown at first
                counted = [
                    projection
                    for projection in network.incoming(population.name)
                    if turn or not network.is_recurrent(projection)
                ]
                potentials = _Potentials.of(network, population, counted, weights, latencies)
                if is_fitted(network, population):
                    _fit_population(network, potentials, weights, fitted)
                fitted.rates.update(potentials.rates(network))
    return fitted


def describe_fit(network: Network, by_equation: bool = True, stimuli: int | None = None) -> str:
    """Describe the fit, for the model description. `by_equation` means that the engine solves the equation.

    `stimuli` is as in `stimuli_text`.
    """
    if network.weighting.is_binary:
        return "None: weights are binary"
    if not (by_equation and is_additive(network)):
        return describe_measured_rates(network, stimuli)
    chosen = (
        []
        if network.training.pretrained
        else [population for population in network.integrating if is_fitted(network, population)]
    )
    text, biased = [], has_bias(network)
    if chosen:
        in_turns = f" (loops in {_ROUNDS_OF_LOOPS} turns)" * any(map(network.is_recurrent, network.projections))
        one_by_one = f"are fitted one after another, in the order of spikes{in_turns}"
        sentences = (
            f"Before the first update, {names(population.name for population in chosen)}"
            f" {one_by_one if len(chosen) > 1 else 'is fitted'}, with {stimuli_text(stimuli)}.",
            f"All drawn weights onto a population are multiplied by one factor{', and biases are set' * biased}.",
            f"The equations of the neurons, at {_TIMES} times of their window, decide.",
            *_described_targets(network, chosen),
        )
        text.append(" ".join(sentences))
    if optimizers[network.learning.optimizer].normalises:
        text.append(
            f"The learning rate of the weights onto a population{' and of its biases' * biased} is multiplied by"
            rf" ${number(STEP)}{GAP}S / R$. $S$ is the potential that the drive adds during the window,"
            " or half of the threshold. $R$ is the potential that weights"
            f"{' and biases' * biased} of 1 would lead to, in the mean over neurons and stimuli (at least"
            f" {_LEAST_REACH:g} of what it would be if all sources fired at 0 ms)."
        )
    return "\n".join(text) or "Nothing is fitted: initial weights and rates are given"


def _described_targets(network: Network, chosen: Sequence[Population]) -> list[str]:
    """Describe the times of `_Window` for populations that are fitted, in sentences."""
    output, sentences = network.output, []
    windowless = [each for each in chosen if not each.dynamics.onset > 0]
    hidden = [each for each in chosen if each is not output]
    if any(each not in windowless for each in hidden):
        sentences.append(
            f"A share of {_FIRE:g} of the hidden neurons with a window fires in it, in time for a target, and at most"
            f" {_AT_ONSET:g} at its onset."
        )
    if windowless:
        begin, late = _spikes_from(network), _late(network)
        leaks = any(each.name not in late for each in windowless)
        leaky = rf" or, if they and all neurons before them leak, by ${number(_LEAKY_AT)}{GAP}{T_MAX}$" * leaks
        later = any(begin[each.name] > 0 for each in windowless)
        after = " after spikes can reach them (onsets and mean delays on the slowest way)" * later
        limited = any(_heard_until(network, each) < network.duration for each in windowless if each is not output)
        sooner = f" (with a delay or a gate after them, a share of {_FIRE:g}, in time for a target)" * limited
        sentences.append(
            f"Half of the neurons without a window fire by ${number(_FREE_AT)}{GAP}{T_MAX}${leaky}{after}, and not"
            f" later than a share of {_LATEST:g} of the presentation{sooner}."
        )
    if any(each in windowless for each in hidden):
        sentences.append(
            "The latencies of such hidden neurons have a standard deviation of at most"
            rf" ${number(_FREE_SPREAD)}{GAP}{T_MAX}$ over stimuli."
        )
    if output in chosen:
        by = f"Half of the outputs fire by a share of {_OUTPUTS_AT:g} of their window, with latencies that have"
        sentences.append(
            f"{'The latencies of outputs have' if output in windowless else by} a standard deviation of at most"
            f" {number(_spread_of_outputs(network))} ms in a presentation."
        )
    return sentences


class _Window(NamedTuple):
    """Target firing times (ms) of a population, their spread, and the range of potentials."""

    times: np.ndarray  # times with known potentials (ms)
    last: int  # index of the time until which the target fraction fires
    share: float
    span: float  # range of potentials
    onset: float  # onset (ms), -1 if neurons may fire from the start
    spread: float  # largest standard deviation of latencies (ms)

    @classmethod
    def of(cls, network: Network, population: Population) -> Self:
        neurons, times = population.dynamics, population_times(network, population, network.training.dt)
        t_max, output, end = network.encoder.t_max, population is network.output, min(times.end, network.duration)
        spread = _spread_of_outputs(network) if output else np.inf
        if not output:
            end = min(end, _heard_until(network, population))
        if times.onset > 0:
            last = times.onset + _OUTPUTS_AT * (end - times.onset) if output else end
            before = np.linspace(times.onset, last, _TIMES)
            after = np.linspace(last, end, _TIMES + 1)[1:] if output else before[:0]
            span = neurons.drive * float(neurons.by_constant(np.array(end - times.onset))) / neurons.tau
            spread = min(spread, (end - times.onset) / 5)
            return cls(np.append(before, after), _TIMES - 1, 0.5 if output else _FIRE, span, times.onset, spread)
        aim = _FREE_AT if population.name in _late(network) else _LEAKY_AT
        latest = aim * t_max + _spikes_from(network)[population.name]
        last = min(latest, end if end < network.duration else _LATEST * end)
        share = _FIRE if end < network.duration and not output else 0.5
        if not output:
            spread = _FREE_SPREAD * t_max
        steps = np.linspace(0.0, last, _TIMES + 1)[1:]
        return cls(np.append(steps, steps + last), _TIMES - 1, share, neurons.threshold, -1.0, spread)


def _late(network: Network) -> set[str]:
    """Return populations without a window that do not leak, and those that hear from them, directly or not."""
    late: set[str] = set()
    for component in network.components:
        own = [each for each in component if not (each.integrates and each.dynamics.onset > 0)]
        sources = {projection.source for each in own for projection in network.incoming(each.name)}
        if sources & late or any(each.integrates and not each.dynamics.kind.fading for each in own):
            late |= {each.name for each in own}
    return late


def _heard_until(network: Network, population: Population) -> float:
    """Return until when spikes of a population can move a spike of a target (ms)."""
    onset = population.dynamics.onset if population.integrates else 0.0
    until = []
    for projection in network.outgoing(population.name):
        target = network.population(projection.target)
        delay = projection.mean_delay
        if target.integrates:
            times = population_times(network, target, network.training.dt)
            # a gated population hears its own loop after the gate
            gate = times.end if network.is_recurrent(projection) else times.gate
            until.append(min(gate, times.end) - delay)
        else:
            until.append(_heard_until(network, target) - delay)
    return max((time for time in until if time > onset), default=network.duration)


def _spikes_from(network: Network) -> dict[str, float]:
    """Return when spikes can begin to reach each population (ms).

    Onsets and mean delays on the slowest way count. Loops count from populations with an onset, and for populations
    that hear nothing else.
    """
    begin = {STIMULUS: 0.0}
    for component in network.components:
        waiting = list(component)
        while waiting:
            ways = {each.name: _ways(network, each, begin) for each in waiting}
            # in a loop, populations that hear from outside come first
            reached = [each for each in waiting if ways[each.name]] or waiting
            begin |= {each.name: max(ways[each.name], default=0.0) for each in reached}
            waiting = [each for each in waiting if each.name not in begin]
    return begin


def _ways(network: Network, population: Population, begin: Mapping[str, float]) -> list[float]:
    """Return when spikes can begin to reach a population, by each source that counts (ms)."""
    outer, inner = list[float](), list[float]()
    for projection in network.incoming(population.name):
        source = projection.source
        onset = 0.0 if source == STIMULUS else network.firing_window(source)[0]
        if onset > 0 or source in begin:
            arrival = max(onset, begin.get(source, 0.0)) + projection.mean_delay
            (outer if onset > 0 or not network.is_recurrent(projection) else inner).append(arrival)
    return outer or inner


def _spread_of_outputs(network: Network) -> float:
    """Return the spread of output latencies (ms) that the targets can distinguish."""
    chosen = targets[network.learning.targets].from_network(network)
    spread = chosen.spread() if hasattr(chosen, "spread") else None
    return network.encoder.t_max / network.learning.sharpness if spread is None else spread


class _Potentials(NamedTuple):
    """Potentials of a population in its window, by cause."""

    population: Population
    window: _Window
    synaptic: np.ndarray  # of weights that the fit scales, (times, presentations, neurons)
    inhibition: np.ndarray  # part of inhibitory projections
    fixed: np.ndarray  # of the other weights, or empty
    by_bias: np.ndarray  # (times,), for a bias of 1
    by_drive: np.ndarray  # (times,)
    by_step: Mapping[str, float]  # for weights of 1, mean over neurons and presentations

    @classmethod
    def of(
        cls,
        network: Network,
        population: Population,
        projections: Sequence[Projection],
        weights: Weights,
        latencies: Mapping[str, np.ndarray],
    ) -> Self:
        neurons, window = population.dynamics, _Window.of(network, population)
        times = population_times(network, population, network.training.dt)
        presentations = len(next(iter(latencies.values())))
        synaptic = np.zeros((len(window.times), presentations, population.size))
        inhibition = np.zeros_like(synaptic) if not population.has_bias else synaptic[:0]
        some_fixed = not all(_is_scaled(network, projection) for projection in projections)
        fixed = np.zeros_like(synaptic) if some_fixed else synaptic[:0]
        by_step = {}
        at = 0 if neurons.gated else window.last
        for projection in projections:
            synapses = Synaptic(network, projection, weights, latencies, network.training.dt)
            is_scaled = _is_scaled(network, projection)
            for k, time in enumerate(window.times.tolist()):
                moved = synapses.at(np.full(presentations, time)) / neurons.tau
                if not is_scaled:
                    fixed[k] += moved
                    continue
                synaptic[k] += moved
                if not population.has_bias and _inhibits(network, projection):
                    inhibition[k] += moved
            reach = synapses.of_weight_one(np.full(presentations, window.times[at])).mean()
            synapses_each = network.synapse_count(projection) / population.size
            most = synapses_each * _largest_effect(neurons, projection, window.times[at])
            by_step[kernel_name(projection)] = max(float(reach), _LEAST_REACH * most) / neurons.tau
        by_bias = effect_of_bias(neurons, window.times, times) / neurons.tau
        if population.has_bias:
            by_step[bias_name(population)] = float(by_bias[at])
        by_drive = neurons.drive * neurons.by_constant(window.times - max(window.onset, 0.0)) / neurons.tau
        return cls(population, window, synaptic, inhibition, fixed, by_bias, by_drive, by_step)

    def rates(self, network: Network) -> dict[str, float]:
        """Return factors of learning rates, so that steps move all potentials by the same fraction of the span."""
        reach = sum(self.by_step.values())
        free = 0.5 if self.window.onset < 0 else 1.0
        factor = STEP * free * self.window.span / reach if reach > 0 else 1.0
        return dict.fromkeys(self.by_step, float(f"{factor:.3g}"))

    def by_map(self, potentials: np.ndarray, most: int | None = None) -> np.ndarray:
        """Return potentials (times, presentations and positions, maps), of at most `most` neurons."""
        times, presentations, size = potentials.shape
        maps = self.population.maps
        apart = potentials.reshape(times, presentations, size // maps, maps)
        if most is not None and size > most:
            positions = max(1, most // maps)
            apart = apart[:, :, :: max(1, -(-(size // maps) // positions)), :: max(1, maps // most)]
        return apart.reshape(times, -1, apart.shape[-1])

    def fixed_by_map(self, most: int | None = None) -> np.ndarray | float:
        """Return potentials of fixed weights like `by_map`, or 0 without such weights."""
        return self.by_map(self.fixed, most) if self.fixed.size else 0.0

    def biases(self, potentials: np.ndarray) -> np.ndarray:
        """Return the bias per map with which the target fraction fires in time, or 0 without biases."""
        if not self.population.has_bias:
            return np.zeros(potentials.shape[-1])
        until = slice(0, self.window.last + 1)
        missing = self.population.dynamics.threshold - potentials[until] - self.by_drive[until, None, None]
        needed = (missing / self.by_bias[until, None, None]).min(axis=0)
        quantiles: np.ndarray = np.quantile(needed, self.window.share, axis=0, method="higher")
        return quantiles

    def latencies(self, potentials: np.ndarray, biases: np.ndarray) -> np.ndarray:
        """Return interpolated times (ms) at which potentials reach threshold, ``inf`` if not in the window."""
        times, threshold = self.window.times, self.population.dynamics.threshold
        over = potentials + self.by_bias[:, None, None] * biases + self.by_drive[:, None, None] - threshold
        reached = over >= 0
        first = np.maximum(reached.argmax(axis=0), 1)
        before, after = (np.take_along_axis(over, (first - shift)[None], 0)[0] for shift in (1, 0))
        rise = np.where(after > before, after - before, 1.0)
        crossings = times[first - 1] + (times[first] - times[first - 1]) * np.clip(-before / rise, 0.0, 1.0)
        crossings[reached[0]] = times[0]
        return np.where(reached.any(axis=0), crossings, np.inf)

    def too_strong(self, potentials: np.ndarray, output: bool) -> bool:
        """Return whether synapses spread neurons beyond their window."""
        window = self.window
        at = 0 if self.population.dynamics.gated else window.last
        if potentials[at].std(axis=0).mean() > _SWING * window.span:
            return True
        latencies = np.minimum(self.latencies(potentials, self.biases(potentials)), window.times[-1])
        if output:
            return bool(latencies.std(axis=1).mean() > window.spread)
        if window.onset > 0:
            return bool((latencies <= window.onset).mean() > _AT_ONSET)
        return bool(latencies.std(axis=0).mean() > window.spread)

    def share_until(self, potentials: np.ndarray, time: float) -> float:
        """Return the fraction of neurons that fire until a time (ms)."""
        return float((self.latencies(potentials, self.biases(potentials)) <= time).mean())


def _largest_effect(neurons: Neurons, projection: Projection, until: float) -> float:
    """Return the potential times `tau` that a weight of 1 has by a time, or before it if the potential leaks."""
    times = np.linspace(0.0, until, _TIMES + 1) if neurons.kind.fading else np.array([until])
    return float(effect(neurons, projection.psp.kernel, 0.0, times).max())


def _fit_population(network: Network, potentials: _Potentials, weights: Weights, fitted: Fitted) -> None:
    """Scale the weights onto a population and set its biases, in `weights`, and record both in `fitted`."""
    population, output = potentials.population, potentials.population is network.output
    some, fixed = potentials.by_map(potentials.synaptic, _SEARCHED), potentials.fixed_by_map(_SEARCHED)
    scale = _largest(some, lambda each: not potentials.too_strong(fixed + each, output), potentials.window.span)
    weaker = 1.0
    if not population.has_bias:
        scale, weaker = _without_bias(potentials, some, fixed, scale)
    for projection in network.incoming(population.name):
        if _is_scaled(network, projection):
            name = kernel_name(projection)
            factor = scale * (weaker if _inhibits(network, projection) else 1.0)
            weights[name] *= weights[name].dtype.type(factor)
            fitted.scales[name] = float(f"{fitted.scales.get(name, 1.0) * factor:.6g}")
    if population.has_bias:
        name = bias_name(population)
        biases = potentials.biases(potentials.by_map(potentials.synaptic) * scale + potentials.fixed_by_map())
        weights[name][...] = fitted.biases[name] = biases


def _without_bias(
    potentials: _Potentials, some: np.ndarray, fixed: np.ndarray | float, scale: float
) -> tuple[float, float]:
    """Return scales of all weights and of inhibition with which enough neurons without biases fire in time."""
    window, wanted = potentials.window, _ENOUGH * potentials.window.share

    def fire(each: np.ndarray) -> bool:
        return potentials.share_until(fixed + each, window.times[window.last]) >= wanted

    def fire_later(each: np.ndarray) -> bool:
        return potentials.share_until(fixed + each, window.times[-1]) >= wanted

    if fire(some * scale):
        return scale, 1.0
    inhibition = potentials.by_map(potentials.inhibition, _SEARCHED)
    for weaker in (0.5, 0.25, 0.125, 0.0625):
        less = some - (1 - weaker) * inhibition
        if inhibition.any() and fire(less * scale):
            return scale, weaker
    before = scale
    for strength in np.geomspace(2.0, 1e4, 13).tolist():
        stronger = some * scale * strength
        # neurons at the onset learn nothing, and those that fire late will learn to fire earlier
        if potentials.share_until(fixed + stronger, window.onset) > _AT_ONSET and fire_later(some * before):
            return before, 1.0
        if fire(stronger):
            return scale * strength, 1.0
        before = scale * strength
    return scale, 1.0


def _inhibits(network: Network, projection: Projection) -> bool:
    """Return whether all weights of a projection are inhibitory by constraint."""
    signs = network.weight_signs(projection)
    return signs is not None and bool((signs < 0).all())


def _largest(potentials: np.ndarray, allowed: Callable[[np.ndarray], bool], span: float) -> float:
    """Return the largest allowed scale of potentials, bounded by potentials far beyond the span."""
    most = float(np.abs(potentials).max())
    if most == 0:
        return 1.0
    low, high = -_DECADES, _DECADES
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(potentials * (10**middle * span / most)) else (low, middle)
    return 10**low * span / most
