"""What a record says of plug-ins, in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd
import pytest

from netsim.description.provenance import record_facts, training_facts
from netsim.registry import Origin

_OWN = asdict(Origin("learner", "mine", "my_learner", None, None))
_PACKAGED = asdict(Origin("connectivity", "local", "package.local", "package", "1.2"))


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        ([_PACKAGED], "connectivity local of package 1.2, package.local"),
        ([_OWN, _PACKAGED], "learner mine of my_learner; connectivity local of package 1.2, package.local"),
        ([_OWN | {"handed_in": True}], "learner mine of my_learner, handed in from Python"),
        ([{}, None, 3], "not recorded not recorded of not recorded; not recorded; 3"),
        ("any", "any"),
    ],
)
def test_plugins_are_told(plugins: Any, expected: str) -> None:
    assert [fact.value for fact in record_facts({"plugins": plugins}) if fact.name == "plug-ins"] == [expected]


@pytest.mark.parametrize("record", [{}, {"plugins": []}, {"plugins": None}])
def test_what_comes_with_netsim_is_no_plugin(record: dict[str, Any]) -> None:
    assert "plug-ins" not in [fact.name for fact in record_facts(record)]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["ham", "spam"], ["0 ham, 1 spam"]),
        (["1", "0"], ["0 1, 1 0"]),
        (["0", "1"], []),  # the numbers themselves
        ([], []),
        ("any", []),
        (list("ab") * 600, [", ".join([f"{number} {'ab'[number % 2]}" for number in range(100)] + ["and 1,100 more"])]),
    ],
)
def test_classes_are_told_by_output_neuron(classes: Any, expected: list[str]) -> None:
    facts = record_facts({"data": {"name": "mine", "classes": classes}})
    assert [fact.value for fact in facts if fact.name == "classes of the output neurons"] == expected


@pytest.mark.parametrize(
    ("training", "validation", "expected"),
    [([50.0, 30.0], [5.0, 15.0], "100 s"), ([100.0, 50.0], [20.0, 10.0], "3 min"), ([3600.0, 3600.0], None, "120 min")],
)
def test_the_duration_of_a_training_is_that_of_training_and_validation(
    training: list[float], validation: list[float] | None, expected: str
) -> None:
    table = pd.DataFrame({"epoch": [1, 2], "training_seconds": training})
    if validation is not None:
        table = table.assign(validation_seconds=validation)
    assert {fact.name: fact.value for fact in training_facts(lambda: table)}["duration"] == expected


@pytest.mark.parametrize(("planned", "expected"), [(0, "2"), (2, "2"), (1_000, "2 of 1,000 planned")])
def test_a_training_that_goes_on_says_how_far_it_is(planned: int, expected: str) -> None:
    table = pd.DataFrame({"epoch": [1, 2], "validation_strict_accuracy": [0.5, 0.75], "validation_loss": [1.0, 0.5]})
    assert training_facts(lambda: table, planned=planned)[0].value == expected
