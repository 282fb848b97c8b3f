"""The layers of a network, and the encoder of its stimuli: shapes and what is connected."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from netsim.specification.checks import check_choice, check_dropout, check_name, check_size, finite, require
from netsim.specification.neurons import PSP, Neurons

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Encoder:
    """Latency code of the stimuli: images, or recordings of events.

    Of an image, an intensity ``x`` in ``[0, 1]`` gives the latency ``(1 - x)·t_max``; intensity 0 is silent.
    Of a recording, the first event of a pixel and polarity gives the latency; with several time windows, the
    first event in each of them, counted from the window's start. Windows follow each other from the origin;
    channel ``window·polarities + polarity``.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of one stimulus.
    t_max : float
        Length of the encoding window (ms), and of every time window of a recording.
    kind : {"intensity", "events"}
        What a stimulus is: an image, or a recording.
    windows : int
        Events: number of time windows; what comes later is left out.
    polarity : {"separate", "merged"}
        Events: whether each polarity has a channel of its own.
    origin : {"recording", "first-event"}
        Events: where time starts, at the recording's 0 µs or at its first event.
    """

    shape: Shape
    t_max: float = 64.0
    kind: Literal["intensity", "events"] = "intensity"
    windows: int = 1
    polarity: Literal["separate", "merged"] = "separate"
    origin: Literal["recording", "first-event"] = "recording"

    def __post_init__(self) -> None:
        require(
            len(self.shape) == 3 and all(isinstance(n, int) and n > 0 for n in self.shape),
            "encoder.shape",
            f"needs three positive integers (height, width, channels), not {list(self.shape)}",
        )
        require(
            finite(self.t_max) and self.t_max > 0,
            "encoder.t_max",
            f"must be a positive time in ms, not {self.t_max}",
        )
        check_choice(self.kind, ("intensity", "events"), "encoder.kind")
        check_choice(self.polarity, ("separate", "merged"), "encoder.polarity")
        check_choice(self.origin, ("recording", "first-event"), "encoder.origin")
        check_size(self.windows, "encoder.windows")
        if self.kind == "events":
            require(
                0.001 <= self.t_max <= 1e6,
                "encoder.t_max",
                f"must be from 0.001 to 1000000 ms for events, which have times in µs, not {self.t_max}",
            )
        else:
            for name, default in (("windows", 1), ("polarity", "separate"), ("origin", "recording")):
                require(
                    getattr(self, name) == default, f"encoder.{name}", 'has a meaning for recordings, kind = "events"'
                )
        require(
            self.shape[2] % self.windows == 0,
            "encoder.shape",
            f"{self.shape[2]} channels cannot be divided among {self.windows} time windows",
        )
        require(
            self.polarity == "separate" or self.shape[2] == self.windows,
            "encoder.shape",
            f"merged polarities need one channel a time window, {self.windows} in all, not {self.shape[2]}",
        )


@dataclass(frozen=True)
class InitialWeights:
    """The distribution that initial weights are drawn from.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
    mean : float
        In units of ``1/number of inputs``.
    spread : float
        Standard deviation in units of ``1/sqrt(number of inputs)``.
    bias : float
        Constant current of every neuron that has a bias; it is not drawn.
    """

    distribution: Literal["normal", "uniform"] = "normal"
    mean: float = 0.0
    spread: float = 1.4142135623730951
    bias: float = 0.0

    def __post_init__(self) -> None:
        check_choice(self.distribution, ("normal", "uniform"), "initial.distribution")
        require(finite(self.mean), "initial.mean", f"must be finite, not {self.mean}")
        require(finite(self.spread) and self.spread >= 0, "initial.spread", f"must be >= 0, not {self.spread}")
        require(finite(self.bias), "initial.bias", f"must be finite, not {self.bias}")


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
    plastic : bool
        Whether training changes the incoming weights; biases always learn.
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
    plastic: bool = True

    def __post_init__(self) -> None:
        check_name(self.name)
        check_size(self.maps, f"layers.{self.name}.maps")
        check_size(self.kernel, f"layers.{self.name}.kernel")
        check_size(self.stride, f"layers.{self.name}.stride")
        check_size(self.padding, f"layers.{self.name}.padding", least=0)
        check_dropout(self.dropout, f"layers.{self.name}.dropout")
        require(
            self.padding < self.kernel,
            f"layers.{self.name}.padding",
            f"must be smaller than the kernel ({self.kernel}), not {self.padding}",
        )
        _check_bias(self)

    def output_shape(self, source: Shape) -> Shape:
        """Shape (height, width, maps) for a source of shape (height, width, channels)."""
        require(len(source) == 3, f"layers.{self.name}", "a convolution cannot follow a dense layer")
        sizes = []
        for side in source[:2]:
            reach = side + 2 * self.padding
            require(
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
        check_name(self.name)
        check_size(self.size, f"layers.{self.name}.size")
        if self.stride is None:
            object.__setattr__(self, "stride", self.size)
        assert self.stride is not None
        check_size(self.stride, f"layers.{self.name}.stride")
        check_dropout(self.dropout, f"layers.{self.name}.dropout")

    @property
    def step(self) -> int:
        """The stride, never None."""
        assert self.stride is not None
        return self.stride

    def output_shape(self, source: Shape) -> Shape:
        """Shape (height, width, channels) for a source of shape (height, width, channels)."""
        require(len(source) == 3, f"layers.{self.name}", "a pooling layer cannot follow a dense layer")
        for side in source[:2]:
            require(
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
    neurons, psp, initial, dropout, plastic
        As in `Convolution`.
    """

    name: str
    size: int
    neurons: Neurons = field(default_factory=Neurons)
    psp: PSP = field(default_factory=PSP)
    initial: InitialWeights = field(default_factory=InitialWeights)
    dropout: float = 0.0
    plastic: bool = True

    def __post_init__(self) -> None:
        check_name(self.name)
        check_size(self.size, f"layers.{self.name}.size")
        check_dropout(self.dropout, f"layers.{self.name}.dropout")
        _check_bias(self)

    def output_shape(self, source: Shape) -> Shape:
        """Shape (neurons,) for any source."""
        return (self.size,)

    def kernel_shape(self, source: Shape) -> Shape:
        """Shape (inputs, neurons) of the weights; maps are flattened row by row, channels last."""
        return (math.prod(source), self.size)


Layer = Convolution | Pooling | Dense
WeightedLayer = Convolution | Dense


def _check_bias(layer: WeightedLayer) -> None:
    """Refuse a bias to begin with for neurons that have none."""
    require(
        layer.initial.bias == 0 or layer.neurons.bias,
        f"layers.{layer.name}.initial.bias",
        "has a meaning for neurons with a bias only, bias = true",
    )
