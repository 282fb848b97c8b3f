"""Reproducing a run: training it again, and comparing weights and metrics."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netsim.data.dataset import IDENTITY
from netsim.errors import DataError, RunError
from netsim.files import read_text
from netsim.reprs import short_repr
from netsim.runs.folder import LARGEST_METRICS, RunFolder, changed_versions, is_run, open_run
from netsim.runs.plugins import changed_plugins, names_of
from netsim.specification import Network
from netsim.specification.checks import path_in
from netsim.training.callbacks import Callbacks
from netsim.training.opening import open_training

_DURATIONS = {"training_seconds", "validation_seconds"}


@dataclass(frozen=True)
class Reproduction:
    """A run, and what differs after training it again.

    Attributes
    ----------
    run, again : str
        Folders of the run and of its reproduction.
    epochs : int
        Number of compared epochs.
    weights : dict of float
        Largest absolute difference of the best weights, by name; only weights that differ.
    metrics : dict of int
        First epoch, counted from 1, in which a metric differs, by name; only metrics that differ. Durations are not
        compared.
    surroundings : list of str
        What differs around the run: versions, machine, git revision, plug-ins, pretrained weights.

    Examples
    --------
    >>> import netsim
    >>> netsim.Reproduction("runs/a", "runs/a-reproduced", epochs=20).identical
    True
    """

    run: str
    again: str
    epochs: int
    weights: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)
    surroundings: list[str] = field(default_factory=list)

    __repr__ = short_repr

    @property
    def identical(self) -> bool:
        """True if all weights and metrics are the same to the bit."""
        return not (self.weights or self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes, and `identical`."""
        return dataclasses.asdict(self) | {"identical": self.identical}


def reproduce(
    run: str | Path,
    out: str | Path | None = None,
    *,
    data_dir: str | None = None,
    resume: bool = False,
    callbacks: Callbacks | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    on_warning: Callable[[str], None] | None = None,
) -> Reproduction:
    """Train a run again in a new folder, with its specification, seed, data and plug-ins, and compare.

    Parameters
    ----------
    run : str or Path
        A run folder. A run that has not finished is reproduced as far as it came.
    out : str or Path, optional
        New run folder; by default ``RUN-reproduced``.
    data_dir : str, optional
        Folder of the data set; by default the run's.
    resume : bool
        Continue the reproduction at `out`, if there is one.
    callbacks : Callbacks, optional
    interrupted : callable
        Asked after each batch whether to stop there.
    on_warning : callable, optional
        Called with what differs from the run before it is trained; by default as `callbacks` say.

    Returns
    -------
    Reproduction

    Raises
    ------
    RunError
        If the run was imported, has no finished epoch, or was trained with objects in Python, or the new folder exists
        already.
    KeyboardInterrupt
        If it was interrupted; a checkpoint is written first.

    Examples
    --------
    >>> import netsim, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = netsim.train("digits", f"{folder}/run", epochs=1, limit=100)
    ...     netsim.reproduce(f"{folder}/run").identical
    True
    """
    folder = open_run(path_in(run, "run"))
    network, record, history = folder.network(), folder.record(), _history(folder)
    _check(folder, record)
    path = Path(f"{folder.path}-reproduced") if out is None else path_in(out, "out")
    data = data_dir or folder.data_dir()
    callbacks = callbacks or Callbacks()
    on_warning = callbacks.on_warning if on_warning is None else on_warning
    stopping = dataclasses.replace(callbacks, stop=lambda done: len(done) >= len(history))
    begun = open_run(path).network().training.epochs if resume and is_run(path) else 0
    for stage in _stages(network, record):
        if stage.training.epochs < begun:
            continue
        training = open_training(path, stage, record["seed"], record.get("limit"), data, resume, on_warning=on_warning)
        if not resume and (changes := _changes(folder, training.folder)):
            on_warning(f"{path}: differs from the run: {'; '.join(changes)}")
        training.train(stopping, interrupted)
        resume = True
    return compare_runs(folder, training.folder)


def compare_runs(run: RunFolder, again: RunFolder) -> Reproduction:
    """Compare weights, metrics and surroundings of a run and its reproduction, over the epochs of the run."""
    network = run.network()
    weights, others = run.weights(network), again.weights(network)
    differences = {
        name: float(np.abs(array.astype(np.float64) - others[name]).max())
        for name, array in weights.items()
        if array.tobytes() != others[name].tobytes()
    }
    rows, new_rows = _history(run), _history(again)
    first: dict[str, int] = {}
    for epoch, (row, new) in enumerate(zip(rows, new_rows, strict=False), 1):
        for name in row.keys() & new.keys() - _DURATIONS:
            if row[name] != new[name]:
                first.setdefault(name, epoch)
    for name in rows[0].keys() - _DURATIONS - {"epoch"} if len(rows) != len(new_rows) else ():
        first.setdefault(name, min(len(rows), len(new_rows)) + 1)
    names = [name for name in rows[0] if name in first]
    metrics = {name: first[name] for name in names}
    return Reproduction(str(run.path), str(again.path), len(rows), differences, metrics, _changes(run, again))


def _history(folder: RunFolder) -> list[dict[str, str]]:
    """Return the lines of ``metrics.csv``. Equal texts are equal numbers."""
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(folder.metrics, LARGEST_METRICS))))
    except (OSError, DataError, UnicodeDecodeError, csv.Error):
        rows = []
    if not rows:
        raise RunError(f"{folder.path}: has no finished epoch to compare; continue it with --resume")
    return rows


def _check(folder: RunFolder, record: Mapping[str, Any]) -> None:
    """Raise RunError if a run cannot be trained again from its folder."""
    if "imported" in record:
        raise RunError(f"{folder.path}: was imported, not trained, so there is nothing to reproduce")
    if objects := names_of(plugin for plugin in record.get("plugins", []) if plugin.get("handed_in")):
        raise RunError(f"{folder.path}: was trained with {objects}, in Python; train it again in that program")


def _stages(network: Network, record: Mapping[str, Any]) -> list[Network]:
    """Return the network with the epochs before each extension of a training, and as it is."""
    epochs = [entry["epochs"][0] for entry in record.get("extended", [])] + [network.training.epochs]
    return [
        dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=each)) for each in epochs
    ]


def _changes(run: RunFolder, again: RunFolder) -> list[str]:
    """List what may explain a difference, from the records of both runs."""
    then, now = run.record(), again.record()
    changes = [changed_versions(then), changed_plugins(then.get("plugins", []))]
    kinds = {"git_revision": "git revision", "pretrained_sha256": "SHA-256 of the pretrained weights"}
    pairs = [(name, then.get(key), now.get(key)) for key, name in kinds.items()]
    for part in ("machine", "data"):
        former, new = _table(then.get(part)), _table(now.get(part))
        keys = [key for key in former if part == "machine" or key in IDENTITY]
        pairs += [(f"{part}: {key}", former[key], new.get(key)) for key in keys]
    changes += [f"{name} {_brief(was)} then and {_brief(new)} now" for name, was, new in pairs if was != new]
    return [change for change in changes if change]


def _table(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _brief(value: Any) -> str:
    return "none" if value is None else str(value)[:64]
