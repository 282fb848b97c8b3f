"""Latency code of images: stronger pixels fire earlier."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.seams import encoders
from netsim.specification.checks import finite
from netsim.specification.encoders._protocol import Encoder
from netsim.specification.phrases import GAP, T_MAX, counted, in_ms


@encoders.register("intensity")
@dataclass(frozen=True)
class IntensityEncoder(Encoder):
    """Latency code of images.

    An intensity ``x`` in ``(0, 1]`` has the latency ``(1 - x)·t_max``. Intensity 0 is silent.

    Examples
    --------
    >>> import numpy as np
    >>> IntensityEncoder((1, 3, 1), t_max=10.0).latencies(np.array([0, 51, 255]).reshape(1, 1, 3, 1), 255).ravel()
    array([inf,  8.,  0.])
    """

    order: ClassVar[int] = 0

    __repr__ = short_repr

    def latencies(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
        """Return latencies ``(intensity_max - intensity)/intensity_max·t_max``, and ``inf`` for intensity 0.

        Images of unsigned bytes are fastest.
        """
        images = self.checked(samples, intensity_max)
        assert intensity_max is not None
        if images.dtype == np.uint8:
            return self._code(np.arange(256), intensity_max)[images]
        return self._code(images, intensity_max)

    def checked(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
        """Return images. Raise a DataError if the shape is wrong or an intensity is not in [0, `intensity_max`]."""
        images = np.asarray(samples)
        if images.dtype.kind not in "uif":
            raise DataError(f"images: must be integers or floats, not {images.dtype}")
        if images.shape[1:] != self.sample_shape:
            raise DataError(f"images: have shape {images.shape[1:]}, the encoder needs {self.sample_shape}")
        if intensity_max is None or not (finite(intensity_max) and intensity_max > 0):
            raise DataError(f"intensity_max: must be positive, not {intensity_max}")
        if images.size and not (images.min() >= 0 and images.max() <= intensity_max):  # NaN fails as well
            if np.isnan(images).any():
                raise DataError("images: contain NaN; an intensity must be a number")
            raise DataError(
                f"images: have intensities from {images.min()} to {images.max()}; they must lie in 0 to {intensity_max}"
            )
        return images

    def largest(self, samples: np.ndarray) -> float | None:
        """Return 255 for unsigned bytes, else the largest finite intensity."""
        return 255.0 if samples.dtype == np.uint8 else float(samples.max(where=np.isfinite(samples), initial=0))

    def _code(self, intensities: np.ndarray, intensity_max: float) -> np.ndarray:
        intensities = intensities.astype(np.float64)
        return np.where(intensities > 0, (intensity_max - intensities) / intensity_max * self.t_max, np.inf)

    def stimuli_text(self) -> str:
        """Return rows, columns and channels."""
        height, width, channels = self.coded_shape
        return (
            f"images of {counted(height, 'row')} and {counted(width, 'column')} with {counted(channels, 'channel')}; a"
            " stimulus neuron for each intensity, $x_i$ being the intensity divided by the largest possible one"
        )

    def code_text(self) -> str:
        """Return the formula of the latency."""
        return rf"$t_i = (1 - x_i){GAP}{T_MAX}$ if $x_i > 0$, silent if $x_i = 0$; ${T_MAX} = {in_ms(self.t_max)}$"
