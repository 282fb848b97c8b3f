"""Importance of neurons and maps: the loss of accuracy when they are silenced."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import layer_names
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, in_legend, layer_colours, markers
from netsim.errors import DataError, SpecificationError
from netsim.measuring.metrics import Z_975, Decisions, decide
from netsim.presenting.workers import Workers, distribution_of
from netsim.spikes.spikes import Progress, even_sample, no_progress

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli
    from netsim.engines import Engine
    from netsim.presenting.batches import Distribution
    from netsim.runs.model import Model
    from netsim.specification import Population

_MOST = 12
"""Largest number of neurons or maps of a layer in the figure."""


@draws("importance", ("layer", "unit", "accuracy_loss", "low", "high"), of="ablation_importance")
def importance_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the loss of accuracy without the most important neurons or maps of each layer.

    At most twelve of a layer are drawn, because most others differ by chance only. Vertical lines are 95 % confidence
    intervals.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "importance", units=3, limit=40).table
    >>> ax = netsim.analysis.importance_figure(table)
    >>> ax.get_xlabel()
    'silenced neuron or map, by importance'
    """
    from matplotlib.ticker import MaxNLocator

    names = layer_names(frame)
    for name, colour, marker in zip(names, layer_colours(names), markers(len(names)), strict=True):
        every = frame[frame["layer"] == name].sort_values("accuracy_loss", ascending=False)
        rows = every.head(_MOST)
        position = np.arange(1, len(rows) + 1) + 0.6 * (names.index(name) / len(names) - 0.5 + 0.5 / len(names))
        axes.vlines(position, 100 * rows["low"], 100 * rows["high"], color=colour, linewidth=0.9)
        label = in_legend(name if len(rows) == len(every) else f"{name}, {len(rows)} of {len(every)}")
        axes.plot(position, 100 * rows["accuracy_loss"], marker, color=colour, markersize=3.5, label=label)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel="silenced neuron or map, by importance",
        ylabel="loss of strict accuracy if\nsilenced (percentage points)",
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderpad=0.2, handletextpad=0.1)


@Analysis(
    "importance",
    "loss of accuracy if a neuron or a map is silenced (needs a RUN or PRESET)",
    importance_figure,
    order=95,
    presentations=200,
)
def ablation_importance(
    model: Model,
    stimuli: Stimuli,
    layers: Sequence[str] | None = None,
    units: int = 32,
    sample: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
    engine: Engine | None = None,
    workers: Workers = None,
) -> DataFrame:
    r"""Measure the loss of accuracy without a neuron, or without a map of a convolution.

    Each unit is silenced alone. The stimuli in which one of its neurons fires are presented again. The others cannot
    change. The columns compare the intact network with the network without the unit:

    - ``accuracy_loss`` is the difference of strict accuracy, with the paired 95 % interval of Agresti and Min (2005,
      Stat Med 24:729-740).
    - ``p`` is McNemar's exact test, not corrected for the number of units.
    - ``loss_per_spike`` is the loss divided by the unit's mean number of spikes per presentation. It reveals rare but
      important spikes.

    :math:`b` of :math:`n` presentations are correct only with the unit, and :math:`c` only without it. The unit fires
    :math:`m` spikes in total:

    .. math:: \text{loss} = (b - c) / n, \quad \text{loss per spike} = (b - c) / m

    Parameters
    ----------
    stimuli : Stimuli
        Stimuli with labels.
    layers : sequence of str, optional
        Layers with units to silence; by default all hidden layers that integrate.
    units : int
        Largest number of units per layer, drawn at random.
    sample : int
        Largest number of presentations, drawn evenly over labels. Each is repeated for each unit.

    Returns
    -------
    pandas.DataFrame
        One row for each unit, with the columns

        =================  =======  ==================================================================
        layer              str      name of the layer
        unit               int64    number of the map, or of the neuron in a layer without maps
        neurons            int64    number of silenced neurons
        spikes             float64  mean number of their spikes per presentation of the intact network
        presentations      int64    number of presentations
        accuracy_loss      float64  strict accuracy of the intact network minus accuracy without the unit
        low, high          float64  bounds of its 95 % confidence interval
        p                  float64  McNemar's exact test
        same_decisions     float64  fraction of presentations with the same decision; a tie is another
        latency_change_ms  float64  mean change of the decision latency (ms), if both decide
        loss_per_spike     float64  ``accuracy_loss`` divided by ``spikes``; missing without spikes
        =================  =======  ==================================================================

    Raises
    ------
    DataError
        If the stimuli have no labels, or there is no hidden layer.
    SpecificationError
        If a layer does not exist or does not integrate, or a setting is out of bounds.
    RunError
        If `engine` is missing, and the model was trained with an engine object.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> len(netsim.analysis.ablation_importance(model, model.splits().test.first(50), units=3))
    3
    """
    import pandas as pd

    from netsim.runs.model import stimuli_for

    network, stimuli = model.network, stimuli_for(model, stimuli)
    stimuli.check_labels(network.outputs)
    if units < 1:
        raise SpecificationError("importance: setting units", f"must be at least 1, not {units}")
    if sample < 1:
        raise SpecificationError("importance: setting sample", f"must be at least 1, not {sample}")
    if sample < len(stimuli):
        stimuli = stimuli.pick(even_sample(stimuli.labels, sample, seed))
    chosen = (
        [network.population(name) for name in layers]
        if layers
        else [each for each in network.integrating if each.name != network.output.name]
    )
    for population in chosen:
        if not population.integrates:
            raise SpecificationError(population.name, "only relays spikes; silence the layer that it relays")
    if not chosen:
        raise DataError(f"{network.name}: has no hidden layer; name the output layer instead")
    output, labels = network.output.name, stimuli.labels
    generator = np.random.default_rng(seed)
    drawn = [(each, unit) for each in chosen for unit in np.sort(generator.permutation(each.shape[-1])[:units])]
    rows: list[dict[str, object]] = []
    with distribution_of(workers) as distribution:
        present = partial(_present, engine or model.make_engine(), model, distribution)
        intact = present(stimuli, {}, [output, *(each.name for each in chosen)])
        before = decide(intact[output])
        for population, unit in drawn:
            progress(len(rows), len(drawn))
            fired = np.isfinite(intact[population.name][..., unit]).reshape(len(stimuli), -1)
            again, outputs = np.flatnonzero(fired.any(axis=1)), intact[output].copy()
            if len(again):
                mask = {population.name: _mask(population, unit)}
                outputs[again] = present(stimuli.pick(again), mask, [output])[output]
            lost = _lost(fired, before, decide(outputs), labels)
            rows.append({"layer": population.name, "unit": int(unit), **lost})
    progress(len(drawn), len(drawn))
    return pd.DataFrame(rows)


def _lost(fired: np.ndarray, before: Decisions, after: Decisions, labels: np.ndarray) -> dict[str, object]:
    """Return the effect of a unit, from the spikes of its neurons and the decisions with and without it."""
    from scipy import stats

    right, still_right = before.strictly_correct(labels), after.strictly_correct(labels)
    lost, won = int((right & ~still_right).sum()), int((still_right & ~right).sum())
    both = np.isfinite(after.latency) & np.isfinite(before.latency)
    low, high = _interval(lost, won, len(labels))
    spikes, loss = float(fired.sum() / len(labels)), (lost - won) / len(labels)
    return {
        "neurons": fired.shape[1],
        "spikes": spikes,
        "presentations": len(labels),
        "accuracy_loss": loss,
        "low": low,
        "high": high,
        "p": stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0,
        "same_decisions": float(after.same(before).mean()),
        "latency_change_ms": float((after.latency - before.latency)[both].mean()) if both.any() else np.nan,
        "loss_per_spike": loss / spikes if spikes else np.nan,
    }


def _present(
    engine: Engine,
    model: Model,
    distribution: Distribution,
    stimuli: Stimuli,
    silenced: dict[str, np.ndarray],
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    """Return the latencies of some populations in all stimuli."""
    from netsim.engines import Batch
    from netsim.presenting.batches import Presented, present_parts

    def batch(part: Stimuli, first: int) -> Batch:
        return Batch(part.latencies(np.arange(len(part))), model.weights, silenced)

    def read(engine: Engine, presented: Presented) -> dict[str, np.ndarray]:
        return {name: presented.latencies[name] for name in names}

    parts = present_parts(engine, stimuli, batch, read, distribution=distribution)
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _mask(population: Population, unit: int) -> np.ndarray:
    """Return a mask of the neurons of a unit."""
    mask = np.zeros(population.shape, dtype=bool)
    mask[..., unit] = True
    return mask


def _interval(lost: int, won: int, count: int) -> tuple[float, float]:
    """Agresti-Min 95 % interval of a difference of paired fractions. Half a presentation is added to each cell."""
    first, second, whole = lost + 0.5, won + 0.5, count + 2.0
    middle = (first - second) / whole
    half = Z_975 * np.sqrt(first + second - (first - second) ** 2 / whole) / whole
    return float(max(middle - half, -1.0)), float(min(middle + half, 1.0))
