"""What a study is: its levels, what it does at each of them, and how it is drawn.

A study is a function under one of three decorators, by what it varies: `StimulusStudy`, `NetworkStudy`,
`SimulationStudy`. Nothing heavy is imported before one runs, so that a list of studies is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from netsim.errors import SpecificationError
from netsim.seams import studies

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from netsim.engines import Batch, Engine
    from netsim.specification import Network, Population, Projection
    from netsim.studies.runner import Row, StudyRunner
    from netsim.weights.layout import Weights

Does = TypeVar("Does", bound=Callable[..., Any])
_OF_NETWORK, _OF_STIMULI = 10, 11  # purposes of draws, apart from those of training


@dataclass(frozen=True)
class Scope:
    """Which parts of a network a study disturbs.

    Parameters
    ----------
    parts : callable
        Populations or projections of a network.
    suits : callable
        Whether one of them can be chosen, from the network and the part.
    fault : str
        What one is that cannot be chosen.
    needed : str
        What a network lacks in which none can be disturbed by default.
    spares_output : bool
        Whether the output is disturbed if it is chosen only.
    """

    parts: Callable[[Network], Iterable[Population | Projection]]
    suits: Callable[[Network, Any], bool]
    fault: str = "is a pooling layer"
    needed: str = ""
    spares_output: bool = False

    def choose(self, network: Network, study: str, name: str) -> tuple[str, ...]:
        """The part of that name.

        Raises
        ------
        SpecificationError
            If there is none, or it cannot be disturbed.
        """
        parts = {part.name: part for part in self.parts(network)}
        if name not in parts:
            raise SpecificationError(f"layer {name!r}", f"does not exist in {network.name}; it has {', '.join(parts)}")
        if not self.suits(network, parts[name]):
            raise SpecificationError(f"layer {name!r}", f"{self.fault}, which {study} cannot disturb")
        return (name,)

    def together(self, network: Network, study: str) -> tuple[str, ...]:
        """The parts that are disturbed together by default.

        Raises
        ------
        SpecificationError
            If there is none.
        """
        spared = network.output.name if self.spares_output else ""
        names = [part.name for part in self.parts(network) if self.suits(network, part) and part.name != spared]
        if not names:
            raise SpecificationError(f"study {study!r}", f"{network.name} has no {self.needed}")
        return tuple(names)


PROJECTIONS = Scope(lambda network: network.projections, lambda network, one: bool(network.weight_shape(one)))
"""Projections with weights."""
POPULATIONS = Scope(lambda network: network.populations, lambda network, one: one.integrates)
"""Populations that integrate."""
HIDDEN = replace(POPULATIONS, needed="hidden layers; choose one", spares_output=True)
"""Populations between stimulus and output."""
MAPS = replace(
    POPULATIONS,
    suits=lambda network, one: one.integrates and len(one.shape) == 3,
    fault="is no convolution",
    needed="convolutions",
)
"""Populations that consist of maps."""


@dataclass(frozen=True)
class Condition:
    """What is presented once with all stimuli.

    Attributes
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward, undisturbed.
    layers : tuple of str
        What is disturbed: names of populations or projections.
    level : float
        How much.
    generator : numpy.random.Generator
        For all draws.
    """

    network: Network
    weights: Weights
    layers: tuple[str, ...]
    level: float
    generator: np.random.Generator

    def change_kernels(self, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        """Weights in which the kernels of the projections are changed; biases are currents and stay as they are."""
        from netsim.weights.layout import kernel_name

        kernels = [kernel_name(self.network.projection(name)) for name in self.layers]
        return {"weights": self.weights | {name: change(self.weights[name]) for name in kernels}}

    def some(self, count: int) -> np.ndarray:
        """A fraction `level` of `count`, as a mask; with the same seed, a larger fraction holds a smaller one."""
        return self.generator.permutation(count) < round(self.level * count)


@dataclass(frozen=True)
class Study:
    """What a study varies; as a decorator it registers what it does.

    Parameters
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
    whole : bool
        Whether levels are whole numbers.
    in_windows : bool
        Whether the levels by default are multiples of the encoding window, for levels in ms.
    random : bool
        Whether seeds matter.
    order : int
        Lists are sorted by it.
    scope : Scope, optional
        What can be chosen to be disturbed; by default nothing can.
    control : str
        What is presented at the same levels to compare with, if anything.
    is_grid : bool
        Whether a level is a time step.
    reads_once : bool
        Whether all levels come from one presentation of the stimuli.
    panels : tuple of str
        Columns that its figure shows, one above the other.
    is_fraction : bool
        Whether levels are drawn as percents.
    ticks_at_levels : bool
        Whether the axis has a tick at each level and no other.
    rises : bool
        Whether the accuracy rises with the level.
    marker, label : str
        Of a curve that stands alone.
    finish : callable, optional
        Adds what is peculiar to the figure, from Axes, the disturbed rows of the table and the column that is drawn.
    does : callable
        What the decorator was put on.
    """

    name: str
    summary: str
    level: str
    levels: tuple[float, ...] = ()
    least: float = 0.0
    most: float = 1e6
    whole: bool = False
    in_windows: bool = False
    random: bool = True
    order: int = 1000
    scope: Scope | None = None
    control: str = ""
    is_grid: bool = False
    reads_once: bool = False
    panels: tuple[str, ...] = ("strict_accuracy", "latency_difference_ms")
    is_fraction: bool = False
    ticks_at_levels: bool = False
    rises: bool = False
    marker: str = "o"
    label: str = ""
    finish: Callable[[Axes, pd.DataFrame, str], None] | None = None
    does: Callable[..., Any] | None = None

    def __call__(self, does: Does) -> Does:
        """Register the study with what it does."""
        studies.add(self.name, replace(self, does=does), does.__module__)
        return does

    def run(self, runner: StudyRunner, engine_at: Callable[[float], Engine]) -> list[Row]:
        """Present every condition; parameters and results are those of `netsim.studies.runner.StudyRunner.run`."""
        return engine_at(runner.network.training.dt).run(runner.over_levels(self.batches))

    def batches(
        self, runner: StudyRunner, level: float, layers: Sequence[str], seed: int, is_control: bool
    ) -> Callable[[np.ndarray, int], Batch]:
        """What makes the batches of a condition of stimuli (ms) and the index of the first of them."""
        raise NotImplementedError


@dataclass(frozen=True)
class StimulusStudy(Study):
    """Disturbs stimuli: on a function of level and encoder, which gives a transform of tonic's."""

    def batches(
        self, runner: StudyRunner, level: float, layers: Sequence[str], seed: int, is_control: bool
    ) -> Callable[[np.ndarray, int], Batch]:
        """Every batch has its own draws."""
        import numpy as np

        from netsim.engines import Batch
        from netsim.studies.stimuli import transformed

        assert self.does is not None
        transform = self.does(level, runner.network.encoder)

        def batch(stimuli: np.ndarray, first: int) -> Batch:
            generator = np.random.default_rng([seed, _OF_STIMULI, first])
            return Batch(transformed(runner.network, stimuli, transform, generator), runner.weights)

        return batch


@dataclass(frozen=True)
class NetworkStudy(Study):
    """Disturbs the network: on a function of a `Condition`, which gives what of a `netsim.engines.Batch` it changes.

    Parameters
    ----------
    does_control : callable, optional
        Such a function for the control.
    """

    does_control: Callable[[Condition], dict[str, Any]] | None = None

    def batches(
        self, runner: StudyRunner, level: float, layers: Sequence[str], seed: int, is_control: bool
    ) -> Callable[[np.ndarray, int], Batch]:
        """All batches are of the same disturbed network; a seed draws the same at each level."""
        import numpy as np

        from netsim.engines import Batch

        does = self.does_control if is_control else self.does
        assert does is not None
        generator = np.random.default_rng([seed, _OF_NETWORK])
        changed = does(Condition(runner.network, runner.weights, tuple(layers), level, generator))
        return lambda stimuli, _: Batch(**{"stimuli": stimuli, "weights": runner.weights} | changed)


@dataclass(frozen=True)
class SimulationStudy(Study):
    """Varies how the network is simulated or read out: on a function like `run`."""

    def run(self, runner: StudyRunner, engine_at: Callable[[float], Engine]) -> list[Row]:
        """What the function does."""
        assert self.does is not None
        rows: list[Row] = self.does(runner, engine_at)
        return rows
