"""Additional random input spikes."""

import math

from netsim.studies.study import StimulusStudy, Transform


@StimulusStudy(
    "spurious-spikes",
    "input spikes are added at random places and times (level: number per input neuron)",
    "spurious spikes per input neuron",
    (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5),
    most=100.0,
    neutral=0.0,
    order=30,
)
def spurious_spikes(level: float, sensor: tuple[int, int, int]) -> Transform:
    """Add `level` spikes per input neuron, uniformly between the first and the last spike of the stimulus."""
    from tonic.transforms import UniformNoise

    return UniformNoise(sensor, n=round(level * math.prod(sensor)))
