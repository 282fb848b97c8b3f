"""A folder of WAV files, with a folder for each class or the class in the names of the files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place, user_folder
from netsim.data.source import OnProgress, Source, split_name
from netsim.errors import DataError, DataWarning, warn_user
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder

_SUFFIX = ".wav"
_CLASS = "{class}"
_BY_FOLDER = f"{_CLASS}/{{}}{_SUFFIX}"


class WavFolder(Source):
    """Sounds of one sampling rate and one channel.

    ``FOLDER`` has a sub-folder of WAV files for each class. ``FOLDER/{class}_{speaker}_{}.wav`` is a pattern: fields in
    braces are parts of the file names, and ``{}`` is any text. A fifth of the sounds of each class are test sounds.
    With ``:speaker=anna,bert`` after the pattern, the test sounds are those with these values of a field.
    """

    notation = "a folder of WAV files"
    summary = "your own sounds, in a folder per class or as FOLDER/{class}_{}.wav"
    order = 2
    family = True

    def claims(self, name: str) -> bool:
        """True if the name is a pattern of WAV files with a class, or a folder with WAV files."""
        pattern = _without_selection(name)
        if pattern.lower().endswith(_SUFFIX):
            return _CLASS in pattern
        return _contains_sounds(user_folder(pattern))

    def lasting_name(self, name: str) -> str:
        """Return the name with an absolute path."""
        pattern = _without_selection(name)
        return f"{_absolute(pattern)}{name[len(pattern) :]}"

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read the sounds. The folder names the data set."""
        from netsim.data.sounds import in_folder, sound_dataset

        folder, pattern = _parts(name)
        sounds = in_folder(folder, pattern)
        if not sounds:
            remedy = f"put the files into a folder per class, or write {folder}/{{class}}_{{}}.wav"
            raise DataError(f"{folder}: has no WAV file with a class, as in {pattern}; {remedy}")
        if pattern == _BY_FOLDER and (beside := _sounds_in(folder)):
            left = (
                f"{folder}: files beside the folders of the classes are not read ({len(beside)}, such as {beside[0]})"
            )
            warn_user(f"{left}; move each into the folder of its class", DataWarning)
        return sound_dataset(folder.resolve().name, str(folder), sounds, split_name(name)[1], encoder, on_progress)

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the folder."""
        from netsim.data.sounds import in_folder, parted

        folder, pattern = _parts(name)
        if not (sounds := in_folder(folder, pattern)):
            return [Place("folder", folder, False, f"lacks files such as {pattern}")]
        try:
            parted(name, sounds, split_name(name)[1])
        except DataError as error:
            return [Place("folder", folder, False, str(error).removeprefix(f"{name}: "))]
        return [Place("folder", folder, True)]

    def remedy(self, name: str) -> str:
        """Name the files that the folder needs."""
        return "put the WAV files into a folder per class"


def _without_selection(name: str) -> str:
    """Return the folder or pattern without the selection of test sounds."""

    return split_name(name)[0]


def _parts(name: str) -> tuple[Path, str]:
    """Return the folder, and the pattern of the paths below it."""
    pattern = _without_selection(name)
    if not pattern.lower().endswith(_SUFFIX):
        return user_folder(pattern), _BY_FOLDER
    fixed = pattern.partition("{")[0]
    folder, _, _ = fixed.rpartition("/")
    return user_folder(folder or ("/" if fixed.startswith("/") else ".")), pattern[len(folder) :].lstrip("/")


def _absolute(pattern: str) -> str:
    folder, below = _parts(pattern)
    whole = str(folder.resolve())
    return whole if not pattern.lower().endswith(_SUFFIX) else f"{whole}/{below}"


def _contains_sounds(folder: Path) -> bool:
    """True if there is a WAV file in a folder or in one of its sub-folders."""
    try:
        names = sorted(os.listdir(folder))
    except (OSError, ValueError):  # a null byte in the name
        return False
    return bool(_sounds_in(folder)) or any(_sounds_in(folder / name) for name in names)


def _sounds_in(folder: Path) -> list[str]:
    """Return the names of WAV files in a folder, sorted."""
    try:
        return sorted(name for name in os.listdir(folder) if name.lower().endswith(_SUFFIX))
    except OSError:
        return []


datasets.add("wav-folder", WavFolder(), __name__)
