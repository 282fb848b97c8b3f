"""The programs of docs/howto/nir.md, with each simulator that is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "nir.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SIMULATORS = ["norse", "sinabs", "snntorch", "spikingjelly", "spyx"]

torch = pytest.importorskip("torch", reason="the simulators run in torch, of the extra 'bench'")
pytest.importorskip("nir", reason="graphs of NIR need nir, of the extra 'exchange'")


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the first two programs define."""
    names: dict[str, Any] = {}
    exec(PROGRAMS[0], names)
    exec(PROGRAMS[1], names)
    return names


def _agrees(page: dict[str, Any], simulator: str, model: netsim.Model, stimuli: np.ndarray, dt: float) -> None:
    """All neurons of the simulator fire at the same steps as netsim's."""
    pytest.importorskip(simulator, reason=f"{simulator} is not installed")
    netsim.export(model, "network.nir")
    with torch.no_grad():
        result = page["first_spikes"]("network.nir", np.moveaxis(stimuli, -1, 1), page[f"in_{simulator}"], dt)
    expected = netsim.make_engine("event", model.network, dt=dt).present(netsim.Batch(stimuli, model.weights))
    fired = 0
    for population in model.network.populations:
        if population.integrates:
            ours = expected[population.name]
            theirs = result[f"{population.name}_neurons"].numpy()
            np.testing.assert_allclose(np.moveaxis(theirs, 1, -1) if theirs.ndim == 4 else theirs, ours)
            fired += int(np.isfinite(ours).sum())
    assert fired > 0


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_preset_fires_the_same_spikes(page: dict[str, Any], simulator: str) -> None:
    model = netsim.load_model("digits")
    stimuli = netsim.load_splits(model.network).test.latencies(np.arange(100))
    _agrees(page, simulator, model, stimuli, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(("preset", "dt"), [("mlp-mnist", 1.0), ("rcsnn-mnist", 1.0), ("rcsnn-mnist-free", 0.25)])
def test_a_trained_preset_fires_the_same_spikes(
    page: dict[str, Any], simulator: str, preset: str, dt: float, idx_data: Path
) -> None:
    """Up to the output, so that all decisions are the same; test images, as many as memory has room for at once."""
    model = netsim.load_model(preset)
    test = netsim.load_splits(model.network).test
    for first in range(0, 100, 20):
        _agrees(page, simulator, model, test.latencies(np.arange(first, first + 20)), dt)


@pytest.mark.nightly
@pytest.mark.parametrize("preset", netsim.preset_names())
def test_every_preset_fires_the_same_spikes_or_is_refused(page: dict[str, Any], preset: str) -> None:
    """One stimulus of random latencies, because some data sets must be downloaded."""
    model, generator = netsim.load_model(preset), np.random.default_rng(0)
    encoder = model.network.encoder
    stimuli = generator.uniform(0, encoder.t_max, (1, *encoder.shape)).round()
    stimuli[generator.random(stimuli.shape) < 0.7] = np.inf
    if not preset.startswith("leaky"):
        _agrees(page, "snntorch", model, stimuli, 1.0)
        return
    netsim.export(model, "network.nir")
    with pytest.raises(ValueError, match=r"^hidden_neurons: leaky neurons are not supported by this program"):
        page["first_spikes"]("network.nir", np.moveaxis(stimuli, -1, 1), page["in_snntorch"], 1.0)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("regime", ["free", "staggered"])
def test_convolution_pooling_and_psps_on_a_fine_grid(page: dict[str, Any], simulator: str, regime: str) -> None:
    limits: dict[str, Any] = {} if regime == "free" else {"onset": 5.0, "drive": 0.5, "end": 30.0}
    neurons = netsim.Neurons(regime, 0.5, 8.0, bias=True, **limits)
    network = netsim.Network.chain(
        "small",
        netsim.IntensityEncoder((6, 5, 2), t_max=10.0),
        [
            netsim.Layer("conv", netsim.Convolution(3, 3, padding=1), neurons, netsim.PSP("plateau", rise=4.0)),
            netsim.Layer("pool", netsim.Pooling(2)),
            netsim.Layer("output", netsim.Dense(4), neurons, netsim.PSP("triangle", rise=3.0, fall=6.0)),
        ],
        duration=40.0,
    )
    generator = np.random.default_rng(0)
    weights = {
        name: generator.normal(0.3, 0.5, array.shape) for name, array in netsim.initial_weights(network, 0).items()
    }
    stimuli = generator.uniform(0, 10, (5, 6, 5, 2)).round(1)
    _agrees(page, simulator, netsim.Model(network, weights), stimuli, 0.25)


def _loop(regime: str) -> netsim.Network:
    """Two populations that excite each other, with delays of axons and synapses."""
    limits: dict[str, Any] = {} if regime == "free" else {"onset": 16.0, "drive": 1.0, "end": 40.0}
    later: dict[str, Any] = {} if regime == "free" else {"onset": 40.0, "drive": 1.0}
    within = netsim.Neurons(regime, threshold=0.8, tau=16.0, bias=True, **limits)
    after = netsim.Neurons(regime, threshold=1.0, tau=16.0, bias=True, **later)
    dense = netsim.Dense()
    return netsim.Network(
        "loop",
        netsim.IntensityEncoder((4, 5, 1), t_max=16.0),
        (
            netsim.Population("e", (12,), within),
            netsim.Population("i", (4,), within),
            netsim.Population("output", (3,), after),
        ),
        (
            netsim.Projection("stimulus", "e", dense),
            netsim.Projection("stimulus", "i", dense, netsim.PSP("triangle", rise=4.0, fall=8.0)),
            netsim.Projection("i", "e", dense, delay=2.0),
            netsim.Projection("e", "i", dense, delay=netsim.Delays("synapse", mean=3.0, spread=1.0)),
            netsim.Projection("e", "output", dense, delay=netsim.Delays("axon", mean=3.0, spread=1.0)),
            netsim.Projection("i", "output", dense),
        ),
        duration=64.0,
    )


def _with_winners(winners: netsim.Winners, regime: str) -> netsim.Network:
    within: dict[str, Any] = {} if regime == "free" else {"onset": 10.0, "drive": 0.5, "end": 30.0}
    after: dict[str, Any] = {} if regime == "free" else {"onset": 30.0, "drive": 0.5}
    first = netsim.Neurons(regime, 0.4, 8.0, bias=True, **within)
    last = netsim.Neurons(regime, 0.5, 8.0, **after)
    layers = (
        netsim.Layer("conv", netsim.Convolution(3, 3, padding=1), first, winners=winners),
        netsim.Layer("pool", netsim.Pooling(2)),
        netsim.Layer("output", netsim.Dense(4), last, winners=netsim.PopulationWinners(2)),
    )
    return netsim.Network.chain("winners", netsim.IntensityEncoder((4, 4, 2), t_max=10.0), layers, 50.0)


COMPETING = {
    "loop-free": _loop("free"),
    "loop-phased": _loop("phased"),
    "population": _with_winners(netsim.PopulationWinners(5), "free"),
    "map": _with_winners(netsim.MapWinners(3), "free"),
    "position": _with_winners(netsim.PositionWinners(), "phased"),
    "neighbourhood": _with_winners(netsim.NeighbourhoodWinners(), "free"),
}


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", COMPETING)
def test_loops_delays_and_winners(page: dict[str, Any], simulator: str, name: str) -> None:
    network, generator = COMPETING[name], np.random.default_rng(0)
    weights = {
        key: generator.normal(0.2, 0.3, array.shape).round(3) if ".delay" not in key else array.round(1)
        for key, array in netsim.initial_weights(network, 0).items()
    }
    # equal latencies, so that potentials compete within a step
    stimuli = generator.uniform(0, 10, (2, *network.encoder.shape)).round()
    _agrees(page, simulator, netsim.Model(network, weights), stimuli, 0.5)


@pytest.mark.parametrize("delayed", [True, False])
def test_several_delayed_synapses_of_two_neurons_are_refused(page: dict[str, Any], delayed: bool) -> None:
    """Without delays of synapses, a matrix sums them exactly."""
    Path("edges.csv").write_text("pre,post,weight\n0,0,0.4\n0,0,0.5\n1,1,0.9\n", encoding="utf-8")
    neurons, edges = netsim.Neurons("free", threshold=0.5, tau=8.0), netsim.EdgeList(2, "edges.csv")
    projection = netsim.Projection(
        "stimulus", "output", edges, delay=netsim.Delays("synapse", mean=3.0, spread=1.0) if delayed else 3.0
    )
    population, encoder = netsim.Population("output", (2,), neurons), netsim.IntensityEncoder((2, 1, 1), 10.0)
    network = netsim.Network("twice", encoder, (population,), (projection,), 40.0)
    model, stimuli = netsim.Model(network, netsim.initial_weights(network, 0)), np.array([[[[1.0]], [[3.0]]]])
    if not delayed:
        _agrees(page, "snntorch", model, stimuli, 0.5)
        return
    netsim.export(model, "network.nir")
    with pytest.raises(ValueError, match=r"^output_synapses: several delayed synapses join the same two neurons"):
        page["first_spikes"]("network.nir", np.moveaxis(stimuli, -1, 1), lambda _: None, 0.5)


def test_the_program_of_the_end(page: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("snntorch", reason="snntorch is not installed")
    for program in PROGRAMS[2:]:
        exec(program, page)
    assert capsys.readouterr().out == "the same latencies: True\n"


@pytest.mark.parametrize("simulator", ["norse", "sinabs", "snntorch"])
def test_simulators_decide_leaky_networks_as_netsim_does(simulator: str, tmp_path: Path) -> None:
    """Latencies are those of steps of 0.2 ms, so that few decisions between close outputs differ."""
    pytest.importorskip(simulator, reason=f"{simulator} is not installed")
    names: dict[str, Any] = {}
    for program in PROGRAMS:
        if "import nir\n" in program or "def leaky_first_spikes" in program:
            exec(program, names)
    model = netsim.load_model("leaky-yin-yang")
    netsim.export(model, tmp_path / "leaky.nir")
    stimuli = netsim.load_splits(model.network).test.latencies(np.arange(100))
    exact = netsim.make_engine("event", model.network).present(netsim.Batch(stimuli, model.weights))
    arguments = (tmp_path / "leaky.nir", stimuli.reshape(100, -1), names[f"leaky_in_{simulator}"], 0.2)
    with torch.no_grad():
        result = {name: times.numpy() for name, times in names["leaky_first_spikes"](*arguments).items()}
    output = result["output_neurons"]
    assert (output.argmin(axis=1) == exact["output"].argmin(axis=1)).mean() > 0.95
    hidden = result["hidden_neurons"]
    both = np.isfinite(hidden) & np.isfinite(exact["hidden"])
    assert both.mean() > 0.2
    assert np.median(np.abs(hidden - exact["hidden"])[both]) < 0.2
