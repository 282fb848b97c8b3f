"""Build a network of first spikes in PyNN, present stimuli, and write the first spikes.

    python run.py nest stimulus.csv first_spikes.csv --dt 0.1

``network.json`` and ``synapses.npz`` next to this program contain the network. You may change them, or this program.
The files of spikes have the columns presentation, layer, neuron and latency_ms.

- A neuron is IF_curr_exp. The capacitance (nF) is the time constant of netsim (ms).
- Leaky neurons have their own time constants. Those of others are so long that nothing decays: a synaptic current is
  constant, and the potential rises as a ramp.
- A postsynaptic potential with several breakpoints is a synapse per breakpoint. Each starts later by the breakpoint.
- A neuron is refractory after its first spike.
- Outside the firing window the threshold is out of reach.
- At the gate the bias ends, and synaptic currents get a time constant so short that they vanish.
- The presentation starts two steps late. The potential begins lower by what the bias adds in these steps.
- A relay has synapses so strong that it fires with the first spike that arrives.
"""

import argparse
import csv
import importlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
STIMULUS = "stimulus"
MEMBRANE, SYNAPSE = 1e8, 1e7  # ms; no decay within a presentation, and different, so that both have a closed form
CLOSED = 1e-3  # ms; a synaptic current that has no effect
START = 2  # steps before the presentation, because sources of NEST do not fire in the first two steps
FAR = 1e6  # times the threshold, so that no input reaches it


def build(sim: Any, network: dict[str, Any], dt: float, stimulus: dict[int, float]) -> dict[str, Any]:
    """Return the populations of the network by name. Stimulus latencies (ms) are given by neuron."""
    arrays = np.load(FOLDER / "synapses.npz", allow_pickle=False)
    start = START * dt
    times = [[start + stimulus[i]] if i in stimulus else [] for i in range(network[STIMULUS])]
    populations = {STIMULUS: sim.Population(len(times), sim.SpikeSourceArray(spike_times=times), label=STIMULUS)}
    for each in network["populations"]:
        name, threshold, tau = each["name"], each["threshold"], each["tau"]
        membrane, synapse, bias = each["tau_m"] or MEMBRANE, each["tau_syn"] or SYNAPSE, arrays[f"{name}.bias"]
        if synapse == membrane:
            synapse *= 1 + 1e-6  # equal ones have another closed form, which Brian2 does not find
        cell = {"v_rest": 0.0, "v_reset": 0.0, "tau_m": membrane, "cm": tau, "tau_refrac": 2 * network["duration"]}
        cell |= {"tau_syn_E": synapse, "tau_syn_I": synapse, "i_offset": bias}
        cell["v_thresh"] = FAR * threshold if each["onset"] else threshold
        populations[name] = sim.Population(each["size"], sim.IF_curr_exp(**cell), label=name)
        populations[name].initialize(v=-bias * membrane / tau * np.expm1(start / membrane))
        if each["drive"]:
            first, last = start + each["onset"], start + network["duration"]
            populations[name].inject(sim.DCSource(amplitude=each["drive"], start=first, stop=last))
        populations[name].record("spikes")
    for each in network["projections"]:
        pre, post, weight, delay = (arrays[f"{each['name']}.{what}"] for what in ("pre", "post", "weight", "delay"))
        for late, change in each["breakpoints"]:
            for receptor, chosen in (("excitatory", change * weight > 0), ("inhibitory", change * weight < 0)):
                if chosen.any():
                    delays = np.maximum(delay[chosen] + late, dt)  # a spike needs at least a step
                    rows = np.column_stack((pre[chosen], post[chosen], change * weight[chosen], delays))
                    connect(sim, populations, each, receptor, rows)
    return populations


def connect(sim: Any, populations: dict[str, Any], projection: dict[str, Any], receptor: str, rows: np.ndarray) -> None:
    """Connect two populations by synapses: rows of presynaptic and postsynaptic neuron, weight (nA), delay (ms)."""
    ends = (populations[projection["source"]], populations[projection["target"]])
    listed = sim.FromListConnector(rows, column_names=["weight", "delay"])
    sim.Projection(*ends, listed, sim.StaticSynapse(), receptor_type=receptor, label=projection["name"])


def switches(network: dict[str, Any]) -> dict[float, list[tuple[str, dict[str, float]]]]:
    """Return the parameters that change within the presentation, by their time (ms), with their population."""
    changes: dict[float, list[tuple[str, dict[str, float]]]] = defaultdict(list)
    for each in network["populations"]:
        if each["gate"] is not None:
            changes[each["gate"]].append((each["name"], {"tau_syn_E": CLOSED, "tau_syn_I": CLOSED, "i_offset": 0.0}))
        if each["onset"]:
            changes[each["onset"]].append((each["name"], {"v_thresh": each["threshold"]}))
        if each["end"] < network["duration"]:
            changes[each["end"]].append((each["name"], {"v_thresh": FAR * each["threshold"]}))
    return changes


def first_spikes(sim: Any, network: dict[str, Any], dt: float, stimulus: dict[int, float]) -> dict[str, np.ndarray]:
    """Present one stimulus. Return first-spike latencies (ms) by population; silent neurons have ``inf``."""
    start, changes = START * dt, switches(network)
    # precise neurons of NEST cannot begin a window above their threshold
    precision = "on_grid" if any(each["onset"] for each in network["populations"]) else "off_grid"
    longest = start + network["duration"] + dt
    sim.setup(timestep=dt, min_delay=dt, max_delay=longest, spike_precision=precision)
    populations = build(sim, network, dt, stimulus)
    for time, changed in sorted(changes.items()):
        sim.run_until(start + time)
        for name, parameters in changed:
            populations[name].set(**parameters)
    sim.run_until(start + network["duration"])
    latencies = {}
    for name, population in populations.items():
        if name != STIMULUS:
            trains = population.get_data("spikes").segments[0].spiketrains
            latencies[name] = np.array([float(train[0]) - start if len(train) else np.inf for train in trains])
    sim.end()
    return latencies


def read_stimuli(path: str) -> dict[str, dict[int, float]]:
    """Return latencies (ms) by presentation and neuron from the rows of the layer ``stimulus``."""
    stimuli: dict[str, dict[int, float]] = defaultdict(dict)
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["layer"] == STIMULUS:
                stimuli[row["presentation"]][int(row["neuron"])] = float(row["latency_ms"])
    return stimuli


def main() -> None:
    """Present all stimuli of a table, and write the first spikes."""
    parser = argparse.ArgumentParser(description="Run the network in PyNN and write first-spike latencies.")
    parser.add_argument("simulator", help="backend of PyNN: nest, brian2 or neuron")
    parser.add_argument("stimuli", help="table of netsim export --to csv --layer stimulus")
    parser.add_argument("out", help="table of first spikes to write")
    network = json.loads((FOLDER / "network.json").read_text(encoding="utf-8"))
    parser.add_argument("--dt", type=float, default=network["dt"], help="time step in ms (default %(default)s)")
    options = parser.parse_args()
    sim = importlib.import_module(f"pyNN.{options.simulator}")
    with Path(options.out).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["presentation", "layer", "neuron", "latency_ms"])
        for presentation, stimulus in read_stimuli(options.stimuli).items():
            for name, latencies in first_spikes(sim, network, options.dt, stimulus).items():
                for neuron in np.flatnonzero(np.isfinite(latencies)):
                    table.writerow([presentation, name, neuron, latencies[neuron]])


if __name__ == "__main__":
    main()
