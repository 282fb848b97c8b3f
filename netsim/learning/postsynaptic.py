"""Populations as the learner sees them: displacement and slope at threshold, and checks of a batch.

Rules change displacements before they become signals: edges (`netsim.learning.edges`), prices and normalisation.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.learning.channels import Channel, Credit, Local, Respond, Response, Synapses
from netsim.learning.edges import Inwards, returning
from netsim.learning.gradients import Deferred
from netsim.numerics.compilation import compiled
from netsim.specification import STIMULUS, Network, Population, Shape
from netsim.specification.grid import PopulationTimes, nearest_steps
from netsim.weights.layout import Delayed, Weights, axonal_delays, bias_name, check_shapes, have_shapes


class DisplacementRule(Protocol):
    """A rule that acts on the displacements of a population, shape (presentations, \\*population)."""

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """Return the displacements (ms) to learn from. The given ones may be overwritten."""


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


SMALLEST_SLOPE = 1e-3
"""Minimum slope for the exact derivative, as a fraction of the assumed slope.

Below it the derivative is bounded, so that one grazing crossing cannot ruin a training.
"""


class Postsynaptic:
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
        self._inwards: Inwards | None = None
        self._looped = any(channel.recurrent for channel in self.incoming)
        # the input from outside the loop decides how long a constant current counts
        self._steady = next((each for each in self.incoming if not each.recurrent), self.incoming[0])
        self._assumed: float | None = None  # relays have no slope
        if population.neurons is None:
            return
        neurons = population.dynamics
        self._gated, self._drive, self._assumed = neurons.gated, neurons.drive, neurons.assumed_slope * neurons.tau
        # after the gate only the drive and the loop change the potential
        self._exact = network.learning.derivative == "exact" and (self._looped or not neurons.gated)
        self._onset = times[self.name].onset
        if self.name in returning(network):
            self._inwards = Inwards(network, self._onset)
        local = [channel for channel in self.incoming if isinstance(channel, Local)]
        if local:
            self._respond = Respond(population, local, times[self.name], network.training.dt)

    def displacement(self, credit: Credit) -> np.ndarray:
        """Return ``Δ_j`` (ms), from the sum of what all targets have handed back, after the rules in their order."""
        latency, handed = credit.latency, credit.handed
        displacement = np.zeros_like(latency) if handed is None else handed.reshape(latency.shape)
        if self._inwards is not None and handed is not None:
            credit.handed = handed.copy()  # rules may overwrite it
        for act in self._rules:
            displacement = act(displacement, latency)
        return displacement

    def slope(self, credit: Credit, weights: Weights) -> np.ndarray | None:
        """Return ``τ κ_j``: an assumed constant, or the slope of each displaced neuron if ``derivative = "exact"``.

        None for relays. In a loop all neurons count as displaced. Families without own channels first respond to all
        their inputs.
        """
        if self._respond is not None:
            response = self._respond(credit, weights)
            credit.synapses = {name: each._replace(response=response) for name, each in credit.synapses.items()}
        if self._assumed is None:
            return None
        latency, dtype = credit.latency, credit.latency.dtype
        assumed = np.asarray(dtype.type(self._assumed))
        if not self._exact:
            return assumed
        fired = np.isfinite(latency)
        if self._respond is not None:
            slope = response.slope.reshape(latency.shape)
        else:
            times, slope = np.where(fired, latency, 0), np.zeros_like(latency)
            asked = np.ones(latency.shape, bool) if self._looped else credit.displacement != 0
            for channel in self.incoming:
                name = channel.name
                slope += channel.slope(credit.arriving[name], times, asked, credit.synapses[name])
            if self.bias is not None and not self._gated:
                slope += weights[self.bias] * self._steady.constant_slope(times)
            slope += dtype.type(self._drive) * self._steady.constant_slope(times - dtype.type(self._onset))
        # silent neurons have no slope at threshold
        return np.where(fired, np.maximum(slope, SMALLEST_SLOPE * assumed), assumed).astype(dtype)

    def add_inwards(self, credit: Credit) -> None:
        """Add the displacements of neurons that return from the edges of their window, with the assumed slope."""
        if self._inwards is not None and credit.handed is not None:
            inwards = self._inwards(credit)
            credit.displacement = credit.displacement + inwards
            credit.signal = credit.signal + inwards / inwards.dtype.type(self._assumed)

    def step_of_bias(self, credit: Credit) -> np.ndarray:
        """Return the gradient of the constant current, ``Σ δ_j L_j``, shape (maps,)."""
        signal, response = credit.signal, credit.synapses[self.incoming[0].name].response
        if isinstance(response, Response):
            of_neurons = (response.bias * signal.reshape(response.bias.shape)).sum(axis=0).astype(signal.dtype)
        else:
            of_neurons = self._steady.bias(credit.until, signal)
        by_map: np.ndarray = of_neurons.reshape(-1, self._maps)
        return by_map[0] if len(by_map) == 1 else np.add.reduce(by_map)


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
