"""What tools read of netsim's files: all that the table of tools of the page on exchange says, of those installed.

Those that no extra has: pip install viziphant pynapple spikeinterface polars duckdb bmtk nest-simulator pypandoc_binary
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.version import Version

import netsim
from netsim.spikes import Spikes

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = 10
"""Stimuli that are presented."""


class Files:
    """Files of a simulation, made in the current folder as they are asked for."""

    def __init__(self) -> None:
        self.model = netsim.load_model("digits")
        self.stimuli = netsim.load_splits(self.model.network).test.first(SHOWN)
        engine = netsim.make_engine("event", self.model.network)
        self.simulation = netsim.present(self.model, self.stimuli, engine=engine)

    def spikes(self, to: str, name: str) -> str:
        netsim.export(self.simulation, name, to)
        return name

    def network(self, to: str, name: str) -> str:
        netsim.export(self.model, name, to)
        return name

    @property
    def times(self) -> np.ndarray:
        """Latencies (ms) of all spikes, in their order."""
        times = np.concatenate([latencies.ravel() for latencies in self.simulation.values()])
        return np.sort(times[np.isfinite(times)])

    def assert_same(self, trains: Any, tolerance: float = 1e-9) -> None:
        """Trains (ms) are those of the session: one presentation after the other, of all neurons."""
        expected = session(self.simulation)
        assert len(trains) == len(expected)
        for train, times in zip(trains, expected, strict=True):
            np.testing.assert_allclose(np.asarray(train), times, rtol=0, atol=tolerance)


def session(simulation: Spikes) -> list[np.ndarray]:
    starts = np.arange(SHOWN)[:, np.newaxis] * simulation.network.duration
    times = np.concatenate([layer.reshape(SHOWN, -1) for layer in simulation.values()], axis=1) + starts
    return [train[np.isfinite(train)] for train in times.T]


@pytest.fixture(scope="module")
def files() -> Files:
    return Files()


def needs(*packages: str) -> Any:
    """The first of some modules; the test is skipped if one is not installed."""
    first, *_ = map(pytest.importorskip, packages)
    return first


def test_the_page_has_the_tools() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [\d., ]+ \| ", (DOCS / "howto" / "exchange.md").read_text("utf-8"), re.MULTILINE)
    named = {name.split(",")[0].split(" of ")[0].lower() for name in rows}
    tests = [name.removeprefix("test_").removesuffix("_reads") for name in globals() if name.endswith("_reads")]
    others = {"pandas", "polars", "duckdb", *(module.split(".")[0] for module in LOADERS)}
    assert named == {name.split("_and_")[0] for name in tests} | others


def test_pynwb_reads(files: Files) -> None:
    pynwb = needs("pynwb")
    name = files.spikes("nwb", "pynwb.nwb")
    assert pynwb.validate(path=name) == []
    with pynwb.NWBHDF5IO(name, "r") as stream:
        files.assert_same([1000 * train for train in stream.read().units.to_dataframe()["spike_times"]])


def test_nwbinspector_reads(files: Files) -> None:
    nwbinspector = needs("nwbinspector", "pynwb")
    result = nwbinspector.inspect_nwbfile(nwbfile_path=files.spikes("nwb", "inspected.nwb"))
    suggestion = nwbinspector.Importance.BEST_PRACTICE_SUGGESTION
    assert all(message.importance.value <= suggestion.value for message in result)


def test_pynapple_reads(files: Files) -> None:
    data = needs("pynapple", "pynwb").load_file(files.spikes("nwb", "pynapple.nwb"))
    files.assert_same([1000 * train.index.values for train in data["units"].values()])
    assert len(data["trials"]) == SHOWN
    assert {"layer", "map", "y", "x", "neuron"} <= set(data["units"].metadata_columns)


def test_spikeinterface_reads(files: Files) -> None:
    extractors = needs("spikeinterface.extractors", "pynwb")
    sorting = extractors.read_nwb_sorting(files.spikes("nwb", "si.nwb"), sampling_frequency=1e6, t_start=0.0)
    files.assert_same([sorting.get_unit_spike_train(unit) / 1000 for unit in sorting.unit_ids], 1e-3)


def test_neo_reads(files: Files) -> None:
    neo = needs("neo", "pynwb")
    from neo.utils import cut_segment_by_epoch

    (block,) = neo.io.NWBIO(files.spikes("nwb", "neo.nwb"), "r").read_all_blocks()
    files.assert_same([train.rescale("ms").magnitude for train in block.segments[0].spiketrains])
    (whole,) = neo.io.NeoMatlabIO(files.spikes("neo", "neo.mat")).read_block().segments
    files.assert_same([train.magnitude for train in whole.spiketrains])
    cut = cut_segment_by_epoch(whole, whole.epochs[0][:2], reset_time=True)
    second = np.concatenate([layer[1].ravel() for layer in files.simulation.values()])
    assert [train.size for train in cut[1].spiketrains] == np.isfinite(second).astype(int).tolist()


def test_elephant_reads(files: Files) -> None:
    statistics, neo = needs("elephant.statistics"), needs("neo")
    (whole,) = neo.io.NeoMatlabIO(files.spikes("neo", "elephant.mat")).read_block().segments
    rates = [float(statistics.mean_firing_rate(train).rescale("Hz")) for train in whole.spiketrains]
    duration = SHOWN * files.simulation.network.duration / 1000
    np.testing.assert_allclose(rates, [len(train) / duration for train in session(files.simulation)])


def test_viziphant_reads(files: Files) -> None:
    rasterplot = needs("viziphant.rasterplot", "neo")
    from netsim.exchange.spikes.neo import to_block

    axes = rasterplot.rasterplot(list(to_block(files.simulation, ["hidden"]).segments[0].spiketrains))
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    assert drawn == np.isfinite(files.simulation["hidden"][0]).sum()


def test_libsonata_reads(files: Files) -> None:
    libsonata = needs("libsonata")
    spikes = libsonata.SpikeReader(files.spikes("sonata", "libsonata.h5"))
    assert sum(len(spikes[name].get()) for name in spikes.get_population_names()) == len(files.times)
    folder = files.network("sonata-network", "libsonata.sonata")
    edges = libsonata.CircuitConfig.from_file(f"{folder}/circuit_config.json").edge_population("output")
    weights = edges.get_attribute("syn_weight", edges.select_all()).reshape(-1, 10)
    np.testing.assert_array_equal(weights, files.model.weights["output.kernel"])


def test_bmtk_and_nest_reads(files: Files) -> None:
    """A phased network is accepted; a free one with ramps fires the same first spikes in NEST."""
    needs("bmtk", "nest")
    _run_in_bmtk(files.network("sonata-network", "phased.sonata"))
    neurons = netsim.Neurons("free", threshold=1.0, tau=16.0, bias=True)
    layers = (netsim.Layer("hidden", netsim.Dense(30), neurons), netsim.Layer("output", netsim.Dense(10), neurons))
    free = netsim.Network.chain("free", netsim.IntensityEncoder((8, 8, 1), 16.0), layers, 64.0)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0.1, 0.2, w.shape) for name, w in netsim.initial_weights(free, 0).items()}
    times = generator.uniform(0.1, 16, 64).round(1).tolist()
    rows = [f"0,{neuron},{time!r}" for neuron, time in enumerate(times)]
    Path("stimulus.csv").write_text("\n".join(["presentation,neuron,latency_ms", *rows]) + "\n")
    shown = netsim.read_stimuli("stimulus.csv", (8, 8, 1)).stimuli(free.encoder)
    model, engine = netsim.Model(free, weights), netsim.make_engine("event", free, dt=0.1)
    simulation = netsim.present(model, shown, index=[0], engine=engine)
    netsim.export(model, "free.sonata", "sonata-network")
    netsim.export(simulation, "free.sonata/stimulus.h5", "sonata", populations=["stimulus"])
    result = _run_in_bmtk("free.sonata")
    for name in ("hidden", "output"):
        latencies = simulation[name]
        fired = np.flatnonzero(np.isfinite(latencies[0]))
        assert sorted(result[name]) == fired.tolist()
        assert all(abs(result[name][neuron] - latencies[0, neuron]) < 0.35 for neuron in fired.tolist())


def _run_in_bmtk(folder: str) -> dict[str, dict[int, float]]:
    """First spikes (ms) by population and node, from a process of its own."""
    import h5py

    program = (
        "from bmtk.simulator import pointnet as p; c = p.Config.from_json('simulation_config.json', validate=True);"
        " c.build_env(force=True); n = p.PointNetwork.from_config(c); p.PointSimulator.from_config(c, n).run()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    with h5py.File(f"{folder}/output/spikes.h5") as file:
        groups = {name: group for name, group in file["spikes"].items() if "node_ids" in group}
        return {
            name: dict(zip(group["node_ids"][:], group["timestamps"][:], strict=True)) for name, group in groups.items()
        }


def _by_pandas(name: str) -> Any:
    import pandas as pd

    if name.endswith(".parquet"):
        return pd.read_parquet(name)["latency_ms"]
    exact: Any = {} if Version(pd.__version__) >= Version("3.1") else {"float_precision": "round_trip"}
    return pd.read_csv(name, **exact)["latency_ms"]


def _by_polars(name: str) -> Any:
    polars = needs("polars")
    return (polars.read_parquet if name.endswith(".parquet") else polars.read_csv)(name)["latency_ms"]


def _by_duckdb(name: str) -> Any:
    return needs("duckdb").sql(f"select latency_ms from '{name}'").fetchnumpy()["latency_ms"]


@pytest.mark.parametrize("read", [_by_pandas, _by_polars, _by_duckdb])
@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_tables(read: Callable[[str], Any], to: str, files: Files) -> None:
    needs("pyarrow")
    np.testing.assert_array_equal(np.sort(np.asarray(read(files.spikes(to, f"t.{to}")))), files.times)


def test_nir_reads(files: Files) -> None:
    nir = needs("nir")
    events = nir.read_data(files.spikes("nirdata", "n.nird")).nodes["hidden_neurons"].observables["spikes"]
    ours = files.simulation["hidden"]
    np.testing.assert_allclose(np.sort(1000 * events.time[events.idx != -1]), np.sort(ours[np.isfinite(ours)]))
    graph = nir.read(files.network("nir", "n.nir"), type_check=True)
    np.testing.assert_array_equal(graph.nodes["output_synapses"].weight.T, files.model.weights["output.kernel"])
    assert netsim.import_network("n.nir").network == files.model.network


LOADERS: dict[str, Callable[[Any, Any], Any]] = {
    "norse.torch": lambda module, graph: module.from_nir(graph),
    "sinabs.nir": lambda module, graph: module.from_nir(graph, batch_size=1),
    "snntorch.import_nir": lambda module, graph: module.import_from_nir(graph),
    "spikingjelly.activation_based.nir_exchange": lambda module, graph: module.import_from_nir(graph, dt=1.0),
}


@pytest.mark.parametrize("module", LOADERS)
def test_simulators(module: str, files: Files) -> None:
    """They load the graph; with the program of the page on NIR all latencies on a time grid are the same."""
    torch, nir, name = needs("torch"), needs("nir"), module.split(".")[0]
    path = files.network("nir", f"{name}.nir")
    LOADERS[module](needs(module), nir.read(path))
    page: dict[str, Any] = {}
    for program in re.findall(r"```python\n(.*?)```", (DOCS / "howto" / "nir.md").read_text("utf-8"), re.DOTALL)[:2]:
        exec(program, page)
    stimuli = files.stimuli.latencies(np.arange(SHOWN))
    engine = netsim.make_engine("event", files.model.network, dt=1.0)
    expected = engine.present(netsim.Batch(stimuli, files.model.weights))
    with torch.no_grad():
        result = page["first_spikes"](path, np.moveaxis(stimuli, -1, 1), page[f"in_{name}"])
    for population in ("hidden", "output"):
        np.testing.assert_array_equal(result[f"{population}_neurons"].numpy(), expected[population])


def test_tonic_reads(files: Files) -> None:
    transforms = importlib.import_module("tonic.transforms")
    view = netsim.EventView(files.stimuli, transforms.Compose([transforms.DropEvent(p=0.0)]))
    encoder = netsim.EventEncoder((8, 8, 1), t_max=16.001, polarity="merged")
    back, expected = (
        stimuli.latencies(np.arange(SHOWN)) for stimuli in (netsim.event_stimuli(view, encoder), files.stimuli)
    )
    np.testing.assert_allclose(back, expected, rtol=0, atol=5e-4 + 1e-9)


def test_pandoc_reads(files: Files) -> None:
    pypandoc = needs("pypandoc")
    text = netsim.to_markdown(netsim.describe(files.model.network))
    Path("methods.md").write_text(text, encoding="utf-8")
    command = [pypandoc.get_pandoc_path(), "methods.md", "-o", "methods.docx"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
