"""Trajectories of a population: how the states of a layer diverge during the presentation, by label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import class_name
from netsim.analysis.kinds._layers import each_layer, layer_names, nullable, positions
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import INK, colours, plain
from netsim.errors import SpecificationError
from netsim.specification import STIMULUS
from netsim.spikes.spikes import Progress, Spikes, no_progress

_COMPONENTS = 3


@draws("trajectory", ("layer", "time_ms", "pc1", "pc2", "share1", "share2"), of="population_trajectories", height=2.8)
def trajectory_figure(axes: Axes, frame: DataFrame, classes: Sequence[str] = ()) -> None:
    """Draw the path of each label in the plane of the first two components.

    The layer is the last before the output, or the only one. The stimulus is drawn only if it is alone. A ring marks
    the start of the paths. The labels are written where the paths are farthest apart.

    Parameters
    ----------
    classes : sequence of str, optional
        Names of the labels.
    """
    import pandas as pd

    layers = layer_names(frame)
    name = ([each for each in layers if each != STIMULUS] or layers)[-2:][0]
    rows = frame[frame["layer"] == name]
    paths = [(label, path) for label, path in rows.groupby("label", dropna=False)]
    spread = rows.groupby("time_ms")[["pc1", "pc2"]].std().sum(axis=1)
    shown = spread.idxmax()
    for position, ((label, path), colour) in enumerate(zip(paths, colours(len(paths)), strict=True)):
        style = ("-", "--")[position // 10 % 2]
        axes.plot(path["pc1"], path["pc2"], style, color=colour, linewidth=1.1, marker=".", markersize=3)
        text = "" if pd.isna(label) else class_name(int(str(label)), classes)
        row = path[path["time_ms"] == shown].iloc[0]
        place = (row["pc1"], row["pc2"])
        axes.annotate(text, place, (3, 0), textcoords="offset points", color=INK, va="center", fontsize="small")
    begin = rows.iloc[0]
    axes.plot(begin["pc1"], begin["pc2"], "o", markersize=6, markerfacecolor="none", markeredgecolor=INK)
    first, last = rows["time_ms"].min(), rows["time_ms"].max()
    axes.set_title(f"{plain(name)}, {first:.4g} to {last:.4g} ms")
    axes.set_xlabel(f"component 1 ({begin['share1']:.0%} of variance)")
    axes.set_ylabel(f"component 2 ({begin['share2']:.0%} of variance)")
    axes.margins(0.08)


@Analysis("trajectories", "how the states of a layer diverge over time, by PCA", trajectory_figure, order=140,
          height=2.8)  # fmt: skip
def population_trajectories(spikes: Spikes, times: int = 25, progress: Progress = no_progress) -> Rows:
    r"""Paths of the mean state of each layer in its principal components, one path for each label.

    The method follows Mazor and Laurent (2005, Neuron 48:661-673). The state at time :math:`t` is a vector over
    neurons: the fraction of presentations of a label in which each neuron has fired by then. The states of all
    labels and times, minus their mean, define the components (scikit-learn's `PCA`). Components are orthogonal and
    dimensionless, and the first has the most variance. Signs have no meaning.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Parameters
    ----------
    spikes : Spikes
        Spikes. Without labels there is a single path.
    times : int
        Number of times, at least 3, evenly spaced from just before the first spike to the last spike of a layer.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, label and time, with the columns

        ======================  ===========  ========================================================
        layer                   categorical  ordered from first to last; without silent layers
        label                   Int64        missing without labels
        time_ms                 float64      time in the presentation (ms)
        pc1, pc2, pc3           float64      coordinates; 0 for components that do not exist
        share1, share2, share3  float64      fraction of the variance
        ======================  ===========  ========================================================

    Raises
    ------
    DataError
        If no layer fires.
    SpecificationError
        If `times` is below 3.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", populations=["hidden"])
    >>> table = netsim.analysis.population_trajectories(spikes, times=5)
    >>> len(table)
    50
    """
    from sklearn.decomposition import PCA

    if times < 3:
        raise SpecificationError("trajectories: setting times", f"must be at least 3, not {times}")
    labels, tag = positions(np.zeros(spikes.presentations, np.int64) if spikes.labels is None else spikes.labels)
    shown = np.bincount(tag, minlength=len(labels))
    for layer in each_layer(spikes, progress):
        if not len(layer.latencies):
            continue
        first, last = layer.latencies.min(), layer.latencies.max()
        moments = np.linspace(first, last, times - 1)
        moments = np.concatenate([[first - ((last - first) / (times - 1) or 1.0)], moments])
        step = np.searchsorted(moments, layer.latencies, side="left")  # the first time at which the spike is known
        index = (tag[layer.rows].astype(np.int64) * times + step) * layer.size + layer.neurons
        counts = np.bincount(index, minlength=len(labels) * times * layer.size)
        states = counts.reshape(len(labels), times, layer.size).cumsum(axis=1) / shown[:, None, None]
        components = min(_COMPONENTS, layer.size, len(labels) * times)
        pca = PCA(components, svd_solver="full")
        coordinates = np.zeros((len(labels) * times, _COMPONENTS))
        coordinates[:, :components] = pca.fit_transform(states.reshape(len(labels) * times, -1))
        shares = np.zeros(_COMPONENTS)
        shares[:components] = np.nan_to_num(pca.explained_variance_ratio_)
        yield {
            "layer": [layer.name] * (len(labels) * times),
            "label": nullable(np.repeat(labels, times), [spikes.labels is None] * (len(labels) * times)),
            "time_ms": np.tile(moments, len(labels)),
            **{f"pc{number}": values for number, values in enumerate(coordinates.T, 1)},
            **{f"share{number}": share for number, share in enumerate(shares, 1)},
        }
