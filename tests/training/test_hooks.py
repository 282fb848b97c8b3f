"""What is handed to a training in place of what the settings name: targets, engine, and when to stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.errors import RunError, SpecificationError
from netsim.learning import OutputDisplacement, Targets


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
