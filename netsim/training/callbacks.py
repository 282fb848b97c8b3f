"""Reports of a training, the functions that it calls, and early stopping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netsim.errors import warn_user
from netsim.reprs import short_repr
from netsim.specification.checks import check_size, require
from netsim.training.checkpoint import epoch_score, is_validated

NOTHING_BETTER = "has no validation stimuli to go by; set training.validation above 0, or train without it"


@dataclass(frozen=True)
class Progress:
    """Report of a training after each batch: means over the current epoch.

    `epoch` counts from 0. `presentations` of the `expected` presentations of the epoch are done.

    Attributes
    ----------
    silent, onset, late : dict of float
        Mean fractions of neurons by population that are silent, fire at the onset of a window that starts after 0 ms,
        or fire too late to affect any target.
    tie_rate : float
        Fraction of presentations with several first output spikes.

    Examples
    --------
    >>> import netsim
    >>> progress = netsim.Progress(0, 500, 1000, loss=0.7, accuracy=0.8, silent={"hidden": 0.25})
    >>> f"{progress.presentations / progress.expected:.0%} of epoch {progress.epoch + 1}"
    '50% of epoch 1'
    """

    __repr__ = short_repr

    epoch: int
    presentations: int
    expected: int
    loss: float
    accuracy: float
    silent: dict[str, float]
    onset: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    tie_rate: float = 0.0


@dataclass(frozen=True)
class Callbacks:
    """Functions that a training calls. By default it only issues warnings.

    Parameters
    ----------
    on_batch : callable
        Called with a `Progress`.
    on_epoch : callable
        Called with the metrics of a finished epoch.
    on_warning : callable
        Called with one line about a problem. The default issues a Python warning.
    stop : callable
        Called with the metrics of all epochs, after each epoch and when a training resumes. The training ends if it
        returns True. Use `EarlyStopping` or your own function.

    Examples
    --------
    >>> import netsim
    >>> losses = []
    >>> callbacks = netsim.Callbacks(on_epoch=lambda metrics: losses.append(metrics["validation_loss"]))
    >>> callbacks.on_epoch({"validation_loss": 0.5})
    >>> losses
    [0.5]
    """

    __repr__ = short_repr

    on_batch: Callable[[Progress], None] = lambda progress: None
    on_epoch: Callable[[dict[str, Any]], None] = lambda metrics: None
    on_warning: Callable[[str], None] = warn_user
    stop: Callable[[Sequence[Mapping[str, Any]]], bool] = lambda history: False


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a training after `patience` consecutive epochs without better validation.

    The criterion is the same as for the stored weights: strict validation accuracy, then loss. Without validation
    stimuli there is no criterion, and a training raises a `SpecificationError`.

    Parameters
    ----------
    patience : int

    Examples
    --------
    >>> import netsim
    >>> callbacks = netsim.Callbacks(stop=netsim.EarlyStopping(patience=5))
    >>> epochs = [{"validation_strict_accuracy": share, "validation_loss": 1.0} for share in (0.5, 0.8, 0.7, 0.8)]
    >>> netsim.EarlyStopping(2)(epochs), netsim.EarlyStopping(3)(epochs)
    (True, False)
    """

    patience: int

    def __post_init__(self) -> None:
        check_size(self.patience, "patience")

    def __call__(self, history: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the best epoch is at least `patience` epochs ago."""
        require(all(map(is_validated, history)), "EarlyStopping", NOTHING_BETTER)
        scores = [epoch_score(metrics) for metrics in history]
        return bool(scores) and len(scores) - 1 - scores.index(max(scores)) >= self.patience
