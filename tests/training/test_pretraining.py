"""Beginning with trained weights: whose they may be, what becomes of them, and that a run knows them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.data.loading import load_dataset
from netsim.data.packed import write_dataset
from netsim.description.provenance import record_facts
from netsim.errors import RunError, SpecificationError
from netsim.learning.constraints import constraints_of
from netsim.models.presets import load_preset
from netsim.runs.folder import create_run, describe_run
from netsim.runs.model import load_model
from netsim.runs.pretraining import Pretrained, learned_from, load_pretrained
from netsim.specification import (
    Dense,
    EdgeList,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Training,
    Weighting,
)
from netsim.training.callbacks import Callbacks
from netsim.training.checking import weights_before_learning
from netsim.training.opening import TrainingRun, open_training
from netsim.training.starting import changed_at_once, start_training
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.transfer import weights_sha256


def _network(name: str = "after", **changes: Any) -> Network:
    settings: dict[str, Any] = {
        "encoder": IntensityEncoder((6, 6, 1), 16.0),
        "layers": (
            Layer("hidden", Dense(20), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
            Layer("output", Dense(4), Neurons("phased", 3.0, 16.0, 48.0, 160.0, 1.0, bias=True)),
        ),
        "training": Training(validation=10, pretrained="before"),
    }
    return Network.chain(name, duration=160.0, **settings | changes)


def _before(**changes: Any) -> Network:
    """Write the run folder of a trained network."""
    network = _network("before", **{"training": Training(validation=10), **changes})
    create_run("before", network, describe_run(1), initial_weights(network, 1))
    return network


@pytest.mark.parametrize("weighting", [Weighting(), Weighting("binary")])
@pytest.mark.parametrize("seed", [0, 1])
def test_training_begins_with_the_weights_as_they_fed_forward(weighting: Weighting, seed: int) -> None:
    before = _before(weighting=weighting)
    expected = forward_weights(before, initial_weights(before, 1))
    begun = start_training(_network(), seed).weights
    assert list(begun) == list(expected)
    for name, array in begun.items():
        np.testing.assert_array_equal(array, expected[name].astype(np.float32))
    begun["hidden.kernel"][:] = 0
    assert (start_training(_network(), seed).weights["hidden.kernel"] != 0).any()


def test_constraints_that_change_the_weights_at_once_are_told() -> None:
    """Training moves the mean of the output's biases away from the initial one."""
    network = _before()
    weights = initial_weights(network, 1)
    weights["output.bias"] += 0.5
    shutil.rmtree("before")
    create_run("before", network, describe_run(1), weights)
    for centred in (True, False):
        changed = _network(learning=Learning(centred_outputs=centred))
        state = start_training(changed, 0)
        told = changed_at_once(constraints_of(changed), state.weights)
        assert [text.partition(" by ")[0] for text in told if "bias" in text] == [
            "the constraint centre changes output.bias"
        ] * centred
        np.testing.assert_allclose(state.weights["output.bias"], weights["output.bias"])  # as they are


def test_a_data_set_is_the_same_under_another_name(tmp_path: Path) -> None:
    digits = load_preset("digits")
    copy = str(write_dataset(load_dataset("digits"), tmp_path / "copy.npz"))
    few = dataclasses.replace(digits, training=dataclasses.replace(digits.training, dataset=copy, validation=10))
    open_training("few", few, 0, limit=50).train(Callbacks(stop=lambda history: True))
    after = dataclasses.replace(digits, training=dataclasses.replace(digits.training, pretrained="few"))
    with pytest.raises(SpecificationError, match=r"few has learned from stimuli .*; set training.validation to 10 or"):
        open_training("after", after, 0, limit=50)
    assert not Path("after").exists()
    fits = dataclasses.replace(after, training=dataclasses.replace(after.training, validation=10))
    open_training("after", fits, 0, limit=50)


def test_weights_remember_what_those_that_they_began_with_had_learned_from(tmp_path: Path) -> None:
    digits = load_preset("digits")
    copy = str(write_dataset(load_dataset("digits"), tmp_path / "copy.npz"))
    moved = load_dataset("digits")
    other = str(write_dataset(dataclasses.replace(moved, train_images=moved.train_images[::-1]), "other.npz"))

    def trained(name: str, dataset: str, validation: int, pretrained: str = "") -> TrainingRun:
        settings = dataclasses.replace(
            digits.training, dataset=dataset, validation=validation, pretrained=pretrained, epochs=1
        )
        run = open_training(name, dataclasses.replace(digits, name=name, training=settings), 0, limit=50)
        run.train()
        return run

    trained("first", "digits", 0)
    second = trained("second", other, 0, pretrained="first")
    before = second.folder.record()["learned_before"]
    assert [(seen["dataset"], seen["validation"]) for seen in before] == [("digits", 0)]
    assert ("data that those weights had learned from", before[0]["sha256"]) in [
        (fact.name, fact.value.split()[-1]) for fact in record_facts(second.folder.record())
    ]
    shutil.rmtree("first")
    for dataset in ("digits", copy):  # by its name, and by its checksum
        with pytest.raises(SpecificationError, match="second has learned from stimuli that third is validated with"):
            trained("third", dataset, 10, pretrained="second")
    assert not Path("third").exists()
    third = trained("third", "digits", 0, pretrained="second").folder.record()["learned_before"]
    assert [seen["dataset"] for seen in third] == ["digits", other]


def test_of_several_trainings_the_one_with_the_fewest_stimuli_set_aside_counts() -> None:
    """The second learned from five of the ten stimuli that the first was validated with."""
    digits = load_preset("digits")

    def network(validation: int, pretrained: str = "") -> Network:
        settings: dict[str, Any] = {"validation": validation, "pretrained": pretrained, "epochs": 1}
        return dataclasses.replace(digits, training=dataclasses.replace(digits.training, **settings))

    open_training("first", network(10), 0, limit=50).train()
    open_training("second", network(5, "first"), 0, limit=50).train()
    with pytest.raises(SpecificationError, match=r"second has learned .*; set training.validation to 5 or less"):
        open_training("third", network(10, "second"), 0, limit=50)
    open_training("third", network(5, "second"), 0, limit=50)


def test_without_a_name_weights_are_drawn() -> None:
    assert load_pretrained(_network(training=Training())) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"encoder": IntensityEncoder((6, 5, 1), 16.0)},
            r"hidden.kernel of shape \(30, 20\), .* hidden.kernel of shape \(36",
        ),
        (
            {"layers": (Layer("output", Dense(4), Neurons("phased", 3.0, 16.0, 16.0, 160.0, 1.0)),)},
            r"no hidden\.kernel, after needs hidden\.kernel of shape \(36, 20\)",
        ),
        ({"training": Training(validation=9)}, "is validated with; set training.validation to 9 or less"),
    ],
)
def test_whose_weights_do_not_do(changes: dict[str, Any], message: str) -> None:
    _before(**changes)
    with pytest.raises(SpecificationError, match=rf"^training\.pretrained: before .*{message}"):
        start_training(_network(), 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits", "has not learned anything"),
        ("digitz", "is neither a preset nor a run folder seen from .*; did you mean 'digits'"),
        ("gone", "is neither a preset nor a run folder"),
    ],
)
def test_what_is_not_trained(name: str, message: str) -> None:
    network = _network(training=Training(pretrained=name))
    with pytest.raises(SpecificationError, match=rf"^training\.pretrained: {name} {message}"):
        load_pretrained(network)


def test_a_run_knows_what_it_began_with_and_goes_on_with_nothing_else(tmp_path: Path) -> None:
    digits = load_preset("digits")
    create_run("before", digits, describe_run(1), initial_weights(digits, 1))
    after = dataclasses.replace(digits, training=dataclasses.replace(digits.training, epochs=2, pretrained="before"))
    whole = open_training(tmp_path / "whole", after, 0, limit=200)
    whole.train()
    checksum = weights_sha256(initial_weights(digits, 1))
    assert whole.folder.record()["pretrained_sha256"] == checksum
    shown = [(fact.name, fact.value) for fact in record_facts(whole.folder.record())]
    assert ("checksum of the weights it began with", checksum) in shown
    assert weights_before_learning(load_model(str(whole.folder.path)), 0) is None

    batches = iter(range(100))
    with pytest.raises(KeyboardInterrupt):
        open_training(tmp_path / "broken", after, 0, limit=200).train(interrupted=lambda: next(batches) == 2)
    resumed = open_training(tmp_path / "broken", after, 0, limit=200, resume=True)
    resumed.train()
    best = whole.folder.weights(after)
    for name, array in resumed.folder.weights(after).items():
        np.testing.assert_array_equal(array, best[name])

    for file in Path("before").iterdir():
        file.unlink()
    create_run("before", digits, describe_run(2), initial_weights(digits, 2))
    with pytest.raises(RunError, match="before has other weights by now; choose another --out"):
        open_training(tmp_path / "broken", after, 0, limit=200, resume=True)


def test_listed_weights_of_the_wrong_sign_leave_no_run(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post,weight\n0,0,0.5\n1,1,-0.5\n")
    rule = EdgeList(10, str(tmp_path / "edges.csv"))
    layer = Layer("output", rule, Neurons("phased", 1.0, 16.0, 16.0, drive=1.0), sign="inhibitory")
    training = Training("digits", validation=10)
    network = Network.chain("listed", IntensityEncoder((8, 8, 1), 16.0), [layer], 64.0, training=training)
    remedy = r"layers.output.connectivity: defines weights .*; change these weights, or remove the sign"
    with pytest.raises(SpecificationError, match=remedy):
        open_training(tmp_path / "run", network)
    assert not (tmp_path / "run").exists()


def test_a_preset_knows_its_data_by_another_path(tmp_path: Path) -> None:
    """The folder of a known data set has its name, and the preset has no checksum."""
    pretrained = Pretrained({}, [{"dataset": "digits", "validation": 100}])
    digits = load_dataset("digits")
    training = Training(dataset=str(tmp_path / "digits"), validation=200, pretrained="digits")
    network = dataclasses.replace(load_preset("digits"), training=training)
    with pytest.raises(SpecificationError, match=r"set training\.validation to 100 or less"):
        pretrained.check_unseen(network, digits)
    pretrained.check_unseen(network, dataclasses.replace(digits, name="others"))


def test_a_share_is_compared_with_what_pretraining_set_aside() -> None:
    network = dataclasses.replace(load_preset("digits"), training=Training(validation=0.25, pretrained="digits"))
    digits = load_dataset("digits")  # of whose 1437 training images a quarter are 359.25
    Pretrained({}, [{"dataset": "digits", "validation": 359}]).check_unseen(network, digits)
    few = Pretrained({}, [{"dataset": "digits", "validation": 358}])
    with pytest.raises(SpecificationError, match=r"set training\.validation to 358 or less"):
        few.check_unseen(network, digits)
    with pytest.raises(SpecificationError, match=r"set training\.validation to 359 or less"):  # the data are not known
        Pretrained({}, [{"dataset": "digits", "validation": 359}]).check_unseen(network)


def test_a_run_records_how_many_a_share_set_aside() -> None:
    network = load_preset("digits")
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, validation=0.5))
    open_training("half", network, 0, limit=50).train(Callbacks(stop=lambda history: True))
    assert [seen["validation"] for seen in learned_from(load_model("half"))] == [718]  # 718.5, halves to even
