"""The readers, what they read when all is well, and what must hold of what they have read."""

from __future__ import annotations

import dataclasses
import gzip
import io
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.parts import Parts, checkpoint, content_of, gzipped, joined, members, stored, zipped
from netsim.data.events import EVENT_TYPE
from netsim.data.idx import read_idx, write_idx
from netsim.data.loading import load_dataset
from netsim.data.making import make_dataset
from netsim.data.packed import write_dataset
from netsim.data.recordings import convert_once
from netsim.data.source import ignore_progress
from netsim.data.stimuli import event_stimuli, load_splits
from netsim.engines import Batch, make_engine
from netsim.files import read_arrays
from netsim.measuring.simulation import Simulation
from netsim.models.presets import load_preset, preset_file, preset_names
from netsim.runs.folder import RunFolder, create_run
from netsim.runs.model import load_model
from netsim.specification import (
    PSP,
    Convolution,
    Delays,
    Dense,
    Distance,
    EdgeList,
    EventEncoder,
    IntensityEncoder,
    LatencyEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    Population,
    PopulationWinners,
    Projection,
    Random,
    Weighting,
)
from netsim.specification.toml import dumps_network, read_network
from netsim.sweeps.plan import read_plan
from netsim.training.checkpoint import read_checkpoint, resume_state, write_checkpoint, write_epochs
from netsim.training.loop import start_training
from netsim.training.opening import training_figures
from netsim.weights.binary import forward_weights
from netsim.weights.files import read_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import delay_name, weight_shapes
from netsim.weights.packing import pack, read_packed


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    seeds : callable
        Gives whole files, in parts.
    wrap : callable
        Makes a file's content of its parts.
    read : callable
        Reads a file, and checks what it has read with assertions.
    name : str
        How the file is called.
    """

    seeds: Callable[[], list[Parts]]
    read: Callable[[Path], object]
    name: str = "file"
    wrap: Callable[[Parts], bytes] = joined

    def write(self, parts: Parts, folder: Path) -> Path:
        """Write a file made of parts."""
        path = folder / self.name
        path.write_bytes(self.wrap(parts))
        return path


@dataclass(frozen=True)
class FolderTarget(Target):
    """A reader of a folder, whose files are the parts."""

    def write(self, parts: Parts, folder: Path) -> Path:
        """Write a folder of files, and nothing else."""
        path = folder / self.name
        path.mkdir(exist_ok=True)
        for file in path.iterdir():
            file.unlink()
        for name, content in parts.items():
            (path / name).write_bytes(content)
        return path


@cache
def small_network() -> Network:
    """A network with every connectivity and regime."""
    return Network.chain(
        name="small",
        encoder=IntensityEncoder((4, 5, 2), 16.0),
        layers=(
            Layer("conv", Convolution(3, 3), neurons=Neurons("phased", onset=16.0, end=32.0, drive=1.0, bias=True)),
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(5), Neurons("staggered", threshold=2.0, onset=24.0, end=40.0, drive=1.0)),
            Layer("output", Dense(3), Neurons("phased", onset=40.0, drive=1.0, bias=True)),
        ),
        duration=64.0,
        learning=Learning(averaging=0.9, revive_below=0.01),
    )


# IDX


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _idx_seeds() -> list[Parts]:
    arrays = (_images(3, 4, 5), _images(7) % 10, _images(2, 3, 4, 2), _images(2, 0, 2))
    return [{"idx": content_of(partial(write_idx, array=array))} for array in arrays]


def _idx_folder_seeds() -> list[Parts]:
    arrays = {
        "train-images-idx3-ubyte": _images(6, 3, 4),
        "train-labels-idx1-ubyte": np.arange(6, dtype=np.uint8) % 3,
        "t10k-images-idx3-ubyte": _images(4, 3, 4),
        "t10k-labels-idx1-ubyte": np.arange(4, dtype=np.uint8) % 3,
    }
    return [{name: content_of(partial(write_idx, array=array)) for name, array in arrays.items()}]


def _read_idx_folder(path: Path) -> object:
    data = load_dataset(path)
    assert data.train_images.shape[1:] == data.test_images.shape[1:]
    return data.sha256


# TOML


def _toml_seeds() -> list[Parts]:
    texts = [preset_file(name).read_bytes() for name in preset_names()]
    return [{"toml": text} for text in [*texts, dumps_network(small_network()).encode()]]


def _read_toml(path: Path) -> object:
    network = read_network(path)
    path.write_text(dumps_network(network), encoding="utf-8")
    assert read_network(path) == network
    return network


def _simulate(path: Path) -> object:
    """Present a stimulus to whatever network a specification describes, if it is small."""
    network = read_network(path)
    weights = sum(math.prod(shape) for shape in weight_shapes(network).values())
    if weights + sum(math.prod(shape) for shape in network.shapes.values()) > 10**5:
        return None
    engine = make_engine("event", network, network.training.dt)
    stimulus = np.linspace(0, network.encoder.t_max, math.prod(network.encoder.shape), endpoint=False)
    latencies = engine.present(
        Batch(stimulus.reshape(1, *network.encoder.shape), forward_weights(network, initial_weights(network, 0)))
    )
    assert not any(np.isnan(layer).any() for layer in latencies)
    return latencies


def _small_specifications() -> list[Parts]:
    return [{"toml": dumps_network(network).encode()} for network in (small_network(), load_preset("digits"))]


@cache
def graphs() -> list[Network]:
    """Small networks of populations and projections: loops, winners, delays, signs, and every PSP."""
    free, dense = Neurons(threshold=0.5, tau=10.0, end=70.0, bias=True), Dense()
    learned = Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    loop = (
        Population("maps", (4, 4, 2), free),
        Population("pool", (2, 2, 2), None),
        Population("hidden", (6,), free, winners=PopulationWinners(2)),
        Population("inhibitory", (3,), free),
        Population("output", (3,), free),
    )
    synapses = (
        Projection("stimulus", "maps", Convolution(2, 3, padding=1)),
        Projection("maps", "pool", Pooling(2)),
        Projection("pool", "hidden", dense, psp=PSP("triangle", rise=5.2, fall=9.1), delay=learned),
        Projection("hidden", "inhibitory", Random(probability=0.4, seed=1), sign="excitatory"),
        Projection("inhibitory", "hidden", dense, sign="inhibitory", name="back", delay=0.7),
        Projection("hidden", "output", dense, psp=PSP("plateau", rise=7.3), delay=Delays(mean=1.0, spread=0.5)),
        Projection(
            "stimulus", "output", dense, name="skip", psp=PSP("breakpoints", breakpoints=((0, 0), (3, 1), (8, 0)))
        ),
    )
    encoder = IntensityEncoder((4, 4, 1), 20.0)
    distance = (
        Projection("stimulus", "maps", Distance(sigma=1.0, seed=3)),
        Projection("maps", "output", Random(indegree=9, seed=2), delay=1.3),
    )
    return [
        Network("loop", encoder, loop, synapses, 90.0),
        Network("drawn", encoder, (loop[0], loop[4]), distance, 90.0),
    ]


def _graph_seeds() -> list[Parts]:
    return [{"toml": dumps_network(network).encode()} for network in graphs()]


_PLANS = (
    'base = "digits"\nseeds = [0, 1]\nlimit = 100\n[overrides]\n"training.epochs" = 2\n'
    '[grid]\n"learning.rate" = [0.001, 0.01]\n"layers.hidden.dropout" = [0.0, 0.2]\n',
    'base = "mlp-mnist"\n[random]\ncount = 3\nseed = 2\n"learning.rate" = { loguniform = [1e-4, 1e-2] }\n'
    '"layers.hidden.size" = { integers = [10, 20] }\n"learning.optimizer" = { choice = ["adam", "sgd"] }\n'
    "[random.learning]\nmargin = { uniform = [1.0, 2.0] }\n",
)


def _plan_seeds() -> list[Parts]:
    return [{"toml": text.encode()} for text in _PLANS]


# Lists of edges


def _edge_seeds() -> list[Parts]:
    return [
        {"csv": b"pre,post,weight\n0,1,0.5\n2,0,-0.5\n5,3,1e-3\n2,0,7\n"},
        {
            "csv": b"post, id, pre\n"
            + b"".join(b"%d,%d,%d\n" % (number % 4, number, number % 6) for number in range(40))
        },
    ]


def _sonata_edge_seeds() -> list[Parts]:
    import h5py

    def write(path: Path, weights: bool) -> None:
        with h5py.File(path, "w") as file:
            group = file.create_group("edges/mine")
            group["source_node_id"], group["target_node_id"] = np.arange(24) % 6, np.arange(24, dtype=np.uint64) % 4
            group["edge_type_id"] = np.zeros(24, np.int64)
            if weights:
                group["0/syn_weight"] = np.linspace(-1, 1, 24)
                group["edge_group_id"], group["edge_group_index"] = np.zeros(24, np.int64), np.arange(24)[::-1]

    return [{"edges.h5": content_of(partial(write, weights=weights))} for weights in (True, False)]


def _read_edges(path: Path) -> object:
    rule, source, target = EdgeList(4, str(path)), (6,), (4,)
    rule.check(source, target)
    pre, post, _ = rule.connections(source, target)
    assert 0 <= pre.min() <= pre.max() < 6
    assert 0 <= post.min() <= post.max() < 4
    weights = rule.known_weights(source, target)
    assert weights is None or (np.isfinite(weights).all() and weights.shape == pre.shape)
    return pre


# Archives of arrays


def _arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _npz_seeds() -> list[Parts]:
    generator = np.random.default_rng(0)
    arrays = {"a": generator.normal(size=(3, 4)), "b": np.array("größe"), "c": np.zeros((2, 0), np.float32)}
    return [members(_arrays(arrays)), {"b.npy": members(_arrays(arrays))["b.npy"]}]


def _read_npz(path: Path) -> object:
    arrays = read_arrays(path)
    assert all(array.dtype.kind != "O" for array in arrays.values())
    return arrays


def _weights() -> dict[str, np.ndarray]:
    return start_training(small_network(), 0).weights


def _double(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.astype(np.float64) for name, array in weights.items()}


def _read_delays(path: Path) -> object:
    network = graphs()[0]
    weights = read_weights(network, path)
    for projection in network.projections:
        if projection.delays is not None:
            delays = weights[delay_name(projection)]  # those of a file may be beyond the bounds of what is drawn
            assert ((delays >= 0) & (delays < np.inf)).all()
    return weights


def _binary() -> Network:
    return dataclasses.replace(small_network(), weighting=Weighting("binary"))


def _read_weights(path: Path) -> object:
    weights = read_weights(small_network(), path)
    assert all(np.isfinite(array).all() for array in weights.values())
    return weights


def _read_packed(path: Path) -> object:
    weights = read_packed(_binary(), path)
    assert all(np.isfinite(array).all() for array in weights.values())
    return weights


# Data sets of one's own

_BLOBS = IntensityEncoder((3, 4, 1), 16.0)


def _dataset_seeds() -> list[Parts]:
    labels = np.arange(12) % 3
    images = make_dataset((_images(12, 3, 4), labels), _BLOBS, test=(_images(4, 3, 4), labels[:4]), name="mine")
    times = np.linspace(0, 20, 12 * 5).reshape(12, 5)
    recorded = make_dataset((times, labels.astype(str)), LatencyEncoder((1, 5, 1), 30.0), name="recorded")
    return [members(content_of(partial(write_dataset, data), ".npz")) for data in (images, recorded)]


def _read_dataset(path: Path) -> object:
    data = load_dataset(path)
    for split, (samples, labels) in data.parts.items():
        assert len(samples) == len(labels), split
        assert samples[: len(samples)].shape == samples.shape
    encoder = _BLOBS if data.samples == _BLOBS.samples else LatencyEncoder((1, 5, 1), 30.0)
    network = Network.chain("own", encoder, (Layer("output", Dense(3), Neurons("free", 0.5, tau=10.0)),), 64.0)
    test = load_splits(network, data, presented=True).test
    latencies = test.latencies(np.arange(len(test)))
    assert not np.isnan(latencies).any()
    assert (latencies >= 0).all()
    return data.sha256


# Runs


@cache
def _run() -> Parts:
    """The files of a run after one of three epochs."""
    network = small_network()
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", network, {"seed": 0, "command": ["netsim"], "data_dir": None})
        state = start_training(network, 0)
        state.history.append(
            {
                "epoch": 1,
                "rate": 0.001,
                "training_loss": 1.0,
                "training_strict_accuracy": 0.5,
                "validation_loss": 1.0,
                "validation_accuracy": 0.5,
                "validation_strict_accuracy": 0.5,
                "validation_tie_rate": 0.0,
                "validation_seconds": 1.0,
                "training_seconds": 1.0,
                "silent_hidden": 0.25,
            }
        )
        state.epoch, state.batch, state.totals.presentations = 1, 2, 200
        state.best, state.best_weights = (0.5, -1.0), {name: array.copy() for name, array in state.weights.items()}
        state.totals.silent, state.totals.fired = {"hidden": 3.0}, {"hidden": np.zeros(5, np.int64)}
        write_checkpoint(state, run)
        write_epochs(state, run)
        return {path.name: path.read_bytes() for path in sorted(run.path.iterdir()) if path != run.lock_file}


def _checkpoint_seeds() -> list[Parts]:
    return [members(_run()["checkpoint.npz"])]


def _read_checkpoint(path: Path) -> object:
    state = read_checkpoint(small_network(), path)
    state.optimizer.step(state.weights, state.weights, 0.1)
    training_figures(state.history)
    return state


def _run_seeds() -> list[Parts]:
    return [_run()]


def _read_run(path: Path) -> object:
    from netsim.description.provenance import metrics_of, record_facts, training_facts

    model = load_model(str(path))
    assert model.run is not None
    record = model.run.record()
    record_facts(record)
    run = model.run
    training_facts(lambda: metrics_of(run), model.epoch)
    if model.network.training.epochs < 10**6:
        resume_state(model.network, RunFolder(path))
    return metrics_of(run)


def _table_seeds() -> list[Parts]:
    return [{"csv": _run()["metrics.csv"]}]


def _read_table(path: Path) -> object:
    from netsim.analysis import metrics_table
    from netsim.analysis.learning_tables import best_epoch

    return best_epoch(metrics_table(path))


# Events


def _event_seeds() -> list[Parts]:
    """Files as those of N-MNIST: five bytes per event."""
    generator = np.random.default_rng(0)
    return [{"bin": generator.integers(0, 34, (50, 5)).astype(np.uint8).tobytes()}]


class _OneFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from tonic.io import read_mnist_file

        return read_mnist_file(str(self.path), EVENT_TYPE), 0


_SENSOR = EventEncoder((34, 34, 2), 16.0, origin="first-event")


def _read_events(path: Path) -> object:
    return event_stimuli(_OneFile(path), _SENSOR).latencies(np.arange(1))


class _NoFile:
    """Recordings of one event each."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return np.zeros(1, EVENT_TYPE), index


_SMALL = EventEncoder((3, 4, 2), 16.0)


def _cache_seeds() -> list[Parts]:
    arrays = {"times.npy": np.zeros((5, 3, 4, 2), np.int32), "times-labels.npy": np.arange(5)}
    return [{name: content_of(partial(_save, array)) for name, array in arrays.items()}]


def _save(array: np.ndarray, path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)


def _read_cache(path: Path) -> object:
    times, labels = convert_once(path / "times.npy", _NoFile(), range(5), _SMALL, "recordings", ignore_progress)
    assert times.shape == (5, 3, 4, 2)
    return int(times.max()), int(labels.max())


# Exchange


@cache
def _simulation() -> Simulation:
    network, generator = small_network(), np.random.default_rng(4)
    latencies = [
        np.where(generator.random((3, *shape)) < 0.5, generator.uniform(0, 64, (3, *shape)), np.inf)
        for shape in network.shapes.values()
    ]
    return Simulation(network, 0.0, [7, 3, 0], np.array([1, 0, 2]), latencies, [])


def _exchange(to: str, suffix: str) -> Target:
    def seeds() -> list[Parts]:
        from netsim.exchange import export

        whole = content_of(lambda path: export(to, _simulation(), path, layers=["stimulus"], record={"a": 1}), suffix)
        return [{f"spikes{suffix.removesuffix('.gz')}": gzip.decompress(whole) if suffix.endswith(".gz") else whole}]

    def read(path: Path) -> object:
        from netsim.exchange import read_stimuli

        presentations = read_stimuli(path, small_network().encoder.shape)
        assert presentations.latencies.shape[1:] == small_network().encoder.shape
        assert (presentations.latencies >= 0).all()
        return presentations

    return Target(seeds, read, f"spikes{suffix}", gzipped if suffix.endswith(".gz") else joined)


def _nir_seeds() -> list[Parts]:
    from netsim.exchange import export_network

    network = small_network()
    whole = content_of(lambda path: export_network("nir", network, _double(_weights()), path), ".nir")
    return [{"network.nir": whole}]


def _nir_loop_seeds() -> list[Parts]:
    """A network with a loop, and a graph of another tool."""
    import nir

    from netsim.exchange import export_network

    def elsewhere(path: Path) -> None:
        generator = np.random.default_rng(0)
        nodes = {
            "in": nir.Input(np.array([6])),
            "affine": nir.Affine(generator.random((4, 6)).astype(np.float32), np.array([0, 0.25, 0, -1], np.float32)),
            "neurons": nir.IF(r=np.full(4, 1000.0), v_threshold=np.full(4, 1.0)),
            "out": nir.Output(np.array([4])),
        }
        nir.write(path, nir.NIRGraph(nodes, list(pairwise(nodes))))

    def own(path: Path) -> None:
        export_network("nir", network, _double(initial_weights(network, 0)), path)

    network = graphs()[0]
    return [{"network.nir": content_of(write, ".nir")} for write in (own, elsewhere)]


def _sonata_network_seeds() -> list[Parts]:
    from netsim.exchange import export_network

    network = graphs()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.sonata"
        export_network("sonata-network", network, _double(initial_weights(network, 0)), path, {"seed": 0})
        return [
            {name: (path / name).read_bytes() for name in ("network.toml", "provenance.json", "nodes.h5", "edges.h5")}
        ]


def _read_nir(path: Path) -> object:
    from netsim.exchange import import_network

    return import_network(path)


TARGETS: dict[str, Target] = {
    "idx": Target(_idx_seeds, read_idx),
    "idx.gz": Target(_idx_seeds, read_idx, wrap=gzipped),
    "idx folder": FolderTarget(_idx_folder_seeds, _read_idx_folder, "images"),
    "toml": Target(_toml_seeds, _read_toml, "network.toml"),
    "simulation": Target(_small_specifications, _simulate, "network.toml"),
    "graph": Target(_graph_seeds, _simulate, "network.toml"),
    "edges": Target(_edge_seeds, _read_edges, "edges.csv"),
    "edges sonata": Target(_sonata_edge_seeds, _read_edges, "edges.h5"),
    "sweep": Target(_plan_seeds, read_plan, "plan.toml"),
    "npz": Target(_npz_seeds, _read_npz, "arrays.npz", zipped),
    "weights": Target(lambda: [members(_arrays(_weights()))], _read_weights, "weights.npz", zipped),
    "delays": Target(lambda: [members(_arrays(initial_weights(graphs()[0], 0)))], _read_delays, "weights.npz", zipped),
    "dataset": Target(_dataset_seeds, _read_dataset, "mine.npz", stored),
    "packed": Target(lambda: [members(_arrays(pack(_binary(), _weights())))], _read_packed, "packed.npz", zipped),
    "checkpoint": Target(_checkpoint_seeds, _read_checkpoint, "checkpoint.npz", checkpoint),
    "run": FolderTarget(_run_seeds, _read_run, "run"),
    "metrics": Target(_table_seeds, _read_table, "metrics.csv"),
    "events": Target(_event_seeds, _read_events, "events.bin"),
    "recordings": FolderTarget(_cache_seeds, _read_cache, "recordings"),
    "csv": _exchange("csv", ".csv"),
    "csv.gz": _exchange("csv", ".csv.gz"),
    "parquet": _exchange("parquet", ".parquet"),
    "sonata": _exchange("sonata", ".h5"),
    "nwb": _exchange("nwb", ".nwb"),
    "nirdata": _exchange("nirdata", ".nird"),
    "nir": Target(_nir_seeds, _read_nir, "network.nir"),
    "nir loop": Target(_nir_loop_seeds, _read_nir, "network.nir"),
    "sonata network": FolderTarget(_sonata_network_seeds, _read_nir, "network.sonata"),
}
