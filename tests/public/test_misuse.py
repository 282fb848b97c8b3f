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

ns: Any = netsim
"""Without types: what is tried here is what type checkers would refuse."""
ENCODER = ns.IntensityEncoder((8, 8, 1), t_max=16.0)
MODEL = ns.load_model("digits")
NETWORK = MODEL.network
TEST = ns.load_splits(NETWORK).test.first(20)
ENGINE = ns.make_engine("event", NETWORK)
TIMES = TEST.latencies(np.arange(4))


@cache
def _latencies() -> Any:
    return ENGINE.present(ns.Batch(TIMES, MODEL.weights))


@cache
def _spikes() -> Any:
    return ns.present(MODEL, TEST)


def _noisy() -> Any:
    return ns.present(MODEL, TEST, disturbance=("weight-noise", 0.5))


def _recorded() -> Any:
    return ns.present(MODEL, TEST, limit=1, record=[ns.Recorded("hidden", 3)]).potentials


def _with_feedback(seed: int) -> Any:
    network = NETWORK
    *others, last = network.projections
    learned = dataclasses.replace(last, feedback=ns.RandomFeedback(seed=seed))
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
    return ns.Network.chain("mine", encoder, layers or [ns.Layer("output", ns.Dense(3))], 64.0, **settings)


def _trained(encoder: Any = ENCODER, **settings: Any) -> Any:
    return ns.open_training("none", _chain(encoder=encoder, training=ns.Training(**settings)))


def _open(**given: Any) -> Any:
    return ns.open_training("none", NETWORK, **given)


def _study(*given: Any, stimuli: Any = TEST, **more: Any) -> Any:
    return ns.study(MODEL, "lesion-neurons", *given, stimuli=stimuli, **more)


def _engines(*steps: float) -> Any:
    return tuple(ns.make_engine("event", NETWORK, dt) for dt in steps)


def _labelled(shown: Any, label: int) -> Any:
    return dataclasses.replace(shown, labels=np.full(20, label))


def _described(text: str) -> Any:
    return ns.write_network(dataclasses.replace(NETWORK, description=text), "network.toml")


def _data(labels: list[int]) -> Any:
    return ns.make_dataset((np.zeros((2, 8, 8, 1)), np.array(labels)), ENCODER)


def _written(kernel: np.ndarray) -> Any:
    return ns.write_weights({"hidden.kernel": kernel}, "weights.npz")


def _presented(stimuli: np.ndarray = TIMES, **given: Any) -> Any:
    return ENGINE.present(ns.Batch(stimuli, **({"weights": MODEL.weights} | given)))


def _weighted(change: Callable[[np.ndarray], Any]) -> Any:
    return _presented(weights={name: change(array) for name, array in MODEL.weights.items()})


def _decisions() -> Any:
    return ns.decide(_latencies()["output"])


def _table(latencies: Any) -> Any:
    return ns.analysis.spike_table(NETWORK, latencies)


def _evaluated(change: Any) -> Any:
    return ns.evaluate(MODEL, TEST, engine=_Returning(change))


def _of_layers(count: int = 1, **given: Any) -> Any:
    return ns.spikes.Spikes.of_layers([_spikes().layer("hidden")] * count, **given)


def _windowed(window: Any) -> Any:
    return ns.spikes.LayerSpikes.of_latencies("hidden", _latencies()["hidden"], window=window)


PAIRS, SOURCE, ROW = (TIMES, [0, 1, 2, 3]), ns.analysis.Source.of(MODEL), ns.IntensityEncoder((1, 8, 1), t_max=16.0)
LEARNER, ADAM = ns.STiDiBP(NETWORK), ns.seams.optimizers["adam"].from_network(NETWORK)
TWO, WORD = pd.DataFrame([[1, 2]], columns=["k", "k"]), pd.DataFrame({"k": [1, "x"]})
FIRST, TWICE = np.ma.masked_equal(np.arange(200) < 9, 0), _Returning(lambda latencies: np.repeat(latencies, 2, axis=0))
MASKED, NAN = "is a masked array, whose mask says nothing here; fill it", "contain NaN or negative times"
NO_EFFECT = "no effect, because the spikes exist already"
STIMULI = r"stimuli: must be a Stimuli, such as netsim.load_splits\(network\).test, not"
LABELS, RECORDED = "labels: must be from 0 to 9, one per presentation", "record: must be a sequence of netsim.Recorded"
UNWRITTEN = "weights.npz: is not written, because hidden.kernel"
TABLES = ns.PopulationEncoder((1, 4, 5), t_max=16.0, low=(0.0,) * 4, high=(1.0,) * 4)
STATIC = NETWORK.with_layers([ns.Layer("output", ns.Dense(10), plastic=False)])

SPECIFICATIONS: list[tuple[Callable[[], Any], str]] = [
    (lambda: _open(data=PAIRS), "data: must be a Dataset, such as netsim.make_dataset gives, not tuple"),
    (lambda: ns.evaluate(MODEL, PAIRS, engine=ENGINE), f"{STIMULI} tuple"),
    (
        lambda: ns.study(MODEL.weights, "lesion-neurons"),
        r'model: must be a model, such as netsim.load_model\("d.*, not dict',
    ),
    (lambda: ns.study("runs/mine", "lesion-neurons", stimuli=TEST), "runs/mine"),
    (lambda: _study(stimuli=PAIRS), f"{STIMULI} tuple"),
    (lambda: ns.analyse(_latencies(), "psth"), r"not dict; netsim.present\(.*, engine=engine\) returns Spikes"),
    (lambda: ns.compare(MODEL, TIMES), "stimuli: must be a Stimuli, such as .*, not ndarray"),
    (lambda: _chain(learning={"rate": 0.1}), "learning: must be a Learning, not"),
    (lambda: ns.Population("o", (3,), neurons="relays"), "^populations.o.neurons: must be a Neurons or None, not"),
    (lambda: ns.Projection("a", "b", ns.Dense(), psp="ramp"), "psp: must be a PSP, for example"),
    (lambda: ns.network_from_dict("mine.toml"), "network: must be a dict, as netsim.network_to_dict returns it, not"),
    (lambda: ns.EventView(TIMES), f"{STIMULI} ndarray"),
    (lambda: ns.event_stimuli([], "events"), "encoder: must be an Encoder, such as EventEncoder"),
    (lambda: ns.Layer("o", 3), "layers.o.connectivity: must be a Connectivity, not 3"),
    (lambda: dataclasses.replace(NETWORK, encoder="intensity"), "encoder: must be an Encoder, not 'intensity'"),
    (lambda: _chain(ns.Layer("o", ns.Dense(3))), "layers: .* one alone"),
    (lambda: _chain([3]), "layers: must be a sequence of Layer, not of 3"),
    (lambda: _trained(shift=8), "training.shift: .* take at most 7"),
    (lambda: _trained(ROW, shift=1), "training.shift: of 1 moves all 1 x 8 pixels out of sight; remove it"),
    (lambda: _trained(occlusion=15), "training.occlusion: .* take less"),
    (lambda: _trained(TABLES, flips=True), "training.flips: has no meaning for rows of a table"),
    (lambda: ns.open_training("none", STATIC), "projections: are all static, .* remove a plastic = false"),
    (lambda: _open(record={"seed": 3, "note": "x"}), "record: contains seed, which netsim records itself"),
    (lambda: _open(limit=0), "limit: must be an integer >= 1, not 0"),
    (lambda: _open(seed=-1), "seed: must be an integer >= 0, not -1"),
    (lambda: ns.load_model("digits", seed=-1), "seed: must be"),
    (lambda: ns.compare(MODEL, TEST, engines=_engines(0.0, 0.0)), "dt: are 0 and 0 ms; .* make both with the same dt"),
    (lambda: ns.compare(MODEL, TEST, engines=_engines(0.5, 1.0)), "dt: are 0.5 and 1 ms"),
    (lambda: ns.make_engine("brian2", NETWORK, 1.0, "half"), "precision: must be single or double, not 'half'"),
    (lambda: ns.make_engine("event", NETWORK, record=["hidden:3"]), "record 'hidden:3': must be neurons"),
    (lambda: ns.present(MODEL, TEST, record="hidden:3"), rf'{RECORDED}, not str; give \[netsim.Recorded\("hidden", '),
    (lambda: ns.present(MODEL, TEST, record=ns.Recorded("hidden", 3)), f"{RECORDED}, not Recorded; give"),
    (lambda: ns.present(MODEL, TEST, seed=3), "seed: has no effect without a disturbance; leave it out"),
    (lambda: ns.present(MODEL, TEST, disturbance=("lesion-neurons", True)), "disturbance: must be a study and a level"),
    (lambda: ns.describe(MODEL.weights), "model: must be a model, such as .*, not dict"),
    (lambda: ns.plot(MODEL, "raster", index=3), "plot: index: is not known; did you mean 'presentation'"),
    (lambda: ns.plot(3, "confusion"), "model: must be a model, such as netsim.load_model"),
    (lambda: _study(0.5), r"levels: must be a sequence of levels, such as \[0.1, 0.5\], not 0.5"),
    (lambda: _study([0.5], limit=-3), "limit: must be an integer >= 1, not -3"),
    (lambda: ns.compare(MODEL, TEST, limit=-3), "limit: must be an integer >= 1, not -3"),
    (lambda: ns.report(MODEL, "report.html", limit=-3), "limit: must be an integer >= 1, not -3"),
    (lambda: ns.compare(MODEL, TEST, engines=(ENGINE,)), "engines: must be a pair of engines, such as .first, second"),
    (lambda: ns.analyse(_spikes(), "distances", seed=-1), "seed: must be an integer >= 0, not -1"),
    (lambda: ns.plot(MODEL, "confusion", limit=0), "limit: must be an integer >= 1, not 0"),
    (lambda: ns.plot(MODEL, "errors", stimuli=TEST, count=-1), "count: must be an integer >= 1, not -1"),
    (lambda: ns.plot(MODEL, "raster", presentation="first"), "presentation: must be an integer >= 0, not 'first'"),
    (lambda: ns.plot(MODEL, "raster", layer="hidden"), "plot: layer: has no effect on the figure raster; leave it out"),
    (lambda: ns.plot(MODEL, "confusion", presentation=3), "plot: presentation: has no effect on the figure confusion"),
    (lambda: ns.plot(MODEL, "raster", limit=20), "plot: limit: has no effect on the figure raster"),
    (lambda: _study([0.5], 2), r"seeds: must be a sequence of seeds, such as range\(5\), not 2"),
    (lambda: _study([0.5], []), "seeds: are missing; lesion-neurons draws at random"),
    (lambda: _study([0.5], [1, 1]), "seeds: must be different"),
    (lambda: ns.analyse(MODEL, "latencies", limit=0), "limit: must be an integer >= 1, not 0"),
    (lambda: ns.analyse(_spikes(), "latencies", engine=ENGINE), "engine: has no effect"),
    (lambda: ns.analyse(_spikes(), "latencies", workers=2), f"workers: have {NO_EFFECT}; leave them out"),
    (lambda: ns.evaluate(_spikes(), TEST), "stimuli: have no effect"),
    (lambda: ns.evaluate(_spikes(), engine=ENGINE), f"engine: has {NO_EFFECT}; leave it out"),
    (
        lambda: ns.evaluate(_noisy(), read_outs=["potential"]),
        "read-out 'potential': .* disturbed spikes do not determine",
    ),
    (lambda: ns.plot(_spikes(), "confusion", stimuli=TEST), "stimuli: have no effect"),
    (lambda: ns.plot(SOURCE, "confusion", stimuli=TEST), "plot: stimuli: have no effect on a Source; leave them out"),
    (lambda: ns.compare(MODEL, TEST, engines=("event", "brian2")), "engine: must be an engine"),
    (lambda: ns.present(MODEL, TEST, populations=[]), "populations: is empty"),
    (lambda: _spikes().head(-1), "count: must be an integer >= 0, not -1"),
    (lambda: ns.PopulationEncoder.of(np.eye(4), neurons=2), "neurons: must be an integer >= 3, not 2"),
    (lambda: ns.analysis.write_table([[1, 2]], "table.csv"), "frame: must be a DataFrame"),
    (lambda: ns.report(MODEL, None), "path: must"),
    (lambda: ns.analyse(_spikes(), "comparison", _spikes(), stimuli=TEST), "stimuli: have no effect"),
    (lambda: _spikes().sample(5, seed=None), "seed: must be an integer >= 0, not None"),
    (lambda: _spikes().only([]), "populations: is empty"),
    (lambda: ns.write_network("digits", "network.toml"), "network: must be a Network"),
    (lambda: ns.load_splits("digits"), "network: must be a Network"),
    (lambda: ns.write_network(NETWORK, 3), "path: must be"),
    (lambda: ns.write_idx(3, np.zeros(3, np.uint8)), "path: must be"),
    (lambda: ns.write_dataset(ns.load_dataset("digits"), 3), "path: must be"),
    (lambda: ns.calibrate(NETWORK, ENGINE, TEST), "engine: must be an engine"),
    (lambda: ns.calibrate(ENGINE, "digits", TEST), "network: must be a Network"),
    (lambda: ns.fit_psp(ENGINE), "engine: must be an OwnBrian2Engine, from netsim.brian2_engine"),
    (lambda: ns.match_family(ENGINE), "engine: must be an OwnBrian2Engine, from netsim.brian2_engine"),
    (lambda: ns.load_dataset("digits", encoder="mel"), "encoder: must be an Encoder"),
    (lambda: ns.load_dataset("digits", data_dir=3), "data_dir: must be a path"),
    (lambda: ns.calibrate(ENGINE, NETWORK, "digits"), "stimuli: must be a Stimuli"),
    (lambda: ns.plot(MODEL, "raster", stimuli=3), "stimuli: must be a Stimuli"),
    (lambda: ns.analysis.ablation_importance(MODEL, 3), "stimuli: must be a Stimuli"),
    (lambda: _described("\ud800"), "description: contains half a character"),
    (lambda: ns.read_network(None), "path: must be a path"),
    (lambda: ns.study(MODEL, "weight-noise", layers=[], stimuli=TEST), "layers: are empty"),
    (lambda: _described("." * 101), "description: has a line with 101 dots"),
    (lambda: ns.write_network(_with_feedback(2**63), "network.toml"), "integer of more than 64 bits"),
]

DATA: list[tuple[Callable[[], Any], str]] = [
    (lambda: ns.decide(np.zeros(3)), r"outputs: have the shape \(3,\); latencies \(ms\) of shape \(presentations, o"),
    (lambda: ns.compare(MODEL, TEST.first(0)), "stimuli: there are none"),
    (lambda: LEARNER.learn(_latencies(), np.array([3]), MODEL.weights), LABELS),
    (lambda: LEARNER.learn(_latencies(), np.zeros((4, 1), int), MODEL.weights), LABELS),
    (lambda: LEARNER.loss(_latencies()["output"], np.full(4, -1)), LABELS),
    (lambda: ADAM.step(MODEL.weights, {}, rate=0.1), r"Adam: has no moments yet; call begin\(weights\) before the"),
    (lambda: _decisions().strictly_correct(np.zeros((4, 1), int)), r"labels: have shape \(4, 1\); give .*, \(4,\)"),
    (lambda: ns.decide(_latencies()["output"] * np.nan), "outputs: contain NaN"),
    (lambda: ns.present(MODEL, TEST, index=[3, -1], engine=ENGINE), "index: contains -1; there are stimuli 0 to 19"),
    (lambda: ns.present(MODEL, TEST, index=[True] * 5, engine=ENGINE), "index: must be a sequence of integers"),
    (lambda: ns.present(MODEL, TEST, index=3, engine=ENGINE), "index: must be a sequence"),
    (lambda: ns.present(MODEL, TEST.first(0), index=[0], engine=ENGINE), "stimuli: there are none"),
    (lambda: ns.present(MODEL, TEST, index=[], engine=ENGINE), "index: is empty"),
    (lambda: ns.present(MODEL, TEST, index=np.ones(20, bool), engine=ENGINE), "index: must be a sequence of integers"),
    (lambda: ns.Stimuli(np.zeros((2, 8, 8, 1)), np.zeros(3, int), 1.0, ENCODER), "labels: there are 3 for 2 stimuli"),
    (lambda: _data([0, 10**9]), "training: has the label 1000000000, .* count labels from 0, or give words"),
    (lambda: _written(np.array([np.nan])), f"{UNWRITTEN} contains"),
    (lambda: _written(np.array(["a"])), f"{UNWRITTEN} contains"),
    (lambda: ENGINE.present(ns.Batch(TIMES.tolist(), MODEL.weights)), "stimuli: must be a numpy array, not list"),
    (lambda: _presented(np.ma.masked_greater(TIMES, 5.0)), f"stimuli: {MASKED}"),
    (lambda: _weighted(lambda array: np.ma.masked_less(array, 0)), rf"^weights: hidden.kernel {MASKED}, with .fil"),
    (lambda: _written(np.ma.masked_less(np.arange(3.0), 1)), f"{UNWRITTEN} {MASKED}"),
    (lambda: _presented(silenced={"hidden": FIRST}), f"silenced: hidden {MASKED}"),
    (lambda: _presented(thresholds={"hidden": np.ma.masked_equal(np.ones(200), 1)}), f"thresholds: hidden {MASKED}"),
    (lambda: ENCODER.prepare(np.ma.masked_equal(np.zeros((2, 64)), 0)), f"images: {MASKED}"),
    (lambda: _weighted(lambda array: array.tolist()), "hidden.kernel must be a numpy array, not list"),
    (lambda: _weighted(lambda array: array.astype(int)), "hidden.kernel must be an array of floats, not of int64"),
    (lambda: _study([0.5], stimuli=TEST.first(0)), "stimuli: there are none"),
    (lambda: _study([0.5], stimuli=_labelled(TEST, -1)), "stimuli: include a stimulus without a label"),
    (
        lambda: ns.analyse(MODEL, "importance", stimuli=_labelled(TEST, 12)),
        "stimuli: include a stimulus with the label",
    ),
    (lambda: ns.evaluate(_spikes().only(["stimulus", "output"])), "spikes: lack hidden; present all populations"),
    (lambda: ns.plot(_spikes().only(["stimulus", "hidden"]), "confusion"), "spikes: lack output; present all"),
    (
        lambda: ns.export(_spikes().only(["hidden"]), "a.csv", populations=["output"]),
        "output: .*; choose one of hidden",
    ),
    (lambda: ns.evaluate(_labelled(_spikes(), 12)), "spikes: include .* the label 12; labels from 0 to 9 are needed"),
    (lambda: _table(list(_latencies().values())), "latencies: must be a mapping from population name to .*, not list"),
    (lambda: ns.decide([[1.0, 2.0]]), "outputs: must be a numpy array, not list"),
    (lambda: ns.decide(np.array([[-np.inf, 1.0]])), "outputs: contain NaN or negative times"),
    (lambda: _table(_latencies() | {"output": np.full((4, 10), -1.0)}), f"latencies of output: {NAN}"),
    (lambda: _evaluated(lambda latencies: latencies * np.nan), f"latencies of hidden: {NAN}"),
    (lambda: ns.present(MODEL, TEST, engine=TWICE), r"latencies of hidden: have shape \(40, 200\), but \(20, 200\) is"),
    (lambda: _evaluated(None), "latencies: are of stimulus, output, but stimulus, hidden, output are needed"),
    (lambda: ns.evaluate(_spikes().head(0)), "spikes: have no presentations"),
    (lambda: ns.spikes.Spikes.of_layers([_spikes().layer("hidden")] * 2), "layers: two have one name"),
    (lambda: _of_layers(shapes={"hidden": (3, 4)}), r"shapes: hidden has 200 neurons, not the shape \(3, 4\)"),
    (lambda: _windowed(5.0), r"hidden: window must be two times in ms, \(begin, end\), not 5.0"),
    (lambda: ns.analysis.write_table(TWO, "table.csv"), "table.csv: two columns have one name"),
    (lambda: ns.analysis.write_table(WORD, "a.parquet"), "a.parquet: Parquet cannot .* convert 'x'.*; write .csv"),
    (lambda: ns.analysis.potential_table(_recorded(), [1.7]), "indices: must be 1 integers"),
    (lambda: ns.PopulationEncoder.of(np.ma.masked_equal([[1, 2], [-999, 5]], -999)), "table: is a masked array"),
    (lambda: ns.decide(_spikes().outputs).correct(TEST.labels.astype(str)), "labels: must be whole numbers, not <U"),
    (lambda: _windowed((0, np.inf)), "hidden: window must be two finite times in ms"),
    (lambda: ns.plot(MODEL, "confusion", stimuli=TEST.first(0)), "stimuli: there are none"),
]


MISTAKES = [(SpecificationError, *row) for row in SPECIFICATIONS] + [(DataError, *row) for row in DATA]


@pytest.mark.parametrize(("error", "call", "message"), [*MISTAKES, (TypeError, lambda: _open(limits=100), "limits")])
def test_a_mistake_is_refused_by_name(error: type[Exception], call: Callable[[], Any], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert not list(Path().iterdir())


def test_weights_that_come_with_edges_are_not_drawn(tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("pre,post,weight\n0,0,0.5\n3,1,0.25\n")
    rule = ns.EdgeList(3, str(edges))
    ns.initial_weights(_chain([ns.Layer("output", rule)]), 0)
    drawn = _chain([ns.Layer("output", rule, initial=ns.InitialWeights(spread=0.5))])
    with pytest.raises(SpecificationError, match=r"layers.output.initial: has no effect, because the connectivity"):
        ns.initial_weights(drawn, 0)


def test_parts_may_come_in_any_sequence() -> None:
    layers = {"output": ns.Layer("output", ns.Dense(3))}
    assert _chain(layers.values()) == _chain(iter(layers.values())) == _chain(list(layers.values()))


def test_a_field_that_is_filled_in_later_is_left_alone() -> None:
    @dataclass(frozen=True)
    class Own(netsim.MapWinners):
        table: Any = field(init=False)

        def __post_init__(self) -> None:
            super().__post_init__()
            object.__setattr__(self, "table", np.arange(self.first))

    assert Own(first=2).table.tolist() == [0, 1]


def test_pretrained_weights_of_other_synapses_are_refused() -> None:

    def network(seed: int, **settings: Any) -> Any:
        layers = [ns.Layer("hidden", ns.Random(20, indegree=6, seed=seed)), ns.Layer("output", ns.Dense(10))]
        return _chain(layers, training=ns.Training(epochs=1, validation=20, **settings))

    ns.open_training("first", network(1), limit=40).train()
    ns.open_training("same", network(1, pretrained="first"), limit=40)
    with pytest.raises(SpecificationError, match=r"first has other synapses in hidden, .* give the same seed or list"):
        ns.open_training("other", network(2, pretrained="first"), limit=40)


def test_numbers_of_numpy_are_numbers() -> None:
    labels = np.array([0, 4, 2])
    assert ns.Dense(labels.max() + 1) == ns.Dense(5)
    assert repr(ns.Convolution(np.int64(4), kernel=np.int32(3))) == "Convolution(maps=4, kernel=3, stride=1, padding=0)"
    assert ns.Training(epochs=np.int64(3), flips=np.True_) == ns.Training(epochs=3, flips=True)
    assert type(ns.Neurons(threshold=np.float32(2)).threshold) is float
    # in single precision 0.1 is another number, which nobody wrote
    for tenth in (np.float16(0.1), np.float32(0.1), np.array(0.1, np.float32), np.float64(0.1), np.longdouble("0.1")):
        assert [ns.make_engine(name, NETWORK, dt=tenth).dt for name in ("event", "brian2")] == [0.1, 0.1]
        assert ns.Training(dt=tenth) == ns.Training(dt=0.1)
        assert ns.Neurons(threshold=tenth).threshold == 0.1
        assert ns.IntensityEncoder((2, 2, 2), 16.0, constant=[tenth]).constant == (0.1,)
        assert ns.Projection("a", "b", ns.Dense(), delay=tenth).delay == 0.1
    table = np.array([0.1], np.float32)  # one of numbers that were measured is taken as it is
    assert ns.PopulationEncoder((1, 1, 4), low=table, high=table + 1).low == (float(table[0]),)
    assert ns.IntensityEncoder(np.array([8, 8, 1]), t_max=np.float64(16)) == ENCODER
    assert ns.MapWinners(first=np.int64(2)).first == 2
    images = np.arange(256).reshape(4, 8, 8)
    own = ns.make_dataset((images, [0, 1, 0, 1]), ENCODER, intensity_max=images.max())
    assert type(own.intensity_max) is int
    assert ns.RandomFeedback(seed=np.int64(2)).seed == 2
    assert ns.load_model("digits", seed=np.int64(1)).weights.keys() == MODEL.weights.keys()
    shown = ns.present(MODEL, TEST, index=np.flatnonzero(TEST.labels == TEST.labels[0]), engine=ENGINE)
    assert json.loads(json.dumps(presentation_records(shown)))[0]["index"] == 0


def test_indices_may_come_one_by_one() -> None:
    assert ns.present(MODEL, TEST, index=(index for index in (3, 1)), engine=ENGINE).indices.tolist() == [3, 1]


def test_a_description_is_that_of_a_name_or_of_a_model() -> None:
    expected = ns.describe(NETWORK)
    assert ns.describe("digits") == ns.describe(MODEL) == expected


def test_what_holds_arrays_is_equal_to_itself_alone() -> None:
    splits = ns.load_splits(NETWORK)
    for each, other in ((MODEL, ns.load_model("digits")), (TEST, splits.test), (splits, MODEL.splits())):
        assert each == each
        assert each != other


def test_a_name_alone_is_a_list_of_it() -> None:
    assert ns.analyse(MODEL, "latencies", limit=5, populations="hidden").table["layer"].unique().tolist() == ["hidden"]
    assert set(ns.evaluate(MODEL, TEST, engine=ENGINE, read_outs="strict").read_outs) == {"strict"}
    result = ns.study(MODEL, "lesion-neurons", [0.5], [0], stimuli=TEST, layers="hidden")
    assert result["layer"].dropna().unique().tolist() == ["hidden"]


def test_a_file_may_be_a_path(tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match=r"does not exist|is neither"):
        ns.load_model(Path("digits"))  # a path is no preset's name
    ns.write_network(NETWORK, tmp_path / "mine.toml")
    assert ns.load_model(tmp_path / "mine.toml").network == NETWORK


def test_a_report_in_a_folder_that_cannot_be_made_is_refused() -> None:
    Path("file").touch()
    with pytest.raises(RunError, match=r"^file/report-figures: cannot be created \(Not a directory\); choose another"):
        ns.report(MODEL, "file/report.html", limit=5)
