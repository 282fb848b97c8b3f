"""Neurons connected by the distance of their positions on the maps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.numerics.draws import Purpose, generator_for
from netsim.reprs import short_repr
from netsim.seams import connectivities
from netsim.specification.checks import check_magnitudes, check_numbers, check_probability, check_size, require
from netsim.specification.connectivity._per_synapse import PerSynapse, sorted_pairs, successes
from netsim.specification.connectivity._protocol import Mapped, Shape

MOST_OFFSETS = 2**20
"""Maximum number of offsets between positions of the target and the source, bounds time."""
_NOTHING = 39
"""Distance in sigma from which a Gaussian is 0 in double precision."""


@connectivities.register("distance")
@dataclass(frozen=True)
class Distance(Mapped, PerSynapse):
    """Connect neurons with a probability that falls with distance. Each synapse has its own weight.

    The target is stretched over the source, edge to edge. A distance `d` counts rows and columns of the source. The
    probability of a pair is ``probability · exp(-d² / (2 sigma²))``, and 0 beyond the radius. Set `sigma` for a
    Gaussian, `radius` for a disc, or both for a truncated Gaussian.

    Parameters
    ----------
    maps : int, optional
        Number of maps in a chain of layers. There the target has the rows and columns of the source. The target of a
        projection may have any rows, columns and maps.
    sigma, radius : float, optional
        Standard deviation and maximum distance, in rows and columns of the source.
    probability : float
        Probability for two neurons at the same position, in (0, 1].
    wrap : bool
        Whether opposite edges are neighbours (the map is a torus).
    seed : int

    Raises
    ------
    SpecificationError
        If neither `sigma` nor `radius` is given, or a number is out of its bounds.

    Examples
    --------
    >>> rule = Distance(radius=1.0)
    >>> synapses = rule.connections((3, 3, 1), (3, 3, 1))
    >>> synapses.pre[synapses.post == 4]  # onto the neuron in the middle
    array([1, 3, 4, 5, 7], dtype=int32)
    """

    phrase: ClassVar[str] = "by distance on the map"
    maps: int | None = None
    sigma: float | None = None
    radius: float | None = None
    probability: float = 1.0
    wrap: bool = False
    seed: int = 0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("sigma", "radius") if getattr(self, name) is not None]
        require(bool(given), "", "needs sigma, of a Gaussian, or radius, of a disc, or both")
        check_numbers(self, "", given, "positive")
        check_magnitudes(self, "", given)
        check_probability(self.probability, "probability")
        check_size(self.seed, "seed", least=0)

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape (height, width, maps) for a source of shape (height, width, channels)."""
        require(len(source) == 3, "", "needs a source with rows and columns; use dense or random here")
        return (*source[:2], self.given_maps())

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse populations without rows and columns, and a wrong number of maps."""
        for name, shape in (("source", source), ("target", target)):
            require(len(shape) == 3, "", f"needs rows and columns, which the {name} of shape {shape} does not have")
        require(self.maps == target[2], "maps", f"is {self.maps}, but the target has {target[2]}; make both equal")
        down, right = (offsets.stop - offsets.start for offsets in self._offsets(source, target))
        many = f"looks at {down * right:,} places of its source from each of its target; at most {MOST_OFFSETS:,} work"
        require(down * right <= MOST_OFFSETS, "", f"{many}; give a smaller radius")

    def about(self, source: Shape, target: Shape) -> float:
        """Return the area under the profile times the neurons, at most the number of all pairs."""
        area = math.inf if self.radius is None else math.pi * (self.radius + 1) ** 2
        if self.sigma is not None:
            area = min(area, 2 * math.pi * (self.sigma + 0.5) ** 2)
        return math.prod(target) * source[2] * self.probability * min(area, math.prod(source[:2]))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Draw the pairs from the seed, identically at each call."""
        nothing = np.empty(0, np.int32)
        drawn = [(nothing, nothing), *self._drawn(source, target)]
        pre, post = (np.concatenate(ends) for ends in zip(*drawn, strict=True))
        return sorted_pairs(pre, post)

    def _drawn(self, source: Shape, target: Shape) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs, one offset between source and target positions after another."""
        generator = generator_for(Purpose.SYNAPSES, self.seed)
        (height, width, channels), (rows, columns, maps) = source, target
        middles = [(np.arange(count) + 0.5) * side / count - 0.5 for side, count in ((height, rows), (width, columns))]
        starts = [np.floor(middle).astype(np.int64) for middle in middles]
        each = channels * maps  # pairs of neurons at two positions
        for down in self._offsets(source, target)[0]:
            y, far_down = self._places(starts[0] + down, middles[0], height)
            for right in self._offsets(source, target)[1]:
                x, far_right = self._places(starts[1] + right, middles[1], width)
                chances = self._chance(far_down[:, None] ** 2 + far_right[None, :] ** 2).ravel()
                most = float(chances.max(initial=0.0))
                if most == 0:
                    continue
                # draw with the largest probability of the offset, then thin to the probability of each position
                for trial in successes(generator, chances.size * each, most):
                    position, pair = trial // each, trial % each
                    kept = generator.random(trial.size) * most < chances[position]
                    position, pair = position[kept], pair[kept]
                    row, column = position // columns, position % columns
                    pre = (y[row] * width + x[column]) * channels + pair // maps
                    post = position * maps + pair % maps
                    yield pre.astype(np.int32), post.astype(np.int32)

    def _offsets(self, source: Shape, target: Shape) -> tuple[range, range]:
        """Return the ranges of row and column offsets from target positions to source positions."""
        down, right = (self._reach(side) for side in source[:2])
        return down, right

    def _reach(self, side: int) -> range:
        far = [side] if self.radius is None else [side, math.floor(self.radius) + 2]
        if self.sigma is not None:
            far.append(math.floor(_NOTHING * self.sigma) + 2)
        reach = min(far)
        if self.wrap and 2 * reach + 1 > side:
            return range(-(side // 2), side - side // 2)  # each position once
        return range(-reach, reach + 1)

    def _places(self, places: np.ndarray, middle: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows (or columns) of the source and their distances from the target, ``inf`` outside the source.

        On a torus, the shorter distance counts.
        """
        far = np.abs(places - middle)
        if self.wrap:
            return places % side, np.minimum(far, side - far)
        return np.clip(places, 0, side - 1), np.where((places >= 0) & (places < side), far, np.inf)

    def _chance(self, squares: np.ndarray) -> np.ndarray:
        """Return the probability at squared distances."""
        near = np.isfinite(squares)
        if self.radius is not None:
            near &= squares <= self.radius**2 * (1 + 1e-12)
        gaussian = 1.0 if self.sigma is None else np.exp(-squares / (2 * self.sigma**2))
        return np.where(near, self.probability * gaussian, 0.0)

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        parts = [f"${name} = {value:g}$" for name, value in ((r"\sigma", self.sigma), ("r", self.radius)) if value]
        edges = ", opposite edges joined" if self.wrap else ""
        return f"By distance, {', '.join(parts)}, $p = {self.probability:g}${edges}, seed {self.seed}"

    def note(self) -> str:
        """Return the definition."""
        return (
            r"By distance: two neurons are connected with the probability $p \exp(-d^2 / (2 \sigma^2))$, without"
            r" $\sigma$ with $p$, and with a radius only if $d \leq r$. The map of the target is laid over that of the"
            " source, and $d$ is in rows and columns of the source, by the shorter way where opposite edges are"
            " joined. Pairs are drawn by `numpy.random.default_rng([seed, 6])`."
        )

    def notation(self, target: Shape) -> str:
        """Return maps and width, such as ``8D2``."""
        return f"{target[2]}D{self.sigma or self.radius:g}"
