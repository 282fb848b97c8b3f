"""Known latencies, such as recorded or generated spikes."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.seams import encoders
from netsim.specification.encoders._protocol import Encoder
from netsim.specification.phrases import T_MAX, counted, in_ms


@encoders.register("latencies")
@dataclass(frozen=True)
class LatencyEncoder(Encoder):
    """Stimuli that are already first-spike latencies (ms, ``inf`` for silence).

    Examples
    --------
    >>> import numpy as np
    >>> LatencyEncoder((1, 3, 1), t_max=10.0).prepare([[0.0, 2.5, np.inf]]).shape
    (1, 1, 3, 1)
    """

    samples: ClassVar[str] = "latencies"
    order: ClassVar[int] = 2
    unit: ClassVar[str] = "ms"

    __repr__ = short_repr

    def prepare(self, given: Any) -> np.ndarray:
        """Prepare samples as `Encoder.prepare` does. Refuse lists of several spike times, with the remedy."""
        try:
            return super().prepare(given)
        except DataError as error:
            if not _holds_lists(given):
                raise
            first = "the first of its spike times, min(times, default=np.inf)"
            message = f"latencies: are lists that differ in length; give one number for each channel: {first}"
            raise DataError(message) from error

    def latencies(self, samples: np.ndarray, intensity_max: float | None = None) -> np.ndarray:
        """Return the samples in double precision. `t_max` in their precision stays exactly `t_max`."""
        if intensity_max is not None:
            raise DataError("images: the encoder takes latencies, which have no intensities; leave out intensity_max")
        times = np.asarray(samples)  # keep the precision for comparisons: t_max may round in it
        if np.isnan(times).any():
            raise DataError("latencies: contain NaN; use inf for silence")
        if (first := times.min(initial=0.0)) < 0:
            raise DataError(f"latencies: begin at {first:g} ms; a presentation begins at 0")
        if (last := times.max(where=np.isfinite(times), initial=0.0)) > self.t_max:
            remedy = f"lengthen encoder.t_max ({self.t_max:g} ms), or give latencies in ms"
            raise DataError(f"latencies: go up to {last:g} ms; {remedy}")
        if times.dtype == np.float64:
            return times
        latencies = times.astype(np.float64)
        return np.where(np.isinf(latencies), np.inf, np.minimum(latencies, self.t_max))

    def stimuli_text(self) -> str:
        """Return rows, columns and channels."""
        height, width, channels = self.coded_shape
        return (
            f"first-spike latencies of {counted(height, 'row')} and {counted(width, 'column')} with"
            f" {counted(channels, 'channel')}"
        )

    def code_text(self) -> str:
        """Return the window."""
        return rf"$t_i$ as given, silent without a spike; $t_i \leq {T_MAX} = {in_ms(self.t_max)}$"


def _holds_lists(given: Any) -> bool:
    """Return whether samples contain lists of different lengths instead of numbers."""
    try:
        array = np.asarray(given)
    except ValueError:
        return True
    return array.dtype == object and any(isinstance(each, list | tuple | np.ndarray) for each in array.flat)
