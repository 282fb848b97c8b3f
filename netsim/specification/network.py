"""A whole network: encoder, layers and settings, checked against each other."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from netsim.errors import SpecificationError
from netsim.specification.checks import finite, require
from netsim.specification.layers import Convolution, Dense, Encoder, Layer, Pooling, Shape, WeightedLayer
from netsim.specification.settings import Learning, Training, Weighting

LARGEST = 2**31
"""Neurons or weights of a layer; more do not fit into any memory, and their number may be a slip."""
MOST_STEPS = 10**9
"""Of a presentation."""


@dataclass(frozen=True)
class Network:
    """A network and how it learns.

    Parameters
    ----------
    name : str
        At most 100 letters, digits, ``_``, ``-`` and ``.``; folders are called by it.
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
        require(
            re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", self.name) is not None,
            "name",
            "must be at most 100 letters, digits, '_', '-' and '.', with neither '-' nor '.' at the start, for folders"
            f" are called by it, not {self.name!r}",
        )
        require(
            finite(self.duration) and self.duration >= self.encoder.t_max,
            "duration",
            f"must be a time in ms of at least encoder.t_max ({self.encoder.t_max} ms), not {self.duration}",
        )
        require(len(self.layers) > 0, "layers", "needs at least one layer")
        require(isinstance(self.layers[-1], Dense), "layers", "the last layer is the output and must be dense")
        names = [layer.name for layer in self.layers]
        for name, count in Counter(names).items():
            require(count == 1, "layers.name", f"{name!r} is used twice; each layer needs its own")
        require(self.layers[-1].dropout == 0, f"layers.{names[-1]}.dropout", "must be 0: every output spike counts")
        for layer, following in pairwise(self.layers):
            require(
                not (isinstance(layer, Convolution) and layer.dropout and isinstance(following, Pooling)),
                f"layers.{layer.name}.dropout",
                f"has no meaning before pooling, where another spike takes the place; put it on {following.name}",
            )
        for layer in self.weighted_layers:
            require(
                layer.neurons.onset < self.duration,
                f"layers.{layer.name}.neurons.onset",
                f"{layer.neurons.onset} ms is after the end of the presentation ({self.duration} ms)",
            )
            require(
                layer.neurons.end == math.inf or layer.neurons.end <= self.duration,
                f"layers.{layer.name}.neurons.end",
                f"{layer.neurons.end} ms is after the end of the presentation ({self.duration} ms)",
            )
        require(
            self.training.dt <= self.encoder.t_max,
            "training.dt",
            f"{self.training.dt} ms is larger than the encoding window of {self.encoder.t_max} ms;"
            " choose a smaller step",
        )
        require(
            self.training.dt == 0 or self.duration / self.training.dt <= MOST_STEPS,
            "training.dt",
            f"{self.training.dt} ms cuts a presentation into more than {MOST_STEPS:,} steps; choose a larger step",
        )
        require(math.prod(self.shapes[0]) <= LARGEST, "encoder.shape", f"has more than {LARGEST:,} pixels")
        for layer, source, shape in zip(self.layers, self.shapes, self.shapes[1:], strict=False):
            weights = 0 if isinstance(layer, Pooling) else math.prod(layer.kernel_shape(source))
            require(
                max(weights, math.prod(shape)) <= LARGEST,
                f"layers.{layer.name}",
                f"has {math.prod(shape):,} neurons and {weights:,} weights; at most {LARGEST:,} of each are possible",
            )

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
