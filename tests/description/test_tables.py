"""What a description says is what the specification says, and what the code does."""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.description import Description, describe, to_markdown
from netsim.errors import SpecificationError
from netsim.learning.learners._stidi_bp_rule import SMALLEST_SLOPE
from netsim.models.presets import load_preset, preset_names
from netsim.seams import schedules
from netsim.specification import (
    PSP,
    Dense,
    Encoder,
    InitialWeights,
    Layer,
    Learning,
    Network,
    Neurons,
    Shape,
    Training,
    Weighting,
)

_PSPS = (PSP(), PSP("plateau", 3.0), PSP("triangle", 3.0, 4.0), PSP("breakpoints", breakpoints=((1.0, 2.0),)))


def _cells(description: Description, letter: str) -> dict[str, str]:
    """The rows of a labelled table."""
    (table,) = (table for table in description.tables if table.letter == letter)
    return dict(table.rows)


def _candidates(value: Any, hint: Any) -> tuple[Any, ...]:
    """Other values of a field."""
    if isinstance(value, PSP):
        return _PSPS
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, str):
        return (f"{value}2",)
    if isinstance(value, tuple):
        return ((value[0] + 1, *value[1:]),) if hint == Shape else (((0.5, 1.0), (3.0, -1.0)),)
    given_value = 0.0 if value is None or math.isinf(value) else value
    return (given_value + 0.125, given_value + 1, given_value / 2, 0.5, 50.0, math.inf)


def _variants(part: Any) -> Iterator[tuple[str, Any]]:
    """A part of a specification with one field changed, for every field that can be, and the field's name."""
    hints = typing.get_type_hints(type(part))
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        changed: list[tuple[str, Any]] = []
        if dataclasses.is_dataclass(value):
            changed += _variants(value)
        if isinstance(value, tuple) and dataclasses.is_dataclass(value[0] if value else None):
            for position, item in enumerate(value):
                changed += [(name, (*value[:position], v, *value[position + 1 :])) for name, v in _variants(item)]
        elif not dataclasses.is_dataclass(value) or isinstance(value, PSP):
            name = f"{type(part).__name__}.{field.name}"
            changed += [(name, new) for new in _candidates(value, hints[field.name]) if new != value]
        for name, new in changed:
            # the gate follows from regime and onset
            derived = {"gate": None} if isinstance(part, Neurons) else {}
            try:
                yield name, dataclasses.replace(part, **(derived | {field.name: new}))
            except (SpecificationError, TypeError):
                continue


def _is_phased(network: Network) -> bool:
    return all(layer.neurons.regime == "phased" for layer in network.weighted_layers)


def _same_windows(old: Network, new: Network) -> bool:
    return [old.window_end(layer) for layer in old.weighted_layers] == [
        new.window_end(layer) for layer in new.weighted_layers
    ]


def _same_phased(old: Network, new: Network) -> bool:
    """Whether only phased layers, which have their exact derivative, assume another slope."""
    pairs = zip(old.weighted_layers, new.weighted_layers, strict=True)
    return all(a == b or a.neurons.regime == "phased" for a, b in pairs)


WITHOUT_MEANING: dict[str, Callable[[Network, Network], bool]] = {
    "Weighting.scale": lambda old, new: old.weighting.kind == "real",
    "Weighting.scale_rate": lambda old, new: old.weighting.kind == "real",
    "Learning.clip": lambda old, new: old.weighting.kind == "real",
    "Learning.margin": lambda old, new: old.learning.targets == "softmax",
    "Learning.sharpness": lambda old, new: old.learning.targets == "relative",
    "Learning.label_smoothing": lambda old, new: old.learning.targets == "relative",
    "Learning.derivative": lambda old, new: _is_phased(old),
    "Neurons.crossing_slope": _same_phased,
    "Neurons.end": _same_windows,
}
"""When a field changes nothing that is simulated."""

NEVER_ALONE = {"Neurons.gate", "PSP.shape"}
"""Fields that other fields determine."""


def test_every_changed_field_changes_the_text(network: Network) -> None:
    text = to_markdown(describe(network))
    tried = 0
    for name, changed in _variants(network):
        meaning = WITHOUT_MEANING.get(name)
        if meaning is not None and meaning(network, changed):
            continue
        tried += 1
        assert to_markdown(describe(changed)) != text, f"{name} is not told"
    assert tried > 80


def test_every_field_was_changed(networks: dict[str, Network]) -> None:
    changed = {
        name
        for network in networks.values()
        for name, new in _variants(network)
        if name not in WITHOUT_MEANING or not WITHOUT_MEANING[name](network, new)
    }
    kinds = {type(layer) for network in networks.values() for layer in network.layers}
    kinds |= {Network, Encoder, Neurons, PSP, InitialWeights, Weighting, Learning, Training}
    fields = {
        f"{kind.__name__}.{field.name}"
        for kind in kinds
        for field in dataclasses.fields(kind)
        if not dataclasses.is_dataclass(typing.get_type_hints(kind)[field.name])
    }
    assert fields - changed == NEVER_ALONE | {"Network.layers"}


def test_numbers_are_told_to_the_last_digit(mixed: Network) -> None:
    changed = dataclasses.replace(mixed, learning=Learning(rate=0.1 + 0.2, weight_decay=1.5e-7))
    rows = _cells(describe(changed), "G2")
    assert "0.30000000000000004" in rows["Learning rate"]
    assert r"1.5 \times 10^{-7}" in rows["Optimizer"]


@given(rise=st.floats(0.1, 100), fall=st.floats(0.1, 100))
def test_breakpoints_are_those_of_the_psp(rise: float, fall: float) -> None:
    psp = PSP("triangle", rise, fall)
    network = Network.chain("net", Encoder((2, 2, 1), 5.0), (Layer("output", Dense(2), psp=psp),), 10.0)
    line = _cells(describe(network), "D1")["Postsynaptic potential"].splitlines()[1]
    pairs = [eval(pair) for pair in re.findall(r"\$(\([^$]*\))\$", line)[1:]]
    assert pairs == [pytest.approx(pair) for pair in psp.kernel]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_learning_rate_is_that_of_the_optimizer(mixed: Network, schedule: Any) -> None:
    settings = Learning(rate=0.003, schedule=schedule)
    network = dataclasses.replace(mixed, learning=settings)
    told = _cells(describe(network), "G2")["Learning rate"]
    formulas = re.findall(r"\\eta = ([^$]*)\$", told)
    for old, new in {
        r"\times": "*", r"\thinspace": "*", r"\frac{1}{2}": "0.5 *", r"\cos \pi z": r"\cos (\pi * z)",
        r"\pi": "math.pi", r"\cos": "math.cos",
    }.items():  # fmt: skip
        formulas = [formula.replace(old, new) for formula in formulas]
    for z in (0.0, 0.1, 0.2, 0.3, 0.7, 1.0):
        formula = formulas[0] if z < 0.25 else formulas[-1]
        assert eval(formula, {"math": math, "z": z}) == pytest.approx(0.003 * schedules[schedule](z))


def test_bounds_are_those_of_the_learner(mixed: Network) -> None:
    assert rf"{SMALLEST_SLOPE} \thinspace \kappa" in _cells(describe(mixed), "G1")["Signal"]


def test_tables_are_those_of_the_paper(network: Network) -> None:
    letters = [table.letter for table in describe(network).tables]
    assert letters == ["A", "B", "C", "D1", "D2", "E", "F", "G1", "G2"]
    for table in describe(network).tables:
        assert sum(column.share for column in table.columns) == pytest.approx(1)
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_what_a_network_lacks_is_not_told(networks: dict[str, Network]) -> None:
    phased = to_markdown(describe(networks["phased"]))
    for word in ("onvolution", "ooling", "bias", "Dropout", "Binary", "`free`", "`staggered`", "Revival", "Averaging"):
        assert word not in phased
    assert "Propagation" in phased
    perceptron = dataclasses.replace(networks["phased"], layers=networks["phased"].layers[-1:])
    assert "Propagation" not in to_markdown(describe(perceptron))


@pytest.mark.parametrize("name", preset_names())
def test_presets_tell_their_sizes(name: str) -> None:
    network = load_preset(name)
    description = describe(network)
    assert description.title == f"Model description: `{name}`"
    populations, connectivity, parameters = (
        next(table for table in description.tables if table.letter == letter) for letter in ("B", "C", "D2")
    )
    assert [row[0] for row in populations.rows] == ["`stimulus`"] + [f"`{layer.name}`" for layer in network.layers]
    assert [row[3] for row in populations.rows] == [f"{math.prod(shape):,}" for shape in network.shapes]
    assert len(connectivity.rows) == len(network.layers)
    assert [row[2] for row in parameters.rows] == [
        f"${layer.neurons.threshold:g}$" for layer in network.weighted_layers
    ]
