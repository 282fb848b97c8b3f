"""Labelled stimuli of a network: images or recordings kept small, turned into latencies as they are presented."""

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

UNLABELLED = -1  # in place of a label, where there is none
_BATCH = 500


@dataclass(frozen=True)
class Stimuli:
    """Images or recordings with labels, and the encoder that turns them into latencies.

    Parameters
    ----------
    images : ndarray or Samples, shape (images, height, width, channels)
        Intensities; of recordings, times (µs) as from `EventEncoder.first_events`. They may lie in a file.
    labels : ndarray of int, shape (stimuli,)
        `UNLABELLED` in stimuli that cannot be learned from.
    intensity_max : float, optional
        The intensity that fires at 0 ms; recordings have none.
    encoder : Encoder
    classes : tuple of str
        What the labels 0, 1, ... stand for.
    rows : ndarray of int, shape (stimuli,), optional
        Which of the images are the stimuli; by default all. Images may lie in a file, and are not copied.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
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
        # for another process: only what is presented, not all images there are
        images = np.array(self.images[self._rows_of(np.arange(len(self)))])
        return type(self), (images, self.labels, self.intensity_max, self.encoder, self.classes)

    def latencies(self, chosen: np.ndarray) -> np.ndarray:
        """Latencies (ms) of the chosen stimuli, shape (chosen, height, width, channels)."""
        chosen = positions(chosen, len(self), "chosen")
        coded = self.encoder.latencies(self.images[self._rows_of(chosen)], self.intensity_max)
        _check_coded(self.encoder, coded, len(chosen))
        return self.encoder.with_constant(coded)

    def pick(self, chosen: np.ndarray) -> Stimuli:
        """Only the chosen stimuli, by their positions in the order given, or by a mask."""
        chosen = positions(chosen, len(self), "chosen")
        return dataclasses.replace(self, labels=self.labels[chosen], rows=self._rows_of(chosen))

    def first(self, count: int | None) -> Stimuli:
        """The first `count` stimuli, or all."""
        return self if count is None or whole(count, "count", least=0) >= len(self) else self.pick(np.arange(count))

    def prepare(self, on_progress: OnProgress = ignore_progress) -> Stimuli:
        """The same, with all that is presented ready, if it is made as it is needed."""
        if isinstance(self.images, RecordingsAsNeeded):
            self.images.prepare(self._rows_of(np.arange(len(self))), on_progress)
        return self

    def check_labels(self, outputs: int) -> None:
        """Refuse, by a DataError, labels that are none of so many output neurons, `UNLABELLED` among them."""
        check_labels("stimuli", self.labels, outputs)

    def check_encoded(self, name: str) -> None:
        """Refuse, by a DataError, stimuli that the encoder cannot encode, such as latencies behind its window."""
        for first in range(0, len(self), _BATCH):
            chosen = np.arange(first, min(first + _BATCH, len(self)))
            try:
                self.latencies(chosen)
            except DataError as error:
                raise DataError(f"{name}: {error}") from error

    def _rows_of(self, chosen: np.ndarray) -> np.ndarray:
        """Which of the images the chosen stimuli are."""
        return chosen if self.rows is None else self.rows[chosen]


def check_labels(what: str, labels: np.ndarray, outputs: int) -> None:
    """Raise a DataError unless all labels are numbers of output neurons."""
    if not ((labels >= 0) & (labels < outputs)).all():
        odd = int(labels[(labels < 0) | (labels >= outputs)][0])
        which = "without a label" if odd == UNLABELLED else f"with the label {odd}"
        raise DataError(f"{what}: hold one {which}; labels from 0 to {outputs - 1} are needed here")


def _check_coded(encoder: Encoder, coded: Any, count: int) -> None:
    """Refuse, by a DataError that names the encoder, what are no latencies of its stimuli within its window."""
    where, shape = type(encoder).__name__, (count, *encoder.coded_shape)
    if not isinstance(coded, np.ndarray) or coded.dtype.kind != "f" or coded.shape != shape:
        given = f"{coded.dtype} of shape {coded.shape}" if isinstance(coded, np.ndarray) else type(coded).__name__
        raise DataError(f"{where}: must give latencies, an array of floats of shape {shape}, not {given}")
    latest = latest_spike(coded)
    if latest > encoder.t_max:
        raise DataError(f"{where}: gives a latency of {latest:g} ms, after its window of {encoder.t_max:g} ms")


class SpikeStimuli(Stimuli):
    """Stimuli that are spikes already: latencies (ms, ``inf`` = silent) instead of images.

    They are presented as they are, with the channels that an encoder would add.
    """

    def latencies(self, chosen: np.ndarray) -> np.ndarray:
        """Latencies (ms) of the chosen stimuli, shape (chosen, height, width, channels)."""
        return self.images[self._rows_of(positions(chosen, len(self), "chosen"))]


@dataclass(frozen=True)
class Splits:
    """Stimuli to learn from, to choose a model with, and to test it on once; and the data set that they come from.

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

    def of(self, split: str, set_aside: int) -> Stimuli:
        """Return the test stimuli, or those that a network is validated with.

        Parameters
        ----------
        split : {"test", "validation"}
        set_aside : int
            The network's ``training.validation``.

        Raises
        ------
        SpecificationError
            If there is no such split.
        DataError
            If there are no validation stimuli.
        """
        check_choice(split, ("test", "validation"), "split")
        if split == "test":
            return self.test
        if not len(self.validation):
            data, present = self.dataset, "present the split test"
            if not set_aside:
                none = f"training.validation is 0, so that no {data.noun} are set aside"
                raise DataError(f"{data.name}: {none}; {present}")
            few = f"is too small to set validation {data.noun} aside; {present}"
            raise DataError(f"{data.name}: {few}, or give it some of its own")
        return self.validation

    def _repr_html_(self) -> str:
        names = ("training", "validation", "test")
        return html_table("Splits", [(name, repr(getattr(self, name))) for name in names])


class EventView:
    """Stimuli as a data set of tonic: its transforms, slicers and caches work on it.

    Events pass through `transform`, if there is one, as through tonic's. For these there is also `sensor_size`, as
    (width, height, channels); the channel of the stimulus is the polarity.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> view = netsim.EventView(test)
    >>> events, label = view[0]
    >>> events.dtype.names, label
    (('x', 'y', 't', 'p'), 4)
    """

    def __init__(self, stimuli: Stimuli, transform: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
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
        """Events of type `EVENT_TYPE` and label of one stimulus."""
        if not 0 <= index < len(self):
            raise IndexError(f"stimulus {index}: there are 0 to {len(self) - 1}")
        events = latencies_to_events(self.stimuli.latencies(np.array([index]))[0])
        return events if self.transform is None else self.transform(events), int(self.stimuli.labels[index])


def event_stimuli(recordings: Recordings, encoder: Encoder, classes: tuple[str, ...] = ()) -> Stimuli:
    """Recordings of your own as stimuli, for example those of a data set of tonic with a transform.

    Recordings are pairs of events and label, such as the data sets, caches and slices of tonic yield, or an `EventView`
    of other stimuli. An encoder that takes no recordings stands for an `EventEncoder` of the same shape and window.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> recordings = netsim.EventView(test)
    >>> encoder = netsim.EventEncoder((8, 8, 1), t_max=16.0, polarity="merged")
    >>> netsim.event_stimuli(recordings, encoder, test.classes)
    Stimuli(40 of shape (8, 8, 1), 10 classes, EventEncoder)
    """
    if encoder.samples != EventEncoder.samples:
        encoder = EventEncoder(encoder.shape, encoder.t_max, constant=encoder.constant)
    own = event_encoder(encoder, "recordings")
    times, labels = convert(recordings, own)
    return Stimuli(times, labels, None, own, classes)


def load_splits(
    network: Network,
    dataset: str | Dataset | None = None,
    data_dir: str | None = None,
    on_progress: OnProgress = ignore_progress,
    as_needed: bool = False,
    presented: bool = False,
) -> Splits:
    """Load a data set and split it for a network.

    If it has no validation stimuli of its own, they are drawn from the training images by a fixed seed of their own,
    so that no training seed ever sees them.

    Parameters
    ----------
    network : Network
    dataset : str or Dataset, optional
        By default the network's own.
    data_dir : str, optional
        Where to look first.
    on_progress : callable
        Is called as recordings are converted, see `netsim.data.source.OnProgress`.
    as_needed : bool
        Whether recordings are converted when they are presented, and not all beforehand: for a few of many.
    presented : bool
        Whether nothing is learned: a data set that is too small to set validation stimuli aside has none, then.

    Raises
    ------
    DataError
        If the data set is not found, is damaged, or does not fit the network.

    Examples
    --------
    >>> import netsim
    >>> splits = netsim.load_splits(netsim.load_preset("digits"))
    >>> len(splits.training), len(splits.validation), len(splits.test)
    (1257, 180, 360)
    """
    if isinstance(dataset, Dataset):
        data = dataset
    else:
        data = load_dataset(dataset or network.training.dataset, data_dir, network.encoder, on_progress, as_needed)
    check_dataset(data, network)
    training, test, *own = (
        Stimuli(samples, labels, data.intensity_max, network.encoder, data.classes)
        for samples, labels in data.parts.values()
    )
    if own:
        return Splits(training, own[0], test, data)
    count = network.training.validation
    if presented and count >= len(training):
        count = 0
    learnt, held_out = split_validation(len(training), count, samples=data.noun)
    return Splits(training.pick(learnt), training.pick(held_out), test, data)
