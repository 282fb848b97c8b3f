"""Learning from a teacher: what it says of the labels, who may teach, and that a run knows who did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch, make_engine
from netsim.errors import RunError, SpecificationError
from netsim.models.presets import load_preset
from netsim.report.tables import record_facts
from netsim.runs import create_run, describe_run
from netsim.specification import Dense, Encoder, Learning, Network, Neurons, Training
from netsim.stimuli import Stimuli
from netsim.teaching import Teacher, load_teacher
from netsim.training import start_training, train
from netsim.training_runs import open_training
from netsim.weights import initial_weights

MakeStimuli = Callable[..., Stimuli]


def _network(name: str = "pupil", **changes: Any) -> Network:
    network = Network(
        name,
        Encoder((6, 6, 1), 16.0),
        (
            Dense("hidden", 20, Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
            Dense("output", 4, Neurons("phased", 3.0, 16.0, 48.0, 160.0, 1.0, bias=True)),
        ),
        160.0,
        training=Training(epochs=8, batch=10, validation=10),
        learning=Learning(rate=0.01),
    )
    return dataclasses.replace(network, **changes)


PUPIL = _network(learning=Learning(rate=0.01, teacher="teacher", imitation=1.0, temperature=2.0))


def _teacher(folder: Path, **changes: Any) -> Network:
    """Write the run folder of a trained network."""
    network = _network("teacher", **changes)
    create_run(folder, network, describe_run(1), initial_weights(network, 1))
    return network


def _learn(pupil: Network, teacher: Teacher | None, stimuli: Stimuli) -> dict[str, np.ndarray]:
    experiment = train(pupil, stimuli, stimuli.first(20), start_training(pupil, 0), 0, teacher=teacher)
    return make_engine("event", pupil, precision="single").run(experiment).weights


def test_beliefs_are_a_softmax_over_latencies(random_stimuli: MakeStimuli) -> None:
    network = _network(learning=Learning(sharpness=4.0))
    stimuli = random_stimuli(network.encoder, 30, 4).latencies(np.arange(30))
    weights = initial_weights(network, 1)
    latencies = make_engine("event", network).present(Batch(stimuli, weights))[-1]
    expected = np.exp(-4.0 / 3.0 * np.minimum(latencies, 160.0) / 16.0)
    expected /= expected.sum(axis=1, keepdims=True)
    beliefs = Teacher(network, weights, 3.0, "double").beliefs(stimuli)
    np.testing.assert_allclose(beliefs, expected)
    assert (Teacher(network, weights, 30.0).beliefs(stimuli).max(axis=1) < beliefs.max(axis=1)).all()


def test_a_silent_teacher_has_no_preference() -> None:
    network = _network()
    weights = {name: np.zeros_like(array) - 100.0 for name, array in initial_weights(network, 0).items()}
    np.testing.assert_allclose(Teacher(network, weights).beliefs(np.full((2, 6, 6, 1), np.inf)), 0.25)


def test_a_pupil_comes_to_agree_with_its_teacher_whatever_the_labels(
    random_stimuli: MakeStimuli, tmp_path: Path
) -> None:
    teacher_network = _teacher(tmp_path / "teacher")
    teacher = load_teacher(PUPIL)
    assert teacher is not None
    assert teacher.network == teacher_network
    stimuli = random_stimuli(PUPIL.encoder, 200, 4)
    others = dataclasses.replace(stimuli, labels=(stimuli.labels + 1) % 4)
    weights = _learn(PUPIL, teacher, stimuli)
    for name, array in _learn(PUPIL, teacher, others).items():
        np.testing.assert_array_equal(array, weights[name])
    shown = stimuli.latencies(np.arange(200))
    wanted = teacher.beliefs(shown)

    def gap(weights: dict[str, np.ndarray]) -> float:
        return float(np.abs(Teacher(PUPIL, weights).beliefs(shown) - wanted).mean())

    assert gap(weights) < 0.25 * gap(initial_weights(PUPIL, 0))


def test_a_share_of_the_target_is_the_labels(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    _teacher(tmp_path / "teacher")
    pupil = dataclasses.replace(PUPIL, learning=dataclasses.replace(PUPIL.learning, imitation=0.5))
    stimuli = random_stimuli(pupil.encoder, 50, 4)
    others = dataclasses.replace(stimuli, labels=(stimuli.labels + 1) % 4)
    teacher = load_teacher(pupil)
    a, b = _learn(pupil, teacher, stimuli), _learn(pupil, teacher, others)
    alone = _learn(_network(), None, stimuli)
    assert (a["output.kernel"] != b["output.kernel"]).any()
    assert (a["output.kernel"] != alone["output.kernel"]).any()


def test_training_does_not_go_on_without_the_teacher(random_stimuli: MakeStimuli) -> None:
    stimuli = random_stimuli(PUPIL.encoder, 20, 4)
    with pytest.raises(SpecificationError, match=r"^learning\.teacher: "):
        _learn(PUPIL, None, stimuli)
    with pytest.raises(SpecificationError, match=r"^learning\.teacher: "):
        _learn(_network(), Teacher(_network(), initial_weights(_network(), 0)), stimuli)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": Encoder((6, 6, 1), 8.0)}, "sees other stimuli"),
        (
            {"layers": (Dense("output", 5, Neurons("phased", 3.0, 16.0, 16.0, 160.0, 1.0)),)},
            "has 5 output neurons, pupil has 4",
        ),
        ({"training": Training(validation=9)}, "set training.validation to 9 or less"),
    ],
)
def test_who_cannot_teach(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    _teacher(tmp_path / "teacher", **changes)
    with pytest.raises(SpecificationError, match=f"learning.teacher: teacher .*{message}"):
        load_teacher(PUPIL)


def test_a_teacher_has_learned() -> None:
    for name, message in (("digits", "has not learned"), ("digitz", "neither .* run folder; did you mean 'digits'")):
        with pytest.raises(SpecificationError, match=f"^learning.teacher: {name} .*{message}"):
            load_teacher(dataclasses.replace(PUPIL, learning=Learning(teacher=name, imitation=0.5)))


@pytest.mark.parametrize(
    "settings",
    [
        {"teacher": "teacher"},
        {"imitation": 0.5},
        {"teacher": "teacher", "imitation": 1.5},
        {"teacher": "teacher", "imitation": float("nan")},
        {"teacher": "teacher", "imitation": 0.5, "temperature": 0.0},
        {"teacher": "teacher", "imitation": 0.5, "targets": "relative"},
    ],
)
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SpecificationError, match=r"^learning\.(teacher|imitation|temperature): "):
        Learning(**settings)


def test_a_run_knows_its_teacher_and_goes_on_with_no_other(tmp_path: Path) -> None:
    digits = load_preset("digits")
    create_run("teacher", digits, describe_run(1), initial_weights(digits, 1))
    pupil = dataclasses.replace(
        digits,
        learning=dataclasses.replace(digits.learning, teacher="teacher", imitation=0.5),
        training=dataclasses.replace(digits.training, epochs=2),
    )
    whole = open_training(tmp_path / "whole", pupil, 0, limit=200)
    whole.train()
    assert whole.teacher is not None
    assert whole.folder.record()["teacher_sha256"] == whole.teacher.sha256
    assert ("checksum of the teacher's weights", whole.teacher.sha256) in [
        (fact.name, fact.value) for fact in record_facts(whole.folder.record())
    ]

    batches = iter(range(100))
    with pytest.raises(KeyboardInterrupt):
        open_training(tmp_path / "broken", pupil, 0, limit=200).train(interrupted=lambda: next(batches) == 2)
    resumed = open_training(tmp_path / "broken", pupil, 0, limit=200, resume=True)
    resumed.train()
    best = whole.folder.weights(pupil)
    for name, array in resumed.folder.weights(pupil).items():
        np.testing.assert_array_equal(array, best[name])

    for file in Path("teacher").iterdir():
        file.unlink()
    create_run("teacher", digits, describe_run(2), initial_weights(digits, 2))
    with pytest.raises(RunError, match="its teacher teacher has other weights by now"):
        open_training(tmp_path / "broken", pupil, 0, limit=200, resume=True)
