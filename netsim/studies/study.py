"""A study is a function under one of three decorators, by what it varies: see `StimulusStudy` and those below it.

Nothing heavy is imported before one runs, so that a list of studies is quick.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from netsim.errors import SpecificationError
from netsim.seams import studies

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from netsim.data.stimuli import Stimuli
    from netsim.engines import Batch
    from netsim.specification import Network, Population, Projection
    from netsim.weights.layout import Weights

Does = TypeVar("Does", bound=Callable[..., Any])
Transform = Callable[["np.ndarray"], "np.ndarray"]
"""Gives a stimulus as events anew, as those of tonic do."""
ALL = "all"
"""Stands for all layers that a study may disturb."""
Changes = dict[str, Any]
"""Parameters of a `netsim.engines.Batch`."""


@dataclass(frozen=True)
class Condition:
    """What is presented once with all stimuli."""

    network: Network
    weights: Weights
    """Those that feed forward, undisturbed."""
    layers: tuple[str, ...]
    """What is disturbed: names of populations or of projections."""
    level: float
    """How much."""
    seed: int
    """Of all draws, which are the same at each level."""

    @cached_property
    def generator(self) -> np.random.Generator:
        """For draws of the network."""
        from netsim.numerics.draws import Purpose, generator_for

        return generator_for(Purpose.STUDIED_NETWORK, self.seed)

    def change_kernels(self, change: Callable[[np.ndarray], np.ndarray]) -> Changes:
        """Other weights of the projections; biases are currents and stay as they are.

        Where a projection, or its source's neurons, have a sign, weights that would change it are cut at 0.
        """
        from netsim.weights.layout import kernel_name
        from netsim.weights.signs import bound_to_signs

        changed = {}
        for projection in map(self.network.projection, self.layers):
            name = kernel_name(projection)
            changed[name] = bound_to_signs(change(self.weights[name]), self.network.weight_signs(projection))
        return {"weights": self.weights | changed}

    def some(self, count: int) -> np.ndarray:
        """A fraction `level` of `count`, as a mask; with the same seed, a larger fraction holds a smaller one."""
        return self.generator.permutation(count) < round(self.level * count)


@dataclass(frozen=True)
class Scope:
    """Which parts of a network a study disturbs."""

    parts: Callable[[Network], Iterable[Population | Projection]]
    """All populations, or projections, of a network."""
    suits: Callable[[Network, Any], bool]
    """Whether one of them can be disturbed."""
    fault: str = "has relays, as pooling does"
    """What one is that cannot be."""
    needed: str = "layers with weights"
    """What a network lacks in which none is disturbed by default."""
    spares_output: bool = False
    """Whether the output is disturbed only if it is chosen."""


PROJECTIONS = Scope(attrgetter("projections"), lambda network, one: bool(network.weight_shape(one)))
POPULATIONS = Scope(attrgetter("populations"), lambda network, one: one.integrates)
HIDDEN = replace(POPULATIONS, needed="hidden layers; choose one", spares_output=True)
MAPS = Scope(
    attrgetter("populations"),
    lambda network, one: one.integrates and len(one.shape) == 3,
    fault="is no convolution",
    needed="convolutions",
)


@dataclass(frozen=True)
class Study:
    """What a study varies; as a decorator it registers the function that does it.

    Attributes
    ----------
    name : str
    summary : str
        One line for help texts, without a capital and a full stop.
    level : str
        What its levels are, with the unit, as an axis says it.
    levels : tuple of float
        Levels by default; none if they depend on the decisions.
    least, most : float
        Bounds of a level; numbers beyond these are slips.
    neutral : float, optional
        The level at which nothing is disturbed, for which stands what was presented undisturbed.
    whole, in_windows, is_grid : bool
        Whether levels are whole numbers, by default multiples of the encoding window (in ms), or time steps.
    random : bool
        Whether seeds matter.
    order : int
        Lists are sorted by it.
    scope : Scope, optional
        What can be disturbed alone.
    control : str
        What is presented at the same levels to compare with, if anything.
    reads_once : bool
        Whether all levels come from one presentation of the stimuli.
    panels : tuple of str
        Columns that its figure shows, one above the other.
    is_fraction, ticks_at_levels : bool
        Whether the axis of levels has percents, and ticks at the levels alone.
    rises : bool
        Whether the accuracy rises with the level.
    marker, label : str
        Of a curve that stands alone.
    finish : callable, optional
        Adds what is peculiar to the figure, from Axes, the disturbed rows of the table and the column that is drawn.
    """

    name: str
    summary: str
    level: str
    levels: tuple[float, ...] = ()
    least: float = 0.0
    most: float = 1e6
    neutral: float | None = None
    whole: bool = False
    in_windows: bool = False
    is_grid: bool = False
    random: bool = True
    order: int = 1000
    scope: Scope | None = None
    control: str = ""
    reads_once: bool = False
    panels: tuple[str, ...] = ("strict_accuracy", "latency_difference_ms")
    is_fraction: bool = False
    ticks_at_levels: bool = False
    rises: bool = False
    marker: str = "o"
    label: str = ""
    finish: Callable[[Axes, pd.DataFrame, str], None] | None = None
    does: Any = None
    of_simulation: ClassVar[bool] = False
    takes: ClassVar[tuple[str, ...] | None] = None
    """What the function is given, as far as it is known."""

    def __call__(self, does: Does) -> Does:
        """Register the study with the function; a SpecificationError, if it does not take what it is given."""
        self._check(does)
        studies.add(self.name, replace(self, does=does), does.__module__)
        return does

    def _check(self, function: Callable[..., Any]) -> None:
        if self.takes is None:
            return
        try:
            inspect.signature(function).bind(*self.takes)
        except ValueError:  # of a callable that does not tell its signature
            return
        except TypeError as error:
            takes = f"takes {' and '.join(self.takes)}, in this order, and the function does not ({error})"
            raise SpecificationError(f"study {self.name!r}", takes) from error

    def batch(self, condition: Condition, is_control: bool) -> Callable[[np.ndarray, int], Batch]:
        """What makes the batches of a condition, from stimuli (ms) and the index of the first of them."""
        raise NotImplementedError

    def batches(self, network: Network, weights: Weights, level: float, seed: int) -> Callable[[Stimuli, int], Batch]:
        """Return what makes the batches of stimuli at a level, with everything disturbed that is so by default.

        Raises
        ------
        SpecificationError
            If the level is out of bounds, or the study disturbs no presentation.
        """
        if self.of_simulation:
            raise SpecificationError(self.name, "disturbs no presentation, but the simulation; take another study")
        self.check_level(network, level)
        (layers,) = self.curves(network, None).values()
        return encoded(self.batch(Condition(network, weights, layers, level, seed), False))

    def check_level(self, network: Network, level: float) -> None:
        """Refuse a level out of bounds."""
        if not self.least <= level <= self.most or (self.whole and level != int(level)):
            number = "a whole number" if self.whole else "a number"
            bounds = f"from {self.least:g} to {self.most:g}"
            raise SpecificationError(f"level {level:g}", f"must be {number} {bounds} for {self.name} ({self.level})")
        if self.is_grid:
            network.check_dt(level)

    def curves(self, network: Network, layers: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
        """Return the layers that are disturbed together, by the name of the curve."""
        scope = self.scope
        if scope is None:
            if layers:
                message = f"cannot be chosen: {self.name} is not about single layers"
                raise SpecificationError(f"layer {layers[0]!r}", message)
            return {"": ()}
        suits = {part.name: scope.suits(network, part) for part in scope.parts(network)}
        spared = network.output.name if scope.spares_output else ""
        together = tuple(name for name, does_suit in suits.items() if does_suit and name != spared)
        for name in layers or [ALL]:
            if name == ALL:
                if not together:
                    raise SpecificationError(f"study {self.name!r}", f"{network.name} has no {scope.needed}")
            elif name not in suits:
                known = ", ".join(suits)
                raise SpecificationError(f"layer {name!r}", f"does not exist in {network.name}; it has {known}")
            elif not suits[name]:
                raise SpecificationError(f"layer {name!r}", f"{scope.fault}, which {self.name} cannot disturb")
        return {name: together if name == ALL else (name,) for name in layers or [ALL]}


def encoded(make: Callable[[np.ndarray, int], Batch]) -> Callable[[Stimuli, int], Batch]:
    """Return what makes the batch of stimuli from what makes that of their latencies."""
    import numpy as np

    return lambda stimuli, first: make(stimuli.latencies(np.arange(len(stimuli))), first)


@dataclass(frozen=True)
class StimulusStudy(Study):
    """Disturbs stimuli: a function of the level and the sensor (width, height, channels) gives a `Transform`.

    Channels that fire at constant times are no part of it, and stay.
    """

    takes: ClassVar[tuple[str, ...] | None] = ("level", "sensor")

    def batch(self, condition: Condition, is_control: bool) -> Callable[[np.ndarray, int], Batch]:
        """Every batch has its own draws."""
        from netsim.engines import Batch
        from netsim.numerics.draws import Purpose, generator_for
        from netsim.studies.stimuli import transformed

        height, width, channels = condition.network.encoder.coded_shape
        transform = self.does(condition.level, (width, height, channels))

        def make(stimuli: np.ndarray, first: int) -> Batch:
            generator = generator_for(Purpose.STUDIED_STIMULI, condition.seed, first)
            return Batch(transformed(condition.network, stimuli, transform, generator), condition.weights)

        return make


@dataclass(frozen=True)
class NetworkStudy(Study):
    """Disturbs the network: a function of a `Condition` gives `Changes`, as does `does_control` for the control."""

    takes: ClassVar[tuple[str, ...] | None] = ("condition",)
    does_control: Callable[[Condition], Changes] | None = None

    def __call__(self, does: Does) -> Does:
        """As of `Study`, the function of the control included."""
        if self.does_control is not None:
            self._check(self.does_control)
        return super().__call__(does)

    def batch(self, condition: Condition, is_control: bool) -> Callable[[np.ndarray, int], Batch]:
        """All batches are of the same disturbed network."""
        from netsim.engines import Batch

        does: Any = self.does_control if is_control else self.does
        changed = {"weights": condition.weights} | does(condition)
        return lambda stimuli, _: Batch(stimuli, **changed)


@dataclass(frozen=True)
class SimulationStudy(Study):
    """Varies how the network is simulated or read out: a function of a `netsim.studies.runner.StudyRunner`."""

    of_simulation: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...] | None] = ("runner",)
