"""Sounds in WAV files, from a folder or an archive, with classes in the names of the files."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from netsim.data.archives import archived, read_file
from netsim.data.dataset import Dataset, check_samples
from netsim.data.making import make_dataset
from netsim.data.source import OnProgress, Selection
from netsim.errors import DataError, nearest
from netsim.specification import Encoder
from netsim.spikes.labels import in_order

CLASS = "class"
"""Field of a pattern that names the class."""
ORDER_SEED = 1342401  # files are sorted by class, so sounds are presented in a fixed random order
TEST_SHARE = 0.2
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Sound:
    """A WAV file: its path for messages, its fields, such as class and speaker, and its content."""

    path: str
    fields: dict[str, str]
    read: Callable[[], bytes]


def in_folder(folder: Path, pattern: str) -> list[Sound]:
    """Return the files below a folder whose relative paths match a pattern, sorted by path."""
    expression = _expression(pattern)
    depth = pattern.count("/")
    paths = sorted(folder.glob("/".join(["*"] * (depth + 1))))
    matches = ((path, expression.fullmatch(path.relative_to(folder).as_posix())) for path in paths)
    return [
        Sound(str(path), match.groupdict(), partial(read_file, path))
        for path, match in matches
        if match and not path.is_dir() and not path.name.startswith(".")  # such as ._0.wav of macOS
    ]


def in_archive(archive: Path, pattern: str) -> list[Sound]:
    """Return the files of a tar archive whose names match a pattern, sorted by name. Folders do not matter."""
    expression = _expression(pattern)

    def fields_of(name: str) -> re.Match[str] | None:
        return expression.fullmatch(name.rpartition("/")[2])

    sounds = [
        Sound(f"{archive}: {name}", match.groupdict(), partial(bytes, content))
        for name, content in archived(archive, fields_of)
        if (match := fields_of(name))
    ]
    return sorted(sounds, key=lambda sound: sound.path)


def waveform(content: bytes, path: str, rate: int | None) -> np.ndarray:
    """Return the samples of a WAV file, shape (samples,).

    Raises DataError unless the content is a WAV file with one channel, at least one sample, and the sampling rate
    (Hz).
    """
    from scipy.io import wavfile

    if not content:
        raise DataError(f"{path}: is empty; record or download it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # chunks without samples
            given, samples = wavfile.read(io.BytesIO(content))
    except (ValueError, struct.error, EOFError, TypeError, KeyError, IndexError, MemoryError, OverflowError) as error:
        raise DataError(f"{path}: is not a WAV file ({' '.join(str(error).split())}); convert it to PCM WAV") from error
    except UnboundLocalError as error:  # scipy's reader finds no samples
        raise DataError(f"{path}: is not a WAV file (no samples); convert it to PCM WAV") from error
    if samples.ndim != 1:
        remedy = "mix it down to one"
        raise DataError(f"{path}: has {samples.shape[1]} channels, and one is needed; {remedy}")
    if not samples.size:
        raise DataError(f"{path}: contains no samples; record or download it again")
    if rate is not None and given != rate:
        remedy = f"resample it, or set encoder.rate = {given}"
        raise DataError(f"{path}: has a sampling rate of {given} Hz, and the encoder needs {rate} Hz; {remedy}")
    return np.asarray(samples)


def sound_dataset(
    name: str,
    origin: str,
    sounds: Sequence[Sound],
    selection: Selection | None,
    encoder: Encoder | None,
    on_progress: OnProgress,
) -> Dataset:
    """Make a data set of sounds. Selected sounds are the test sounds, by default a fifth of each class."""
    if encoder is None:
        raise DataError(f"{name}: contains sounds; give the encoder that converts them to latencies")
    check_samples(name, "sounds", encoder, "the network")
    rate, done = getattr(encoder, "rate", None), 0

    def read(chosen: Sequence[Sound]) -> Iterator[tuple[np.ndarray, str]]:
        nonlocal done
        for sound in chosen:
            yield waveform(sound.read(), sound.path, rate), sound.fields[CLASS]
            done += 1
            on_progress(f"reading {name}", done, len(sounds))

    order = np.random.default_rng(ORDER_SEED).permutation(len(sounds)).tolist()
    training, test = parted(name, [sounds[index] for index in order], selection)
    classes = in_order(sound.fields[CLASS] for sound in training)
    share = read(test) if test else TEST_SHARE
    made = make_dataset(read(training), encoder, share, name=_plain(name), classes=classes)
    return dataclasses.replace(made, name=name, origin=origin)


def parted(name: str, sounds: Sequence[Sound], selection: Selection | None) -> tuple[list[Sound], list[Sound]]:
    """Return training and test sounds. Without a selection there are no test sounds.

    Raise DataError if the selection has another field, or an unknown value.
    """
    if selection is None:
        return list(sounds), []
    fields = [field for field in sounds[0].fields if field != CLASS]
    if selection.field not in fields:
        known = (
            f"fields are {', '.join(fields)}" if fields else "name fields in the pattern, as in {class}_{speaker}.wav"
        )
        raise DataError(f"{name}: has no field {selection.field}; {known}")
    values = {sound.fields[selection.field] for sound in sounds}
    if unknown := [value for value in selection.values if value not in values]:
        raise DataError(f"{name}: no sound has {selection.field} = {unknown[0]}{nearest(unknown[0], sorted(values))}")
    test = [sound for sound in sounds if sound.fields[selection.field] in selection.values]
    training = [sound for sound in sounds if sound.fields[selection.field] not in selection.values]
    if not training:
        raise DataError(f"{name}: all sounds are test sounds; select fewer values of {selection.field}")
    return training, test


def _expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern such as ``{class}_{speaker}_{}.wav``. Case matters only in fields."""
    parts, last = [], 0
    for field in _FIELD.finditer(pattern):
        parts.append(re.escape(pattern[last : field.start()]))
        parts.append(f"(?P<{field[1]}>[^/]+?)" if field[1] else "[^/]*?")
        last = field.end()
    try:
        return re.compile("".join([*parts, re.escape(pattern[last:])]), re.IGNORECASE)
    except re.error as error:
        raise DataError(f"{pattern}: is not a pattern of file names ({error}); name each field once") from error


def _plain(name: str) -> str:
    """Return a name for messages without characters that separate folders."""
    return re.sub(r"[/\\:]", "-", os.path.basename(name)).lstrip(".") or "sounds"
