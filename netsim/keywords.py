"""Hints for mistyped keyword arguments of public functions and classes."""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from netsim.errors import nearest

Attached = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]
"""What `lazy_loader.attach_stub` returns."""


def with_hints(attached: Attached, package: str) -> Attached:
    """Return what `lazy_loader` attaches to a package, so that its functions and classes suggest keyword arguments."""
    get, names, listed = attached

    def get_with_hints(name: str) -> Any:
        value = get(name)
        if inspect.isclass(value):
            _hint_in_class(value)
        elif inspect.isfunction(value):
            value = hinted(value)
            # pickle finds it in the package, and the function itself stays in its module
            value.__module__, value.__qualname__ = package, name
            vars(sys.modules[package])[name] = value
        return value

    return get_with_hints, names, listed


def hinted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that suggests the nearest name if a call has an unknown keyword argument."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if hint := _hint(function, kwargs):
                raise TypeError(f"{error}{hint}") from None
            raise

    vars(call)["has_hints"] = True
    return call


def _hint(function: Callable[..., Any], given: dict[str, Any]) -> str:
    """Return a hint for the first keyword argument that a function does not have. Empty if it has all."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return ""
    unknown = [name for name in given if name not in parameters]
    if not unknown:
        return ""
    known = [name for name in parameters if name != "self"]
    return nearest(unknown[0], known)


def _hint_in_class(cls: Any) -> None:
    begin = vars(cls).get("__init__")
    if begin is not None and "has_hints" not in vars(begin) and not issubclass(cls, Exception):
        cls.__init__ = hinted(begin)
