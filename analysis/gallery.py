"""All figures by name: each with its table, from a network with weights and stimuli."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.confusion import confusion_matrix
from netsim.analysis.decision_tables import decision_table, spike_count_table
from netsim.analysis.decision_time import accuracy_over_time
from netsim.analysis.displacements import displacement_figure
from netsim.analysis.group_rasters import group_raster
from netsim.analysis.histograms import latency_histograms
from netsim.analysis.learning_tables import displacement_table, metrics_table, weight_table
from netsim.analysis.potentials import potential_figure
from netsim.analysis.rasters import raster
from netsim.analysis.receptive_fields import kernels
from netsim.analysis.spike_counts import spikes_per_layer
from netsim.analysis.style import COLUMN_WIDTH, FULL_WIDTH, theme
from netsim.analysis.tables import STIMULUS, layer_names, potential_table, spike_table
from netsim.analysis.training_curves import learning_curves, silent_curves
from netsim.analysis.wrong_decisions import confident_errors, error_gallery
from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Latencies, Recorded
from netsim.errors import DataError
from netsim.specification import Network
from netsim.weights.layout import Weights

_BATCH = 200


@dataclass(frozen=True)
class Source:
    """What figures are made from.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    load_stimuli : callable
        Gives the stimuli; not every figure needs them.
    make_engine : callable
        Gives an engine that records the potentials of some neurons.
    initial : dict of ndarray, optional
        The weights that fed forward before learning, to compare with.
    metrics : Path, optional
        The metrics of the training.
    progress : callable
        Is told how many presentations of how many are done.
    """

    network: Network
    weights: Weights
    load_stimuli: Callable[[], Stimuli]
    make_engine: Callable[[Sequence[Recorded]], Engine]
    initial: Weights | None = None
    metrics: Path | None = None
    progress: Callable[[int, int], None] = lambda done, of: None

    @cached_property
    def stimuli(self) -> Stimuli:
        """What is presented, loaded when it is first needed."""
        return self.load_stimuli()

    @cached_property
    def decided(self) -> dict[int | None, pd.DataFrame]:
        """Decision tables by the number of stimuli: several figures show the same one."""
        return {}


@dataclass(frozen=True)
class Choice:
    """What a figure shows, where it leaves a choice.

    Parameters
    ----------
    index : int
        The stimulus of a figure of one presentation.
    limit : int, optional
        Of a figure of many, use the first stimuli only; by default as many as the kind needs.
    layer : str, optional
        The layer of a figure of one.
    channel : int
        The channel of kernels.
    neurons : sequence of Recorded
        Chosen neurons.
    count : int, optional
        How many pictures a figure of many holds at most.
    width : float, optional
        Of the figure (inches); by default the kind's own.
    """

    index: int = 0
    limit: int | None = None
    layer: str | None = None
    channel: int = 0
    neurons: Sequence[Recorded] = ()
    count: int | None = None
    width: float | None = None


@dataclass(frozen=True)
class Drawn:
    """A figure, and the table that it shows."""

    figure: Figure
    table: pd.DataFrame


@dataclass(frozen=True)
class Kind:
    """How one kind of figure is made.

    Attributes
    ----------
    draw : callable
        Makes figure and table.
    width : float
        Of the figure by default (inches).
    presentations : int, optional
        How many stimuli it presents by default; None is all of them.
    """

    draw: Callable[[Source, Choice], Drawn]
    width: float = COLUMN_WIDTH
    presentations: int | None = None


def draw(kind: str, source: Source, choice: Choice | None = None) -> Drawn:
    """Make a figure by the name of its kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    source : Source
    choice : Choice, optional

    Returns
    -------
    Drawn
        Close the figure when it is no longer needed.

    Raises
    ------
    DataError
        If there is no such kind, or the source lacks what it needs.
    SpecificationError
        If a chosen layer or neuron does not exist.
    """
    if kind not in KINDS:
        raise DataError(f"figure {kind!r}: is not known; choose one of {', '.join(KINDS)}")
    choice = choice or Choice()
    limit = choice.limit if choice.limit is not None else KINDS[kind].presentations
    width = choice.width or KINDS[kind].width
    before = set(plt.get_fignums())
    try:
        return KINDS[kind].draw(source, replace(choice, limit=limit, width=width))
    except BaseException:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
        raise


def _figure(choice: Choice, height: float, rows: int = 1) -> tuple[Figure, list[plt.Axes]]:
    """A new figure of the chosen width and of this height (inches), with Axes above one another."""
    with theme():
        figure, axes = plt.subplots(
            rows, figsize=(choice.width, height), layout="constrained", sharex=True, squeeze=False
        )
    return figure, list(axes[:, 0])


def _presented(
    source: Source, limit: int | None, weights: Weights | None = None
) -> Iterator[tuple[np.ndarray, Latencies]]:
    """Present the first stimuli in batches; gives the indices and the latencies of each."""
    engine = source.make_engine(())
    count = min(limit or len(source.stimuli), len(source.stimuli))
    for start in range(0, count, _BATCH):
        chosen = np.arange(start, min(start + _BATCH, count))
        yield chosen, engine.present(Batch(source.stimuli.latencies(chosen), weights or source.weights))
        source.progress(int(chosen[-1]) + 1, count)


def _spikes(source: Source, limit: int | None, layers: Sequence[str] | None = None) -> pd.DataFrame:
    """Spikes of the first stimuli, of some layers only."""
    parts = []
    for chosen, latencies in _presented(source, limit):
        kept = [
            times if layers is None or name in layers else np.full_like(times, np.inf)
            for name, times in zip(layer_names(source.network), latencies, strict=True)
        ]
        parts.append(spike_table(source.network, kept, source.stimuli.labels[chosen], chosen))
    return pd.concat(parts, ignore_index=True)


def _decisions(source: Source, limit: int | None) -> pd.DataFrame:
    if limit not in source.decided:
        source.decided[limit] = pd.concat(
            [
                decision_table(source.network, latencies[-1], source.stimuli.labels[chosen], chosen)
                for chosen, latencies in _presented(source, limit)
            ],
            ignore_index=True,
        )
    return source.decided[limit]


def _one_presentation(source: Source, choice: Choice) -> tuple[pd.DataFrame, Engine]:
    """The spikes of the chosen stimulus, and the engine that recorded the chosen neurons."""
    if not 0 <= choice.index < len(source.stimuli):
        raise DataError(f"stimulus {choice.index}: does not exist; there are 0 to {len(source.stimuli) - 1}")
    chosen = np.array([choice.index])
    engine = source.make_engine(choice.neurons)
    latencies = engine.present(Batch(source.stimuli.latencies(chosen), source.weights))
    return spike_table(source.network, latencies, source.stimuli.labels[chosen], chosen), engine


def _raster(source: Source, choice: Choice) -> Drawn:
    spikes, _ = _one_presentation(source, replace(choice, neurons=()))
    figure, (axes,) = _figure(choice, 0.9 + 0.62 * len(source.network.shapes))
    raster(spikes, source.network, choice.index, source.stimuli.classes, ax=axes)
    return Drawn(figure, spikes)


def _potentials(source: Source, choice: Choice) -> Drawn:
    if not choice.neurons:
        choice = replace(choice, neurons=_earliest_outputs(source, choice))
    spikes, engine = _one_presentation(source, choice)
    table = potential_table(engine.potentials, [choice.index])
    figure, (axes,) = _figure(choice, 2.6)
    potential_figure(table, source.network, spikes, choice.index, ax=axes)
    return Drawn(figure, table)


def _earliest_outputs(source: Source, choice: Choice, count: int = 3) -> list[Recorded]:
    """The output neurons that fire first, and the label's."""
    spikes, _ = _one_presentation(source, choice)
    name = source.network.layers[-1].name
    output = spikes[spikes["layer"] == name]
    label = int(source.stimuli.labels[choice.index])
    return [Recorded(name, neuron) for neuron in dict.fromkeys([*output["neuron"].head(count), label])]


def _group_raster(source: Source, choice: Choice) -> Drawn:
    named = list(dict.fromkeys(layer for layer, _ in choice.neurons))
    if len(named) > 1 or (named and choice.layer not in (None, named[0])):
        raise DataError("neurons: must be of one layer, the one that is drawn")
    layer = choice.layer or (named[0] if named else source.network.layers[-1].name)
    _check_neurons(source.network, layer, choice.neurons)
    # the stimulus names the presentations in which the layer stays silent
    spikes = _spikes(source, choice.limit, [STIMULUS, layer])
    figure, (axes,) = _figure(choice, 3.4)
    neurons = [neuron for _, neuron in choice.neurons]
    group_raster(spikes, source.network, layer, neurons, source.stimuli.classes, ax=axes)
    own = spikes[spikes["layer"] == layer]
    return Drawn(figure, own[own["neuron"].isin(neurons)] if neurons else own)


def _check_neurons(network: Network, layer: str, neurons: Sequence[Recorded]) -> None:
    """Refuse a layer or neurons that the network does not have, before anything is presented."""
    position = 0 if layer == STIMULUS else network.layers.index(network.layer(layer)) + 1
    size = math.prod(network.shapes[position])
    for _, neuron in neurons:
        if neuron >= size:
            raise DataError(f"neuron {layer}:{neuron}: does not exist; {layer} has 0 to {size - 1}")


def _latencies(source: Source, choice: Choice) -> Drawn:
    spikes = _spikes(source, choice.limit)
    figure, (axes,) = _figure(choice, 0.7 + 0.5 * len(source.network.shapes))
    latency_histograms(spikes, source.network, ax=axes)
    return Drawn(figure, spikes)


def _displacements(source: Source, choice: Choice) -> Drawn:
    stages = {"initial": source.initial, "trained": source.weights} if source.initial else {"": source.weights}
    table = pd.concat(
        [
            displacement_table(source.network, latencies[-1], source.stimuli.labels[chosen], chosen).assign(
                weights=name
            )
            for name, weights in stages.items()
            for chosen, latencies in _presented(source, choice.limit, weights)
        ],
        ignore_index=True,
    )
    if not source.initial:
        table = table.drop(columns="weights")
    assert choice.width is not None
    figure, (axes,) = _figure(choice, min(choice.width, 5.0) * 1.1)
    displacement_figure(table, ax=axes)
    return Drawn(figure, table)


def _kernels(source: Source, choice: Choice) -> Drawn:
    layer = choice.layer or source.network.weighted_layers[0].name
    table = weight_table(source.network, source.weights, [layer])
    count = choice.count or 64
    assert choice.width is not None
    columns = 8 if choice.width < 5 else 16
    shown = min(count, source.network.shapes[layer_names(source.network).index(layer)][-1])
    rows = -(-shown // columns)
    figure, (axes,) = _figure(choice, 0.5 + 0.86 * choice.width * rows / min(columns, max(shown, columns // 2)))
    kernels(table, layer, choice.channel, count=count, columns=columns, ax=axes)
    return Drawn(figure, table)


def _confusion(source: Source, choice: Choice) -> Drawn:
    table = _decisions(source, choice.limit)
    assert choice.width is not None
    figure, (axes,) = _figure(choice, min(choice.width, 5.0) * 0.95)
    confusion_matrix(table, source.stimuli.classes, ax=axes)
    return Drawn(figure, table)


def _learning(source: Source, choice: Choice) -> Drawn:
    if source.metrics is None:
        raise DataError(f"{source.network.name}: has no metrics; only a run folder has learning curves")
    table = metrics_table(source.metrics)
    figure, (above, below) = _figure(choice, 4.2, rows=2)
    learning_curves(table, ax=above).set_xlabel("")
    silent_curves(table, ax=below)
    return Drawn(figure, table)


def _spike_counts(source: Source, choice: Choice) -> Drawn:
    table = pd.concat(
        [
            spike_count_table(source.network, latencies, chosen)
            for chosen, latencies in _presented(source, choice.limit)
        ],
        ignore_index=True,
    )
    figure, (axes,) = _figure(choice, 0.8 + 0.26 * len(source.network.shapes))
    spikes_per_layer(table, ax=axes)
    return Drawn(figure, table)


def _decision_time(source: Source, choice: Choice) -> Drawn:
    table = _decisions(source, choice.limit)
    figure, (axes,) = _figure(choice, 2.3)
    accuracy_over_time(table, ax=axes)
    return Drawn(figure, table)


def _errors(source: Source, choice: Choice) -> Drawn:
    decisions = _decisions(source, choice.limit)
    count = choice.count or 12
    table = confident_errors(decisions, count)
    chosen = table["presentation"].to_numpy()
    silent = [np.full((len(chosen), *shape), np.inf) for shape in source.network.shapes[1:]]
    stimuli = spike_table(source.network, [source.stimuli.latencies(chosen), *silent], indices=chosen)
    assert choice.width is not None
    columns = 4 if choice.width < 5 else 6
    rows = max(1, -(-len(table) // columns))
    figure, (axes,) = _figure(choice, 0.35 + choice.width * rows / columns * 1.25)
    error_gallery(decisions, stimuli, source.network, source.stimuli.classes, count, columns, ax=axes)
    return Drawn(figure, table)


KINDS: dict[str, Kind] = {
    "raster": Kind(_raster, FULL_WIDTH),
    "group-raster": Kind(_group_raster, COLUMN_WIDTH, 200),
    "potentials": Kind(_potentials, FULL_WIDTH),
    "latencies": Kind(_latencies, FULL_WIDTH, 200),
    "spikes": Kind(_spike_counts, COLUMN_WIDTH, 1000),
    "displacements": Kind(_displacements, COLUMN_WIDTH, 200),
    "kernels": Kind(_kernels),
    "learning": Kind(_learning),
    "confusion": Kind(_confusion),
    "decision-time": Kind(_decision_time),
    "errors": Kind(_errors, FULL_WIDTH),
}
"""The kinds of figures by name; `netsim.analysis.kinds` says what each shows."""
