"""Commands on a training that sets no stimuli aside for validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netsim import load_preset, write_network

Netsim = Callable[..., Any]


@pytest.fixture
def trained(netsim: Netsim) -> str:
    """What a training on all stimuli says; the run folder is ``run``."""
    digits = load_preset("digits")
    write_network(dataclasses.replace(digits, training=dataclasses.replace(digits.training, validation=0)), "all.toml")
    done = netsim("train", "all.toml", "--epochs", 2, "--limit", 100, "--out", "run")
    assert done.code == 0, done.err
    return str(done.out)


def test_the_training_says_which_epoch_is_kept_and_why(trained: str, netsim: Netsim) -> None:
    assert "kept: epoch 2, the last one; no stimuli were set aside for validation" in trained
    assert "best" not in trained
    again = netsim("train", "all.toml", "--epochs", 2, "--limit", 100, "--out", "run", "--resume", "--json").json()
    assert again.keys() == {"run", "epochs", "best_epoch", "seconds"}


def test_it_is_tested_drawn_and_reported(trained: str, netsim: Netsim, only_pictures: Callable[..., None]) -> None:
    only_pictures("learning")
    assert netsim("evaluate", "run", "--limit", 20, "--json").json()["presentations"] == 20
    assert netsim("plot", "learning", "run", "--out", "learning.png").code == 0
    assert netsim("report", "run", "--out", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "of epoch 2; there were no validation stimuli to choose one by" in page
    assert "served neither to learn nor to choose the epoch" in page


@pytest.mark.parametrize("command", [("evaluate",), ("report",)])
def test_there_is_nothing_to_validate_with(trained: str, netsim: Netsim, command: tuple[str, ...]) -> None:
    netsim(*command, "run", "--split", "validation").refused(
        "digits: training.validation is 0", "present the split test"
    )


def test_a_sweep_would_have_nothing_to_compare_by(trained: str, netsim: Netsim) -> None:
    Path("plan.toml").write_text('base = "all.toml"\ngrid.learning.rate = [0.01, 0.02]\n', encoding="utf-8")
    netsim("sweep", "plan.toml").refused("training.validation: is 0", "set overrides.training.validation")
    assert not Path("sweeps").exists()
    Path("plan.toml").write_text(
        'base = "all.toml"\ngrid.learning.rate = [0.01, 0.02]\noverrides.training.validation = 9', encoding="utf-8"
    )
    assert netsim("sweep", "plan.toml", "--list").code == 0
