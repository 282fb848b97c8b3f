"""What may not be meant in samples and labels: counted, said, and refused if nothing is left."""

import dataclasses
import warnings

import numpy as np

from netsim.errors import DataError, DataWarning
from netsim.specification import Encoder

_MOST_SHOWN = 5  # labels in a message
_EARLY = 500  # of the encoding window; seconds taken for ms come within a thousandth of it


def latest_spike(latencies: np.ndarray) -> float:
    """The latest of all spikes (ms); minus infinity if there are none."""
    return float(latencies.max(where=np.isfinite(latencies), initial=-np.inf))


def too_early(latest: float, encoder: Encoder) -> str:
    """What to ask if all spikes come as early as they do where seconds are taken for ms; empty if they do not."""
    if not 0 <= latest < encoder.t_max / _EARLY:
        return ""
    when = f"within {latest:.3g} ms" if latest else "at the start"
    return f"all spikes come {when} of an encoding window of {encoder.t_max:g} ms"


def warn_too_early(name: str, latest: float, encoder: Encoder, stacklevel: int = 3) -> None:
    """Warn if all spikes come as early as they do if seconds are taken for milliseconds."""
    if encoder.unit and (early := too_early(latest, encoder)):
        ask = f"{encoder.samples} are in {encoder.unit}: are these in another unit?"
        warnings.warn(f"{name}: {early}; {ask}", DataWarning, stacklevel=stacklevel)


@dataclasses.dataclass
class Tally:
    """What an encoder makes of samples, recordings of events or others."""

    recordings: int = 0  # or other samples
    silent: int = 0  # of them without a spike, or an event in any window
    events: int = 0
    late: int = 0  # of them after the last window
    cut: int = 0  # recordings with such events

    def add(self, silent: bool, events: int, late: int) -> None:
        """Count a sample, of so many events."""
        self.recordings += 1
        self.silent += bool(silent)
        self.events += int(events)
        self.late += int(late)
        self.cut += bool(late > 0)

    def fits(self, count: int) -> bool:
        """Whether it can be that of so many recordings that passed `check`."""
        few = self.recordings == count and 0 <= self.silent < max(count, 1)
        return few and 0 <= self.cut <= min(count, self.late) and self.late <= self.events

    def check(self, name: str, encoder: Encoder) -> None:
        """Refuse samples that are all silent, and warn of silent ones and of events that are left out."""
        if self.recordings and self.silent == self.recordings:
            if window := encoder.window_text():
                remedy = 'lengthen encoder.t_max, or set encoder.origin to "first-event"'
                raise DataError(f"{name}: no recording has an event in {window}; {remedy}")
            raise DataError(f"{name}: no sample has a spike of a stimulus neuron; give samples that are not all silent")
        self.warn(name, encoder)

    def warn(self, name: str, encoder: Encoder) -> None:
        """Say what is silent or left out."""
        window, told = encoder.window_text(), []
        advice = "leave them out if that is not meant"
        if self.silent:
            what = f"recordings have no event in {window}" if window else "samples have no spike of a stimulus neuron"
            told.append(f"{self.silent:,} of {self.recordings:,} {what} and are silent")
        if self.late:
            lost = f"{self.late:,} of {self.events:,} events come after {'these' if told else window}"
            told.append(f"{lost}, in {self.cut:,} recordings, and are left out")
        if window:
            late = ', or set encoder.origin to "first-event" for recordings whose clock started long before'
            advice = "lengthen encoder.t_max to keep them" + late * (self.silent > 0)
        if told:
            warnings.warn(f"{name}: {'; '.join(told)}; {advice}", DataWarning, stacklevel=4)


def warn_of_gaps(name: str, labels: np.ndarray, stacklevel: int = 3) -> None:
    """Warn if labels, numbers of classes counted from 0, leave out some of those up to the largest."""
    known = np.unique(labels).tolist()
    missing = sorted({*range(known[-1])} - {*known})
    if not missing:
        return
    shown = ", ".join(map(str, missing[:_MOST_SHOWN])) + ", ..." * (len(missing) > _MOST_SHOWN)
    made = f"labels count from 0 and go up to {known[-1]}, which makes {known[-1] + 1} classes"
    remedy = "subtract 1 from each" if missing == [0] else "renumber them"
    lacking = f"no training sample has the label {shown}; {remedy}, or give words"
    warnings.warn(f"{name}: {made}, but {lacking}", DataWarning, stacklevel=stacklevel)
