"""PyNN: a folder with a program that builds the network by populations and projections and runs it.

PyNN runs the program in NEST, Brian2 and NEURON. `netsim.exchange.networks._pynn_program` is this program. Its
docstring tells how the neurons of PyNN represent the neurons of netsim.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError, RunError
from netsim.exchange.formats import NetworkFormat
from netsim.exchange.networks._edges import check_cell, synapses_of, time_step
from netsim.exchange.trains import to_json
from netsim.seams import network_formats
from netsim.specification import STIMULUS, Rates

if TYPE_CHECKING:
    from netsim.specification import Network, Population, Projection
    from netsim.weights.layout import Weights

PROGRAM, NETWORK, SYNAPSES, RECORD = "run.py", "network.json", "synapses.npz", "provenance.json"
MOST_SYNAPSES = 2**23
"""Largest number of synapses of a network. PyNN needs a few hundred bytes for each."""
_RELAY = 1e6  # nA; weight of a synapse onto a relay, which reaches the threshold of a relay at once


def write(network: Network, weights: Weights, path: Path, record: Mapping[str, Any] | None) -> None:
    """Write a network with its weights and the program. See `netsim.exchange.export`."""
    from netsim.files import write_folder
    from netsim.weights.layout import check_weights

    weights = check_weights(network, weights, "weights")
    _check(network, weights, path)
    if path.is_dir() and not (path / PROGRAM).is_file():
        raise RunError(f"{path}: is another folder, not a PyNN program of netsim; choose another name")
    write_folder(path, lambda folder: _fill(folder, network, weights, record))


def _check(network: Network, weights: Weights, path: Path) -> None:
    """Refuse what the standard cells of PyNN cannot do."""
    for population in network.populations:
        check_cell(population, path, ("integrator", "exponential"))
        if population.winners is not None:
            lack = "has winners, which PyNN has not"
            raise DataError(f"{path}: {population.name} {lack}; export the network as nir or sonata-network")
        for projection in network.incoming(population.name):
            _check_loop(network, projection, weights, path)
    synapses = sum(
        network.synapse_count(each) * (len(each.psp.kernel) if _has_psp(network, each) else 1)
        for each in network.projections
    )
    if synapses > MOST_SYNAPSES:
        raise DataError(f"{path}: {synapses:,} synapses are too many for PyNN (at most {MOST_SYNAPSES:,}); export nir")


def _check_loop(network: Network, projection: Projection, weights: Weights, path: Path) -> None:
    """Refuse loops whose currents count from another time than their arrival, or whose gate does not end the others."""
    target = network.population(projection.target)
    if not network.is_recurrent(projection) or not target.integrates:
        return
    onset, gate = target.dynamics.onset, target.dynamics.gate
    if network.firing_window(projection.source)[0] < onset:
        lack = f"gets input of a loop before its onset ({onset:g} ms), which is not exported to PyNN"
        raise DataError(f"{path}: {target.name} {lack}; export the network as nir")
    for each in network.incoming(target.name):
        if network.is_recurrent(each) or gate == math.inf:
            continue
        delay = synapses_of(network, each, weights).delay.max(initial=0.0)
        latest = network.firing_window(each.source)[1] + delay + each.psp.kernel[-1][0]
        if latest > gate:
            lack = f"is in a loop, and {each.name} has effects until {latest:g} ms, after the gate ({gate:g} ms)"
            raise DataError(f"{path}: {target.name} {lack}; PyNN has no such synapse; export the network as nir")


def _fill(folder: Path, network: Network, weights: Weights, record: Mapping[str, Any] | None) -> None:
    from netsim.weights.layout import bias_name

    arrays: dict[str, np.ndarray] = {}
    for projection in network.projections:
        synapses = synapses_of(network, projection, weights)
        if not network.weight_shape(projection):
            synapses = synapses._replace(weight=np.full(len(synapses.pre), _RELAY))
        arrays |= {f"{projection.name}.{what}": getattr(synapses, what) for what in ("pre", "post", "weight", "delay")}
    for population in network.populations:
        bias = weights[bias_name(population)] if population.integrates and population.has_bias else 0.0
        arrays[f"{population.name}.bias"] = np.broadcast_to(bias, population.shape).ravel().astype(np.float64)
    np.savez_compressed(folder / SYNAPSES, allow_pickle=False, **arrays)
    content = {
        "name": network.name,
        "duration": network.duration,
        "dt": time_step(network),
        STIMULUS: int(np.prod(network.shapes[STIMULUS])),
        "populations": [_population(network, population) for population in network.in_order],
        "projections": [
            {
                "name": each.name,
                "source": each.source,
                "target": each.target,
                "recurrent": network.is_recurrent(each),
                "breakpoints": each.psp.kernel if _has_psp(network, each) else [(0.0, 1.0)],
            }
            for each in network.projections
        ],
    }
    (folder / NETWORK).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
    (folder / RECORD).write_text(to_json(record) + "\n", encoding="utf-8", newline="\n")
    program = Path(__file__).with_name("_pynn_program.py").read_text(encoding="utf-8")
    (folder / PROGRAM).write_text(program, encoding="utf-8", newline="\n")


def _has_psp(network: Network, projection: Projection) -> bool:
    """Return whether breakpoints of the projection, and not the neurons, determine postsynaptic potentials."""
    return bool(network.weight_shape(projection)) and network.neurons(projection.target).kind.has_psp


def _population(network: Network, population: Population) -> dict[str, Any]:
    row: dict[str, Any] = {"name": population.name, "size": population.size, "end": network.duration}
    row |= {"tau_m": None, "tau_syn": None, "relay": not population.integrates}
    if not population.integrates:
        return row | {"threshold": 0.5, "tau": 1.0, "onset": 0.0, "drive": 0.0, "gate": None}
    neurons = population.dynamics
    row |= {"threshold": neurons.threshold, "tau": neurons.tau, "onset": neurons.onset, "drive": neurons.drive}
    if isinstance(neurons.rates, Rates):
        row |= {"tau_m": neurons.rates.leak and 1 / neurons.rates.leak}
        row |= {"tau_syn": neurons.rates.decay and 1 / neurons.rates.decay}
    return row | {"end": network.window_end(population), "gate": neurons.gate if neurons.gated else None}


def without_primitive(network: Network) -> list[str]:
    """Return the features of a network that the program lacks."""
    loops = any(map(network.is_recurrent, network.projections))
    return [*["delays below a time step in loops"] * loops, "the latency code", "learning"]


_SUMMARY = "the network and its weights as a program for PyNN, which runs it in NEST, Brian2 and NEURON, without spikes"
_UNREAD = "the table of the stimulus has its latencies"
network_formats.add(
    "pynn", NetworkFormat(_SUMMARY, (".pynn",), write, None, (), 2, "PyNN", without_primitive, _UNREAD), __name__
)
