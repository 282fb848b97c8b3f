"""Deprecated signatures and names, which work for one more version with a warning."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from netsim.errors import warn_user

_P = ParamSpec("_P")
_R = TypeVar("_R")


def warn(name: str, instead: str) -> None:
    """Warn that a name or a signature is deprecated."""
    warn_user(f"{name} is deprecated; use {instead}", DeprecationWarning)


def former(
    is_former: Callable[..., bool], translate: Callable[..., Any], instead: str
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that translates calls by a former signature.

    Parameters
    ----------
    is_former : callable
        Returns whether positional arguments are in the former order.
    translate : callable
        Called with all arguments of a former call. Returns the result.
    instead : str
        Replacement for the call.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if is_former(*args):
                warn(f"this order of arguments of netsim.{function.__name__}", instead)
                result: _R = translate(*args, **kwargs)
                return result
            return function(*args, **kwargs)

        return call

    return decorate
