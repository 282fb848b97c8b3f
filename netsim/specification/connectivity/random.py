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
from netsim.specification.connectivity._protocol import Shape
from netsim.specification.connectivity._sized import Sized


@connectivities.register("random")
@dataclass(frozen=True)
class Random(Sized, PerSynapse):
    """Pairs of neurons are connected at random, at most once each; each synapse has a weight of its own.

    Give one of `probability`, `indegree` and `outdegree`. Synapses are drawn by numpy's ``default_rng([seed, 6])``,
    so that projections with equal parameters between populations of equal sizes have the same synapses.

    Parameters
    ----------
    size : int, optional
        Number of neurons; by default as many as the target has.
    probability : float, optional
        Of each pair, drawn independently, in (0, 1].
    indegree : int, optional
        Fan-in: so many presynaptic neurons of each postsynaptic one, drawn without replacement.
    outdegree : int, optional
        Fan-out: so many postsynaptic neurons of each presynaptic one, drawn without replacement.
    seed : int

    Raises
    ------
    SpecificationError
        If not exactly one way is given, or there are not so many neurons.

    Examples
    --------
    >>> rule = Random(100, indegree=5, seed=1)
    >>> rule.weight_shape((8, 8, 1), (100,))
    (500,)
    >>> found = rule.connections((8, 8, 1), (100,))
    >>> bool((np.bincount(found.post) == 5).all())
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
        one = sum(way is not None for way in ways) == 1
        require(one, "", "needs one of probability, indegree and outdegree, and not more")
        if self.probability is not None:
            check_probability(self.probability, "probability")
        for name in ("indegree", "outdegree"):
            if getattr(self, name) is not None:
                check_size(getattr(self, name), name)
        check_size(self.seed, "seed", least=0)

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target of another size, and more synapses of a neuron than there are neurons."""
        super().check(source, target)
        inputs, neurons = math.prod(source), math.prod(target)
        for name, most, end in (("indegree", inputs, "source"), ("outdegree", neurons, "target")):
            degree = getattr(self, name) or 0
            require(degree <= most, name, f"is {degree}, but the {end} has {most} neurons")

    def about(self, source: Shape, target: Shape) -> float:
        """The expected number; with a degree, the number."""
        inputs, neurons = math.prod(source), math.prod(target)
        if self.probability is not None:
            return self.probability * inputs * neurons
        return float(neurons * self.indegree if self.indegree is not None else inputs * (self.outdegree or 0))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Drawn anew from the seed, and the same each time."""
        generator = generator_for(Purpose.SYNAPSES, self.seed)
        inputs, neurons = math.prod(source), math.prod(target)
        if self.probability is not None:
            parts = [
                (found // neurons, found % neurons)
                for found in successes(generator, inputs * neurons, self.probability)
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
        """Which of the three ways it is, with its number."""
        if self.probability is not None:
            return "probability", self.probability
        return ("fan-in", self.indegree) if self.indegree is not None else ("fan-out", self.outdegree or 0)

    def pattern(self) -> str:
        """What stands in the table of connectivity."""
        way, number = self._way()
        return f"Random, {way} {number:g}, seed {self.seed}"

    def note(self) -> str:
        """The definition."""
        return (
            "Random: pairs are drawn independently, or the presynaptic neurons of each neuron (fan-in), or the"
            " postsynaptic ones (fan-out), without replacement; by `numpy.random.default_rng([seed, 6])`, so that"
            " synapses do not change from one simulation to the next. Of independent pairs, ordered by presynaptic and"
            " then postsynaptic neuron, the gaps between those connected are drawn, which are geometric."
        )

    def notation(self, target: Shape) -> str:
        """Number of neurons, and how many are connected, such as ``400(probability 0.1)``."""
        return "{}({} {:g})".format(math.prod(target), *self._way())


def _choices(generator: np.random.Generator, population: int, count: int, times: int) -> np.ndarray:
    """So many times `count` different numbers below `population`, shape (times, count), each row ascending."""
    found = np.empty((times, count), np.int32)
    for row in found:
        row[:] = generator.choice(population, count, replace=False, shuffle=False)
    found.sort(axis=1)
    return found
