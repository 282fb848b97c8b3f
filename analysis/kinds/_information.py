"""Mutual information from counts, for many neurons at once, and what is taken off for few presentations."""

from __future__ import annotations

import numpy as np

from netsim.spikes.columns import order_within


def entropies(counts: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Shannon's entropy (bits) of the distribution of whole counts along some axes, by the plug-in estimate.

    From n log n of each count, which is looked up: many counts are the same.
    """
    numbers = np.arange(1, int(counts.max(initial=0)) + 1, dtype=np.float64)
    looked_up = np.concatenate([[0.0], numbers * np.log2(numbers)])
    total = counts.sum(axis=axis)
    terms: np.ndarray = looked_up[counts].sum(axis=axis)
    return np.where(total > 0, np.log2(np.maximum(total, 1)) - terms / np.maximum(total, 1), 0.0)


def plug_in(counts: np.ndarray) -> np.ndarray:
    """Mutual information (bits) from counts of shape (..., labels, responses), by the plug-in estimate."""
    joint, labels = entropies(counts, (-2, -1)), entropies(counts.sum(axis=-1), -1)
    return np.maximum(labels + entropies(counts.sum(axis=-2), -1) - joint, 0.0)


def panzeri_treves_bias(counts: np.ndarray) -> np.ndarray:
    r"""By how much `plug_in` is too large in the mean, to first order in the number of presentations (bits).

    .. math:: (\sum_s (R_s - 1) - (R - 1)) / (2 N \ln 2)

    with :math:`R` the responses that occur, :math:`N` presentations, and :math:`R_s` the responses that are relevant
    to label :math:`s`: at least those that occurred with it, and as many more as the Bayesian estimate of Panzeri and
    Treves (1996, Network 7:87-107) makes probable.
    """
    presentations = counts.sum(axis=(-2, -1))
    occurring = (counts.sum(axis=-2) > 0).sum(axis=-1)
    by_label = counts.reshape(-1, counts.shape[-1])
    possible = np.repeat(occurring.reshape(-1), counts.shape[-2])
    relevant = relevant_responses(by_label, possible).reshape(counts.shape[:-1])
    has_label = counts.sum(axis=-1) > 0
    excess = np.where(has_label, relevant - 1, 0).sum(axis=-1) - (occurring - 1)
    return np.asarray(excess / (2 * np.maximum(presentations, 1) * np.log(2)))


def relevant_responses(counts: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """How many responses have a probability above 0, estimated from counts of shape (cases, responses).

    At most as many as are `possible`. The number is the one with which a Bayesian estimate of the probabilities makes
    one expect as many different responses as there were.
    """
    total = counts.sum(axis=1).astype(np.float64)
    seen = (counts > 0).sum(axis=1)
    estimate = seen.astype(np.float64)
    share = np.divide(counts, total[:, None], out=np.zeros(counts.shape), where=total[:, None] > 0)
    # how far the different responses that one expects are from those that occurred, if no further ones were relevant
    gap = np.where(counts > 0, (1 - share) ** total[:, None], 0.0).sum(axis=1)
    active = np.flatnonzero((seen < possible) & (seen > 0))
    further = 0
    while len(active):
        further += 1
        n, r = total[active], seen[active]
        unseen = np.minimum(further * (1 - (n / (n + r)) ** (1 / n)), 1.0)  # probability of all that did not occur
        own = counts[active]
        probability = np.where(own > 0, (1 - unseen)[:, None] * (own + 1) / (n + r)[:, None], 0.0)
        expected = np.where(own > 0, 1 - (1 - probability) ** n[:, None], 0.0).sum(axis=1)
        expected += further * (1 - (1 - unseen / further) ** n)
        new_gap = np.abs(r - expected)
        better = new_gap < gap[active]
        estimate[active[better]] = r[better] + further
        gap[active[better]] = new_gap[better]
        active = active[better & (r + further < possible[active])]
    return estimate


def contingency(code: np.ndarray, tag: np.ndarray, responses: int, labels: int, neurons: int) -> np.ndarray:
    """Counts of shape (neurons, labels, responses) of spikes; code is the neuron times `responses` plus the response.

    `tag` is the position of the label of each spike.
    """
    places = tag * np.int64(neurons * responses)
    places += code
    counts = np.bincount(places, minlength=labels * neurons * responses)
    return counts.reshape(labels, neurons, responses).transpose(1, 0, 2)


def with_silence(counts: np.ndarray, presentations: np.ndarray) -> np.ndarray:
    """Counts with one more response, silence, so that there are as many as presentations by label."""
    silent = presentations[None, :, None] - counts.sum(axis=-1, keepdims=True)
    return np.concatenate([counts, silent], axis=-1)


def equal_bins(values: np.ndarray, counts: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each value among those of its group, bins of equal number; equal values share a bin.

    Groups follow each other and have these counts.
    """
    # equal values share a bin, in whatever order they are
    order = order_within(values, counts)
    value, size = values[order], np.repeat(counts, counts)
    begin = np.repeat(np.cumsum(counts) - counts, counts)
    place = np.arange(len(order))
    new = place == begin
    new[1:] |= value[1:] != value[:-1]
    first_equal = np.maximum.accumulate(np.where(new, place, 0))
    bin_of = np.empty(len(order), np.int64)
    bin_of[order] = (first_equal - begin) * bins // size
    return bin_of
