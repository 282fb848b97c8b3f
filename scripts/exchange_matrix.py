"""Run the tools that files of netsim are made for, and write what they read and what is lost into docs/exchange.md::

    pip install -e '.[test,bench]' viziphant pynapple spikeinterface polars duckdb bmtk nest-simulator pypandoc_binary
    python scripts/exchange_matrix.py            # a minute
    python scripts/exchange_matrix.py --only neo --only bmtk    # shown, not written

What stands in a row is what its check has found; a check that fails is an error, and so is a tool that is not there.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import netsim
from netsim.spikes import Spikes

PAGE = Path(__file__).parents[1] / "docs" / "exchange.md"
RECIPE = PAGE.with_name("nir.md")
START, END = "<!-- scripts/exchange_matrix.py writes from here -->\n", "<!-- to here -->\n"
SHOWN = 10
"""Stimuli that are presented."""


class Row(NamedTuple):
    """What a tool makes of the files."""

    file: str
    works: str
    lost: str


class Tool(NamedTuple):
    """A tool by its name, the packages that it is made of, the first of which has the version, and what tries it."""

    name: str
    packages: tuple[str, ...]
    check: Callable[[Files], Row]


class Files:
    """Files of a simulation, made in the current folder as they are asked for."""

    def __init__(self) -> None:
        self.model = netsim.load_model("digits")
        self.stimuli = netsim.load_splits(self.model.network).test.first(SHOWN)
        engine = netsim.make_engine("event", self.model.network)
        self.simulation = netsim.present(self.model, self.stimuli, engine=engine)

    def spikes(self, to: str, name: str) -> str:
        """A file of spikes."""
        netsim.export(self.simulation, name, to)
        return name

    def network(self, to: str, name: str) -> str:
        """A file of the network."""
        netsim.export(self.model, name, to)
        return name

    @property
    def count(self) -> int:
        """How many spikes there are."""
        return sum(int(np.isfinite(latencies).sum()) for latencies in self.simulation.values())


def _expect(*conditions: bool) -> None:
    if not all(conditions):
        raise AssertionError("the tool does not read what was written")


def _session(simulation: Spikes) -> list[np.ndarray]:
    """Times (ms) of the spikes of all neurons, one presentation after the other."""
    starts = np.arange(SHOWN)[:, np.newaxis] * simulation.network.duration
    times = np.concatenate([layer.reshape(SHOWN, -1) for layer in simulation.values()], axis=1) + starts
    return [train[np.isfinite(train)] for train in times.T]


def _same(trains: Any, files: Files, tolerance: float = 1e-9) -> bool:
    """Whether trains (ms) are those of the session."""
    expected = _session(files.simulation)
    found = [np.asarray(train) for train in trains]
    return len(found) == len(expected) and all(
        one.shape == other.shape and np.allclose(one, other, rtol=0, atol=tolerance)
        for one, other in zip(found, expected, strict=True)
    )


def _pynwb(files: Files) -> Row:
    import pynwb

    name = files.spikes("nwb", "pynwb.nwb")
    _expect(pynwb.validate(path=name) == [])
    with pynwb.NWBHDF5IO(name, "r") as stream:
        units = stream.read().units.to_dataframe()
        _expect(_same([1000 * train for train in units["spike_times"]], files))
    return Row("nwb", "valid; units with all spikes and their positions, trials", "times beyond 1 ps")


def _nwbinspector(files: Files) -> Row:
    import nwbinspector

    found = list(nwbinspector.inspect_nwbfile(nwbfile_path=files.spikes("nwb", "inspected.nwb")))
    suggestion = nwbinspector.Importance.BEST_PRACTICE_SUGGESTION
    _expect(all(message.importance.value <= suggestion.value for message in found))
    return Row("nwb", "no critical findings, no violated best practice", "suggests experimenter, institution, keywords")


def _pynapple(files: Files) -> Row:
    import pynapple

    data = pynapple.load_file(files.spikes("nwb", "pynapple.nwb"))
    units = data["units"]
    _expect(_same([1000 * train.index.values for train in units.values()], files), len(data["trials"]) == SHOWN)
    _expect({"layer", "map", "y", "x", "neuron"} <= set(units.metadata_columns))
    return Row("nwb", "units with their positions, trials as intervals", "times beyond 1 ns")


def _spikeinterface(files: Files) -> Row:
    from spikeinterface.extractors import read_nwb_sorting

    sorting = read_nwb_sorting(files.spikes("nwb", "si.nwb"), sampling_frequency=1e6, t_start=0.0)
    _expect(_same([sorting.get_unit_spike_train(unit) / 1000 for unit in sorting.unit_ids], files, 1e-3))
    return Row("nwb", "units with their positions", "trials; times beyond the given sampling frequency")


def _neo(files: Files) -> Row:
    import neo
    from neo.utils import cut_segment_by_epoch

    (block,) = neo.io.NWBIO(files.spikes("nwb", "neo.nwb"), "r").read_all_blocks()
    _expect(_same([train.rescale("ms").magnitude for train in block.segments[0].spiketrains], files))
    (session,) = neo.io.NeoMatlabIO(files.spikes("neo", "neo.mat")).read_block().segments
    _expect(_same([train.magnitude for train in session.spiketrains], files))
    cut = cut_segment_by_epoch(session, session.epochs[0][:2], reset_time=True)
    second = np.concatenate([layer[1].ravel() for layer in files.simulation.values()])
    _expect([train.size for train in cut[1].spiketrains] == np.isfinite(second).astype(int).tolist())
    return Row(
        "neo, nwb",
        "all trains; presentations of `.mat` cut out by the epoch",
        "from NWB: layers, positions and trials; times beyond 1 ps",
    )


def _elephant(files: Files) -> Row:
    import elephant.statistics
    import neo

    (session,) = neo.io.NeoMatlabIO(files.spikes("neo", "elephant.mat")).read_block().segments
    rates = [float(elephant.statistics.mean_firing_rate(train).rescale("Hz")) for train in session.spiketrains]
    duration = SHOWN * files.simulation.network.duration / 1000
    _expect(np.allclose(rates, [len(train) / duration for train in _session(files.simulation)]))
    return Row("neo", "rates, histograms, all functions of spike trains", "")


def _viziphant(files: Files) -> Row:
    import matplotlib

    matplotlib.use("agg")
    import viziphant.rasterplot

    from netsim.exchange.spikes.neo import to_block

    trains = list(to_block(files.simulation, ["hidden"]).segments[0].spiketrains)
    axes = viziphant.rasterplot.rasterplot(trains)
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    _expect(drawn == int(np.isfinite(files.simulation["hidden"][0]).sum()))
    return Row("neo", "rasters of all spikes", "")


def _libsonata(files: Files) -> Row:
    import libsonata

    spikes = libsonata.SpikeReader(files.spikes("sonata", "libsonata.h5"))
    read = sum(len(spikes[name].get()) for name in spikes.get_population_names())
    folder = files.network("sonata-network", "libsonata.sonata")
    circuit = libsonata.CircuitConfig.from_file(f"{folder}/circuit_config.json")
    edges = circuit.edge_population("output")
    weights = edges.get_attribute("syn_weight", edges.select_all()).reshape(-1, 10)
    _expect(read == files.count, np.array_equal(weights, files.model.weights["output.kernel"]))
    works = "spikes by population; nodes, edges, weights, delays, configuration"
    return Row("sonata, sonata-network", works, "presentations (a separate group)")


def _bmtk(files: Files) -> Row:
    _run_in_bmtk(files.network("sonata-network", "phased.sonata"))
    neurons = netsim.Neurons("free", threshold=1.0, tau=16.0, bias=True)
    layers = [netsim.Layer("hidden", netsim.Dense(30), neurons), netsim.Layer("output", netsim.Dense(10), neurons)]
    free = netsim.Network.chain("free", netsim.IntensityEncoder((8, 8, 1), 16.0), layers, 64.0)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0.1, 0.2, w.shape) for name, w in netsim.initial_weights(free, 0).items()}
    stimuli = generator.uniform(0.1, 16, (1, 8, 8, 1)).round(1)
    engine = netsim.make_engine("event", free, dt=0.1)
    shown = netsim.read_stimuli(_stimulus(stimuli), (8, 8, 1)).stimuli(free.encoder)
    simulation = netsim.present(netsim.Model(engine.network, weights), shown, index=[0], engine=engine)
    netsim.export(netsim.Model(free, weights), "free.sonata", "sonata-network")
    netsim.export(simulation, "free.sonata/stimulus.h5", "sonata", populations=["stimulus"])
    found = _run_in_bmtk("free.sonata")
    for name in ("hidden", "output"):
        latencies = simulation[name]
        fired = np.flatnonzero(np.isfinite(latencies[0]))
        _expect(sorted(found[name]) == fired.tolist())
        late = [found[name][neuron] - latencies[0, neuron] for neuron in fired.tolist()]
        _expect(max(np.abs(late), default=0.0) < 0.35)
    works = "accepts network and simulation; in NEST, a free network with ramps fires the same first spikes"
    return Row("sonata-network", works, "a time step for each delay of 0; onsets, gates, ends, winners, spikes at 0 ms")


def _stimulus(latencies: np.ndarray) -> str:
    rows = [f"0,{neuron},{time!r}" for neuron, time in enumerate(latencies.ravel().tolist())]
    Path("stimulus.csv").write_text("\n".join(["presentation,neuron,latency_ms", *rows]) + "\n")
    return "stimulus.csv"


def _run_in_bmtk(folder: str) -> dict[str, dict[int, float]]:
    """First spikes (ms) by population and node, from a process of its own."""
    import h5py

    program = (
        "from bmtk.simulator import pointnet as p; c = p.Config.from_json('simulation_config.json', validate=True);"
        " c.build_env(force=True); n = p.PointNetwork.from_config(c); p.PointSimulator.from_config(c, n).run()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-500:])
    with h5py.File(f"{folder}/output/spikes.h5") as file:
        return {
            name: dict(zip(group["node_ids"][:].tolist(), group["timestamps"][:].tolist(), strict=True))
            for name, group in file["spikes"].items()
            if "node_ids" in group
        }


def _tables(read_csv: Callable[[str], Any], read_parquet: Callable[[str], Any]) -> Callable[[Files], Row]:
    def check(files: Files) -> Row:
        expected = np.sort(np.concatenate([one[np.isfinite(one)] for one in files.simulation.values()]))
        for found in (read_csv(files.spikes("csv", "t.csv")), read_parquet(files.spikes("parquet", "t.parquet"))):
            _expect(np.array_equal(np.sort(np.asarray(found)), expected))
        return Row("csv, parquet", "all columns, latencies to the bit", "neurons and presentations without a spike")

    return check


def _pandas(files: Files) -> Row:
    import pandas as pd

    exact: dict[str, Any] = {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else _EXACT
    return _tables(
        lambda name: pd.read_csv(name, **exact)["latency_ms"], lambda name: pd.read_parquet(name)["latency_ms"]
    )(files)


_EXACT = {"float_precision": "round_trip"}


def _polars(files: Files) -> Row:
    import polars as pl

    return _tables(lambda name: pl.read_csv(name)["latency_ms"], lambda name: pl.read_parquet(name)["latency_ms"])(
        files
    )


def _duckdb(files: Files) -> Row:
    import duckdb

    def column(name: str) -> Any:
        return duckdb.sql(f"select latency_ms from '{name}'").fetchnumpy()["latency_ms"]

    return _tables(column, column)(files)


def _nir(files: Files) -> Row:
    import nir

    events = nir.read_data(files.spikes("nirdata", "n.nird")).nodes["hidden_neurons"].observables["spikes"]
    times = np.sort(1000 * events.time[events.idx != -1])
    own = files.simulation["hidden"]
    _expect(np.allclose(times, np.sort(own[np.isfinite(own)])))
    graph = nir.read(files.network("nir", "n.nir"), type_check=True)
    _expect(np.array_equal(graph.nodes["output_synapses"].weight.T, files.model.weights["output.kernel"]))
    back = netsim.import_network("n.nir")
    _expect(back.network == files.model.network)
    works = "graphs, from which netsim imports the same network; events of all nodes"
    return Row("nir, nirdata", works, "from events: labels and shapes; times beyond 1 ps")


def _simulator(name: str, load: Callable[[Any], Any]) -> Callable[[Files], Row]:
    def check(files: Files) -> Row:
        import nir
        import torch

        path = files.network("nir", f"{name}.nir")
        load(nir.read(path))
        page: dict[str, Any] = {}
        for program in re.findall(r"```python\n(.*?)```", RECIPE.read_text(encoding="utf-8"), re.DOTALL)[:2]:
            exec(program, page)
        stimuli = files.stimuli.latencies(np.arange(SHOWN))
        engine = netsim.make_engine("event", files.model.network, dt=1.0)
        expected = engine.present(netsim.Batch(stimuli, files.model.weights))
        with torch.no_grad():
            found = page["first_spikes"](path, np.moveaxis(stimuli, -1, 1), page[f"in_{name}"])
        for population in ("hidden", "output"):
            _expect(np.array_equal(found[f"{population}_neurons"].numpy(), expected[population]))
        works = "loads it; identical latencies on a time grid with [this program](nir.md)"
        return Row("nir", works, "without the program: all metadata, so decisions are at chance")

    return check


def _load_norse(graph: Any) -> Any:
    import norse.torch

    return norse.torch.from_nir(graph)


def _load_sinabs(graph: Any) -> Any:
    from sinabs.nir import from_nir

    return from_nir(graph, batch_size=1)


def _load_snntorch(graph: Any) -> Any:
    from snntorch.import_nir import import_from_nir

    return import_from_nir(graph)


def _load_spikingjelly(graph: Any) -> Any:
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return import_from_nir(graph, dt=1.0)


def _tonic(files: Files) -> Row:
    from tonic import transforms

    view = netsim.EventView(files.stimuli, transforms.Compose([transforms.DropEvent(p=0.0)]))
    encoder = netsim.EventEncoder((8, 8, 1), t_max=16.001, polarity="merged")
    back = netsim.event_stimuli(view, encoder).latencies(np.arange(SHOWN))
    expected = files.stimuli.latencies(np.arange(SHOWN))
    _expect(bool((np.isfinite(back) == np.isfinite(expected)).all()))
    _expect(np.allclose(back[np.isfinite(back)], expected[np.isfinite(back)], rtol=0, atol=5e-4 + 1e-9))
    works = "its transforms, slices and caches on stimuli, and its data sets as stimuli"
    return Row(
        "[events](event_data.md)", works, "times beyond 1 µs; events after the first, or after the windows: counted"
    )


def _pandoc(files: Files) -> Row:
    import pypandoc

    text = netsim.to_markdown(netsim.describe(files.model.network))
    Path("methods.md").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), "methods.md", "-o", "methods.docx"], capture_output=True, text=True, check=True
    )
    _expect(done.stderr == "")
    return Row("[Markdown](describe.md)", "Word documents with all mathematics", "line breaks within cells")


TOOLS = [
    Tool("pynwb", ("pynwb",), _pynwb),
    Tool("nwbinspector", ("nwbinspector",), _nwbinspector),
    Tool("pynapple", ("pynapple",), _pynapple),
    Tool("spikeinterface", ("spikeinterface",), _spikeinterface),
    Tool("Neo", ("neo",), _neo),
    Tool("Elephant", ("elephant",), _elephant),
    Tool("Viziphant", ("viziphant",), _viziphant),
    Tool("libsonata", ("libsonata",), _libsonata),
    Tool("bmtk, NEST", ("bmtk", "nest-simulator"), _bmtk),
    Tool("pandas", ("pandas", "pyarrow"), _pandas),
    Tool("polars", ("polars",), _polars),
    Tool("DuckDB", ("duckdb",), _duckdb),
    Tool("nir", ("nir",), _nir),
    Tool("Norse", ("norse", "nir"), _simulator("norse", _load_norse)),
    Tool("Sinabs", ("sinabs", "nir"), _simulator("sinabs", _load_sinabs)),
    Tool("snnTorch", ("snntorch", "nirtorch"), _simulator("snntorch", _load_snntorch)),
    Tool("SpikingJelly", ("spikingjelly", "nir"), _simulator("spikingjelly", _load_spikingjelly)),
    Tool("tonic", ("tonic",), _tonic),
    Tool("pandoc of pypandoc_binary", ("pypandoc_binary",), _pandoc),
]


def version(package: str) -> str:
    """The version of a package; empty if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def row(tool: Tool, files: Files) -> list[str]:
    """The cells of a tool's row; run in the folder of the files."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = tool.check(files)
    versions = ", ".join(filter(None, map(version, tool.packages[: tool.name.count(",") + 1])))
    return [tool.name, versions, found.file, found.works, found.lost or "nothing"]


def main() -> None:
    """Run all tools, or those that are chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="TOOL", help="only this one, and write nothing")
    chosen = parser.parse_args().only
    lines = ["| tool | version | files | what works | what is lost |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = Files()
        for tool in TOOLS:
            if chosen and tool.name.partition(",")[0].lower() not in map(str.lower, chosen):
                continue
            missing = [package for package in tool.packages if not version(package)]
            if missing:
                sys.exit(f"{tool.name}: needs {' and '.join(missing)}; see python scripts/exchange_matrix.py --help")
            lines.append(f"| {' | '.join(row(tool, files))} |")
            print(lines[-1])
        os.chdir(PAGE.parent)
    if not chosen:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
        after = rest.partition(END)[2]
        PAGE.write_text(before + START + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
