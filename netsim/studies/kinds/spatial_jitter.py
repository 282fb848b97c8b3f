"""Spatial jitter of input spikes."""

from netsim.studies.study import StimulusStudy, Transform


@StimulusStudy(
    "spatial-jitter",
    "input spikes move by a normal jitter; spikes that leave the image are lost (level: SD in pixels)",
    "spatial jitter, SD (pixels)",
    (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3),
    neutral=0.0,
    is_spatial=True,
    order=40,
)
def spatial_jitter(level: float, sensor: tuple[int, int, int]) -> Transform:
    """Move spikes by a normal jitter with SD `level` pixels. Spikes that leave the image are lost."""
    from tonic.transforms import SpatialJitter

    return SpatialJitter(sensor, var_x=level**2, var_y=level**2, clip_outliers=True)
