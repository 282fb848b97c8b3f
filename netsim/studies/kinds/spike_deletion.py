"""Deleted input spikes."""

from netsim.studies.study import StimulusStudy, Transform


@StimulusStudy(
    "spike-deletion",
    "input spikes are deleted at random (level: fraction)",
    "deleted input spikes",
    tuple(tenth / 10 for tenth in range(10)),
    most=1.0,
    is_fraction=True,
    neutral=0.0,
    order=20,
)
def deletion(level: float, sensor: tuple[int, int, int]) -> Transform:
    """Delete a random fraction `level` of the spikes."""
    from tonic.transforms import DropEvent

    return DropEvent(p=level)
