"""Rules whose synapses each have a weight of their own: one list of synapses, one array of as many weights."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from netsim.specification.checks import require
from netsim.specification.connectivity._protocol import Connections, Connectivity, Shape

MOST_SYNAPSES = 2**28
"""Of a projection that lists them: some 3 GB of indices, and as much again while they are listed."""
_AT_ONCE = 2**20  # draws


@dataclass(frozen=True)
class PerSynapse(Connectivity):
    """A rule that lists its synapses, sorted by presynaptic neuron; the weights have the shape (synapses,).

    A subclass gives `pairs`, `target_shape`, and `about`, from which memory is known before it is taken.
    """

    per_synapse: ClassVar[bool] = True

    @abstractmethod
    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Presynaptic and postsynaptic neurons of all synapses, sorted by the one and then by the other."""

    @abstractmethod
    def about(self, source: Shape, target: Shape) -> float:
        """About how many synapses there are, found without listing them."""

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        """Shape (synapses,)."""
        return (self.synapse_count(source, target),)

    def synapse_count(self, source: Shape, target: Shape) -> int:
        """Number of synapses; a SpecificationError, if there are none, or more than can be listed."""
        return _count(self, source, target)

    def connections(self, source: Shape, target: Shape) -> Connections:
        """The pairs, numbered."""
        self.check_size_of(source, target)
        pre, post = (np.ascontiguousarray(neurons, np.int32) for neurons in self.pairs(source, target))
        return Connections(pre, post, np.arange(pre.size, dtype=np.int32))

    def check_size_of(self, source: Shape, target: Shape) -> None:
        """Refuse what has more synapses than can be listed."""
        most, about = MOST_SYNAPSES, self.about(source, target)
        require(about <= most, "", f"has about {about:,.0f} synapses; at most {most:,} can be listed")


@lru_cache(maxsize=256)  # asked for with every look at a shape; the synapses themselves are too many to be kept
def _count(rule: PerSynapse, source: Shape, target: Shape) -> int:
    rule.check_size_of(source, target)
    count = int(rule.pairs(source, target)[0].size)
    require(count > 0, "", "has no synapse at all between these populations")
    return count


def successes(generator: np.random.Generator, trials: int, probability: float) -> Iterator[np.ndarray]:
    """The numbers of those of so many independent trials that succeed, ascending, some at a time.

    Gaps between them are drawn, so that the time it takes is in proportion to the successes.
    """
    first = -1  # the last success so far
    while True:
        expected = (trials - first) * probability
        draws = min(_AT_ONCE, int(expected + 6 * math.sqrt(expected)) + 16)
        gaps = np.minimum(generator.geometric(probability, draws), trials + 1)
        found = first + np.cumsum(gaps)
        beyond = found >= trials
        if beyond.any():
            yield found[: np.argmax(beyond)]
            return
        yield found
        first = int(found[-1])


def sorted_pairs(pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of neurons sorted by the presynaptic one, then by the postsynaptic one."""
    order = np.lexsort((post, pre))
    return pre[order], post[order]
