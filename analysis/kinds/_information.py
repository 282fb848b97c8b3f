"""Mutual information from counts, for many neurons at once, and its correction for few presentations."""

from __future__ import annotations

import numpy as np


def entropies(counts: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Plug-in estimate of Shannon's entropy (bits) of counts along some axes.

    A table of n log n is looked up, because many counts are equal.
    """
    numbers = np.arange(1, int(counts.max(initial=0)) + 1, dtype=np.float64)
    looked_up = np.concatenate([[0.0], numbers * np.log2(numbers)])
    total = counts.sum(axis=axis)
    terms: np.ndarray = looked_up[counts].sum(axis=axis)
    return np.where(total > 0, np.log2(np.maximum(total, 1)) - terms / np.maximum(total, 1), 0.0)


def plug_in(counts: np.ndarray) -> np.ndarray:
    """Plug-in estimate of mutual information (bits) from counts of shape (..., labels, responses)."""
    joint, labels = entropies(counts, (-2, -1)), entropies(counts.sum(axis=-1), -1)
    return np.maximum(labels + entropies(counts.sum(axis=-2), -1) - joint, 0.0)


def panzeri_treves_bias(counts: np.ndarray) -> np.ndarray:
    r"""Bias of `plug_in` (bits), to first order in the number of presentations.

    .. math:: (\sum_s (R_s - 1) - (R - 1)) / (2 N \ln 2)

    :math:`N` is the number of presentations and :math:`R` the number of responses that occur. :math:`R_s` is the number
    of responses relevant to label :math:`s`, from the Bayesian estimate of Panzeri and Treves (1996, Network 7:87-107).
    """
    presentations = counts.sum(axis=(-2, -1))
    occurring = (counts.sum(axis=-2) > 0).sum(axis=-1)
    by_label = counts.reshape(-1, counts.shape[-1])
    possible = np.repeat(occurring.reshape(-1), counts.shape[-2])
    relevant = relevant_responses(by_label, possible).reshape(counts.shape[:-1])
    has_label = counts.sum(axis=-1) > 0
    excess = np.where(has_label, relevant - 1, 0).sum(axis=-1) - (occurring - 1)
    return np.asarray(excess / (2 * np.maximum(presentations, 1) * np.log(2)))


def panzeri_treves(counts: np.ndarray) -> np.ndarray:
    """Information (bits) minus the bias of Panzeri and Treves, from counts of shape (..., labels, responses).

    It is at most the entropy of the labels. It is NaN where responses outnumber the presentations of a label, because
    the correction then fails.
    """
    of_label = counts.sum(axis=-1)
    occurring = (counts.sum(axis=-2) > 0).sum(axis=-1)
    fewest = np.where(of_label > 0, of_label, np.iinfo(np.int64).max).min(axis=-1)
    corrected = np.minimum(plug_in(counts) - panzeri_treves_bias(counts), entropies(of_label, -1))
    return np.where(occurring <= fewest, corrected, np.nan)


def relevant_responses(counts: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """Estimate how many responses have a probability above 0, from counts of shape (cases, responses).

    The estimate is the number for which the Bayesian probabilities predict as many different responses as were
    observed. It is at most `possible`.
    """
    total = counts.sum(axis=1).astype(np.float64)
    seen = (counts > 0).sum(axis=1)
    estimate = seen.astype(np.float64)
    share = np.divide(counts, total[:, None], out=np.zeros(counts.shape), where=total[:, None] > 0)
    # difference between the expected and the observed number of responses, without further relevant responses
    gap = np.where(counts > 0, (1 - share) ** total[:, None], 0.0).sum(axis=1)
    active = np.flatnonzero((seen < possible) & (seen > 0))
    further = 0
    while len(active):
        further += 1
        n, r = total[active], seen[active]
        unseen = np.minimum(further * (1 - (n / (n + r)) ** (1 / n)), 1.0)  # total probability of unobserved responses
        active_counts = counts[active]
        probability = np.where(active_counts > 0, (1 - unseen)[:, None] * (active_counts + 1) / (n + r)[:, None], 0.0)
        expected = np.where(active_counts > 0, 1 - (1 - probability) ** n[:, None], 0.0).sum(axis=1)
        expected += further * (1 - (1 - unseen / further) ** n)
        new_gap = np.abs(r - expected)
        better = new_gap < gap[active]
        estimate[active[better]] = r[better] + further
        gap[active[better]] = new_gap[better]
        active = active[better & (r + further < possible[active])]
    return estimate


def contingency(code: np.ndarray, tag: np.ndarray, responses: int, labels: int, neurons: int) -> np.ndarray:
    """Count spikes by neuron, label and response. The shape is (neurons, labels, responses).

    `code` is the neuron times `responses` plus the response. `tag` is the label's position of each spike.
    """
    index = tag * np.int64(neurons * responses)
    index += code
    counts = np.bincount(index, minlength=labels * neurons * responses)
    return counts.reshape(labels, neurons, responses).transpose(1, 0, 2)


def with_silence(counts: np.ndarray, presentations: np.ndarray) -> np.ndarray:
    """Append silence as a response, so that counts add up to the presentations of each label."""
    silent = presentations[None, :, None] - counts.sum(axis=-1, keepdims=True)
    return np.concatenate([counts, silent], axis=-1)


def equal_bins(values: np.ndarray, counts: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each value within its group. Bins hold about equal numbers, and equal values share a bin.

    Groups are consecutive and have these counts.
    """
    import pandas as pd

    size = np.repeat(counts, counts)
    groups = pd.Series(values).groupby(np.repeat(np.arange(len(counts)), counts))
    bin_of: np.ndarray = (groups.rank("min").to_numpy() - 1).astype(np.int64) * bins // size
    return bin_of
