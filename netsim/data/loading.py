"""Load, locate and download data sets by name."""

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
        Name from `listed_datasets`, ``tonic:`` and the name of an event data set in tonic, a file from
        `netsim.write_dataset`, a folder of WAV or IDX files, or a pattern of WAV files such as
        ``sounds/{class}_{speaker}_{}.wav``. Write ``./mnist`` for a folder with the name of a data set.
    data_dir : str or Path, optional
        The only folder to search for a known data set. See `where` for the default folders.
    encoder : Encoder, optional
        Converts recordings to times of first events, and defines the length of sounds. Not needed for images.
    on_progress : callable
        Progress callback during conversion of recordings, see `OnProgress`.
    as_needed : bool
        Convert recordings when they are presented, not all in advance. Faster for a few of many recordings.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the data set is missing or unusable.
    SpecificationError
        If `data_dir` is not a path, or `encoder` is not an encoder.

    Examples
    --------
    >>> import netsim
    >>> netsim.load_dataset("digits").name
    'digits'
    """
    from netsim.specification import Encoder
    from netsim.specification.checks import check_kind, require

    name, kind = str(name_or_path), type(data_dir).__name__
    require(isinstance(data_dir, str | os.PathLike | None), "data_dir", f"must be a path, not {kind}")
    if encoder is not None:
        check_kind(encoder, Encoder, "encoder", "that of the network")
    source = find_source(name)
    if source is not None:
        if as_needed:
            loaded = source.load_as_needed(name, data_dir, encoder)
        else:
            loaded = source.load(name, data_dir, encoder, on_progress)
        return dataclasses.replace(loaded, reference=loaded.reference or source.lasting_name(name))
    folder = user_folder(name)
    if folder.name != name or os.path.exists(folder):
        if not os.path.exists(folder):
            raise DataError(f"{folder}: no such folder; check its path")
        tables = "make a data set of a table with netsim.make_dataset and netsim.write_dataset, and give its .npz file"
        raise DataError(f"{folder}: is not a folder; {tables}")
    names = [known for other in datasets.values() for known in other.names()]
    raise DataError(f"{name}: is neither a known data set nor a folder{nearest(name, names)}")


def where(name: str, data_dir: str | Path | None = None) -> list[Place]:
    """Return the folders that are searched for a data set, in order, and whether the data set is there.

    `data_dir` is the only folder if it is given. The default folders are ``NETSIM_DATA``, the last folder given to
    ``netsim data --data-dir``, the user's cache, and folders of system packages.
    """
    source = find_source(name)
    if source is None:
        raise DataError(f"{name}: is not a known data set{nearest(name, listed_datasets())}")
    return source.places(name, data_dir)


def fetch(
    name: str,
    folder: str | Path | None = None,
    mirrors: Sequence[str] | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Path:
    """Download a data set into a folder (default: its folder in the user's cache) and return the folder.

    Files that exist already are only checked. `mirrors` replaces the known mirrors: URLs of folders with the gzip
    files, tried in order. Progress is reported per file, in bytes.
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
        raise DataError(f"{target}: cannot be created ({error.strerror}); choose another folder") from error
    source.fetch(name, target, mirrors, on_progress)
    return target


def find_source(name: str) -> Source | None:
    """Return the source that claims a name. The source registered under that name is asked first."""
    if name in datasets and datasets[name].claims(name):
        return datasets[name]
    return next((source for source in datasets.values() if source.claims(name)), None)


def listed_datasets() -> list[str]:
    """Return the names of single data sets (not families), in order."""
    return [source.notation for source in datasets.values() if not source.family]
