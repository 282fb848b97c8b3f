"""On-cells and off-cells: contrast at several scales."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.reprs import short_repr
from netsim.seams import encoders
from netsim.specification.checks import Shape, require
from netsim.specification.encoders.intensity import IntensityEncoder
from netsim.specification.phrases import GAP, T_MAX, counted, in_ms


@encoders.register("on-off")
@dataclass(frozen=True)
class OnOffEncoder(IntensityEncoder):
    """Latency code of images by on-cells and off-cells (differences of Gaussians).

    The response is the image smoothed with the standard deviation of the centre, minus the image smoothed with the
    standard deviation of the surround. The surround is ``ratio`` times as wide. Border pixels are repeated beyond the
    edges. On-cells fire for positive responses, off-cells for negative responses. The absolute response, divided by the
    largest absolute response of all cells to the image, is ``x``. The latency is ``(1 - x)·t_max``. Cells with ``x``
    below the threshold are silent. Latencies are therefore independent of the contrast of the image. Channels are
    ordered scale by scale: first the on-cells, then the off-cells of each channel of the image.

    Parameters
    ----------
    shape : (height, width, channels)
        The number of channels is 2 times the channels of the image times the scales.
    t_max : float
        Length of the encoding window (ms).
    scales : tuple of float
        Standard deviations of the centres (pixels).
    ratio : float
        Standard deviation of the surround divided by the standard deviation of the centre. 1.6 approximates the
        Laplacian of a Gaussian.
    threshold : float
        Smallest response that fires, in units of the largest response of the image.

    References
    ----------
    Marr and Hildreth (1980), Theory of edge detection, doi:10.1098/rspb.1980.0020. Kheradpisheh, Ganjtabesh, Thorpe and
    Masquelier (2018), STDP-based spiking deep convolutional neural networks for object recognition,
    doi:10.1016/j.neunet.2017.12.005.

    Examples
    --------
    >>> import numpy as np
    >>> spot = np.zeros((1, 5, 5, 1))
    >>> spot[0, 2, 2] = 1.0
    >>> cells = OnOffEncoder((5, 5, 2), t_max=10.0)
    >>> on, off = np.moveaxis(cells.latencies(spot, 1.0)[0], 2, 0)
    >>> float(on[2, 2]), bool(np.isfinite(off[2, 2])), float(off[0, 2].round(2))
    (0.0, False, 9.29)
    """

    order: ClassVar[int] = 5
    scales: tuple[float, ...] = (1.0,)
    ratio: float = 1.6
    threshold: float = 0.05

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = bool(self.scales) and all(np.isfinite(scale) and scale > 0 for scale in self.scales)
        require(positive, "encoder.scales", f"must be positive numbers of pixels, not {list(self.scales)}")
        require(np.isfinite(self.ratio) and self.ratio > 1, "encoder.ratio", f"must be above 1, not {self.ratio}")
        require(0 < self.threshold < 1, "encoder.threshold", f"must lie between 0 and 1, not {self.threshold}")
        channels, each = self.coded_shape[2], 2 * len(self.scales)
        remainder = (
            f"{channels} channels are not {each} (on and off, at {counted(each // 2, 'scale')}) for each channel"
        )
        require(channels % each == 0, "encoder.shape", f"{remainder} of the image")

    @property
    def sample_shape(self) -> Shape:
        """Shape (height, width, channels) of the images."""
        height, width, channels = self.coded_shape
        return (height, width, channels // (2 * len(self.scales)))

    def latencies(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
        """Return the latencies of images, shape ``(presentations, height, width, cells)``."""
        from scipy.ndimage import gaussian_filter

        images = self.checked(samples, intensity_max).astype(np.float64)
        responses = []
        for scale in self.scales:
            centre, surround = (
                gaussian_filter(images, (0, width, width, 0), mode="nearest") for width in (scale, self.ratio * scale)
            )
            responses += [np.maximum(centre - surround, 0), np.maximum(surround - centre, 0)]
        cells = np.concatenate(responses, axis=3)
        largest = cells.max(axis=(1, 2, 3), keepdims=True, initial=0.0)
        # an image of constant intensity leaves only rounding errors
        seen = largest > 1e-9 * np.float64(intensity_max or 1.0)
        cells = np.divide(cells, largest, out=np.zeros_like(cells), where=seen)
        return np.where(cells >= self.threshold, (1 - cells) * self.t_max, np.inf)

    def stimuli_text(self) -> str:
        """Return rows, columns, channels and cells."""
        height, width, channels = self.sample_shape
        scales = ", ".join(f"{scale:g}" for scale in self.scales)
        return (
            f"images of {counted(height, 'row')} and {counted(width, 'column')} with {counted(channels, 'channel')}; an"
            f" on-cell and an off-cell for each intensity, at the scales {scales}"
        )

    def code_text(self) -> str:
        """Return the response and the latency."""
        return (
            rf"$d = G_{{s}} * I - G_{{{self.ratio:g} s}} * I$ of the image $I$, with Gaussians $G$ of the scales $s$ in"
            " pixels; beyond its edges the image continues with its outermost values. $x_i$ is $d$ of on-cells and $-d$"
            rf" of off-cells, over the largest $|d|$ of the image at any scale; $t_i = (1 - x_i){GAP}{T_MAX}$ if"
            rf" $x_i \geq {self.threshold:g}$, else silent; ${T_MAX} = {in_ms(self.t_max)}$"
        )
