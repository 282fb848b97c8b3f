"""SONATA networks: a folder of nodes, edges and configuration, which libsonata reads and bmtk runs in NEST.

``docs/howto/exchange.md`` describes the layout. Each population becomes a population of nodes. The stimulus becomes
virtual nodes. Each projection becomes a population of edges, with an edge per synapse that has its weight and delay.
The file ``network.toml`` contains the specification, which other tools ignore. The import uses it together with the
edges.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError, RunError, SpecificationError
from netsim.exchange.formats import Imported, NetworkFormat
from netsim.exchange.networks._edges import check_cell, synapses_of, time_step
from netsim.exchange.presentations import reading, whole_numbers
from netsim.exchange.trains import coordinates_of, to_json
from netsim.seams import network_formats
from netsim.specification import STIMULUS, Network, Population, Projection

if TYPE_CHECKING:
    import h5py
    import pandas as pd

    from netsim.weights.layout import Weights

NODES, NODE_TYPES, EDGES, EDGE_TYPES = "nodes.h5", "node_types.csv", "edges.h5", "edge_types.csv"
CIRCUIT, SIMULATION, SPIKES = "circuit_config.json", "simulation_config.json", "stimulus.h5"
MODELS, SYNAPSE = "models", "static_synapse.json"
SPECIFICATION, RECORD = "network.toml", "provenance.json"
MOST_EDGES = 2**28
"""Largest number of edges of a network, about 10 GB."""
_FOR_EVER = 1e9  # ms; time constant without decay within a presentation
_FAR = 1e6  # times the threshold: a step of such a current keeps neurons silent, whatever their input
_BYTES = 200  # upper bound of the size of an edge, a node or a weight
_LONGEST = 2**24  # characters of a specification


def write(network: Network, weights: Weights, path: Path, record: Mapping[str, Any] | None) -> None:
    """Write a network with its weights. See `netsim.exchange.export`."""
    from netsim.files import write_folder
    from netsim.weights.layout import check_weights

    weights = check_weights(network, weights, "weights")
    for population in network.integrating:
        check_cell(population, path, ("integrator",))
    synapses = sum(network.synapse_count(projection) for projection in network.projections)
    if synapses > MOST_EDGES:
        raise DataError(
            f"{path}: {synapses:,} synapses are too many edges for SONATA (at most {MOST_EDGES:,}); export nir"
        )
    if path.is_dir() and not (path / SPECIFICATION).is_file():
        raise RunError(f"{path}: is another folder, not a SONATA network of netsim; choose another name")
    numbers = sum(array.size for array in weights.values()) + sum(map(math.prod, network.shapes.values())) + synapses
    write_folder(path, lambda folder: _fill(folder, network, weights, record, numbers * _BYTES + 2**20))


def _reserve(folder: Path, size: int) -> None:
    """Raise OSError unless the folder has room for `size` bytes, because a failed write of HDF5 ends the process."""
    if hasattr(os, "posix_fallocate"):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _fill(folder: Path, network: Network, weights: Weights, record: Mapping[str, Any] | None, size: int) -> None:
    import h5py
    import libsonata

    from netsim.specification.toml import dumps_network
    from netsim.weights.layout import bias_name

    _reserve(folder, size)
    (folder / SPECIFICATION).write_text(dumps_network(network), encoding="utf-8", newline="\n")
    (folder / RECORD).write_text(to_json(record) + "\n", encoding="utf-8", newline="\n")
    with h5py.File(folder / NODES, "w") as file:
        _label(file)
        for number, name in enumerate(network.shapes):
            _write_nodes(file.create_group(f"nodes/{name}"), network, name, weights, number)
    _node_types(network).to_csv(folder / NODE_TYPES, sep=" ", index=False, na_rep="NULL", lineterminator="\n")
    with h5py.File(folder / EDGES, "w") as file:
        _label(file)
        for number, projection in enumerate(network.projections):
            _write_edges(file, network, projection, weights, number)
    _edge_types(network).to_csv(folder / EDGE_TYPES, sep=" ", index=False, na_rep="NULL", lineterminator="\n")
    for projection in network.projections:
        ends = (int(np.prod(shape)) for shape in network.ends(projection))
        libsonata.EdgePopulation.write_indices(str(folder / EDGES), projection.name, *ends)
    with h5py.File(folder / EDGES, "r+") as file:
        for projection in network.projections:
            for index in file[f"edges/{projection.name}/indices"].values():
                index["node_id_to_range"] = index["node_id_to_ranges"]  # bmtk's name
    (folder / MODELS).mkdir()
    for population in network.populations:
        parameters = _point_neuron(network, population)
        if population.has_bias:  # NEST expects a number for each neuron
            parameters["I_e"] = np.broadcast_to(weights[bias_name(population)], population.shape).ravel().tolist()
        _write_json(folder / MODELS / f"{population.name}.json", parameters)
    _write_json(folder / MODELS / SYNAPSE, {})
    with h5py.File(folder / SPIKES, "w") as file:  # no presentations yet
        _label(file)
        group = file.create_group(f"spikes/{STIMULUS}")
        group["node_ids"], group["timestamps"] = np.empty(0, np.uint64), np.empty(0)
        group["timestamps"].attrs["units"] = np.bytes_(b"ms")
    _write_json(folder / CIRCUIT, _circuit(network))
    _write_json(folder / SIMULATION, _simulation(network))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")


def _label(file: h5py.File) -> None:
    file.attrs["magic"] = np.uint32(0x0A7A)
    file.attrs["version"] = np.array((0, 1), np.uint32)


def _write_nodes(group: h5py.Group, network: Network, name: str, weights: Weights, number: int) -> None:
    from netsim.weights.layout import bias_name, delay_name

    shape = network.shapes[name]
    where = coordinates_of(shape)
    count = len(where["neuron"])
    group["node_type_id"] = np.full(count, number, np.uint64)
    group["node_id"] = group["node_group_index"] = np.arange(count, dtype=np.uint64)
    group["node_group_id"] = np.zeros(count, np.uint64)
    attributes = group.create_group("0")
    for axis in ("map", "y", "x") if len(shape) == 3 else ("map",):
        attributes[axis] = where[axis]
    for projection in network.outgoing(name):
        if projection.is_delayed_per("axon"):
            attributes[f"delay_{projection.name}"] = weights[delay_name(projection)].ravel()
    if name != STIMULUS and network.population(name).has_bias:
        bias = weights[bias_name(network.population(name))]
        attributes["dynamics_params/I_e"] = np.broadcast_to(bias, shape).ravel()


def _write_edges(file: h5py.File, network: Network, projection: Projection, weights: Weights, number: int) -> None:
    from netsim.weights.layout import kernel_name, synaptic_delay

    synapses = synapses_of(network, projection, weights)
    group = file.create_group(f"edges/{projection.name}")
    ends = (("source", synapses.pre, projection.source), ("target", synapses.post, projection.target))
    for end, neurons, population in ends:
        group[f"{end}_node_id"] = neurons.astype(np.uint64)
        group[f"{end}_node_id"].attrs["node_population"] = population
    group["edge_type_id"] = np.full(len(synapses.pre), number, np.uint64)
    group["edge_group_id"] = np.zeros(len(synapses.pre), np.uint64)
    group["edge_group_index"] = np.arange(len(synapses.pre), dtype=np.uint64)
    attributes = group.create_group("0")
    attributes["syn_weight"] = synapses.weight
    kernel, late = weights.get(kernel_name(projection)), synaptic_delay(projection, weights)
    if kernel is not None and len(np.unique(synapses.of_weight)) < kernel.size:  # some weights have no synapse
        group["all_weights"] = kernel
        if late is not None:
            group["all_delays"] = late
    attributes["conduction_delay"] = synapses.delay
    attributes["delay"] = np.maximum(synapses.delay, time_step(network))  # NEST needs a delay of at least a step


def _node_types(network: Network) -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, Any]] = [{"node_type_id": 0, "population": STIMULUS, "model_type": "virtual"}]
    rows[0]["model_template"] = "nest:spike_generator"
    for number, population in enumerate(network.populations, start=1):
        row = {"node_type_id": number, "population": population.name, "model_type": "point_neuron"}
        row |= {"model_template": f"nest:{_model(population)}", "dynamics_params": f"{population.name}.json"}
        if population.integrates:
            neurons = population.dynamics
            row |= {"regime": neurons.regime, "threshold": neurons.threshold, "tau_ms": neurons.tau}
            row |= {"onset_ms": neurons.onset, "end_ms": network.window_end(population)}
            row |= {"gate_ms": min(neurons.gate, network.duration), "drive": neurons.drive}
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def _edge_types(network: Network) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for number, projection in enumerate(network.projections):
        row = {"edge_type_id": number, "population": projection.name, "model_template": "static_synapse"}
        row |= {"dynamics_params": SYNAPSE, "source": projection.source, "target": projection.target}
        if network.weight_shape(projection):
            row |= {"psp": projection.psp.shape, "psp_breakpoints": json.dumps(projection.psp.kernel).replace(" ", "")}
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def _model(population: Population) -> str:
    return "iaf_psc_exp" if population.integrates else "iaf_psc_delta"


def _point_neuron(network: Network, population: Population) -> dict[str, Any]:
    """Return parameters of NEST's neuron. Its refractory time is the presentation, so that it fires once.

    Synaptic currents last for the rise time of the PSP, or do not decay if the PSP is a ramp. Relays fire with the
    first spike that arrives.
    """
    rest = {"E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "t_ref": network.duration, "tau_m": _FOR_EVER}
    if not population.integrates:
        return rest | {"C_m": 1.0, "V_th": 0.5}
    psps = [projection.psp for projection in network.incoming(population.name)]
    lasts = min(max(psp.rises_until for psp in psps) or _FOR_EVER, _FOR_EVER / 10)
    neurons = population.dynamics
    return rest | {"C_m": neurons.tau, "V_th": neurons.threshold, "tau_syn_ex": lasts, "tau_syn_in": lasts}


def _circuit(network: Network) -> dict[str, Any]:
    nodes = {name: {"type": "virtual" if name == STIMULUS else "point_neuron"} for name in network.shapes}
    edges = {projection.name: {"type": "chemical"} for projection in network.projections}
    return {
        "version": 2.4,
        "manifest": {"$BASE_DIR": "."},
        "components": {f"{sort}_dir": f"$BASE_DIR/{MODELS}" for sort in ("point_neuron_models", "synaptic_models")},
        "networks": {
            "nodes": [_part("node", NODES, NODE_TYPES, nodes)],
            "edges": [_part("edge", EDGES, EDGE_TYPES, edges)],
        },
    }


def _part(sort: str, file: str, types: str, populations: dict[str, Any]) -> dict[str, Any]:
    paths = {f"{sort}s_file": f"$BASE_DIR/{file}", f"{sort}_types_file": f"$BASE_DIR/{types}"}
    return {**paths, "populations": populations}


def _simulation(network: Network) -> dict[str, Any]:
    stimulus = {"input_type": "spikes", "module": "sonata", "input_file": f"$BASE_DIR/{SPIKES}", "node_set": STIMULUS}
    currents: dict[str, Any] = {}
    for population in network.integrating:
        neurons, end = population.dynamics, network.window_end(population)
        if neurons.drive:
            currents[f"drive_{population.name}"] = _clamp(population, neurons.drive, neurons.onset, network.duration)
        if end < network.duration:
            far = _FAR * neurons.threshold * neurons.tau
            currents[f"end_{population.name}"] = _clamp(population, -far, end, network.duration)
    return {
        "manifest": {"$BASE_DIR": "."},
        "network": f"$BASE_DIR/{CIRCUIT}",
        "run": {"tstop": network.duration, "dt": time_step(network), "random_seed": 0},
        "inputs": {STIMULUS: stimulus, **currents},
        "node_sets": {name: {"population": name} for name in network.shapes},
        "output": {"output_dir": "$BASE_DIR/output", "log_file": "log.txt", "spikes_file": "spikes.h5"},
    }


def _clamp(population: Population, current: float, start: float, end: float) -> dict[str, Any]:
    """Return a constant current into all neurons of a population (ms)."""
    times = {"amp": current, "delay": start, "duration": end - start}
    return {"input_type": "current_clamp", "module": "IClamp", "node_set": population.name, **times}


def read(path: Path) -> Imported:
    """Read a network. See `netsim.exchange.import_network`."""
    from netsim.files import read_text
    from netsim.specification.toml import loads_toml, network_from_dict, with_files_beside
    from netsim.weights.layout import check_weights

    with reading(path, "a SONATA network"):
        if not (path / SPECIFICATION).is_file():
            lack = f"has no {SPECIFICATION}, which netsim writes next to the files of SONATA"
            raise DataError(f"{path}: {lack}; edges of other tools are read as connectivity edge-list")
        table = loads_toml(read_text(path / SPECIFICATION, _LONGEST), str(path))
        try:
            network = network_from_dict(with_files_beside(table, path, path.parent))
        except SpecificationError as error:
            raise SpecificationError(str(path), str(error)) from error
        record = json.loads(read_text(path / RECORD, _LONGEST))
        if not isinstance(record, dict):
            raise DataError(f"{path}: {RECORD} is not a record of netsim; export the network again")
        weights = check_weights(network, _read_weights(path, network), str(path))
    return Imported(network, weights, record)


def _read_weights(path: Path, network: Network) -> Weights:
    import h5py
    import libsonata

    from netsim.hdf5 import check_hdf5
    from netsim.weights.layout import bias_name, delay_name, kernel_name

    for name in (NODES, EDGES):
        check_hdf5(path / name)
    with h5py.File(path / EDGES) as file:  # libsonata truncates fractions
        for name, group in file["edges"].items():
            for end in ("source_node_id", "target_node_id"):
                whole_numbers(path, f"{name}/{end}", group[end][:])
            if "edge_group_index" in group and (np.diff(group["edge_group_index"][:].astype(np.int64)) != 1).any():
                ignored = "in another order than its edges, which libsonata ignores; write the attributes in that order"
                raise DataError(f"{path}: {name} has an edge_group_index {ignored}")
    nodes = libsonata.NodeStorage(str(path / NODES))
    edges = libsonata.EdgeStorage(str(path / EDGES))
    if nodes.population_names != set(network.shapes) or edges.population_names != {p.name for p in network.projections}:
        raise DataError(f"{path}: has other populations than {SPECIFICATION}; export the network again")
    weights: Weights = {}
    for population in network.integrating:
        if population.has_bias:
            stored = nodes.open_population(population.name)
            bias = stored.get_dynamics_attribute("I_e", stored.select_all())
            weights[bias_name(population)] = _shared(path, "I_e", bias, _maps(population), np.zeros(population.maps))
    for projection in network.projections:
        pre, post, of_weight = network.connections(projection)
        stored_edges = edges.open_population(projection.name)
        every = stored_edges.select_all()
        order = np.lexsort((stored_edges.target_nodes(every), stored_edges.source_nodes(every)))
        ends = (stored_edges.source_nodes(every)[order], stored_edges.target_nodes(every)[order])
        ours = np.lexsort((post, pre))
        if not all(np.array_equal(*pair) for pair in zip(ends, (pre[ours], post[ours]), strict=True)):
            raise DataError(f"{path}: {projection.name} has other edges than {SPECIFICATION}; export the network again")
        sources, of_weight = pre[ours], of_weight[ours]
        with h5py.File(path / EDGES) as file:
            kept = {name: file["edges"][projection.name].get(f"all_{name}") for name in ("weights", "delays")}
            of_none = {name: None if array is None else array[:] for name, array in kept.items()}
        if network.weight_shape(projection):
            values = stored_edges.get_attribute("syn_weight", every)[order]
            into = np.zeros(network.weight_shape(projection)) if of_none["weights"] is None else of_none["weights"]
            weights[kernel_name(projection)] = _shared(path, "syn_weight", values, of_weight, into)
        delays = stored_edges.get_attribute("conduction_delay", every)[order]
        if projection.delays is None:
            if (delays != projection.common_delay).any():
                one = f"has the delay {projection.common_delay:g} ms in {SPECIFICATION}, but another conduction_delay"
                remedy = f"change both, or give the projection a delay per axon or per synapse in {SPECIFICATION}"
                raise DataError(f"{path}: {projection.name} {one}; {remedy}")
            continue
        shape = network.delay_shape(projection)
        if projection.is_delayed_per("axon"):
            source = nodes.open_population(projection.source)
            into = source.get_attribute(f"delay_{projection.name}", source.select_all()).reshape(shape)
        else:
            into = np.zeros(shape) if of_none["delays"] is None else of_none["delays"]
        numbers = sources if projection.is_delayed_per("axon") else of_weight
        weights[delay_name(projection)] = _shared(path, "conduction_delay", delays, numbers, into)
    return weights


def _maps(population: Population) -> np.ndarray:
    return coordinates_of(population.shape)["map"]


def _shared(path: Path, name: str, values: np.ndarray, numbers: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Write values by their numbers into a copy of `into`. Raise DataError if equal numbers have different values."""
    written = np.array(into, np.float64)
    flat = written.reshape(-1)
    flat[numbers] = values
    if not np.array_equal(flat[numbers], values, equal_nan=True):
        raise DataError(f"{path}: has different {name} for synapses that share one in the network; make them equal")
    return written


def without_primitive(network: Network) -> list[str]:
    """Return the features of a network that the point neurons of the folder lack."""
    words = []
    if any(population.dynamics.onset for population in network.integrating):
        words.append("onsets, before which no neuron fires")
    if any(population.dynamics.gated for population in network.integrating):
        words.append("gates, which close for synaptic currents")
    shapes = dict.fromkeys(each.psp.shape for each in network.weighted if not each.psp.is_ramp)
    if shapes:
        words.append(f"postsynaptic potentials ({', '.join(shapes)}; replaced by exponential currents)")
    if any(population.winners is not None for population in network.populations):
        words.append("winners")
    return [*words, f"delays below the time step of {time_step(network):g} ms", "the latency code", "learning"]


_SUMMARY = "the network and its weights as a folder of nodes, edges and configuration for bmtk and NEST, without spikes"
_UNREAD = "NEST fires each neuron once, but ignores these; they are columns of node_types.csv and edge_types.csv"
network_formats.add(
    "sonata-network",
    NetworkFormat(_SUMMARY, (".sonata",), write, read, ("h5py", "libsonata"), 1, "SONATA", without_primitive, _UNREAD),
    __name__,
)
