"""Jitter of input spike times."""

from netsim.studies.study import StimulusStudy, Transform


@StimulusStudy(
    "spike-jitter",
    "normal jitter of input spike times; early ones all come at 0 ms, those after the end are lost (level: SD in ms)",
    "jitter of input spikes, SD (ms)",
    (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2),
    in_windows=True,
    neutral=0.0,
    order=10,
)
def time_jitter(level: float, sensor: tuple[int, int, int]) -> Transform:
    """Normal jitter of spike times with an SD of `level` ms.

    What would come before 0 ms comes at 0 ms, all at once; what would come after the presentation is lost.
    """
    from tonic.transforms import TimeJitter

    from netsim.specification.encoders.events import MICROSECONDS

    return TimeJitter(std=level * MICROSECONDS, clip_negative=False)
