"""Settings of experiments with bounds, declared where they are defined and checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, fields
from typing import Any

_BOUNDS = "bounds"
_TESTS = {
    "least": ("at least", lambda value, bound: value >= bound),
    "above": ("above", lambda value, bound: value > bound),
    "most": ("at most", lambda value, bound: value <= bound),
    "below": ("below", lambda value, bound: value < bound),
}


def setting(default: Any, *, choices: Sequence[str] = (), ascending: bool = False, **bounds: float) -> Any:
    """Return a dataclass field whose value, or each of whose values, has bounds.

    Parameters
    ----------
    default : int, float, str or tuple of these
        Whole numbers are at least 1, unless ``least`` differs.
    choices : sequence of str
        Allowed words.
    ascending : bool
        Whether the values must ascend.
    **bounds
        ``least``, ``above``, ``most`` and ``below``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     contrasts: tuple[float, ...] = setting((0.1, 1.0), above=0, most=1, ascending=True)
    >>> Settings().contrasts
    (0.1, 1.0)
    """
    known = {"choices": tuple(choices), "ascending": ascending, "bounds": bounds}
    return field(default=default, metadata={_BOUNDS: known})


def check_settings(experiment: Any) -> None:
    """Raise SpecificationError unless all settings lie within their bounds."""
    from netsim.specification.checks import require

    for each in fields(experiment):
        if (known := each.metadata.get(_BOUNDS)) is None:
            continue
        value = getattr(experiment, each.name)
        values = value if isinstance(value, tuple) else (value,)
        sample = each.default[0] if isinstance(each.default, tuple) else each.default
        for value in values:
            _check(value, isinstance(sample, int), each.name, known["choices"], known["bounds"])
        require(not known["ascending"] or list(values) == sorted(set(values)), each.name, "must ascend")


def _check(value: Any, is_whole: bool, name: str, choices: Sequence[str], bounds: dict[str, float]) -> None:
    from netsim.specification.checks import check_choice, check_size, finite, require

    if choices:
        check_choice(value, choices, name)
        return
    if is_whole:
        check_size(value, name, int(bounds.get("least", 1)))
    fits = finite(value) and all(_TESTS[kind][1](value, bound) for kind, bound in bounds.items())
    words = " and ".join(f"{_TESTS[kind][0]} {bound:g}" for kind, bound in bounds.items())
    require(fits, name, f"must be {words or 'finite'}, not {value!r}")
