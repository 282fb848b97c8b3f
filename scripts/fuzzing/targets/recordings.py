"""Recordings of events, and what is kept of them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.parts import Parts
from fuzzing.targets._target import FolderTarget, Target
from netsim.data.events import EVENT_TYPE
from netsim.data.recordings import convert_once
from netsim.data.source import ignore_progress
from netsim.data.stimuli import event_stimuli
from netsim.specification import EventEncoder


def _event_seeds() -> list[Parts]:
    """Files as those of N-MNIST: five bytes per event."""
    generator = np.random.default_rng(0)
    return [{"bin": generator.integers(0, 34, (50, 5)).astype(np.uint8).tobytes()}]


class _OneFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from tonic.io import read_mnist_file

        return read_mnist_file(str(self.path), EVENT_TYPE), 0


_SENSOR = EventEncoder((34, 34, 2), 16.0, origin="first-event")


def _read_events(path: Path) -> object:
    return event_stimuli(_OneFile(path), _SENSOR).latencies(np.arange(1))


class _NoFile:
    """Recordings of one event each."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return np.zeros(1, EVENT_TYPE), index


_SMALL = EventEncoder((3, 4, 2), 16.0)
_KEPT = ("times.npy", "times-labels.npy", "times.json")


@cache
def _cache_seeds() -> list[Parts]:
    with tempfile.TemporaryDirectory() as folder:
        _read_cache(Path(folder))
        return [{name: (Path(folder) / name).read_bytes() for name in _KEPT}]


def _tally_seeds() -> list[Parts]:
    return [{"times.json": seed["times.json"]} for seed in _cache_seeds()]


def _read_cache(path: Path) -> object:
    times, labels = convert_once(path / "times.npy", _NoFile(), range(5), _SMALL, "recordings", ignore_progress)
    assert times.shape == (5, 3, 4, 2)
    return int(times.max()), int(labels.max())


@dataclass(frozen=True)
class _TallyTarget(FolderTarget):
    """The tally alone is a part; times and labels beside it are whole."""

    def write(self, parts: Parts, folder: Path) -> Path:
        return super().write(_cache_seeds()[0] | parts, folder)


def _read_tally(path: Path) -> object:
    """A tally that is damaged is written anew, with what was kept beside it."""
    _read_cache(path)
    tally = json.loads((path / "times.json").read_text())
    assert tally["recordings"] == 5
    assert 0 <= tally["silent"] < 5
    assert 0 <= tally["cut"] <= 5
    assert 0 <= tally["late"] <= tally["events"]
    return tally


TARGETS = {
    "events": Target(_event_seeds, _read_events, "events.bin"),
    "recordings": FolderTarget(_cache_seeds, _read_cache, "recordings"),
    "tally": _TallyTarget(_tally_seeds, _read_tally, "recordings"),
}
