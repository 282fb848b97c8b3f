"""Data sets of events that the library tonic reads, by their names there; tonic is never let download one."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import inspect
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from netsim.data import sources
from netsim.data.recordings import Recordings, Tell, check_sensor, convert_once
from netsim.data.sources import TONIC
from netsim.errors import DataError, nearest
from netsim.specification import Encoder

ORDER_SEED = 2015
"""Recordings lie in folders by class; they are presented in an order drawn once and for all from this seed."""
TEST_SHARE = 5
"""Of a data set without splits, one recording in so many is kept for the test."""


class EventSplits(NamedTuple):
    """What `load_events` reads.

    Attributes
    ----------
    origin : str
        The folder.
    train_times, test_times : ndarray of int32, shape (recordings, height, width, channels)
        As from `netsim.data.events.first_events`; they lie in a file.
    train_labels, test_labels : ndarray of int64, shape (recordings,)
    classes : tuple of str
    """

    origin: str
    train_times: np.ndarray
    train_labels: np.ndarray
    test_times: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]


def tonic_names() -> list[str]:
    """Names of the data sets of tonic that have one sensor size and need no more than a folder."""
    return [f"{TONIC}{name}" for name in sorted(_kinds())]


def load_events(name: str, encoder: Encoder, data_dir: str | Path | None, tell: Tell) -> EventSplits:
    """The recordings of a data set of tonic, as the encoder has them.

    What was converted once is kept in the user's cache, for each encoder and state of the data set's files.

    Parameters
    ----------
    name : str
        ``tonic:`` and the name of a class of ``tonic.datasets``.
    encoder : Encoder
    data_dir : str or Path, optional
        The folder that holds the data set's own, which is called by its name; by default NETSIM_DATA, then the cache.
    tell : callable
        Is told how the conversion goes.

    Raises
    ------
    DataError
        If the data set is unknown, not there, damaged, or does not fit the encoder.
    RunError
        If the cache cannot be written.
    """
    kind = _kind(name)
    if encoder.kind != "events":
        raise DataError(f'{name}: holds recordings; the network needs encoder.kind = "events" for them')
    if data_dir is not None:
        sources.check_folder(data_dir, name)
    parts = _find(name, kind, data_dir)
    for recordings in parts.values():
        check_sensor(recordings, encoder, name)
    converted = []
    for part, recordings in parts.items():
        count = len(recordings)
        if not count:
            raise DataError(f"{name}: has no recordings{f' for the {part}' if part else ''} in {_folder(recordings)}")
        order = np.random.default_rng(ORDER_SEED).permutation(count)
        file = _cache_file(name.removeprefix(TONIC), part, recordings, encoder)
        converted.append(convert_once(file, recordings, order.tolist(), encoder, f"{name} {part}".strip(), tell))
    if len(converted) == 1:
        times, labels = converted[0]
        kept = len(labels) - max(1, len(labels) // TEST_SHARE)
        if not kept:
            raise DataError(f"{name}: holds one recording; training and test need one each at least")
        converted = [(times[:kept], labels[:kept]), (times[kept:], labels[kept:])]
    (train_times, train_labels), (test_times, test_labels) = converted
    first = next(iter(parts.values()))
    most = int(max(train_labels.max(), test_labels.max()))
    return EventSplits(_folder(first), train_times, train_labels, test_times, test_labels, _classes(first, most))


def places(name: str, data_dir: str | Path | None) -> list[sources.Place]:
    """Where a data set of tonic is looked for, in order, and whether tonic finds it there."""
    kind = _kind(name)
    found = []
    for origin, base in sources.bases(name, data_dir):
        try:
            parts = _parts(kind, base)
        except _NotThere as missing:
            found.append(sources.Place(origin, Path(missing.folder), False))
        else:
            found.append(sources.Place(origin, Path(_folder(next(iter(parts.values())))), True))
    return found


def how_to_get(name: str) -> str:
    """What to do about a data set that is not there."""
    kind = _kind(name)
    parts = [
        ", ".join(["'DIR'", *(f"{key}={value!r}" for key, value in options.items())])
        for options in _options(kind).values()
    ]
    download = "; ".join(f"{kind.__name__}({part})" for part in parts)
    return (
        "netsim lets tonic download nothing; if you want it to, run"
        f' python -c "from tonic.datasets import {kind.__name__}; {download}" and give --data-dir DIR'
    )


class _NotThere(Exception):
    """Tonic would have to download."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.folder = folder


def _kinds() -> dict[str, type]:
    import tonic.datasets
    from tonic.dataset import Dataset

    def usable(kind: Any) -> bool:
        if not (inspect.isclass(kind) and issubclass(kind, Dataset) and getattr(kind, "sensor_size", ()) is not None):
            return False
        parameters = inspect.signature(kind).parameters.values()
        return [parameter.name for parameter in parameters if parameter.default is parameter.empty] == ["save_to"]

    return {name: kind for name, kind in vars(tonic.datasets).items() if usable(kind)}


def _kind(name: str) -> type:
    kinds = _kinds()
    wanted = name.removeprefix(TONIC)
    if wanted not in kinds:
        hint = nearest(name, [TONIC + known for known in sorted(kinds)])
        raise DataError(f"{name}: tonic has no such data set of labelled events from one sensor{hint}")
    return kinds[wanted]


def _options(kind: type) -> dict[str, dict[str, Any]]:
    """Arguments that choose the parts of a data set; one part without a name if it has no splits of its own."""
    parameters = inspect.signature(kind).parameters
    if "train" in parameters:
        return {"training": {"train": True}, "test": {"train": False}}
    if "split" in parameters and parameters["split"].default == "train":
        return {"training": {"split": "train"}, "test": {"split": "test"}}
    return {"": {}}


def _find(name: str, kind: type, data_dir: str | Path | None) -> dict[str, Any]:
    """The parts of a data set, from the first place that holds it."""
    looked = []
    for _, base in sources.bases(name, data_dir):
        try:
            return _parts(kind, base)
        except _NotThere as missing:
            looked.append(missing.folder)
    raise DataError(f"{name}: tonic finds no complete data set in {', '.join(looked)}; {how_to_get(name)}")


def _parts(kind: type, base: Path) -> dict[str, Any]:
    return {part: _open(kind, base, options) for part, options in _options(kind).items()}


def _open(kind: type, base: Path, options: Mapping[str, Any]) -> Any:
    """A data set of tonic as it lies in a folder; what tonic prints is dropped."""

    def download(self: Any) -> NoReturn:
        raise _NotThere(str(self.location_on_system))

    offline = type(kind.__name__, (kind,), {"download": download})  # tonic calls folders by the name of the class
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return offline(save_to=str(base), **options)
    except (_NotThere, MemoryError):
        raise
    except (SystemExit, FileNotFoundError) as error:  # of data sets that have to be downloaded by hand
        raise _NotThere(str(base / kind.__name__)) from error
    except ImportError as error:
        raise DataError(f"{TONIC}{kind.__name__}: needs the library {error.name}; install it with pip") from error
    except Exception as error:  # tonic lets through whatever a damaged file leads to
        raise DataError(
            f"{base / kind.__name__}: cannot be read by tonic ({type(error).__name__}: {error}); get it anew"
        ) from error


def _folder(recordings: Any) -> str:
    return str(recordings.location_on_system)


def _cache_file(name: str, part: str, recordings: Recordings, encoder: Encoder) -> Path:
    """Where the converted recordings are kept: the name tells everything that they depend on."""
    described = {
        "tonic": importlib.metadata.version("tonic"),
        "data set": [name, part],
        "files": _listing(Path(_folder(recordings))),
        "encoder": dataclasses.asdict(encoder),
        "order": ORDER_SEED,
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    return sources.cache_folder() / "events" / "-".join([name, *([part] if part else []), f"{digest}.npy"])


def _listing(folder: Path) -> str:
    """A checksum of the names, sizes and dates of all files in a folder."""
    digest = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            status = os.stat(os.path.join(path, file))
            digest.update(f"{os.path.relpath(path, folder)}/{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _classes(recordings: Any, most: int) -> tuple[str, ...]:
    """What the labels 0, 1, ... up to at least `most` stand for; their numbers if the data set does not say."""
    named = getattr(recordings, "classes", None)
    if isinstance(named, Mapping):
        named = sorted(named, key=named.__getitem__)
    names = [] if named is None else [name.decode() if isinstance(name, bytes) else str(name) for name in named]
    names = [name.removeprefix(f"{label} - ") for label, name in enumerate(names)]  # as in "1 - one"
    return tuple(names) if len(names) > most else tuple(str(label) for label in range(most + 1))
