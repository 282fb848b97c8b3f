"""Entries of a seam: those of netsim by their modules, those of others by entry points or by registering."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest

import netsim
from netsim.errors import SpecificationError
from netsim.registry import Registry
from netsim.seams import encoders, schedules


def _registry(points: dict[str, str] | None = None, **settings: Any) -> Registry[Any]:
    registry: Registry[Any] = Registry("schedule", "netsim.learning.schedules", **settings)
    group = {
        name: importlib.metadata.EntryPoint(name, value, "netsim.schedule") for name, value in (points or {}).items()
    }
    registry.__dict__["_points"] = group
    return registry


def test_names_are_known_and_entries_come_with_netsim_before_they_are_imported() -> None:
    registry = _registry()
    assert list(registry) == ["constant", "cosine", "one-cycle"]
    assert registry.is_own("one-cycle")
    assert "linear" not in registry
    assert ["unhashable"] not in registry


def test_the_usual_entry_is_listed_first() -> None:
    assert list(_registry(first="one-cycle")) == ["one-cycle", "constant", "cosine"]


def test_an_entry_point_is_an_entry() -> None:
    registry = _registry({"square-root": "math:sqrt"})
    assert list(registry) == ["constant", "cosine", "one-cycle", "square-root"]
    assert not registry.is_own("square-root")
    assert registry["square-root"](4.0) == 2.0
    assert registry.origin("square-root").module == "math"
    assert registry.name_of(registry["square-root"]) == "square-root"


@pytest.mark.parametrize("value", ["nobody_has_this_module:entry", "math:no_such_function"])
def test_an_entry_point_that_cannot_be_loaded_is_named(value: str) -> None:
    registry = _registry({"broken": value})
    with pytest.raises(SpecificationError, match=r"^schedule 'broken': cannot be loaded \(\w+Error: .*; repair or "):
        registry["broken"]


def test_an_object_comes_from_the_module_of_its_class() -> None:
    origin = _registry().origin_of(Registry("other", "netsim.learning"))
    assert (origin.name, origin.module, origin.distribution) == ("Registry", "netsim.registry", "netsim-snn")


def test_nobody_else_takes_the_name_of_an_entry_of_netsim() -> None:
    registry = _registry()  # which has not imported any
    for known in (registry, schedules):
        with pytest.raises(SpecificationError, match=r"'cosine': is an entry of netsim; choose another name in mine"):
            known.add("cosine", lambda progress: 1.0, "mine")
    assert schedules["cosine"](0.0) == 1.0


def test_a_class_with_abstract_methods_is_no_entry() -> None:
    class Own(netsim.Encoder):
        """Lacks a text."""

        def latencies(self, samples: Any, intensity_max: float | None) -> Any:
            return samples

        def stimuli_text(self) -> str:
            return ""

    with pytest.raises(SpecificationError, match=r"^encoder 'own': lacks code_text; define it in mine$"):
        encoders.add("own", Own, "mine")  # type: ignore[type-abstract]
    assert "own" not in encoders


def test_an_entry_that_cannot_be_listed_is_refused() -> None:
    with pytest.raises(SpecificationError, match=r"^study 'own': lacks order; in mine, register an object of the type"):
        netsim.seams.studies.add("own", object(), "mine")  # type: ignore[arg-type]
    assert "own" not in netsim.seams.studies


def test_two_modules_cannot_have_one_name() -> None:
    registry = _registry()
    registry.add("mine", 1, "one")
    with pytest.raises(SpecificationError, match="is registered by one and by two; rename one of them"):
        registry.add("mine", 2, "two")
