"""Populations, projections, and layers (the short form of both in a chain), and what chains stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from netsim.errors import SpecificationError
from netsim.reprs import short_repr
from netsim.specification.checks import (
    Shape,
    check_magnitudes,
    check_name,
    check_numbers,
    check_parts,
    check_shape,
    check_types,
    require,
)
from netsim.specification.connectivity import Connectivity
from netsim.specification.feedback import Feedback
from netsim.specification.neurons import Neurons
from netsim.specification.psps import PSP, PSPShape
from netsim.specification.scopes import Winners

STIMULUS = "stimulus"
"""Name of the population that presents the encoded stimulus."""
BIAS_ONLY = "has a meaning for neurons with a bias only, bias = true"
"""Error message, with the remedy, for a parameter of biases in a population without biases."""


@dataclass(frozen=True)
class Delays:
    """Individually drawn conduction delays of a projection, stored next to the weights.

    Parameters
    ----------
    per : {"axon", "synapse"}
        One delay per presynaptic neuron, or per weight. Synapses that share a weight share its delay.
    mean : float
        Mean of the draw (ms).
    spread : float
        Standard deviation of the draw (ms). With 0, all delays start at the mean.
    distribution : {"normal", "uniform"}
    shortest, longest : float
        Bounds (ms). Draws are clipped to them, and learned delays stay within them. The default of `longest` is the
        duration of the presentation.
    learned : bool
        Whether training changes the delays. Static weights allow it too.
    rate : float
        Learning rate of the delays, in encoding windows relative to ``learning.rate``. With Adam, a step moves a delay
        by up to about ``learning.rate · rate`` windows.

    Examples
    --------
    >>> from netsim import Delays, Dense, Projection
    >>> Projection("hidden", "output", Dense(), delay=Delays("synapse", mean=4.0, spread=2.0, learned=True)).delays.per
    'synapse'
    """

    per: Literal["axon", "synapse"] = "axon"
    mean: float = 0.0
    spread: float = 0.0
    distribution: Literal["normal", "uniform"] = "normal"
    shortest: float = 0.0
    longest: float = math.inf
    learned: bool = False
    rate: float = 1.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "delay")
        check_numbers(self, "delay", ("mean", "shortest"), "a time >= 0 ms")
        check_numbers(self, "delay", ["spread"], ">= 0")
        check_numbers(self, "delay", ["rate"], "positive")
        above = self.longest >= self.shortest  # False for NaN
        require(above, "delay.longest", f"must be at least shortest ({self.shortest} ms), not {self.longest}")
        within = f"must be from {self.shortest} to {self.longest} ms, shortest to longest, not {self.mean}"
        require(self.shortest <= self.mean <= self.longest, "delay.mean", within)
        require(
            self.learned or self.rate == 1.0,
            "delay.rate",
            "has a meaning only for learned delays; set learned = true or remove it",
        )


@dataclass(frozen=True)
class InitialWeights:
    """The distribution of initial weights.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
    mean : float
        Mean in units of ``1/number of inputs``.
    spread : float
        Standard deviation in units of ``1/sqrt(number of inputs)``.
    bias : float
        Constant current of every neuron with a bias. It is not drawn.

    Examples
    --------
    >>> import netsim
    >>> netsim.InitialWeights(spread=1.0, bias=0.5)
    InitialWeights(spread=1.0, bias=0.5)
    """

    distribution: Literal["normal", "uniform"] = "normal"
    mean: float = 0.0
    spread: float = 1.4142135623730951
    bias: float = 0.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "initial")
        check_numbers(self, "initial", ("mean", "bias"), "finite")
        check_numbers(self, "initial", ["spread"], ">= 0")
        check_magnitudes(self, "initial", ("mean", "spread", "bias"))


@dataclass(frozen=True)
class Population:
    """A population of neurons with the same parameters.

    Parameters
    ----------
    name : str
    shape : tuple of int
        (height, width, maps), or (neurons,).
    neurons : Neurons, optional
        None stands for relays. They forward their earliest input spike at once, and have neither potential nor weights.
    dropout : float
        Fraction of spikes that are suppressed during training.
    inhibitory : float, optional
        Fraction of inhibitory neurons, which are the last neurons. The others are excitatory. The weights of all
        outgoing synapses of a neuron have its sign (Dale's law). With maps, the fraction counts maps. By default
        neurons have no sign.
    winners : Winners, optional
        Competition: the first neurons of a scope silence the others, for example `MapWinners`. By default all neurons
        may fire.
    rest_below : float, optional
        Training bounds biases so that the potential stays below this fraction of threshold without synaptic input. At
        1, neurons are silent at rest. Lower values make fewer neurons fire. By default biases have no bound.

    Examples
    --------
    >>> import netsim
    >>> population = netsim.Population("hidden", (200,), netsim.Neurons("free", threshold=1.0, tau=16.0))
    >>> population.size
    200
    """

    name: str
    shape: Shape
    neurons: Neurons | None = field(default_factory=Neurons)
    dropout: float = 0.0
    inhibitory: float | None = None
    winners: Winners | None = None
    rest_below: float | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_name(self.name, "populations.name")
        where = f"populations.{self.name}"
        check_types(self, where)
        form = "(neurons,) or (height, width, maps), positive integers"
        check_shape(self.shape, (1, 3), f"{where}.shape", form)
        check_numbers(self, where, ["dropout"], "in [0, 1)")
        if self.inhibitory is not None:
            self._check_signs(where)
        if self.winners is not None:
            relays = "have a meaning for neurons that integrate, not for relays; put them on those that integrate"
            require(self.neurons is not None, f"{where}.winners", relays)
            check_winners(self.winners, self.shape, where)
        if self.rest_below is not None:
            check_numbers(self, where, ["rest_below"], "positive")
            require(self.rest_below <= 1, f"{where}.rest_below", "must be at most 1: at threshold neurons fire")
            require(self.has_bias, f"{where}.rest_below", BIAS_ONLY)

    def _check_signs(self, where: str) -> None:
        assert self.inhibitory is not None
        require(self.integrates, f"{where}.inhibitory", "has no meaning for relays, which pass spikes on; remove it")
        check_numbers(self, where, ["inhibitory"], "in [0, 1]")
        part = "maps" if len(self.shape) == 3 else "neurons"
        all_or_none = f"{self.inhibitory} of {self.maps} {part} is {'all' if self._inhibitory_maps else 'none'} of them"
        exact = self.inhibitory in (0, 1)
        require(exact or 0 < self._inhibitory_maps < self.maps, f"{where}.inhibitory", f"{all_or_none}; say 0 or 1")

    @property
    def _inhibitory_maps(self) -> int:
        return math.floor((self.inhibitory or 0.0) * self.maps + 0.5)

    @property
    def signs(self) -> np.ndarray | None:
        """1 for excitatory and -1 for inhibitory maps (without maps, neurons), or None without signs."""
        if self.inhibitory is None:
            return None
        signs = np.ones(self.maps, np.int8)
        signs[self.maps - self._inhibitory_maps :] = -1
        return signs

    @property
    def integrates(self) -> bool:
        """Whether the neurons have a potential. Relays do not."""
        return self.neurons is not None

    @property
    def has_bias(self) -> bool:
        """Whether the neurons have a learned constant current."""
        return self.neurons is not None and self.neurons.bias

    @property
    def dynamics(self) -> Neurons:
        """The neurons of a population that integrates (not of relays)."""
        assert self.neurons is not None
        return self.neurons

    @property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def maps(self) -> int:
        """Number of maps. Without maps, number of neurons."""
        return self.shape[-1]


def check_winners(winners: Winners, shape: Shape, where: str) -> None:
    """Refuse a value that is not a competition, and scopes that do not fit the shape."""
    if not isinstance(winners, Winners):
        raise SpecificationError(f"{where}.winners", f"must be Winners, for example MapWinners(), not {winners!r}")
    try:
        winners.check(shape)
        most = winners.most(shape)
        many = f"{winners.first} of {most} neurons: no neuron would be silenced; choose fewer, or leave winners out"
        require(winners.first <= most, "winners.first", many)
    except SpecificationError as error:
        raise SpecificationError(f"{where}.{error.field}", error.message) from error


@dataclass(frozen=True)
class Projection:
    """Synapses from one population, or the stimulus, onto another or onto itself.

    Parameters
    ----------
    source, target : str
        Names of populations; the source may be ``stimulus``.
    connectivity : Connectivity
        For example `Dense`, `Convolution` or `Pooling`.
    psp : PSPShape
    initial : InitialWeights
        Distribution of the initial weights. Its bias applies to the target.
    delay : float or Delays
        Common conduction delay of all axons (ms), or `Delays` for individual delays that are drawn and learned.
    sign : {"any", "excitatory", "inhibitory"}
        Whether weights are at least zero or at most zero. netsim draws them so and restores the bound after every step.
        By default weights have the signs of their source neurons, if these have signs (see `Population`).
    plastic : bool
        Whether training changes the weights. Biases always learn.
    feedback : Feedback, optional
        Weights of the backward pass, for example `RandomFeedback`. By default the forward weights.
    name : str
        The default is the name of the target for the first projection onto it, and ``<source>_to_<target>`` for others.

    Examples
    --------
    >>> import netsim
    >>> projection = netsim.Projection("hidden", "output", netsim.Dense(), delay=2.0, sign="inhibitory")
    >>> projection.sign
    'inhibitory'
    """

    source: str
    target: str
    connectivity: Connectivity
    psp: PSPShape = field(default_factory=PSP)
    initial: InitialWeights = field(default_factory=InitialWeights)
    delay: float | Delays = 0.0
    sign: Literal["any", "excitatory", "inhibitory"] = "any"
    plastic: bool = True
    name: str = ""
    feedback: Feedback | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        if self.name:
            check_name(self.name, "projections.name")
        where = key_of_ends(self.source, self.target, self.name)
        if not isinstance(self.connectivity, Connectivity):
            raise SpecificationError(f"{where}.connectivity", f"must be a Connectivity, not {self.connectivity!r}")
        check_psp(self.psp, where)
        if self.feedback is not None and not isinstance(self.feedback, Feedback):
            wrong = f"must be a Feedback, for example RandomFeedback(), not {self.feedback!r}"
            raise SpecificationError(f"{where}.feedback", wrong)
        check_types(self, where)
        if self.delays is None:
            check_numbers(self, where, ["delay"], "a time >= 0 ms")

    @property
    def delays(self) -> Delays | None:
        """Individual delays of axons or synapses, or None if all axons have a common delay."""
        return self.delay if isinstance(self.delay, Delays) else None

    @property
    def common_delay(self) -> float:
        """Common conduction delay of all axons (ms), or 0 with individual delays."""
        return 0.0 if isinstance(self.delay, Delays) else self.delay

    @property
    def shortest_delay(self) -> float:
        """Shortest possible delay of a spike (ms)."""
        return self.delay.shortest if isinstance(self.delay, Delays) else self.delay

    @property
    def learns_delays(self) -> bool:
        """Whether training changes the delays."""
        return self.delays is not None and self.delays.learned

    @property
    def mean_delay(self) -> float:
        """Mean delay of a spike (ms)."""
        return self.delay.mean if isinstance(self.delay, Delays) else self.delay

    @property
    def asks_for_displacement(self) -> bool:
        """Whether learning needs displacements of arriving spikes, for layers below the source or for delays."""
        return self.source != STIMULUS or (self.learns_delays and self.is_delayed_per("axon"))

    def is_delayed_per(self, part: Literal["axon", "synapse"]) -> bool:
        """Return whether each axon, or each synapse, has its own delay."""
        return self.delays is not None and self.delays.per == part


def check_psp(psp: object, where: str) -> None:
    """Refuse a value that is not a postsynaptic potential."""
    if not isinstance(psp, PSPShape):
        raise SpecificationError(f"{where}.psp", f'must be a PSP, for example PSP("plateau", rise=8.0), not {psp!r}')


def key_of_ends(source: str, target: str, name: str) -> str:
    """Return the name of a projection in error messages: its name, or its ends if the name is the default.

    Examples
    --------
    >>> key_of_ends("stimulus", "hidden", ""), key_of_ends("stimulus", "hidden", "skip")
    ('projections.stimulus_to_hidden', 'projections.skip')
    """
    return f"projections.{name if name not in ('', target) else f'{source}_to_{target}'}"


@dataclass(frozen=True)
class Layer:
    """A population in a chain, and the projection onto it from the preceding population.

    Parameters
    ----------
    name : str
    connectivity : Connectivity
        Determines the shape of the population, too.
    neurons : Neurons, optional
        By default ``Neurons()``, or relays if the connectivity has no weights.
    psp, initial, plastic, delay, sign, feedback
        See `Projection`.
    dropout, inhibitory, winners, rest_below
        See `Population`.

    Examples
    --------
    >>> from netsim import Convolution
    >>> Layer("conv1", Convolution(32, 5)).connectivity.kernel
    5
    """

    name: str
    connectivity: Connectivity
    neurons: Neurons | None = None
    psp: PSPShape = field(default_factory=PSP)
    initial: InitialWeights = field(default_factory=InitialWeights)
    dropout: float = 0.0
    plastic: bool = True
    delay: float | Delays = 0.0
    sign: Literal["any", "excitatory", "inhibitory"] = "any"
    inhibitory: float | None = None
    feedback: Feedback | None = None
    winners: Winners | None = None
    rest_below: float | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_name(self.name, "layers.name")
        check_types(self, f"layers.{self.name}")
        check_psp(self.psp, f"layers.{self.name}")
        check_numbers(self, f"layers.{self.name}", ["dropout"], "in [0, 1)")


def expand_layers(
    layers: Sequence[Layer], source_shape: Shape
) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    """Return the populations and projections of a chain. Raise a SpecificationError if layers do not fit."""
    layers = check_parts(layers, Layer, "layers")
    populations, projections, source = [], [], STIMULUS
    for layer in layers:
        name, where = layer.name, f"layers.{layer.name}"
        try:
            shape = layer.connectivity.target_shape(source_shape)
            sizes = isinstance(shape, tuple) and all(isinstance(size, int) and size > 0 for size in shape)
            require(sizes, "", f"makes a population of shape {shape!r}; it must be of positive integers")
            layer.connectivity.check(source_shape, shape)
            weighted = bool(layer.connectivity.weight_shape(source_shape, shape))
        except SpecificationError as error:
            raise SpecificationError(f"{where}.{error.field}".rstrip("."), error.message) from error
        require(weighted or layer.neurons is None, f"{where}.neurons", "has no meaning for relays; remove it")
        neurons = layer.neurons or (Neurons() if weighted else None)
        if layer.winners is not None:
            require(neurons is not None, f"{where}.winners", "has no meaning for relays; remove it")
            check_winners(layer.winners, shape, where)
        given = {f.name: getattr(layer, f.name) for f in fields(layer)} | {"neurons": neurons}
        try:
            populations.append(Population(shape=shape, **{key: given[key] for key in _shared(Population)}))
            projection = Projection(source=source, target=name, **{key: given[key] for key in _shared(Projection)})
        except SpecificationError as error:  # its field begins with the population or the projection
            raise SpecificationError(".".join([where, *error.field.split(".")[2:]]), error.message) from error
        projections.append(projection)
        source, source_shape = name, shape
    return tuple(populations), tuple(projections)


def layers_of(populations: Sequence[Population], projections: Sequence[Projection]) -> tuple[Layer, ...]:
    """Return the layers of a chain, one for each pair of a population and its projection."""
    return tuple(
        Layer(**_of_layer(projection) | _of_layer(population) | {"neurons": _unless_default(population.neurons)})
        for population, projection in zip(populations, projections, strict=True)
    )


def _shared(part: type) -> list[str]:
    """Return the names of fields that a layer shares with a population or a projection."""
    known = {field.name for field in fields(Layer)}
    return [field.name for field in fields(part) if field.name in known]


def _of_layer(part: Population | Projection) -> dict[str, Any]:
    return {name: getattr(part, name) for name in _shared(type(part))}


def _unless_default(neurons: Neurons | None) -> Neurons | None:
    return None if neurons == Neurons() else neurons
