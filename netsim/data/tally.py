"""Counts of likely mistakes in samples and labels, with warnings and errors."""

import dataclasses

import numpy as np

from netsim.errors import DataError, DataWarning, warn_user
from netsim.specification import Encoder

_MOST_SHOWN = 5  # labels per message
_EARLY = 500  # seconds mistaken for ms end within 1/1000 of the encoding window


def latest_spike(latencies: np.ndarray) -> float:
    """Return the latest spike (ms), or minus infinity without spikes."""
    return float(latencies.max(where=np.isfinite(latencies), initial=-np.inf))


def too_early(latest: float, encoder: Encoder) -> str:
    """Describe spikes that are all so early that seconds were probably given as ms. Otherwise return an empty text."""
    if not 0 <= latest < encoder.t_max / _EARLY:
        return ""
    when = f"within {latest:.3g} ms" if latest else "at the start"
    return f"all spikes come {when} of an encoding window of {encoder.t_max:g} ms"


def warn_too_early(name: str, latest: float, encoder: Encoder) -> None:
    """Warn if all spikes are so early that seconds were probably given as milliseconds."""
    if encoder.unit and (early := too_early(latest, encoder)):
        ask = f"{encoder.samples} are in {encoder.unit}: are these in another unit?"
        warn_user(f"{name}: {early}; {ask}", DataWarning)


@dataclasses.dataclass
class Tally:
    """Counts of encoded samples."""

    recordings: int = 0  # all samples, recordings or not
    silent: int = 0  # samples without a spike, or without an event in any window
    events: int = 0
    late: int = 0  # events after the last window
    cut: int = 0  # recordings with late events

    def add(self, silent: bool, events: int, late: int) -> None:
        """Count one sample."""
        self.recordings += 1
        self.silent += bool(silent)
        self.events += int(events)
        self.late += int(late)
        self.cut += bool(late > 0)

    def fits(self, count: int) -> bool:
        """True if the counts are consistent with `count` recordings that passed `check`."""
        few = self.recordings == count and 0 <= self.silent < max(count, 1)
        return few and 0 <= self.cut <= min(count, self.late) and self.late <= self.events

    def check(self, name: str, encoder: Encoder) -> None:
        """Raise DataError if all samples are silent. Warn of some silent samples and of late events."""
        if self.recordings and self.silent == self.recordings:
            if window := encoder.window_text():
                remedy = 'lengthen encoder.t_max, or set encoder.origin to "first-event"'
                raise DataError(f"{name}: no recording has an event in {window}; {remedy}")
            remedy = "give samples that are not all silent, or an encoder that covers their values"
            raise DataError(f"{name}: no sample has a spike of a stimulus neuron; {remedy}")
        self.warn(name, encoder)

    def warn(self, name: str, encoder: Encoder) -> None:
        """Warn of silent samples and of late events."""
        window, notes = encoder.window_text(), []
        advice = "leave them out if that is not intended"
        if self.silent:
            what = f"recordings have no event in {window}" if window else "samples have no spike of a stimulus neuron"
            notes.append(f"{self.silent:,} of {self.recordings:,} {what} and are silent")
        if self.late:
            lost = f"{self.late:,} of {self.events:,} events come after {'these' if notes else window}"
            notes.append(f"{lost}, in {self.cut:,} recordings, and are left out")
        if window:
            late = ', or set encoder.origin to "first-event" for recordings whose clock started long before'
            advice = "lengthen encoder.t_max to keep them" + late * (self.silent > 0)
        if notes:
            warn_user(f"{name}: {'; '.join(notes)}; {advice}", DataWarning)


def warn_of_gaps(name: str, labels: np.ndarray) -> None:
    """Warn if training labels, numbers of classes from 0, do not include all numbers up to the largest."""
    known = np.unique(labels).tolist()
    missing = sorted({*range(known[-1])} - {*known})
    if not missing:
        return
    shown = ", ".join(map(str, missing[:_MOST_SHOWN])) + ", ..." * (len(missing) > _MOST_SHOWN)
    made = f"labels count from 0 and range up to {known[-1]}, which makes {known[-1] + 1} classes"
    remedy = "subtract 1 from each" if missing == [0] else "renumber them"
    lacking = f"no training sample has the label {shown}; {remedy}, or give words"
    warn_user(f"{name}: {made}, but {lacking}", DataWarning)
