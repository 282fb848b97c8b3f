"""What is handed to a training in place of what the settings name: targets, engine, and when to stop."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.errors import RunError, SpecificationError
from netsim.learning import OutputDisplacement, Targets
from netsim.training.checkpoint import read_checkpoint
from netsim.training.starting import without_effect


@dataclasses.dataclass(frozen=True)
class Still(Targets):
    """Nothing should move."""

    @classmethod
    def from_network(cls, network: netsim.Network) -> Still:
        return cls()

    def displacement(self, outputs: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        return OutputDisplacement(np.zeros_like(outputs), np.full(len(labels), 7.0))


def _digits(**training: Any) -> netsim.Network:
    digits = netsim.load_preset("digits")
    settings: dict[str, Any] = {"engine": "event", "dt": 1.0, "epochs": 4, "validation": 30} | training
    return dataclasses.replace(digits, training=dataclasses.replace(digits.training, **settings))


def _open(path: str = "run", **parts: Any) -> Any:
    return netsim.open_training(Path(path), parts.pop("network", _digits()), seed=0, limit=60, **parts)


SEEDS = {"first": 0, "second": 0, "third": 1}


def _metrics(*scores: float) -> list[dict[str, float]]:
    return [{"validation_strict_accuracy": score, "validation_loss": 1.0} for score in scores]


@pytest.mark.parametrize(
    ("scores", "patience", "stops"),
    [
        ((), 1, False),
        ((0.5,), 1, False),
        ((0.5, 0.4), 1, True),
        ((0.5, 0.4), 2, False),
        ((0.5, 0.6, 0.6, 0.5), 2, True),
    ],
)
def test_early_stopping(scores: tuple[float, ...], patience: int, stops: bool) -> None:
    assert netsim.EarlyStopping(patience)(_metrics(*scores)) is stops


def test_a_run_says_when_and_by_what_it_was_resumed() -> None:
    def stop(after: int) -> netsim.Callbacks:
        return netsim.Callbacks(stop=lambda history: len(history) >= after)

    run = _open()
    run.train(stop(1))
    assert "resumed" not in run.folder.record()
    _open(resume=True).train(stop(3))
    _open(resume=True).train()
    resumed = run.folder.record()["resumed"]
    assert [entry["epoch"] for entry in resumed] == [2, 4]
    assert {(entry["netsim"], entry["versions"]["numpy"]) for entry in resumed} == {
        (netsim.__version__, np.__version__)
    }
    assert f"| in epoch 4, {resumed[1]['started']}: netsim {netsim.__version__}, " in netsim.to_markdown(
        netsim.describe(run.network, run.folder)
    )
    _open(resume=True).train()
    assert run.folder.record()["resumed"] == resumed  # there was nothing left to do


def test_projections_that_draw_the_same_synapses_are_noted() -> None:
    rule = netsim.Random(20, probability=0.3)
    layers = [netsim.Layer(name, dataclasses.replace(rule, seed=seed)) for name, seed in SEEDS.items()]
    digits = _digits()
    network = netsim.Network.chain(
        "drawn",
        digits.encoder,
        [netsim.Layer("zeroth", netsim.Dense(20)), *layers, netsim.Layer("output", netsim.Dense(10))],
        64.0,
        training=digits.training,
    )
    with pytest.warns(UserWarning, match="drawn: first and second have the same synapses, being drawn") as seen:
        _open(network=network)
    assert {each.filename for each in seen} == {__file__}  # not a line of netsim


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"targets": "relative", "sharpness": 24.0, "margin": 2.0}, ["sharpness"]),
        ({"margin": 2.0, "clip": 1.5, "label_smoothing": 0.05}, ["clip", "margin"]),
        ({}, []),
    ],
)
def test_settings_without_effect_are_noted(given: dict[str, Any], keys: list[str]) -> None:
    network = dataclasses.replace(_digits(), learning=netsim.Learning(**given))
    assert [line.split()[0] for line in without_effect(network)] == [f"learning.{key}" for key in keys]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        _open(network=network)
    assert [str(each.message).split()[1] for each in seen] == [f"learning.{key}" for key in keys]


def test_a_slope_at_threshold_without_effect_is_noted() -> None:
    network, named = _digits(), "neurons.crossing_slope of hidden has no effect in phased"
    hidden = dataclasses.replace(network.population("hidden").dynamics, crossing_slope=0.1)
    populations = [
        dataclasses.replace(each, neurons=hidden) if each.name == "hidden" else each for each in network.populations
    ]
    (line,) = without_effect(dataclasses.replace(network, populations=tuple(populations)))
    assert line.startswith(named)


def test_patience_is_checked() -> None:
    with pytest.raises(SpecificationError, match=r"^patience: "):
        netsim.EarlyStopping(0)


def test_a_training_stops_and_stays_stopped_when_it_is_resumed() -> None:
    asked: list[int] = []

    def stop(history: Sequence[Mapping[str, Any]]) -> bool:
        asked.append(len(history))
        return len(history) == 2

    callbacks = netsim.Callbacks(stop=stop)
    history = _open().train(callbacks)
    assert (len(history), asked) == (2, [1, 2])
    assert _open(resume=True).train(callbacks) == history
    assert asked == [1, 2, 2]
    whole = _open("whole").train()
    scores = ("training_loss", "validation_loss")
    assert [[row[score] for score in scores] for row in whole[:2]] == [
        [row[score] for score in scores] for row in history
    ]
    longer = _open(resume=True).train()
    assert longer[-1]["training_loss"] == whole[-1]["training_loss"]


def test_an_interrupted_training_keeps_what_it_has_learned_so_far() -> None:
    """Long before a checkpoint is due."""
    run, batches = _open(network=_digits(batch=10)), itertools.count(1)
    with pytest.raises(KeyboardInterrupt):
        run.train(interrupted=lambda: next(batches) == 3)
    state = read_checkpoint(run.network, run.folder.checkpoint)
    assert (state.epoch, state.batch, state.totals.presentations) == (0, 3, 30)


def test_targets_take_the_place_of_those_of_the_settings() -> None:
    run = _open(targets=Still())
    history = run.train(netsim.Callbacks(stop=netsim.EarlyStopping(1)))
    assert len(history) == 2
    assert history[0]["training_loss"] == 7.0
    first = netsim.initial_weights(run.network, 0)
    np.testing.assert_array_equal(run.folder.weights(run.network)["hidden.kernel"], first["hidden.kernel"])
    (plugin,) = run.folder.record()["plugins"]
    assert (plugin["seam"], plugin["name"], plugin["handed_in"]) == ("target", "Still", True)
    with pytest.raises(SpecificationError, match=r"^targets: belong to the learner, which is handed in too"):
        _open("other", targets=Still(), learner=netsim.STiDiBP(run.network)).train()


def test_an_engine_takes_the_place_of_that_of_the_settings() -> None:
    network = _digits(engine="brian2")
    run = _open(network=network, engine=netsim.make_engine("event", network, dt=1.0))
    run.train(netsim.Callbacks(stop=lambda history: True))
    plain = _open("plain")
    plain.train(netsim.Callbacks(stop=lambda history: True))
    for name, array in plain.folder.weights(network).items():
        np.testing.assert_array_equal(run.folder.weights(network)[name], array)
    assert [plugin["name"] for plugin in run.folder.record()["plugins"]] == ["EventEngine"]
    with pytest.raises(
        RunError, match=r"^run: was trained with the engine 'EventEngine' of netsim\..*, an object in Python"
    ):
        netsim.load_model("run").check_engine()
    with pytest.raises(SpecificationError, match=r"^engine: presents populations .* in steps of 0 ms; the network has"):
        _open("other", engine=netsim.make_engine("event", network))
