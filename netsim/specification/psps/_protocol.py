"""The protocol of a postsynaptic potential."""

import dataclasses
import math
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from netsim.errors import FormerWarning, SpecificationError, warn_user
from netsim.reprs import brief
from netsim.seams import psps
from netsim.specification.checks import check_choice, finite, plain_numbers, require
from netsim.specification.phrases import number

_ROUNDING = 1e-12
"""Relative rounding error of a sum of slope changes, or of a ratio."""
_LARGEST_DENOMINATOR = 1000
"""Largest denominator of ratios that descriptions write as fractions."""


class PSPShape:
    """The shape of a postsynaptic potential (PSP) of piecewise-linear neurons, with its parameters.

    Between events the potential of a neuron is ``u(t) = a + b·t``. A spike changes the slope ``b`` at each breakpoint
    of the PSP. A subclass defines the delays and the changes. It is a frozen dataclass of its parameters, registered in
    `netsim.seams.psps`. `netsim.PSP` creates an instance by name.

    Examples
    --------
    >>> import netsim
    >>> isinstance(netsim.PSP("triangle", rise=2.0, fall=4.0), netsim.PSPShape)
    True
    """

    def __post_init__(self) -> None:
        plain_numbers(self)
        self.check()
        pairs = self.kernel
        listed = isinstance(pairs, tuple) and len(pairs) > 0
        require(listed, "psp.breakpoints", "needs at least one (delay, slope change)")
        numbers = all(isinstance(pair, tuple) and len(pair) == 2 and all(map(finite, pair)) for pair in pairs)
        require(numbers, "psp.breakpoints", "each must be two finite numbers (delay in ms, change of slope)")
        delays = [delay for delay, _ in pairs]
        ascend = delays[0] >= 0 and all(a < b for a, b in pairwise(delays))
        require(ascend, "psp.breakpoints", f"delays must ascend and not be negative, not {delays}")

    def __repr__(self) -> str:
        values = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))  # type: ignore[arg-type]
        return f"PSP({', '.join([repr(self.shape), *(f'{name}={brief(value)}' for name, value in values)])})"

    def check(self) -> None:
        """Refuse wrong parameters, by default times that are not positive. The field is ``psp.<name>``."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            where, positive = f"psp.{field.name}", finite(value) and value > 0
            require(positive, where, f"the shape {self.shape} needs a positive time in ms, not {value}")

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Breakpoints: delays after the presynaptic spike (ms), ascending, and changes of slope."""
        raise NotImplementedError

    @property
    def shape(self) -> str:
        """The name of the shape in the registry."""
        return psps.name_of(type(self))

    @property
    def phrase(self) -> str:
        """The shape in words."""
        return self.shape

    @property
    def is_ramp(self) -> bool:
        """Whether the potential rises forever with slope 1, starting at the spike."""
        return self.kernel == ((0.0, 1.0),)

    @cached_property
    def slopes(self) -> tuple[tuple[float, float, float], ...]:
        """Pieces with a slope other than 0: start and end as delays (ms), and the slope.

        A sum of changes that differs from 0 only by rounding counts as 0. Most triangles end with such a sum.
        """
        delays, changes = zip(*self.kernel, strict=True)
        pieces = []
        for position, (after, until) in enumerate(pairwise((*delays, math.inf))):
            so_far = changes[: position + 1]
            slope = math.fsum(so_far)
            if abs(slope) > _ROUNDING * math.fsum(map(abs, so_far)):
                pieces.append((after, until, slope))
        return tuple(pieces)

    @property
    def rises_until(self) -> float:
        """Delay (ms) after which the potential no longer rises, or ``inf``."""
        return max((until for _, until, slope in self.slopes if slope > 0), default=0.0)

    def written_kernel(self) -> list[tuple[str, str]]:
        """Return breakpoints for a description: numbers with all digits, ratios as fractions."""
        return [(_written(delay), _written(change)) for delay, change in self.kernel]

    def potential(self, since: np.ndarray) -> np.ndarray:
        """Return the potential (ms, without weight and ``1/tau``) at times after the presynaptic spike.

        A sum that differs from 0 only by rounding, as after the end of most triangles, is 0.

        Parameters
        ----------
        since : ndarray of float
            Times (ms) since the spike. Negative or ``-inf`` before the spike.

        Returns
        -------
        ndarray of float, shape of `since`
        """
        delays, changes = np.array(self.kernel).T
        parts = changes * np.maximum(np.asarray(since)[..., None] - delays, 0.0)
        return rounded(parts.sum(axis=-1), np.abs(parts).sum(axis=-1))

    def slope(self, since: np.ndarray) -> np.ndarray:
        """Return the slope of `potential` just before the times `since` (ms), without a simultaneous breakpoint."""
        total = np.zeros_like(since)
        for after, until, slope in self.slopes:
            total += slope * ((since > after) & (since <= until))
        return total


def PSP(shape: str = "ramp", *values: Any, **parameters: Any) -> PSPShape:
    """Create a postsynaptic potential of piecewise-linear neurons from the name of its shape and its parameters.

    Parameters
    ----------
    shape : str
        A name in `netsim.seams.psps`. ``ramp`` rises forever with slope 1. ``plateau`` rises for `rise` ms and stays.
        ``triangle`` rises for `rise` ms and returns to zero within `fall` ms. ``breakpoints`` accepts a list of
        `breakpoints`, pairs of a delay (ms) and a change of slope.
    *values, **parameters
        The parameters of the shape.

    Returns
    -------
    PSPShape

    Raises
    ------
    SpecificationError
        If the shape is not known, or a parameter is missing, unknown or wrong.

    Examples
    --------
    >>> import netsim
    >>> netsim.PSP("plateau", rise=8.0)
    PSP('plateau', rise=8.0)
    """
    check_choice(shape, psps, "psp.shape")
    fields = {field.name: field for field in dataclasses.fields(psps[shape])}  # type: ignore[arg-type]
    require(len(values) <= len(fields), "psp", f"has {len(values)} values; the shape {shape} takes {len(fields)}")
    parameters |= zip(fields, values, strict=False)
    for name in parameters:
        require(name in fields, f"psp.{name}", f"has no meaning for the shape {shape}; remove it")
    for field in fields.values():
        if field.name not in parameters and field.default is dataclasses.MISSING:
            raise SpecificationError(f"psp.{field.name}", f"is missing; the shape {shape} needs it")
    return psps[shape](**parameters)


def _former_base(bases: tuple[Any, ...]) -> tuple[type]:
    """Let ``class Own(netsim.PSP)`` of earlier versions inherit from `PSPShape`, with a warning."""
    warn_user("netsim.PSP: creates a PSP by name since 0.4; inherit from netsim.PSPShape", FormerWarning)
    return (PSPShape,)


vars(PSP)["__mro_entries__"] = _former_base


def rounded(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return sums, but 0 where only rounding errors remain of the summed absolute values `sizes`."""
    return np.where(np.abs(sums) > _ROUNDING * sizes, sums, 0.0)


def _written(value: float) -> str:
    """Format a number as a fraction or a shorter number if they differ only by rounding.

    Examples
    --------
    >>> _written(-5 / 3), _written(5.2 + 9.1), _written(0.125)
    ('-5 / 3', '14.3', '0.125')
    """
    exact = number(value)
    if len(exact) < len("0.333333333333"):
        return exact
    ratio = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    if abs(ratio - Fraction(value)) > _ROUNDING * abs(value):
        return exact
    decimal = number(float(ratio))
    return decimal if len(decimal) < len(exact) else f"{ratio.numerator} / {ratio.denominator}"
