"""Event data sets that the library tonic reads, by their names in tonic. netsim never lets tonic download."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import importlib.metadata
import inspect
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from netsim.data.places import Place, cache_folder, check_folder, data_folders
from netsim.data.source import OnProgress, Source
from netsim.errors import DataError, nearest
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.data.recordings import Recordings
    from netsim.specification import Encoder

PREFIX = "tonic:"
ORDER_SEED = 2015  # files are sorted by class, so recordings are presented in a fixed random order
TEST_SHARE = 5  # one recording in five is a test recording, in data sets without splits


class Tonic(Source):
    """The classes of ``tonic.datasets`` with one sensor size that need only a folder, and your own such classes.

    Converted recordings are kept in the user's cache, for each encoder and state of the files.
    """

    notation = f"{PREFIX}NAME"
    summary = "event recordings that the library tonic reads; your own class is tonic:MODULE:CLASS"
    order = 4
    family = True

    def claims(self, name: str) -> bool:
        """True if the name begins with ``tonic:``."""
        return name.startswith(PREFIX)

    def names(self) -> Sequence[str]:
        """Return the names of the usable classes."""
        return [f"{PREFIX}{name}" for name in sorted(_classes())]

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Load the recordings, converted for the encoder."""
        return self._load(name, data_dir, encoder, on_progress)

    def load_as_needed(self, name: str, data_dir: str | Path | None, encoder: Encoder | None) -> Dataset:
        """Load the recordings. Convert uncached recordings when they are presented if labels are listed."""
        return self._load(name, data_dir, encoder, None)

    def _load(
        self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress | None
    ) -> Dataset:
        """Load the recordings. Without `on_progress`, convert them when they are presented if possible."""
        import numpy as np

        from netsim.data.dataset import Dataset, check_samples
        from netsim.data.recordings import (
            RecordingsAsNeeded,
            convert_once,
            event_encoder,
            kept,
            lists_labels,
        )
        from netsim.data.source import ignore_progress

        if encoder is None:
            raise DataError(f"{name}: contains recordings; give the encoder that converts them to latencies")
        chosen = _class(name)
        check_samples(name, "recordings", encoder, "the network")
        encoder = event_encoder(encoder, name)
        check_folder(data_dir, name)
        places = []
        for location, parts in _looked_up(chosen, data_dir):
            if parts:
                break
            places.append(str(location.path))
        else:
            raise DataError(f"{name}: tonic sees no complete data set in {', '.join(places)}; {self.remedy(name)}")
        converted: list[tuple[Any, Any]] = []
        for part, recordings in parts.items():
            count = len(recordings)
            if not count:
                suffix = f" for the {part}" if part else ""
                raise DataError(f"{name}: has no recordings{suffix} in {_folder(recordings)}; download it again")
            order = np.random.default_rng(ORDER_SEED).permutation(count).tolist()
            file = _cache_file(chosen, part, recordings, encoder)
            called = f"{name} {part}".strip()
            learnt = count - max(1, count // TEST_SHARE) if len(parts) == 1 else count
            if not learnt:
                raise DataError(f"{name}: contains one recording; training and test need at least one each")
            bounds = [(0, learnt), (learnt, count)] if learnt < count else [(0, count)]
            if on_progress is None and lists_labels(recordings) and kept(file, count, encoder) is None:
                needed = [RecordingsAsNeeded(recordings, order[start:stop], encoder, called) for start, stop in bounds]
                converted += [(times, times.labels) for times in needed]
            else:
                times, labels = convert_once(file, recordings, order, encoder, called, on_progress or ignore_progress)
                converted += [(times[start:stop], labels[start:stop]) for start, stop in bounds]
        training, test = converted
        most = int(max(training[1].max(), test[1].max()))
        named = _label_names(recordings, most)
        return Dataset(name, str(location.path), *training, *test, None, named, "recordings", coding=encoder.coding())

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the usual folders, and whether tonic recognises the data set there."""
        return [location for location, _ in _looked_up(_class(name), data_dir)]

    def remedy(self, name: str) -> str:
        """Return the command that lets tonic download the data set."""
        chosen = _class(name)
        called = chosen.__name__
        if not _comes_with_tonic(chosen):
            return f"give the folder that holds the recordings of {called} as --data-dir DIR"
        parts = ["".join(f", {key}={value!r}" for key, value in part.items()) for part in _options(chosen).values()]
        download = "; ".join(f"{called}('DIR'{part})" for part in parts)
        return (
            "netsim lets tonic download nothing; if you want it to, run"
            f' python -c "from tonic.datasets import {called}; {download}" and give --data-dir DIR'
        )

    def not_fetched(self, name: str) -> str:
        """Explain that only tonic can download the data set."""
        return f"cannot be fetched; {self.remedy(name)}"


class _NotThere(Exception):
    """Tonic would have to download into this folder."""


def _usable(known: Any) -> TypeGuard[type]:
    """True for a class of event recordings from one sensor that needs only a folder."""
    from tonic.dataset import Dataset

    if not inspect.isclass(known) or not issubclass(known, Dataset) or getattr(known, "sensor_size", ()) is None:
        return False
    parameters = inspect.signature(known).parameters.values()
    return [parameter.name for parameter in parameters if parameter.default is parameter.empty] == ["save_to"]


def _classes() -> dict[str, type]:
    import tonic.datasets

    return {name: known for name, known in vars(tonic.datasets).items() if _usable(known)}


def _class(name: str) -> type:
    """Return the class of tonic with this name, or the class of a module of the user."""
    wanted = name.removeprefix(PREFIX)
    if ":" in wanted:
        return _class_of_module(name, *wanted.split(":", 1))
    known = _classes()
    if wanted not in known:
        hint = nearest(name, [PREFIX + other for other in sorted(known)])
        raise DataError(f"{name}: tonic has no such data set of labelled events from one sensor{hint}")
    return known[wanted]


def _comes_with_tonic(chosen: type) -> bool:
    return chosen.__module__.startswith("tonic.")


def _class_of_module(name: str, module: str, called: str) -> type:
    try:
        chosen = getattr(importlib.import_module(module), called, None)
    except Exception as error:  # the module is the user's code
        remedy = "install the module, or put its folder on PYTHONPATH"
        raise DataError(f"{name}: cannot import {module} ({type(error).__name__}: {error}); {remedy}") from error
    if not _usable(chosen):
        needs = "a tonic.dataset.Dataset with a sensor_size, whose only required argument is save_to"
        raise DataError(f"{name}: {module} has no class {called} of recordings; it must be {needs}")
    return chosen


def _options(chosen: type) -> dict[str, dict[str, Any]]:
    """Return the arguments for each part of a data set. A data set without splits has one part without a name."""
    parameters = inspect.signature(chosen).parameters
    if "train" in parameters:
        return {"training": {"train": True}, "test": {"train": False}}
    if "split" in parameters and parameters["split"].default == "train":
        return {"training": {"split": "train"}, "test": {"split": "test"}}
    return {"": {}}


def _looked_up(chosen: type, data_dir: str | Path | None) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each possible folder, and the parts that tonic recognises there."""
    for origin, base in data_folders(data_dir):
        try:
            parts = {part: _open(chosen, base, options) for part, options in _options(chosen).items()}
            folder = Place(origin, _folder(next(iter(parts.values()))), True)
        except _NotThere as missing:
            folder, parts = Place(origin, Path(*missing.args), False), {}
        yield folder, parts


def _open(chosen: type, base: Path, options: Mapping[str, Any]) -> Any:
    """Open a data set of tonic in a folder, and suppress its output."""

    def download(self: Any) -> NoReturn:
        raise _NotThere(str(self.location_on_system))

    offline = type(chosen.__name__, (chosen,), {"download": download})  # the class name is the folder's name in tonic
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return offline(save_to=str(base), **options)
    except (_NotThere, MemoryError):
        raise
    except (SystemExit, FileNotFoundError) as error:  # data sets that must be downloaded by hand
        raise _NotThere(str(base / chosen.__name__)) from error
    except ImportError as error:
        raise DataError(f"{PREFIX}{chosen.__name__}: needs the library {error.name}; install it with pip") from error
    except Exception as error:  # damaged files make tonic raise any exception
        raise DataError(
            f"{base / chosen.__name__}: cannot be read by tonic ({type(error).__name__}: {error}); download it again"
        ) from error


def _folder(recordings: Any) -> Path:
    return Path(recordings.location_on_system)


def _cache_file(chosen: type, part: str, recordings: Recordings, encoder: Encoder) -> Path:
    """Return the cache file. Its name depends on everything that determines its content."""
    name, source = chosen.__name__, [] if _comes_with_tonic(chosen) else [_source_of(chosen)]
    described = {
        "tonic": importlib.metadata.version("tonic"),
        "data set": [name, part, *source],
        "files": _listing(_folder(recordings)),
        "encoder": {"kind": encoder.kind, **dataclasses.asdict(encoder)},
        "order": ORDER_SEED,
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / "events" / "-".join([name, *([part] if part else []), f"{digest}.npy"])


def _source_of(chosen: type) -> str:
    """Return the module of a class, and a checksum of its code if it is in a file."""
    with contextlib.suppress(OSError, TypeError):
        return f"{chosen.__module__} {hashlib.sha256(Path(inspect.getfile(chosen)).read_bytes()).hexdigest()}"
    return chosen.__module__


def _listing(folder: Path) -> str:
    """Return a checksum of the names, sizes and dates of all files in a folder."""
    digest = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            whole = os.path.join(path, file)
            status = os.stat(whole) if os.path.exists(whole) else os.lstat(whole)  # for broken links, the link
            digest.update(f"{os.path.relpath(path, folder)}/{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _label_names(recordings: Any, most: int) -> tuple[str, ...]:
    """Return names of the labels 0, 1, ... up to at least `most`, or their numbers if the data set has no names."""
    named = getattr(recordings, "classes", None)
    if isinstance(named, Mapping):
        named = sorted(named, key=named.__getitem__)
    names = [] if named is None else [name.decode() if isinstance(name, bytes) else str(name) for name in named]
    names = [name.removeprefix(f"{label} - ") for label, name in enumerate(names)]  # as in "1 - one"
    return tuple(names) if len(names) > most else tuple(str(label) for label in range(most + 1))


datasets.add("tonic", Tonic(), __name__)
