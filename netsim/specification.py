"""What a network is: the one definition that every engine, the learner and the analysis read.

Times are in ms, potentials and weights are dimensionless. The equation of every neuron, with times
counted from the start of the presentation, is ::

    v' = (I(t)·[t < gate] + drive·[t >= onset]) / tau,     v(0) = 0
    I(t) = bias + Σ_i w_i Σ_k c_k·[t >= t_i + d_k]

with one spike at the first ``t`` in ``[onset, end)`` at which ``v >= threshold``. The pairs
``(d_k, c_k)`` are the breakpoints of the postsynaptic potential (`PSP`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np

from netsim.errors import SpecificationError

Shape = tuple[int, ...]
Regime = Literal["free", "staggered", "phased"]
REGIMES: tuple[str, ...] = ("free", "staggered", "phased")


def _require(condition: bool, where: str, message: str) -> None:
    if not condition:
        raise SpecificationError(where, message)


def _finite(value: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True)
class Encoder:
    """Latency code: the stronger the intensity, the earlier the spike.

    An intensity ``x`` in ``[0, 1]`` gives the latency ``(1 - x)·t_max``; intensity 0 is silent.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of one stimulus.
    t_max : float
        Length of the encoding window (ms).
    """

    shape: Shape
    t_max: float = 64.0

    def __post_init__(self) -> None:
        _require(
            len(self.shape) == 3 and all(isinstance(n, int) and n > 0 for n in self.shape),
            "encoder.shape",
            f"needs three positive integers (height, width, channels), not {list(self.shape)}",
        )
        _require(
            _finite(self.t_max) and self.t_max > 0,
            "encoder.t_max",
            f"must be a positive time in ms, not {self.t_max}",
        )


@dataclass(frozen=True)
class PSP:
    """A piecewise-linear postsynaptic potential.

    Parameters
    ----------
    shape : {"ramp", "plateau", "triangle", "breakpoints"}
        ``ramp`` rises for ever with slope 1; ``plateau`` rises for `rise` ms and stays; ``triangle``
        rises for `rise` ms and falls back to zero within `fall` ms; ``breakpoints`` is a list of one's own.
    rise, fall : float, optional
        Durations (ms), where the shape has them.
    breakpoints : sequence of (delay, slope change), optional
        Delays in ms after the presynaptic spike, ascending; for the shape ``breakpoints`` only.
    """

    shape: Literal["ramp", "plateau", "triangle", "breakpoints"] = "ramp"
    rise: float | None = None
    fall: float | None = None
    breakpoints: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        needs = {"ramp": (), "plateau": ("rise",), "triangle": ("rise", "fall"), "breakpoints": ()}
        _require(self.shape in needs, "psp.shape", f"must be one of {', '.join(needs)}, not {self.shape!r}")
        for name in ("rise", "fall"):
            value = getattr(self, name)
            if name in needs[self.shape]:
                _require(
                    value is not None and _finite(value) and value > 0,
                    f"psp.{name}",
                    f"the shape {self.shape} needs a positive time in ms, not {value}",
                )
            else:
                _require(value is None, f"psp.{name}", f"has no meaning for the shape {self.shape}; remove it")
        if self.shape != "breakpoints":
            _require(
                not self.breakpoints,
                "psp.breakpoints",
                f'has no meaning for the shape {self.shape}; use shape = "breakpoints"',
            )
            return
        _require(len(self.breakpoints) > 0, "psp.breakpoints", "needs at least one (delay, slope change)")
        _require(
            all(len(pair) == 2 and _finite(pair[0]) and _finite(pair[1]) for pair in self.breakpoints),
            "psp.breakpoints",
            "each must be two finite numbers (delay in ms, change of slope)",
        )
        delays = [delay for delay, _ in self.breakpoints]
        _require(
            delays[0] >= 0 and all(a < b for a, b in pairwise(delays)),
            "psp.breakpoints",
            f"delays must ascend and not be negative, not {delays}",
        )

    @cached_property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Breakpoints (delay in ms, change of slope) of any shape."""
        if self.shape == "ramp":
            return ((0.0, 1.0),)
        if self.shape == "plateau":
            assert self.rise is not None
            return ((0.0, 1.0), (self.rise, -1.0))
        if self.shape == "triangle":
            assert self.rise is not None
            assert self.fall is not None
            ratio = self.rise / self.fall
            return ((0.0, 1.0), (self.rise, -1.0 - ratio), (self.rise + self.fall, ratio))
        return self.breakpoints

    def potential(self, since: np.ndarray) -> np.ndarray:
        """Potential (ms, before weight and ``1/tau``) at times after the presynaptic spike.

        Parameters
        ----------
        since : ndarray of float
            Times (ms) since the spike; negative or ``-inf`` where it has not happened.
        """
        total = np.zeros_like(since)
        for delay, change in self.kernel:
            total += change * np.maximum(since - delay, 0.0)
        return total

    def slope(self, since: np.ndarray) -> np.ndarray:
        """Slope of `potential` just before the times `since` (ms): a breakpoint at that instant is not counted."""
        total = np.zeros_like(since)
        for delay, change in self.kernel:
            total += change * (since > delay)
        return total


@dataclass(frozen=True)
class Neurons:
    """How the neurons of a layer integrate and fire.

    Parameters
    ----------
    regime : {"free", "staggered", "phased"}
        ``free``: all layers run at once. ``staggered``: a layer may fire from its onset on, helped by a
        constant drive. ``phased``: integrate until the onset (the gate closes there), then the drive
        carries the potential to threshold.
    threshold : float
        Firing threshold.
    tau : float
        Membrane time constant (ms).
    onset, end : float
        The window ``[onset, end)`` in which the neurons may fire (ms); `end` is cut to the presentation.
    drive : float
        Constant current from `onset` on.
    gate : float, optional
        When the synaptic current stops counting (ms); by default the onset if `phased`, else never.
    bias : bool
        Whether each map (or dense neuron) has a learned constant current.
    crossing_slope : float, optional
        Slope of the potential at threshold (1/ms) that the linear derivative assumes; by default
        ``drive/tau`` if there is a drive, else ``1/tau``.
    """

    regime: Regime = "free"
    threshold: float = 1.0
    tau: float = 64.0
    onset: float = 0.0
    end: float = math.inf
    drive: float = 0.0
    gate: float | None = None
    bias: bool = False
    crossing_slope: float | None = None

    def __post_init__(self) -> None:
        where = "neurons"
        _require(self.regime in REGIMES, f"{where}.regime", f"must be one of {', '.join(REGIMES)}, not {self.regime!r}")
        for name in ("threshold", "tau"):
            value = getattr(self, name)
            _require(_finite(value) and value > 0, f"{where}.{name}", f"must be positive, not {value}")
        _require(_finite(self.onset) and self.onset >= 0, f"{where}.onset", f"must be a time >= 0 ms, not {self.onset}")
        _require(
            not math.isnan(self.end) and self.end > self.onset,
            f"{where}.end",
            f"must be later than the onset ({self.onset} ms), not {self.end}",
        )
        _require(_finite(self.drive) and self.drive >= 0, f"{where}.drive", f"must be >= 0, not {self.drive}")
        _require(
            self.crossing_slope is None or (_finite(self.crossing_slope) and self.crossing_slope > 0),
            f"{where}.crossing_slope",
            f"must be positive, not {self.crossing_slope}",
        )
        if self.gate is None:
            object.__setattr__(self, "gate", self.onset if self.regime == "phased" else math.inf)
        assert self.gate is not None
        _require(not math.isnan(self.gate) and self.gate >= 0, f"{where}.gate", f"must be >= 0 ms, not {self.gate}")
        if self.regime == "free":
            _require(self.onset == 0, f"{where}.onset", "is 0 in the regime free; use staggered for a later one")
            _require(self.drive == 0, f"{where}.drive", "is 0 in the regime free; use staggered for a drive")
            _require(self.gate == math.inf, f"{where}.gate", "is inf in the regime free; use phased for a gate")
        elif self.regime == "staggered":
            _require(self.drive > 0, f"{where}.drive", "must be positive in the regime staggered")
            _require(self.gate == math.inf, f"{where}.gate", "is inf in the regime staggered; use phased for a gate")
        else:
            _require(self.drive > 0, f"{where}.drive", "must be positive in the regime phased")
            _require(
                self.gate == self.onset,
                f"{where}.gate",
                f"equals the onset ({self.onset} ms) in the regime phased; leave it out",
            )

    @property
    def gate_time(self) -> float:
        """The gate (ms), never None."""
        assert self.gate is not None
        return self.gate

    @property
    def assumed_slope(self) -> float:
        """Slope of the potential at threshold (1/ms) that the linear derivative assumes."""
        if self.crossing_slope is not None:
            return self.crossing_slope
        return (self.drive if self.drive > 0 else 1.0) / self.tau


@dataclass(frozen=True)
class InitialWeights:
    """The distribution that initial weights are drawn from.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
    mean, spread : float
        Mean and standard deviation in units of ``1/sqrt(number of inputs)``; the mean in units of
        ``1/number of inputs``.
    """

    distribution: Literal["normal", "uniform"] = "normal"
    mean: float = 0.0
    spread: float = 1.4142135623730951

    def __post_init__(self) -> None:
        _require(
            self.distribution in ("normal", "uniform"),
            "initial.distribution",
            f"must be normal or uniform, not {self.distribution!r}",
        )
        _require(_finite(self.mean), "initial.mean", f"must be finite, not {self.mean}")
        _require(_finite(self.spread) and self.spread >= 0, "initial.spread", f"must be >= 0, not {self.spread}")


def _check_name(name: str) -> None:
    _require(
        isinstance(name, str) and name.isascii() and name.isidentifier() and name != "stimulus",
        "layers.name",
        f"must be a word of ASCII letters, digits and underscores (and not 'stimulus'), not {name!r}",
    )


def _check_size(value: int, where: str, least: int = 1) -> None:
    _require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        where,
        f"must be an integer >= {least}, not {value!r}",
    )


def _check_dropout(value: float, where: str) -> None:
    _require(_finite(value) and 0 <= value < 1, where, f"must be in [0, 1), not {value}")


@dataclass(frozen=True)
class Convolution:
    """Maps of neurons that share a kernel.

    Parameters
    ----------
    name : str
    maps : int
        Number of feature maps.
    kernel : int
        Height and width of the receptive field.
    stride, padding : int
        Padding is made of neurons that never fire.
    neurons, psp, initial
        See `Neurons`, `PSP`, `InitialWeights`.
    dropout : float
        Fraction of spikes that are withheld during training.
    """

    name: str
    maps: int
    kernel: int
    stride: int = 1
    padding: int = 0
    neurons: Neurons = field(default_factory=Neurons)
    psp: PSP = field(default_factory=PSP)
    initial: InitialWeights = field(default_factory=InitialWeights)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_size(self.maps, f"layers.{self.name}.maps")
        _check_size(self.kernel, f"layers.{self.name}.kernel")
        _check_size(self.stride, f"layers.{self.name}.stride")
        _check_size(self.padding, f"layers.{self.name}.padding", least=0)
        _check_dropout(self.dropout, f"layers.{self.name}.dropout")
        _require(
            self.padding < self.kernel,
            f"layers.{self.name}.padding",
            f"must be smaller than the kernel ({self.kernel}), not {self.padding}",
        )

    def output_shape(self, source: Shape) -> Shape:
        """Shape (height, width, maps) for a source of shape (height, width, channels)."""
        _require(len(source) == 3, f"layers.{self.name}", "a convolution cannot follow a dense layer")
        sizes = []
        for side in source[:2]:
            reach = side + 2 * self.padding
            _require(
                self.kernel <= reach,
                f"layers.{self.name}.kernel",
                f"{self.kernel} is larger than its input of {source[0]}x{source[1]}"
                f" (padding {self.padding}); use a kernel of at most {reach}",
            )
            sizes.append((reach - self.kernel) // self.stride + 1)
        return (sizes[0], sizes[1], self.maps)

    def kernel_shape(self, source: Shape) -> Shape:
        """Shape (kernel, kernel, channels, maps) of the shared weights."""
        return (self.kernel, self.kernel, source[2], self.maps)


@dataclass(frozen=True)
class Pooling:
    """Neurons that pass on the earliest spike of their field, at once.

    Parameters
    ----------
    name : str
    size : int
        Height and width of the field.
    stride : int, optional
        By default `size`. Rows and columns that do not fill a field are left out.
    dropout : float
        Fraction of spikes that are withheld during training.
    """

    name: str
    size: int = 2
    stride: int | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_size(self.size, f"layers.{self.name}.size")
        if self.stride is None:
            object.__setattr__(self, "stride", self.size)
        assert self.stride is not None
        _check_size(self.stride, f"layers.{self.name}.stride")
        _check_dropout(self.dropout, f"layers.{self.name}.dropout")

    @property
    def step(self) -> int:
        """The stride, never None."""
        assert self.stride is not None
        return self.stride

    def output_shape(self, source: Shape) -> Shape:
        """Shape (height, width, channels) for a source of shape (height, width, channels)."""
        _require(len(source) == 3, f"layers.{self.name}", "a pooling layer cannot follow a dense layer")
        for side in source[:2]:
            _require(
                self.size <= side,
                f"layers.{self.name}.size",
                f"{self.size} is larger than its input of {source[0]}x{source[1]}",
            )
        return (
            (source[0] - self.size) // self.step + 1,
            (source[1] - self.size) // self.step + 1,
            source[2],
        )


@dataclass(frozen=True)
class Dense:
    """Neurons that each see all neurons of the layer below.

    Parameters
    ----------
    name : str
    size : int
        Number of neurons.
    neurons, psp, initial, dropout
        As in `Convolution`.
    """

    name: str
    size: int
    neurons: Neurons = field(default_factory=Neurons)
    psp: PSP = field(default_factory=PSP)
    initial: InitialWeights = field(default_factory=InitialWeights)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_size(self.size, f"layers.{self.name}.size")
        _check_dropout(self.dropout, f"layers.{self.name}.dropout")

    def output_shape(self, source: Shape) -> Shape:
        """Shape (neurons,) for any source."""
        return (self.size,)

    def kernel_shape(self, source: Shape) -> Shape:
        """Shape (inputs, neurons) of the weights; maps are flattened row by row, channels last."""
        return (math.prod(source), self.size)


Layer = Convolution | Pooling | Dense
WeightedLayer = Convolution | Dense


@dataclass(frozen=True)
class Weighting:
    """Which weights feed forward.

    Parameters
    ----------
    kind : {"real", "binary"}
        ``binary``: the signs of the real-valued weights times a scale; the real-valued set is updated.
    scale : {"channel", "layer"}
        Whether a scale (the mean absolute real-valued weight) is shared by an output channel or a layer.
    """

    kind: Literal["real", "binary"] = "real"
    scale: Literal["channel", "layer"] = "channel"

    def __post_init__(self) -> None:
        _require(self.kind in ("real", "binary"), "weighting.kind", f"must be real or binary, not {self.kind!r}")
        _require(self.scale in ("channel", "layer"), "weighting.scale", f"must be channel or layer, not {self.scale!r}")


@dataclass(frozen=True)
class Learning:
    """Settings of the STiDi-BP learner.

    Parameters
    ----------
    targets : {"softmax", "relative"}
        Where the displacement of the output neurons comes from.
    sharpness : float
        Softmax targets: factor on the negative latency, counted in encoding windows.
    label_smoothing : float
        Softmax targets: share of the target that is spread over all labels.
    margin : float
        Relative targets: how much later than the winner the other neurons should fire (ms).
    derivative : {"linear", "exact"}
        Derivative of the latency with respect to the potential: constant per layer, or the slope at the spike.
    propagation : {"slope", "causal"}
        What weighs a displacement on its way down: the slope of the PSP at the postsynaptic spike, or
        only whether the presynaptic spike came first.
    normalised : bool
        Scale the displacements of each layer and presentation to unit length (times the encoding window).
    optimizer : {"adam", "sgd"}
    rate : float
        Peak learning rate.
    momentum : float
        Momentum (sgd) or decay of the first moment (adam).
    schedule : {"constant", "cosine", "one-cycle"}
        Learning rate over the training.
    weight_decay : float
        Decoupled decay of weights (not biases) per unit of learning rate.
    clip : float
        Binary weights: bound on the real-valued set, in standard deviations of the initial draw.
    revive_below : float
        Maps and dense neurons that fire in less than this fraction of an epoch's presentations are
        redrawn; 0 switches it off.
    """

    targets: Literal["softmax", "relative"] = "softmax"
    sharpness: float = 8.0
    label_smoothing: float = 0.0
    margin: float = 8.0
    derivative: Literal["linear", "exact"] = "linear"
    propagation: Literal["slope", "causal"] = "slope"
    normalised: bool = False
    optimizer: Literal["adam", "sgd"] = "adam"
    rate: float = 0.001
    momentum: float = 0.9
    schedule: Literal["constant", "cosine", "one-cycle"] = "one-cycle"
    weight_decay: float = 0.0
    clip: float = 3.0
    revive_below: float = 0.0

    def __post_init__(self) -> None:
        choices = {
            "targets": ("softmax", "relative"),
            "derivative": ("linear", "exact"),
            "propagation": ("slope", "causal"),
            "optimizer": ("adam", "sgd"),
            "schedule": ("constant", "cosine", "one-cycle"),
        }
        for name, allowed in choices.items():
            value = getattr(self, name)
            _require(value in allowed, f"learning.{name}", f"must be one of {', '.join(allowed)}, not {value!r}")
        for name in ("sharpness", "margin", "rate", "clip"):
            value = getattr(self, name)
            _require(_finite(value) and value > 0, f"learning.{name}", f"must be positive, not {value}")
        for name in ("label_smoothing", "momentum", "revive_below"):
            value = getattr(self, name)
            _require(_finite(value) and 0 <= value < 1, f"learning.{name}", f"must be in [0, 1), not {value}")
        _require(
            _finite(self.weight_decay) and self.weight_decay >= 0,
            "learning.weight_decay",
            f"must be >= 0, not {self.weight_decay}",
        )


@dataclass(frozen=True)
class Training:
    """How long and on what a network is trained.

    Parameters
    ----------
    dataset : str
        Name of a known data set or the path of a folder of IDX files.
    engine : {"event", "brian2"}
    dt : float
        Time grid (ms); 0 means exact times (event engine only).
    precision : {"single", "double"}
        Arithmetic of the event engine during training; evaluation is always in double precision.
    epochs, batch : int
        Passes over the training images; presentations between two weight updates.
    validation : int
        Number of training images set aside to choose the best checkpoint.
    flips : bool
        Mirror half of the stimuli from left to right.
    shift : int
        Move each stimulus by up to this many pixels.
    """

    dataset: str = "digits"
    engine: Literal["event", "brian2"] = "event"
    dt: float = 0.0
    precision: Literal["single", "double"] = "single"
    epochs: int = 10
    batch: int = 100
    validation: int = 5000
    flips: bool = False
    shift: int = 0

    def __post_init__(self) -> None:
        _require(
            self.engine in ("event", "brian2"),
            "training.engine",
            f"must be event or brian2, not {self.engine!r}",
        )
        _require(
            self.precision in ("single", "double"),
            "training.precision",
            f"must be single or double, not {self.precision!r}",
        )
        _require(_finite(self.dt) and self.dt >= 0, "training.dt", f"must be a time >= 0 ms, not {self.dt}")
        _require(
            self.engine == "event" or self.dt > 0,
            "training.dt",
            "the engine brian2 needs a time step; give dt in ms, for example 1.0",
        )
        for name in ("epochs", "batch", "validation"):
            _check_size(getattr(self, name), f"training.{name}")
        _check_size(self.shift, "training.shift", least=0)


@dataclass(frozen=True)
class Network:
    """A network and how it learns.

    Parameters
    ----------
    name : str
    encoder : Encoder
    layers : sequence of Convolution, Pooling, Dense
        The last one is the output: a dense layer whose first spike is the decision.
    duration : float
        Length of a presentation (ms).
    weighting, learning, training
        See `Weighting`, `Learning`, `Training`.
    description : str
        One line for lists of presets.

    Raises
    ------
    SpecificationError
        If a part cannot be built; the message names the field.
    """

    name: str
    encoder: Encoder
    layers: tuple[Layer, ...]
    duration: float
    weighting: Weighting = field(default_factory=Weighting)
    learning: Learning = field(default_factory=Learning)
    training: Training = field(default_factory=Training)
    description: str = ""

    def __post_init__(self) -> None:
        _require(
            _finite(self.duration) and self.duration >= self.encoder.t_max,
            "duration",
            f"must be a time in ms of at least encoder.t_max ({self.encoder.t_max} ms), not {self.duration}",
        )
        _require(len(self.layers) > 0, "layers", "needs at least one layer")
        _require(isinstance(self.layers[-1], Dense), "layers", "the last layer is the output and must be dense")
        names = [layer.name for layer in self.layers]
        for name in names:
            _require(names.count(name) == 1, "layers.name", f"{name!r} is used twice; each layer needs its own")
        _require(self.layers[-1].dropout == 0, f"layers.{names[-1]}.dropout", "must be 0: every output spike counts")
        for layer, following in pairwise(self.layers):
            _require(
                not (isinstance(layer, Convolution) and layer.dropout and isinstance(following, Pooling)),
                f"layers.{layer.name}.dropout",
                f"has no meaning before pooling, where another spike takes the place; put it on {following.name}",
            )
        for layer in self.weighted_layers:
            _require(
                layer.neurons.onset < self.duration,
                f"layers.{layer.name}.neurons.onset",
                f"{layer.neurons.onset} ms is after the end of the presentation ({self.duration} ms)",
            )
            _require(
                layer.neurons.end == math.inf or layer.neurons.end <= self.duration,
                f"layers.{layer.name}.neurons.end",
                f"{layer.neurons.end} ms is after the end of the presentation ({self.duration} ms)",
            )
        _require(
            self.training.dt <= self.encoder.t_max,
            "training.dt",
            f"{self.training.dt} ms is larger than the encoding window of {self.encoder.t_max} ms;"
            " choose a smaller step",
        )
        _ = self.shapes

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes of the stimulus and of every layer, in order; one more than there are layers."""
        shapes: list[Shape] = [self.encoder.shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return tuple(shapes)

    @property
    def weighted_layers(self) -> tuple[WeightedLayer, ...]:
        """The layers that have synaptic weights."""
        return tuple(layer for layer in self.layers if not isinstance(layer, Pooling))

    @property
    def outputs(self) -> int:
        """Number of output neurons."""
        return self.shapes[-1][0]

    def window_end(self, layer: WeightedLayer) -> float:
        """When the neurons of a layer may no longer fire (ms)."""
        return min(layer.neurons.end, self.duration)

    def layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises
        ------
        SpecificationError
            If there is none; the message lists the names.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise SpecificationError(f"layer {name!r}", f"does not exist in {self.name}; it has {known}")
