"""Decisions about one stimulus with several seeds of noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netsim.errors import DataError
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer, decision_of
from netsim.exploring.view import View

_SEEDS = 100
"""Seeds up to which one presentation is repeated."""


@questions.register("repeats")
def repeats(explorer: Explorer, view: View, count: int) -> dict[str, Any]:
    """Present a view with several seeds of noise, from its own on, and return decisions and leads (ms)."""
    if not 1 <= count <= _SEEDS:
        raise DataError(f"question: count must be from 1 to {_SEEDS}, not {count}")
    seeds = range(view.seed, view.seed + count)
    decisions = [decision_of(explorer.present(replace(view, seed=seed)).spikes) for seed in seeds]
    return {
        "choices": [each["choice"] for each in decisions],
        "margins": [each["margin"] for each in decisions],
        "label": decisions[0]["label"],
    }
