"""Initial weights, drawn from a seed, and the memory that they need."""

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from netsim.errors import SpecificationError
from netsim.numerics.draws import Purpose, generator_for
from netsim.specification import InitialWeights, Network, Projection
from netsim.specification.checks import whole
from netsim.weights.binary import forward_weights
from netsim.weights.distributions import DISTRIBUTIONS
from netsim.weights.layout import (
    Weights,
    bias_name,
    bound_to_signs,
    contradict,
    initial_delays,
    kernel_name,
    sign_words,
    weight_shapes,
)

_DOUBLE = 8  # bytes of a weight
_LISTED = 12  # bytes of a listed synapse: three indices
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with the limit of a container (bytes), or another word without a limit."""


def initial_weights(network: Network, seed: int) -> Weights:
    """Draw initial weights from each projection's distribution. All neurons of a population have the same bias.

    Parameters
    ----------
    network : Network
    seed : int
        Equal seeds yield identical weights, whatever the order of populations and projections. Weights that are part of
        a connectivity are not drawn.

    Returns
    -------
    dict of ndarray

    Raises
    ------
    SpecificationError
        If weights of a connectivity contradict the sign of the projection, or exceed the memory.

    Examples
    --------
    >>> import netsim
    >>> weights = netsim.initial_weights(netsim.load_preset("digits"), seed=0)
    >>> weights["hidden.kernel"].shape, weights["hidden.bias"].shape
    ((64, 200), (200,))
    """
    check_memory(network)
    generator = generator_for(Purpose.WEIGHTS, whole(seed, "seed", least=0))
    weights: Weights = {}
    for projection in network.canonical:
        if network.population(projection.target).integrates:
            known = known_weights(network, projection)
            weights[kernel_name(projection)] = draw(network, projection, generator) if known is None else known
    for population in network.integrating:
        if population.has_bias:
            weights[bias_name(population)] = np.full(population.maps, network.initial_bias(population), float)
    weights |= initial_delays(network, seed)
    return {name: weights[name] for name in weight_shapes(network)}


def first_weights(network: Network, seed: int) -> Weights:
    """Return the forward weights of `initial_weights`."""
    return forward_weights(network, initial_weights(network, seed))


def known_weights(network: Network, projection: Projection) -> np.ndarray | None:
    """Return the weights of a connectivity, or None. Raises SpecificationError for settings or signs that conflict."""
    known = projection.connectivity.known_weights(*network.ends(projection))
    if known is not None and replace(projection.initial, bias=0.0) != InitialWeights():
        drawn = "has no effect, because the connectivity defines the weights; leave out mean, spread and distribution"
        raise SpecificationError(f"{network.key_of(projection)}.initial", drawn)
    if known is not None and contradict(known, network.weight_signs(projection)):
        wrong = f"defines weights that are not {sign_words(network, projection)}; correct one of the two"
        wrong += "; change these weights, or remove the sign"
        raise SpecificationError(f"{network.key_of(projection)}.connectivity", wrong)
    return known


def projections_with_initial(network: Network, projections: Iterable[Projection]) -> list[str]:
    """Return the plastic projections with a distribution of initial weights of their own, which is not fitted."""
    return [each.name for each in projections if each.plastic and each.initial != InitialWeights()]


def draw(network: Network, projection: Projection, generator: np.random.Generator, where: Any = ...) -> np.ndarray:
    """Draw weights of a projection: all, or the weights at the index `where`.

    Weights of the wrong sign become 0, as after each step of a training. Other weights are multiplied by
    `sign_factors`, unless their distribution has a mean.
    """
    inputs, initial = network.fan_in(projection), projection.initial
    deviation, whole = initial.spread / math.sqrt(inputs), network.weight_shape(projection)
    shape = np.broadcast_to(np.zeros(1, bool), whole)[where].shape
    centred = DISTRIBUTIONS[initial.distribution].draw(generator, 0.0, deviation, shape)
    drawn, signs = initial.mean / inputs + centred, network.weight_signs(projection)
    if signs is None:
        return drawn
    excitatory, inhibitory = sign_factors(network, projection.target)
    chosen = np.broadcast_to(signs, whole)[where]
    signed = bound_to_signs(drawn, chosen)
    if initial.mean:
        return signed
    return signed * np.where(chosen > 0, excitatory, np.where(chosen < 0, inhibitory, 1.0))


def sign_factors(network: Network, name: str) -> tuple[float, float]:
    """Return factors for excitatory and inhibitory weights onto a population, which avoid saturation and silence.

    With both signs, the less frequent sign is scaled up. The mean sum of a neuron's weights is then zero, and the
    variance of the sum equals the variance without signs. With a single sign, the mean sum equals that standard
    deviation. Projections without signs are ignored, as are those whose distribution has a mean.
    """
    variance = 0.0
    sums, variances = np.zeros(2), np.zeros(2)
    for projection in network.canonical:
        signs = network.weight_signs(projection) if projection.target == name else None
        if signs is None or projection.initial.mean:
            continue
        inputs = network.fan_in(projection)
        counts = inputs * np.array([(signs > 0).mean(), (signs < 0).mean()])
        deviation = projection.initial.spread / math.sqrt(inputs)
        drawn = DISTRIBUTIONS[projection.initial.distribution]
        sums += counts * drawn.kept_mean * deviation
        variances += counts * drawn.kept_variance * deviation**2
        variance += counts.sum() * deviation**2
    if not sums.all():
        return (math.sqrt(variance) / (sums.sum() or 1.0),) * 2
    ratio = sums[0] / sums[1]
    common = math.sqrt(variance / (variances[0] + ratio**2 * variances[1]))
    return common, common * ratio


def check_memory(network: Network, arrays: float = 1.0, per_neuron: float = 0.0) -> None:
    """Raise SpecificationError if the weights and synapses of a network exceed the memory of this machine.

    Parameters
    ----------
    network : Network
    arrays : float
        Number of double-precision arrays of the size of all weights that are in memory at a time.
    per_neuron : float
        Further double-precision numbers of each neuron, such as latencies.
    """
    shapes = weight_shapes(network)
    listed = sum(network.synapse_count(each) for each in network.projections if each.connectivity.per_synapse)
    neurons = sum(map(math.prod, network.shapes.values()))
    weights = sum(map(math.prod, shapes.values()))
    needed = _DOUBLE * (arrays * weights + per_neuron * neurons) + _LISTED * listed
    if needed > (there := machine_memory()):
        largest = max(network.populations, key=lambda population: population.size)
        need = f"{weights:,} weights need about {needed / 1e9:,.1f} GB of memory"
        remedy = f"use fewer synapses, or fewer neurons ({largest.name} has {largest.size:,})"
        raise SpecificationError(network.name, f"{need}, but this machine has {there / 1e9:,.1f} GB; {remedy}")


def machine_memory() -> float:
    """Return the memory of this machine, or of the container (bytes), ``inf`` if the system does not tell."""
    sizes = [math.inf]
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        sizes.append(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    for name in _LIMITS:
        with suppress(OSError, ValueError):
            sizes.append(float(Path(name).read_text(encoding="ascii")))
    return min(sizes)
