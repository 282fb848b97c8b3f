"""The protocol of channels, which say what a projection contributes to learning.

In the notation of `docs/concepts/learning_rule.md`, neuron ``i`` of the source fires at ``t_i``, and neuron ``j`` of
the target at ``t_j``. Synapses count until the limit ``L_j``: the gate, or the spike. ``δ_j`` is the signal.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from netsim.learning.gradients import Deferred
from netsim.specification import Projection
from netsim.weights.layout import delay_name, kernel_name


class Synapses(NamedTuple):
    """The synapses of a projection in a batch.

    `delays` of single synapses have the shape of the weights, `axons` the shape of the source. Both are in the unit of
    times, and None without such delays. `response` is the response of the target, if its family has no own channels.
    """

    weights: np.ndarray
    delays: np.ndarray | None = None
    axons: np.ndarray | None = None
    response: object = None

    def arrival(self, sent: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """Return arrival times of spikes in the dtype of latencies, added in that of sent times, to match relays."""
        if self.axons is None:
            return latency
        return np.ascontiguousarray(sent + self.axons.astype(sent.dtype), latency.dtype)


@dataclass(slots=True)
class Credit:
    """The spikes of a population in some presentations, and what learning assigns to them.

    Arrays have the shape (presentations, \\*population). Times are in ms or in steps of a grid.

    Parameters
    ----------
    latency : ndarray
        First spikes, ``t_j``.
    until : ndarray
        Until when synapses count without a gate: the spike, or the end of the window. Relays have their latency.
    arriving : dict of ndarray
        Arrival times of the spikes of each source, by incoming projection.
    synapses : dict of Synapses
        By incoming projection.
    handed, silent : ndarray, optional
        Sum of the displacements (ms) that all targets have handed back so far, to spikes and to silent neurons.
    displacement : ndarray
        ``Δ_j`` (ms).
    slope : ndarray, optional
        ``τ κ_j``, or one slope for all. None for relays.
    signal : ndarray
        ``δ_j``.
    """

    latency: np.ndarray
    until: np.ndarray
    arriving: dict[str, np.ndarray] = field(default_factory=dict)
    synapses: dict[str, Synapses] = field(default_factory=dict)
    handed: np.ndarray | None = None
    silent: np.ndarray | None = None
    displacement: np.ndarray = field(init=False)
    slope: np.ndarray | None = None
    signal: np.ndarray = field(init=False)


class Step(NamedTuple):
    """Gradients of a projection, sums over presentations and positions. None if the synapses do not learn.

    The gradient of weights has the unit ms², the gradient of delays of single synapses ms.
    """

    weights: np.ndarray | Deferred | None = None
    delays: np.ndarray | None = None


class Channel:
    """A projection as the learner sees it. One subclass for each kind of connectivity and response of the target.

    Arrays of neurons have the shape (presentations, \\*population). Times are in ms or in steps of a grid. `source` are
    arrival times of spikes, `until` is that of `Credit`.

    Parameters
    ----------
    projection : Projection
        The delays of its PSP have the unit of times.
    gate : float
        Gate of the target.
    gated : bool
        Whether synapses count until the gate for every neuron, not until its spike.
    causal : bool
        Whether displacements pass back by the order of spikes alone, not by the slope of the PSP.
    """

    recurrent = False
    """Whether the projection is part of a loop."""

    def __init__(self, projection: Projection, gate: float = np.inf, gated: bool = False, causal: bool = False) -> None:
        self.name, self.source, self.target = projection.name, projection.source, projection.target
        self.psp, self.gate, self.gated, self.causal = projection.psp, gate, gated, causal
        self.plastic, self.asks_for_displacement = projection.plastic, projection.asks_for_displacement
        self.learns_axons = projection.learns_delays and projection.is_delayed_per("axon")
        self.learns_delays = projection.learns_delays and not self.learns_axons
        self.delayed_each = projection.is_delayed_per("synapse")
        self.kernel, self.delay = kernel_name(projection), delay_name(projection)

    @property
    def passes_back(self) -> bool:
        """Return whether the source waits for a displacement. Within a loop, `netsim.learning.loops` passes it."""
        return self.asks_for_displacement and not self.recurrent

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """Return ``Σ_i w_ij ε'(t_j - t_i)``, the part of ``τ v_j'`` just before given times, of requested neurons.

        0 if the gate has closed.
        """
        return 0.0

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """Return the gradient of the weights, ``Σ δ_j ε(L_j - t_i)``."""
        return Step()

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return the displacement of the source, ``Σ_j w_ij δ_j ε'(L_j - t_i)``."""
        raise NotImplementedError

    def bias(self, until: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """Return the gradient of a bias of each neuron, ``Σ δ_j L_j`` over presentations."""
        if self.gated:
            return np.asarray(np.add.reduce(signal) * signal.dtype.type(self.gate))
        return np.asarray(np.einsum("b...,b...->...", signal, self._limit(until)))

    def constant_slope(self, since: np.ndarray) -> np.ndarray | float:
        """Return the part of ``τ v_j'`` of a constant current of 1, a time after its onset."""
        return 1.0

    def _limit(self, until: np.ndarray) -> np.ndarray:
        """Return the limit ``L_j`` of each neuron, or one limit for all."""
        return np.asarray(until.dtype.type(self.gate)) if self.gated else until

    def _limits(self, until: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """Return the limit of each neuron, in the shape of the signal."""
        limit = self._limit(until)
        return limit if limit.shape == signal.shape else np.broadcast_to(limit, signal.shape)
