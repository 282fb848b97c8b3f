"""The table of tools of the page on exchange: each tool does what its row says, and runs the programs of the pages.

A test has the name of its tool and the verdict of the row. It is skipped without the tool. `python scripts/matrix.py`
installs each tool in its newest version, runs its test and updates the table.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.version import Version
from typer.testing import CliRunner

import netsim
from netsim.cli import app
from netsim.seams import network_formats, spike_formats
from netsim.spikes import Spikes

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
SHOWN = 10
"""Stimuli that are presented."""
DT = 0.1


def follow(page: str, *headings: str, without: str | None = None) -> dict[str, Any]:
    """Run commands and programs of sections of a page, as they stand. Return the names that the programs define.

    Commands of pip are left out, and programs that contain `without`.
    """
    names: dict[str, Any] = {}
    text = (HOWTO / f"{page}.md").read_text("utf-8")
    for heading in headings:
        (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL)
        for language, block in re.findall(r"```(console|python)\n(.*?)```", section, re.DOTALL):
            if language == "console":
                for command in re.findall(r"^\$ (?!pip )(.*)$", block, re.MULTILINE):
                    _command(command)
            elif without is None or without not in block:
                exec(block, names)
    return names


def _command(command: str) -> None:
    if command.startswith("netsim "):
        done = CliRunner().invoke(app, command.split()[1:])
        assert done.exit_code == 0, (command, done.output, done.exception)
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(["bash", "-c", command], env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-1000:]


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
    first, *_ = (pytest.importorskip(package, reason=f"{package} is not installed") for package in packages)
    return first


VERDICTS = ("works", "partly", "refused", "not installable")


def test_each_row_has_a_test_of_its_verdict() -> None:
    text = (HOWTO / "exchange.md").read_text("utf-8")
    rows = re.findall(rf"^\| (\w+)[^|]*\| `[^|]+` \| [^|]+ \| ({'|'.join(VERDICTS)}) \|", text, re.MULTILINE)
    tests = [name for name in globals() if name.endswith(tuple(each.replace(" ", "_") for each in VERDICTS))]
    assert sorted(f"test_{tool.lower()}_{verdict.replace(' ', '_')}" for tool, verdict in rows) == sorted(tests)


def test_every_format_has_a_row_and_a_command() -> None:
    text = (HOWTO / "exchange.md").read_text("utf-8")
    for to, known in spike_formats.items():
        assert f"| `{to}` | {', '.join(f'`{suffix}`' for suffix in known.suffixes)} |" in text
    for to in [*spike_formats, *network_formats]:
        assert f"--to {to} " in text


def test_sections_on_files_of_other_tools_run() -> None:
    needs("pynwb"), needs("nir")
    follow("exchange", "Stimuli from files", "NIRData")
    assert {"own.csv", "own.nwb", "spikes.nird"} <= {path.name for path in Path().iterdir()}


def test_pynwb_works(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    pynwb = needs("pynwb")
    names = follow("exchange", "Exchange", "NWB")
    expected = netsim.present("digits", index=[3, 7])
    printed = dict(re.findall(r"^output (\d): ([\d.]+) ms$", capsys.readouterr().out, re.MULTILINE))
    assert {int(neuron): float(time) for neuron, time in printed.items()} == pytest.approx(
        {neuron: time for neuron, time in enumerate(expected["output"][1]) if np.isfinite(time)}, abs=5e-4
    )
    assert names["trials"]["presentation"].tolist() == [3, 7]
    name = files.spikes("nwb", "pynwb.nwb")
    assert pynwb.validate(path=name) == []
    with pynwb.NWBHDF5IO(name, "r") as stream:
        files.assert_same([1000 * train for train in stream.read().units.to_dataframe()["spike_times"]])


def test_nwbinspector_works(files: Files) -> None:
    nwbinspector = needs("nwbinspector", "pynwb")
    result = nwbinspector.inspect_nwbfile(nwbfile_path=files.spikes("nwb", "inspected.nwb"))
    suggestion = nwbinspector.Importance.BEST_PRACTICE_SUGGESTION
    assert all(message.importance.value <= suggestion.value for message in result)


def test_pynapple_works(files: Files) -> None:
    data = needs("pynapple", "pynwb").load_file(files.spikes("nwb", "pynapple.nwb"))
    files.assert_same([1000 * train.index.values for train in data["units"].values()])
    assert len(data["trials"]) == SHOWN
    assert {"layer", "map", "y", "x", "neuron"} <= set(data["units"].metadata_columns)


def test_spikeinterface_works(files: Files) -> None:
    extractors = needs("spikeinterface.extractors", "pynwb")
    sorting = extractors.read_nwb_sorting(files.spikes("nwb", "si.nwb"), sampling_frequency=1e6, t_start=0.0)
    files.assert_same([sorting.get_unit_spike_train(unit) / 1000 for unit in sorting.unit_ids], 1e-3)


def test_neo_works(files: Files) -> None:
    neo = needs("neo", "pynwb")
    from neo.utils import cut_segment_by_epoch

    (block,) = neo.io.NWBIO(files.spikes("nwb", "neo.nwb"), "r").read_all_blocks()
    files.assert_same([train.rescale("ms").magnitude for train in block.segments[0].spiketrains])
    (whole,) = neo.io.NeoMatlabIO(files.spikes("neo", "neo.mat")).read_block().segments
    files.assert_same([train.magnitude for train in whole.spiketrains])
    cut = cut_segment_by_epoch(whole, whole.epochs[0][:2], reset_time=True)
    second = np.concatenate([layer[1].ravel() for layer in files.simulation.values()])
    assert [train.size for train in cut[1].spiketrains] == np.isfinite(second).astype(int).tolist()


def test_elephant_works(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    statistics, neo = needs("elephant.statistics"), needs("neo")
    follow("exchange", "Neo", without="viziphant")
    printed = re.findall(r"^label \d: ([\d.]+) Hz, peak \d+ spikes$", capsys.readouterr().out, re.MULTILINE)
    hidden = netsim.present("digits", limit=3)["hidden"]
    expected = np.isfinite(hidden).mean(axis=1) * 1000 / files.simulation.network.duration
    np.testing.assert_allclose(np.array(printed, float), expected, rtol=0, atol=0.01)
    (whole,) = neo.io.NeoMatlabIO(files.spikes("neo", "elephant.mat")).read_block().segments
    rates = [float(statistics.mean_firing_rate(train).rescale("Hz")) for train in whole.spiketrains]
    duration = SHOWN * files.simulation.network.duration / 1000
    np.testing.assert_allclose(rates, [len(train) / duration for train in session(files.simulation)])


def test_viziphant_works() -> None:
    needs("viziphant.rasterplot", "neo")
    axes = follow("exchange", "Neo")["axes"]
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    assert drawn == np.isfinite(netsim.present("digits", index=[2])["hidden"]).sum()
    assert Path("rasterplot.png").stat().st_size > 1000


def test_libsonata_works(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    libsonata = needs("libsonata")
    follow("exchange", "SONATA", "Networks: SONATA")
    out = capsys.readouterr().out
    output = netsim.present("digits", index=[7])["output"]
    assert len(re.findall(r"^output \d: \d+\.\d{3} ms$", out, re.MULTILINE)) == np.isfinite(output).sum()
    total = files.model.weights["output.kernel"][:, 3].sum()
    assert f"edges onto output 3: 200, from hidden\nsum of their weights: {total:.3f}\n" in out
    spikes = libsonata.SpikeReader(files.spikes("sonata", "libsonata.h5"))
    assert sum(len(spikes[name].get()) for name in spikes.get_population_names()) == len(files.times)
    folder = files.network("sonata-network", "libsonata.sonata")
    edges = libsonata.CircuitConfig.from_file(f"{folder}/circuit_config.json").edge_population("output")
    weights = edges.get_attribute("syn_weight", edges.select_all()).reshape(-1, 10)
    np.testing.assert_array_equal(weights, files.model.weights["output.kernel"])


def test_bmtk_partly() -> None:
    """It accepts the phased network of the page, and fires the spikes of a free one with a step for each delay of 0."""
    needs("bmtk", "nest")
    _alone("follow('exchange', 'Networks: SONATA', 'In bmtk and NEST')")
    neurons = netsim.Neurons("free", threshold=1.0, tau=16.0, bias=True)
    layers = (netsim.Layer("hidden", netsim.Dense(30), neurons), netsim.Layer("output", netsim.Dense(10), neurons))
    free = netsim.Network.chain("free", netsim.IntensityEncoder((8, 8, 1), 16.0), layers, 64.0)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0.1, 0.2, w.shape) for name, w in netsim.initial_weights(free, 0).items()}
    times = generator.uniform(0.1, 16, 64).round(1).tolist()
    rows = [f"0,{neuron},{time!r}" for neuron, time in enumerate(times)]
    Path("stimulus.csv").write_text("\n".join(["presentation,neuron,latency_ms", *rows]) + "\n", encoding="utf-8")
    shown = netsim.read_stimuli("stimulus.csv", (8, 8, 1)).stimuli(free.encoder)
    model, engine = netsim.Model(free, weights), netsim.make_engine("event", free, dt=DT)
    simulation = netsim.present(model, shown, index=[0], engine=engine)
    netsim.export(model, "digits.sonata", "sonata-network")
    netsim.export(simulation, "digits.sonata/stimulus.h5", "sonata", populations=["stimulus"])
    program = (HOWTO / "exchange.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(from contextlib import chdir\n.*?)```", program, re.DOTALL)
    _alone(f"exec({program!r})")
    import h5py

    with h5py.File("digits.sonata/output/spikes.h5") as file:
        for late, name in enumerate(("hidden", "output"), start=1):
            spikes = file["spikes"][name]
            theirs = np.full(free.population(name).size, np.inf)
            theirs[spikes["node_ids"][:]] = spikes["timestamps"][:]
            _assert_late(theirs, simulation[name][0], late + 1)  # rounding decides at the threshold


def _assert_late(theirs: np.ndarray, ours: np.ndarray, projections: int) -> None:
    """The same neurons fire, at most one step later for each projection."""
    np.testing.assert_array_equal(np.isfinite(theirs), np.isfinite(ours))
    late = (theirs - ours)[np.isfinite(ours)]
    assert late.size
    assert np.abs(late).max() <= projections * DT + 1e-6, late


def _alone(expression: str) -> None:
    """Evaluate in a process of its own, because NEST has one state for a process."""
    program = f"import runpy\nfollow = runpy.run_path({__file__!r})['follow']\n{expression}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]


def test_pynn_works() -> None:
    """The page's stimulus in NEST and Brian2, with identical first spikes."""
    needs("pyNN", "nest")
    import pandas as pd

    follow("exchange", "Networks: PyNN")
    Path("brian_preferences").write_text('codegen.target = "numpy"\n', encoding="utf-8")  # no compiler is needed
    _command(f"python digits.pynn/run.py brian2 stimulus.csv in_brian2.csv --dt {DT}")
    network = netsim.load_preset("digits")
    expected = netsim.present("digits", index=[3], engine=netsim.make_engine("event", network, dt=DT))
    for table in ("first_spikes.csv", "in_brian2.csv"):
        spikes = pd.read_csv(table)
        for name in ("hidden", "output"):
            rows = spikes[spikes["layer"] == name]
            theirs = np.full(network.population(name).size, np.inf)
            theirs[rows["neuron"]] = rows["latency_ms"]
            np.testing.assert_allclose(theirs, expected[name][0], rtol=0, atol=1e-6)


def _tables(files: Files, read: Callable[[str], Any]) -> None:
    needs("pyarrow")
    for to in ("csv", "parquet"):
        np.testing.assert_array_equal(np.sort(np.asarray(read(files.spikes(to, f"t.{to}")))), files.times)


def test_pandas_works(files: Files) -> None:
    import pandas as pd

    follow("exchange", "CSV and Parquet")
    exact: Any = {} if Version(pd.__version__) >= Version("3.1") else {"float_precision": "round_trip"}
    _tables(files, lambda name: (pd.read_parquet(name) if "parq" in name else pd.read_csv(name, **exact))["latency_ms"])


def test_polars_works(files: Files) -> None:
    polars = needs("polars")
    columns = json.loads(polars.read_parquet_metadata(files.spikes("parquet", "t.parquet"))["columns"])
    assert columns["latency_ms"]["unit"] == "ms"
    _tables(files, lambda name: (polars.read_parquet if "parq" in name else polars.read_csv)(name)["latency_ms"])


def test_duckdb_works(files: Files) -> None:
    duckdb = needs("duckdb")
    entries = f"parquet_kv_metadata('{files.spikes('parquet', 't.parquet')}')"
    ((text,),) = duckdb.sql(f"select decode(value) from {entries} where decode(key) = 'columns'").fetchall()
    assert json.loads(text)["latency_ms"]["unit"] == "ms"
    _tables(files, lambda name: duckdb.sql(f"select latency_ms from '{name}'").fetchnumpy()["latency_ms"])


def test_nir_works(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    nir = needs("nir")
    follow("exchange", "Networks: NIR", "Importing graphs of other tools")
    assert netsim.load_model("theirs").network.output.dynamics.tau == 1.0
    shown = re.findall(r"^hidden: .*$", capsys.readouterr().out, re.MULTILINE)
    assert shown == ["hidden: 200 neurons of threshold 32.0", "hidden: may fire from 16.0 ms to 48.0 ms"]
    events = nir.read_data(files.spikes("nirdata", "n.nird")).nodes["hidden_neurons"].observables["spikes"]
    ours = files.simulation["hidden"]
    np.testing.assert_allclose(np.sort(1000 * events.time[events.idx != -1]), np.sort(ours[np.isfinite(ours)]))
    graph = nir.read(files.network("nir", "n.nir"), type_check=True)
    np.testing.assert_array_equal(graph.nodes["output_synapses"].weight.T, files.model.weights["output.kernel"])
    assert netsim.import_network("n.nir").network == files.model.network


def _simulator(files: Files, module: str, load: Callable[[Any, Any], Any]) -> None:
    """It loads the graph; with the program of the page on NIR all latencies on a time grid are the same."""
    torch, nir, name = needs("torch"), needs("nir"), module.split(".")[0]
    path = files.network("nir", f"{name}.nir")
    load(needs(module), nir.read(path))
    page: dict[str, Any] = {}
    for program in re.findall(r"```python\n(.*?)```", (HOWTO / "nir.md").read_text("utf-8"), re.DOTALL)[:2]:
        exec(program, page)
    stimuli = files.stimuli.latencies(np.arange(SHOWN))
    engine = netsim.make_engine("event", files.model.network, dt=1.0)
    expected = engine.present(netsim.Batch(stimuli, files.model.weights))
    with torch.no_grad():
        result = page["first_spikes"](path, np.moveaxis(stimuli, -1, 1), page[f"in_{name}"])
    for population in ("hidden", "output"):
        np.testing.assert_array_equal(result[f"{population}_neurons"].numpy(), expected[population])


def _leaky() -> tuple[netsim.Model, Any]:
    """A leaky network of one layer without bias, and its graph."""
    neurons = netsim.Neurons(threshold=0.3, tau=10.0, family="leaky", tau_syn=4.0)
    layer = netsim.Layer("output", netsim.Dense(6), neurons)
    network = netsim.Network.chain("leaky", netsim.IntensityEncoder((3, 3, 1), 20.0), [layer], 60.0)
    generator = np.random.default_rng(1)
    weights = {"output.kernel": generator.uniform(0.2, 0.6, (9, 6))}
    model = netsim.Model(network, weights)
    netsim.export(model, "leaky.nir")
    return model, needs("nir").read("leaky.nir")


def test_norse_works(files: Files) -> None:
    """Leaky neurons without bias in one layer, too: impulses of area 1, in steps of 0.1 ms."""
    _simulator(files, "norse.torch", lambda norse, graph: norse.from_nir(graph))
    import norse
    import torch

    model, graph = _leaky()
    stimulus = np.random.default_rng(1).uniform(0, 20, (1, 3, 3, 1)).round()
    expected = netsim.make_engine("event", model.network).present(netsim.Batch(stimulus, model.weights))["output"][0]
    neurons, state = norse.torch.from_nir(graph, dt=DT / 1000), None
    actual = np.full(6, np.inf)
    with torch.no_grad():
        for step in range(round(60 / DT)):
            impulses = 1000 / DT * (np.rint(stimulus / DT) == step)
            spikes, state = neurons(torch.as_tensor(np.moveaxis(impulses, -1, 1)[0], dtype=torch.float32), state)
            actual[(spikes.numpy().ravel() > 0) & np.isinf(actual)] = step * DT
    assert np.isfinite(expected).sum() > 2
    np.testing.assert_allclose(actual, expected, rtol=0, atol=3 * DT)


def test_sinabs_partly(files: Files) -> None:
    """Its neurons run the program, but it loads no graph with the nir that netsim needs."""

    def refuses(sinabs: Any, graph: Any) -> None:
        with pytest.raises(AttributeError, match="Identity"):
            sinabs.from_nir(graph, batch_size=1)

    _simulator(files, "sinabs.nir", refuses)


def test_snntorch_works(files: Files) -> None:
    """It refuses leaky neurons."""
    _simulator(files, "snntorch.import_nir", lambda snntorch, graph: snntorch.import_from_nir(graph))
    from snntorch.import_nir import import_from_nir

    with pytest.raises(AssertionError, match="r not supported in CubaLIF"):
        import_from_nir(_leaky()[1])


def test_spikingjelly_works(files: Files) -> None:
    """It refuses leaky neurons."""
    module = "spikingjelly.activation_based.nir_exchange"
    _simulator(files, module, lambda jelly, graph: jelly.import_from_nir(graph, dt=1.0))
    with pytest.raises(ValueError, match="r must equal tau_mem / dt"):
        importlib.import_module(module).import_from_nir(_leaky()[1], dt=1e-3)


def test_spyx_works(files: Files) -> None:
    _simulator(files, "spyx.nir", lambda spyx, graph: spyx.from_nir(graph, np.zeros((1, 1, 8, 8, 1), np.float32)))


def test_neurobench_partly(files: Files) -> None:
    """Static metrics of a graph that snnTorch loads."""
    static, models = needs("neurobench.metrics.static", "snntorch", "nirtorch"), needs("neurobench.models")
    from snntorch.import_nir import import_from_nir

    nir = needs("nir")
    model = models.SNNTorchModel(import_from_nir(nir.read(files.network("nir", "neurobench.nir"))))
    assert static.ParameterCount()(model) == sum(weights.size for weights in files.model.weights.values())
    assert static.ConnectionSparsity()(model) == 0


def test_rockpool_refused(files: Files) -> None:
    rockpool, nir = needs("rockpool.nn.modules.torch.nir"), needs("nir")
    with pytest.raises(NotImplementedError, match=r"Cannot convert .*Flatten"):
        rockpool.from_nir(nir.read(files.network("nir", "rockpool.nir")))
    graph = nir.NIRGraph.from_list(nir.IF(r=np.ones(3), v_threshold=np.ones(3)))
    with pytest.raises(NotImplementedError, match=r"Cannot convert .*IF"):
        rockpool.from_nir(graph)


def test_nengo_refused() -> None:
    nengo = needs("nengo")
    modules = [module.name for module in pkgutil.walk_packages(nengo.__path__, "nengo.")]
    assert not [name for name in modules if re.search("nir|sonata|pynn|neuroml", name)]


def test_lava_not_installable() -> None:
    needs("lava")
    with pytest.raises(ValueError, match="mutable default"):
        importlib.import_module("lava.proc.lif.process")


def test_tonic_works(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    needs("tonic")
    follow("event_data", "From events to latencies", "tonic's transforms on both sides")
    assert "Stimuli(60 of shape (8, 8, 1)" in capsys.readouterr().out
    transforms = importlib.import_module("tonic.transforms")
    view = netsim.EventView(files.stimuli, transforms.Compose([transforms.DropEvent(p=0.0)]))
    encoder = netsim.EventEncoder((8, 8, 1), t_max=16.001, polarity="merged")
    back, expected = (
        stimuli.latencies(np.arange(SHOWN)) for stimuli in (netsim.event_stimuli(view, encoder), files.stimuli)
    )
    np.testing.assert_allclose(back, expected, rtol=0, atol=5e-4 + 1e-9)


def test_pandoc_works(files: Files) -> None:
    pypandoc = needs("pypandoc")
    text = netsim.to_markdown(netsim.describe(files.model.network))
    Path("methods.md").write_text(text, encoding="utf-8")
    command = [pypandoc.get_pandoc_path(), "methods.md", "-o", "methods.docx"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
