"""Of what is written as several files, none is left when the disk fills up between two of them."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import read_sweep_table
from netsim.analysis.simulation_files import write_simulation
from netsim.analysis.studies import study_table
from netsim.cli.analysing import analyse
from netsim.cli.generating import Given
from netsim.cli.plotting import plot
from netsim.cli.studying import write_study
from netsim.data.making import make_dataset
from netsim.data.stimuli import load_splits
from netsim.engines import make_engine
from netsim.errors import RunError
from netsim.exchange import export
from netsim.files import write_each, write_text
from netsim.models.presets import load_preset
from netsim.presenting.present import present
from netsim.runs.folder import LOCK, new_run
from netsim.runs.model import Model
from netsim.specification import Delays, Dense, IntensityEncoder, Network, Neurons, Population, Projection
from netsim.spikes import Spikes
from netsim.studies.plans import make_plan
from netsim.studies.runner import StudyRunner
from netsim.sweeps.execution import Outcome, SweepCallbacks
from netsim.sweeps.running import sweep
from netsim.weights.files import write_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

ENCODER = IntensityEncoder((8, 8, 1), 16.0)


def _drawn(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    for _ in range(count // 50):
        yield generator.integers(0, 256, (50, 64)).astype(np.uint8), np.arange(50) % 10


def _stream(folder: Path) -> None:
    make_dataset(_drawn(400), ENCODER, test=_drawn(1000), name="drawn", file=folder / "drawn.npz")


def _sonata(folder: Path) -> None:
    pytest.importorskip("libsonata", reason="networks of SONATA need libsonata, of the extra 'exchange'")
    network, weights = _digits()
    export(Model(network, weights), folder / "digits.sonata", "sonata-network")


def _graph(folder: Path) -> None:
    pytest.importorskip("libsonata", reason="networks of SONATA need libsonata, of the extra 'exchange'")
    delays = Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    neurons = Neurons("free", 0.5, tau=10.0, end=40.0, bias=True)
    network = Network(
        "loop",
        ENCODER,
        (Population("one", (6,), neurons), Population("other", (4,), neurons)),
        (
            Projection("stimulus", "one", Dense(), delay=delays),
            Projection("one", "other", Dense(), delay=Delays(mean=1.0, spread=0.5)),
            Projection("other", "one", Dense(), sign="inhibitory", name="back", delay=0.7),
        ),
        60.0,
    )
    weights = {name: array.astype(float) for name, array in initial_weights(network, 0).items()}
    export(Model(network, weights), folder / "loop.sonata", "sonata-network")


def _digits() -> tuple[Network, Weights]:
    network = load_preset("digits")
    return network, {name: array.astype(float) for name, array in initial_weights(network, 0).items()}


@cache
def _simulation() -> Spikes:
    network, weights = _digits()
    return present(Model(network, weights), index=[3, 1], engine=make_engine("event", network))


def _table(folder: Path) -> None:
    export(_simulation(), folder / "spikes.csv", "csv", record={"seed": 0})


def _simulated(folder: Path) -> None:
    write_simulation(_simulation(), folder, [3], {"seed": 0})


@cache
def _studied() -> pd.DataFrame:
    network, weights = _digits()
    plan = make_plan(network, "spike-jitter", levels=[1.0], seeds=(0, 1))
    stimuli = load_splits(network).test.pick(np.arange(5))
    engine_at = partial(make_engine, "event", network)
    return study_table(StudyRunner(plan, Model(network, weights), stimuli, engine_at).run())


def _study(folder: Path) -> None:
    write_study(_studied(), {"kind": "spike-jitter"}, folder, [folder / "spike-jitter.csv"], {})


@pytest.mark.parametrize(
    ("write", "size"),
    [
        (_stream, 20_000),  # within the first file
        (_stream, 40_000),  # training samples are there, test samples are not
        (_stream, 80_000),  # both are, the file of them is not
        (_sonata, 2_000),
        (_sonata, 100_000),  # nodes are there, edges would not be
        (_sonata, 1_000_000),
        (_graph, 10_000),
        (_graph, 40_000),  # nodes are there, edges with weights and delays would not be
        (_table, 100),
        (_table, 500),  # what was simulated is there, the spikes would not be
        (_simulated, 500),
        (_simulated, 8_000),  # spikes are there, the raster is not
        (_study, 500),
        (_study, 20_000),  # table is there, figures would not be
    ],
)
def test_no_half_of_a_set_is_left(
    write: Callable[[Path], None],
    size: int,
    tmp_path: Path,
    largest_file: Callable[[int], AbstractContextManager[None]],
) -> None:
    with largest_file(size), pytest.raises(RunError, match=r"cannot be written \(File too large\)"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with largest_file(size), pytest.raises(RunError):
        write(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@contextmanager
def _room_for(files: int) -> Iterator[None]:
    """A disk with room for so many new files, and for none after them."""
    opened, made = os.open, itertools.count(1)

    def open_file(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT and not str(path).endswith(".lock") and next(made) > files:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return opened(path, flags, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_file)
        yield


def _several_folders(folder: Path) -> None:
    """As figures and tables of `plot` and `analyse` are written."""
    paths = [folder / name for name in ("a/raster.png", "b/raster.svg", "a/raster.csv", "c/raster.pdf")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
    write_each(paths, lambda path: write_text(path, path.suffix))


def _new_run(folder: Path) -> None:
    network, weights = _digits()
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, dataset="drawn.npz"))
    kept = make_dataset(_drawn(50), ENCODER, test=_drawn(50), name="drawn")
    with new_run(folder / "run", network, {"seed": 0}) as run:
        write_weights(weights, run.best)
        run.write_data(kept, network.training.dataset)


@pytest.mark.parametrize(("write", "count", "again"), [(_several_folders, 4, True), (_new_run, 4, False)])
def test_no_file_is_left_wherever_the_disk_fills_up(
    write: Callable[[Path], None], count: int, again: bool, tmp_path: Path
) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    for _ in range(1 + again):
        before = contents()
        for files in range(count):
            message = r"cannot be written \(No space left on device\)"
            with _room_for(files), pytest.raises(RunError, match=message):
                write(tmp_path)
            assert contents() == before
        with _room_for(count):
            write(tmp_path)
    assert len(contents()) >= count


def test_plots_and_analyses_are_whole(tmp_path: Path) -> None:
    """What is drawn first is not kept if there is no room for the others."""
    export(_simulation(), tmp_path / "spikes.csv", "csv", record={"seed": 0})
    before = sorted(tmp_path.rglob("*"))
    out = [tmp_path / "one.svg", tmp_path / "other.svg"]
    with _room_for(1), pytest.raises(RunError, match=r"other.svg: cannot be written \(No space left on device\)"):
        plot(Given(), "digits", "raster", out=out)
    given, subject = Given(populations=["output"]), [str(tmp_path / "spikes.csv")]
    with _room_for(1), pytest.raises(RunError, match=r"table.csv: cannot be written \(No space left on device\)"):
        analyse(given, subject, "psth", out=[out[0], tmp_path / "table.csv"])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_sweep_goes_on_when_there_is_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table has a row for each run whose row could be written, whole ones, and no file is half written."""
    Path("plan.toml").write_text('base = "digits"\nseeds = [0, 1]\n', encoding="utf-8")
    figures = {"epochs": 1, "best_epoch": 1, "validation_accuracy": 0.5, "validation_strict_accuracy": 0.5}

    def end(client: Any, runs: dict[str, Any], *arguments: Any) -> None:
        callbacks = next(argument for argument in arguments if isinstance(argument, SweepCallbacks))
        for name in runs:
            callbacks.on_outcome(name, Outcome(figures | {"validation_loss": 1.0, "seconds": 2.0}))

    monkeypatch.setattr("netsim.sweeps.running.train_runs", end)
    monkeypatch.setattr("netsim.sweeps.running.connect", lambda *arguments: nullcontext())
    for files, rows in enumerate([None, None, 0, 1]):
        with _room_for(files), pytest.raises(RunError, match=r"cannot be written \(No space left on device\); choose"):
            sweep("plan.toml", "sweep", workers=1, resume=True)
        table = Path("sweep/results.csv")
        assert table.exists() == (rows is not None)
        assert rows is None or len(read_sweep_table(table)) == rows
        assert {path.name for path in Path("sweep").iterdir()} <= {"sweep.toml", "results.csv", LOCK}
    with _room_for(4):
        assert len(sweep("plan.toml", "sweep", workers=1, resume=True)) == 2
    assert len(read_sweep_table("sweep/results.csv")) == 2
