"""What a program hands over by mistake is refused by name, with the remedy, and never taken for something else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.errors import DataError, RunError, SpecificationError
from netsim.measuring.metrics import presentation_records

loose: Any = netsim
"""Without types: what is tried here is what type checkers would refuse."""
ENCODER = loose.IntensityEncoder((8, 8, 1), t_max=16.0)
MODEL = loose.load_model("digits")
TEST = loose.load_splits(MODEL.network).test.first(20)
ENGINE = loose.make_engine("event", MODEL.network)
TIMES = TEST.latencies(np.arange(4))


@cache
def _latencies() -> Any:
    return ENGINE.present(loose.Batch(TIMES, MODEL.weights))


@cache
def _spikes() -> Any:
    return loose.present(MODEL, TEST)


def _recorded() -> Any:
    return loose.present(MODEL, TEST, limit=1, record=[loose.Recorded("hidden", 3)]).potentials


def _with_feedback(seed: int) -> Any:
    network = MODEL.network
    *others, last = network.projections
    learned = dataclasses.replace(last, feedback=loose.RandomFeedback(seed=seed))
    return dataclasses.replace(network, projections=[*others, learned])


@dataclass
class _Returning:
    """An engine that changes the latencies of the hidden neurons, or leaves them out."""

    change: Callable[[np.ndarray], np.ndarray] | None
    network: Any = MODEL.network
    dt: float = ENGINE.dt

    def present(self, batch: Any) -> Any:
        answer = dict(ENGINE.present(batch))
        hidden = answer.pop("hidden")
        return answer if self.change is None else answer | {"hidden": self.change(hidden)}


def _chain(layers: Any = (), encoder: Any = ENCODER, **settings: Any) -> Any:
    return loose.Network.chain("mine", encoder, layers or [loose.Layer("output", loose.Dense(3))], 64.0, **settings)


def _trained(encoder: Any = ENCODER, **settings: Any) -> Any:
    return loose.open_training("none", _chain(encoder=encoder, training=loose.Training(**settings)))


TABLES = loose.PopulationEncoder((1, 4, 5), t_max=16.0, low=(0.0,) * 4, high=(1.0,) * 4)
STATIC = MODEL.network.with_layers([loose.Layer("output", loose.Dense(10), plastic=False)])

MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "samples and labels for data": (
        lambda: loose.open_training("none", MODEL.network, data=(TIMES, [0, 1, 2, 3])),
        SpecificationError,
        "data: must be a Dataset, such as netsim.make_dataset gives, not tuple",
    ),
    "samples and labels for stimuli": (
        lambda: loose.evaluate(MODEL, (TIMES, [0, 1, 2, 3]), engine=ENGINE),
        SpecificationError,
        "stimuli: must be a Stimuli, such as netsim.load_splits\\(network\\).test, not tuple",
    ),
    "weights to study": (
        lambda: loose.study(MODEL.weights, "lesion-neurons", stimuli=TEST),
        SpecificationError,
        r'model: must be a model, such as netsim.load_model\("digits"\), a Network, or the name of .*, not dict',
    ),
    "a run to study that does not exist": (
        lambda: loose.study("runs/mine", "lesion-neurons", stimuli=TEST),
        SpecificationError,
        "runs/mine",
    ),
    "samples to study with": (
        lambda: loose.study(MODEL, "lesion-neurons", stimuli=(TIMES, [0, 1, 2, 3])),
        SpecificationError,
        r"stimuli: must be a Stimuli, such as netsim.load_splits\(network\).test, not tuple",
    ),
    "latencies to analyse": (
        lambda: loose.analyse(_latencies(), "psth"),
        SpecificationError,
        "model: must be a model, .* not dict",
    ),
    "samples to compare engines with": (
        lambda: loose.compare(MODEL, TIMES),
        SpecificationError,
        "stimuli: must be a Stimuli, such as .*, not ndarray",
    ),
    "latencies of one presentation": (
        lambda: loose.decide(np.zeros(3)),
        DataError,
        r"outputs: have the shape \(3,\); latencies \(ms\) of shape \(presentations, outputs\) are needed",
    ),
    "settings as a dictionary": (
        lambda: _chain(learning={"rate": 0.1}),
        SpecificationError,
        "learning: must be a Learning, not",
    ),
    "a word for neurons": (
        lambda: loose.Population("o", (3,), neurons="relays"),
        SpecificationError,
        "populations.o.neurons: must be a Neurons or None, not 'relays'",
    ),
    "a word for a PSP": (
        lambda: loose.Projection("a", "b", loose.Dense(), psp="ramp"),
        SpecificationError,
        "psp: must be a PSP, for example",
    ),
    "a file for a table": (
        lambda: loose.network_from_dict("mine.toml"),
        SpecificationError,
        "network: must be a dict, as netsim.network_to_dict returns it, not str",
    ),
    "latencies as a view of events": (
        lambda: loose.EventView(TIMES),
        SpecificationError,
        r"stimuli: must be a Stimuli, such as netsim.load_splits\(network\).test, not ndarray",
    ),
    "a word for an encoder of events": (
        lambda: loose.event_stimuli([], "events"),
        SpecificationError,
        "encoder: must be an Encoder, such as EventEncoder",
    ),
    "a number for a connectivity": (
        lambda: loose.Layer("o", 3),
        SpecificationError,
        "layers.o.connectivity: must be a Connectivity, not 3",
    ),
    "a word for an encoder": (
        lambda: loose.Network(
            "mine",
            "intensity",
            [loose.Population("o", (3,))],
            [loose.Projection("stimulus", "o", loose.Dense())],
            64.0,
        ),
        SpecificationError,
        "encoder: must be an Encoder, not 'intensity'",
    ),
    "a layer alone": (lambda: _chain(loose.Layer("o", loose.Dense(3))), SpecificationError, "layers: .* one alone"),
    "a number for a layer": (lambda: _chain([3]), SpecificationError, "layers: must be a sequence of Layer, not of 3"),
    "too far a move": (lambda: _trained(shift=8), SpecificationError, "training.shift: .* take at most 7"),
    "a move of one row": (
        lambda: _trained(loose.IntensityEncoder((1, 8, 1), t_max=16.0), shift=1),
        SpecificationError,
        "training.shift: of 1 moves all 1 x 8 pixels out of sight; remove it",
    ),
    "too large a square": (lambda: _trained(occlusion=15), SpecificationError, "training.occlusion: .* take less"),
    "a mirrored table": (
        lambda: _trained(TABLES, flips=True),
        SpecificationError,
        "training.flips: has no meaning for rows of a table",
    ),
    "nothing to learn": (
        lambda: loose.open_training("none", STATIC),
        SpecificationError,
        "projections: are all static, .* remove a plastic = false",
    ),
    "a misspelt argument": (
        lambda: loose.open_training("none", MODEL.network, limits=100),
        TypeError,
        "limits",
    ),
    "a record of one's own that is none": (
        lambda: loose.open_training("none", MODEL.network, record={"seed": 3, "note": "x"}),
        SpecificationError,
        "record: contains seed, which netsim records itself",
    ),
    "no stimuli to train on": (
        lambda: loose.open_training("none", MODEL.network, limit=0),
        SpecificationError,
        "limit: must be an integer >= 1, not 0",
    ),
    "a negative seed": (
        lambda: loose.open_training("none", MODEL.network, seed=-1),
        SpecificationError,
        "seed: must be an integer >= 0, not -1",
    ),
    "a negative seed of a model": (lambda: loose.load_model("digits", seed=-1), SpecificationError, "seed: must be"),
    "engines at exact times": (
        lambda: loose.compare(MODEL, TEST, engines=(ENGINE, loose.make_engine("event", MODEL.network))),
        SpecificationError,
        "dt: are 0 and 0 ms; .* make both with the same dt",
    ),
    "engines on two grids": (
        lambda: loose.compare(
            MODEL, TEST, engines=[loose.make_engine("event", MODEL.network, dt) for dt in (0.5, 1.0)]
        ),
        SpecificationError,
        "dt: are 0.5 and 1 ms",
    ),
    "nothing to compare": (
        lambda: loose.compare(MODEL, TEST.first(0)),
        DataError,
        "stimuli: there are none",
    ),
    "an unknown precision": (
        lambda: loose.make_engine("brian2", MODEL.network, 1.0, "half"),
        SpecificationError,
        "precision: must be single or double, not 'half'",
    ),
    "one label for four": (
        lambda: loose.STiDiBP(MODEL.network).learn(_latencies(), np.array([3]), MODEL.weights),
        DataError,
        "labels: must be from 0 to 9, one per presentation",
    ),
    "labels in a column": (
        lambda: loose.STiDiBP(MODEL.network).learn(_latencies(), np.zeros((4, 1), int), MODEL.weights),
        DataError,
        "labels: must be from 0 to 9, one per presentation",
    ),
    "the loss of the last output by -1": (
        lambda: loose.STiDiBP(MODEL.network).loss(_latencies()["output"], np.full(4, -1)),
        DataError,
        "labels: must be from 0 to 9, one per presentation",
    ),
    "a step before the begin": (
        lambda: loose.seams.optimizers["adam"].from_network(MODEL.network).step(MODEL.weights, {}, rate=0.1),
        DataError,
        r"Adam: has no moments yet; call begin\(weights\) before the first step",
    ),
    "decisions against a column": (
        lambda: loose.decide(_latencies()["output"]).strictly_correct(np.zeros((4, 1), int)),
        DataError,
        r"labels: have shape \(4, 1\); give one for each decision, \(4,\)",
    ),
    "latencies that are NaN": (
        lambda: loose.decide(_latencies()["output"] * np.nan),
        DataError,
        "outputs: contain NaN",
    ),
    "the last stimulus by -1": (
        lambda: loose.present(MODEL, TEST, index=[3, -1], engine=ENGINE),
        DataError,
        "index: contains -1; there are stimuli 0 to 19",
    ),
    "truth values for indices": (
        lambda: loose.present(MODEL, TEST, index=[True] * 5, engine=ENGINE),
        DataError,
        "index: must be a sequence of integers",
    ),
    "an index alone": (
        lambda: loose.present(MODEL, TEST, index=3, engine=ENGINE),
        DataError,
        "index: must be a sequence",
    ),
    "no stimuli": (
        lambda: loose.present(MODEL, TEST.first(0), index=[0], engine=ENGINE),
        DataError,
        "stimuli: there are none",
    ),
    "no index": (lambda: loose.present(MODEL, TEST, index=[], engine=ENGINE), DataError, "index: is empty"),
    "a mask for indices": (
        lambda: loose.present(MODEL, TEST, index=np.ones(20, bool), engine=ENGINE),
        DataError,
        "index: must be a sequence of integers",
    ),
    "labels for other stimuli": (
        lambda: loose.Stimuli(np.zeros((2, 8, 8, 1)), np.zeros(3, int), 1.0, ENCODER),
        DataError,
        "labels: there are 3 for 2 stimuli",
    ),
    "numbers that are no classes": (
        lambda: loose.make_dataset((np.zeros((2, 8, 8, 1)), np.array([0, 10**9])), ENCODER),
        DataError,
        "training: has the label 1000000000, .* count labels from 0, or give words",
    ),
    "weights that are NaN": (
        lambda: loose.write_weights({"hidden.kernel": np.array([np.nan])}, "weights.npz"),
        DataError,
        "weights.npz: is not written, because hidden.kernel contains",
    ),
    "words for weights": (
        lambda: loose.write_weights({"hidden.kernel": np.array(["a"])}, "weights.npz"),
        DataError,
        "weights.npz: is not written, because hidden.kernel contains",
    ),
    "a list for stimuli": (
        lambda: ENGINE.present(loose.Batch(TIMES.tolist(), MODEL.weights)),
        DataError,
        "stimuli: must be a numpy array, not list",
    ),
    "a masked array for stimuli": (
        lambda: ENGINE.present(loose.Batch(np.ma.masked_greater(TIMES, 5.0), MODEL.weights)),
        DataError,
        "stimuli: is a masked array, whose mask says nothing here; fill it",
    ),
    "masked weights": (
        lambda: ENGINE.present(
            loose.Batch(TIMES, {name: np.ma.masked_less(w, 0) for name, w in MODEL.weights.items()})
        ),
        DataError,
        r"weights: hidden.kernel is a masked array, whose mask says nothing here; fill it, with .filled\(value\)",
    ),
    "masked weights to write": (
        lambda: loose.write_weights({"hidden.kernel": np.ma.masked_less(MODEL.weights["hidden.kernel"], 0)}, "w.npz"),
        DataError,
        "w.npz: is not written, because hidden.kernel is a masked array, whose mask says nothing here; fill it",
    ),
    "masked neurons to silence": (
        lambda: ENGINE.present(
            loose.Batch(TIMES, MODEL.weights, {"hidden": np.ma.masked_equal(np.arange(200) < 9, 0)})
        ),
        DataError,
        "silenced: hidden is a masked array, whose mask says nothing here; fill it",
    ),
    "masked thresholds": (
        lambda: ENGINE.present(
            loose.Batch(TIMES, MODEL.weights, thresholds={"hidden": np.ma.masked_equal(np.ones(200), 1)})
        ),
        DataError,
        "thresholds: hidden is a masked array, whose mask says nothing here; fill it",
    ),
    "masked samples": (
        lambda: ENCODER.prepare(np.ma.masked_equal(np.zeros((2, 64)), 0)),
        DataError,
        "images: is a masked array, whose mask says nothing here; fill it",
    ),
    "lists for weights": (
        lambda: ENGINE.present(loose.Batch(TIMES, {name: each.tolist() for name, each in MODEL.weights.items()})),
        DataError,
        "hidden.kernel must be a numpy array, not list",
    ),
    "integers for weights": (
        lambda: ENGINE.present(loose.Batch(TIMES, {name: each.astype(int) for name, each in MODEL.weights.items()})),
        DataError,
        "hidden.kernel must be an array of floats, not of int64",
    ),
    "a word for a neuron": (
        lambda: loose.make_engine("event", MODEL.network, record=["hidden:3"]),
        SpecificationError,
        "record 'hidden:3': must be neurons",
    ),
    "neurons to record without a list": (
        lambda: loose.present(MODEL, TEST, record="hidden:3"),
        SpecificationError,
        r'record: must be a sequence of netsim.Recorded, not str; give \[netsim.Recorded\("hidden", 3\)\]',
    ),
    "a neuron to record without a list": (
        lambda: loose.present(MODEL, TEST, record=loose.Recorded("hidden", 3)),
        SpecificationError,
        "record: must be a sequence of netsim.Recorded, not Recorded; give",
    ),
    "a seed without a disturbance": (
        lambda: loose.present(MODEL, TEST, seed=3),
        SpecificationError,
        "seed: has no effect without a disturbance; leave it out",
    ),
    "a truth value for a level": (
        lambda: loose.present(MODEL, TEST, disturbance=("lesion-neurons", True)),
        SpecificationError,
        "disturbance: must be a study and a level",
    ),
    "weights to describe": (
        lambda: loose.describe(MODEL.weights),
        SpecificationError,
        "model: must be a model, such as .*, not dict",
    ),
    "an index to draw": (
        lambda: loose.plot(MODEL, "raster", index=3),
        SpecificationError,
        "plot: index: is not known; did you mean 'presentation'",
    ),
    "a name for a model": (
        lambda: loose.plot(3, "confusion"),
        SpecificationError,
        "model: must be a model, such as netsim.load_model",
    ),
    "nothing to study with": (
        lambda: loose.study(MODEL, "lesion-neurons", [0.5], stimuli=TEST.first(0)),
        DataError,
        "stimuli: there are none",
    ),
    "a level instead of levels": (
        lambda: loose.study(MODEL, "lesion-neurons", 0.5, stimuli=TEST),
        SpecificationError,
        r"levels: must be a sequence of levels, such as \[0.1, 0.5\], not 0.5",
    ),
    "no labels to study with": (
        lambda: loose.study(MODEL, "lesion-neurons", [0.5], stimuli=dataclasses.replace(TEST, labels=np.full(20, -1))),
        DataError,
        "stimuli: include a stimulus without a label",
    ),
    "labels of importance that are no output": (
        lambda: loose.analyse(MODEL, "importance", stimuli=dataclasses.replace(TEST, labels=np.full(20, 12))),
        DataError,
        "stimuli: include a stimulus with the label 12",
    ),
    "fewer than no stimuli to study with": (
        lambda: loose.study(MODEL, "lesion-neurons", [0.5], stimuli=TEST, limit=-3),
        SpecificationError,
        "limit: must be an integer >= 1, not -3",
    ),
    "fewer than no stimuli to compare with": (
        lambda: loose.compare(MODEL, TEST, limit=-3),
        SpecificationError,
        "limit: must be an integer >= 1, not -3",
    ),
    "fewer than no stimuli to report on": (
        lambda: loose.report(MODEL, "report.html", limit=-3),
        SpecificationError,
        "limit: must be an integer >= 1, not -3",
    ),
    "one engine to compare": (
        lambda: loose.compare(MODEL, TEST, engines=(ENGINE,)),
        SpecificationError,
        r"engines: must be a pair of engines, such as \(first, second\)",
    ),
    "a negative seed of an analysis": (
        lambda: loose.analyse(_spikes(), "distances", seed=-1),
        SpecificationError,
        "seed: must be an integer >= 0, not -1",
    ),
    "a figure of no stimuli": (
        lambda: loose.plot(MODEL, "confusion", limit=0),
        SpecificationError,
        "limit: must be an integer >= 1, not 0",
    ),
    "fewer than no pictures": (
        lambda: loose.plot(MODEL, "errors", stimuli=TEST, count=-1),
        SpecificationError,
        "count: must be an integer >= 1, not -1",
    ),
    "a word for a presentation": (
        lambda: loose.plot(MODEL, "raster", presentation="first"),
        SpecificationError,
        "presentation: must be an integer >= 0, not 'first'",
    ),
    "a layer of a figure of all layers": (
        lambda: loose.plot(MODEL, "raster", layer="hidden"),
        SpecificationError,
        "plot: layer: has no effect on the figure raster; leave it out",
    ),
    "a presentation of a figure of many": (
        lambda: loose.plot(MODEL, "confusion", presentation=3),
        SpecificationError,
        "plot: presentation: has no effect on the figure confusion",
    ),
    "many presentations of a figure of one": (
        lambda: loose.plot(MODEL, "raster", limit=20),
        SpecificationError,
        "plot: limit: has no effect on the figure raster",
    ),
    "a number of seeds": (
        lambda: loose.study(MODEL, "lesion-neurons", [0.5], 2, stimuli=TEST),
        SpecificationError,
        r"seeds: must be a sequence of seeds, such as range\(5\), not 2",
    ),
    "no seeds": (
        lambda: loose.study(MODEL, "lesion-neurons", [0.5], [], stimuli=TEST),
        SpecificationError,
        "seeds: are missing; lesion-neurons draws at random",
    ),
    "a seed twice": (
        lambda: loose.study(MODEL, "lesion-neurons", [0.5], [1, 1], stimuli=TEST),
        SpecificationError,
        "seeds: must be different",
    ),
    "nothing to analyse": (
        lambda: loose.analyse(MODEL, "latencies", limit=0),
        SpecificationError,
        "limit: must be an integer >= 1, not 0",
    ),
    "an engine for spikes": (
        lambda: loose.analyse(_spikes(), "latencies", engine=ENGINE),
        SpecificationError,
        "engine: has no effect",
    ),
    "workers for spikes": (
        lambda: loose.analyse(_spikes(), "latencies", workers=2),
        SpecificationError,
        "workers: have no effect, because the spikes exist already; leave them out",
    ),
    "stimuli to evaluate spikes on": (
        lambda: loose.evaluate(_spikes(), TEST),
        SpecificationError,
        "stimuli: have no effect",
    ),
    "an engine to evaluate spikes on": (
        lambda: loose.evaluate(_spikes(), engine=ENGINE),
        SpecificationError,
        "engine: has no effect, because the spikes exist already; leave it out",
    ),
    "some populations to evaluate": (
        lambda: loose.evaluate(_spikes().only(["stimulus", "output"])),
        DataError,
        "spikes: lack hidden; present all populations",
    ),
    "some populations to draw decisions of": (
        lambda: loose.plot(_spikes().only(["stimulus", "hidden"]), "confusion"),
        DataError,
        "spikes: lack output; present all populations",
    ),
    "populations to export that were not kept": (
        lambda: loose.export(_spikes().only(["hidden"]), "spikes.csv", populations=["hidden", "output"]),
        DataError,
        "layer output: does not exist; choose one of hidden",
    ),
    "labels that are no output": (
        lambda: loose.evaluate(dataclasses.replace(_spikes(), labels=np.full(20, 12))),
        DataError,
        "spikes: include a stimulus with the label 12; labels from 0 to 9 are needed here",
    ),
    "potentials of a disturbed network": (
        lambda: loose.evaluate(
            loose.present(MODEL, TEST, disturbance=("weight-noise", 0.5)), read_outs=["plain", "potential"]
        ),
        SpecificationError,
        "read-out 'potential': needs potentials, but disturbed spikes do not determine them; choose strict or plain",
    ),
    "stimuli to plot spikes of": (
        lambda: loose.plot(_spikes(), "confusion", stimuli=TEST),
        SpecificationError,
        "stimuli: have no effect",
    ),
    "stimuli to plot a source with": (
        lambda: loose.plot(loose.analysis.Source.of(MODEL), "confusion", stimuli=TEST),
        SpecificationError,
        "plot: stimuli: have no effect on a Source; leave them out",
    ),
    "latencies in a list": (
        lambda: loose.analysis.spike_table(MODEL.network, list(_latencies().values())),
        DataError,
        "latencies: must be a mapping from population name to array, as an engine returns, not list",
    ),
    "outputs in a list": (
        lambda: loose.decide([[1.0, 2.0]]),
        DataError,
        "outputs: must be a numpy array, not list",
    ),
    "decisions before the start": (
        lambda: loose.decide(np.array([[-np.inf, 1.0]])),
        DataError,
        "outputs: contain NaN or negative times",
    ),
    "latencies before the start": (
        lambda: loose.analysis.spike_table(MODEL.network, _latencies() | {"output": np.full((4, 10), -1.0)}),
        DataError,
        "latencies of output: contain NaN or negative times",
    ),
    "an engine that returns NaN": (
        lambda: loose.evaluate(MODEL, TEST, engine=_Returning(lambda latencies: latencies * np.nan)),
        DataError,
        "latencies of hidden: contain NaN or negative times",
    ),
    "an engine that returns too many presentations": (
        lambda: loose.present(MODEL, TEST, engine=_Returning(lambda latencies: np.repeat(latencies, 2, axis=0))),
        DataError,
        r"latencies of hidden: have shape \(40, 200\), but \(20, 200\) is needed",
    ),
    "an engine that returns other populations": (
        lambda: loose.evaluate(MODEL, TEST, engine=_Returning(None)),
        DataError,
        "latencies: are of stimulus, output, but stimulus, hidden, output are needed",
    ),
    "names of engines": (
        lambda: loose.compare(MODEL, TEST, engines=("event", "brian2")),
        SpecificationError,
        "engine: must be an engine",
    ),
    "no population": (
        lambda: loose.present(MODEL, TEST, populations=[]),
        SpecificationError,
        "populations: is empty",
    ),
    "the first -1 presentations": (
        lambda: _spikes().head(-1),
        SpecificationError,
        "count: must be an integer >= 0, not -1",
    ),
    "spikes of no presentation": (
        lambda: loose.evaluate(_spikes().head(0)),
        DataError,
        "spikes: have no presentations",
    ),
    "a population twice": (
        lambda: loose.spikes.Spikes.of_layers([_spikes().layer("hidden")] * 2),
        DataError,
        "layers: two have one name",
    ),
    "a shape of other neurons": (
        lambda: loose.spikes.Spikes.of_layers([_spikes().layer("hidden")], shapes={"hidden": (3, 4)}),
        DataError,
        r"shapes: hidden has 200 neurons, not the shape \(3, 4\)",
    ),
    "a window of one time": (
        lambda: loose.spikes.LayerSpikes.of_latencies("hidden", _latencies()["hidden"], window=5.0),
        DataError,
        r"hidden: window must be two times in ms, \(begin, end\), not 5.0",
    ),
    "two columns of one name": (
        lambda: loose.analysis.write_table(pd.DataFrame([[1, 2]], columns=["k", "k"]), "table.csv"),
        DataError,
        "table.csv: two columns have one name",
    ),
    "too few neurons per column": (
        lambda: loose.PopulationEncoder.of(np.eye(4), neurons=2),
        SpecificationError,
        "neurons: must be an integer >= 3, not 2",
    ),
    "numbers and words in a column of Parquet": (
        lambda: loose.analysis.write_table(pd.DataFrame({"k": [1, "x"]}), "table.parquet"),
        DataError,
        r"table.parquet: Parquet cannot store these columns \(Could not convert 'x'.*\); write .csv",
    ),
    "rows for a table": (
        lambda: loose.analysis.write_table([[1, 2]], "table.csv"),
        SpecificationError,
        "frame: must be a DataFrame",
    ),
    "presentations of potentials by fractions": (
        lambda: loose.analysis.potential_table(_recorded(), [1.7]),
        DataError,
        "indices: must be 1 integers",
    ),
    "a report nowhere": (
        lambda: loose.report(MODEL, None),
        SpecificationError,
        "path: must",
    ),
    "stimuli for spikes": (
        lambda: loose.analyse(_spikes(), "comparison", _spikes(), stimuli=TEST),
        SpecificationError,
        "stimuli: have no effect",
    ),
    "a table with a mask": (
        lambda: loose.PopulationEncoder.of(np.ma.masked_equal([[1, 2], [-999, 5]], -999)),
        DataError,
        "table: is a masked array",
    ),
    "words for numbers of outputs": (
        lambda: loose.decide(_spikes().outputs).correct(_spikes().labels.astype(str)),
        DataError,
        "labels: must be whole numbers, not <U",
    ),
    "a sample without a seed": (
        lambda: _spikes().sample(5, seed=None),
        SpecificationError,
        "seed: must be an integer >= 0, not None",
    ),
    "a window without an end": (
        lambda: loose.spikes.LayerSpikes.of_latencies("hidden", _latencies()["hidden"], window=(0, np.inf)),
        DataError,
        "hidden: window must be two finite times in ms",
    ),
    "spikes of no population": (
        lambda: _spikes().only([]),
        SpecificationError,
        "populations: is empty",
    ),
    "a name for a network to write": (
        lambda: loose.write_network("digits", "network.toml"),
        SpecificationError,
        "network: must be a Network",
    ),
    "stimuli of a name": (
        lambda: loose.load_splits("digits"),
        SpecificationError,
        "network: must be a Network",
    ),
    "a number for the file of a network": (
        lambda: loose.write_network(MODEL.network, 3),
        SpecificationError,
        "path: must be",
    ),
    "a number for the file of an array": (
        lambda: loose.write_idx(3, np.zeros(3, np.uint8)),
        SpecificationError,
        "path: must be",
    ),
    "a number for the file of a data set": (
        lambda: loose.write_dataset(loose.load_dataset("digits"), 3),
        SpecificationError,
        "path: must be",
    ),
    "a network where an engine is calibrated": (
        lambda: loose.calibrate(MODEL.network, ENGINE, TEST),
        SpecificationError,
        "engine: must be an engine",
    ),
    "a name where a network is calibrated": (
        lambda: loose.calibrate(ENGINE, "digits", TEST),
        SpecificationError,
        "network: must be a Network",
    ),
    "an engine without Brian2 equations to fit": (
        lambda: loose.fit_psp(ENGINE),
        SpecificationError,
        "engine: must be an OwnBrian2Engine, from netsim.brian2_engine",
    ),
    "an engine without Brian2 equations to match": (
        lambda: loose.match_family(ENGINE),
        SpecificationError,
        "engine: must be an OwnBrian2Engine, from netsim.brian2_engine",
    ),
    "the name of an encoder": (
        lambda: loose.load_dataset("digits", encoder="mel"),
        SpecificationError,
        "encoder: must be an Encoder",
    ),
    "a number for a folder of data": (
        lambda: loose.load_dataset("digits", data_dir=3),
        SpecificationError,
        "data_dir: must be a path",
    ),
    "stimuli of a name to calibrate": (
        lambda: loose.calibrate(ENGINE, MODEL.network, "digits"),
        SpecificationError,
        "stimuli: must be a Stimuli",
    ),
    "a number for stimuli to draw": (
        lambda: loose.plot(MODEL, "raster", stimuli=3),
        SpecificationError,
        "stimuli: must be a Stimuli",
    ),
    "no stimuli to draw": (
        lambda: loose.plot(MODEL, "confusion", stimuli=TEST.first(0)),
        DataError,
        "stimuli: there are none",
    ),
    "a number for stimuli whose units are lesioned": (
        lambda: loose.analysis.ablation_importance(MODEL, 3),
        SpecificationError,
        "stimuli: must be a Stimuli",
    ),
    "half a character in a description": (
        lambda: loose.write_network(dataclasses.replace(MODEL.network, description="\ud800"), "network.toml"),
        SpecificationError,
        "description: contains half a character",
    ),
    "a network without a file": (
        lambda: loose.read_network(None),
        SpecificationError,
        "path: must be a path",
    ),
    "no layers to disturb": (
        lambda: loose.study(MODEL, "weight-noise", layers=[], stimuli=TEST),
        SpecificationError,
        "layers: are empty",
    ),
    "a description that could not be read": (
        lambda: loose.write_network(dataclasses.replace(MODEL.network, description="." * 101), "network.toml"),
        SpecificationError,
        "description: has a line with 101 dots",
    ),
    "a seed that could not be read": (
        lambda: loose.write_network(_with_feedback(2**63), "network.toml"),
        SpecificationError,
        "integer of more than 64 bits",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_by_name(mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call, error, message = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        call()
    assert list(tmp_path.iterdir()) == []


def test_weights_that_come_with_edges_are_not_drawn(tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("pre,post,weight\n0,0,0.5\n3,1,0.25\n")
    rule = loose.EdgeList(3, str(edges))
    loose.initial_weights(_chain([loose.Layer("output", rule)]), 0)
    drawn = _chain([loose.Layer("output", rule, initial=loose.InitialWeights(spread=0.5))])
    with pytest.raises(SpecificationError, match=r"layers.output.initial: has no effect, because the connectivity"):
        loose.initial_weights(drawn, 0)


def test_parts_may_come_in_any_sequence() -> None:
    layers = {"output": loose.Layer("output", loose.Dense(3))}
    assert _chain(layers.values()) == _chain(iter(layers.values())) == _chain(list(layers.values()))


def test_a_field_that_is_filled_in_later_is_left_alone() -> None:
    @dataclass(frozen=True)
    class Own(netsim.MapWinners):
        table: Any = field(init=False)

        def __post_init__(self) -> None:
            super().__post_init__()
            object.__setattr__(self, "table", np.arange(self.first))

    assert Own(first=2).table.tolist() == [0, 1]


def test_pretrained_weights_of_other_synapses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def network(seed: int, **settings: Any) -> Any:
        layers = [
            loose.Layer("hidden", loose.Random(20, indegree=6, seed=seed)),
            loose.Layer("output", loose.Dense(10)),
        ]
        return _chain(layers, training=loose.Training(epochs=1, validation=20, **settings))

    loose.open_training("first", network(1), limit=40).train()
    loose.open_training("same", network(1, pretrained="first"), limit=40)
    with pytest.raises(SpecificationError, match=r"first has other synapses in hidden, .* give the same seed or list"):
        loose.open_training("other", network(2, pretrained="first"), limit=40)


def test_numbers_of_numpy_are_numbers() -> None:
    labels = np.array([0, 4, 2])
    assert loose.Dense(labels.max() + 1) == loose.Dense(5)
    assert (
        repr(loose.Convolution(np.int64(4), kernel=np.int32(3))) == "Convolution(maps=4, kernel=3, stride=1, padding=0)"
    )
    assert loose.Training(epochs=np.int64(3), flips=np.True_) == loose.Training(epochs=3, flips=True)
    assert type(loose.Neurons(threshold=np.float32(2)).threshold) is float
    # in single precision 0.1 is another number, which nobody wrote
    for tenth in (np.float16(0.1), np.float32(0.1), np.array(0.1, np.float32), np.float64(0.1), np.longdouble("0.1")):
        assert [loose.make_engine(name, MODEL.network, dt=tenth).dt for name in ("event", "brian2")] == [0.1, 0.1]
        assert loose.Training(dt=tenth) == loose.Training(dt=0.1)
        assert loose.Neurons(threshold=tenth).threshold == 0.1
        assert loose.IntensityEncoder((2, 2, 2), 16.0, constant=[tenth]).constant == (0.1,)
        assert loose.Projection("a", "b", loose.Dense(), delay=tenth).delay == 0.1
    table = np.array([0.1], np.float32)  # one of numbers that were measured is taken as it is
    assert loose.PopulationEncoder((1, 1, 4), low=table, high=table + 1).low == (float(table[0]),)
    assert loose.IntensityEncoder(np.array([8, 8, 1]), t_max=np.float64(16)) == ENCODER
    assert loose.MapWinners(first=np.int64(2)).first == 2
    images = np.arange(256).reshape(4, 8, 8)
    own = loose.make_dataset((images, [0, 1, 0, 1]), ENCODER, intensity_max=images.max())
    assert type(own.intensity_max) is int
    assert loose.RandomFeedback(seed=np.int64(2)).seed == 2
    assert loose.load_model("digits", seed=np.int64(1)).weights.keys() == MODEL.weights.keys()
    shown = loose.present(MODEL, TEST, index=np.flatnonzero(TEST.labels == TEST.labels[0]), engine=ENGINE)
    assert json.loads(json.dumps(presentation_records(shown)))[0]["index"] == 0


def test_indices_may_come_one_by_one() -> None:
    assert loose.present(MODEL, TEST, index=(index for index in (3, 1)), engine=ENGINE).indices.tolist() == [3, 1]


def test_a_description_is_that_of_a_name_or_of_a_model() -> None:
    expected = loose.describe(MODEL.network)
    assert loose.describe("digits") == loose.describe(MODEL) == expected


def test_what_holds_arrays_is_equal_to_itself_alone() -> None:
    splits = loose.load_splits(MODEL.network)
    for each, other in ((MODEL, loose.load_model("digits")), (TEST, splits.test), (splits, MODEL.splits())):
        assert each == each
        assert each != other


def test_a_name_alone_is_a_list_of_it() -> None:
    assert loose.analyse(MODEL, "latencies", limit=5, populations="hidden").table["layer"].unique().tolist() == [
        "hidden"
    ]
    assert set(loose.evaluate(MODEL, TEST, engine=ENGINE, read_outs="strict").read_outs) == {"strict"}
    result = loose.study(MODEL, "lesion-neurons", [0.5], [0], stimuli=TEST, layers="hidden")
    assert result["layer"].dropna().unique().tolist() == ["hidden"]


def test_a_file_may_be_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecificationError, match=r"does not exist|is neither"):
        loose.load_model(Path("digits"))  # a path is no preset's name
    loose.write_network(MODEL.network, tmp_path / "mine.toml")
    assert loose.load_model(tmp_path / "mine.toml").network == MODEL.network


def test_a_report_in_a_folder_that_cannot_be_made_is_refused() -> None:
    Path("file").touch()
    with pytest.raises(RunError, match=r"^file/report-figures: cannot be created \(Not a directory\); choose another"):
        loose.report(MODEL, "file/report.html", limit=5)
