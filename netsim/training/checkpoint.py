"""The state of a training and its file, from which resuming gives identical results.

No random state is stored. Every draw comes from a generator seeded by (seed, purpose, epoch, batch), so that the
position determines the next draws.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netsim.errors import DataError, RunError, warn_user
from netsim.files import read_arrays, remove_half_written, write_arrays
from netsim.learning import Optimizer
from netsim.runs.folder import RunFolder
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.checks import finite
from netsim.weights.files import write_weights
from netsim.weights.layout import Weights, check_weights


class ValidationFigures(NamedTuple):
    """Metrics of an epoch on the validation stimuli, if there are any."""

    validation_loss: float
    validation_accuracy: float
    validation_strict_accuracy: float
    validation_tie_rate: float
    validation_seconds: float


class EpochFigures(NamedTuple):
    """Metrics of an epoch on the training stimuli, without fractions of ties and neurons."""

    epoch: int
    rate: float
    training_loss: float
    training_strict_accuracy: float
    training_seconds: float


@dataclass
class EpochTotals:
    """Sums over the presentations of the current epoch.

    Attributes
    ----------
    silent, onset, late : dict of float
        Fractions of neurons by population, see `netsim.measuring.health.BatchHealth`.
    tied : int
        Presentations with tied first output spikes.
    watched : int
        Presentations that `onset`, `late` and `tied` count. Fewer than all if an earlier version started the epoch.
    """

    presentations: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    silent: dict[str, float] = field(default_factory=dict)
    onset: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    tied: int = 0
    watched: int = 0
    fired: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    """Presentations in which each map or dense neuron fired, by population."""


_WATCHED = ("onset", "late", "tied", "watched")
"""Fields of `EpochTotals` that checkpoints of earlier versions lack."""
_SUMS = ("presentations", "loss", "correct", "seconds", "silent", *_WATCHED)
"""Fields that are stored with the position."""


@dataclass
class TrainingState:
    """Position of a training (the next batch, from 0) and the results of all earlier batches.

    Attributes
    ----------
    weights : dict of ndarray
        Latent weights, which are updated: the forward weights, or the real values behind binary weights.
    mean : dict of ndarray or None
        Exponential moving average (EMA) of the weights, if the network's learning uses it.
    history : list of dict
        Metrics of the finished epochs.
    best : (float, float)
        Score of the best epoch, from `epoch_score`.
    to_fit : bool
        Whether the weights are drawn and still need fitting before the first batch.
    fitted : dict of dict of float
        Results of `netsim.training.fitting`: factors of drawn weights (`scales`) and of learning rates (`rates`), and
        mean `biases`, by the names of weights.
    best_weights : dict of ndarray or None
        Stored weights of the best epoch (see `netsim.weights.binary.kept_weights`), or None before the first epoch
        ends.
    """

    weights: Weights = field(repr=False)
    optimizer: Optimizer
    mean: Weights | None = field(default=None, repr=False)
    epoch: int = 0
    batch: int = 0
    totals: EpochTotals = field(default_factory=EpochTotals)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: tuple[float, float] = (-1.0, 0.0)
    best_weights: Weights | None = field(default=None, repr=False)
    to_fit: bool = False
    fitted: dict[str, dict[str, float]] = field(default_factory=dict, repr=False)

    @property
    def best_epoch(self) -> int:
        """Epoch of the best weights, from 1."""
        scores = [epoch_score(row) for row in self.history]
        return 1 + scores.index(max(scores))

    @property
    def current(self) -> Weights:
        """Latent weights for validation."""
        return self.weights if self.mean is None else self.mean


def is_validated(metrics: Mapping[str, float]) -> bool:
    """Return whether the metrics of an epoch include validation."""
    return "validation_loss" in metrics


def epoch_score(metrics: Mapping[str, float]) -> tuple[float, float]:
    """Return the score of an epoch, strict validation accuracy, then negative loss. Higher is better.

    Without validation stimuli, later epochs are better.
    """
    if is_validated(metrics):
        return metrics["validation_strict_accuracy"], -metrics["validation_loss"]
    return metrics["epoch"], 0.0


def write_checkpoint(state: TrainingState, run: RunFolder) -> None:
    """Write a state. The last checkpoint becomes the previous checkpoint after the new file is complete."""
    run.check_lock()
    position = {
        **{name: getattr(state, name) for name in ("epoch", "batch", "best", "history", "fitted")},
        **{name: getattr(state.totals, name) for name in _SUMS},
    }
    parts = {
        "weights": state.weights,
        "mean": state.mean or {},
        "best": state.best_weights or {},
        "optimizer": state.optimizer.state,
        "fired": state.totals.fired,
    }
    arrays = {f"{part}.{name}": array for part, named in parts.items() for name, array in named.items()}
    arrays["position"] = np.array(json.dumps(position))
    checksum = np.array(_checksum(arrays), dtype=np.uint32)
    write_arrays(run.checkpoint, arrays | {"checksum": checksum}, keep=run.previous_checkpoint)


def write_epochs(state: TrainingState, run: RunFolder) -> None:
    """Write the metrics of the finished epochs and the best weights into a run folder."""
    if state.best_weights is not None:
        run.check_lock()
        write_weights(state.best_weights, run.best, state.best_epoch)
        run.write_metrics(state.history)


def resume_state(
    network: Network, run: RunFolder, warn: Callable[[str], None] = warn_user, optimizer: Optimizer | None = None
) -> TrainingState | None:
    """Return the state to resume from and remove later results from the folder. None without a checkpoint.

    If the last checkpoint is damaged, use the previous checkpoint and call `warn` with one line. This process must have
    locked the folder. The state of the optimizer goes to `optimizer`, by default the optimizer of the settings.

    Raise RunError if no checkpoint can be read, or if there are finished epochs without a checkpoint.
    """
    run.check_synapses(network)
    state = _last_whole(network, run, warn, optimizer)
    for path in (run.checkpoint, run.previous_checkpoint, run.best, run.metrics, run.record_file):
        remove_half_written(path)
    if state is None:
        if run.best.exists() or run.metrics.exists():
            raise RunError(f"{run.path}: has finished epochs but no checkpoint; start again in another folder")
        return None
    if not state.history:
        run.best.unlink(missing_ok=True)
        run.metrics.unlink(missing_ok=True)
    write_epochs(state, run)
    return state


def _last_whole(
    network: Network, run: RunFolder, warn: Callable[[str], None], optimizer: Optimizer | None
) -> TrainingState | None:
    """Return the state of the last complete checkpoint, and make this checkpoint the last."""
    damaged: list[RunError] = []
    for path in (run.checkpoint, run.previous_checkpoint):
        if not path.exists():  # a process killed while renaming leaves only the previous checkpoint
            continue
        try:
            state = read_checkpoint(network, path, optimizer)
        except RunError as error:
            damaged.append(error)
            continue
        if path != run.checkpoint:
            os.replace(path, run.checkpoint)
        if damaged:
            warn(f"{damaged[0]}; going on from the one before: epoch {state.epoch + 1}, batch {state.batch + 1}")
        return state
    if damaged:
        raise RunError(f"{damaged[0]}; start again in another folder") from damaged[0]
    return None


def read_checkpoint(network: Network, path: Path, optimizer: Optimizer | None = None) -> TrainingState:
    """Read a state into `optimizer`. Raise RunError for damaged files, or files of other networks."""
    try:
        return _state(network, _whole_arrays(path), str(path), optimizer)
    except DataError as error:
        raise RunError(str(error)) from error
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path}: is not a checkpoint of {network.name}; resume its own network") from error


def finished_epochs(run: RunFolder) -> int:
    """Return the number of epochs in the last checkpoint that is not damaged, 0 without one."""
    for path in (run.checkpoint, run.previous_checkpoint):
        with contextlib.suppress(DataError, RunError, OSError, KeyError, ValueError):
            return int(json.loads(str(_whole_arrays(path)["position"]))["epoch"])
    return 0


def _whole_arrays(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    checksum = arrays.pop("checksum", None)
    if checksum is None or checksum.dtype != np.uint32 or checksum.shape or checksum != _checksum(arrays):
        raise RunError(f"{path}: is damaged (its checksum differs); restore it from a copy, or train again")
    return arrays


def _state(network: Network, arrays: dict[str, np.ndarray], origin: str, optimizer: Optimizer | None) -> TrainingState:
    """Convert arrays to a state. Arrays that do not fit raise any exception."""
    position = json.loads(str(arrays["position"]))
    _check_position(network, position)
    dtype = np.dtype(np.float32 if network.training.precision == "single" else np.float64)

    def weights(part: str, latent: bool) -> Weights:
        return check_weights(network, _part(arrays, part, dtype), f"{origin}: {part}", latent)

    updated = weights("weights", latent=True)
    optimizer = optimizer or optimizers[network.learning.optimizer].from_network(network)
    optimizer.begin(updated)
    moments = _part(arrays, "optimizer")
    layouts, wanted = (
        {name: (array.shape, array.dtype) for name, array in kept.items()} for kept in (moments, optimizer.state)
    )
    if layouts != wanted:
        raise DataError(f"{origin}: was made with another optimizer; resume with that optimizer")
    optimizer.state = moments
    fired = _part(arrays, "fired", np.dtype(np.int64))
    sizes = {population.name: (population.maps,) for population in network.populations}
    if any(sizes.get(name) != counts.shape for name, counts in fired.items()):
        raise DataError(f"{origin}: counts spikes of other layers; resume its own network")
    return TrainingState(
        updated,
        optimizer,
        weights("mean", latent=True) if network.learning.averaging else None,
        epoch=position["epoch"],
        batch=position["batch"],
        totals=EpochTotals(**{name: position[name] for name in _SUMS if name in position}, fired=fired),
        history=position["history"],
        best=tuple(position["best"]),
        best_weights=weights("best", latent=False) if position["history"] else None,
        fitted=position.get("fitted", {}),
    )


def _check_position(network: Network, position: dict[str, Any]) -> None:
    """Raise ValueError for a position that no training writes."""
    epoch, batch, history = position["epoch"], position["batch"], position["history"]
    counts = (epoch, batch, position["presentations"], position["correct"])
    names = network.shapes.keys()
    watched = {name: position[name] for name in _WATCHED if name in position}
    shares = [position["silent"], watched.get("onset", {}), watched.get("late", {})]
    counts += tuple(watched.get(name, 0) for name in ("tied", "watched"))
    if not (
        all(isinstance(count, int) and 0 <= count < 2**63 for count in counts)
        and epoch <= network.training.epochs
        and (batch > 0) == (position["presentations"] > 0)
        and len(history) == epoch
        and all(row.keys() == history[0].keys() and all(map(finite, row.values())) for row in history)
        and all(map(_are_metrics, history[:1]))
        and len(position["best"]) == 2
        and all(map(finite, [*position["best"], position["loss"], position["seconds"]]))
        and all(finite(share) for each in shares for share in each.values())
        and all(names >= each.keys() for each in shares)
        and len(watched) in (0, len(_WATCHED))
    ):
        raise ValueError("no position of a training")


def _are_metrics(row: Mapping[str, float]) -> bool:
    """Return whether an epoch has all figures of training, and all or none of validation."""
    validation = set(ValidationFigures._fields)
    return row.keys() >= set(EpochFigures._fields) and (row.keys() & validation) in (set(), validation)


def _part(arrays: dict[str, np.ndarray], part: str, dtype: np.dtype | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of one part, C-contiguous for the optimizer. Raise TypeError for another dtype."""
    chosen = {
        name.removeprefix(f"{part}."): np.require(array, requirements=["C", "W"])
        for name, array in arrays.items()
        if name.startswith(f"{part}.")
    }
    if dtype is not None and any(array.dtype != dtype for array in chosen.values()):
        raise TypeError(f"{part} must be of type {dtype}")
    return chosen


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    total = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), total)
        total = zlib.crc32(array.tobytes(), total)
    return total
