"""Make an experiment with user settings, and check names and types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from netsim.errors import FormerWarning, SpecificationError, nearest, warn_user
from netsim.experiments.experiment import Experiment
from netsim.seams import experiments
from netsim.specification.checks import require

_FORMER = ("controls", "references", "model", "protocol", "caption", "caveats", "compared")
"""Attributes and methods that the Markdown file and the verdict replace."""


def make_experiment(name: str, quick: bool = False, given: Mapping[str, Any] | None = None) -> Experiment:
    """Return an experiment with its default or quick settings, changed by given settings.

    Raises
    ------
    SpecificationError
        If the experiment, a setting or a method of the experiment does not exist, or a value does not fit.
    """
    kind: type[Experiment] = experiments.require(name)
    former = [each for each in _FORMER if getattr(kind, each) is not getattr(Experiment, each)]
    texts = [each for each in ("question", *([] if former else ["prose"])) if not hasattr(kind, each)]
    lacking = [*texts, *sorted(kind.__abstractmethods__)]
    require(not lacking, f"experiment {name!r}", f"has no {', '.join(lacking)}; define what is missing in its class")
    if former:
        instead = "write the texts into a Markdown file, prose, and give Verdict the compared values"
        warn_user(
            f"experiment {name!r}: defines {', '.join(former)}, which change in a later version; {instead}",
            FormerWarning,
        )
    defaults = {field.name: field.default for field in fields(kind)}
    chosen = {**(kind.quick if quick else {}), **(given or {})}
    for key, value in chosen.items():
        if key not in defaults:
            hint = nearest(key, defaults) if defaults else "; it has none"
            raise SpecificationError(f"{name}: setting {key}", f"is not known{hint}")
        _check(f"{name}: setting {key}", value, defaults[key])
    try:
        return kind(**chosen)
    except SpecificationError as error:
        raise SpecificationError(f"{name}: setting {error.field}", error.message) from error


def _check(where: str, value: Any, default: Any) -> None:
    """Refuse a value whose type differs from the default. Lists are compared by their elements."""
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not value:
            raise SpecificationError(where, f"must be a list such as {list(default)}, not {value!r}")
        for element in value:
            _check(where, element, default[0])
        return
    kind = int | float if isinstance(default, float) else type(default)
    if not isinstance(value, kind) or isinstance(value, bool) != isinstance(default, bool):
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
        raise SpecificationError(where, f"must be {words.get(type(default), 'another kind')}, not {value!r}")
