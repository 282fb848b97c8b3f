"""Data sets by name: what is known, where it lies, how it is loaded and fetched."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place, cache_folder, user_folder
from netsim.data.source import OnProgress, Source, ignore_progress
from netsim.errors import DataError, nearest
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder


def load_dataset(
    name_or_path: str | Path,
    data_dir: str | Path | None = None,
    encoder: Encoder | None = None,
    on_progress: OnProgress = ignore_progress,
    as_needed: bool = False,
) -> Dataset:
    """Load a data set by its name, or from a file or folder.

    Parameters
    ----------
    name_or_path : str or Path
        One of `listed_datasets`, ``tonic:`` and the name of an event data set of tonic, or the path of a file of
        `netsim.write_dataset` or of a folder of IDX files; a folder of the same name as a known data set is written
        with a slash, as ``./mnist``.
    data_dir : str or Path, optional
        Where to look for a known data set, and nowhere else; see `where`.
    encoder : Encoder, optional
        Says how recordings become times of first events; images need none.
    on_progress : callable
        Is called as recordings are converted, see `OnProgress`.
    as_needed : bool
        Whether recordings are converted when they are asked for, and not all beforehand: for a few of many.

    Raises
    ------
    DataError
        If the data set cannot be found or used.

    Examples
    --------
    >>> import netsim
    >>> netsim.load_dataset("digits").name
    'digits'
    """
    name = str(name_or_path)
    source = find_source(name)
    if source is not None:
        if as_needed:
            found = source.load_as_needed(name, data_dir, encoder)
        else:
            found = source.load(name, data_dir, encoder, on_progress)
        return dataclasses.replace(found, reference=source.lasting_name(name))
    folder = user_folder(name)
    if folder.name != name or os.path.exists(folder):
        raise DataError(f"{folder}: {'is no folder' if os.path.exists(folder) else 'no such folder'}")
    names = [known for other in datasets.values() for known in other.names()]
    raise DataError(f"{name}: is neither a known data set nor a folder{nearest(name, names)}")


def where(name: str, data_dir: str | Path | None = None) -> list[Place]:
    """Where a data set is looked for, in order, and whether it is there.

    A folder given by the user is the only one that is looked at. Otherwise they are the environment variable
    ``NETSIM_DATA``, the folder that ``netsim data --data-dir`` was given last, the user's cache, and where a package of
    the system puts the data set.
    """
    source = find_source(name)
    if source is None:
        raise DataError(f"{name}: is no known data set{nearest(name, listed_datasets())}")
    return source.places(name, data_dir)


def fetch(
    name: str,
    folder: str | Path | None = None,
    mirrors: Sequence[str] | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Path:
    """Download a data set into a folder, by default its own in the user's cache, and return the folder.

    Files that are there already are only checked. Mirrors are addresses of folders that hold the gzip files, in place
    of the known ones; they are tried in turn. Progress is told by file, in bytes.
    """
    source = find_source(name)
    if source is None or not source.fetched:
        reason = "" if source is None else source.not_fetched(name)
        names = [known for other in datasets.values() if other.fetched for known in other.names()]
        raise DataError(f"{name}: {reason or f'cannot be fetched{nearest(name, names)}'}")
    target = user_folder(folder) if folder is not None else cache_folder() / name
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made ({error.strerror}); choose another folder") from error
    source.fetch(name, target, mirrors, on_progress)
    return target


def find_source(name: str) -> Source | None:
    """The source that claims a name; others than the one of that name are asked only if it does not."""
    if name in datasets and datasets[name].claims(name):
        return datasets[name]
    return next((source for source in datasets.values() if source.claims(name)), None)


def listed_datasets() -> list[str]:
    """Names of the data sets that are no family, in order."""
    return [source.notation for source in datasets.values() if not source.family]


def dataset_notations() -> str:
    """All that a user can write where a data set is asked for."""
    *first, last = (source.notation for source in datasets.values())
    return f"{', '.join(first)}, or {last}"
