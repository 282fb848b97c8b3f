"""Causal pieces: how many different sets of spikes make a neuron fire."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._causal import causes, distinct, refuse_loops
from netsim.analysis.kinds._layers import draw_intervals, layer_names, nullable, ordered_layers
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.presenting.present import present
from netsim.presenting.workers import Workers
from netsim.runs.model import Model
from netsim.spikes.spikes import Progress, no_progress


@draws(
    "causal pieces",
    ("layer", "neuron", "presentations", "pieces", "sets"),
    of="causal_pieces",
    height=lambda frame: 0.9 + 0.34 * len(layer_names(frame)),
)
def causal_pieces_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the number of causal pieces and of causal sets of the neurons of each layer.

    Marks are medians over neurons, and lines cover the middle 90 %.
    """
    neurons = frame[frame["neuron"].notna()]
    names = layer_names(neurons)
    series: list[tuple[Any, ...]] = []
    for label, column in (("causal pieces", "pieces"), ("causal sets", "sets")):
        groups = neurons.groupby("layer", observed=True)[column]
        series.append((label, *(groups.quantile(share).reindex(names).to_numpy() for share in (0.5, 0.05, 0.95))))
    draw_intervals(axes, names, series)
    axes.set_xlabel(f"distinct in {frame['presentations'].iloc[0]:,} presentations (per neuron)")
    axes.set_xlim(left=0)


@Analysis(
    "causal-pieces",
    "how many different sets of spikes make a neuron fire (needs a RUN or PRESET)",
    causal_pieces_figure,
    order=96,
    presentations=200,
)
def causal_pieces(
    model: Model,
    stimuli: Stimuli,
    progress: Progress = no_progress,
    engine: Engine | None = None,
    workers: Workers = None,
) -> DataFrame:
    r"""Causal sets and causal pieces of each neuron, over the presentations.

    The causal set of a spike contains the presynaptic spikes that its latency depends on: they have arrived before it,
    through a synapse with a weight, and their postsynaptic potential is not zero then. In gated regimes they have
    arrived before the gate. The causal path of a spike is its causal set, with the causal paths of all spikes in it.
    Stimuli for which a spike has the same causal path are in one causal piece (Dold and Petersen 2025, arXiv
    2504.14015). Within a piece, the latency is a smooth function of latencies and weights.

    The number of pieces over the presentations is a lower bound of their number over all stimuli. It cannot exceed the
    number of presentations with a spike.

    Parameters
    ----------
    model : Model
        A model without loops.
    engine : Engine, optional
        The default is the engine of the model's ``training``.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and neuron, and one for each layer, with the columns

        =============  ===========  ================================================================
        layer          categorical  ordered from first to last, without the stimulus
        neuron         Int64        missing in rows of a layer
        presentations  int64
        spikes         float64      presentations with a spike; in rows of a layer, mean over neurons
        pieces         float64      distinct causal paths; in rows of a layer, mean over neurons
        sets           float64      distinct causal sets; in rows of a layer, mean over neurons
        patterns       Int64        distinct combinations of the paths of all neurons; missing in
                                    rows of a neuron
        causes         float64      mean number of spikes in a causal set; missing without a spike
        share          float64      ``causes`` over the number of synapses with a weight
        =============  ===========  ================================================================

    Raises
    ------
    DataError
        If the network has loops.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "causal-pieces", limit=20).table
    >>> table.loc[table["neuron"].isna(), "layer"].tolist()
    ['hidden', 'output']
    """
    import pandas as pd

    refuse_loops(model.network)
    spikes = present(model, stimuli, engine=engine, workers=workers)
    parts = []
    for name, result in causes(spikes, progress):
        fired = (result.paths != 0).sum(axis=0)
        total = np.where(fired > 0, result.sizes.sum(axis=0) / np.maximum(fired, 1), np.nan)
        neurons = len(fired)
        part = pd.DataFrame(
            {
                "layer": name,
                "neuron": nullable(np.arange(neurons), np.zeros(neurons, bool)),
                "presentations": spikes.presentations,
                "spikes": fired.astype(float),
                "pieces": distinct(result.paths).astype(float),
                "sets": distinct(result.sets).astype(float),
                "patterns": nullable(np.zeros(neurons), np.ones(neurons, bool)),
                "causes": total,
                "share": np.divide(total, result.synapses, out=np.full(neurons, np.nan), where=result.synapses > 0),
            }
        )
        means = part[["spikes", "pieces", "sets", "causes", "share"]].mean()
        patterns = len(np.unique(result.paths, axis=0))
        whole = {"layer": name, "presentations": spikes.presentations, **means, "patterns": patterns, "neuron": pd.NA}
        parts += [part, pd.DataFrame([whole]).astype({"neuron": "Int64", "patterns": "Int64"})]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(layer=ordered_layers(table["layer"], spikes))
