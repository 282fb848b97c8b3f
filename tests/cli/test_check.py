"""The command that looks at a network before it is trained, and what training shows of the same."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netsim as package
from netsim.cli.terminal import trouble
from netsim.errors import DataError
from tests.training.own_graphs import reported_graph

Netsim = Callable[..., Any]


def _write(path: str = "mine.toml", threshold: float = 1.0, bias: float = 0.0) -> None:
    neurons = package.Neurons("phased", threshold, 16.0, 16.0, 48.0, 1.0, bias=True)
    output = package.Neurons("phased", 1.0, 16.0, 48.0, 96.0, 1.0, bias=True)
    layers = [
        package.Layer("hidden", package.Dense(30), neurons, initial=package.InitialWeights(spread=1.0)),
        package.Layer("output", package.Dense(10), output, initial=package.InitialWeights(bias=bias)),
    ]
    training = package.Training("digits", epochs=2, batch=10, validation=50)
    encoder = package.IntensityEncoder((8, 8, 1), 16.0)
    package.write_network(package.Network.chain("mine", encoder, layers, 96.0, training=training), path)


def test_a_preset_is_checked_with_its_initial_weights(netsim: Netsim) -> None:
    done = netsim("check", "digits")
    assert done.code == 0, done.err
    assert done.out.startswith("digits: 100 training stimuli, initial weights, dt = 1 ms")
    assert done.out.endswith("no problem found\n")
    rows = {words[0]: words for words in map(str.split, done.out.splitlines()) if words}
    assert {"hidden", "output"} <= set(rows)
    assert netsim("check", "digits", "--dt", 0).out.startswith("digits: 100 training stimuli, initial weights, exact")


def test_what_is_wrong_is_said(netsim: Netsim) -> None:
    _write(threshold=1e6)
    done = netsim("check", "mine.toml", "--limit", 10)
    assert done.code == 0
    assert "hidden: no neuron fires; remove initial of `hidden`, so that training begins with fitted" in done.out
    assert "no problem found" not in done.out
    checked = netsim("check", "mine.toml", "--limit", 10, "--json").json()
    assert checked["presentations"] == 10
    assert [(finding["kind"], finding["where"]) for finding in checked["findings"]] == [("silent", "hidden")]
    assert checked["populations"][0]["median_ms"] is None


def test_seeds_draw_other_weights(netsim: Netsim) -> None:
    _write()
    first, second = (netsim("check", "mine.toml", "--seed", seed, "--json").json() for seed in (0, 1))
    assert first["populations"] != second["populations"]
    assert first == netsim("check", "mine.toml", "--json").json()


def test_a_run_is_checked_with_its_weights(run: Path, netsim: Netsim) -> None:
    done = netsim("check", run)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{run}: 100 training stimuli, trained weights, dt = 1 ms")
    weights = package.load_model(str(run))
    assert netsim("check", run, "--json").json()["populations"] == package.check(weights).to_dict()["populations"]


def test_what_a_training_refuses_the_check_refuses(netsim: Netsim) -> None:
    for command in ("check", "train"):
        refused = "validation: cannot set aside 5000 of 1437 training images"
        netsim(command, "digits", "--set", "training.validation=5000").refused(refused)
    network = package.load_preset("digits")
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, validation=5000))
    with pytest.raises(DataError, match="cannot set aside 5000 of 1437"):
        package.check(network)


def test_what_is_no_network_is_refused(netsim: Netsim) -> None:
    netsim("analyse", "psth", "none.nwb").refused("none.nwb: no such file; check its path")
    Path("plan.toml").write_text('base = "digits"\n[grid]\nlearning.rate = [0.1]\n', encoding="utf-8")
    netsim("check", "plan.toml").refused("plan.toml: base: is not one of a network, but of the plan of a sweep")
    netsim("check", "digit").refused("digit", "is neither a run folder nor a preset nor a TOML file")
    netsim("check", "digits", "--limit", 0).refused("--limit")
    netsim("check", "digits", "--dt", -1).refused("--dt")


def test_training_warns_and_shows_trouble(netsim: Netsim) -> None:
    _write(bias=50.0)
    done = netsim("train", "mine.toml", "--limit", 200, "--out", "run")
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert any(line.startswith("netsim: output: 100% of neurons fire at the onset of their window") for line in lines)
    assert any("tie in 100%" in line and "netsim check run/network.toml shows more" in line for line in lines)
    (first, _) = (line for line in lines if line.startswith("epoch "))
    assert first.endswith("; at onset: output 100%; outputs tie: 100%")


def test_training_says_nothing_where_all_is_well(netsim: Netsim) -> None:
    done = netsim("train", "digits", "--epochs", 1, "--limit", 200, "--out", "run")
    (line,) = (line for line in done.err.splitlines() if "compiling" not in line)
    assert line.startswith("epoch 1: ")
    assert line.endswith(" s")


def test_trouble_is_what_hinders_learning() -> None:
    network = package.load_preset("digits")
    assert trouble(network, {"hidden": 0.95, "output": 0.0}, {"hidden": 0.5, "output": 0.0}, 0.2) == ""
    ill = trouble(network, {"hidden": 0.96, "output": 1.0}, {"hidden": 0.51, "output": 0.0}, 0.21)
    assert ill == "; silent: hidden 96%, output 100%; at onset: hidden 51%; outputs tie: 21%"
    winners = package.load_preset("rcsnn-fashion-free")
    quiet = {population.name: 0.99 for population in winners.integrating}
    assert "conv1" not in trouble(winners, quiet, {}, 0.0)


def test_a_network_that_is_fitted_gets_a_proposal(netsim: Netsim, tmp_path: Path) -> None:
    network = package.network_from_dict(package.network_to_dict(reported_graph(epochs=1)))
    package.write_network(network, "mine.toml")
    done = netsim("check", "mine.toml", "--fix", "--limit", 30)
    assert done.code == 0, done.err
    lines = [line.partition(": initial = ") for line in done.out.splitlines() if ": initial = " in line]
    assert {name for name, _, _ in lines} == {projection.name for projection in network.projections}
    given = {name: tomllib.loads(f"initial = {text}")["initial"] for name, _, text in lines}
    proposed = netsim("check", "mine.toml", "--fix", "--limit", 30, "--json").json()["proposed"]
    assert {name: each["spread"] for name, each in proposed.items()} == pytest.approx(
        {name: each["spread"] for name, each in given.items()}, rel=1e-5
    )
    changed = [
        dataclasses.replace(projection, initial=package.InitialWeights(**given[projection.name]))
        for projection in network.projections
    ]
    package.write_network(dataclasses.replace(network, projections=tuple(changed)), "fixed.toml")
    fixed = netsim("check", "fixed.toml", "--fix", "--limit", 30)
    assert "no problem found" in fixed.out
    assert "no initial weights to propose: remove initial of `" in fixed.out


def test_without_a_proposal_the_check_says_what_to_remove(netsim: Netsim, run: Path) -> None:
    shown = netsim("check", "digits", "--set", "learning.fitted=false", "--fix", "--limit", 5).out
    assert "to propose: remove learning.fitted = false and initial of `output`, then run --fix again" in shown
    default = f"layers.output.initial.spread={package.InitialWeights().spread}"
    real = ("check", "digits", "--set", default)
    shown = netsim(*real, "--set", "learning.fitted=false", "--fix", "--limit", 5).out
    assert "to propose: remove learning.fitted = false, then run --fix again" in shown
    shown = netsim(*real, "--set", "weighting.kind=binary", "--fix", "--limit", 5).out
    assert "to propose: binary weights are not fitted; choose initial yourself" in shown
    assert "the weights are trained; check the preset or TOML file" in netsim("check", run, "--fix", "--limit", 5).out


def test_the_check_looks_at_fitted_weights() -> None:
    fitted, drawn = (
        package.check(dataclasses.replace(reported_graph(1), learning=package.Learning(fitted=fitted)), limit=30)
        for fitted in (True, False)
    )
    by_name = {each.population: each.silent for each in fitted.populations}
    assert by_name["output"] < 0.05
    assert {each.population: each.silent for each in drawn.populations}["output"] > 0.1
    assert not drawn.proposed
