"""Rules with one weight per synapse: a list of synapses and an array of equally many weights."""

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
"""Maximum number of listed synapses of a projection. Indices take about 3 GB, and twice as much during listing."""
_AT_ONCE = 2**20  # draws per block, bounds memory


@dataclass(frozen=True)
class PerSynapse(Connectivity):
    """A rule that lists its synapses, sorted by presynaptic neuron. The weights have the shape (synapses,).

    A subclass defines `pairs`, `target_shape` and `about`. `about` estimates the memory before it is allocated.
    """

    per_synapse: ClassVar[bool] = True

    @abstractmethod
    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Return the presynaptic and postsynaptic neurons of all synapses, sorted in this order."""

    @abstractmethod
    def about(self, source: Shape, target: Shape) -> float:
        """Estimate the number of synapses without listing them."""

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        """Return the shape (synapses,)."""
        return (self.synapse_count(source, target),)

    def synapse_count(self, source: Shape, target: Shape) -> int:
        """Return the number of synapses. Raise a SpecificationError if there are none, or too many to list."""
        return _count(self, source, target)

    def connections(self, source: Shape, target: Shape) -> Connections:
        """Return the pairs. Each has its own weight index."""
        self.check_size_of(source, target)
        pre, post = (np.ascontiguousarray(neurons, np.int32) for neurons in self.pairs(source, target))
        return Connections(pre, post, np.arange(pre.size, dtype=np.int32))

    def check_size_of(self, source: Shape, target: Shape) -> None:
        """Refuse populations with too many synapses to list."""
        most, about = MOST_SYNAPSES, self.about(source, target)
        require(about <= most, "", f"has about {about:,.0f} synapses; at most {most:,} can be listed")


@lru_cache(maxsize=256)  # called for every shape; only the count is cached because the synapses take too much memory
def _count(rule: PerSynapse, source: Shape, target: Shape) -> int:
    rule.check_size_of(source, target)
    count = int(rule.pairs(source, target)[0].size)
    require(count > 0, "", "has no synapse at all between these populations; connect more pairs")
    return count


def successes(generator: np.random.Generator, trials: int, probability: float) -> Iterator[np.ndarray]:
    """Yield the ascending numbers of the successful trials among independent trials, in blocks.

    Draw the gaps between successes, so that the time is proportional to the number of successes.
    """
    first = -1  # latest success
    while True:
        expected = (trials - first) * probability
        draws = min(_AT_ONCE, int(expected + 6 * math.sqrt(expected)) + 16)
        gaps = np.minimum(generator.geometric(probability, draws), trials + 1)
        numbers = first + np.cumsum(gaps)
        beyond = numbers >= trials
        if beyond.any():
            yield numbers[: np.argmax(beyond)]
            return
        yield numbers
        first = int(numbers[-1])


def sorted_pairs(pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of neurons sorted by presynaptic, then by postsynaptic neuron."""
    order = np.lexsort((post, pre))
    return pre[order], post[order]
