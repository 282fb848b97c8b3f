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
- From the gate on, the capacitance is so large that synaptic currents have no effect. The drive grows by the same
  factor. In a loop, the currents decay within a step, and then the capacitance returns, because currents of the loop
  outlast the gate.
- Each population has a clock, which begins after the clocks of its sources. A delay of 0 thus becomes a time step,
  without any effect on latencies. In a loop no such order exists, so each delay takes at least a step there.
- A relay has synapses so strong that it fires with the first spike that arrives.
"""

import argparse
import csv
import importlib
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
STIMULUS = "stimulus"
MEMBRANE, SYNAPSE = 1e8, 1e7  # ms; no decay within a presentation, and different, so that both have a closed form
START = 2  # steps before the presentation, because sources of NEST do not fire in the first two steps
FAR = 1e6  # times the threshold, so that no input reaches it
CLOSED = 1e9  # times the capacitance, so that a synaptic current has no effect
DIGITS = 9  # decimals of times (ms), so that 3 steps of 0.1 ms are 0.3 and not 0.30000000000000004
AHEAD = {"nest": 1, "brian2": -1}  # steps; the last potential that `run_until` computes is later by them


def clocks(network: dict[str, Any], arrays: Any, dt: float, on_grid: bool) -> dict[str, int]:
    """Return the steps by which the clock of each population is late, by name."""
    relays = {each["name"]: response(each, on_grid) for each in network["populations"]}
    late, before = dict.fromkeys((STIMULUS, *relays), 0), None
    while late != before:
        before = dict(late)
        for each in network["projections"]:
            source, target, delay = each["source"], each["target"], arrays[f"{each['name']}.delay"]
            needed = int(delay.min(initial=dt) < dt * (1 - 1e-6)) + relays[target]
            late[target] = max(late[target], late[source] + (0 if each["recurrent"] else needed))
    return late


def response(population: dict[str, Any], on_grid: bool) -> int:
    """Return the steps from a spike that arrives at a relay to the spike that the relay passes on."""
    return int(population["relay"] and on_grid)


def build(
    sim: Any, network: dict[str, Any], arrays: Any, dt: float, stimulus: dict[int, float], late: dict[str, int]
) -> dict[str, Any]:
    """Return the populations of the network by name. Stimulus latencies (ms) are given by neuron."""
    on_grid = is_on_grid(sim, network)
    times = [[fire_at(stimulus[i], dt, on_grid)] if i in stimulus else [] for i in range(network[STIMULUS])]
    populations = {STIMULUS: sim.Population(len(times), sim.SpikeSourceArray(spike_times=times), label=STIMULUS)}
    for each in network["populations"]:
        membrane, synapse = each["tau_m"] or MEMBRANE, synaptic_constant(each)
        cell = {"v_rest": 0.0, "v_reset": 0.0, "tau_m": membrane, "cm": each["tau"]}
        cell |= {"tau_syn_E": synapse, "tau_syn_I": synapse, "tau_refrac": 2 * network["duration"]}
        cell["v_thresh"] = (FAR if each["onset"] else 1) * each["threshold"]
        populations[each["name"]] = sim.Population(each["size"], sim.IF_curr_exp(**cell), label=each["name"])
        populations[each["name"]].initialize(v=0.0)
        populations[each["name"]].record("spikes")
    relays = {each["name"]: response(each, on_grid) for each in network["populations"]}
    for each in network["projections"]:
        pre, post, weight, delay = (arrays[f"{each['name']}.{what}"] for what in ("pre", "post", "weight", "delay"))
        between = late[each["target"]] - late[each["source"]] - relays[each["target"]]
        for after, change in each["breakpoints"]:
            for receptor, chosen in (("excitatory", change * weight > 0), ("inhibitory", change * weight < 0)):
                if chosen.any():
                    delays = in_steps(delay[chosen] + after, dt, f"{each['name']}, {receptor}") + between
                    delays = np.round(np.maximum(delays, 1) * dt, DIGITS)
                    rows = np.column_stack((pre[chosen], post[chosen], change * weight[chosen], delays))
                    connect(sim, populations, each, receptor, rows)
    return populations


def steps_of(times: Any, dt: float) -> np.ndarray:
    """Return the nearest whole steps of times (ms). Halves round up."""
    return np.floor(np.asarray(times) / dt + 0.5 + 1e-9)


def fire_at(latency: float, dt: float, on_grid: bool) -> float:
    """Return when a source fires (ms): on a grid, at the decimal number of a whole step, because NEST rounds up."""
    return round(float(START + steps_of(latency, dt)) * dt, DIGITS) if on_grid else START * dt + latency


def in_steps(delays: np.ndarray, dt: float, name: str) -> np.ndarray:
    """Return delays (ms) in whole steps, as simulators round them, and print how much they change."""
    steps = steps_of(delays, dt)
    changes = np.abs(steps * dt - delays)
    if changes.max(initial=0.0) > 1e-6 * dt:
        moved = f"{(changes > 1e-6 * dt).sum()} of {changes.size} delays rounded to steps of {dt:g} ms"
        print(f"{name}: {moved}, by up to {changes.max():.3g} ms; choose a smaller --dt", file=sys.stderr)
    return steps


def synaptic_constant(population: dict[str, Any]) -> float:
    """Return the time constant (ms) of synaptic currents."""
    synapse = population["tau_syn"] or SYNAPSE
    if synapse == population["tau_m"]:
        synapse *= 1 + 1e-6  # equal ones have another closed form, which Brian2 does not find
    return float(synapse)


def connect(sim: Any, populations: dict[str, Any], projection: dict[str, Any], receptor: str, rows: np.ndarray) -> None:
    """Connect two populations by synapses: rows of presynaptic and postsynaptic neuron, weight (nA), delay (ms)."""
    ends = (populations[projection["source"]], populations[projection["target"]])
    listed = sim.FromListConnector(rows, column_names=["weight", "delay"])
    sim.Projection(*ends, listed, sim.StaticSynapse(), receptor_type=receptor, label=projection["name"])


def is_on_grid(sim: Any, network: dict[str, Any]) -> bool:
    """Return whether spikes occur at time steps. Precise neurons of NEST cannot begin above their threshold."""
    return "nest" not in sim.__name__ or any(each["onset"] for each in network["populations"])


def switches(network: dict[str, Any], arrays: Any, dt: float, on_grid: bool) -> list[tuple[float, str, dict[str, Any]]]:
    """Return what changes within the presentation: times (ms) by the population's clock, population, parameters.

    A change follows the potential of its time. A threshold must change before, so its time is a step earlier.
    """
    changes: list[tuple[float, str, dict[str, Any]]] = []
    looped = {each["target"] for each in network["projections"] if each["recurrent"]}
    for each in network["populations"]:
        name, gate, onset, threshold = each["name"], each["gate"], each["onset"], each["threshold"]
        bias, before = arrays[f"{name}.bias"], dt if on_grid else 0.0
        for time in sorted({0.0, onset, *([] if gate is None else [gate])}):
            closed = gate is not None and time >= gate
            current = (0 * bias if closed else bias) + (each["drive"] if time >= onset else 0.0)
            factor = CLOSED if closed else 1.0
            changes.append((time, name, {"i_offset": factor * current, "cm": factor * each["tau"]}))
            if closed and name in looped:
                changes.append((time, name, dict.fromkeys(("tau_syn_E", "tau_syn_I"), dt / 100)))
                changes.append((time + dt, name, dict.fromkeys(("tau_syn_E", "tau_syn_I"), synaptic_constant(each))))
                changes.append((time + dt, name, {"i_offset": current, "cm": each["tau"]}))
        if onset:
            changes.append((onset - before, name, {"v_thresh": threshold}))
        if each["end"] < network["duration"]:
            changes.append((each["end"] - before, name, {"v_thresh": FAR * threshold}))
    return changes


def first_spikes(sim: Any, network: dict[str, Any], dt: float, stimulus: dict[int, float]) -> dict[str, np.ndarray]:
    """Present one stimulus. Return first-spike latencies (ms) by population; silent neurons have ``inf``."""
    arrays, on_grid = np.load(FOLDER / "synapses.npz", allow_pickle=False), is_on_grid(sim, network)
    late = clocks(network, arrays, dt, on_grid)
    begin = {name: (START + steps) * dt for name, steps in late.items()}
    end = max(begin.values()) + network["duration"]
    longest, precision = end + dt, "on_grid" if on_grid else "off_grid"
    sim.setup(timestep=dt, min_delay=dt, max_delay=longest, spike_precision=precision)
    populations = build(sim, network, arrays, dt, stimulus, late)
    ahead = AHEAD.get(sim.__name__.removeprefix("pyNN."), 0) * dt
    changes = [
        (begin[name] + time - ahead, name, changed) for time, name, changed in switches(network, arrays, dt, on_grid)
    ]
    for time, name, changed in sorted(changes, key=lambda change: change[0]):
        sim.run_until(round(time, DIGITS))
        populations[name].set(**changed)
    sim.run_until(round(end, DIGITS))
    latencies = {}
    for name, population in populations.items():
        if name != STIMULUS:
            trains = population.get_data("spikes").segments[0].spiketrains
            first = np.array([float(train[0]) - begin[name] if len(train) else np.inf for train in trains])
            if on_grid:
                first = np.round(steps_of(first, dt) * dt, DIGITS)
            latencies[name] = np.where(first < network["duration"] - 1e-6, first, np.inf)
    sim.end()
    return latencies


def read_stimuli(path: str) -> dict[str, dict[int, float]]:
    """Return latencies (ms) by presentation and neuron from the rows of the layer ``stimulus``."""
    stimuli: dict[str, dict[int, float]] = defaultdict(dict)
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["layer"] == STIMULUS:
                stimulus, latency = stimuli[row["presentation"]], float(row["latency_ms"])
                if np.isfinite(latency):  # a silent presentation has a row with inf
                    stimulus[int(row["neuron"])] = latency
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
