"""Populations as the learner sees them: displacement, slope at threshold and signal."""

from collections.abc import Mapping, Sequence

import numpy as np

from netsim.learning.channels import Channel, Local, Respond, Response, Synapses
from netsim.learning.displacements import displacement_rules
from netsim.learning.gradients import Deferred
from netsim.specification import Network, Population
from netsim.specification.grid import PopulationTimes
from netsim.weights.layout import Weights, bias_name

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
        # channels onto gated neurons outside of loops divide by the drive, and relays have no slope
        neurons = population.neurons
        self._divides = neurons is not None and (self._looped or not neurons.gated)
        if neurons is None:
            return
        self._exact, self._gated, self._drive = network.learning.derivative == "exact", neurons.gated, neurons.drive
        # after the gate only the drive and the loop change the potential
        self._assumed = neurons.drive if neurons.gated else neurons.assumed_slope * neurons.tau
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

        None if signals are displacements. In a loop all neurons count as displaced.

        Parameters
        ----------
        arriving : mapping of ndarray
            Arrival times of spikes, by projection.
        latency, displacement : ndarray, shape (presentations, \\*population)
        synapses : mapping of Synapses
            By projection.
        weights : mapping of ndarray
        """
        if not self._divides:
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
        """Return ``δ_j = Δ_j / (τ κ_j)``, for gated neurons in units of the drive. Relays have their displacement."""
        if slope is None:
            return displacement
        return displacement / slope * displacement.dtype.type(self._drive if self._gated else 1.0)

    def step_of_bias(self, latency: np.ndarray, signal: np.ndarray, synapses: Mapping[str, Synapses]) -> np.ndarray:
        """Return the gradient of the constant current, ``Σ δ_j L_j``, shape (maps,)."""
        response = synapses[self.incoming[0].name].response
        if isinstance(response, Response):
            moved = response.bias * signal.reshape(response.bias.shape) / (self._drive if self._gated else 1.0)
            gradient = moved.sum(axis=0).astype(signal.dtype)
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
