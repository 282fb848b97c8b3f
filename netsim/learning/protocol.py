"""What the entries of the learning seams are: learners, targets, optimizers, constraints and schedules.

Each is a class that subclasses its protocol and registers itself (`netsim.seams`). The network's settings make it by
``from_network``; an object made in any other way can be handed to `netsim.training.loop.train` in its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import numpy as np

from netsim.specification import Network
from netsim.weights.layout import Weights

Row = tuple[str, str]
"""Heading and text of a row in a table of the model description (see `netsim.specification.phrases`)."""


class OutputDisplacement(NamedTuple):
    """Displacements of the output neurons.

    Attributes
    ----------
    displacement : ndarray, shape (presentations, neurons)
        Wanted change of latency (ms): negative where a neuron should fire earlier.
    loss : ndarray, shape (presentations,)
        What descends as the displacements are followed; dimensionless.
    """

    displacement: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True)
class BatchGradients:
    """What a learner makes of a batch.

    Attributes
    ----------
    gradients : dict of ndarray
        By weight name, of the plastic weights that fed forward: mean over presentations, times in units of the
        encoding window; with softmax targets the gradient of the loss over ``sharpness``.
    loss : ndarray, shape (presentations,)
    parts : sequence of sequence of ndarray
        The displacements of successive presentations; empty from a learner that knows none.
    """

    gradients: Weights = field(repr=False)
    loss: np.ndarray = field(repr=False)
    parts: Sequence[Sequence[np.ndarray]] = field(default=(), repr=False)

    @property
    def displacements(self) -> list[np.ndarray]:
        """Wanted changes of latency (ms) of every layer in order, in the shapes of the latencies, without the stimulus.

        Below a pooling neuron the displacement belongs to the earliest neuron alone; what cannot move has none.
        """
        return [np.concatenate(layer) for layer in zip(*self.parts, strict=True)]


class Learner(Protocol):
    """From the latencies and labels of a batch to gradients. It knows no engine."""

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """The learner that the settings of a network ask for."""
        ...

    def learn(self, latencies: Sequence[np.ndarray], labels: np.ndarray, weights: Weights) -> BatchGradients:
        """Gradients of a batch.

        Parameters
        ----------
        latencies : sequence of ndarray
            First-spike latencies (ms) of the stimulus and of every layer, as an engine returns them; ``inf`` is silent.
        labels : ndarray of int, shape (presentations,)
        weights : dict of ndarray
            The weights that fed forward.
        """
        ...

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The loss of each presentation, from output latencies alone, for validation.

        Parameters
        ----------
        outputs : ndarray, shape (presentations, neurons)
            Latencies (ms).
        labels : ndarray of int, shape (presentations,)

        Returns
        -------
        ndarray, shape (presentations,)
        """
        ...

    @classmethod
    def summary(cls, network: Network) -> str:
        """Name and settings of the rule, for the summary of the model description; by default the class name."""
        return cls.__name__

    @classmethod
    def rule(cls, network: Network) -> Sequence[Row]:
        """Table G1 of the model description; by default the docstring."""
        return [("Rule", inspect.getdoc(cls) or cls.__name__)]


class Targets(Protocol):
    """What the output neurons should have done; a silent one counts as firing at the end of its window."""

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """The targets that the settings of a network ask for."""
        ...

    def displacement(self, outputs: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        """Displacements and losses.

        Parameters
        ----------
        outputs : ndarray, shape (presentations, neurons)
            Latencies (ms); ``inf`` is silent.
        labels : ndarray of int, shape (presentations,)
        """
        ...

    @classmethod
    def describe(cls, network: Network) -> str:
        """The equations, without a full stop, for the model description; by default the docstring."""
        return inspect.getdoc(cls) or cls.__name__


class Optimizer(Protocol):
    """From gradients to weights, which it changes in place.

    Attributes
    ----------
    state : dict of ndarray
        All that a resumed training needs, by ``"<what>"`` or ``"<what>.<name of a weight>"``; steps change neither
        shapes nor types.
    """

    state: dict[str, np.ndarray]

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """The optimizer that the settings of a network ask for."""
        ...

    def begin(self, weights: Weights) -> None:
        """Make the state anew, as it is before the first step.

        Parameters
        ----------
        weights : dict of ndarray
            Gives names, shapes and arithmetic.
        """
        ...

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """Move the weights against the gradients.

        Parameters
        ----------
        weights : dict of ndarray
        gradients : dict of ndarray
            Of the weights that are to move.
        rate : float
            Learning rate of this step.
        factors : mapping, optional
            By name, on the rate of some weights.
        """
        ...

    @classmethod
    def describe(cls, network: Network) -> str:
        """The equations, without a full stop, for the model description; by default the docstring."""
        return inspect.getdoc(cls) or cls.__name__


class Constraint(Protocol):
    """What holds for the weights after every step of the optimizer."""

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """The constraint as the network asks for it; None if it does not apply there."""
        ...

    def enforce(self, weights: Weights) -> None:
        """Change weights in place so that they fulfil it.

        Parameters
        ----------
        weights : dict of ndarray
            The latent weights, which are updated.
        """
        ...

    def describe(self, network: Network) -> Row | None:
        """A row of table G2 of the model description; None if other rows say it."""
        ...


class Schedule(Protocol):
    """The learning rate over a training."""

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """The schedule that the settings of a network ask for."""
        ...

    def rate(self, progress: float) -> float:
        """Learning rate at a point of the training.

        Parameters
        ----------
        progress : float
            Share of the updates that are done, 0 to 1.
        """
        ...

    @classmethod
    def describe(cls, network: Network) -> str:
        """The equation, without a full stop, for the model description; by default the docstring."""
        return inspect.getdoc(cls) or cls.__name__
