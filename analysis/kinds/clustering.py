"""Hierarchical clustering of labels by the spikes of a layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import class_name
from netsim.analysis.kinds._layers import each_layer, layer_names, positions
from netsim.analysis.kinds._pairs import van_rossum
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import INK, plain
from netsim.spikes.spikes import Progress, Spikes, no_progress


@draws("clustering", ("layer", "first", "second", "distance", "labels"), of="label_clustering")
def dendrogram_figure(axes: Axes, frame: DataFrame, classes: Sequence[str] = ()) -> None:
    """Draw the dendrogram of the labels in the last layer of the table.

    Parameters
    ----------
    classes : sequence of str, optional
        Names of the labels.
    """
    from scipy.cluster import hierarchy

    name = layer_names(frame)[-1]
    rows = frame[frame["layer"] == name]
    links = rows[["first", "second", "distance", "labels"]].to_numpy(dtype=np.float64)
    leaves = [int(label) for label in str(rows["leaves"].iloc[0]).split()]
    ink = f"#{int(255 * float(INK)):02x}" + 2 * f"{int(255 * float(INK)):02x}"
    names = [class_name(label, classes) for label in leaves]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Attempting to set identical low and high ylims")  # limits are set below
        hierarchy.dendrogram(links, labels=names, ax=axes, link_color_func=lambda _: ink, color_threshold=0)
    axes.tick_params(axis="x", length=0, labelsize=axes.yaxis.get_ticklabels()[0].get_fontsize())
    low, high = links[:, 2].min(), links[:, 2].max()
    span = (high - low) or high or 1.0
    axes.set_ylim(max(0.0, low - 0.15 * span), high + 0.05 * span)  # merges of similar height stay apart
    axes.set(xlabel="label", ylabel="mean van Rossum distance")
    agreement = f"with labels at {rows['agreement'].iloc[0]:.2f} (adjusted Rand)"
    axes.set_title(f"{plain(name)}: clusters of presentations agree\n{agreement}")


@Analysis(
    "clustering", "which labels a layer represents similarly, by hierarchical clustering", dendrogram_figure, order=110
)
def label_clustering(
    spikes: Spikes, tau_ms: float = 5.0, sample: int = 300, seed: int = 0, progress: Progress = no_progress
) -> Rows:
    r"""Cluster labels and presentations hierarchically, by the van Rossum distances in each layer.

    The labels with the smallest mean distance over pairs of presentations are joined first (average linkage of
    `scipy.cluster.hierarchy`; Sokal and Michener 1958, Univ Kansas Sci Bull 38:1409-1438):

    .. math:: d(A, B) = \frac{1}{|A| |B|} \sum_{s \in A, t \in B} d_{st}

    :math:`d_{st}` is the mean distance between presentations of labels :math:`s` and :math:`t`. It is dimensionless.

    Presentations are clustered in the same way, and cut into as many clusters as there are labels. ``agreement`` is the
    adjusted Rand index of clusters and labels (Hubert and Arabie 1985, J Classif 2:193-218). It is 1 for identical
    partitions, and 0 on average by chance.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    tau_ms, sample, seed
        As in `spike_train_distances`.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and join, with the columns

        =============  ===========  ==================================================================
        layer          categorical  ordered from first to last
        step           int64        number of the join, from 0
        first, second  int64        joined clusters: the position of a label in ``leaves``, or the number of
                                    labels plus the step of an earlier join
        distance       float64      distance of the two clusters, dimensionless
        labels         int64        number of labels in the new cluster
        leaves         str          labels in their order, separated by blanks
        agreement      float64      adjusted Rand index of clusters of presentations and labels
        presentations  int64        number of compared presentations
        =============  ===========  ==================================================================

    Raises
    ------
    DataError
        If there are no labels.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", populations=["output"])
    >>> len(netsim.analysis.label_clustering(spikes, sample=60))
    9
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform
    from sklearn.metrics import adjusted_rand_score

    spikes.require_labels()
    chosen = spikes.sample(sample, seed)
    labels, tag = positions(chosen.require_labels())
    member = np.eye(len(labels))[tag]
    pairs = np.outer(member.sum(axis=0), member.sum(axis=0))
    for layer in each_layer(chosen, progress):
        matrix = van_rossum(layer, tau_ms)
        between = member.T @ matrix @ member / pairs
        np.fill_diagonal(between, 0.0)
        links = hierarchy.linkage(squareform((between + between.T) / 2, checks=False), "average")
        tree = hierarchy.linkage(squareform((matrix + matrix.T) / 2, checks=False), "average")
        clusters = hierarchy.fcluster(tree, len(labels), "maxclust")
        yield {
            "layer": [layer.name] * len(links),
            "step": np.arange(len(links)),
            "first": links[:, 0].astype(np.int64),
            "second": links[:, 1].astype(np.int64),
            "distance": links[:, 2],
            "labels": links[:, 3].astype(np.int64),
            "leaves": " ".join(map(str, labels)),
            "agreement": adjusted_rand_score(tag, clusters),
            "presentations": chosen.presentations,
        }
