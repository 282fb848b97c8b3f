"""Of what is written as several files, none is left when the disk fills up between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netsim.analysis.simulation_files import write_simulation
from netsim.analysis.studies import study_table
from netsim.cli.studying import write_study
from netsim.data.making import make_dataset
from netsim.data.stimuli import load_splits
from netsim.engines import make_engine
from netsim.errors import RunError
from netsim.exchange import export, export_network
from netsim.measuring.simulation import Simulation, simulate
from netsim.models.presets import load_preset
from netsim.specification import IntensityEncoder, Network
from netsim.studies.plans import make_plan
from netsim.studies.runner import StudyRunner
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
    export_network("sonata-network", network, weights, folder / "digits.sonata")


def _digits() -> tuple[Network, Weights]:
    network = load_preset("digits")
    return network, {name: array.astype(float) for name, array in initial_weights(network, 0).items()}


@cache
def _simulation() -> Simulation:
    network, weights = _digits()
    return simulate(make_engine("event", network), weights, load_splits(network).test, [3, 1])


def _table(folder: Path) -> None:
    export("csv", _simulation(), folder / "spikes.csv", record={"seed": 0})


def _simulated(folder: Path) -> None:
    write_simulation(_simulation(), folder, [3], {"seed": 0})


@cache
def _studied() -> pd.DataFrame:
    network, weights = _digits()
    plan = make_plan(network, "spike-jitter", levels=[1.0], seeds=(0, 1))
    stimuli = load_splits(network).test.pick(np.arange(5))
    runner = StudyRunner(plan, network, weights, stimuli)
    return study_table(runner.run(lambda step: make_engine("event", network, step)))


def _study(folder: Path) -> None:
    write_study(_studied(), {"kind": "spike-jitter"}, folder, [folder / "spike-jitter.csv"])


@pytest.mark.parametrize(
    ("write", "size"),
    [
        (_stream, 20_000),  # within the first file
        (_stream, 40_000),  # training samples are there, test samples are not
        (_stream, 80_000),  # both are, the file of them is not
        (_sonata, 2_000),
        (_sonata, 100_000),  # nodes are there, edges would not be
        (_sonata, 1_000_000),
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
