"""PyNN's interface to a small simulator: the closed form of `IF_curr_exp`, one time step after the other."""

from __future__ import annotations

from collections import defaultdict
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


class Simulator(ModuleType):
    """A backend of PyNN. `run_until` computes `ahead` potentials more than its time says."""

    IF_curr_exp = StaticSynapse = dict

    def __init__(self, name: str, ahead: int) -> None:
        super().__init__(f"pyNN.{name}")
        self.ahead = ahead

    def setup(self, timestep: float, min_delay: float, max_delay: float, spike_precision: str) -> None:
        assert spike_precision == "on_grid"
        self.dt, self.delays, self.step, self.populations = timestep, (min_delay, max_delay), 0, list[Neurons]()

    def SpikeSourceArray(self, spike_times: list[list[float]]) -> dict[str, Any]:
        return {"spike_times": spike_times}

    def FromListConnector(self, rows: np.ndarray, column_names: list[str]) -> np.ndarray:
        assert column_names == ["weight", "delay"]
        return rows

    def Population(self, size: int, cell: dict[str, Any], label: str) -> Neurons:
        self.populations.append(Neurons(self, size, cell))
        return self.populations[-1]

    def Projection(
        self, source: Neurons, target: Neurons, rows: np.ndarray, synapse: Any, receptor_type: str, label: str
    ) -> None:
        assert ((rows[:, 2] > 0) == (receptor_type == "excitatory")).all()
        assert rows[:, 3].min() >= self.delays[0]
        assert rows[:, 3].max() <= self.delays[1]
        for pre, post, weight, delay in rows.tolist():
            source.targets[int(pre)].append((target, int(post), weight, round(delay / self.dt)))

    def run_until(self, time: float) -> None:
        while self.step < round(time / self.dt) + self.ahead:
            self.step += 1
            for population in self.populations:
                for neuron in population.fire():
                    for target, post, weight, delay in population.targets[neuron]:
                        target.due[self.step + delay][post] += weight

    def end(self) -> None:
        self.populations = []


class Neurons:
    """A population, or sources of spikes, that fire once."""

    def __init__(self, sim: Simulator, size: int, cell: dict[str, Any]) -> None:
        self.sim, self.cell = sim, {"i_offset": 0.0} | cell
        self.potential, self.current, self.fired = np.zeros(size), np.zeros(size), np.full(size, np.inf)
        self.due: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(size))
        self.targets: dict[int, list[tuple[Neurons, int, float, int]]] = defaultdict(list)

    def initialize(self, v: float) -> None:
        self.potential[:] = v

    def record(self, variable: str) -> None:
        assert variable == "spikes"

    def set(self, **parameters: Any) -> None:
        self.cell |= parameters

    def get_data(self, variable: str) -> Any:
        trains = [[time] if np.isfinite(time) else [] for time in self.fired]
        return SimpleNamespace(segments=[SimpleNamespace(spiketrains=trains)])

    def fire(self) -> list[int]:
        """Compute the potential of the next step. Return which neurons fire."""
        dt, cell, now = self.sim.dt, self.cell, self.sim.step
        if "spike_times" in cell:
            return [i for i, times in enumerate(cell["spike_times"]) if now in [round(time / dt) for time in times]]
        membrane, synapse = cell["tau_m"], cell["tau_syn_E"]
        assert cell["tau_syn_I"] == synapse
        lost, faded = np.expm1(-dt / membrane), np.expm1(-dt / synapse)
        driven = -membrane * lost * cell["i_offset"] + self.current * (faded - lost) / (1 / membrane - 1 / synapse)
        self.potential = self.potential * (1 + lost) + driven / cell["cm"]
        self.current = self.current * (1 + faded) + self.due[now]
        fires = (self.potential >= cell["v_thresh"]) & np.isinf(self.fired)
        self.fired[fires] = now * dt
        return np.flatnonzero(fires).tolist()
