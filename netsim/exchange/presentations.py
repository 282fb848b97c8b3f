"""Latencies of a layer from a file, and the checks that all formats share."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError, DataWarning, NetsimError, warn_user
from netsim.reprs import short_repr
from netsim.specification import STIMULUS, Encoder, Network, Shape

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli
    from netsim.spikes import LayerSpikes

PICOSECOND = 9  # decimals of a ms
_MOST_TIMES = 2**29  # 4 GiB
_LARGEST = 2.0**53  # a float holds all integers below
_MOST_NEURONS = 2**31  # neurons of a layer, whose numbers are int32


REPEATED = "are not the first of their neuron in a presentation, and are left out"
"""Warning about later spikes of a neuron in a presentation."""
OUTSIDE = "are in no presentation, and are left out"


@dataclass(frozen=True, eq=False)
class Presentations:
    """Latencies of one layer in some presentations.

    Parameters
    ----------
    latencies : ndarray of float64, shape (presentations, height, width, channels) or (presentations, neurons)
        Latencies (ms); ``inf`` is silent.
    labels : ndarray of int64 or str, shape (presentations,), optional
        Labels, or class names.
    indices : ndarray of int64, shape (presentations,)
        Numbers of the presentations in the file.
    repeated : int
        Number of spikes in the file that are not the first of their neuron in a presentation.
    outside : int
        Number of spikes in the file that belong to no presentation.
    name : str
        Name in messages.
    """

    latencies: np.ndarray
    labels: np.ndarray | None
    indices: np.ndarray
    repeated: int = 0
    outside: int = 0
    name: str = "spikes"

    __repr__ = short_repr

    def stimuli(self, encoder: Encoder, classes: Sequence[str] = (), network: Network | None = None) -> Stimuli:
        """Return the presentations as stimuli.

        A `netsim.errors.DataWarning` reports how many spikes are left out, and how many occur after the encoding window
        of `network`.

        Parameters
        ----------
        encoder : Encoder
            Encoder of the shape of the presentations.
        classes : sequence of str, optional
            Names of the labels 0, 1, .... Labels in the file may be these names.
        network : Network, optional
            Network for the stimuli. Labels must be numbers of its output neurons.

        Returns
        -------
        Stimuli

        Raises
        ------
        DataError
            If a label is not an output neuron, or a name is not in `classes`.
        """
        from netsim.data.stimuli import SpikeStimuli
        from netsim.spikes.labels import UNLABELLED

        labels = np.full(len(self.latencies), UNLABELLED) if self.labels is None else self._numbered(classes)
        if network is not None and (wrong := labels >= network.outputs).any():
            which = f"presentation {self.indices[wrong][0]} has the label {labels[wrong][0]}"
            remedy = f"{network.name} has output neurons 0 to {network.outputs - 1}; correct or leave out the label"
            raise DataError(f"{self.name}: {which}, but {remedy}")
        self._warn(encoder, network)
        return SpikeStimuli(self.latencies, labels, None, encoder, tuple(classes))

    def _numbered(self, classes: Sequence[str]) -> np.ndarray:
        """Return the labels as class numbers."""
        assert self.labels is not None
        if self.labels.dtype.kind != "U":
            return self.labels
        if not classes:
            unknown = f"has words as labels, such as {str(self.labels[0])!r}, but no classes are given"
            raise DataError(f"{self.name}: {unknown}; give the numbers of output neurons, counted from 0")
        from netsim.spikes.labels import class_numbers

        return class_numbers(self.labels.tolist(), classes, f"{self.name}: the label")

    def _warn(self, encoder: Encoder, network: Network | None) -> None:
        """Warn about spikes that are left out or late. Other code rejects spikes after the presentation."""
        times = self.latencies[np.isfinite(self.latencies)]
        count = times.size + self.repeated + self.outside
        counted = {REPEATED: self.repeated, OUTSIDE: self.outside}
        if network is not None:
            end = network.encoder.t_max
            late = f"come after the encoding window of {end:g} ms, and may have no effect"
            counted[late] = int(np.count_nonzero((times > end) & (times < network.duration)))
        warn_left_out(self.name, count, counted)
        if encoder.t_max > 1:
            warn_of_seconds(self.name, times.max(initial=0))


@contextmanager
def reading(path: Path, format_name: str) -> Iterator[None]:
    """Convert errors of libraries over a missing or damaged file into a DataError of one line."""
    try:
        if not path.exists():  # messages of libraries differ
            raise DataError(f"{path}: no such file; check its path")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except NetsimError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: needs more memory than there is; it is too large or damaged") from error
    except Exception as error:  # each library raises other exceptions
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path}: cannot be read as {format_name} ({reason}); check its format or write it again"
        ) from error


def choose_layer(path: Path, layer: str | None, names: Sequence[str]) -> str:
    """Return `layer`, by default ``stimulus`` or the only layer."""
    wanted = layer or STIMULUS
    if wanted in names:
        return wanted
    if layer is None and len(names) == 1:
        return names[0]
    known = ", ".join(sorted(names)) or "none"
    raise DataError(f"{path}: has no layer or population called {wanted!r}; it has {known}")


def neuron_numbers(path: Path, columns: Mapping[str, np.ndarray], shape: Shape) -> np.ndarray:
    """Return the numbers of neurons in a layer of this shape, from their coordinates.

    Columns are ``y``, ``x`` and ``map``, or ``neuron``, or both. With a single map ``map`` may be missing.
    """
    axes = ("y", "x", "map") if len(shape) == 3 else ("map",)
    given = dict(columns)
    if shape[-1] == 1 and "map" not in given and "y" in given:
        given["map"] = np.zeros_like(given["y"])
    placed = all(axis in given for axis in axes)
    if not placed and "neuron" not in given:
        raise DataError(f"{path}: does not identify the neurons; it needs {', '.join(axes)} or neuron")
    for name, size in [*zip(axes, shape, strict=True), ("neuron", math.prod(shape))]:
        values = given.get(name, np.empty(0, int))
        if values.size and not (values.min() >= 0 and values.max() < size):
            raise DataError(
                f"{path}: {name} ranges from {values.min()} to {values.max()}, but the shape {shape} of the layer"
                f" allows only 0 to {size - 1}; correct the numbers"
            )
    if not placed:
        return given["neuron"]
    numbers = np.ravel_multi_index([given[axis] for axis in axes], shape)
    if "neuron" in given and (numbers != given["neuron"]).any():
        raise DataError(
            f"{path}: {', '.join(axes)} and neuron contradict each other in a layer of shape {shape}; remove one"
        )
    return numbers


def warn_left_out(name: str, count: int, counted: Mapping[str, int]) -> None:
    """Warn of spikes. `counted` has how many of `count` there are of each kind, by words about them."""
    parts = [f"{number:,} of {count:,} spikes {what}" for what, number in counted.items() if number]
    if parts:
        warn_user(f"{name}: {'; '.join(parts)}", DataWarning)


def warn_of_dropped(path: Path, count: int, within: int, layers: Iterable[LayerSpikes]) -> None:
    """Warn how many spikes of a recording layers do not have. `within` of `count` are in presentations."""
    kept = sum(len(layer.latencies) for layer in layers)
    warn_left_out(str(path), count, {REPEATED: within - kept, OUTSIDE: count - within})


def warn_of_seconds(name: str, latest: float) -> None:
    """Warn if the latest latency (ms) is so early that latencies are probably in seconds."""
    if 0 < latest < 1:
        remedy = "latencies are in ms, so multiply seconds by 1000"
        warn_user(f"{name}: all latencies are below 1 ms; {remedy}", DataWarning)


def rounding(*times: Any) -> np.ndarray:
    """Return how far sums and differences of recorded times (ms) may be off: a quarter of 1 ps, more for late times."""
    return np.maximum(0.25 * 10.0**-PICOSECOND, 4 * np.spacing(sum(map(np.abs, times), 0.0)))


def check_latencies(path: Path, latencies: np.ndarray) -> None:
    """Raise DataError unless latencies count from the start of the presentation."""
    if np.isnan(latencies).any():
        raise DataError(f"{path}: has NaN among the times; leave out silent neurons")
    if (latencies < 0).any():
        negative = f"has negative times, such as {latencies[latencies < 0][0]:g} ms"
        raise DataError(f"{path}: {negative}; count them from the start of the presentation")


def first_spikes(
    path: Path, latencies: np.ndarray, presentations: np.ndarray, neurons: np.ndarray, count: int, shape: Shape
) -> np.ndarray:
    """Return the first spike of every neuron in `count` presentations, shape (count, *shape).

    The three arrays have an entry per spike: its latency from the start of the presentation (ms), the position of the
    presentation, and the neuron as from `neuron_numbers`.
    """
    check_latencies(path, latencies)
    if count * math.prod(shape) > _MOST_TIMES:
        raise DataError(
            f"{path}: has {count:,} presentations of {shape}; choose fewer, at most {_MOST_TIMES:,} times are possible"
        )
    times = np.full((count, math.prod(shape)), np.inf)
    np.minimum.at(times, (presentations, neurons), latencies)
    return times.reshape(count, *shape)


def later_spikes(latencies: np.ndarray, first: np.ndarray) -> int:
    """Return how many spikes are not first spikes."""
    return int(np.count_nonzero(np.isfinite(latencies)) - np.count_nonzero(np.isfinite(first)))


def check_size(path: Path, layer: str, size: int) -> int:
    """Return the number of neurons of a layer, or raise DataError if it is negative or too large."""
    if not 0 <= size <= _MOST_NEURONS:
        raise DataError(f"{path}: {layer} has {size:,} neurons; an analysis allows at most {_MOST_NEURONS:,}")
    return size


def spikes_in_trials(
    path: Path, times: np.ndarray, starts: np.ndarray, stops: np.ndarray, per_ms: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a recording into its presentations.

    Times, starts and stops count from the start of the recording, in units of 1/`per_ms` ms. Times that
    differ by less than `rounding` are equal. A spike at the start belongs to the presentation, and a spike at the stop
    does not. The result is: indices of the spikes in presentations, their presentations, and their latencies (ms),
    rounded to 1 ps so that times on a grid are restored exactly.
    """
    if not (times >= 0).all() or not (starts >= 0).all():  # NaN fails as well
        raise DataError(f"{path}: has NaN or negative times; time starts at 0 with the recording")
    order = np.argsort(starts, kind="stable")
    begin, end = starts[order], stops[order]
    overlap = end[:-1] - begin[1:] > 4 * per_ms * rounding(end[:-1] / per_ms)
    if not (end >= begin).all() or overlap.any():
        raise DataError(f"{path}: has presentations that overlap or stop before they start; correct their times")
    slack = per_ms * rounding(times / per_ms)
    position = np.searchsorted(begin, times + slack, side="right") - 1
    inside = position >= 0
    inside[inside] = (times + slack)[inside] < end[position[inside]]
    spikes = np.flatnonzero(inside)
    position, since = position[spikes], times[spikes] - begin[position[spikes]]
    latencies = np.where(since > slack[spikes], np.round(since / per_ms, PICOSECOND), 0.0)
    return spikes, order[position], latencies


def cut_recording(
    path: Path, times: np.ndarray, neurons: np.ndarray, trials: Mapping[str, np.ndarray], shape: Shape, per_ms: float
) -> Presentations:
    """Return the presentations of a recording, from times and neurons of its spikes. Units as in `spikes_in_trials`.

    Trials have the columns ``start_time`` and ``stop_time``, and optionally ``presentation`` (numbers) and ``label``.
    """
    count = len(check_trials(path, trials)["start_time"])
    spikes, presentations, latencies = spikes_in_trials(path, times, trials["start_time"], trials["stop_time"], per_ms)
    first = first_spikes(path, latencies, presentations, neurons[spikes], count, shape)
    left_out = later_spikes(latencies, first), len(times) - len(spikes)
    return Presentations(first, labels_of(path, trials), indices_of(path, trials), *left_out)


def check_trials(path: Path, trials: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Raise DataError unless all columns of the trials have the same length."""
    counts = {name: len(column) for name, column in trials.items()}
    if set(counts.values()) != {counts["start_time"]}:
        raise DataError(f"{path}: is damaged: columns of the presentations differ in length ({counts}); write it again")
    return trials


def labels_of(path: Path, trials: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the labels of trials, or None."""
    return whole_numbers(path, "label", trials["label"]) if "label" in trials else None


def indices_of(path: Path, trials: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the numbers of trials, by default counted from 0."""
    return whole_numbers(path, "presentation", trials.get("presentation", np.arange(len(trials["start_time"]))))


def whole_numbers(path: Path, name: str, values: np.ndarray, least: int | None = 0) -> np.ndarray:
    """Return values as int64, or raise DataError unless they are integers of at least `least`."""
    array = np.asarray(values)
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and (array == np.floor(array)).all())
    if not whole or (array.size and not (array.max() < _LARGEST and array.min() > -_LARGEST)):
        raise DataError(f"{path}: {name} must contain integers; correct the column")
    if least is not None and (array < least).any():
        raise DataError(f"{path}: {name} must be {least} or more, not {array.min()}; correct the column")
    return array.astype(np.int64)
