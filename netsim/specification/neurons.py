"""How neurons integrate and fire: postsynaptic potentials and regimes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from netsim.reprs import short_repr
from netsim.seams import regimes
from netsim.specification.checks import check_choice, check_numbers, check_types, finite, require

_RELATIVE_ROUNDING = 1e-12
"""Share of a PSP's changes of slope below which their sum is nothing but rounding."""


@dataclass(frozen=True)
class PSP:
    """A piecewise-linear postsynaptic potential.

    Parameters
    ----------
    shape : {"ramp", "plateau", "triangle", "breakpoints"}
        ``ramp`` rises for ever with slope 1; ``plateau`` rises for `rise` ms and stays; ``triangle``
        rises for `rise` ms and falls back to zero within `fall` ms; ``breakpoints`` is a list of one's own.
    rise, fall : float, optional
        Durations (ms), where the shape has them.
    breakpoints : sequence of (delay, slope change), optional
        Delays in ms after the presynaptic spike, ascending; for the shape ``breakpoints`` only.

    Examples
    --------
    >>> import netsim
    >>> netsim.PSP("plateau", rise=8.0)
    PSP(shape='plateau', rise=8.0)
    """

    shape: Literal["ramp", "plateau", "triangle", "breakpoints"] = "ramp"
    rise: float | None = None
    fall: float | None = None
    breakpoints: tuple[tuple[float, float], ...] = ()

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "psp")
        needs = _SHAPES[self.shape].parameters
        for name in ("rise", "fall"):
            where, value = f"psp.{name}", getattr(self, name)
            if name in needs:
                positive = finite(value) and value > 0
                require(positive, where, f"the shape {self.shape} needs a positive time in ms, not {value}")
            else:
                require(value is None, where, f"has no meaning for the shape {self.shape}; remove it")
        where = "psp.breakpoints"
        if "breakpoints" not in needs:
            remedy = f'has no meaning for the shape {self.shape}; use shape = "breakpoints"'
            require(not self.breakpoints, where, remedy)
            return
        require(len(self.breakpoints) > 0, where, "needs at least one (delay, slope change)")
        numbers = all(len(pair) == 2 and all(map(finite, pair)) for pair in self.breakpoints)
        require(numbers, where, "each must be two finite numbers (delay in ms, change of slope)")
        delays = [delay for delay, _ in self.breakpoints]
        ascend = delays[0] >= 0 and all(a < b for a, b in pairwise(delays))
        require(ascend, where, f"delays must ascend and not be negative, not {delays}")

    @cached_property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Breakpoints (delay in ms, change of slope) of any shape."""
        return _SHAPES[self.shape].kernel(self)

    @cached_property
    def slopes(self) -> tuple[tuple[float, float, float], ...]:
        """Pieces whose slope is not 0: the delays (ms) after and until which it holds, and the slope.

        A sum of changes that is 0 but for rounding, as at the end of most triangles, is 0.
        """
        delays, changes = zip(*self.kernel, strict=True)
        pieces = []
        for number, (after, until) in enumerate(pairwise((*delays, math.inf))):
            so_far = changes[: number + 1]
            slope = math.fsum(so_far)
            if abs(slope) > _RELATIVE_ROUNDING * math.fsum(map(abs, so_far)):
                pieces.append((after, until, slope))
        return tuple(pieces)

    def written_kernel(self, number: Callable[[float], str]) -> list[tuple[str, str]]:
        """Breakpoints as a formula has them, with the parameters of the shape in place of what follows from them."""
        shape = _SHAPES[self.shape]
        if shape.written is not None:
            return shape.written(*(number(getattr(self, name)) for name in shape.parameters))
        return [(number(delay), number(change)) for delay, change in self.kernel]

    def potential(self, since: np.ndarray) -> np.ndarray:
        """Potential (ms, before weight and ``1/tau``) at times after the presynaptic spike.

        Parameters
        ----------
        since : ndarray of float
            Times (ms) since the spike; negative or ``-inf`` where it has not happened.
        """
        total = np.zeros_like(since)
        for delay, change in self.kernel:
            total += change * np.maximum(since - delay, 0.0)
        return total

    def slope(self, since: np.ndarray) -> np.ndarray:
        """Slope of `potential` just before the times `since` (ms): a breakpoint at that instant is not counted."""
        total = np.zeros_like(since)
        for after, until, slope in self.slopes:
            total += slope * ((since > after) & (since <= until))
        return total


class _Shape(NamedTuple):
    parameters: tuple[str, ...]
    kernel: Callable[[PSP], tuple[tuple[float, float], ...]]
    written: Callable[..., list[tuple[str, str]]] | None = None  # the kernel, of the parameters as they are written


def _plateau(psp: PSP) -> tuple[tuple[float, float], ...]:
    assert psp.rise is not None
    return ((0.0, 1.0), (psp.rise, -1.0))


def _triangle(psp: PSP) -> tuple[tuple[float, float], ...]:
    assert psp.rise is not None
    assert psp.fall is not None
    ratio = psp.rise / psp.fall
    return ((0.0, 1.0), (psp.rise, -1.0 - ratio), (psp.rise + psp.fall, ratio))


def _written_triangle(rise: str, fall: str) -> list[tuple[str, str]]:
    return [("0", "1"), (rise, f"-1 - {rise} / {fall}"), (f"{rise} + {fall}", f"{rise} / {fall}")]


_SHAPES = {
    "ramp": _Shape((), lambda psp: ((0.0, 1.0),)),
    "plateau": _Shape(("rise",), _plateau),
    "triangle": _Shape(("rise", "fall"), _triangle, _written_triangle),
    "breakpoints": _Shape(("breakpoints",), lambda psp: psp.breakpoints),
}


@dataclass(frozen=True)
class Neurons:
    """How the neurons of a population integrate and fire.

    Parameters
    ----------
    regime : str
        ``free``: all populations run at once. ``staggered``: a population may fire from its onset on, helped by a
        constant drive. ``phased``: integrate until the onset (the gate closes there), then the drive carries the
        potential to threshold. Others are registered in `netsim.seams.regimes`.
    threshold : float
        Firing threshold.
    tau : float
        Membrane time constant (ms).
    onset, end : float
        The window ``[onset, end)`` in which the neurons may fire (ms); `end` is cut to the presentation.
    drive : float
        Constant current from `onset` on.
    bias : bool
        Whether each map (or neuron of a population without maps) has a learned constant current.
    crossing_slope : float, optional
        Slope of the potential at threshold (1/ms) that the linear derivative assumes; by default
        ``drive/tau`` if there is a drive, else ``1/tau``. In ``phased`` the drive alone makes it.

    Examples
    --------
    >>> Neurons("phased", onset=16.0, drive=1.0).gate
    16.0
    """

    regime: str = "free"
    threshold: float = 1.0
    tau: float = 64.0
    onset: float = 0.0
    end: float = math.inf
    drive: float = 0.0
    bias: bool = False
    crossing_slope: float | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "neurons")
        check_choice(self.regime, regimes, "neurons.regime")
        given = () if self.crossing_slope is None else ("crossing_slope",)
        check_numbers(self, "neurons", ("threshold", "tau", *given), "positive")
        check_numbers(self, "neurons", ["onset"], "a time >= 0 ms")
        later = self.end > self.onset  # NaN is not
        require(later, "neurons.end", f"must be later than the onset ({self.onset} ms), not {self.end}")
        check_numbers(self, "neurons", ["drive"], ">= 0")
        regimes[self.regime].check(self.onset, self.drive)

    @property
    def gated(self) -> bool:
        """Whether synaptic current stops counting at the onset: then the latency has a closed form."""
        return bool(regimes[self.regime].gated)

    @property
    def gate(self) -> float:
        """Until when synaptic current counts (ms): the onset if gated, else ``inf``."""
        return self.onset if self.gated else math.inf

    @property
    def assumed_slope(self) -> float:
        """Slope of the potential at threshold (1/ms) that the linear derivative assumes."""
        if self.crossing_slope is not None:
            return self.crossing_slope
        return (self.drive if self.drive > 0 else 1.0) / self.tau
