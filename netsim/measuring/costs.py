"""Costs of a network by the definitions of NeuroBench, with a presentation as one time step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name

PICOJOULES = {"multiply and accumulate": 4.6, "accumulate": 0.9}
"""Energy of one operation of 32-bit floating point at 45 nm (Horowitz, ISSCC 2014, doi:10.1109/ISSCC.2014.6757323)."""

CAVEAT = "of arithmetic only; with memory they can be some 700 times as high (arXiv:2409.08290)"
"""Must accompany each energy."""

_BYTES = 4


@dataclass(frozen=True)
class Costs:
    """Costs of a network, by the definitions of NeuroBench.

    NeuroBench counts outputs of neurons over time steps. netsim counts a presentation as one step, because exact times
    have no steps, and finer steps would inflate sparsity and dense operations. `spikes_per_neuron` does not depend on
    steps. Relays have no activation. Biases and pooling have no operations.

    Parameters
    ----------
    footprint_bytes : int
        Bytes of forward weights, biases and delays, in single precision.
    connection_sparsity : float
        Fraction of weights that are 0.
    activation_sparsity : float
        Mean fraction of silent neurons in a presentation.
    spikes_per_neuron : float
        Mean number of spikes per neuron in a presentation, at most 1.
    dense_operations : int
        Operations of a presentation in which every source fires: synapses with weights.
    effective_operations : float
        Accumulations in a presentation: synapses with a nonzero weight whose source fires.
    energy_nj, dense_energy_nj : float
        Energy (nJ per presentation) of the effective operations as accumulations, and of the dense operations as
        multiplications and accumulations. `PICOJOULES` covers arithmetic only, without memory, biases or membranes.

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
    """A figure in words: name, value and explanation."""

    name: str
    value: str
    detail: str


def shown(costs: Costs) -> list[Shown]:
    """Return the figures in words, with units. `CAVEAT` must accompany the energies."""
    share = costs.effective_operations / costs.dense_operations
    added, multiplied = PICOJOULES["accumulate"], PICOJOULES["multiply and accumulate"]
    return [
        Shown("footprint", f"{costs.footprint_bytes / 1e6:,.3f} MB", "weights, biases and delays in single precision"),
        Shown("connection sparsity", f"{costs.connection_sparsity:.2%}", "weights that are 0"),
        Shown("activation sparsity", f"{costs.activation_sparsity:.2%}", "neurons silent in a presentation"),
        Shown("spikes per neuron", f"{costs.spikes_per_neuron:.3f}", "in a presentation"),
        Shown("dense operations", f"{costs.dense_operations:,}", "per presentation, if every source fired"),
        Shown("effective operations", f"{costs.effective_operations:,.0f}", f"accumulations; {share:.1%} of the dense"),
        Shown("energy, effective", f"{costs.energy_nj:,.3g} nJ", f"{added} pJ per accumulation (45 nm, 32 bit)"),
        Shown(
            "energy, dense", f"{costs.dense_energy_nj:,.3g} nJ", f"{multiplied} pJ per multiplication and accumulation"
        ),
    ]


def costs(network: Network, weights: Weights, spikes: Mapping[str, np.ndarray], presentations: int) -> Costs:
    """Return the costs of a network for given spike counts.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Forward weights.
    spikes : dict of ndarray of int
        Number of spikes of each neuron over all presentations, by population (and stimulus), in its shape.
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
    """Return the number of spikes that met a nonzero weight, by projection, over all presentations."""
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
