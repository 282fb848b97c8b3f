"""Temporal jitter of input spikes."""

from netsim.studies.study import StimulusStudy, Transform


@StimulusStudy(
    "spike-jitter",
    "normal jitter of input spike times, cut at 0 ms; spikes after the end are lost (level: SD in ms)",
    "jitter of input spikes, SD (ms)",
    (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2),
    in_windows=True,
    neutral=0.0,
    order=10,
)
def time_jitter(level: float, sensor: tuple[int, int, int]) -> Transform:
    """Move spikes in time by a normal jitter with SD `level` ms.

    Spikes before 0 ms move to 0 ms. Spikes after the presentation are lost.
    """
    from tonic.transforms import TimeJitter

    from netsim.specification.encoders.events import MICROSECONDS

    return TimeJitter(std=level * MICROSECONDS, clip_negative=False)
