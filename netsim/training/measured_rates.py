"""Learning rates from measured shifts of first spikes, for neurons whose equation is unknown."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from netsim.engines import Batch, Engine
from netsim.seams import optimizers
from netsim.specification import Network, Population
from netsim.specification.phrases import GAP, number
from netsim.specification.traits import has_bias
from netsim.weights.binary import forward_weights
from netsim.weights.layout import Weights, bias_name, kernel_name

STIMULI = 100
"""Number of presented training stimuli for fitting."""
STEP = 120.0
"""Shift of a potential per optimizer step, as a fraction of the span of the window, per unit of the learning rate."""
_TRIALS = 12  # presentations with changed weights until a shift can be measured
_MEASURED = (0.02, 0.2)  # least and most shift of latencies that measures a rate, as a share of the median latency


def measured_rates(engine: Engine, network: Network, weights: Weights, stimuli: np.ndarray) -> dict[str, float]:
    """Return factors of learning rates from measured shifts, so that the unit of weights does not matter.

    A step of the optimizer shifts the spikes of each population by the same share of their median latency. Each
    projection contributes by its number of synapses for each neuron. The bias contributes by the square root of this
    number, which is how changes of as many synapses in random directions add up.
    """
    rates = {}
    latencies = engine.present(Batch(stimuli, forward_weights(network, weights)))
    for population in network.integrating:
        before = latencies[population.name]
        if not np.isfinite(before).any():
            continue
        span = float(np.median(before[np.isfinite(before)])) - population.dynamics.onset
        trials = _Trials(engine, network, weights, stimuli, population, before, span)
        synapses = trials.synapses()
        for name, count in synapses.items():
            per_unit = trials.shift_per_unit(name)
            if per_unit > 0:
                share = count / sum(synapses.values())
                rates[name] = float(f"{STEP * share * span / per_unit:.3g}")
    return rates


def stimuli_text(training: int | None) -> str:
    """Describe the stimuli of the fit, of so many training stimuli, or of an unknown number."""
    if training is not None and training <= STIMULI:
        return f"all {training} training stimuli"
    fewer = ", or all if there are fewer" * (training is None)
    return f"{STIMULI} training stimuli drawn by the seed{fewer}"


def describe_measured_rates(network: Network, stimuli: int | None = None) -> str:
    """Describe the measured rates, for the model description. `stimuli` is as in `stimuli_text`."""
    drawn = "Initial weights are not fitted, because the engine does not solve the equations of this description"
    if network.training.pretrained or not optimizers[network.learning.optimizer].normalises:
        return drawn
    biased = has_bias(network)
    least, most = _MEASURED
    return (
        f"{drawn}. Before the first update, learning rates are measured with {stimuli_text(stimuli)}."
        f" All weights of a projection{' or all biases of a population' * biased} grow by the same amount, until"
        f" the spikes of the target shift by {least:g} to {most:g} of $t$ in the mean. $t$ is the median latency of the"
        " population since its onset. Only neurons that fire with and without the change count. The learning rate is"
        rf" multiplied by ${number(STEP)}{GAP}n{GAP}t / s$. $s$ is the shift per unit of weight. $n$ is the"
        f" fraction of the synapses of a neuron{', where a bias counts as the square root of their number' * biased}."
    )


class _Trials(NamedTuple):
    """Presentations with changed weights onto a population."""

    engine: Engine
    network: Network
    weights: Weights
    stimuli: np.ndarray
    population: Population
    before: np.ndarray  # latencies with unchanged weights (ms)
    span: float  # median latency since the onset (ms)

    def synapses(self) -> Mapping[str, float]:
        """Return synapses for each neuron by name of the weights. A bias counts as the square root of their number."""
        network, population = self.network, self.population
        incoming = [projection for projection in network.incoming(population.name) if projection.plastic]
        synapses = {kernel_name(each): network.synapse_count(each) / population.size for each in incoming}
        if population.has_bias:
            synapses[bias_name(population)] = math.sqrt(sum(synapses.values()) or 1.0)
        return synapses

    def shift_per_unit(self, name: str) -> float:
        """Return how many ms first spikes shift if weights grow by 1. Return 0 if they do not shift."""
        weights, before = self.weights, self.before
        change = float(np.abs(weights[name]).mean()) or 1.0
        stronger = self._directions(name)
        for _ in range(_TRIALS):
            changed = weights | {name: (weights[name] + change * stronger).astype(weights[name].dtype)}
            batch = Batch(self.stimuli, forward_weights(self.network, changed))
            after = self.engine.present(batch)[self.population.name]
            both = np.isfinite(before) & np.isfinite(after)
            shift = float(np.abs(before[both] - after[both]).mean()) if both.any() else np.inf
            if _MEASURED[0] * self.span <= shift <= _MEASURED[1] * self.span:
                return shift / change
            change *= 4.0 if shift < _MEASURED[0] * self.span else 0.25
        return 0.0

    def _directions(self, name: str) -> np.ndarray | int:
        """Return the signs of a growth of absolute weights."""
        for projection in self.network.incoming(self.population.name):
            if kernel_name(projection) == name and (signs := self.network.weight_signs(projection)) is not None:
                return np.where(signs < 0, -1, 1)
        return 1
