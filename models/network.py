"""Build the Brian2 network of a specification: neuron groups for populations, synapses for projections.

The equations of neurons and synapses stand in `neurons` and `synapses`. `model` runs presentations.
"""

import math

from brian2 import NeuronGroup, Synapses

from netsim.models.machine_code import Target
from netsim.models.model import NetworkModel
from netsim.models.neurons import integrating_neurons, pooling_neurons, stimulus_neurons
from netsim.models.synapses import pooling_synapses, weighted_synapses
from netsim.models.wiring import connect, side_by_side
from netsim.specification import STIMULUS, Network, Population, Projection, grid
from netsim.weights.layout import Weights


def build_network(
    specification: Network,
    weights: Weights | None = None,
    dt: float = 1.0,
    target: Target | None = None,
    copies: int = 1,
    with_delays: bool = False,
) -> NetworkModel:
    """Build the Brian2 network of a specification.

    Parameters
    ----------
    specification : netsim.specification.Network
    weights : dict of ndarray, optional
        By default all weights are 0 until `NetworkModel.set_weights`.
    dt : float
        Time step (ms).
    target : {"cython", "numpy"}, optional
        Target of Brian2's code generation; the default depends on Brian2's preferences. If they are ``auto``, networks
        of up to a million synapses use numpy, because compilation takes longer than it saves. Spikes are the same.
    copies : int
        Number of simultaneous presentations.
    with_delays : bool
        Support `NetworkModel.set_delays` for all projections with weights.

    Returns
    -------
    NetworkModel

    Raises
    ------
    SpecificationError
        If `dt` does not suit the network, or the target does not work on this machine.
    DataError
        If the weights do not fit the network.

    Examples
    --------
    >>> import brian2, netsim
    >>> preset = netsim.load_model("digits")
    >>> model = netsim.build_network(preset.network, preset.weights, dt=0.5)
    >>> spikes = brian2.SpikeMonitor(model.neurons["hidden"])
    >>> model.network.add(spikes)
    >>> model.begin(netsim.load_splits(preset.network).test.latencies(range(1))[0])
    >>> model.network.run(model.duration)
    >>> model.neurons["hidden"].latency[:].shape
    (200,)
    """
    model = NetworkModel.empty(specification, dt, target, copies)
    model.neurons[STIMULUS] = stimulus_neurons(copies * math.prod(specification.encoder.shape), model.common)
    for component in specification.components:  # in a loop, all populations before their projections
        for population in component:
            model.neurons[population.name] = _neurons(model, population)
        for population in component:
            for projection in specification.incoming(population.name):
                model.synapses[projection.name] = _synapses(model, projection, with_delays)
    model.complete(weights)
    return model


def _neurons(model: NetworkModel, population: Population) -> NeuronGroup:
    """Create the neurons of a population."""
    size, incoming = model.copies * population.size, model.specification.incoming(population.name)
    if population.neurons is None:
        # relays fire in the step of their source, so they run one population after another
        order = 2 + max(model.neurons[projection.source].order for projection in incoming)
        return pooling_neurons(population.name, size, order, model.common)
    steps = grid.population_steps(model.specification, population, model.dt)
    looped = any(map(model.specification.is_recurrent, incoming))
    return integrating_neurons(population.name, size, population.neurons, steps, model.common, looped)


def _synapses(model: NetworkModel, projection: Projection, with_delays: bool) -> Synapses:
    """Create the synapses of a projection between neurons that exist."""
    specification, name = model.specification, projection.name
    ends = model.neurons[projection.source], model.neurons[projection.target]
    population, connections = specification.population(projection.target), specification.connections(projection)
    lag: int | None = min(grid.nearest_step(projection.common_delay, model.dt), model.steps)
    if projection.delays is not None or (with_delays and population.integrates):
        lag = None  # each synapse has its own
    if population.integrates:
        steps = grid.breakpoint_steps(specification, projection, model.dt)
        apart = population.dynamics.kind.currents_from_onset and specification.is_recurrent(projection)
        current, kernel = "recurrent" if apart else "current", model.add_kernel(projection, connections)
        synapses = weighted_synapses(name, *ends, projection.psp, steps, lag, kernel, model.common, current)
    else:
        synapses = pooling_synapses(name, *ends, lag, model.common)
    connect(synapses, side_by_side(connections, *specification.ends(projection), model.copies))
    return synapses
