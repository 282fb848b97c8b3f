"""Settings of a network on the command line: ``--set``, ``netsim new``, runs that are extended or continued."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import netsim as package
from netsim.cli import app
from netsim.errors import SpecificationError
from netsim.models.presets import load_preset, preset_names
from netsim.runs.folder import RunFolder
from netsim.specification.keys import editable, known_keys, parse_settings
from netsim.specification.toml import loads_toml, network_from_dict, network_to_dict, read_network
from netsim.training.starting import beginning_of

Netsim = Callable[..., Any]
SMALL = ("--limit", 40, "--set", "training.epochs=2", "--set", "training.batch=20")


def _weights(run: str, part: str) -> dict[str, np.ndarray]:
    with np.load(Path(run) / "checkpoint.npz") as arrays:
        return {name: arrays[name] for name in arrays if name.startswith(part)}


def test_every_setting_can_be_given(netsim: Netsim) -> None:
    given = {"learning.rate": 0.002, "layers.hidden.size": 30, "learning.optimizer": "sgd", "encoder.t_max": 12.0}
    words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    assert netsim("train", "digits", *SMALL, *words, "--out", "run").code == 0
    network = RunFolder(Path("run")).network()
    assert (network.learning.rate, network.learning.optimizer) == (0.002, "sgd")
    assert (network.shapes["hidden"], network.encoder.t_max) == ((30,), 12.0)
    assert (network.training.epochs, network.training.batch) == (2, 20)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("learnig.rate=1", "learnig.rate: is not a setting; did you mean 'learning.rate'?"),
        ("learning.rat=1", "did you mean 'learning.rate'?"),
        ("batch=50", "did you mean 'training.batch'?"),
        ("layers.hidden.dropot=0.1", "did you mean 'layers.hidden.dropout'?"),
        (
            "layers.hiden.dropout=0.1",
            "layers.hiden.dropout: there is no layer 'hiden'; did you mean 'layers.hidden.dropout'?",
        ),
        ("learning.rate=-1", "learning.rate: must be positive"),
        ("learning.rate=fast", "learning.rate: must be of type float, not 'fast'"),
        ("learning.rate", "--set learning.rate: must be KEY=VALUE"),
        ("learning.rate=", "--set learning.rate=: must be KEY=VALUE"),
        ("training.epochs=3", "--epochs: is given by the settings too; leave one out"),
        ("layers=3", "layers: are all layers"),
    ],
)
def test_a_wrong_setting_is_refused_before_there_is_a_folder(setting: str, message: str, netsim: Netsim) -> None:
    netsim("train", "digits", "--epochs", 3, "--set", setting, "--out", "run").refused(message)
    assert not Path("run").exists()


def test_a_setting_is_given_once(netsim: Netsim) -> None:
    netsim("train", "digits", "--set", "learning.rate=1", "--set", "learning.rate=2").refused("is given twice")


def test_values_are_those_of_toml_or_words() -> None:
    texts = ["a.b=1", "a.c=1e-3", "a.d=true", 'a.e="x y"', "a.f=[1, 2]", "a.g=mnist", "a.h=1=2", "a.i=[1"]
    assert parse_settings(texts) == dict(
        zip((f"a.{name}" for name in "bcdefghi"), (1, 1e-3, True, "x y", [1, 2], "mnist", "1=2", "[1"), strict=True)
    )


@pytest.mark.parametrize("preset", preset_names())
def test_the_keys_of_a_preset_are_known(preset: str) -> None:
    table = network_to_dict(load_preset(preset))
    known = set(known_keys(table))
    for section in ("learning", "training", "weighting", "encoder"):
        assert {f"{section}.{key}" for key in table.get(section, {})} <= known
    for layer in table.get("layers", []):
        keys = {f"layers.{layer['name']}.{key}" for key in set(layer) - {"name", "feedback", "winners", "psp"}}
        assert keys <= known


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("train digits --set learning.ra", ["learning.rate="]),
        ("train digits --set layers.hidden.dr", ["layers.hidden.dropout="]),
        ("train digits --set learning.schedule=c", ["learning.schedule=constant", "learning.schedule=cosine"]),
        ("train digits --set learning.balanced=", ["learning.balanced=true", "learning.balanced=false"]),
        ("check nothing --set training.shi", ["training.shift="]),
    ],
)
def test_a_shell_completes_settings(words: str, expected: list[str]) -> None:
    count = str(len(words.split()))
    completed = {"_NETSIM_COMPLETE": "complete_bash", "COMP_WORDS": f"netsim {words}", "COMP_CWORD": count}
    assert CliRunner().invoke(app, [], prog_name="netsim", env=completed).stdout.split() == expected


def test_check_takes_settings(netsim: Netsim) -> None:
    done = netsim("check", "digits", "--set", "layers.hidden.neurons.threshold=500", "--limit", 5, "--json")
    silent = {row["population"]: row["silent"] for row in done.json()["populations"]}
    assert silent["hidden"] > 0.9


@pytest.mark.parametrize("preset", preset_names())
def test_a_file_to_edit_is_the_same_network(preset: str) -> None:
    network = load_preset(preset)
    assert network_from_dict(loads_toml(editable(network, "netsim train x.toml"), "x")) == network


def test_defaults_in_a_file_to_edit_are_defaults() -> None:
    network = load_preset("digits")
    lines = editable(network, "netsim train x.toml").splitlines()
    text = "\n".join(line.removeprefix("# ") for line in lines if not line.startswith("# Train"))
    assert network_from_dict(loads_toml(text, "x")) == network
    assert '# learner = "stidi-bp"  # stdp, stidi-bp' in lines


def test_a_new_network_is_a_file_that_trains(netsim: Netsim) -> None:
    done = netsim("new", "mine", "--from", "digits", "--set", "layers.hidden.size=20")
    assert (done.code, done.err) == (0, "")
    assert "netsim train mine.toml" in done.out
    network = read_network("mine.toml")
    assert (network.name, network.shapes["hidden"]) == ("mine", (20,))
    expected = dataclasses.replace(load_preset("digits"), name="mine")
    assert (network.training, network.learning) == (expected.training, expected.learning)
    assert netsim("train", "mine.toml", *SMALL).code == 0
    before = Path("mine.toml").read_text(encoding="utf-8")
    netsim("new", "mine").refused("mine.toml: exists already")
    assert Path("mine.toml").read_text(encoding="utf-8") == before
    netsim("new", "other", "--from", "digit").refused("did you mean 'digits'?")
    netsim("new", "none/other").refused("there is no folder none")
    netsim("new", "my net").refused("'my net'")
    assert sorted(path.name for path in Path().iterdir()) == ["mine.toml", "runs"]


def test_an_extended_run_has_the_weights_of_a_longer_one(netsim: Netsim) -> None:
    constant = (*SMALL, "--set", "learning.schedule=constant")
    assert netsim("train", "digits", *constant, "--out", "run").code == 0
    whole = [word if word != "training.epochs=2" else "training.epochs=4" for word in constant]
    assert netsim("train", "digits", *whole, "--out", "whole").code == 0
    done = netsim("train", "run", "--resume", "--epochs", 4)
    assert done.code == 0
    assert "differ" not in done.err
    for part in ("weights.", "best.", "optimizer."):
        for name, array in _weights("whole", part).items():
            np.testing.assert_array_equal(_weights("run", part)[name], array)
    assert Path("run/network.toml").read_bytes() == Path("whole/network.toml").read_bytes()
    (entry,) = RunFolder(Path("run")).record()["extended"]
    assert (entry["epochs"], entry["exact"]) == ([2, 4], True)
    assert "from 2 to 4 epochs" in netsim("describe", "run").out
    netsim("train", "digits", *constant, "--out", "run", "--resume").refused(
        "training.epochs 4, now 2", "netsim train run --resume --epochs 4"
    )
    netsim("train", "run", "--resume", "--set", "learning.rate=1").refused("leave out --resume to train a new run")


def test_an_extension_says_if_the_schedule_depends_on_the_epochs(netsim: Netsim) -> None:
    netsim("train", "digits", *SMALL, "--out", "run")
    done = netsim("train", "run", "--resume", "--epochs", 3)
    assert done.code == 0
    assert "its schedule one-cycle depends on the number of epochs" in done.err
    assert RunFolder(Path("run")).record()["extended"][0]["exact"] is False


def test_a_process_that_dies_while_it_extends_leaves_a_run(netsim: Netsim, run: Path) -> None:
    former = (run / "network.toml").read_bytes()
    folder = RunFolder(run)
    network = folder.network()
    longer = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=3))
    folder.extend(network, longer, False)
    assert folder.network() == longer
    (run / "network.toml").write_bytes(former)
    assert folder.network() == network
    assert netsim("train", run, "--resume", "--epochs", 3).code == 0
    (run / "network.toml").write_bytes(former + b"\n")
    netsim("evaluate", run).refused("differs from the trained specification")


def test_a_run_is_continued_as_a_new_one_that_records_its_parent(netsim: Netsim, run: Path) -> None:
    before = (run / "best.npz").read_bytes()
    done = netsim("train", "run", "--set", "learning.rate=0.0001", "--epochs", 1)
    assert done.code == 0
    limit = RunFolder(run).record()["limit"]
    assert f"run-continued: begins with the best weights of run, and has its limit of {limit} training" in done.err
    new = RunFolder(Path("run-continued"))
    parent = new.record()["parent"]
    assert parent["run"] == "run"
    assert parent["weights_sha256"] == package.load_model("./run").sha256
    assert new.record()["limit"] == limit
    assert (new.network().learning.rate, new.network().training.pretrained) == (0.0001, "run")
    assert (run / "best.npz").read_bytes() == before
    assert "Begins with the weights of" in netsim("describe", "run-continued").out
    again = netsim("train", "run", "--set", "learning.rate=0.0001", "--epochs", 1)
    again.refused("run-continued: exists already")


@pytest.mark.parametrize("name", [".", "../run/", "../run/."])
def test_a_run_is_continued_beside_it(run: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    begin = beginning_of(name)
    assert begin.path is not None
    assert begin.path.resolve() == Path("../run-continued").resolve()
    assert Path(begin.network.training.pretrained).resolve() == Path.cwd()


def test_python_has_the_same(tmp_path: Path) -> None:
    settings = {"training.batch": 20, "training.epochs": 1, "layers.hidden.size": 20}
    model = package.train("digits", "run", settings=settings, limit=40)
    assert (model.network.training.batch, model.network.shapes["hidden"]) == (20, (20,))
    child = package.train("run", settings={"learning.rate": 0.0001}, epochs=1)
    assert child.run is not None
    assert json.loads((child.run.path / "run.json").read_text())["parent"]["run"] == "run"
    with pytest.warns(UserWarning, match="depends on the number of epochs"):
        longer = package.train("run", epochs=2, resume=True)
    assert longer.network.training.epochs == 2
    with pytest.raises(SpecificationError, match=r"did you mean 'learning\.rate'"):
        package.train(load_preset("digits"), "other", settings={"learning.rte": 1.0})


def test_reproduce_says_what_differs(netsim: Netsim, run: Path) -> None:
    done = netsim("reproduce", run)
    assert done.code == 0
    assert "weights of the best epoch: identical to the bit" in done.out
    assert "metrics of 2 epochs: identical to the bit" in done.out
    netsim("reproduce", run).refused("run-reproduced: exists already")
    netsim("reproduce", "digits").refused("digits: is not a run folder")
    lines = (run / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("training_loss")
    values = lines[2].split(",")
    values[column] = "0.25"
    (run / "metrics.csv").write_text("\n".join([*lines[:2], ",".join(values)]) + "\n")
    done = netsim("reproduce", run, "--out", "again", "--json")
    assert done.code == 1
    assert done.json()["metrics"] == {"training_loss": 2}
    assert "is not reproduced; again has other weights or metrics" in done.err.splitlines()[-1]
