"""The state of a training: all that is needed to go on to the bit, and how it is kept in one file.

Nothing random is stored: every draw comes from a generator seeded by (seed, purpose, epoch, batch), so a
position says what comes next.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netsim.errors import DataError, RunError
from netsim.files import read_arrays, write_arrays
from netsim.learning import Optimizer
from netsim.specification import Network
from netsim.weights import Weights, check_weights


@dataclass
class EpochTotals:
    """Sums over the presentations of an epoch so far."""

    presentations: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    silent: dict[str, float] = field(default_factory=dict)
    fired: dict[str, np.ndarray] = field(default_factory=dict)
    """Presentations in which each map or dense neuron fired, by layer."""


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes
    ----------
    weights : dict of ndarray
        The real-valued set that is updated.
    optimizer : Optimizer
    mean : dict of ndarray or None
        Running mean of the weights, if the network's learning keeps one.
    epoch, batch : int
        The next batch to present, both counted from 0.
    totals : EpochTotals
        Of the epoch under way.
    history : list of dict
        Metrics of the finished epochs.
    best : (float, float)
        Strict validation accuracy and negative validation loss of the best epoch.
    """

    weights: Weights
    optimizer: Optimizer
    mean: Weights | None = None
    epoch: int = 0
    batch: int = 0
    totals: EpochTotals = field(default_factory=EpochTotals)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: tuple[float, float] = (-1.0, 0.0)

    @property
    def kept(self) -> Weights:
        """The weights that are validated and kept."""
        return self.weights if self.mean is None else self.mean


def write_checkpoint(state: TrainingState, path: Path) -> None:
    """Write a state; the file before it is kept until the new one is whole."""
    totals = state.totals
    position = {
        "epoch": state.epoch,
        "batch": state.batch,
        "best": state.best,
        "history": state.history,
        "presentations": totals.presentations,
        "loss": totals.loss,
        "correct": totals.correct,
        "seconds": totals.seconds,
        "silent": totals.silent,
    }
    arrays = {
        **{f"weights.{name}": array for name, array in state.weights.items()},
        **{f"mean.{name}": array for name, array in (state.mean or {}).items()},
        **{f"optimizer.{name}": array for name, array in state.optimizer.state.items()},
        **{f"fired.{name}": array for name, array in totals.fired.items()},
        "position": np.array(json.dumps(position)),
    }
    write_arrays(path, arrays | {"checksum": np.array(_checksum(arrays), dtype=np.uint32)})


def read_checkpoint(network: Network, path: Path) -> TrainingState:
    """Read a state.

    Raises
    ------
    RunError
        If the file is damaged or belongs to another network.
    """
    try:
        arrays = read_arrays(path)
        checksum = arrays.pop("checksum", None)
        if checksum is None or checksum.shape != () or int(checksum) != _checksum(arrays):
            raise RunError(f"{path}: is damaged (its checksum differs); start again in another folder")
        weights = check_weights(network, _part(arrays, "weights"), str(path))
        optimizer = Optimizer(network.learning, weights)
        mean = check_weights(network, _part(arrays, "mean"), str(path)) if network.learning.averaging else None
        moments = _part(arrays, "optimizer")
        if {k: v.shape for k, v in moments.items()} != {k: v.shape for k, v in optimizer.state.items()}:
            raise RunError(f"{path}: was made with another optimizer; start again in another folder")
        optimizer.state = moments
        position = json.loads(str(arrays["position"]))
        totals = EpochTotals(
            presentations=position["presentations"],
            loss=position["loss"],
            correct=position["correct"],
            seconds=position["seconds"],
            silent=position["silent"],
            fired=_part(arrays, "fired"),
        )
        return TrainingState(
            weights,
            optimizer,
            mean,
            epoch=position["epoch"],
            batch=position["batch"],
            totals=totals,
            history=position["history"],
            best=tuple(position["best"]),
        )
    except DataError as error:
        raise RunError(f"{error}; start again in another folder") from error
    except (KeyError, ValueError, TypeError) as error:
        raise RunError(f"{path}: is no checkpoint of {network.name}; start again in another folder") from error


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), total)
    return total
