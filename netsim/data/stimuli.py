"""Labelled stimuli of a network: images or recordings, converted to latencies when they are presented."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netsim.data.dataset import Dataset, check_dataset, class_names, split_validation
from netsim.data.events import latencies_to_events
from netsim.data.loading import load_dataset
from netsim.data.recordings import Recordings, RecordingsAsNeeded, convert, event_encoder
from netsim.data.source import OnProgress, ignore_progress
from netsim.data.stored import Samples
from netsim.data.tally import latest_spike
from netsim.errors import DataError
from netsim.reprs import html_table, short_repr
from netsim.specification import Encoder, EventEncoder, Network
from netsim.specification.checks import check_array, check_choice, check_kind, check_unmasked, positions, whole
from netsim.spikes.labels import UNLABELLED
from netsim.spikes.latencies import BATCH


@dataclass(frozen=True, eq=False)  # comparing arrays yields no truth value
class Stimuli:
    """Images or recordings with labels, and the encoder that converts them to latencies.

    Parameters
    ----------
    images : ndarray or Samples, shape (images, height, width, channels)
        Intensities, or times (µs) of recordings as in `EventEncoder.first_events`. Images may stay in a file.
    labels : ndarray of int, shape (stimuli,)
        Class numbers, or `UNLABELLED`.
    intensity_max : float or None
        Intensity that fires at 0 ms. None for recordings.
    encoder : Encoder
    classes : tuple of str
        Names of the labels 0, 1, ...
    rows : ndarray of int, shape (stimuli,), optional
        Images that are the stimuli, by index. The default is all. Images are not copied.

    Raises
    ------
    DataError
        If images and labels do not fit together.

    Examples
    --------
    >>> import netsim
    >>> test = netsim.load_model("digits").splits().test.first(40)
    >>> len(test), test.latencies(range(2)).shape
    (40, (2, 8, 8, 1))
    """

    images: Samples
    labels: np.ndarray
    intensity_max: float | None
    encoder: Encoder
    classes: tuple[str, ...] = ()
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_kind(self.encoder, Encoder, "encoder", "that of the network")
        if len(getattr(self.images, "shape", ())) != 4 or not hasattr(self.images, "dtype"):
            kind = type(self.images).__name__
            raise DataError(f"images: must be an array of shape (images, height, width, channels), not {kind}")
        check_unmasked(self.images, "images:")
        check_array(self.labels, "labels:", "iu")
        object.__setattr__(self, "classes", class_names(self.classes))
        if self.rows is not None:
            object.__setattr__(self, "rows", positions(self.rows, len(self.images), "rows"))
        count = len(self.images) if self.rows is None else len(self.rows)
        if self.labels.ndim != 1:
            raise DataError(f"labels: must be one whole number for each stimulus, not of shape {self.labels.shape}")
        if len(self.labels) != count:
            raise DataError(f"labels: there are {len(self.labels)} for {count} stimuli; give one for each")

    def __repr__(self) -> str:
        shape, code = self.encoder.shape, type(self.encoder).__name__
        return f"{type(self).__name__}({len(self):,} of shape {shape}, {len(self.classes)} classes, {code})"

    def __len__(self) -> int:
        return len(self.labels)

    def __reduce__(self) -> tuple[type[Stimuli], tuple[object, ...]]:
        # for another process: only the presented images
        images = np.array(self.images[self._rows_of(np.arange(len(self)))])
        return type(self), (images, self.labels, self.intensity_max, self.encoder, self.classes)

    def latencies(self, chosen: np.ndarray) -> np.ndarray:
        """Return the latencies (ms) of the chosen stimuli, shape (chosen, height, width, channels)."""
        chosen = positions(chosen, len(self), "chosen")
        coded = self._encoded(self.images[self._rows_of(chosen)], chosen)
        _check_coded(self.encoder, coded, len(chosen))
        return self.encoder.with_constant(coded)

    def _encoded(self, samples: Any, chosen: np.ndarray) -> np.ndarray:
        """Return the latencies of samples. A DataError names the first that cannot be encoded, from 0 in its file."""
        try:
            return self.encoder.latencies(samples, self.intensity_max)
        except DataError as error:
            if str(error).startswith("intensity_max:"):  # concerns all samples
                raise
            if len(samples) == 1:
                raise DataError(f"sample {self._rows_of(chosen)[0]}: {error}") from error
            for row in range(len(samples)):
                self._encoded(samples[row : row + 1], chosen[row : row + 1])
            raise

    def intensities(self) -> np.ndarray:
        """Return all images as they are, shape (stimuli, height, width, channels).

        Raises DataError if the stimuli are recordings or latencies.
        """
        if self.intensity_max is None:
            raise DataError("stimuli: are not images; give images, not recordings or spikes")
        return np.asarray(self.images[self._rows_of(np.arange(len(self)))])

    def pick(self, chosen: np.ndarray) -> Stimuli:
        """Return only the chosen stimuli, by indices in the given order or by a mask."""
        chosen = positions(chosen, len(self), "chosen")
        return dataclasses.replace(self, labels=self.labels[chosen], rows=self._rows_of(chosen))

    def first(self, count: int | None) -> Stimuli:
        """Return the first `count` stimuli, or all for None."""
        return self if count is None or whole(count, "count", least=0) >= len(self) else self.pick(np.arange(count))

    def prepare(self, on_progress: OnProgress = ignore_progress) -> Stimuli:
        """Convert recordings now if they are converted when they are presented. Return the stimuli."""
        if isinstance(self.images, RecordingsAsNeeded):
            self.images.prepare(self._rows_of(np.arange(len(self))), on_progress)
        return self

    def check_labels(self, outputs: int) -> None:
        """Raise DataError unless all labels are numbers of output neurons. `UNLABELLED` is not."""
        check_labels("stimuli", self.labels, outputs)

    def check_encoded(self, name: str) -> None:
        """Raise DataError for stimuli that cannot be encoded, such as latencies after the encoding window."""
        for first in range(0, len(self), BATCH):
            chosen = np.arange(first, min(first + BATCH, len(self)))
            try:
                self.latencies(chosen)
            except DataError as error:
                raise DataError(f"{name}: {error}") from error

    def _rows_of(self, chosen: np.ndarray) -> np.ndarray:
        """Return the indices of the chosen stimuli among the images."""
        return chosen if self.rows is None else self.rows[chosen]


def check_labels(what: str, labels: np.ndarray, outputs: int) -> None:
    """Raise DataError unless all labels are numbers of output neurons."""
    if not ((labels >= 0) & (labels < outputs)).all():
        odd = int(labels[(labels < 0) | (labels >= outputs)][0])
        which = "without a label" if odd == UNLABELLED else f"with the label {odd}"
        raise DataError(f"{what}: include a stimulus {which}; labels from 0 to {outputs - 1} are needed here")


def lost_classes(whole: Stimuli, part: Stimuli) -> str:
    """Return how many classes a part lacks that the whole has, or an empty text. A small part cannot have all."""
    present, remaining = np.unique(whole.labels), np.unique(part.labels)
    if len(remaining) == len(present) or len(part) < 5 * len(present):
        return ""
    return f"{len(present) - len(remaining)} of {len(present)} classes"


def _check_coded(encoder: Encoder, coded: Any, count: int) -> None:
    """Raise DataError, with the encoder's name, unless its latencies are valid and within its window."""
    where, shape = type(encoder).__name__, (count, *encoder.coded_shape)
    if not isinstance(coded, np.ndarray) or coded.dtype.kind != "f" or coded.shape != shape:
        given = f"{coded.dtype} of shape {coded.shape}" if isinstance(coded, np.ndarray) else type(coded).__name__
        raise DataError(f"{where}: must return latencies, an array of floats of shape {shape}, not {given}")
    latest = latest_spike(coded)
    if latest > encoder.t_max:
        raise DataError(
            f"{where}: returns a latency of {latest:g} ms, after its window of {encoder.t_max:g} ms; make it earlier"
        )


class SpikeStimuli(Stimuli):
    """Stimuli given as latencies (ms, ``inf`` = silent) instead of images.

    They include the constant channels of the encoder and are presented unchanged.
    """

    def latencies(self, chosen: np.ndarray) -> np.ndarray:
        """Return the latencies (ms) of the chosen stimuli, shape (chosen, height, width, channels)."""
        return self.images[self._rows_of(positions(chosen, len(self), "chosen"))]


@dataclass(frozen=True, eq=False)
class Splits:
    """Stimuli for training, validation and test, and their data set.

    Attributes
    ----------
    training, validation, test : Stimuli
    dataset : Dataset

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> netsim.load_splits(model.network)
    Splits(
      training=Stimuli(1,257 of shape (8, 8, 1), 10 classes, IntensityEncoder),
      validation=Stimuli(180 of shape (8, 8, 1), 10 classes, IntensityEncoder),
      test=Stimuli(360 of shape (8, 8, 1), 10 classes, IntensityEncoder),
    )
    """

    training: Stimuli
    validation: Stimuli
    test: Stimuli
    dataset: Dataset = field(repr=False)

    __repr__ = short_repr

    def of(self, split: str, set_aside: float) -> Stimuli:
        """Return the test stimuli or the validation stimuli of a network.

        Parameters
        ----------
        split : {"test", "validation"}
        set_aside : float
            The network's ``training.validation``.

        Returns
        -------
        Stimuli

        Raises
        ------
        SpecificationError
            If `split` has another value.
        DataError
            If there are no validation stimuli.
        """
        check_choice(split, ("test", "validation"), "split")
        if split == "test":
            return self.test
        if not len(self.validation):
            data, present = self.dataset, "present the split test"
            if not set_aside:
                none = f"training.validation is 0, so no {data.noun} are set aside"
                raise DataError(f"{data.name}: {none}; {present}")
            few = f"is too small to set validation {data.noun} aside; {present}"
            raise DataError(f"{data.name}: {few}, or add validation {data.noun} to the data set")
        return self.validation

    def _repr_html_(self) -> str:
        names = ("training", "validation", "test")
        return html_table("Splits", [(name, repr(getattr(self, name))) for name in names])


class EventView:
    """Stimuli as a data set of tonic, for its transforms, slicers and caches.

    Parameters
    ----------
    stimuli : Stimuli
    transform : callable, optional
        Transform of tonic, applied to the events of each stimulus. `sensor_size` is (width, height, channels), and the
        channel becomes the polarity.

    Examples
    --------
    >>> import netsim
    >>> test = netsim.load_model("digits").splits().test.first(40)
    >>> view = netsim.EventView(test)
    >>> events, label = view[0]
    >>> events.dtype.names, label
    (('x', 'y', 't', 'p'), 4)
    """

    def __init__(self, stimuli: Stimuli, transform: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        check_kind(stimuli, Stimuli, "stimuli", "such as netsim.load_splits(network).test")
        height, width, channels = stimuli.encoder.shape
        self.stimuli = stimuli
        self.transform = transform
        self.sensor_size = (width, height, channels)
        self.classes = list(stimuli.classes)

    def __repr__(self) -> str:
        return f"EventView({len(self)} stimuli, sensor_size={self.sensor_size})"

    def __len__(self) -> int:
        return len(self.stimuli)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Return events of type `EVENT_TYPE` and the label of one stimulus."""
        if not 0 <= index < len(self):
            raise IndexError(f"stimulus {index}: there are 0 to {len(self) - 1}")
        events = latencies_to_events(self.stimuli.latencies(np.array([index]))[0])
        return events if self.transform is None else self.transform(events), int(self.stimuli.labels[index])


def event_stimuli(recordings: Recordings, encoder: Encoder, classes: tuple[str, ...] = ()) -> Stimuli:
    """Convert recordings to stimuli, for example a data set of tonic with a transform.

    Parameters
    ----------
    recordings : sequence of (events, label)
        For example a data set, cache or slice of tonic, or an `EventView`.
    encoder : Encoder
        Usually an `EventEncoder`. An encoder for other samples is replaced by an `EventEncoder` of the same shape and
        window.
    classes : tuple of str
        Names of the labels 0, 1, ...

    Returns
    -------
    Stimuli

    Raises
    ------
    DataError
        If a recording cannot be read or does not fit the encoder.

    Examples
    --------
    >>> import netsim
    >>> test = netsim.load_model("digits").splits().test.first(40)
    >>> recordings = netsim.EventView(test)
    >>> encoder = netsim.EventEncoder((8, 8, 1), t_max=16.0, polarity="merged")
    >>> netsim.event_stimuli(recordings, encoder, test.classes)
    Stimuli(40 of shape (8, 8, 1), 10 classes, EventEncoder)
    """
    check_kind(encoder, Encoder, "encoder", "such as EventEncoder((34, 34, 2), t_max=105.0)")
    if encoder.samples != EventEncoder.samples:
        encoder = EventEncoder(encoder.shape, encoder.t_max, constant=encoder.constant)
    events = event_encoder(encoder, "recordings")
    times, labels = convert(recordings, events)
    return Stimuli(times, labels, None, events, classes)


def load_splits(
    network: Network,
    dataset: str | Dataset | None = None,
    data_dir: str | None = None,
    on_progress: OnProgress = ignore_progress,
    as_needed: bool = False,
    presented: bool = False,
) -> Splits:
    """Load a data set and split it for a network.

    Validation stimuli are drawn from the training samples with a fixed seed, unless the data set includes some. The
    seed is independent of the training seed, so that no run trains on them.

    Parameters
    ----------
    network : Network
    dataset : str or Dataset, optional
        The default is the network's data set.
    data_dir : str, optional
        The only folder to search for the data set, see `netsim.load_dataset`.
    on_progress : callable
        Progress callback during conversion of recordings, see `netsim.data.source.OnProgress`.
    as_needed : bool
        Convert recordings when they are presented, not all in advance. Faster for a few of many recordings.
    presented : bool
        Whether the stimuli are presented without learning. A data set that is too small for validation stimuli is
        accepted then.

    Returns
    -------
    Splits

    Raises
    ------
    DataError
        If the data set is missing, damaged, or does not fit the network.
    SpecificationError
        If `network` is not a network.

    Examples
    --------
    >>> import netsim
    >>> splits = netsim.load_splits(netsim.load_preset("digits"))
    >>> len(splits.training), len(splits.validation), len(splits.test)
    (1257, 180, 360)
    """
    check_kind(network, Network, "network", 'such as netsim.load_preset("digits")')
    if isinstance(dataset, Dataset):
        data = dataset
    else:
        data = load_dataset(dataset or network.training.dataset, data_dir, network.encoder, on_progress, as_needed)
    check_dataset(data, network)
    training, test, *validation = (
        Stimuli(samples, labels, data.intensity_max, network.encoder, data.classes)
        for samples, labels in data.parts.values()
    )
    if validation:
        return Splits(training, validation[0], test, data)
    count = network.training.set_aside(len(training))
    if presented and count >= len(training):
        count = 0
    learnt, held_out = split_validation(len(training), count, samples=data.noun)
    return Splits(training.pick(learnt), training.pick(held_out), test, data)
