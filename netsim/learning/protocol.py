"""What the entries of the learning seams are: learners, targets, optimizers and constraints.

Each is a class that subclasses its protocol and registers itself (`netsim.seams`). Its ``from_network`` makes what the
settings of a network ask for; an object that is made in another way can be handed to a training in its place.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np

from netsim.errors import SpecificationError
from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.weights.delays import ON_TIME, Delayed
from netsim.weights.layout import Weights

Row = tuple[str, str]
"""Heading and text of a row in a table of the model description (see `netsim.specification.phrases`)."""

EXACTNESS = "Exactness"
"""Heading of the row that says what is exact of a step, and what it is the gradient of."""


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

    def __repr__(self) -> str:
        return short_repr(self)


@dataclass(frozen=True)
class BatchGradients:
    """What a learner makes of a batch.

    Attributes
    ----------
    gradients : dict of ndarray
        By name, of the plastic weights that fed forward and of learned delays (per ms): mean over presentations, times
        in units of the encoding window; with softmax targets the gradient of the loss, which is the cross-entropy, over
        ``sharpness``. Of a single presentation those of dense synapses may be a
        `netsim.learning.gradients.SinglePresentation`, which arithmetic and ``numpy.asarray`` take for the array.
    loss : ndarray, shape (presentations,)
    parts : sequence of sequence of ndarray
        The displacements of successive presentations; empty from a learner that knows none.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network)
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(40)), model.weights))
    >>> found = netsim.STiDiBP(model.network).learn(latencies, test.labels, model.weights)
    >>> found.gradients["hidden.kernel"].shape
    (64, 200)
    >>> found.loss.shape
    (40,)
    """

    gradients: Weights
    loss: np.ndarray
    parts: Sequence[Sequence[np.ndarray]] = field(default=(), repr=False)

    __repr__ = short_repr

    @property
    def displacements(self) -> list[np.ndarray]:
        """Wanted changes of latency (ms) of every population, in the shapes of the latencies without the stimulus.

        Below a pooling neuron the displacement belongs to the earliest neuron alone; what cannot move has none.
        """
        return [np.concatenate(population) for population in zip(*self.parts, strict=True)]


class _Named(Protocol):
    """What the settings of a network choose, and what tells the model description about itself."""

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """What the settings of a network ask for."""

    @classmethod
    def describe(cls, network: Network) -> str:
        """Equations and values, without a full stop, in the mathematics of LaTeX; by default the docstring."""
        return inspect.cleandoc(cls.__doc__ or cls.__name__).rstrip(".")  # its own one, not an inherited one


class Learner(_Named, Protocol):
    """From the latencies and labels of a batch to gradients. It knows no engine.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> learner = netsim.STiDiBP(model.network)
    >>> learner.loss(np.array([[12.0, 15.0, *8 * [np.inf]]]), np.array([0])).shape
    (1,)
    """

    def learn(
        self, latencies: Mapping[str, np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        """Gradients of a batch.

        Parameters
        ----------
        latencies : mapping of ndarray
            By the name of the population, ``stimulus`` among them, as an engine returns them (ms); ``inf`` is silent.
            On a time grid (``training.dt`` of the network) they are multiples of its step.
        labels : ndarray of int, shape (presentations,)
        weights : dict of ndarray
            The weights that fed forward, with the delays that are drawn or learned.
        delays : mapping of ndarray
            How late spikes were in this batch, as `netsim.Batch` has it; mostly empty. On a grid they are rounded as an
            engine rounds them.
        """

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The loss of each presentation, from output latencies (ms) alone, for validation."""

    @classmethod
    def with_targets(cls, network: Network, targets: "Targets") -> Self:
        """The learner of `from_network` with other targets; a SpecificationError from a learner that takes none."""
        raise SpecificationError("targets", f"are not taken by the learner {cls.__name__}")

    @classmethod
    def summary(cls, network: Network) -> str:
        """The rule and its settings in a few words, for the summary of the model description."""
        return cls.__name__

    @classmethod
    def rule(cls, network: Network) -> Sequence[Row]:
        """The table of the learning rule in the model description; a row `EXACTNESS` says of what the step is what."""
        return [("Rule", cls.describe(network))]


class Targets(_Named, Protocol):
    """What the output neurons should have done; a silent one counts as firing at the end of its window.

    Attributes
    ----------
    follows_loss : bool
        Whether displacements are minus the gradient of the loss with respect to the latencies, but for a factor; the
        model description says of the learning step that it is a gradient of this loss only then.
    """

    follows_loss: ClassVar[bool] = False

    def displacement(self, outputs: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        """Displacements and losses.

        Parameters
        ----------
        outputs : ndarray, shape (presentations, neurons)
            Latencies (ms); ``inf`` is silent.
        labels : ndarray of int, shape (presentations,)
        """

    def probabilities(self, outputs: np.ndarray) -> np.ndarray | None:
        """How probable each neuron is, shape (presentations, neurons), of latencies as in `displacement`.

        None for targets that say nothing of probabilities: decisions then have no confidence.
        """
        return None


class Optimizer(_Named, Protocol):
    """From gradients to weights, which it changes in place.

    Attributes
    ----------
    state : dict of ndarray
        All that a resumed training needs, by ``"<what>"`` or ``"<what>.<name of a weight>"``; steps change neither
        shapes nor types.
    normalises : bool
        Whether the size of steps does not depend on the size of gradients, as with Adam. Then the learning rates of
        populations are fitted, see `netsim.specification.Learning`.
    """

    normalises: ClassVar[bool] = False

    state: dict[str, np.ndarray]

    def begin(self, weights: Weights) -> None:
        """Make the state anew, as it is before the first step on such weights."""

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """Move the weights against the gradients, which are of those that are to move.

        Parameters
        ----------
        weights, gradients : dict of ndarray
        rate : float
            Learning rate of this step.
        factors : mapping, optional
            By name, on the rate of some weights.
        """


class Constraint(Protocol):
    """What holds for the weights after every step of the optimizer."""

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """The constraint as a network asks for it; None if it does not apply there."""

    def enforce(self, weights: Weights) -> None:
        """Change latent weights in place so that they fulfil it."""

    def describe(self, network: Network) -> Row | None:
        """A row of the table of optimization in the model description; None if other rows say it."""
