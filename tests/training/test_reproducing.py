"""Training a run again gives the same run, or says what differs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import netsim
from netsim.errors import RunError
from netsim.learning.optimizers.sgd import SGD
from netsim.models.presets import load_preset
from netsim.runs.folder import create_run, describe_run, open_run
from netsim.training.opening import open_training
from netsim.training.reproducing import compare_runs
from netsim.weights.files import read_weights_of_epoch, write_weights
from netsim.weights.initial import initial_weights

SMALL: dict[str, Any] = {"limit": 40, "settings": {"training.batch": 20, "training.epochs": 2}}


def _quiet() -> netsim.Callbacks:
    return netsim.Callbacks(on_warning=lambda text: None)


def test_a_run_is_reproduced_to_the_bit() -> None:
    netsim.train("digits", "run", seed=3, **SMALL)
    result = netsim.reproduce("run")
    assert (result.identical, result.epochs, result.again) == (True, 2, "run-reproduced")
    assert not result.surroundings
    again = open_run("run-reproduced")
    assert again.record()["seed"] == 3
    assert again.network() == open_run("run").network()
    with pytest.raises(RunError, match="run-reproduced: exists already"):
        netsim.reproduce("run")
    assert netsim.reproduce("run", resume=True).identical


def test_what_differs_is_named() -> None:
    netsim.train("digits", "run", **SMALL)
    run = open_run("run")
    weights, epoch = read_weights_of_epoch(run.network(), run.best)
    weights["hidden.kernel"][3, 4] += 0.25
    write_weights(weights, run.best, epoch)
    lines = run.metrics.read_text().splitlines()
    names, last = lines[0].split(","), lines[2].split(",")
    last[names.index("training_loss")] = "0.5"
    last[names.index("training_seconds")] = "99.0"
    run.metrics.write_text("\n".join([*lines[:2], ",".join(last)]) + "\n")
    record = run.record()
    record["versions"]["numpy"], record["machine"]["cores"], record["data"]["sha256"] = "1.0", 999, "0" * 64
    run.record_file.write_text(json.dumps(record))
    warned: list[str] = []
    result = netsim.reproduce("run", on_warning=warned.append)
    assert not result.identical
    assert result.weights == {"hidden.kernel": pytest.approx(0.25)}
    assert result.metrics == {"training_loss": 2}
    text = "; ".join(result.surroundings)
    for words in ("numpy 1.0 then", "machine: cores 999 then", f"data: sha256 {'0' * 64} then"):
        assert words in text
    assert warned == [f"run-reproduced: differs from the run: {text}"]


def test_what_was_extended_or_stopped_is_reproduced() -> None:
    netsim.train("digits", "run", **SMALL)
    with pytest.warns(UserWarning, match="depends on the number of epochs"):
        netsim.train("run", epochs=3, resume=True)
    result = netsim.reproduce("run", callbacks=_quiet())
    assert (result.identical, result.epochs) == (True, 3)
    assert netsim.reproduce("run", callbacks=_quiet(), resume=True).identical
    stop = netsim.Callbacks(stop=lambda history: True)
    netsim.train("digits", "stopped", callbacks=stop, **SMALL)
    result = netsim.reproduce("stopped")
    assert (result.identical, result.epochs) == (True, 1)


def test_an_unfinished_run_is_extended_only_if_that_is_exact() -> None:
    stop = netsim.Callbacks(stop=lambda history: True)
    netsim.train("digits", "run", callbacks=stop, **SMALL)
    with pytest.raises(RunError, match="finish its 2 epochs with --resume before you extend it"):
        netsim.train("run", epochs=3, resume=True)
    netsim.train("digits", "damaged", **SMALL)
    checkpoint = Path("damaged", "checkpoint.npz")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])  # the checkpoint before has finished fewer epochs
    with pytest.raises(RunError, match="finish its 2 epochs with --resume before you extend it"):
        netsim.train("damaged", epochs=3, resume=True)
    settings = SMALL["settings"] | {"learning.schedule": "constant"}
    netsim.train("digits", "constant", callbacks=stop, limit=40, settings=settings)
    netsim.train("constant", epochs=3, resume=True)
    assert netsim.reproduce("constant").identical


def test_data_of_the_run_and_weights_of_its_parent_are_used() -> None:
    network = load_preset("digits")
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=1, validation=10))
    samples, labels = load_digits(return_X_y=True)
    data = netsim.make_dataset((samples[:60], labels[:60]), network.encoder, name="mine")
    netsim.train(network, "run", data=data)
    netsim.train("run", settings={"learning.rate": 0.0001})
    assert netsim.reproduce("run").identical
    assert netsim.reproduce("run-continued").identical


def test_what_cannot_be_reproduced_is_refused() -> None:
    digits = load_preset("digits")
    create_run("imported", digits, describe_run(0, imported="x.nir"), initial_weights(digits, 0))
    create_run("begun", digits, describe_run(0))
    run = open_training("handed", digits, limit=40, optimizer=SGD.from_network(digits))
    run.train(netsim.Callbacks(stop=lambda history: True))
    with pytest.raises(RunError, match="begun: has no finished epoch to compare"):
        netsim.reproduce("begun")
    Path("imported/metrics.csv").write_text("epoch\n1\n", encoding="utf-8")
    with pytest.raises(RunError, match="imported: was imported, not trained"):
        netsim.reproduce("imported")
    with pytest.raises(RunError, match="handed: was trained with the optimizer 'SGD'"):
        netsim.reproduce("handed")
    assert np.all([not Path(f"{name}-reproduced").exists() for name in ("begun", "imported", "handed")])


def test_durations_of_runs_of_other_lengths_are_not_compared() -> None:
    netsim.train("digits", "run", **SMALL)
    netsim.train("digits", "longer", epochs=3, limit=40, settings={"training.batch": 20})
    differ = compare_runs(open_run("run"), open_run("longer")).metrics
    assert "training_loss" in differ
    assert not {"epoch", "training_seconds", "validation_seconds"} & set(differ)
