"""Trainings that learn from all stimuli: none is set aside, and the last epoch is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim
from netsim import analysis
from netsim.analysis.learning_tables import best_epoch
from netsim.description import to_markdown
from netsim.errors import DataError, SpecificationError
from netsim.training.checkpoint import read_checkpoint
from netsim.training.opening import TrainingRun, training_figures
from netsim.weights.binary import kept_weights

FOLDER = Path("run")


def _network(**training: Any) -> netsim.Network:
    digits = netsim.load_preset("digits")
    settings: dict[str, Any] = {"engine": "event", "epochs": 3, "batch": 20, "validation": 0} | training
    return dataclasses.replace(digits, training=dataclasses.replace(digits.training, **settings))


def _open(network: netsim.Network | None = None, folder: Path = FOLDER, resume: bool = False) -> TrainingRun:
    return netsim.open_training(folder, network or _network(), seed=0, limit=60, resume=resume)


def test_all_stimuli_are_learned_from() -> None:
    data = netsim.load_splits(_network())
    aside = netsim.load_splits(_network(validation=180))
    assert (len(data.training), len(data.validation), len(data.test)) == (1437, 0, 360)
    assert len(aside.training) + len(aside.validation) == len(data.training)


def test_the_last_epoch_is_kept() -> None:
    network, run = _network(), _open()
    kept: list[dict[str, np.ndarray]] = []

    def keep(metrics: dict[str, Any]) -> None:
        kept.append({name: array.copy() for name, array in run.folder.weights(network).items()})

    history = run.train(netsim.Callbacks(on_epoch=keep))
    weights, epoch = run.folder.weights_of_epoch(network)
    assert epoch == 3
    last = kept_weights(network, read_checkpoint(network, run.folder.checkpoint).current)
    for name, array in weights.items():
        np.testing.assert_array_equal(array, last[name])
    assert any((kept[1][name] != array).any() for name, array in weights.items())
    assert not [name for name in history[-1] if name.startswith("validation")]
    assert training_figures(history).keys() == {"epochs", "best_epoch", "seconds"}
    assert training_figures(history)["best_epoch"] == 3


def test_its_metrics_are_read_back_and_drawn() -> None:
    history = _open().train()
    table = analysis.metrics_table(FOLDER / "metrics.csv")
    assert table["training_loss"].tolist() == [row["training_loss"] for row in history]
    assert best_epoch(table) == 2
    axes = analysis.learning_curves(table)
    assert [line.get_label() for line in axes.lines] == ["training"]


def test_it_is_resumed_to_the_bit() -> None:
    whole = _open(folder=Path("whole"))
    whole.train()
    broken = _open(folder=Path("broken"))
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        broken.train(netsim.Callbacks(on_batch=lambda _: seen.append(0)), interrupted=lambda: len(seen) == 5)
    assert len(broken.folder.path.joinpath("metrics.csv").read_text().splitlines()) == 2  # one epoch of three batches
    _open(folder=Path("broken"), resume=True).train()
    assert Path("broken/best.npz").read_bytes() == Path("whole/best.npz").read_bytes()


def test_early_stopping_is_refused_as_it_has_nothing_to_go_by() -> None:
    by_hand = netsim.EarlyStopping(2)
    for stop in (by_hand, lambda history: by_hand(history)):
        run = _open(folder=Path(f"run{stop is by_hand}"))
        with pytest.raises(
            SpecificationError, match=r"^EarlyStopping: has no validation stimuli to go by; set training"
        ):
            run.train(netsim.Callbacks(stop=stop))
    assert not Path("runTrue/best.npz").exists()


def test_stimuli_that_should_validate_are_asked_for() -> None:
    network = _network(validation=30)
    stimuli = netsim.load_splits(network).training.first(20)
    state, engine = netsim.start_training(network, seed=0), netsim.make_engine("event", network)
    with pytest.raises(DataError, match=r"^validation: has no stimuli; give at least one, or set training\.validation"):
        netsim.run_training(engine, network, stimuli, stimuli.first(0), state, seed=0)


def test_whoever_begins_with_its_weights_has_nothing_unseen_to_validate_with() -> None:
    _open().train()
    begun = _network(pretrained=str(FOLDER), validation=30)
    with pytest.raises(SpecificationError, match=r"is validated with; set training\.validation to 0$"):
        _open(begun, Path("after"))
    assert not Path("after").exists()
    _open(dataclasses.replace(begun, training=dataclasses.replace(begun.training, validation=0)), Path("after")).train()


def test_the_description_says_so() -> None:
    _open().train()
    model = netsim.load_model(str(FOLDER))
    said = to_markdown(netsim.describe(model.network, model.run))
    assert "No training stimuli are set aside for validation. The weights of the last epoch are kept." in said
    assert "of epoch 3; there were no validation stimuli to choose one by" in said
    assert "best strict validation accuracy" not in said


def test_a_data_set_with_validation_stimuli_of_its_own_is_validated_with_them() -> None:
    draws = np.random.default_rng(0)
    parts = [(draws.integers(1, 17, (count, 8, 8, 1)), np.arange(count) % 10) for count in (60, 20, 20)]
    learned, held_out, tested = parts
    data = netsim.make_dataset(learned, _network().encoder, test=tested, validation=held_out, intensity_max=16.0)
    history = netsim.open_training(FOLDER, _network(epochs=1), seed=0, data=data).train()
    assert "validation_loss" in history[0]


def test_epochs_that_are_validated_and_others_are_not_compared() -> None:
    network = _network(epochs=2)
    stimuli = netsim.load_splits(network).training.first(20)
    state, engine = netsim.start_training(network, seed=0), netsim.make_engine("event", network)
    once = netsim.Callbacks(stop=lambda history: True)
    netsim.run_training(engine, network, stimuli, stimuli.first(0), state, seed=0, callbacks=once)
    with pytest.raises(SpecificationError, match="epochs with validation stimuli and without cannot be compared"):
        netsim.run_training(engine, network, stimuli, stimuli, state, seed=0)


def test_weights_of_a_run_with_validation_stimuli_of_its_own_have_not_seen_them() -> None:
    yin_yang = netsim.load_preset("yin-yang")
    for name, validation, pretrained in (("before", 0, ""), ("after", 50, "before")):
        settings = dataclasses.replace(yin_yang.training, epochs=1, validation=validation, pretrained=pretrained)
        network = dataclasses.replace(yin_yang, training=settings)
        netsim.open_training(Path(name), network, seed=0, limit=100).train()
