"""Decorators that register a function as a study: `StimulusStudy`, `NetworkStudy` and `SimulationStudy`.

Heavy modules are imported only when a study runs, so that lists of studies are quick.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
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
"""Function that maps the events of a stimulus to new events, as tonic's transforms do."""
ALL = "all"
"""Name of the curve for all layers that a study may disturb."""
Changes = dict[str, Any]
"""Parameters of `netsim.engines.Batch`."""


@dataclass(frozen=True)
class Condition:
    """A condition: a level of disturbance, seed and layers, presented once with all stimuli."""

    network: Network
    weights: Weights
    """Undisturbed feedforward weights."""
    layers: tuple[str, ...]
    """Names of the disturbed populations or projections."""
    level: float
    """Strength of the disturbance."""
    seed: int
    """Seed of all draws, which are equal at all levels."""
    stimuli: Stimuli | None = None
    """All stimuli of the study, if its `needs_stimuli` is true."""

    @cached_property
    def generator(self) -> np.random.Generator:
        """Generator for draws of the network."""
        from netsim.numerics.draws import Purpose, generator_for

        return generator_for(Purpose.STUDIED_NETWORK, self.seed)

    def change_kernels(self, change: Callable[[np.ndarray], np.ndarray]) -> Changes:
        """Return changed weights of the projections. Biases, which are currents, stay unchanged.

        Weights with a fixed sign are cut at 0 if a change would reverse the sign.

        Raises
        ------
        SpecificationError
            If the study has no scope, so that no projection is chosen, or the weights change their shape.
        """
        if not self.layers:
            none = "has no projections to change; register the study with scope=PROJECTIONS of netsim.studies.study"
            raise SpecificationError("change_kernels", none)
        from netsim.weights.layout import bound_to_signs, kernel_name

        changed = {}
        for projection in map(self.network.projection, self.layers):
            name = kernel_name(projection)
            made, shape = change(self.weights[name]), self.weights[name].shape
            got = getattr(made, "shape", type(made).__name__)
            if got != shape:
                wrong = f"must keep the shape {shape} of the weights of {projection.name}, not return {got}"
                raise SpecificationError("change_kernels", wrong)
            changed[name] = bound_to_signs(made, self.network.weight_signs(projection))
        return {"weights": self.weights | changed}

    def some(self, count: int) -> np.ndarray:
        """Return a mask of a fraction `level` of `count`. With equal seeds larger fractions include smaller ones."""
        return self.generator.permutation(count) < round(self.level * count)


@dataclass(frozen=True)
class Scope:
    """The parts of a network that a study disturbs."""

    parts: Callable[[Network], Iterable[Population | Projection]]
    """Returns all populations or projections of a network."""
    suits: Callable[[Network, Any], bool]
    """Returns whether a part can be disturbed."""
    fault: str = "has relays, as pooling does"
    """Reason in messages why a part cannot be disturbed."""
    needed: str = "layers with weights"
    """Name in messages of the parts that a network lacks."""
    spares_output: bool = False
    """The output is disturbed only if it is chosen."""


PROJECTIONS = Scope(attrgetter("projections"), lambda network, part: bool(network.weight_shape(part)))
POPULATIONS = Scope(attrgetter("populations"), lambda network, part: part.integrates)
HIDDEN = replace(POPULATIONS, needed="hidden layers; choose one", spares_output=True)
MAPS = Scope(
    attrgetter("populations"),
    lambda network, part: part.integrates and len(part.shape) == 3,
    fault="is no convolution",
    needed="convolutions",
)


@dataclass(frozen=True)
class Study:
    """A study. Used as a decorator, it registers the function that disturbs.

    Attributes
    ----------
    name : str
        Name in the registry `netsim.seams.studies`.
    summary : str
        One line for help texts, without a capital and a full stop.
    level : str
        Axis label of levels, with the unit.
    levels : tuple of float
        Default levels; empty if they depend on the decisions.
    least, most : float
        Bounds of a level.
    neutral : float, optional
        Level without disturbance. The undisturbed presentation replaces it.
    whole, in_windows, is_grid : bool
        Levels are integers; default levels are multiples of the encoding window; levels are time steps.
    random : bool
        Seeds have an effect.
    is_spatial : bool
        Moves spikes along rows and columns of the stimulus, so it needs more than one of both.
    order : int
        Sort key of lists.
    scope : Scope, optional
        Parts that the study disturbs, together or separately: the `layers` of a `Condition`. Empty without a scope.
    control : str
        Label of the control, which is presented at the same levels; empty without control.
    reads_once : bool
        A single presentation of the stimuli yields all levels.
    panels : tuple of str
        Columns that the figure shows, one above the other.
    is_fraction, ticks_at_levels : bool
        The axis of levels has percents; it has ticks only at the levels.
    rises : bool
        The accuracy rises with the level.
    marker, label : str
        Marker of curves, and label of a single curve.
    finish : callable, optional
        Function of Axes, disturbed rows and drawn column that completes the figure.
    does : callable, optional
        Function that disturbs; the decorator sets it.
    """

    name: str
    summary: str
    level: str
    levels: tuple[float, ...] = ()
    least: float = 0.0
    most: float = 1e12
    neutral: float | None = None
    whole: bool = False
    in_windows: bool = False
    is_grid: bool = False
    random: bool = True
    is_spatial: bool = False
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
    needs_stimuli: ClassVar[bool] = False
    """A disturbance depends on stimuli of other batches too."""
    takes: ClassVar[tuple[str, ...] | None] = None
    """Names of the arguments of the function, if known."""

    def __call__(self, does: Does) -> Does:
        """Register the study with its function, or raise SpecificationError if it takes other arguments."""
        self._check(does)
        studies.add(self.name, replace(self, does=does), does.__module__)
        return does

    def _require(self, fits: bool, must: str, made: object) -> None:
        """Raise SpecificationError, with the name of the study, unless its function returned what it must."""
        if not fits:
            raise SpecificationError(f"study {self.name!r}", f"must return {must}, not {made}")

    def _check(self, function: Callable[..., Any]) -> None:
        if self.takes is None:
            return
        try:
            inspect.signature(function).bind(*self.takes)
        except ValueError:  # callables without a signature
            return
        except TypeError as error:
            takes = f"takes {' and '.join(self.takes)}, in this order, and the function does not ({error})"
            raise SpecificationError(f"study {self.name!r}", takes) from error

    def batch(self, condition: Condition, is_control: bool) -> Callable[[np.ndarray, int], Batch]:
        """Return the function that makes a batch of the condition, from stimuli (ms) and the index of the first."""
        raise NotImplementedError

    def stimuli_batch(self, condition: Condition, is_control: bool) -> Callable[[Stimuli, int], Batch]:
        """Return the function that makes a batch of the condition, from stimuli and the index of the first."""
        return encoded(self.batch(condition, is_control))

    def batches(self, network: Network, weights: Weights, level: float, seed: int) -> Callable[[Stimuli, int], Batch]:
        """Return the function that makes batches of stimuli at a level, with the default layers disturbed.

        Raises
        ------
        SpecificationError
            If the level is out of bounds, or the study does not disturb presentations.
        """
        if self.of_simulation:
            raise SpecificationError(self.name, "disturbs the simulation, not presentations; choose another study")
        self.check_level(network, level)
        curves = list(self.curves(network, None).values())
        if len(curves) != 1:
            raise SpecificationError(self.name, "has several curves; run it as a study, netsim study")
        (layers,) = curves
        return self.stimuli_batch(Condition(network, weights, layers, level, seed), False)

    def check_level(self, network: Network, level: float) -> None:
        """Raise SpecificationError if the level is out of bounds."""
        if not self.least <= level <= self.most or (self.whole and level != int(level)):
            number = "a whole number" if self.whole else "a number"
            bounds = f"from {self.least:g} to {self.most:g}"
            raise SpecificationError(f"level {level:g}", f"must be {number} {bounds} for {self.name} ({self.level})")
        if self.is_grid:
            network.check_dt(level)

    def check_stimuli(self, stimuli: Stimuli, curves: Mapping[str, Sequence[str]]) -> None:
        """Raise SpecificationError if the stimuli do not suit the curves. Most studies take any stimuli."""

    def curves(self, network: Network, layers: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
        """Return the layers that are disturbed together, by name of the curve."""
        if self.is_spatial and 1 in network.encoder.shape[:2]:
            lacks = f"needs rows and columns, which the stimuli of {network.name} do not have; choose another study"
            raise SpecificationError(f"study {self.name!r}", lacks)
        scope = self.scope
        if scope is None:
            if layers:
                message = f"cannot be chosen: {self.name} does not disturb single layers; leave it out"
                raise SpecificationError(f"layer {layers[0]!r}", message)
            return {"": ()}
        suits = {part.name: scope.suits(network, part) for part in scope.parts(network)}
        spared = network.output.name if scope.spares_output else ""
        together = tuple(name for name, does_suit in suits.items() if does_suit and name != spared)
        for name in layers or [ALL]:
            if name == ALL:
                if not together:
                    raise SpecificationError(
                        f"study {self.name!r}", f"{network.name} has no {scope.needed}; choose another study"
                    )
            elif name not in suits:
                known = ", ".join(suits)
                raise SpecificationError(f"layer {name!r}", f"does not exist in {network.name}; it has {known}")
            elif not suits[name]:
                raise SpecificationError(
                    f"layer {name!r}", f"{scope.fault}, which {self.name} cannot disturb; choose another layer"
                )
        return {name: together if name == ALL else (name,) for name in layers or [ALL]}


def encoded(make: Callable[[np.ndarray, int], Batch]) -> Callable[[Stimuli, int], Batch]:
    """Convert a function that makes a batch of latencies to a function that makes a batch of stimuli."""
    import numpy as np

    return lambda stimuli, first: make(stimuli.latencies(np.arange(len(stimuli))), first)


@dataclass(frozen=True)
class StimulusStudy(Study):
    """Study of disturbed stimuli: its function maps the level and the sensor (width, height, channels) to `Transform`.

    Channels with constant times are not disturbed.
    """

    takes: ClassVar[tuple[str, ...] | None] = ("level", "sensor")

    def batch(self, condition: Condition, is_control: bool) -> Callable[[np.ndarray, int], Batch]:
        """Return the function that makes a batch. Each batch has independent draws."""
        import numpy as np

        from netsim.engines import Batch
        from netsim.numerics.draws import Purpose, generator_for
        from netsim.studies.stimuli import transformed

        height, width, channels = condition.network.encoder.coded_shape
        does = self.does(condition.level, (width, height, channels))
        must = "a function that returns events, an array with the fields x, y, t and p"
        self._require(callable(does), must, type(does).__name__)

        def transform(events: np.ndarray) -> np.ndarray:
            changed = does(events)
            are_events = isinstance(changed, np.ndarray) and set("xytp") <= set(changed.dtype.names or ())
            self._require(are_events, must, f"one that returns {type(changed).__name__}")
            return changed

        def make(stimuli: np.ndarray, first: int) -> Batch:
            generator = generator_for(Purpose.STUDIED_STIMULI, condition.seed, first)
            return Batch(transformed(condition.network, stimuli, transform, generator), condition.weights)

        return make


@dataclass(frozen=True)
class ImageStudy(Study):
    """Study of degraded images: its function maps network, image, level and generator to the degraded image.

    Images have the shape (height, width, channels) and intensities from 0 to 1. Values of the result beyond 0 and 1 are
    cut off. The generator differs between stimuli and seeds, and is the same at all levels.
    """

    takes: ClassVar[tuple[str, ...] | None] = ("network", "image", "level", "generator")

    def curves(self, network: Network, layers: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
        """Return the one curve, after a check that stimuli of the network are images."""
        if network.encoder.samples != "images":
            needs = f"needs images, and the stimuli of {network.name} are {network.encoder.samples}"
            raise SpecificationError(f"study {self.name!r}", f"{needs}; choose another study, such as spike-jitter")
        return super().curves(network, layers)

    def degrade(
        self, condition: Condition, images: np.ndarray, labels: np.ndarray, generators: Sequence[np.random.Generator]
    ) -> Iterable[np.ndarray]:
        """Return the degraded images of one batch."""
        return [
            self.does(condition.network, image, condition.level, generator)
            for image, generator in zip(images, generators, strict=True)
        ]

    def stimuli_batch(self, condition: Condition, is_control: bool) -> Callable[[Stimuli, int], Batch]:
        """Return the function that makes a batch. Each stimulus has its own draws."""
        import numpy as np

        from netsim.engines import Batch
        from netsim.numerics.draws import Purpose, generator_for

        def make(stimuli: Stimuli, first: int) -> Batch:
            images, largest = stimuli.intensities(), stimuli.intensity_max or 1.0
            numbers = range(first, first + len(images))
            generators = [generator_for(Purpose.STUDIED_STIMULI, condition.seed, number) for number in numbers]
            degraded = np.empty(images.shape)
            shares = images / largest
            for number, image in enumerate(self.degrade(condition, shares, stimuli.labels, generators)):
                must = f"a finite image of shape {images.shape[1:]}"
                self._require(np.shape(image) == images.shape[1:], must, f"{np.shape(image)}")
                self._require(bool(np.isfinite(image).all()), must, "one with NaN or infinity")
                degraded[number] = np.clip(image, 0.0, 1.0) * largest
            latencies = stimuli.encoder.with_constant(stimuli.encoder.latencies(degraded, largest))
            return Batch(latencies, condition.weights)

        return make


@dataclass(frozen=True)
class NetworkStudy(Study):
    """Study of disturbed networks: its function maps a `Condition` to `Changes`, as does `does_control`.

    The function may change the weights of its condition in place, because they are a copy.
    """

    takes: ClassVar[tuple[str, ...] | None] = ("condition",)
    does_control: Callable[[Condition], Changes] | None = None

    def __call__(self, does: Does) -> Does:
        """Register the study, and check the function of the control too."""
        if self.does_control is not None:
            self._check(self.does_control)
        return super().__call__(does)

    def batch(self, condition: Condition, is_control: bool) -> Callable[[np.ndarray, int], Batch]:
        """Return the function that makes a batch. All batches share the disturbed network."""
        from netsim.engines import Batch

        does: Any = self.does_control if is_control else self.does
        weights = {name: values.copy() for name, values in condition.weights.items()}
        changed = does(replace(condition, weights=weights))
        must = "a dict of weights, silenced, thresholds or delays, such as condition.change_kernels(...)"
        self._require(isinstance(changed, dict), must, type(changed).__name__)
        unknown = changed.keys() - {"weights", "silenced", "thresholds", "delays"}
        self._require(not unknown, must, ", ".join(map(repr, unknown)))
        return lambda stimuli, _: Batch(stimuli, **{"weights": weights} | changed)


@dataclass(frozen=True)
class SimulationStudy(Study):
    """Study of the simulation or the read-out: its function maps a `netsim.studies.runner.StudyRunner` to rows."""

    of_simulation: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...] | None] = ("runner",)
