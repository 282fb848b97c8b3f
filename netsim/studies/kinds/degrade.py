"""Degraded images: contrast, noise, blur, occlusion, morphs, and combinations of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netsim.errors import SpecificationError, nearest
from netsim.studies.study import Condition, ImageStudy

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.stimuli import Stimuli
    from netsim.specification import Network

_BLUR = 4.0  # SD of the Gaussian at level 1 (pixels)


def contrast(image: np.ndarray, level: float, generator: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """Reduce all intensities by the fraction `level`."""
    return image * (1 - level)


def noise(image: np.ndarray, level: float, generator: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """Add a normal draw with SD `level` to each pixel, in units of the largest intensity."""
    return image + level * generator.normal(size=image.shape)


def blur(image: np.ndarray, level: float, generator: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """Blur with a Gaussian whose SD is `level` times 4 pixels."""
    from scipy.ndimage import gaussian_filter

    return image if level == 0 else gaussian_filter(image, (level * _BLUR, level * _BLUR, 0), mode="constant")


def occlusion(image: np.ndarray, level: float, generator: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """Set a rectangle with the fraction `level` of the image to 0. Its place is drawn."""
    height, width = image.shape[:2]
    rows, columns = (round(size * level**0.5) for size in (height, width))
    top, left = (int(generator.random() * (free + 1)) for free in (height - rows, width - columns))
    hidden = image.copy()
    hidden[top : top + rows, left : left + columns] = 0
    return hidden


def morph(image: np.ndarray, level: float, generator: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """Blend with a stimulus of another label, whose share is `level`."""
    return (1 - level) * image + level * other


Degradation = Callable[..., Any]
DEGRADATIONS: dict[str, Degradation] = {each.__name__: each for each in (contrast, noise, blur, occlusion, morph)}


@dataclass(frozen=True)
class _Degrade(ImageStudy):
    """Curves are degradations, several joined by ``+``, instead of layers."""

    needs_stimuli: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...] | None] = None

    def curves(self, network: Network, layers: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
        """Return the degradations that are applied one after the other, by name of the curve."""
        super().curves(network, None)
        curves = {name: tuple(name.split("+")) for name in layers or DEGRADATIONS}
        for name in [part for parts in curves.values() for part in parts]:
            if name not in DEGRADATIONS:
                raise SpecificationError(f"degradation {name!r}", f"is not known{nearest(name, DEGRADATIONS)}")
        return curves

    def check_stimuli(self, stimuli: Stimuli, curves: Mapping[str, Sequence[str]]) -> None:
        """Refuse morphs of stimuli with one label."""
        if (stimuli.labels == stimuli.labels[0]).all() and any("morph" in names for names in curves.values()):
            raise SpecificationError("degradation 'morph'", "needs stimuli of two labels; present more stimuli")

    def degrade(
        self, condition: Condition, images: np.ndarray, labels: np.ndarray, generators: Sequence[np.random.Generator]
    ) -> Iterable[np.ndarray]:
        """Return the degraded images. The second image of a morph is drawn from all stimuli."""
        import numpy as np

        stimuli = condition.stimuli
        assert stimuli is not None
        for image, label, generator in zip(images, labels, generators, strict=True):
            others = np.flatnonzero(stimuli.labels != label)
            other, drawn = image, generator.choice(others) if len(others) else 0
            if "morph" in condition.layers:
                other = stimuli.pick(np.array([drawn])).intensities()[0] / (stimuli.intensity_max or 1.0)
            for name in condition.layers:
                image = DEGRADATIONS[name](image, condition.level, generator, other)
            yield image


@_Degrade(
    "degrade",
    "images lose contrast, or gain noise, blur, an occlusion or a morph (level: strength; --degradation chooses)",
    "strength of the degradation",
    (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
    most=1.0,
    neutral=0.0,
    order=45,
    panels=("strict_accuracy", "mean_decision_latency_ms", "right_latency_ms", "wrong_latency_ms"),
)
def degrade(image: Any) -> Any:
    """See `DEGRADATIONS`."""
    return image
