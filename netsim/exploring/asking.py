"""The table of questions that the page can ask. A question is one file in `netsim.exploring.questions`.

A question is a function of an explorer and of named arguments. It returns what JSON can express, or a `Reply`. The
types of its arguments are the check of what the page sends.
"""

from __future__ import annotations

import inspect
import json
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from netsim.errors import DataError
from netsim.exploring.view import View
from netsim.registry import Registry

questions: Registry[Callable[..., Any]] = Registry("question", "netsim.exploring.questions")
"""Functions that answer the page, by name."""
LARGEST = 2**31
"""Numbers of a question are below it."""


class Reply(NamedTuple):
    """An answer as bytes, with its media type."""

    content: bytes
    kind: str


def answer(explorer: Any, question: str, content: Any) -> Reply:
    """Answer a question with arguments from JSON. Raise a NetsimError for a wrong question."""
    function = questions.require(question[:40])
    answered = function(explorer, **_arguments(function, content))
    if isinstance(answered, Reply):
        return answered
    return Reply(json.dumps(answered, allow_nan=False).encode(), "application/json")


def _arguments(function: Callable[..., Any], content: Any) -> dict[str, Any]:
    """Return the arguments of a function from JSON, checked by their types."""
    if not isinstance(content, Mapping):
        raise DataError("question: must be an object of JSON")
    needed = list(inspect.signature(function).parameters.values())[1:]
    types_of = get_type_hints(function)
    for name in content.keys() - {each.name for each in needed}:
        raise DataError(f"question: has an argument {str(name)[:40]!r} that it does not need")
    arguments = {}
    for each in needed:
        if each.name in content:
            arguments[each.name] = _read(each.name, types_of[each.name], content[each.name])
        elif each.default is each.empty:
            raise DataError(f"question: must have the argument {each.name!r}")
    return arguments


def _read(name: str, kind: Any, value: Any) -> Any:
    """Return a value of JSON as a type: a view, text, a whole number, true or false, one of some words, or nothing."""
    if get_origin(kind) is types.UnionType:  # X | None
        return None if value is None else _read(name, get_args(kind)[0], value)
    if kind is View:
        return View.of_dict(value)
    if get_origin(kind) is Literal:
        fits, need = value in get_args(kind), f"one of {', '.join(get_args(kind))}"
    elif kind is int:
        fits, need = type(value) is int and 0 <= value < LARGEST, "a whole number from 0 to 2^31 - 1"
    else:
        fits, need = type(value) is kind, {str: "text", bool: "true or false"}[kind]
    if not fits:
        raise DataError(f"question: {name} must be {need}, not {repr(value)[:40]}")
    return value


def number(value: float) -> float | None:
    """Return a number for JSON, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None
