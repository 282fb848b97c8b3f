"""Shuffled labels as a null, and a jackknife over presentations."""

from __future__ import annotations

import numpy as np

from netsim.errors import DataWarning, SpecificationError, warn_user

_ALPHA = 0.05
"""Level that p values should be able to reach."""
_ROUNDING = 1e-12
"""Largest difference of equal statistics that were summed in another order."""
_GROUPS = 10
"""Groups of presentations, each left out once for an interval."""


def shuffled_tags(tag: np.ndarray, shuffles: int, generator: np.random.Generator, what: str) -> list[np.ndarray]:
    """Return the labels' positions, and then their shuffles. Warn if these are too few for a significant p value."""
    if shuffles < 2:
        raise SpecificationError(f"{what}: setting shuffles", f"must be at least 2, not {shuffles}")
    if 1 / (1 + shuffles) > _ALPHA:
        needed = round(1 / _ALPHA) - 1
        warn_user(
            f"{what}: {shuffles} shuffles give p of at least {1 / (1 + shuffles):.2g}; set shuffles={needed} or more"
            f" for p of {_ALPHA:g}",
            DataWarning,
        )
    return [tag, *(generator.permutation(tag) for _ in range(shuffles))]


def against_shuffles(values: np.ndarray) -> dict[str, np.ndarray]:
    """Compare statistics with those of shuffled labels, shape (1 + shuffles, statistics); the first row is true.

    ``p_corrected`` is family-wise: the statistic is compared with the largest of each shuffle (Westfall and Young
    1993). For this, each statistic is in standard deviations of its own shuffles. Missing statistics stay missing.
    """
    true, control = values[0], values[1:]
    known, draws = np.isfinite(true), len(values)
    apart = values[:, known] - values[:, known].mean(axis=0)
    sd = apart.std(axis=0)
    score = np.divide(apart, sd, out=np.zeros(apart.shape), where=sd > _ROUNDING)
    corrected = np.full(len(true), np.nan)
    if known.any():
        most = score[1:].max(axis=1)
        corrected[known] = (1 + (most[:, None] >= score[0] - 1e-9).sum(axis=0)) / draws
    return {
        "control_mean": control.mean(axis=0),
        "control_95": np.quantile(control, 0.95, axis=0),
        "p": np.where(known, (1 + (control >= true - _ROUNDING).sum(axis=0)) / draws, np.nan),
        "p_corrected": corrected,
    }


def dealt(tag: np.ndarray) -> tuple[np.ndarray, int]:
    """Deal the presentations of each label to groups in turn. Return the group of each, and the number of groups.

    No label has fewer presentations than there are groups, and there are at most ten.
    """
    counts = np.bincount(tag)
    groups = min(_GROUPS, int(counts[counts > 0].min()))
    turn = np.empty(len(tag), dtype=np.int64)
    for label, count in enumerate(counts.tolist()):
        turn[tag == label] = np.arange(count) % groups
    return turn, groups


def jackknife_half(without: np.ndarray) -> np.ndarray:
    """Half the width of the 95 % jackknife interval, from statistics without each group, shape (groups, ...).

    Shao and Wu (1989, Ann Stat 17:1176-1197), with Student's t. NaN with fewer than three groups.
    """
    from scipy.special import stdtrit

    groups = len(without)
    if groups < 3:
        return np.full(without.shape[1:], np.nan)
    error = np.sqrt((groups - 1) / groups * np.square(without - without.mean(axis=0)).sum(axis=0))
    half: np.ndarray = stdtrit(groups - 1, 0.975) * error
    return half
