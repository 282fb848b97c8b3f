"""Make data sets from arrays, tables, latencies, events, data sets of torch or tonic, and streams."""

from __future__ import annotations

import dataclasses
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netsim.data.dataset import MEMORY, Dataset, Part, class_names
from netsim.data.packed import read_dataset, write_dataset
from netsim.data.stored import Spool
from netsim.data.tally import Tally, latest_spike, warn_of_gaps, warn_too_early
from netsim.errors import DataError, DataWarning, RunError, warn_user
from netsim.specification import Encoder
from netsim.specification.checks import check_kind, check_unitless, check_unmasked, finite, path_in, plain_number
from netsim.spikes.labels import UNLABELLED, class_numbers, in_order
from netsim.spikes.latencies import BATCH

SPLIT_SEED = 2021
_MOST_CLASSES = 100_000  # larger labels are probably not class numbers
_FEW = 0.1  # share of samples that may be training samples too without a warning; many data sets have a few


def make_dataset(
    training: Any,
    encoder: Encoder,
    test: Any = 0.2,
    validation: Any = None,
    name: str = "data",
    classes: Sequence[str] | None = None,
    intensity_max: float | None = None,
    file: str | Path | None = None,
) -> Dataset:
    """Make a data set from your own data, for `netsim.open_training` and `netsim.load_splits`.

    Parameters
    ----------
    training : (X, y), or iterable
        ``(X, y)``: samples and labels, each an array, a list or a pandas table. Use ``(X, None)`` without labels.
        Alternatively, a sequence or iterator of samples, of pairs of sample and label, or of pairs of batches, such as
        data sets and loaders of torch and tonic. The encoder defines a sample: intensities, a recording of events, or
        latencies in ms. `Encoder.prepare` lists the accepted shapes. Tables need the same columns throughout, and the
        index of their labels. Labels are words, or numbers from 0. The largest number defines the number of classes,
        and a warning names classes without a sample. All parts need the same kind of labels.
    encoder : Encoder
        The network's encoder.
    test : float, or as `training`
        Test samples, or the fraction of `training` to set aside for the test. The fraction is drawn with a fixed seed,
        with the classes in proportion if possible.
    validation : as `training`, optional
        Samples for choosing the epoch. By default, ``training.validation`` samples of `training` are set aside.
    name : str
        Name in descriptions and reports.
    classes : sequence of str, optional
        Names of the labels 0, 1, ... The default is the sorted words, or the numbers. Words such as
        ``22.5``, if all are numbers, are sorted as numbers.
    intensity_max : float, optional
        Images only: intensity of the earliest spike. The default is 255 for unsigned bytes, otherwise the largest
        intensity in `training`.
    file : str or Path, optional
        New ``.npz`` for the samples, written a few at a time, so that memory does not grow with their number. Runs
        refer to the file by path and checksum. By default, samples are kept in memory and stored in the run.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If samples or labels do not fit the encoder or each other, or all samples are silent. A
        `netsim.errors.DataWarning` reports some silent samples, events that come too late, and in memory also test and
        validation samples that are training samples too.
    RunError
        If `file` exists already or cannot be written.

    Examples
    --------
    >>> import netsim
    >>> from sklearn.datasets import load_digits
    >>> data = netsim.make_dataset(load_digits(return_X_y=True), netsim.IntensityEncoder((8, 8, 1), 16.0), name="mine")
    >>> data
    Dataset('mine': 1438 training and 359 test images of 8x8x1, 10 classes, from memory)
    """
    check_kind(encoder, Encoder, "encoder", "that of the network")
    printable = isinstance(name, str) and name != "" and name.isprintable()
    if not printable or set(name) & set("/\\:") or name.startswith("."):
        raise DataError(f"{name!r}: is not a valid name for a data set; use letters, digits and dashes")
    given = {"training": training, "validation": validation, "test": test}
    share = float(plain_number(test)) if isinstance(test, float | np.floating) else None
    wanted = {part: content for part, content in given.items() if content is not None or part != "validation"}
    if share is not None:
        wanted.pop("test", None)
        if file is not None:
            raise DataError("test: must be samples if file is given, because samples are written one by one")
        if not 0 < share < 1:
            raise DataError(f"test: a fraction must be between 0 and 1, not {share:g}")
    path, of_samples = path_in(tempfile.gettempdir() if file is None else file, "file"), list[OSError]()
    if file is not None and os.path.lexists(path):
        raise RunError(f"{file}: exists already, and runs may refer to it; choose another file or remove it")
    intensity_max = plain_number(intensity_max)
    if intensity_max is not None and not (finite(intensity_max) and intensity_max > 0):
        raise DataError(f"intensity_max: must be positive, not {intensity_max}")
    names = None if classes is None else class_names(classes)
    if names is not None and len(set(names)) < len(names):
        twice = next(word for word, count in Counter(names).items() if count > 1)
        raise DataError(f"classes: {twice!r} is given twice; give each class a name of its own")
    codes = _Codes(names)
    largest, latest, tally, columns = _Largest(encoder, intensity_max), _Latest(), Tally(), _Columns()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}.", dir=None if file is None else path.parent) as folder:
            parts: dict[str, Part] = {}
            for part, content in wanted.items():
                batches = _prepared(_noting(content, part, of_samples), encoder, part, largest, latest, tally, columns)
                spool_to = None if file is None else Path(folder) / part
                is_copied_later = share is not None and part == "training"
                parts[part] = _kept(batches, codes, part, spool_to, is_copied_later)
            tally.check(name, encoder)
            warn_too_early(name, latest.value, encoder)
            learned = np.unique(parts["training"][1]).tolist() if codes.classes else []
            if len(learned) == 1 and learned[0] < len(codes.classes):
                only = f"all training samples are of one class, {codes.classes[learned[0]]}"
                warn_user(f"{name}: {only}; give at least two classes", DataWarning)
            elif codes.are_counted:
                warn_of_gaps(name, parts["training"][1])
            if share is not None:
                parts["training"], parts["test"] = _set_aside(parts["training"], share)
            made = Dataset(
                name,
                MEMORY,
                *parts["training"],
                *parts["test"],
                largest.value,
                codes.classes,
                encoder.samples,
                parts.get("validation"),
                coding=encoder.coding(),
            )
            if file is None:
                _warn_of_shared(made)
                return made
            write_dataset(made, path)
    except OSError as error:
        if error in of_samples:
            raise
        raise RunError(f"{path}: cannot be written ({error.strerror or error}); choose another file") from error
    return dataclasses.replace(read_dataset(path), reference=str(path.resolve()))


def _warn_of_shared(made: Dataset) -> None:
    """Warn if many test or validation samples are training samples too."""
    training, *others = made.parts.items()
    known = {hash(sample.tobytes()) for sample in training[1][0]}
    for part, (samples, _) in others:
        shared = sum(hash(sample.tobytes()) in known for sample in samples)
        if shared > max(1, _FEW * len(samples)):
            seen = f"{shared} of {len(samples)} {part} {made.samples} are training {made.samples} too"
            warn_user(f"{made.name}: {seen}, so that their accuracy is no measure; give others", DataWarning)


class _Largest:
    """Running maximum of the intensities of the training samples."""

    def __init__(self, encoder: Encoder, given: float | None) -> None:
        self._encoder = encoder
        self._given = given
        self.value = given

    def see(self, samples: np.ndarray) -> None:
        """Include some training samples."""
        seen = self._encoder.largest(samples)
        if self._given is not None and seen is None:
            raise DataError(f"intensity_max: {self._encoder.samples} have no intensities; leave it out")
        if self._given is None and seen is not None:
            self.value = max(seen, self.value or 0.0)


class _Latest:
    """Running maximum of the spike times."""

    def __init__(self) -> None:
        self.value = -np.inf

    def see(self, latencies: np.ndarray) -> None:
        """Include the spikes of some samples."""
        self.value = max(self.value, latest_spike(latencies))


class _Columns:
    """Column names of the first table. Arrays have none."""

    def __init__(self) -> None:
        self._first: list[str] | None = None

    def check(self, table: Any, part: str) -> None:
        """Raise DataError for a table with other columns than the first, or in another order."""
        names = list(getattr(table, "columns", ()))
        if not names or not all(isinstance(name, str) for name in names):
            return  # pandas numbers unnamed columns
        first = self._first = self._first or names
        if names != first:
            column = next(
                (index for index, pair in enumerate(zip(names, first, strict=False)) if len(set(pair)) > 1), -1
            )
            differs = f"column {column} is {names[column]!r}" if column >= 0 else f"there are {len(names)} columns"
            known = f"{first[column]!r}" if column >= 0 else f"{len(first)}"
            raise DataError(f"{part}: {differs}, but {known} in training; give the same columns in the same order")


def _check_index(samples: Any, labels: Any, part: str) -> None:
    """Raise DataError if a pandas table and its pandas labels have different indices."""
    index, other = getattr(samples, "index", None), getattr(labels, "index", None)  # a method of lists
    if index is not None and hasattr(index, "equals") and hasattr(other, "equals") and not index.equals(other):
        raise DataError(f"{part}: samples and labels have different indices; align them, or give labels as an array")


class _Codes:
    """Labels as numbers of classes. Words are numbered in the order of `in_order` of the training labels."""

    def __init__(self, given: tuple[str, ...] | None) -> None:
        self._given = given
        self._words: bool | None = None
        self.classes: tuple[str, ...] = ()

    @property
    def are_given(self) -> bool:
        """True if the user named the classes."""
        return self._given is not None

    @property
    def are_counted(self) -> bool:
        """True if the largest label defines the number of classes."""
        return self._words is False and self._given is None

    def take(self, given: Any, part: str) -> np.ndarray:
        """Return some labels as an array, or raise DataError for a mixture of words and numbers."""
        array = np.atleast_1d(np.asarray(given))
        for label in _telling(array, given):
            is_word = _is_word(label)
            self._words = is_word if self._words is None else self._words
            if is_word not in (None, self._words):
                now, before = ("a word", "numbers") if is_word else ("a number", "words")
                remedy = "give all as words, or all as numbers counted from 0"
                raise DataError(f"{part}: has the label {label}, {now}, but earlier labels are {before}; {remedy}")
        return np.array(array.tolist()) if array.dtype == object and self._words is False else array

    def encode(self, labels: list[np.ndarray], part: str) -> np.ndarray:
        """Return the class numbers. Training labels define the classes unless the user did."""
        if part != "training" and not self.classes:
            both = "give labels for both, or (X, None) for both"
            raise DataError(f"{part}: has labels, but the training samples have none; {both}")
        array = np.concatenate(labels)
        if array.ndim != 1:
            raise DataError(f"{part}: has labels of shape {array.shape}; one number or word each is needed")
        if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.floor(array)).all():
            array = array.astype(np.int64)
        if array.dtype.kind in "iu":
            if array.min(initial=0) < 0:
                first, remedy = int(np.argmax(array < 0)), "count labels from 0, or give (X, None) for no labels"
                raise DataError(f"{part}: sample {first} has the label {array[first]}; {remedy}")
            largest = int(array.max(initial=0))
            if self._given is None and largest >= _MOST_CLASSES:
                many = f"has the label {largest}, which would make {largest + 1:,} classes"
                raise DataError(f"{part}: {many}; count labels from 0, or give words")
            if part == "training":
                self.classes = self._given or tuple(map(str, range(largest + 1)))
            return array.astype(np.int64)
        missing = [number for number, word in enumerate(array.tolist()) if is_missing(word)]
        if array.dtype.kind not in "bUSO" or missing:
            where = f"; sample {missing[0]} has none" if missing else ""
            raise DataError(f"{part}: labels must be whole numbers or words, without missing values{where}")
        try:
            words = [word.decode() if isinstance(word, bytes) else str(word) for word in array.tolist()]
        except UnicodeDecodeError as error:
            raise DataError(f"{part}: contains a label of bytes that are not UTF-8; give words") from error
        if part == "training":
            self.classes = self._given or in_order(words)
        return class_numbers(words, self.classes, f"{part}:")


def is_missing(word: Any) -> bool:
    """Return whether a label is empty, NaN, or NA of pandas, which has no truth value."""
    try:
        return word in (None, "", b"") or bool(word != word)
    except TypeError:
        return True


def _telling(array: np.ndarray, given: Any) -> Any:
    """Return the labels to check for words: the first of a uniform array, or all of a list (NumPy converts types)."""
    if array.dtype == object or (array.dtype.kind in "US" and isinstance(given, list | tuple)):
        return given
    return array.ravel()[:1].tolist()


def _is_word(label: Any) -> bool | None:
    """True if a label is a word or truth value. False for a number, None for anything else."""
    if isinstance(label, str | bytes | bool | np.bool_):
        return True
    return False if isinstance(label, int | float | np.number) and label == label else None


def _noting(content: Any, part: str, errors: list[OSError]) -> Iterator[tuple[Any, Any]]:
    """Yield the batches of a part, and record the user's OSErrors to distinguish them from errors of writing."""
    try:
        yield from _batches(content, part)
    except OSError as error:
        errors.append(error)
        raise


def _prepared(
    batches: Iterable[tuple[Any, Any]],
    encoder: Encoder,
    part: str,
    largest: _Largest,
    latest: _Latest,
    tally: Tally,
    columns: _Columns,
) -> Iterator[tuple[np.ndarray, Any]]:
    """Yield batches of samples in the encoder's form, and labels or None."""
    done = 0
    for given, labels in batches:
        columns.check(given, part)
        for each in (given, labels, *(given if isinstance(given, list) else ())):
            check_unmasked(each, f"{part}:")
            check_unitless(each, f"{part}:")
        _check_index(given, labels, part)
        try:
            samples, late = encoder.prepare_and_late(given)
        except DataError as error:
            raise DataError(f"{part}: {error}") from error
        try:
            shape = None if labels is None else np.shape(labels)
        except ValueError as error:
            raise DataError(f"{part}: has labels of different lengths; give one number or word each") from error
        if shape not in (None, (len(samples),)):
            raise DataError(f"{part}: has {len(samples)} samples but labels of shape {shape}; give one label for each")
        if part == "training" and len(samples):
            largest.see(samples)
        for first in range(0, len(samples), BATCH):
            some = slice(first, first + BATCH)
            latencies = _latencies(samples[some], encoder, largest.value, part, done + first)
            silent = np.isinf(latencies).reshape(len(latencies), -1).all(axis=1)
            latest.see(latencies)
            for is_silent, (events, too_late) in zip(silent, late[some], strict=True):
                tally.add(is_silent, events, too_late)
        done += len(samples)
        yield samples, labels


def _latencies(samples: np.ndarray, encoder: Encoder, intensity_max: float | None, part: str, first: int) -> np.ndarray:
    """Return latencies (ms) of samples. A DataError names the first sample that cannot be encoded."""
    top = 1.0 if intensity_max == 0 and not samples.any() else intensity_max  # black images are always silent
    try:
        return encoder.latencies(samples, top)
    except DataError as error:
        if len(samples) == 1:
            raise DataError(f"{part}: sample {first}: {error}") from error
        for row in range(len(samples)):
            _latencies(samples[row : row + 1], encoder, intensity_max, part, first + row)
        raise DataError(f"{part}: {error}") from error


def _batches(content: Any, part: str) -> Iterator[tuple[Any, Any]]:
    """Yield batches of samples, and labels or None, from any supported form of data."""
    are_pairs = isinstance(content, tuple) and all(isinstance(item, tuple) and len(item) == 2 for item in content)
    if isinstance(content, tuple) and len(content) == 2 and not are_pairs:
        yield content
        return
    if hasattr(content, "shape"):
        raise DataError(f"{part}: is an array; give (X, y), or (X, None) without labels")
    if isinstance(content, Mapping | str) or not (isinstance(content, Iterable) or hasattr(content, "__getitem__")):
        share = ", or a fraction between 0 and 1" if part == "test" else ""
        raise DataError(f"{part}: is {type(content).__name__}; give (X, y), or samples one after another{share}")
    items = _items(content, part)
    for first in itertools.islice(items, 1):
        items = itertools.chain([first], items)
        if _is_pair(first) and np.ndim(first[1]):
            yield from items
            return
    while some := list(itertools.islice(items, BATCH)):
        pairs = [_is_pair(item) for item in some]
        if not any(pairs):
            yield some, None
        elif all(pairs) and (all(unlabelled := [label is None for _, label in some]) or not any(unlabelled)):
            yield [given for given, _ in some], None if all(unlabelled) else [label for _, label in some]
        else:
            raise DataError(f"{part}: has samples with and without labels; give labels for all or none")


def _items(content: Any, part: str) -> Iterator[Any]:
    """Yield the items of an iterable, or of a data set of torch or tonic with indices and a length."""
    if not (hasattr(content, "__len__") and hasattr(content, "__getitem__")):
        yield from content
        return
    count = len(content)
    for index in range(count):
        try:
            yield content[index]
        except LookupError as error:
            raise DataError(f"{part}: has no item {index}, although its length is {count}; correct __len__") from error


def _is_pair(item: Any) -> bool:
    """True if an item is a pair of sample and label, or of batches. A list of two numbers is a sample."""
    return isinstance(item, tuple | list) and len(item) == 2 and (isinstance(item, tuple) or np.ndim(item[0]) > 0)


def _kept(
    batches: Iterator[tuple[np.ndarray, Any]], codes: _Codes, part: str, spool_to: Path | None, is_copied_later: bool
) -> Part:
    """Return all samples of a part, in memory or in a file, and their labels.

    Samples are copied, because the caller may change the given array.
    """
    labels: list[np.ndarray] = []
    arrays: list[np.ndarray] = []
    count = 0
    spool = None if spool_to is None else Spool(spool_to)
    try:
        for samples, some in batches:
            count += len(samples)
            if some is not None:
                labels.append(codes.take(some, part))
            if spool is not None:
                spool.append(samples)
            else:
                arrays.append(samples)
        if not count:
            raise DataError(f"{part}: contains no samples; give at least one")
        if sum(map(len, labels)) not in (0, count):
            raise DataError(f"{part}: has samples with and without labels; give labels for all or none")
        if spool is not None:
            whole: Any = spool.array()
        elif len(arrays) > 1:
            whole = np.concatenate(arrays)
        else:
            whole = arrays[0] if is_copied_later else np.array(arrays[0])
    finally:
        if spool is not None:
            spool.close()
    if part == "training" and not labels and codes.are_given:
        raise DataError("classes: are given, but the training samples have no labels; give labels, or no classes")
    numbers = codes.encode(labels, part) if labels else np.full(count, UNLABELLED, dtype=np.int64)
    return whole, numbers


def _set_aside(part: Part, share: float) -> tuple[Part, Part]:
    """Split a part into training and test samples, each in the given order."""
    from sklearn.model_selection import train_test_split

    samples, labels = part
    if len(labels) < 2:
        raise DataError("training: contains one sample; training and test need at least one each")
    count = min(max(1, round(share * len(labels))), len(labels) - 1)
    sizes = np.unique_counts(labels).counts
    even = sizes.min() > 1 and min(count, len(labels) - count) >= len(sizes)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=count, random_state=SPLIT_SEED, stratify=labels if even else None
    )
    train, test = np.sort(train), np.sort(test)
    return (samples[train], labels[train]), (samples[test], labels[test])
