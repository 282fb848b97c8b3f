"""Pairs of neurons connected at random."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.numerics.draws import Purpose, generator_for
from netsim.reprs import short_repr
from netsim.seams import connectivities
from netsim.specification.checks import check_probability, check_size, require
from netsim.specification.connectivity._per_synapse import PerSynapse, successes
from netsim.specification.connectivity._protocol import Shape, Sized


@connectivities.register("random")
@dataclass(frozen=True)
class Random(Sized, PerSynapse):
    """Connect pairs of neurons at random, each pair at most once. Each synapse has its own weight.

    Set exactly one of `probability`, `indegree` and `outdegree`. netsim draws the synapses with numpy's
    ``default_rng([seed, 6])``. Projections with equal parameters and equal sizes therefore have the same synapses.

    Parameters
    ----------
    size : int, optional
        Number of neurons. By default that of the target.
    probability : float, optional
        Probability of each pair, drawn independently, in (0, 1].
    indegree : int, optional
        Fan-in: number of presynaptic neurons per postsynaptic neuron, drawn without replacement.
    outdegree : int, optional
        Fan-out: number of postsynaptic neurons per presynaptic neuron, drawn without replacement.
    seed : int

    Raises
    ------
    SpecificationError
        If not exactly one of the three is set, or it exceeds the number of neurons.

    Examples
    --------
    >>> rule = Random(100, indegree=5, seed=1)
    >>> rule.weight_shape((8, 8, 1), (100,))
    (500,)
    >>> synapses = rule.connections((8, 8, 1), (100,))
    >>> bool((np.bincount(synapses.post) == 5).all())
    True
    """

    phrase: ClassVar[str] = "random pairs"
    probability: float | None = None
    indegree: int | None = None
    outdegree: int | None = None
    seed: int = 0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = [self.probability, self.indegree, self.outdegree]
        is_unique = sum(way is not None for way in ways) == 1
        require(is_unique, "", "needs one of probability, indegree and outdegree, and not more")
        if self.probability is not None:
            check_probability(self.probability, "probability")
        for name in ("indegree", "outdegree"):
            if getattr(self, name) is not None:
                check_size(getattr(self, name), name)
        check_size(self.seed, "seed", least=0)

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target of another size, and degrees beyond the number of neurons."""
        super().check(source, target)
        inputs, neurons = math.prod(source), math.prod(target)
        for name, most, end in (("indegree", inputs, "source"), ("outdegree", neurons, "target")):
            degree = getattr(self, name) or 0
            require(degree <= most, name, f"is {degree}, but the {end} has {most} neurons; choose at most that")

    def about(self, source: Shape, target: Shape) -> float:
        """Return the expected number of synapses. With a degree it is exact."""
        inputs, neurons = math.prod(source), math.prod(target)
        if self.probability is not None:
            return self.probability * inputs * neurons
        return float(neurons * self.indegree if self.indegree is not None else inputs * (self.outdegree or 0))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Draw the pairs from the seed, identically at each call."""
        generator = generator_for(Purpose.SYNAPSES, self.seed)
        inputs, neurons = math.prod(source), math.prod(target)
        if self.probability is not None:
            parts = [
                (pair // neurons, pair % neurons) for pair in successes(generator, inputs * neurons, self.probability)
            ]
            pre, post = (np.concatenate([part.astype(np.int32) for part in ends]) for ends in zip(*parts, strict=True))
            return pre, post
        if self.outdegree is not None:
            post = _choices(generator, neurons, self.outdegree, inputs)
            return np.repeat(np.arange(inputs, dtype=np.int32), self.outdegree), post.ravel()
        assert self.indegree is not None
        pre = _choices(generator, inputs, self.indegree, neurons).ravel()
        order = np.argsort(pre, kind="stable")
        return pre[order], np.repeat(np.arange(neurons, dtype=np.int32), self.indegree)[order]

    def _way(self) -> tuple[str, float]:
        """Return the parameter that is set, with its value."""
        if self.probability is not None:
            return "probability", self.probability
        return ("fan-in", self.indegree) if self.indegree is not None else ("fan-out", self.outdegree or 0)

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        way, number = self._way()
        return f"Random, {way} {number:g}, seed {self.seed}"

    def note(self) -> str:
        """Return the definition."""
        return (
            "Random: pairs are drawn independently, or the presynaptic neurons of each neuron (fan-in), or the"
            " postsynaptic ones (fan-out), without replacement; by `numpy.random.default_rng([seed, 6])`, so that"
            " synapses do not change from one simulation to the next. Of independent pairs, ordered by presynaptic and"
            " then postsynaptic neuron, the gaps between those connected are drawn, which are geometric."
        )

    def notation(self, target: Shape) -> str:
        """Return the number of neurons and the parameter that is set, such as ``400(probability 0.1)``."""
        return "{}({} {:g})".format(math.prod(target), *self._way())


def _choices(generator: np.random.Generator, population: int, count: int, times: int) -> np.ndarray:
    """Draw `count` different numbers below `population`, `times` times. Shape (times, count), rows ascending."""
    chosen = np.empty((times, count), np.int32)
    for row in chosen:
        row[:] = generator.choice(population, count, replace=False, shuffle=False)
    chosen.sort(axis=1)
    return chosen
