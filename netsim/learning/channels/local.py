"""Channels of any family, from its local derivative (`netsim.local_derivative`).

They serve families without faster channels, and are the reference of those. The effect of a spike may depend on all
other inputs of its target, so a population has one `Response` to all of its channels, in units of ``1/tau``: with
potentials times ``tau``, ``ε(L_j - t_i)`` becomes the change of the potential at the spike by the weight, and
``w_ij ε'(L_j - t_i)`` its change by an earlier arrival.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.learning.channels.channel import Channel, Credit, Step, Synapses
from netsim.specification import Network, Population, Projection
from netsim.specification.derivative import local_derivative
from netsim.specification.grid import PopulationTimes
from netsim.weights.layout import Weights, bias_name

_AT_ONCE = 2**22
"""Numbers of the states of all events at a time; bounds memory."""


class _Change(NamedTuple):
    """Changes of potentials times ``tau``, shape (presentations, lines, neurons).

    By the weight of each line, by an earlier arrival, and by that of a small additional spike, per weight.
    """

    by_weight: np.ndarray
    by_arrival: np.ndarray
    by_addition: np.ndarray


class Local(Channel):
    """Synapses onto neurons of any family. A spike reaches the synapses of a line together.

    Lines are the source neurons, or all synapses if each has its own delay. Arithmetic has double precision.

    Parameters
    ----------
    network : Network
    projection : Projection
        The delays of its PSP have the unit of times.
    times : PopulationTimes
        Window of the target.
    """

    def __init__(self, network: Network, projection: Projection, times: PopulationTimes) -> None:
        target = network.neurons(projection.target)
        causal = network.learning.propagation == "causal"
        super().__init__(projection, times.gate, target.gated, causal)
        self.recurrent = network.is_recurrent(projection)
        pre, self.post, self.number = network.connections(projection)
        apart = projection.is_delayed_per("synapse")
        self.sources: np.ndarray = pre if apart else np.arange(int(np.prod(network.shapes[projection.source])))
        self.line, self.size = np.arange(pre.size) if apart else pre, network.population(projection.target).size

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        change, signals = _response(synapses).changes[self.name], _flat(signal)
        heard, shape = np.isfinite(_flat(source))[:, self.sources], synapses.weights.shape
        weights = delays = None
        if self.plastic:
            per_line = np.einsum("bn,bl,bln->ln", signals, heard, change.by_weight)[self.line, self.post]
            weights = np.bincount(self.number, per_line, synapses.weights.size).reshape(shape).astype(source.dtype)
        if self.learns_delays:
            handed = np.einsum("bn,bl,bln->l", signals, heard, change.by_arrival)
            delays = -np.bincount(self.number, handed, synapses.weights.size).reshape(shape).astype(source.dtype)
        return Step(weights, delays)

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        by_arrival = _response(synapses).by_arrival(self, source, synapses.weights)
        handed = np.einsum("bn,bln->bl", _flat(signal), by_arrival)
        back = np.zeros((len(source), source[0].size))
        np.add.at(back.T, self.sources, handed.T)
        return np.where(np.isfinite(source), back.reshape(source.shape), 0.0).astype(source.dtype)

    def matrix(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights from each line to each neuron."""
        matrix = np.zeros((self.sources.size, self.size))
        np.add.at(matrix, (self.line, self.post), weights.ravel()[self.number])
        return matrix


class Response:
    """The response of a population to all its inputs in some presentations.

    Attributes
    ----------
    slope : ndarray, shape (presentations, neurons)
        Slopes of potentials times ``tau``, just before the spikes. Silent neurons respond at the end, without a slope.
    bias : ndarray, shape (presentations, neurons)
        Changes of potentials times ``tau`` by a constant current.
    changes : dict of _Change
        By projection.
    """

    def __init__(self, neurons: "Respond", credit: Credit, bias: np.ndarray) -> None:
        self._neurons, self._arriving = neurons, credit.arriving
        self._given = credit.latency, credit.synapses, bias
        self._weights = {name: each.weights for name, each in credit.synapses.items()}
        self.slope, self.bias, self.changes = neurons.solve(self._arriving, {}, *self._given)

    def by_arrival(self, channel: Local, source: np.ndarray | None, weights: np.ndarray) -> np.ndarray:
        """Return the changes by an earlier arrival. Other weights, or other spikes, count as small additional spikes.

        None stands for the spikes that arrive.
        """
        change = self.changes[channel.name]
        if source is not None and source is not self._arriving[channel.name]:
            additional = {channel.name: source}
            change = self._neurons.solve(self._arriving, additional, *self._given)[2][channel.name]
        elif weights is self._weights[channel.name]:
            return change.by_arrival
        return change.by_addition * channel.matrix(weights)


class Respond:
    """A population whose response follows from the local derivative of its family.

    Parameters
    ----------
    population : Population
    channels : sequence of Local
        All channels onto the population.
    times : PopulationTimes
    dt : float
        Unit of times, a step of a grid (ms), or 0 for ms.
    """

    def __init__(self, population: Population, channels: Sequence[Local], times: PopulationTimes, dt: float) -> None:
        self.channels, self._times, self._size = channels, times, population.size
        self._given, self._dt, self._tau = population.dynamics, dt, population.dynamics.tau / (dt or 1.0)
        self._bias = bias_name(population) if population.has_bias else None

    def __call__(self, credit: Credit, weights: Weights) -> Response:
        """Return the response to the spikes that arrived."""
        bias = np.zeros(1) if self._bias is None else weights[self._bias].astype(np.float64)
        return Response(self, credit, np.tile(bias, self._size // bias.size))

    def solve(
        self,
        arriving: Mapping[str, np.ndarray],
        additional: Mapping[str, np.ndarray],
        latency: np.ndarray,
        synapses: Mapping[str, Synapses],
        bias: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, dict[str, _Change]]:
        """Return slopes, changes by a constant current, and changes by projection.

        `additional` are spikes without effect of their own, in place of those of neurons that were silent.
        """
        parts = [
            self._events(each, arriving[each.name], additional.get(each.name), synapses[each.name])
            for each in self.channels
        ]
        _, times, amounts = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
        spikes = np.minimum(_flat(latency), self._times.end)
        within = [np.full(part[1].shape[1], each.recurrent) for each, part in zip(self.channels, parts, strict=True)]
        recurrent, onset = np.concatenate(within) & self._given.kind.currents_from_onset, self._times.onset
        order = np.argsort(np.where(recurrent, np.maximum(times, onset), times), axis=1, kind="stable")
        slope, of_bias = np.empty(spikes.shape), np.empty(spikes.shape)
        by_event = np.empty((3, *times.shape, self._size))
        room = max(1, _AT_ONCE // (times.shape[1] * self._size * self._given.kind.states))
        for first in range(0, len(spikes), room):
            part = slice(first, first + room)
            rows, chosen = np.arange(len(spikes))[part, None], order[part]
            change = local_derivative(
                self._given, times[rows, chosen].T[:, :, None], amounts[rows, chosen].transpose(1, 0, 2), spikes[part],
                bias, recurrent=recurrent[chosen].T[:, :, None], onset=onset, slope=1 / self._tau, dt=self._dt,
            )  # fmt: skip
            slope[part], of_bias[part] = self._tau * change.slope, -change.bias
            for result, each in zip(by_event, (-change.amounts, change.times, change.shifts), strict=True):
                result[rows, chosen] = each.transpose(1, 0, 2)
        changes, begin = dict[str, _Change](), 0
        for channel, (arrivals, events, _) in zip(self.channels, parts, strict=True):
            own = changes[channel.name] = _by_line(channel, by_event[:, :, begin : begin + events.shape[1]])
            begin += events.shape[1]
            if channel.causal:
                limits = spikes if channel.recurrent else np.minimum(spikes, channel.gate)
                heard = (arrivals[:, :, None] < limits[:, None]).astype(float)
                weighted = heard * channel.matrix(synapses[channel.name].weights)
                changes[channel.name] = own._replace(by_arrival=weighted, by_addition=heard)
        return slope, of_bias, changes

    def _events(
        self, channel: Local, arriving: np.ndarray, additional: np.ndarray | None, synapses: Synapses
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the arrivals at the lines of a channel, and times and amounts of its events, also by breakpoint."""
        delays, changes = np.array(channel.psp.kernel, float).T
        times = _flat(arriving)
        counts = np.isfinite(times)
        if additional is not None:
            times = np.where(counts, times, _flat(additional))
        late = 0.0 if synapses.delays is None else synapses.delays.ravel()[channel.number]
        arrivals = times[:, channel.sources] + late
        events = arrivals[:, :, None] + delays
        by_breakpoint = channel.matrix(synapses.weights)[:, None, :] * changes[:, None]
        amounts = np.where(counts[:, channel.sources, None, None], by_breakpoint, 0.0)
        return arrivals, events.reshape(len(events), -1), amounts.reshape(len(events), -1, self._size)


def _by_line(channel: Local, by_event: np.ndarray) -> _Change:
    """Sum changes over the breakpoints of each line."""
    changes = np.array(channel.psp.kernel, float)[:, 1]
    by_amount, by_time, shifts = by_event.reshape(3, by_event.shape[1], -1, changes.size, by_event.shape[3])
    return _Change(
        np.einsum("blkn,k->bln", by_amount, changes), by_time.sum(axis=2), np.einsum("blkn,k->bln", shifts, changes)
    )


def _response(synapses: Synapses) -> Response:
    assert isinstance(synapses.response, Response)
    return synapses.response


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1).astype(np.float64)
