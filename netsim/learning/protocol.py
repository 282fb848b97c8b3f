"""Protocols of learners, targets, optimizers and constraints.

Each entry is a class that subclasses its protocol and registers itself (`netsim.seams`). Its ``from_network`` makes an
object from the settings of a network. A training also accepts an object made in another way.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np

from netsim.errors import SpecificationError
from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.weights.layout import ON_TIME, Delayed, Weights

Row = tuple[str, str]
"""Heading and text of a row in a table of the model description (see `netsim.specification.phrases`)."""

EXACTNESS = "Exactness"
"""Heading of the row on the exactness of a step, and on the function whose gradient it is."""


class OutputDisplacement(NamedTuple):
    """Displacements of the output neurons.

    Attributes
    ----------
    displacement : ndarray, shape (presentations, neurons)
        Desired change of latency (ms), negative if a neuron should fire earlier.
    loss : ndarray, shape (presentations,)
        Loss that the displacements reduce (dimensionless).
    """

    displacement: np.ndarray
    loss: np.ndarray

    def __repr__(self) -> str:
        return short_repr(self)


@dataclass(frozen=True, eq=False)  # comparing arrays yields no truth value
class BatchGradients:
    """Results of a learner for a batch.

    Attributes
    ----------
    gradients : dict of ndarray
        Gradients of plastic forward weights and of learned delays (per ms), by name. They are means over presentations,
        with times in encoding windows. With softmax targets, they are gradients of the loss (cross-entropy) divided by
        ``sharpness``. For a single presentation, gradients of dense synapses may be a
        `netsim.learning.gradients.SinglePresentation`, which arithmetic and ``numpy.asarray`` treat as an array.
    loss : ndarray, shape (presentations,)
    parts : sequence of sequence of ndarray
        Displacements of successive presentations. Empty if the learner has no displacements.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> spikes = netsim.present(model, limit=40)
    >>> learned = netsim.STiDiBP(model.network).learn(spikes, spikes.labels, model.weights)
    >>> learned.gradients["hidden.kernel"].shape
    (64, 200)
    >>> learned.loss.shape
    (40,)
    """

    gradients: Weights
    loss: np.ndarray
    parts: Sequence[Sequence[np.ndarray]] = field(default=(), repr=False)

    __repr__ = short_repr

    @property
    def displacements(self) -> list[np.ndarray]:
        """Return desired changes of latency (ms) of all populations, without the stimulus, in the shapes of latencies.

        Below a pooling neuron, only the earliest neuron has the displacement. Neurons that cannot move have none.
        """
        return [np.concatenate(population) for population in zip(*self.parts, strict=True)]


class _Named(Protocol):
    """An entry that the settings of a network choose, and that describes itself for the model description."""

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """Make the object that the settings of a network specify."""

    @classmethod
    def describe(cls, network: Network) -> str:
        """Return equations and values, without a full stop, in LaTeX mathematics. The default is the docstring."""
        return inspect.cleandoc(cls.__doc__ or cls.__name__).rstrip(".")  # not an inherited docstring


class Learner(_Named, Protocol):
    """Compute gradients from the latencies and labels of a batch, independently of engines.

    Attributes
    ----------
    supervised : bool
        Whether it learns from labels, as the model description says.
    settings : tuple of str
        Keys of `netsim.Learning` that only this learner uses. Training warns if they are set for other learners.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> learner = netsim.STiDiBP(model.network)
    >>> learner.loss(np.array([[12.0, 15.0, *8 * [np.inf]]]), np.array([0])).shape
    (1,)
    """

    supervised: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = ()

    def learn(
        self, latencies: Mapping[str, np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        """Return the gradients of a batch.

        Parameters
        ----------
        latencies : mapping of ndarray
            Latencies (ms) by population, including ``stimulus``, as returned by an engine. ``inf`` stands for silence.
            On a time grid (``training.dt`` of the network) they are multiples of its step.
        labels : ndarray of int, shape (presentations,)
        weights : dict of ndarray
            Forward weights, with drawn or learned delays.
        delays : mapping of ndarray
            Additional delays of spikes in this batch, as in `netsim.Batch`, usually empty. On a grid they are rounded
            like in engines.

        Returns
        -------
        BatchGradients
        """

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the loss of each presentation, only from output latencies (ms), for validation."""

    @classmethod
    def with_targets(cls, network: Network, targets: "Targets") -> Self:
        """Return the learner of `from_network` with other targets. Raise SpecificationError if it uses no targets."""
        raise SpecificationError("targets", f"are not supported by the learner {cls.__name__}; remove them")

    @classmethod
    def summary(cls, network: Network) -> str:
        """Return the rule and its settings in a few words, for the summary of the model description."""
        return cls.__name__

    @classmethod
    def rule(cls, network: Network) -> Sequence[Row]:
        """Return the table of the learning rule for the model description. The row `EXACTNESS` classifies the step."""
        return [("Rule", cls.describe(network))]


class Targets(_Named, Protocol):
    """Targets of the output neurons. A silent neuron counts as firing at the end of its window.

    Attributes
    ----------
    follows_loss : bool
        Whether displacements are the negative gradient of the loss with respect to the latencies, up to a factor. Only
        then does the model description call the learning step a gradient of this loss.
    settings : tuple of str
        Keys of `netsim.Learning` that only these targets use. Training warns if they are set for other targets.
    """

    follows_loss: ClassVar[bool] = False
    settings: ClassVar[tuple[str, ...]] = ()

    def displacement(self, outputs: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        """Return displacements and losses.

        Parameters
        ----------
        outputs : ndarray, shape (presentations, neurons)
            Latencies (ms), ``inf`` for silence.
        labels : ndarray of int, shape (presentations,)
        """

    def probabilities(self, outputs: np.ndarray) -> np.ndarray | None:
        """Return the probability of each neuron, shape (presentations, neurons), for latencies as in `displacement`.

        Return None if the targets define no probabilities. Decisions then have no confidence.
        """
        return None

    def spread(self) -> float | None:
        """Return the spread of output latencies (ms) that the targets can distinguish.

        The fit of initial weights spreads the outputs by at most this much. None stands for the spread of softmax
        targets.
        """
        return None


class Optimizer(_Named, Protocol):
    """Update weights in place from gradients.

    Attributes
    ----------
    state : dict of ndarray
        State for resuming a training, by ``"<what>"`` or ``"<what>.<name of a weight>"``. Steps change neither shapes
        nor dtypes.
    normalises : bool
        Whether the size of steps is independent of the size of gradients, as with Adam. Then the learning rates of
        populations are fitted (see `netsim.specification.Learning`).
    """

    normalises: ClassVar[bool] = False

    state: dict[str, np.ndarray]

    def begin(self, weights: Weights) -> None:
        """Initialise the state for the first step on such weights."""

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """Move weights against their gradients. Weights without a gradient stay.

        Parameters
        ----------
        weights, gradients : dict of ndarray
        rate : float
            Learning rate of this step.
        factors : mapping, optional
            Factors of the rate of some weights, by name.
        """


class Constraint(Protocol):
    """A condition on the weights after every step of the optimizer."""

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """Return the constraint of a network, or None if it does not apply."""

    def enforce(self, weights: Weights) -> None:
        """Change latent weights in place so that they fulfil the condition."""

    def describe(self, network: Network) -> Row | None:
        """Return a row of the table of optimization in the model description, or None if other rows include it."""
