"""Populations as the learner sees them: displacement, slope at threshold and signal, and checks of a batch.

Rules change displacements before they become signals: edges, prices and normalisation. A neuron that was silent, or
above threshold at its onset, is at an edge of its firing window. It keeps its time for small changes of its potential.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.learning.channels import Channel, Local, Respond, Response, Synapses
from netsim.learning.gradients import Deferred
from netsim.numerics.compilation import compiled
from netsim.specification import STIMULUS, Network, Population, Shape
from netsim.specification.grid import PopulationTimes, nearest_steps, population_times
from netsim.specification.traits import returns
from netsim.weights.layout import Delayed, Weights, axonal_delays, bias_name, check_shapes, have_shapes

_BEFORE = 1e-4
"""Time between the arrival of a spike and the gate of its target, in encoding windows."""


class DisplacementRule(Protocol):
    """A rule that acts on the displacements of a population, shape (presentations, \\*population)."""

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """Return the displacements (ms) to learn from. The given ones may be overwritten."""


class WithinWindow(DisplacementRule):
    """Remove displacements of outputs that point out of their window, past its onset or its end, unless they pass.

    Latencies are in ms.
    """

    def __init__(self, network: Network) -> None:
        self.passes = network.learning.edges == "pass"
        self.times = population_times(network, network.output, network.training.dt)

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """See `DisplacementRule`."""
        if self.passes:
            return displacement
        past_onset = (latency <= self.times.onset) & (displacement < 0) & (self.times.onset > 0)
        past_end = (latency >= self.times.end) & (displacement > 0)
        return np.where(past_onset | past_end, displacement.dtype.type(0), displacement)


class Movable(DisplacementRule):
    """Keep the displacements of hidden neurons whose latency can move, and add the price of their spikes (ms).

    Output neurons always learn, which brings them back into their window.
    """

    def __init__(self, onset: float, price: float) -> None:
        self.earliest, self.price = onset if onset > 0 else -1.0, price

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """See `DisplacementRule`."""
        dtype = latency.dtype.type
        keep_movable(displacement.reshape(-1), latency.reshape(-1), dtype(self.earliest), dtype(self.price))
        return displacement


class Normalised(DisplacementRule):
    """Scale the displacements of each presentation to the norm `t_max` (ms)."""

    def __init__(self, t_max: float) -> None:
        self.t_max = t_max

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """See `DisplacementRule`."""
        flat = displacement.reshape(len(displacement), -1)
        length = np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
        return (flat * (self.t_max / np.where(length > 0, length, 1)).astype(flat.dtype)).reshape(displacement.shape)


def displacement_rules(
    network: Network, population: Population, times: Mapping[str, PopulationTimes]
) -> list[DisplacementRule]:
    """Return the rules of a population, in the order in which they act."""
    hidden, learning = population.name != network.output.name, network.learning
    price = learning.activity * network.encoder.t_max if population.integrates and hidden else 0.0
    # relays forward displacements of movable spikes, unless their input had a delay
    may_be_stuck = hidden and any(
        network.population(each.target).integrates or each.delay != 0.0 for each in network.outgoing(population.name)
    )
    rules: list[DisplacementRule] = []
    if may_be_stuck or price:
        rules.append(Movable(_onset(network, population, times), price))
    if population.integrates and learning.normalised:
        rules.append(Normalised(network.encoder.t_max))
    return rules


def _onset(network: Network, population: Population, times: Mapping[str, PopulationTimes]) -> float:
    """Return the onset of the neurons whose spikes a population sends. Relays send spikes of their sources."""
    if population.integrates:
        return times[population.name].onset
    (projection,) = network.incoming(population.name)
    source = projection.source
    return 0.0 if source == STIMULUS else _onset(network, network.population(source), times)


@compiled
def keep_movable(displacement: np.ndarray, latency: np.ndarray, onset: float, price: float) -> None:
    """Add the price (ms) of a spike to displacements of neurons that fired after `onset` (ms), and clear the others."""
    for k in range(len(latency)):
        displacement[k] = displacement[k] + price if onset < latency[k] < np.inf else 0


class Returning:
    """Displacements of hidden neurons at the edges of their windows. They point into the window.

    Without them such a neuron would not learn, and could stay at an edge of its window forever.

    A silent neuron receives the displacement that it would receive if it had fired with the latest spike of its
    population, but in time for its targets, plus the price of a spike. In time means before the gate of gated targets,
    and before the first spike of other targets. Dropout and competition silence neurons for other reasons than their
    potential, so such neurons do not return. Recurrent projections, feedback weights and pooling displace no silent
    neurons.

    Parameters
    ----------
    network : Network
    times : mapping of PopulationTimes
        Windows of the populations, in the unit of latencies.
    """

    def __init__(self, network: Network, times: Mapping[str, PopulationTimes]) -> None:
        self._times = times
        integrating = {each.name: each.dynamics for each in network.integrating}
        self._slopes = {name: neurons.assumed_slope * neurons.tau for name, neurons in integrating.items()}
        self._gated = {name for name, neurons in integrating.items() if neurons.gated}
        self._hidden = set(integrating) - {network.output.name} if returns(network) else set()
        self._price = network.learning.activity * network.encoder.t_max
        self._before = 1.0 if network.training.dt else _BEFORE * network.encoder.t_max
        silenced = {each.name for each in network.populations if each.dropout or each.winners is not None}
        sources = self._hidden - silenced
        self.channels = {
            projection.name
            for projection in network.projections
            if projection.source in sources
            and projection.target in integrating
            and projection.feedback is None
            and not network.is_recurrent(projection)
        }
        """Names of the projections through which silent neurons receive displacements."""

    def kept(self, names: Sequence[str], displacements: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return copies of the displacements of hidden populations, before those at the edges are removed."""
        return {name: displacements[name].copy() for name in names if name in self._hidden and name in displacements}

    def back(
        self, channel: Channel, sent: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: Synapses
    ) -> np.ndarray | None:
        """Return the displacement of silent neurons of a source, as if they had fired. None if all fired.

        Parameters
        ----------
        channel : Channel
        sent : ndarray, shape (presentations, \\*population)
            Latencies of the source.
        latency, signal : ndarray, shape (presentations, \\*population)
            Latencies and signals of the target.
        synapses : Synapses
        """
        fired = self._as_if_fired(channel, sent, latency, synapses)
        return None if fired is None else channel.back(fired, latency, signal, synapses)

    def _as_if_fired(
        self, channel: Channel, sent: np.ndarray, latency: np.ndarray, synapses: Synapses
    ) -> np.ndarray | None:
        """Return arrival times of silent neurons, as if they had fired, and ``inf`` for others. None if all fired."""
        silent = np.isinf(sent)
        if not silent.any():
            return None
        latest = np.where(silent, -np.inf, sent).max(axis=tuple(range(1, sent.ndim)), keepdims=True)
        end, gate = self._times[channel.source].end, self._times[channel.target].gate
        if channel.target not in self._gated:  # its synapses count until it fires
            gate = np.minimum(gate, latency.reshape(len(latency), -1).min(axis=1)).reshape(latest.shape)
        slowest = float(channel.psp.kernel[0][0]) + (0.0 if synapses.delays is None else float(synapses.delays.max()))
        arrival = np.where(np.isfinite(latest), latest, end) + (0.0 if synapses.axons is None else synapses.axons)
        return np.where(silent, np.minimum(arrival, gate - slowest - self._before), np.inf).astype(sent.dtype)

    def add(
        self,
        name: str,
        displacement: np.ndarray,
        signal: np.ndarray,
        latency: np.ndarray,
        asked: np.ndarray,
        silent: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add the displacements at the edges to displacement and signal of a population.

        Parameters
        ----------
        name : str
        displacement, signal : ndarray
        latency : ndarray
        asked : ndarray
            Displacements before those at the edges were removed.
        silent : ndarray, optional
            Displacements of silent neurons, as if they had fired.
        """
        onset = self._times[name].onset
        at_onset = (latency <= onset) & (onset > 0)
        inwards = np.where(at_onset, np.maximum(asked.reshape(latency.shape), 0), 0)
        if silent is not None:
            inwards += np.where(np.isinf(latency), np.minimum(silent.reshape(latency.shape) + self._price, 0), 0)
        inwards = inwards.astype(latency.dtype, copy=False)
        return displacement + inwards, signal + inwards / latency.dtype.type(self._slopes[name])


SMALLEST_SLOPE = 1e-3
"""Minimum slope for the exact derivative, as a fraction of the assumed slope.

Below it the derivative is bounded, so that one grazing crossing cannot ruin a training.
"""


class Layer:
    """A population with its incoming channels.

    Parameters
    ----------
    network : Network
    population : Population
    channels : sequence of Channel
        Channels of the network. Those onto the population are `incoming`.
    times : mapping of PopulationTimes
    """

    def __init__(
        self,
        network: Network,
        population: Population,
        channels: Sequence[Channel],
        times: Mapping[str, PopulationTimes],
    ) -> None:
        self.name, self._maps = population.name, population.maps
        self.incoming = [channel for channel in channels if channel.target == self.name]
        self.bias = bias_name(population) if population.has_bias else None
        self._rules = displacement_rules(network, population, times)
        self._respond: Respond | None = None
        self._looped = any(channel.recurrent for channel in self.incoming)
        # the input from outside the loop decides how long a constant current counts
        self._steady = next((each for each in self.incoming if not each.recurrent), self.incoming[0])
        self._integrates = population.integrates
        if population.neurons is None:
            return
        neurons = population.dynamics
        self._gated, self._drive, self._assumed = neurons.gated, neurons.drive, neurons.assumed_slope * neurons.tau
        # after the gate only the drive and the loop change the potential
        self._exact = network.learning.derivative == "exact" and (self._looped or not neurons.gated)
        self._onset = times[self.name].onset
        local = [channel for channel in self.incoming if isinstance(channel, Local)]
        if local:
            self._respond = Respond(population, local, times[self.name], network.training.dt)

    def displacement(self, handed: np.ndarray | None, latency: np.ndarray) -> np.ndarray:
        """Return ``Δ_j`` (ms), from the sum of what all targets have handed back, after the rules in their order."""
        displacement = np.zeros_like(latency) if handed is None else handed.reshape(latency.shape)
        for act in self._rules:
            displacement = act(displacement, latency)
        return displacement

    def with_response(
        self,
        arriving: Mapping[str, np.ndarray],
        latency: np.ndarray,
        synapses: Mapping[str, Synapses],
        weights: Weights,
    ) -> Mapping[str, Synapses]:
        """Return synapses that know the response of the population, if its family has no own channels."""
        if self._respond is None:
            return synapses
        response = self._respond(arriving, latency, synapses, weights)
        own = {channel.name: synapses[channel.name]._replace(response=response) for channel in self.incoming}
        return {**synapses, **own}

    def slope(
        self,
        arriving: Mapping[str, np.ndarray],
        latency: np.ndarray,
        displacement: np.ndarray,
        synapses: Mapping[str, Synapses],
        weights: Weights,
    ) -> np.ndarray | None:
        """Return ``τ κ_j``: an assumed constant, or the slope of each displaced neuron if ``derivative = "exact"``.

        None for relays. In a loop all neurons count as displaced.

        Parameters
        ----------
        arriving : mapping of ndarray
            Arrival times of spikes, by projection.
        latency, displacement : ndarray, shape (presentations, \\*population)
        synapses : mapping of Synapses
            By projection.
        weights : mapping of ndarray
        """
        if not self._integrates:
            return None
        dtype = latency.dtype
        assumed = np.asarray(dtype.type(self._assumed))
        if not self._exact:
            return np.broadcast_to(assumed, latency.shape)
        fired, asked = np.isfinite(latency), np.ones(latency.shape, bool) if self._looped else displacement != 0
        times, slope = np.where(fired, latency, 0), np.zeros_like(latency)
        response = synapses[self.incoming[0].name].response
        if isinstance(response, Response):
            slope = response.slope.reshape(latency.shape)
        else:
            for channel in self.incoming:
                slope += channel.slope(arriving[channel.name], times, asked, synapses[channel.name])
            if self.bias is not None and not self._gated:
                slope += weights[self.bias] * self._steady.constant_slope(times)
            slope += dtype.type(self._drive) * self._steady.constant_slope(times - dtype.type(self._onset))
        # silent neurons have no slope at threshold
        return np.where(fired, np.maximum(slope, SMALLEST_SLOPE * assumed), assumed).astype(dtype)

    def signal(self, displacement: np.ndarray, slope: np.ndarray | None) -> np.ndarray:
        """Return ``δ_j = Δ_j / (τ κ_j)``. Relays have their displacement."""
        return displacement if slope is None else displacement / slope

    def step_of_bias(self, latency: np.ndarray, signal: np.ndarray, synapses: Mapping[str, Synapses]) -> np.ndarray:
        """Return the gradient of the constant current, ``Σ δ_j L_j``, shape (maps,)."""
        response = synapses[self.incoming[0].name].response
        if isinstance(response, Response):
            gradient = (response.bias * signal.reshape(response.bias.shape)).sum(axis=0).astype(signal.dtype)
        else:
            gradient = self._steady.bias(latency, signal)
        total: np.ndarray = (
            gradient if gradient.shape == (self._maps,) else gradient.reshape(-1, self._maps).sum(axis=0)
        )
        return total


Gradients = dict[str, np.ndarray | Deferred]
"""Gradients of some presentations of a batch, by name: sums, in ms times the unit of times (ms or steps).

Gradients of delays are in ms.
"""


def check_batch(
    network: Network,
    latencies: Mapping[str, np.ndarray],
    weights: Weights,
    shapes: Mapping[str, Shape],
    weight_shapes: Mapping[str, Shape],
) -> None:
    """Refuse arrays of other shapes, because compiled loops do not check bounds.

    `shapes` are those of the populations, `weight_shapes` those of the weights.
    """
    if not have_shapes(weights, weight_shapes):
        check_shapes(network, weights, "weights")
    given = {name: np.shape(times) for name, times in latencies.items()}
    count = given.get(STIMULUS, ())[:1]
    for name, shape in shapes.items():
        if not count or given.get(name) != (*count, *shape):
            found = given.get(name, "missing")
            raise DataError(f"latencies: {name} must have the shape {(*count, *shape)}, not {found}")


def checked_labels(labels: np.ndarray, presentations: int, outputs: int) -> np.ndarray:
    """Return the labels of some presentations. A negative label would count from the last output neuron."""
    labels = np.asarray(labels)
    one_each = labels.dtype.kind in "iu" and labels.shape == (presentations,) and labels.size > 0
    if not one_each or not 0 <= labels.min() <= labels.max() < outputs:
        raise DataError(f"labels: must be from 0 to {outputs - 1}, one per presentation, to learn from")
    return labels


def check_steps(network: Network, dtype: np.dtype) -> None:
    """Refuse a grid with too many steps for the precision."""
    dt, most = network.training.dt, 2 ** (np.finfo(dtype).nmant + 1)
    if dt and network.duration / dt > most:
        many = f"cuts a presentation into more than {most:,} steps, too many for weights in {dtype} to learn"
        raise SpecificationError("training.dt", f"{dt} ms {many}; choose a larger step, or double precision")


def synapses_of(
    network: Network, channels: Sequence[Channel], weights: Weights, delays: Delayed
) -> dict[str, Synapses]:
    """Return the synapses of each projection, with the delays that the engine of the training uses."""
    dt, axons, none = network.training.dt, axonal_delays(network, weights, delays), np.empty(0)

    def in_unit(delay: np.ndarray | None) -> np.ndarray | None:
        return nearest_steps(delay, dt) if dt and delay is not None else delay

    return {
        channel.name: Synapses(
            weights.get(channel.kernel, none),
            in_unit(weights[channel.delay]) if channel.delayed_each else None,
            in_unit(axons.get(channel.name)),
        )
        for channel in channels
    }
