"""PyNN: the exported program runs in its simulators and fires the same first spikes."""

from __future__ import annotations

import importlib.util
import json
import math
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.engines import Batch, make_engine
from netsim.errors import DataError, RunError
from netsim.exchange import export
from netsim.exchange.networks import _pynn_program
from netsim.runs.model import Model
from netsim.specification import (
    PSP,
    Convolution,
    Delays,
    Dense,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Population,
    PopulationWinners,
    Projection,
)
from netsim.spikes import LayerSpikes, Spikes
from netsim.weights.layout import Weights, initial_delays, weight_shapes
from tests.exchange.small_pynn import Simulator

DT = 0.1


def _in_turn(regime: str) -> Network:
    """Two populations with onsets, drives, biases and ends."""
    hidden = Neurons(regime, threshold=1.0, tau=16.0, onset=16.0, end=32.0, drive=1.0, bias=True)
    output = Neurons(regime, threshold=1.0, tau=16.0, onset=32.0, drive=1.0, bias=True)
    populations = (Population("hidden", (12,), hidden), Population("output", (4,), output))
    projections = (
        Projection("stimulus", "hidden", Dense(), PSP("plateau", rise=8.0)),
        Projection("hidden", "output", Dense(), delay=1.0),
    )
    return Network(regime, IntensityEncoder((4, 5, 1), t_max=16.0), populations, projections, duration=64.0)


def _leaky() -> Network:
    """Maps and ends, with time constants of membrane and synapse that differ, and that are equal."""
    layers = (
        Layer("conv", Convolution(2, 3), Neurons(threshold=0.3, tau=10.0, family="leaky", tau_syn=4.0, bias=True)),
        Layer("output", Dense(6), Neurons(threshold=0.3, tau=8.0, family="leaky", bias=True, end=50.0), delay=1.5),
    )
    return Network.chain("leaky", IntensityEncoder((4, 5, 1), t_max=16.0), layers, 64.0)


def _loop(regime: str = "phased", **later: Any) -> Network:
    """A loop whose currents outlast the gate, with delays of at least a time step."""
    within = Neurons(regime, threshold=1.0, tau=16.0, onset=16.0, end=40.0, drive=1.0, bias=True)
    populations = (Population("e", (12,), within), Population("i", (4,), replace(within, **later)))
    projections = (
        Projection("stimulus", "e", Dense()),
        Projection("stimulus", "i", Dense()),
        Projection("e", "i", Dense(), delay=0.1),
        Projection("i", "e", Dense(), PSP("plateau", rise=4.0), delay=Delays("synapse", mean=3.0, spread=1.0)),
    )
    return Network("loop", IntensityEncoder((4, 5, 1), t_max=16.0), populations, projections, duration=64.0)


NETWORKS = ("free", "leaky", "staggered", "phased", "loop")


@pytest.fixture
def network(name: str, free_network: Callable[..., Network]) -> Network:
    if name == "free":
        return free_network(PSP("triangle", rise=8.0, fall=16.0))
    return {"leaky": _leaky, "loop": _loop}[name]() if name in ("leaky", "loop") else _in_turn(name)


def _weights(network: Network) -> Weights:
    generator = np.random.default_rng(3)
    weights = {name: generator.normal(0.2, 0.3, shape) for name, shape in weight_shapes(network).items()}
    return weights | {name: array.round(1) for name, array in initial_delays(network, 3).items()}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("simulator", ["brian2", "nest"])
def test_simulators_fire_the_same_first_spikes(simulator: str, network: Network) -> None:
    """They are identical on a time grid, and NEST's precise spikes are netsim's exact ones."""
    for package in ("pyNN", simulator):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; pip install pynn nest-simulator")
    precise = simulator == "nest" and not any(each.dynamics.onset for each in network.integrating)
    expected = _exported(network, 0.0 if precise else DT)
    Path("brian_preferences").write_text('codegen.target = "numpy"\n', encoding="utf-8")  # no compiler is needed
    command = [sys.executable, "network.pynn/run.py", simulator, "stimulus.csv", "spikes.csv", "--dt", str(DT)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    _assert_fired(network, expected, atol=1e-3 if precise else 1e-6)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("simulator", "ahead"), [("brian2", -1), ("nest", 1), ("another", 0)])
def test_the_program_runs_without_pynn(
    simulator: str, ahead: int, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small simulator of the tests has PyNN's interface, and stops as the named simulator does."""
    if simulator == "nest" and not any(each.dynamics.onset for each in network.integrating):
        network = _in_turn("staggered")  # others have precise spikes
    expected = _exported(network, DT)
    monkeypatch.setitem(sys.modules, "pyNN", ModuleType("pyNN"))
    monkeypatch.setitem(sys.modules, f"pyNN.{simulator}", Simulator(simulator, ahead))
    monkeypatch.setattr("sys.argv", ["run.py", simulator, "stimulus.csv", "spikes.csv", "--dt", str(DT)])
    runpy.run_path("network.pynn/run.py", run_name="__main__")
    _assert_fired(network, expected, atol=1e-6)


def _exported(network: Network, dt: float) -> dict[str, np.ndarray]:
    """Export a network and a stimulus. Return netsim's latencies."""
    weights = _weights(network)
    stimuli = np.random.default_rng(1).uniform(0, 16, (1, *network.encoder.shape)).round(1)
    export(Model(network, weights), "network.pynn")
    neurons = np.arange(stimuli.size)
    table = {"presentation": 0, "layer": "stimulus", "neuron": neurons, "latency_ms": stimuli.ravel()}
    pd.DataFrame(table).to_csv("stimulus.csv", index=False)
    return make_engine("event", network, dt=dt).present(Batch(stimuli, weights))


def _assert_fired(network: Network, expected: dict[str, np.ndarray], atol: float) -> None:
    """Compare the written first spikes with netsim's."""
    spikes = pd.read_csv("spikes.csv")
    fired = 0
    for population in network.populations:
        rows = spikes[spikes["layer"] == population.name]
        theirs = np.full(population.size, np.inf)
        theirs[rows["neuron"]] = rows["latency_ms"]
        ours = expected[population.name].ravel()
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=atol)
        fired += int(np.isfinite(ours).sum())
    assert fired > 10


def test_the_folder_holds_network_program_and_provenance() -> None:
    network = _in_turn("phased")
    export(Model(network, _weights(network)), "network.pynn", record={"seed": 3})
    names = {path.name for path in Path("network.pynn").iterdir()}
    assert names == {"run.py", "network.json", "synapses.npz", "provenance.json"}
    content = json.loads(Path("network.pynn/network.json").read_text(encoding="utf-8"))
    assert [each["gate"] for each in content["populations"]] == [16.0, 32.0]
    assert content["projections"][0]["breakpoints"] == [[0.0, 1.0], [8.0, -1.0]]
    assert json.loads(Path("network.pynn/provenance.json").read_text(encoding="utf-8")) == {"seed": 3}


def test_winners_are_refused() -> None:
    layer = Population("output", (3,), Neurons("free"), winners=PopulationWinners())
    network = Network("w", IntensityEncoder((2, 2, 1)), (layer,), (Projection("stimulus", "output", Dense()),), 64.0)
    with pytest.raises(DataError, match=r"output has winners, which PyNN has not; export .* nir or sonata-network"):
        export(Model(network, _weights(network)), "network.pynn")
    assert not list(Path().iterdir())


def test_loops_are_refused_that_no_synapse_can_represent() -> None:
    network = _loop("staggered", onset=20.0)
    with pytest.raises(DataError, match=r"i gets input of a loop before its onset \(20 ms\), .* as nir$"):
        export(Model(network, _weights(network)), "network.pynn")
    late = replace(_loop(), projections=(*_loop().projections[1:], Projection("stimulus", "e", Dense(), delay=2.0)))
    with pytest.raises(DataError, match=r"stimulus_to_e has effects until 18 ms, after the gate \(16 ms\)"):
        export(Model(late, _weights(late)), "network.pynn")
    assert not list(Path().iterdir())


def test_another_folder_is_not_replaced() -> None:
    Path("mine.pynn").mkdir()
    with pytest.raises(RunError, match="another folder, not a PyNN program"):
        netsim.export("digits", "mine.pynn")


def test_the_program_reads_silent_presentations() -> None:
    """Tables of netsim mark them by a row with the latency inf."""
    network = _in_turn("phased")
    generator = np.random.default_rng(0)
    latencies = generator.uniform(0.0, 16.0, (3, *network.encoder.shape))
    latencies[1] = np.inf
    layer = LayerSpikes.of_latencies("stimulus", latencies, (0.0, 16.0))
    export(Spikes.of_layers([layer]), "stimuli.csv")
    export(Model(network, _weights(network)), "network.pynn")
    read = runpy.run_path("network.pynn/run.py")["read_stimuli"]("stimuli.csv")
    assert [len(stimulus) for stimulus in read.values()] == [20, 0, 20]
    assert read["2"] == dict(enumerate(latencies[2].ravel().tolist()))


def test_each_time_of_a_grid_is_a_whole_step_in_nest() -> None:
    """NEST counts thousandths of ms and rounds times up. START * dt + latency was a step late at 11 of 120 times."""
    late = sum(math.ceil((0.2 + k * 0.1) * 1000) > 100 * (k + 2) for k in range(120))
    assert late > 0
    for latency, steps in [(k * 0.1, k) for k in range(120)] + [(0.1 + 0.2, 3)]:
        assert math.ceil(_pynn_program.fire_at(latency, 0.1, True) * 1000) == 100 * (steps + 2)
    assert _pynn_program.fire_at(0.123, 0.1, False) == 0.2 + 0.123


def test_the_program_tells_how_far_it_rounds_delays(capsys: pytest.CaptureFixture[str]) -> None:
    steps = _pynn_program.in_steps(np.array([0.0, 0.3, 1.138, 2.25]), 0.1, "late")
    assert steps.tolist() == [0, 3, 11, 23]
    printed = "late: 2 of 4 delays rounded to steps of 0.1 ms, by up to 0.05 ms; choose a smaller --dt\n"
    assert capsys.readouterr().err == printed
    _pynn_program.in_steps(np.arange(120) * 0.1, 0.1, "late")
    assert not capsys.readouterr().err


def test_synapses_end_at_the_gate_itself() -> None:
    row = {"name": "cells", "onset": 3.0, "gate": 3.0, "tau": 7.0, "drive": 1.5, "threshold": 2.0, "end": 9.0}
    network = {"populations": [row], "projections": [], "duration": 9.0}
    changes = _pynn_program.switches(network, {"cells.bias": np.array([0.25])}, 0.1, on_grid=True)
    currents = {time: (each["i_offset"].tolist(), each["cm"]) for time, _, each in changes if "cm" in each}
    assert currents == {0.0: ([0.25], 7.0), 3.0: ([1.5e9], 7e9)}
    assert [(time, each["v_thresh"]) for time, _, each in changes if "v_thresh" in each] == [(2.9, 2.0)]
