"""STDP: synapses of the winners change by the order of spikes, without labels."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

import numpy as np

from netsim.errors import SpecificationError
from netsim.learning.protocol import EXACTNESS, BatchGradients, Learner, Row
from netsim.seams import learners, optimizers
from netsim.specification import Network, Projection, Shape
from netsim.specification.checks import check_size, finite, require
from netsim.specification.grid import nearest_steps, steps_of
from netsim.weights.layout import ON_TIME, Delayed, Weights, delay_of_each, kernel_name


class _Synapses(NamedTuple):
    """Synapses sorted by their target: those of neuron `k` are at ``starts[k]:starts[k + 1]``."""

    pre: np.ndarray
    weight: np.ndarray
    starts: np.ndarray


@learners.register("stdp")
class STDP(Learner):
    r"""Spike-timing-dependent plasticity with winners, which ignores labels.

    In each presentation the earliest neurons of a population win. A winner silences its map, and all maps in the square
    around its position. The weights :math:`w` of a winner change by :math:`a^+ w(1 - w)` where a spike arrived no later
    than the winner fired, and by :math:`-a^- w(1 - w)` elsewhere. So weights between 0 and 1 stay there, if steps are
    small. All plastic projections learn but those onto the output, which is read out in another way.

    The gradient is minus the mean change over presentations. Use it with ``optimizer = "sgd"``, ``momentum = 0``,
    ``schedule = "constant"`` and ``fitted = false``; the rate is then the number of presentations of a batch, for the
    sum of their changes.

    Parameters
    ----------
    network : Network
    potentiation, depression : float
        :math:`a^+` and :math:`a^-`.
    winners : int
        Neurons of a population that learn from a presentation, at most.
    radius : int
        The square around a winner has sides of ``2·radius + 1`` positions.

    Raises
    ------
    SpecificationError
        If synapses have delays of their own, or a number is out of its bounds.

    References
    ----------
    Kheradpisheh, Ganjtabesh, Thorpe and Masquelier (2018), STDP-based spiking deep convolutional neural networks for
    object recognition, Neural Networks 99, doi:10.1016/j.neunet.2017.12.005.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> from netsim.learning.learners.stdp import STDP
    >>> model = netsim.load_model("digits")
    >>> latencies = netsim.present(model, limit=2)
    >>> found = STDP(model.network, winners=1).learn(latencies, latencies.labels, model.weights)
    >>> changed = np.flatnonzero(found.gradients["hidden.kernel"].any(axis=0))
    >>> len(changed) <= 2
    True
    """

    supervised: ClassVar[bool] = False

    def __init__(
        self,
        network: Network,
        potentiation: float = 0.004,
        depression: float = 0.003,
        winners: int = 5,
        radius: int = 2,
    ) -> None:
        delayed = next((each.name for each in network.projections if each.delays is not None), None)
        if delayed is not None:
            raise SpecificationError(f"projections.{delayed}.delay", "must be one time for all axons with stdp")
        for name, value in (("potentiation", potentiation), ("depression", depression)):
            if not (finite(value) and 0 <= value <= 1):
                raise SpecificationError(name, f"must be in [0, 1], not {value}")
        check_size(winners, "winners")
        check_size(radius, "radius", least=0)
        self.network = network
        self.potentiation, self.depression = potentiation, depression
        self.winners, self.radius = winners, radius
        self._learning = [each for each in network.weighted if each.plastic and each.target != network.output.name]
        self._synapses = {each.name: self._by_target(each) for each in self._learning}

    def __repr__(self) -> str:
        return f"STDP({self.network.name!r}, winners={self.winners}, radius={self.radius})"

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Learner`.

        Refuses an optimizer that makes steps of one size from gradients of any size, and settings that take weights
        out of the range from 0 to 1.
        """
        optimizer = optimizers[network.learning.optimizer]
        if optimizer.normalises or optimizer is optimizers["weight-norm"]:
            wrong = f'must be "sgd" with the learner stdp, not "{network.learning.optimizer}"'
            raise SpecificationError("learning.optimizer", wrong)
        made = cls(network)
        for projection in made._learning:
            signs = network.weight_signs(projection)
            negative = "has inhibitory weights, but stdp learns weights from 0 to 1; set plastic = false"
            require(signs is None or not (signs < 0).any(), network.key_of(projection), negative)
        scaled = "scales weights beyond 1, where the steps of stdp turn round; remove it"
        for population in network.populations:
            require(not population.dropout, f"{network.key_of(population)}.dropout", scaled)
        return made

    def learn(
        self, latencies: Mapping[str, np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        """See `Learner`; labels are ignored."""
        gradients = {}
        for projection in self._learning:
            kernel = weights[kernel_name(projection)]
            delay = delay_of_each(self.network, projection, weights, delays)
            change = self._change(projection, latencies, kernel.ravel(), delay)
            gradients[kernel_name(projection)] = (-change / len(labels)).reshape(kernel.shape).astype(kernel.dtype)
        return BatchGradients(gradients, np.zeros(len(labels)))

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return zeros: STDP descends no loss."""
        return np.zeros(len(labels))

    def _change(
        self, projection: Projection, latencies: Mapping[str, np.ndarray], weights: np.ndarray, delay: np.ndarray
    ) -> np.ndarray:
        """Return the sum of the changes of all weights of a projection, whose axons have delays (ms)."""
        dt = self.network.training.dt
        source, target = (latencies[name].astype(float) for name in (projection.source, projection.target))
        if dt:  # like the engine, which counts steps
            source, target, delay = steps_of(source, dt), steps_of(target, dt), nearest_steps(delay, dt)
        pre, weight, starts = self._synapses[projection.name]
        total = np.zeros(len(weights))
        for sent, fired in zip(source.reshape(len(source), len(delay)), target, strict=True):
            for winner, time in winners_of(fired, self.winners, self.radius):
                span = slice(starts[winner], starts[winner + 1])
                indices = weight[span]
                in_time = sent[pre[span]] + delay[pre[span]] <= time
                w = weights[indices].astype(float)
                total[indices] += np.where(in_time, self.potentiation, -self.depression) * w * (1 - w)
        return total

    def _by_target(self, projection: Projection) -> _Synapses:
        connections = self.network.connections(projection)
        order = np.argsort(connections.post, kind="stable")
        size = int(np.prod(self.network.shapes[projection.target]))
        starts = np.searchsorted(connections.post[order], np.arange(size + 1))
        return _Synapses(connections.pre[order], connections.weight[order], starts)

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Learner`."""
        return (
            r"STDP of the earliest neurons: $w \leftarrow w + a^+ w(1 - w)$ for synapses whose spike came no later than"
            r" that of the neuron, and $w \leftarrow w - a^- w(1 - w)$ for the others; labels are ignored"
        )

    @classmethod
    def summary(cls, network: Network) -> str:
        """See `Learner`."""
        return "STDP with winners"

    @classmethod
    def rule(cls, network: Network) -> Sequence[Row]:
        """See `Learner`."""
        return [
            ("Rule", cls.describe(network)),
            ("What changes", "plastic weights, but those onto the output and all biases keep their values"),
            (EXACTNESS, "the step is the gradient of no loss"),
        ]


def winners_of(latencies: np.ndarray, most: int, radius: int) -> list[tuple[int, float]]:
    r"""Return the winners of a population and when they fire (ms), from the earliest to the latest.

    Parameters
    ----------
    latencies : ndarray, shape (\*population)
    most : int
        Number of winners, at most.
    radius : int
        A winner silences its map, and the square of this radius around its position in all maps.

    Examples
    --------
    >>> import numpy as np
    >>> winners_of(np.array([[[4.0, 3.0], [5.0, np.inf], [1.0, 2.0]]]), most=2, radius=1)
    [(4, 1.0), (1, 3.0)]
    """
    maps: Shape = latencies.shape if latencies.ndim == 3 else (1, 1, latencies.size)
    left = latencies.reshape(maps).copy()
    winners: list[tuple[int, float]] = []
    while len(winners) < most:
        first = int(left.argmin())
        row, column, number = np.unravel_index(first, maps)
        if not np.isfinite(left[row, column, number]):
            break
        winners.append((first, float(left[row, column, number])))
        left[:, :, number] = np.inf
        left[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1] = np.inf
    return winners
