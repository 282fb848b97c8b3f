"""Decoding over time: how early the label can be read from each layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._information import panzeri_treves_bias, plug_in
from netsim.analysis.kinds._layers import draw_lines, ordered_layers, positions
from netsim.analysis.shape import SILENT, Axes, DataFrame, draws
from netsim.analysis.style import FAINT
from netsim.errors import DataError, SpecificationError
from netsim.measuring.metrics import wilson_interval
from netsim.specification.phrases import counted
from netsim.spikes.columns import observed_window
from netsim.spikes.spikes import Progress, Spikes, no_progress

_CODES = ("latency", "fired")


@draws("decoding", ("layer", "time_ms", "accuracy", "low", "high", "control_95"), of="decoding_over_time")
def decoding_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the decoding accuracy of each layer against the time up to which its spikes are known.

    The band is the 95 % confidence interval. Accuracies above the dotted line are significant: at most 5 % of the
    shuffles of labels reach it in any layer at any time.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "decoding", limit=200).table
    >>> ax = netsim.analysis.decoding_figure(table)
    >>> ax.get_xlabel()
    'spikes known up to (ms)'
    """
    from matplotlib.ticker import PercentFormatter

    draw_lines(axes, frame, "time_ms", "accuracy")
    limit = frame["control_95"].iloc[0]
    axes.axhline(limit, color=FAINT, linewidth=0.7, linestyle=":")
    axes.text(1.0, limit, "above: p ≤ 0.05 ", transform=axes.get_yaxis_transform(), ha="right", va="top",
              fontsize="small", color=FAINT)  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlabel="spikes known up to (ms)", ylabel="label decoded rightly", ylim=(0, 1.02))


@Analysis("decoding", "how early each layer reveals the label, by linear decoders", decoding_figure, order=130)
def decoding_over_time(
    spikes: Spikes,
    times: int = 10,
    folds: int = 5,
    code: str = "latency",
    penalty: float = 0.1,
    shuffles: int = 200,
    sample: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> DataFrame:
    r"""Decode the label from the spikes up to a time with linear decoders, cross-validated.

    The method follows Hung et al. (2005, Science 310:863-866). At time :math:`t` a neuron that has fired contributes
    its earliness :math:`1 - (t_i - t_{onset}) / (t_{end} - t_{onset})` in the window of its layer, or 1 with
    ``code = "fired"``. A neuron that has not fired contributes 0.

    The decoder is a ridge regression onto the labels, one against the others. The largest output decides. It is
    scikit-learn's `Ridge`, or the equivalent `KernelRidge` if there are more neurons than presentations. Each fold is
    tested with a decoder trained on the other folds. Folds are stratified.

    The network does not use this decoder. The accuracy measures the information in a layer, not the read-out of the
    network. ``information_bits`` is the mutual information of label and decoded label, corrected for the bias of
    Panzeri and Treves. It estimates a lower bound of the information in the layer. If all labels are decoded, the
    correction may exceed their entropy slightly.

    Labels are shuffled within folds, with the same shuffles for all layers and times. ``p_corrected`` compares an
    accuracy with the largest accuracy of each shuffle over all layers and times (maximum statistic, Westfall and Young
    1993), so it is corrected for the number of rows. Cross-validated accuracies vary more than independent trials,
    because decoders share their training presentations. The interval is therefore Wilson's for the number of
    presentations divided by the design effect: the variance over shuffles relative to the binomial variance, and at
    least 1.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    times : int
        Number of times, evenly spaced from the first to the last spike of each layer.
    folds : int
        Number of folds of the cross-validation.
    code : {"latency", "fired"}
        Contribution of a spike.
    penalty : float
        Penalty on the weights of the decoder, relative to the mean squared distance of presentations from their mean.
    shuffles : int
        Number of shuffles of the labels; at least 20. The smallest ``p_corrected`` is 1 / (shuffles + 1).
    sample : int
        Largest number of presentations, drawn evenly over labels. Fewer presentations make decoders worse.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and time, with the columns

        ================  ===========  ================================================================
        layer             categorical  ordered from first to last
        time_ms           float64      time up to which spikes are known (ms)
        presentations     int64        number of presentations
        accuracy          float64      fraction of held-out presentations that are decoded correctly
        low, high         float64      bounds of its 95 % confidence interval (Wilson, design effect)
        chance            float64      fraction of the most frequent label
        control           float64      mean accuracy with shuffled labels
        control_95        float64      95th percentile of the largest accuracy of a shuffle over all rows
        p_corrected       float64      one-sided, corrected for all rows (maximum statistic)
        information_bits  float64      information of decoded and true label (bits)
        ================  ===========  ================================================================

    Raises
    ------
    DataError
        If there are no labels, no layer fires, or a label has fewer presentations than folds.
    SpecificationError
        If a setting is out of bounds.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", populations=["hidden"])
    >>> table = netsim.analysis.decoding_over_time(spikes, times=3, sample=200)
    >>> bool(table["accuracy"].iloc[-1] > 0.7 > table["control"].iloc[-1])
    True
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

    _check(times, folds, code, penalty, shuffles)
    spikes.require_labels()
    chosen = spikes.sample(sample, seed)
    labels, tag = positions(chosen.require_labels())
    fewest = int(np.bincount(tag).min())
    if fewest < folds:
        raise DataError(
            f"spikes: a label has {counted(fewest, 'presentation')}, fewer than the {folds} folds; give more"
        )
    if not any(len(layer.latencies) for layer in chosen.layers()):
        raise DataError(SILENT)
    generator = np.random.default_rng([seed, 1])
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32).split(tag, tag))
    tags = np.tile(tag, (1 + shuffles, 1))
    for _, test in parts:  # folds stay stratified
        tags[1:, test] = generator.permuted(tags[1:, test], axis=1)
    chance = float(np.bincount(tag).max() / len(tag))
    rows, accuracies = [], []
    for position, layer in enumerate(chosen.layers()):
        before, right, bits = -1, np.zeros(1 + shuffles), 0.0
        first, last = observed_window(layer.latencies)
        for step, time in enumerate(np.linspace(first, last, times if last > first else 1)):
            progress(position * times + step, len(chosen.sizes) * times)
            known = layer.latencies <= time
            if (fired := int(known.sum())) != before:  # otherwise nothing has changed
                before = fired
                states = np.where(known, layer.earliness() if code == "latency" else 1.0, 0.0)
                states = layer.matrix(states).astype(np.float32).toarray()
                guesses = _cross_validated(states, tags, parts, len(labels), penalty)
                table = np.zeros((1, len(labels), len(labels)), np.int64)
                np.add.at(table[0], (tag, guesses[0]), 1)
                bits = float((plug_in(table) - panzeri_treves_bias(table))[0])
                right = (guesses == tags).mean(axis=1)
            accuracies.append(right)
            control = right[1:].mean()
            binomial = control * (1 - control) / len(tag)
            design = max(1.0, right[1:].var(ddof=1) / binomial) if binomial > 0 else 1.0
            low, high = wilson_interval(right[0], len(tag) / design)
            rows.append(
                {
                    "layer": layer.name,
                    "time_ms": time,
                    "presentations": len(tag),
                    "accuracy": float(right[0]),
                    "low": float(low),
                    "high": float(high),
                    "chance": chance,
                    "control": float(control),
                    "information_bits": bits,
                }
            )
    result = pd.DataFrame(rows)
    largest = np.max(accuracies, axis=0)[1:]
    reached = (largest >= result["accuracy"].to_numpy()[:, None]).sum(axis=1)
    place = list(result).index("information_bits")
    result.insert(place, "p_corrected", (1 + reached) / (1 + shuffles))
    result.insert(place, "control_95", np.quantile(largest, 0.95, method="higher"))
    return result.assign(layer=ordered_layers(result["layer"], spikes))


def _check(times: int, folds: int, code: str, penalty: float, shuffles: int) -> None:
    for name, value, least in (("times", times, 2), ("folds", folds, 2), ("shuffles", shuffles, 20)):
        if value < least:
            raise SpecificationError(f"decoding: setting {name}", f"must be at least {least}, not {value}")
    if code not in _CODES:
        raise SpecificationError("decoding: setting code", f"must be {' or '.join(_CODES)}, not {code!r}")
    if not 0 < penalty < np.inf:
        raise SpecificationError("decoding: setting penalty", f"must be more than 0, and finite, not {penalty:g}")


def _cross_validated(
    states: np.ndarray,
    tags: Sequence[np.ndarray] | np.ndarray,
    parts: list[tuple[np.ndarray, np.ndarray]],
    labels: int,
    penalty: float,
) -> np.ndarray:
    """Decode each presentation when it is left out, for each assignment of labels.

    States have the shape (presentations, neurons). With more neurons than presentations the kernel is smaller to
    invert, and is computed once for all folds.
    """
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import KernelCenterer

    decoded = np.zeros((len(tags), len(states)), np.int64)
    targets = np.hstack([np.eye(labels)[tag] for tag in tags])
    kernel = (states @ states.T).astype(np.float64) if states.shape[1] > len(states) else None
    for train, test in parts:
        mean, centre = targets[train].mean(axis=0), states[train].mean(axis=0)
        scale = float(((states[train] - centre) ** 2).sum()) / len(train)
        if not scale > 0:  # equal states: the most frequent label
            outputs = np.broadcast_to(mean, (len(test), len(mean)))
        elif kernel is None:
            ridge = Ridge(penalty * scale).fit(states[train].astype(np.float64), targets[train])
            outputs = ridge.predict(states[test])
        else:
            centred = KernelCenterer().fit(kernel[np.ix_(train, train)])
            ridge = KernelRidge(alpha=penalty * scale, kernel="precomputed")
            ridge.fit(centred.transform(kernel[np.ix_(train, train)]), targets[train] - mean)
            outputs = ridge.predict(centred.transform(kernel[np.ix_(test, train)])) + mean
        decoded[:, test] = outputs.reshape(len(test), len(tags), labels).argmax(axis=2).T
    return decoded
