"""What a command works on."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import netsim
from netsim.data.making import make_dataset
from netsim.data.packed import write_dataset
from netsim.errors import FormerWarning, RunError, SpecificationError
from netsim.models.presets import load_preset
from netsim.runs.folder import create_run, describe_run
from netsim.runs.model import load_model, with_training
from netsim.runs.names import load_network
from netsim.specification.toml import dumps_network
from netsim.training.checking import weights_before_learning
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights


def test_a_folder_hides_neither_a_preset_nor_a_data_set(tmp_path: Path) -> None:
    for name in ("digits", "mnist"):
        (tmp_path / name).mkdir()
    assert load_model("digits").network == load_preset("digits")
    assert with_training(load_preset("digits"), dataset="mnist").training.dataset == "mnist"
    assert with_training(load_preset("digits"), dataset="./mnist").training.dataset == str(tmp_path / "mnist")
    with pytest.raises(RunError, match="is not a run folder"):
        load_model("./digits")


def test_a_file_hides_no_preset_and_has_none_of_its_weights(tmp_path: Path) -> None:
    for name in ("digits", "mlp-mnist", "own"):
        (tmp_path / name).write_text(dumps_network(load_preset("yin-yang")))
    (tmp_path / "own.npz").write_bytes(b"another file")
    assert load_model("digits").network == load_preset("digits")
    assert load_model(Path("mlp-mnist")).origin == "initial"
    assert load_model(tmp_path / "own").origin == "initial"


def test_a_trained_preset_brings_its_weights() -> None:
    assert load_model("mlp-mnist").origin == "trained"
    assert load_model("digits").origin == "initial"


def test_a_run_of_another_version_is_mentioned_once(tmp_path: Path) -> None:
    network = load_preset("digits")
    weights = initial_weights(network, 5)
    create_run(tmp_path / "former", network, describe_run(3) | {"netsim": "0.0.9"}, weights)
    create_run(tmp_path / "ours", network, describe_run(3), weights)
    message = f"was made by netsim 0.0.9, this is {netsim.__version__}, which may compute other numbers"
    with pytest.warns(FormerWarning, match=message) as warned:
        load_model(tmp_path / "former")
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", FormerWarning)
        load_model(tmp_path / "ours")


def test_weights_before_learning_are_those_of_the_seed_of_the_run(tmp_path: Path) -> None:
    """Whatever the seed of the command that compares."""
    network = load_preset("digits")
    create_run(tmp_path / "run", network, describe_run(3), initial_weights(network, 5))
    before = weights_before_learning(load_model(tmp_path / "run", seed=8), seed=8)
    expected = forward_weights(network, initial_weights(network, 3))
    assert before is not None
    assert before.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(before[name], array)


def test_a_data_folder_that_is_given_counts_before_the_one_that_a_run_remembers(tmp_path: Path) -> None:
    network = with_training(load_preset("digits"), dataset="own.npz")
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8)).astype(np.uint8)
    for number, folder in enumerate(("former", "given")):
        (tmp_path / folder).mkdir()
        labels = np.arange(40) % 2 + 2 * number
        made = make_dataset((images, labels), network.encoder, classes=[str(digit) for digit in range(10)])
        write_dataset(made, tmp_path / folder / "own.npz")
    record = describe_run(0, data_dir=str(tmp_path / "former"))
    create_run(tmp_path / "run", network, record, initial_weights(network, 0))
    model = load_model(tmp_path / "run")
    assert set(model.splits().test.labels) == {0, 1}
    assert set(model.splits(data_dir=str(tmp_path / "given")).test.labels) == {2, 3}


def test_what_is_nothing_names_the_nearest_preset() -> None:
    for name in ("digitz", "DIGITS"):
        with pytest.raises(SpecificationError, match="did you mean 'digits'"):
            load_model(name)
    with pytest.raises(SpecificationError, match=r"^'': is neither a run folder nor a preset nor a TOML file; known"):
        load_model("")
    with pytest.raises(SpecificationError, match="must be a preset, a TOML file or a run, not a Network"):
        load_model(load_preset("digits"))  # type: ignore[arg-type]


def test_a_run_folder_where_a_network_is_asked_for_says_how_to_go_on(tmp_path: Path) -> None:
    create_run(tmp_path / "run", load_preset("digits"), describe_run(0))
    continued = r"run: is a run folder, .*continue the run: netsim train \S*run --resume"
    with pytest.raises(SpecificationError, match=continued):
        load_network(str(tmp_path / "run"))
