"""What is read from a file: the latencies of one layer, and the checks that all formats share."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netsim.errors import DataError, DataWarning, NetsimError
from netsim.reprs import short_repr
from netsim.specification import STIMULUS, Encoder, Network, Shape

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli

PICOSECOND = 9  # decimals of a ms
_MOST_TIMES = 2**29  # 4 GiB
_LARGEST = 2.0**53  # a float holds all integers below
_MOST_NEURONS = 2**31  # of a layer that is analysed: it has their numbers as int32


@dataclass(frozen=True, eq=False)
class Presentations:
    """Latencies (ms, ``inf`` is silent) of one layer in some presentations."""

    latencies: np.ndarray  # float64, shape (presentations, height, width, channels) or (presentations, neurons)
    labels: np.ndarray | None  # int64, or words
    indices: np.ndarray  # int64, what the file calls the presentations
    repeated: int = 0  # spikes of the file that are not the first of their neuron in a presentation
    outside: int = 0  # spikes of the file that are in no presentation
    name: str = "spikes"  # what messages call them

    __repr__ = short_repr

    def stimuli(self, encoder: Encoder, classes: Sequence[str] = (), network: Network | None = None) -> Stimuli:
        """The presentations as stimuli; their shape must be the encoder's.

        A `netsim.errors.DataWarning` says how many spikes are left out, and come after the window of a network.

        Parameters
        ----------
        encoder : Encoder
        classes : sequence of str, optional
            What the labels 0, 1, ... stand for; a label can be one of these words.
        network : Network, optional
            That they are for; labels must be its output neurons.

        Raises
        ------
        DataError
            If a label is no output neuron, or a word that is no class.
        """
        from netsim.data.stimuli import UNLABELLED, SpikeStimuli

        labels = np.full(len(self.latencies), UNLABELLED) if self.labels is None else self._numbered(classes)
        if network is not None and (wrong := labels >= network.outputs).any():
            which = f"presentation {self.indices[wrong][0]} has the label {labels[wrong][0]}"
            remedy = f"{network.name} has output neurons 0 to {network.outputs - 1}; correct or leave out the label"
            raise DataError(f"{self.name}: {which}, but {remedy}")
        self._warn(network)
        return SpikeStimuli(self.latencies, labels, None, encoder, tuple(classes))

    def _numbered(self, classes: Sequence[str]) -> np.ndarray:
        """The labels as numbers of classes."""
        assert self.labels is not None
        if self.labels.dtype.kind != "U":
            return self.labels
        if not classes:
            unknown = f"has words for labels, such as {str(self.labels[0])!r}, whose classes are not known"
            raise DataError(f"{self.name}: {unknown}; give the numbers of output neurons, counted from 0")
        from netsim.data.dataset import class_numbers

        return class_numbers(self.labels.tolist(), classes, f"{self.name}: the label")

    def _warn(self, network: Network | None) -> None:
        """Say what is left out, and what comes late; spikes after the presentation are refused when it begins."""
        times = self.latencies[np.isfinite(self.latencies)]
        count = times.size + self.repeated + self.outside
        counted = {
            "are not the first of their neuron in a presentation, and are left out": self.repeated,
            "are in no presentation, and are left out": self.outside,
        }
        if network is not None:
            end = network.encoder.t_max
            late = f"come after the encoding window of {end:g} ms, and may have no effect"
            counted[late] = int(np.count_nonzero((times > end) & (times < network.duration)))
        told = [f"{number:,} of {count:,} spikes {what}" for what, number in counted.items() if number]
        if told:
            warnings.warn(f"{self.name}: {'; '.join(told)}", DataWarning, stacklevel=3)


@contextmanager
def reading(path: Path, format_name: str) -> Iterator[None]:
    """Turn what libraries raise over a damaged file, or one that is not there, into one line."""
    try:
        if not path.exists():  # libraries say it in many ways
            raise DataError(f"{path}: no such file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except NetsimError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: needs more memory than there is; it is too large or damaged") from error
    except Exception as error:  # there is no telling which: each library has its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as {format_name} ({reason})") from error


def choose_layer(path: Path, layer: str | None, names: Sequence[str]) -> str:
    """The layer that is read: the one asked for, else ``stimulus``, else the only one."""
    wanted = layer or STIMULUS
    if wanted in names:
        return wanted
    if layer is None and len(names) == 1:
        return names[0]
    known = ", ".join(sorted(names)) or "none"
    raise DataError(f"{path}: has no layer or population called {wanted!r}; there are: {known}")


def neuron_numbers(path: Path, columns: Mapping[str, np.ndarray], shape: Shape) -> np.ndarray:
    """Numbers of neurons in a layer of this shape, from where they lie.

    Columns are ``y``, ``x`` and ``map`` (which may lack if there is one map only), or ``neuron``, or both.
    """
    axes = ("y", "x", "map") if len(shape) == 3 else ("map",)
    given = dict(columns)
    if shape[-1] == 1 and "map" not in given and len(given) > 1:
        given["map"] = np.zeros_like(given["y"])
    placed = all(axis in given for axis in axes)
    if not placed and "neuron" not in given:
        raise DataError(f"{path}: does not say which neuron fired; it needs {', '.join(axes)} or neuron")
    for name, size in [*zip(axes, shape, strict=True), ("neuron", math.prod(shape))]:
        values = given.get(name, np.empty(0, int))
        if values.size and not (values.min() >= 0 and values.max() < size):
            raise DataError(
                f"{path}: {name} goes from {values.min()} to {values.max()}, but in the shape {shape} of the layer"
                f" only 0 to {size - 1} fits"
            )
    if not placed:
        return given["neuron"]
    numbers = np.ravel_multi_index([given[axis] for axis in axes], shape)
    if "neuron" in given and (numbers != given["neuron"]).any():
        raise DataError(f"{path}: {', '.join(axes)} and neuron contradict each other in a layer of shape {shape}")
    return numbers


def check_latencies(path: Path, latencies: np.ndarray) -> None:
    """Refuse what is no time from the start of a presentation."""
    if np.isnan(latencies).any():
        raise DataError(f"{path}: holds NaN among the times; a silent neuron has no spike")
    if (latencies < 0).any():
        raise DataError(f"{path}: holds negative times; time starts at 0 with the presentation")


def first_spikes(
    path: Path, latencies: np.ndarray, presentations: np.ndarray, neurons: np.ndarray, count: int, shape: Shape
) -> np.ndarray:
    """The first spike of every neuron in every one of `count` presentations, shape (count, *shape).

    Of each spike there is the latency from the start of its presentation (ms), and the positions from 0 of presentation
    and neuron, the latter as of `neuron_numbers`.
    """
    check_latencies(path, latencies)
    if count * math.prod(shape) > _MOST_TIMES:
        raise DataError(f"{path}: holds {count:,} presentations of {shape}; at most {_MOST_TIMES:,} times are possible")
    times = np.full((count, math.prod(shape)), np.inf)
    np.minimum.at(times, (presentations, neurons), latencies)
    return times.reshape(count, *shape)


def later_spikes(latencies: np.ndarray, first: np.ndarray) -> int:
    """How many of the spikes are none of the `first_spikes`."""
    return int(np.count_nonzero(np.isfinite(latencies)) - np.count_nonzero(np.isfinite(first)))


def check_size(path: Path, layer: str, size: int) -> int:
    """The neurons of a layer that is analysed; refused if there are too many to be numbered, or less than none."""
    if not 0 <= size <= _MOST_NEURONS:
        raise DataError(f"{path}: {layer} has {size:,} neurons; a layer that is analysed has {_MOST_NEURONS:,} at most")
    return size


def spikes_in_trials(
    path: Path, times: np.ndarray, starts: np.ndarray, stops: np.ndarray, per_ms: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a recording into its presentations.

    Times, starts and stops count from the start of the recording, in units of which a ms has `per_ms`; a spike at the
    stop belongs to no or the next presentation. Returned is which spikes lie in a presentation, in which, and their
    latencies from its start (ms), rounded to 1 ps, so that times on a grid come back as they were.
    """
    if not (times >= 0).all() or not (starts >= 0).all():  # NaN fails as well
        raise DataError(f"{path}: holds NaN or negative times; time starts at 0 with the recording")
    order = np.argsort(starts, kind="stable")
    begin, end = starts[order], stops[order]
    overlap = end[:-1] - begin[1:] > per_ms * 10.0**-PICOSECOND  # less comes from rounding
    if not (end >= begin).all() or overlap.any():
        raise DataError(f"{path}: has presentations that overlap or stop before they start")
    position = np.searchsorted(begin, times, side="right") - 1
    inside = position >= 0
    inside[inside] = times[inside] < end[position[inside]]
    spikes = np.flatnonzero(inside)
    position = position[spikes]
    return spikes, order[position], np.round((times[spikes] - begin[position]) / per_ms, PICOSECOND)


def cut_recording(
    path: Path, times: np.ndarray, neurons: np.ndarray, trials: Mapping[str, np.ndarray], shape: Shape, per_ms: float
) -> Presentations:
    """The presentations of a recording, from times and `neuron_numbers` of its spikes; units as of `spikes_in_trials`.

    Trials have the columns ``start_time`` and ``stop_time``, and maybe ``presentation``, their names, and ``label``.
    """
    count = len(check_trials(path, trials)["start_time"])
    spikes, presentations, latencies = spikes_in_trials(path, times, trials["start_time"], trials["stop_time"], per_ms)
    first = first_spikes(path, latencies, presentations, neurons[spikes], count, shape)
    left_out = later_spikes(latencies, first), len(times) - len(spikes)
    return Presentations(first, labels_of(path, trials), indices_of(path, trials), *left_out)


def check_trials(path: Path, trials: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Refuse trials, as of `cut_recording`, whose columns are not all of one length."""
    counts = {name: len(column) for name, column in trials.items()}
    if set(counts.values()) != {counts["start_time"]}:
        raise DataError(f"{path}: is damaged: of the presentations it has {counts}, which should be as many of each")
    return trials


def labels_of(path: Path, trials: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The labels of trials, if they have some."""
    return whole_numbers(path, "label", trials["label"]) if "label" in trials else None


def indices_of(path: Path, trials: Mapping[str, np.ndarray]) -> np.ndarray:
    """What trials are called; where nobody says, they are counted from 0."""
    return whole_numbers(path, "presentation", trials.get("presentation", np.arange(len(trials["start_time"]))))


def whole_numbers(path: Path, name: str, values: np.ndarray, least: int | None = 0) -> np.ndarray:
    """Values that must be integers, none below `least`, as int64."""
    array = np.asarray(values)
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and (array == np.floor(array)).all())
    if not whole or (array.size and not (array.max() < _LARGEST and array.min() > -_LARGEST)):
        raise DataError(f"{path}: {name} must hold integers")
    if least is not None and (array < least).any():
        raise DataError(f"{path}: {name} must be {least} or more, not {array.min()}")
    return array.astype(np.int64)
