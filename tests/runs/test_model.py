"""What a command works on."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim.cli.options import with_options
from netsim.errors import RunError, SpecificationError
from netsim.models.presets import load_preset
from netsim.runs.folder import create_run, describe_run
from netsim.runs.model import load_model, load_network


def test_a_folder_hides_neither_a_preset_nor_a_data_set(tmp_path: Path) -> None:
    for name in ("digits", "mnist"):
        (tmp_path / name).mkdir()
    assert load_model("digits").network == load_preset("digits")
    assert with_options(load_preset("digits"), dataset="mnist").training.dataset == "mnist"
    assert with_options(load_preset("digits"), dataset="./mnist").training.dataset == str(tmp_path / "mnist")
    with pytest.raises(RunError, match="is no run folder"):
        load_model("./digits")


def test_a_trained_preset_brings_its_weights() -> None:
    assert load_model("mlp-mnist").origin == "trained"
    assert load_model("digits").origin == "initial"


def test_what_is_nothing_names_the_nearest_preset() -> None:
    for name in ("digitz", "DIGITS"):
        with pytest.raises(SpecificationError, match="did you mean 'digits'"):
            load_model(name)
    with pytest.raises(SpecificationError, match=r"^'': is neither a preset nor a TOML file; known are"):
        load_model("")


def test_a_run_folder_where_a_network_is_asked_for_says_how_to_go_on(tmp_path: Path) -> None:
    create_run(tmp_path / "run", load_preset("digits"), describe_run(0))
    with pytest.raises(SpecificationError, match=r"run: is a run folder, .* --out \S*run --resume to go on with it"):
        load_network(str(tmp_path / "run"))
