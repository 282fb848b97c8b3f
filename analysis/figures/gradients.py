"""Gradient check: the learner's gradients next to finite differences of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netsim.analysis.gallery import Choice, Drawn, Plot, Source, no_progress
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import COLUMN_WIDTH, FAINT, colours, in_legend, legend_above, markers
from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli
    from netsim.specification import Network
    from netsim.spikes import Progress
    from netsim.weights.layout import Weights


def gradient_table(
    network: Network,
    weights: Weights,
    stimuli: Stimuli,
    samples: int = 40,
    step: float = 1e-4,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> DataFrame:
    """Compare the learner's gradients with central differences of the mean loss, for sampled weights.

    The event engine presents the stimuli at exact times in double precision, for any ``training.dt``. The learner can
    differ from the difference where a spike appears or vanishes within the step, and where its step is not a gradient:
    with ``derivative = "linear"``, and with ``edges = "return"``, which also moves weights of silent neurons.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Forward weights.
    stimuli : Stimuli
        With labels.
    samples : int
        Weights to sample of each projection, among those with a gradient.
    step : float
        Change of a weight, in root mean squares of the projection's weights.
    layers : sequence of str, optional
        Names of projections; by default all that learn. In a chain they are the names of the layers.
    seed : int
        Seed of the sample.
    progress : callable
        Called with (done, total) of the weights.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ==========  ===========  ===================================================================
        layer       categorical  name of the projection
        weight      int64        position of the weight in its array
        gradient    float64      of the mean loss, from the learner (dimensionless)
        difference  float64      central difference of the mean loss (dimensionless)
        ==========  ===========  ===================================================================

    Raises
    ------
    DataError
        If a layer has no weights that learn, or no sampled weight has a gradient.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> stimuli = model.splits().test.first(20)
    >>> table = netsim.analysis.gradient_table(model.network, model.weights, stimuli, samples=4)
    >>> list(table.columns), len(table)
    (['layer', 'weight', 'gradient', 'difference'], 8)
    """
    import numpy as np
    import pandas as pd

    from netsim.engines import Batch, make_engine
    from netsim.seams import learners
    from netsim.weights.layout import kernel_name

    known = [projection.name for projection in network.weighted if projection.plastic]
    unknown = [name for name in layers or () if name not in known]
    if unknown:
        raise DataError(f"layer {unknown[0]}: has no weights that learn; choose one of {', '.join(known)}")
    exact = replace(network, training=replace(network.training, dt=0.0, precision="double"))
    learner, engine = learners[network.learning.learner].from_network(exact), make_engine("event", exact)
    doubled = {name: np.asarray(array, float) for name, array in weights.items()}
    latencies, labels = stimuli.latencies(np.arange(len(stimuli))), stimuli.labels
    learned = learner.learn(engine.present(Batch(latencies, doubled)), labels, doubled).gradients
    # with softmax targets, learners return gradients of cross-entropy/sharpness
    factor = network.learning.sharpness if network.learning.targets == "softmax" else 1.0

    def loss(name: str, index: int, change: float) -> float:
        kernel = doubled[name].copy()
        kernel.ravel()[index] += change
        outputs = engine.present(Batch(latencies, doubled | {name: kernel}))[network.output.name]
        return float(learner.loss(outputs, labels).mean())

    generator, chosen = np.random.default_rng(seed), []
    for layer in layers or known:
        projection = network.projection(layer)
        name = kernel_name(projection)
        gradient = factor * np.asarray(learned[name]).ravel()
        change = step * float(np.sqrt(np.square(doubled[name]).mean()) or 1.0)
        has_signs = exact.weight_signs(exact.projection(layer)) is not None
        keeps_sign = np.abs(doubled[name].ravel()) > change if has_signs else True
        alive = generator.permutation(np.flatnonzero((gradient != 0) & keeps_sign))[:samples]
        chosen += [(layer, name, int(index), change, float(gradient[index])) for index in alive]
    if not chosen:
        cause = "one output neuron alone has no softmax loss" if network.outputs == 1 else "silent populations"
        raise DataError(f"{network.name}: no weight has a gradient, perhaps because of {cause}; see netsim check")
    rows = []
    for done, (layer, name, index, change, expected) in enumerate(chosen, 1):
        difference = (loss(name, index, change) - loss(name, index, -change)) / (2 * change)
        rows.append((layer, index, expected, difference))
        progress(done, len(chosen))
    table = pd.DataFrame(rows, columns=["layer", "weight", "gradient", "difference"])
    return table.astype({"layer": pd.CategoricalDtype([*(layers or known)], ordered=True)})


@draws("gradient", ("layer", "gradient", "difference"), of="gradient_table", height=COLUMN_WIDTH)
def gradient_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw gradients over finite differences, relative to the largest difference of each layer.

    On the line, the learner follows the gradient. The legend shows correlation and ratio of gradient to difference
    (slope through 0). Weights of a layer without any difference have no effect on the loss.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> stimuli = model.splits().test.first(20)
    >>> ax = analysis.gradient_figure(analysis.gradient_table(model.network, model.weights, stimuli, samples=4))
    >>> ax.get_ylabel()
    'gradient by the learner / same maximum'
    """
    import numpy as np

    groups = list(frame.groupby("layer", sort=False, observed=True))
    axes.axline((0, 0), slope=1, color=FAINT, linewidth=0.7, linestyle="--", zorder=1)
    most = 1.0
    for (layer, rows), colour, marker in zip(groups, colours(len(groups)), markers(len(groups)), strict=True):
        gradient, difference = rows["gradient"].to_numpy(), rows["difference"].to_numpy()
        largest = np.abs(difference).max() or 1.0
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = np.corrcoef(gradient, difference)[0, 1]
            ratio = (gradient * difference).sum() / np.square(difference).sum()
        figures = f"{alike:.3f}, ×{ratio:.2f}" if difference.any() else "no effect"
        text = f"{in_legend(layer)}: {figures}"
        look: dict[str, Any] = {"color": colour, "markersize": 3, "markeredgewidth": 0, "alpha": 0.7}
        axes.plot(difference / largest, gradient / largest, marker, **look, linestyle="", label=text)
        most = max(most, float(np.abs(gradient).max() / largest))
    most *= 1.08
    axes.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
    axes.set(xlabel="finite difference / its maximum in the layer", ylabel="gradient by the learner / same maximum")
    legend_above(axes, -0.16, 2, title="correlation, ×ratio", handletextpad=0.1, columnspacing=0.8)


@Plot(
    "gradients",
    "the learner's gradients next to finite differences of the loss",
    order=65,
    presentations=100,
    choices=("layer", "count"),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    if source.recorded is not None:
        raise DataError("spikes: have no weights to change; draw this figure of a model")
    source.check_labels(choice.limit)
    layers = [choice.layer] if choice.layer else None
    table = gradient_table(
        source.network,
        source.weights,
        source.stimuli.first(choice.limit),
        choice.count or 40,
        layers=layers,
        progress=source.progress,
    )
    return choice.drawn(table, gradient_figure, min(choice.width, 5.0) * 1.1)
