"""What a network costs, by the definitions of NeuroBench, with a presentation in place of its time steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name

PICOJOULES = {"multiply and accumulate": 4.6, "accumulate": 0.9}
"""Energy of one operation of 32-bit floating point at 45 nm (Horowitz, ISSCC 2014, doi:10.1109/ISSCC.2014.6757323)."""

CAVEAT = "of arithmetic alone; with memory it can be some 700 times as much (arXiv:2409.08290)"
"""What has to be said beside an energy."""

_BYTES = 4


@dataclass(frozen=True)
class Costs:
    """What a network costs, by the definitions of NeuroBench.

    NeuroBench counts outputs of neurons over time steps. Here a presentation is one step: at exact times there are no
    others, and finer steps would raise the sparsity and the dense operations for nothing. `spikes_per_neuron` stands
    beside it, for it depends on no step at all. Relays have no activation, biases and pooling no operations.

    Parameters
    ----------
    footprint_bytes : int
        Of weights, biases and delays that feed forward, in single precision.
    connection_sparsity : float
        Share of weights that are 0.
    activation_sparsity : float
        Share of neurons that stay silent in a presentation.
    spikes_per_neuron : float
        Mean number of spikes of a neuron in a presentation, at most 1.
    dense_operations : int
        Operations of a presentation in which every source fires: synapses with weights.
    effective_operations : float
        Accumulations in a presentation: synapses with a weight that is not 0, whose source fires.
    energy_nj, dense_energy_nj : float
        Of the effective operations as accumulations, and of the dense ones as multiplications and accumulations, in
        nJ per presentation: `PICOJOULES` of arithmetic alone, without memory, biases or membranes.

    References
    ----------
    Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing algorithms and systems, Nature
    Communications, doi:10.1038/s41467-025-56739-4.
    """

    footprint_bytes: int
    connection_sparsity: float
    activation_sparsity: float
    spikes_per_neuron: float
    dense_operations: int
    effective_operations: float
    energy_nj: float
    dense_energy_nj: float

    __repr__ = short_repr


class Shown(NamedTuple):
    """A figure in words: what it is, its value, and what to know about it."""

    name: str
    value: str
    detail: str


def shown(costs: Costs) -> list[Shown]:
    """The figures in words, with their units; `CAVEAT` has to stand beside the energies."""
    share = costs.effective_operations / costs.dense_operations
    added, multiplied = PICOJOULES["accumulate"], PICOJOULES["multiply and accumulate"]
    return [
        Shown("footprint", f"{costs.footprint_bytes / 1e6:,.3f} MB", "weights, biases and delays in single precision"),
        Shown("connection sparsity", f"{costs.connection_sparsity:.2%}", "weights that are 0"),
        Shown("activation sparsity", f"{costs.activation_sparsity:.2%}", "neurons silent in a presentation"),
        Shown("spikes a neuron", f"{costs.spikes_per_neuron:.3f}", "in a presentation"),
        Shown("dense operations", f"{costs.dense_operations:,}", "per presentation, if every source fired"),
        Shown("effective operations", f"{costs.effective_operations:,.0f}", f"accumulations; {share:.1%} of the dense"),
        Shown("energy, effective", f"{costs.energy_nj:,.3g} nJ", f"{added} pJ per accumulation (45 nm, 32 bit)"),
        Shown(
            "energy, dense", f"{costs.dense_energy_nj:,.3g} nJ", f"{multiplied} pJ per multiplication and accumulation"
        ),
    ]


def costs(network: Network, weights: Weights, spikes: Mapping[str, np.ndarray], presentations: int) -> Costs:
    """What a network costs that fires as it did.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    spikes : dict of ndarray of int
        How often each neuron fired over all presentations, by population and the stimulus, in its shape.
    presentations : int
    """
    kernels = [weights[kernel_name(projection)] for projection in network.weighted]
    neurons = sum(population.size for population in network.integrating)
    fired = sum(int(spikes[population.name].sum()) for population in network.integrating) / (neurons * presentations)
    dense = sum(network.synapse_count(projection) for projection in network.weighted)
    effective = sum(_effective(network, weights, spikes).values()) / presentations
    return Costs(
        footprint_bytes=_BYTES * sum(array.size for array in weights.values()),
        connection_sparsity=float(
            sum((kernel == 0).sum() for kernel in kernels) / sum(kernel.size for kernel in kernels)
        ),
        activation_sparsity=1.0 - fired,
        spikes_per_neuron=fired,
        dense_operations=dense,
        effective_operations=effective,
        energy_nj=effective * PICOJOULES["accumulate"] / 1000,
        dense_energy_nj=dense * PICOJOULES["multiply and accumulate"] / 1000,
    )


def _effective(network: Network, weights: Weights, spikes: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Spikes that met a weight that is not 0, by projection, over all presentations."""
    met = {}
    for projection in network.weighted:
        source, target = network.ends(projection)
        times, kernel = spikes[projection.source].reshape(source), weights[kernel_name(projection)]
        met[projection.name] = int((times * projection.connectivity.fan_out(source, target)).sum())
        if not kernel.all():
            connections = network.connections(projection)
            without = connections.pre[kernel.ravel()[connections.weight] == 0]
            met[projection.name] -= int(times.ravel()[without].sum())
    return met
