"""Views and the answers to the page, without a server."""

from __future__ import annotations

import base64
import csv
import dataclasses
import gzip
import inspect
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import netsim
from netsim.data.stimuli import SpikeStimuli
from netsim.exploring import Explorer, View
from netsim.exploring.asking import questions
from netsim.exploring.explorer import SupersededError, decision_of
from netsim.exploring.questions.about import about
from netsim.exploring.questions.accuracy import accuracy
from netsim.exploring.questions.causes import causes
from netsim.exploring.questions.deciding_neurons import deciding_neurons
from netsim.exploring.questions.effects import effects
from netsim.exploring.questions.figure import figure
from netsim.exploring.questions.plane import plane
from netsim.exploring.questions.repeats import repeats
from netsim.exploring.questions.search import search
from netsim.exploring.questions.shares import shares
from netsim.exploring.questions.spikes import spikes as spikes_of
from netsim.exploring.questions.table import table
from netsim.exploring.view import Changed
from netsim.measuring.metrics import decide
from netsim.seams import studies
from netsim.spikes.labels import UNLABELLED
from netsim.studies.study import ImageStudy
from netsim.weights.layout import initial_delays
from tests.exploring.networks import images, recordings


@pytest.fixture(scope="module")
def looped() -> Explorer:
    return Explorer(*images())


@pytest.fixture(scope="module")
def recorded() -> Explorer:
    return Explorer(*recordings())


def _read(explorer: Explorer, answer: bytes) -> tuple[dict[str, Any], list[dict[str, np.ndarray]]]:
    """Read an answer as the page does."""
    length = int.from_bytes(answer[:4], "little")
    floats = np.frombuffer(answer[4 + length :], "<f4")
    views: list[dict[str, np.ndarray]] = []
    header = json.loads(answer[4 : 4 + length])
    for _ in range(2):
        view = {}
        for name, shape in explorer.network.shapes.items():
            view[name], floats = np.split(floats, [int(np.prod(shape))])
        floats = floats[2 * sum(header["samples"][len(views)]) :]  # potentials of the outputs
        views.append(view)
    assert not len(floats)
    return header, views


def test_an_answer_has_the_spikes_that_present_returns(looped: Explorer) -> None:
    header, (shown, other) = _read(looped, spikes_of(looped, View(index=2), View(index=2)).content)
    spikes = netsim.present(looped.model, looped.stimuli, index=[2])
    for name in spikes:
        np.testing.assert_array_equal(shown[name], spikes[name].ravel().astype(np.float32))
        np.testing.assert_array_equal(other[name], shown[name])
    assert header["decision"]["choice"] == netsim.decide(spikes.outputs).choice[0]
    first, second = np.sort(spikes.outputs[0])[:2]
    assert header["decision"]["margin"] == pytest.approx(second - first)
    assert {each[key] for each in header["populations"] for key in ("gained", "lost", "moved", "shift")} == {0}


@pytest.mark.parametrize("study", ["weight-noise", "spike-jitter", "threshold-heterogeneity", "delay-jitter"])
def test_a_study_is_that_of_the_registry(looped: Explorer, study: str) -> None:
    spikes = looped.show(View(index=1, studies={study: 0.3}, seed=5)).spikes
    same = netsim.present(looped.model, looped.stimuli.pick(np.array([1])), disturbance=(study, 0.3), seed=5)
    for name in spikes:
        np.testing.assert_array_equal(spikes[name], same[name])


def test_lesions_of_several_studies_add_up(looped: Explorer) -> None:
    batch = netsim.Batch(looped.stimuli.latencies(np.arange(1)), looped.model.weights)
    levels = {"lesion-maps": 0.4, "lesion-neurons": 0.3}
    alone = [
        View(studies={name: level}).change(looped.network, batch).silenced["maps"] for name, level in levels.items()
    ]
    both = View(studies=levels).change(looped.network, batch).silenced["maps"]
    assert (alone[0] != alone[1]).any()
    np.testing.assert_array_equal(both, alone[0] | alone[1])


def test_a_view_changes_the_thresholds_and_delays_that_a_batch_has(looped: Explorer) -> None:
    network, generator = looped.network, np.random.default_rng(1)
    own, late = generator.uniform(0.5, 2.0, (6, 6, 3)), generator.uniform(0.0, 4.0, (12,))
    stimuli = looped.stimuli.latencies(np.arange(1))
    batch = netsim.Batch(stimuli, looped.model.weights, thresholds={"maps": own}, delays={"output": late})
    changed = View(threshold=1.5, delay=3.0).change(network, batch)
    expected = {"maps": 1.5 * own, "loop": np.full(12, 1.5), "output": np.full(4, 1.5)}
    assert changed.thresholds.keys() == expected.keys()
    for name, thresholds in expected.items():
        np.testing.assert_allclose(changed.thresholds[name], thresholds)
    np.testing.assert_allclose(changed.delays["output"], late + 3)
    np.testing.assert_allclose(changed.delays["maps"], np.full((8, 8, 1), 3.0))
    same = View(studies={"weight-noise": 0.1}).change(network, batch)
    np.testing.assert_array_equal(same.thresholds["maps"], own)
    np.testing.assert_array_equal(same.delays["output"], late)


def test_numbers_of_numpy_are_python_numbers_in_programs_and_links() -> None:
    studied: Any = {"contrast": np.float32(0.5), "delay": np.int64(2), "studies": {"dropout": np.float64(0.1)}}
    many = View(occluded=(np.float64(0.1), 0.2), **studied)
    assert View.of_text(many.to_text()) == View(contrast=0.5, delay=2, occluded=(0.1, 0.2), studies={"dropout": 0.1})
    assert "np." not in many.python("digits")


@pytest.mark.parametrize(("outputs", "recorded"), [(32, 32), (33, 0)])
def test_potentials_of_up_to_32_outputs_are_sent(outputs: int, recorded: int) -> None:
    layer = netsim.Layer("output", netsim.Dense(outputs), netsim.Neurons("free", 1.0, 8.0))
    network = netsim.Network.chain("many", netsim.LatencyEncoder((1, 1, 2), 16.0), [layer], 64.0)
    explorer = Explorer(network, SpikeStimuli(np.full((1, 1, 1, 2), 3.0), np.array([0]), None, network.encoder))
    answer = spikes_of(explorer, View()).content
    assert len(json.loads(answer[4 : 4 + int.from_bytes(answer[:4], "little")])["samples"][0]) == recorded


def test_an_explorer_knows_whether_it_has_presented() -> None:
    explorer = Explorer(*images())
    assert not explorer.has_shown
    explorer.show(View())
    assert explorer.has_shown


def test_many_stimuli_have_the_noise_of_present(looped: Explorer) -> None:
    """Stimuli in different batches have different draws."""
    stimuli = looped.stimuli.pick(np.zeros(300, int))
    view = View(studies={"spike-jitter": 0.3}, seed=5)
    outputs = looped.present_outputs(view, stimuli)
    expected = netsim.present(looped.model, stimuli, disturbance=("spike-jitter", 0.3), seed=5).outputs
    np.testing.assert_array_equal(outputs, expected)
    assert len(np.unique(outputs, axis=0)) > 250


def test_a_relay_is_caused_by_the_spike_that_arrives_first() -> None:
    delay = netsim.Delays("axon", mean=8.0, spread=8.0)
    projections = (
        netsim.Projection("stimulus", "pool", netsim.Pooling(2), delay=delay),
        netsim.Projection("pool", "output", netsim.Dense(2)),
    )
    neurons = netsim.Neurons("free", 0.1, 8.0)
    populations = (netsim.Population("pool", (2, 2, 1), None), netsim.Population("output", (2,), neurons))
    network = netsim.Network("n", netsim.LatencyEncoder((4, 4, 1), 16.0), populations, projections, duration=128.0)
    latencies = np.random.default_rng(0).uniform(0.0, 16.0, (5, 4, 4, 1))
    stimuli = SpikeStimuli(latencies, np.full(5, -1), None, network.encoder)
    model = netsim.Model(network, netsim.initial_weights(network, 0) | initial_delays(network, 0))
    explorer = Explorer(model, stimuli)
    late = model.weights["pool.delay"].ravel()
    pre, post, _ = network.connections(network.projections[0])
    for index in range(5):
        spikes = explorer.show(View(index=index)).spikes
        for neuron in range(4):
            inputs = pre[post == neuron]
            arrivals = latencies[index].ravel()[inputs] + late[inputs]
            (cause,) = causes(explorer, View(index=index), "pool", neuron)["causes"]
            assert cause["neurons"][0] == inputs[arrivals.argmin()]
            assert cause["times"][0] == spikes["pool"].ravel()[neuron]
            chain = shares(explorer, View(index=index), "pool", neuron)["chain"]
            assert chain[-1]["neuron"] == inputs[arrivals.argmin()]


def test_programs_name_the_file_of_a_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    netsim.write_network(netsim.load_preset("digits"), file)
    assert f"netsim.present({str(file)!r}" in View().python(Explorer(file).name)
    assert Explorer("digits").name == Explorer(netsim.load_model("digits")).name == "digits"


def test_programs_have_variables_for_objects() -> None:
    """No name stands for a network object, drawn weights or stimuli of a program."""
    model = netsim.load_model("digits", seed=1)
    stimuli = model.splits().training.first(5)
    for explorer in (Explorer(model), Explorer("digits", stimuli), Explorer(model.network)):
        assert not explorer.is_named
    spaces: dict[str, Any] = {"model": model, "stimuli": stimuli}
    for view in (View(index=2), View(index=2, contrast=0.8)):
        exec(view.python(None), spaces)
        expected = Explorer(model, stimuli).show(view).spikes
        np.testing.assert_array_equal(spaces["spikes"]["output"], expected["output"])
    assert View().command(None).startswith("# none")
    assert Explorer("digits").is_named
    assert Explorer(model, stimuli, name="digits").is_named


def test_changes_are_counted(looped: Explorer) -> None:
    view = View(silenced={"loop": (1, 2)}, maps={"maps": (0,)}, studies={"weight-noise": 0.1}, threshold=1.1)
    header, (shown, other) = _read(looped, spikes_of(looped, view, view.unchanged).content)
    assert np.isinf(shown["loop"][[1, 2]]).all()
    assert np.isinf(shown["maps"].reshape(36, 3)[:, 0]).all()
    for each in header["populations"]:
        now, before = shown[each["name"]], other[each["name"]]
        assert each["spikes"] == np.isfinite(now).sum()
        assert each["lost"] == (np.isfinite(before) & np.isinf(now)).sum()
        assert each["gained"] == (np.isfinite(now) & np.isinf(before)).sum()
    assert header["populations"][0]["moved"] == 0  # noise of weights does not change the stimulus
    assert sum(each["lost"] + each["moved"] for each in header["populations"]) > 0


def test_intensities_change(looped: Explorer) -> None:
    pale = looped.show(View(contrast=0.5)).spikes["stimulus"]
    plain = looped.show(View()).spikes["stimulus"]
    seen = np.isfinite(plain)
    np.testing.assert_allclose(16 - pale[seen], (16 - plain[seen]) / 2)
    hidden = looped.show(View(occlusion=0.5, occluded=(0.25, 0.75))).spikes["stimulus"][0, ..., 0]
    assert np.isinf(hidden[4:, :4]).all()
    np.testing.assert_array_equal(hidden[:4], plain[0, :4, :, 0])
    image = looped.stimuli.images[:1] / 255
    for seed in (0, 1):
        shown = np.clip(image + 0.1 * np.random.default_rng(seed).standard_normal(image.shape), 0, 1)
        expected = np.where(shown > 0, 16 * (1 - shown), np.inf)
        np.testing.assert_allclose(looped.show(View(noise=0.1, seed=seed)).spikes["stimulus"], expected, atol=1e-9)


def test_a_drawing_is_presented(looped: Explorer) -> None:
    levels = np.zeros((8, 8), np.uint8)
    levels[3, 4] = 255
    shown = looped.show(View(drawing=base64.b64encode(levels.tobytes()).decode()))
    assert np.argwhere(np.isfinite(shown.spikes["stimulus"])).tolist() == [[0, 3, 4, 0]]
    assert shown.spikes.labels is None


def test_events_are_occluded_and_disturbed(recorded: Explorer) -> None:
    answer = about(recorded)
    assert answer["sample"] is None
    assert any(each["stimulus"] for each in answer["studies"])
    view = View(index=1, occlusion=0.5, studies={"spike-deletion": 0.2})
    header, (shown, _) = _read(recorded, spikes_of(recorded, view, view.unchanged).content)
    assert np.isinf(shown["stimulus"].reshape(8, 8, 2)[2:6, 2:6]).all()
    assert header["decision"]["label"] == 1
    with pytest.raises(netsim.NetsimError, match="intensities"):
        recorded.show(View(contrast=0.5))


@pytest.mark.parametrize("dt", [0.0, 0.5])
@pytest.mark.parametrize("layer", ["maps", "loop", "output"])
def test_causes_sum_to_the_potential(looped: Explorer, layer: str, dt: float) -> None:
    view = View(index=3, dt=dt, studies={"weight-noise": 0.2, "delay-jitter": 0.5})
    shown = looped.show(view)
    fired = np.flatnonzero(np.isfinite(shown.spikes[layer].ravel()))
    network, weights = looped.network, shown.batch.weights
    population = network.population(layer)
    for neuron in fired[:3].tolist():
        answer = causes(looped, view, layer, neuron)
        values = [value for each in answer["causes"] for value in each["potentials"]]
        bias = weights[f"{layer}.bias"].ravel()[neuron % population.maps]
        time, gate, onset = answer["latency"], population.dynamics.onset, population.dynamics.onset
        own = (bias * min(time, gate) + population.dynamics.drive * (time - onset)) / population.dynamics.tau
        assert sum(values) + own == pytest.approx(answer["reached"])
        assert answer["rest"] == pytest.approx(own)
        for psp, size in zip(answer["psps"], sorted(map(abs, values), reverse=True), strict=False):
            assert psp["points"][0][-1] == time
            assert abs(psp["points"][1][-1]) == pytest.approx(size)
        if not dt and time > onset:
            assert answer["reached"] == pytest.approx(answer["threshold"])
        for each in answer["causes"]:
            sizes = np.abs(each["potentials"])
            assert (np.diff(sizes) <= 0).all()
            assert (np.array(each["times"]) <= time).all()


@pytest.mark.parametrize("layer", ["loop", "output"])
def test_shares_are_followed_to_the_stimulus(looped: Explorer, layer: str) -> None:
    shown = looped.show(View())
    neuron = int(np.argmin(shown.spikes[layer].ravel()))
    answer = shares(looped, View(), layer, neuron)
    expected: dict[int, float] = {}
    parts: dict[tuple[str, int], list[tuple[tuple[str, int], float]]] = {}

    def follow(place: tuple[str, int], share: float) -> None:
        """Each neuron hands on its share in proportion to potentials; a relay hands all to its earliest input."""
        if place not in parts:
            given = [each for each in causes(looped, View(), *place)["causes"] if each["neurons"]]
            inputs = [(each["source"], source) for each in given for source in each["neurons"]]
            added = [1.0] if place[0] == "pooled" else [value for each in given for value in each["potentials"]]
            total = sum(map(abs, added))
            parts[place] = [(source, value / total) for source, value in zip(inputs, added, strict=False)]
        if place[0] == "stimulus":
            expected[place[1]] = expected.get(place[1], 0.0) + share
        for source, part in parts[place]:
            follow(source, share * part)

    follow((layer, neuron), 1.0)
    assert dict(zip(answer["neurons"], answer["shares"], strict=True)) == pytest.approx(expected)
    first, second = answer["chain"][:2]
    assert (first["layer"], first["neuron"]) == (layer, neuron)
    added = [
        (value, each["source"], source)
        for each in causes(looped, View(), layer, neuron)["causes"]
        for source, value in zip(each["neurons"], each["potentials"], strict=True)
    ]
    assert (second["layer"], second["neuron"]) == max(added)[1:]


def test_receptive_fields_are_weights(looped: Explorer) -> None:
    (field,) = causes(looped, View(), "output", 2)["fields"]
    kernel = looped.model.weights["output.kernel"]
    np.testing.assert_allclose(field["weights"], kernel[:, 2], rtol=1e-3)


@pytest.mark.parametrize(("layer", "part"), [("stimulus", "pixels"), ("loop", "neurons"), ("maps", "maps")])
def test_each_change_is_the_same_as_alone(
    looped: Explorer, layer: str, part: Literal["pixels", "neurons", "maps"]
) -> None:
    view = View(index=1, studies={"spike-jitter": 0.5}, silenced={"loop": (0,)}, maps={"maps": (2,)})
    answer = effects(looped, view, layer, part, None, 4)
    plain = looped.show(view)
    for k in (0, len(answer["numbers"]) - 1):
        number = answer["numbers"][k]
        if part == "pixels":
            stimuli = plain.batch.stimuli.copy()
            stimuli.flat[number] = np.inf if np.isfinite(stimuli.flat[number]) else 0.0
            batch = dataclasses.replace(plain.batch, stimuli=stimuli)
            outputs = netsim.make_engine("event", looped.network).present(batch)["output"]
        elif part == "maps":
            outputs = looped.show(dataclasses.replace(view, maps={"maps": (2, number)})).spikes.outputs
        else:
            outputs = looped.show(dataclasses.replace(view, silenced={"loop": (0, number)})).spikes.outputs
        assert answer["choices"][k] == netsim.decide(outputs).choice[0]
        times = np.minimum(outputs[0], looped.network.duration)
        assert answer["leads"][k] == np.delete(times, answer["choice"]).min() - times[answer["choice"]]
    assert (answer["accuracy"] is not None) == (part == "maps")


def test_right_decisions_are_counted(looped: Explorer) -> None:
    view = View(index=2, contrast=0.7, maps={"maps": (1,)})
    answer = accuracy(looped, view, view.unchanged, 5)
    decided = [looped.show(dataclasses.replace(view, index=index)).spikes.outputs for index in range(5)]
    choices = np.array([netsim.decide(outputs).choice[0] for outputs in decided])
    assert answer["right"] == (choices == looped.stimuli.labels[:5]).sum()
    assert answer["count"] == 5


def test_ties_are_not_right(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer(*images())
    outputs = np.full((6, 4), np.inf)
    outputs[np.arange(6), explorer.stimuli.labels] = 5.0
    tied = outputs.copy()
    tied[4, :] = 5.0
    monkeypatch.setattr(explorer, "present_outputs", lambda view, _: tied if view.silenced else outputs)
    answer = accuracy(explorer, View(silenced={"output": (0,)}), View(), 6)
    assert answer == {"count": 6, "right": 5, "against": 6, "changed": 1}
    assert search(explorer, View(), "wrong")["index"] is None
    assert search(explorer, View(silenced={"output": (0,)}), "wrong")["index"] == 4


def test_a_newer_question_ends_an_older_one(looped: Explorer) -> None:
    asked = iter([False, True])
    with pytest.raises(SupersededError):
        looped.ask("effects", {"view": {"seed": 99}, "layer": "loop", "part": "neurons"}, lambda: next(asked))


@pytest.mark.parametrize("regime", ["free", "staggered"])
def test_a_regime_is_that_of_a_network_specified_with_it(looped: Explorer, regime: str) -> None:
    view = View(regime=regime, delay=2.0)
    spikes = looped.show(view).spikes
    network = view.network(looped.network)
    assert {each.neurons.regime for each in network.populations if each.neurons} == {regime}
    weighted = [each for each in network.projections if network.weight_shape(each)]
    late = {each.name: np.full(network.shapes[each.source], 2.0) for each in weighted}
    batch = netsim.Batch(looped.stimuli.latencies(np.array([0])), looped.model.weights, delays=late)
    for name, latencies in netsim.make_engine("event", network).present(batch).items():
        np.testing.assert_array_equal(spikes[name], latencies)
    assert "phased" in about(looped)["regimes"]


def test_brian2_fires_as_the_grid() -> None:
    pytest.importorskip("brian2")
    explorer = Explorer("yin-yang")
    header, (shown, other) = _read(explorer, spikes_of(explorer, View(engine="brian2", dt=1.0), View(dt=1.0)).content)
    assert sum(each["moved"] + each["gained"] + each["lost"] for each in header["populations"]) == 0
    assert np.isfinite(shown["output"]).any()
    assert (shown["hidden"] == other["hidden"]).all()


def test_the_stored_demo_has_the_answers_of_today() -> None:
    path = Path(netsim.__file__).parent.parent / "docs" / "howto" / "explore" / "demo.json.gz"
    if not path.is_file():
        pytest.skip("the documentation is not there")
    stored = json.loads(gzip.decompress(path.read_bytes()))
    explorer = Explorer("digits")
    assert stored["about:0"].keys() == about(explorer).keys(), "run python docs/_extensions/explorer_demo.py"
    for question in (causes, shares):
        assert stored[f"{question.__name__}:0:output:0"].keys() == question(explorer, View(), "output", 0).keys()
    assert stored["effects:0:stimulus:pixels"].keys() == effects(explorer, View(), "stimulus", "pixels", None, 0).keys()
    header = _read(explorer, base64.b64decode(stored["spikes:0"]))[0]
    assert header.keys() == _read(explorer, spikes_of(explorer, View(), View()).content)[0].keys()


def test_relays_and_stimuli_have_inputs_and_none(looped: Explorer) -> None:
    pooled = looped.show(View()).spikes["pooled"].ravel()
    neuron = int(np.argmin(pooled))
    (cause,) = causes(looped, View(), "pooled", neuron)["causes"]
    assert cause["times"][0] == pooled[neuron]
    assert causes(looped, View(), "stimulus", 3)["causes"] == []


def test_the_plane_of_yin_yang() -> None:
    explorer = Explorer("yin-yang")
    answer = plane(explorer, View(), part=3)
    choice, side = np.array(answer["choice"]).reshape(-1, answer["side"]), answer["side"]
    at = np.round(explorer.stimuli.images[:, 0, 0, :2] * (side - 1)).astype(int)
    there = at[:, 1] % answer["parts"] == 3
    assert (choice[at[there, 1] // answer["parts"], at[there, 0]] == explorer.stimuli.labels[there]).mean() > 0.8
    assert choice.shape == (4, 64)
    for row, column in ((0, 5), (2, 40), (3, 63)):
        x, y = column / 63, (16 * row + 3) / 63
        point = netsim.Stimuli(np.array([[[[x, y, 1 - x, 1 - y]]]]), np.zeros(1, int), 1.0, explorer.network.encoder)
        assert choice[row, column] == netsim.decide(netsim.present(explorer.model, point).outputs).choice[0]


def test_the_program_and_the_command_give_the_same() -> None:
    explorer = Explorer("digits")
    changed = View(index=4, silenced={"hidden": (3, 5)}, studies={"spike-jitter": 1.0}, contrast=0.8)
    for view in (View(index=4), changed):
        spaces: dict[str, Any] = {}
        exec(view.python("digits"), spaces)
        for name, latencies in explorer.show(view).spikes.items():
            np.testing.assert_array_equal(spaces["spikes"][name], latencies)
    assert View(index=4).command("digits") == "netsim simulate digits --index 4"
    assert View(index=4).command("digits", seed=3) == "netsim simulate digits --index 4 --seed 3"
    drawn = Explorer(netsim.load_model("digits", seed=3), name="digits", seed=3)
    exec(View(index=4).python(drawn.name, drawn.seed), spaces)
    np.testing.assert_array_equal(spaces["spikes"]["output"], drawn.show(View(index=4)).spikes["output"])
    assert View(dt=0.30000007).command("digits") == "netsim simulate digits --index 0 --dt 0.30000007"
    state = changed.command("digits").split()[-1]
    assert View.of_text(state).to_text() == state


def test_tables_and_figures(looped: Explorer) -> None:
    rows = [*csv.DictReader(io.StringIO(table(looped, View(index=2)).content.decode()))]
    spikes = looped.show(View(index=2)).spikes
    fired = [
        (name, k, time) for name in spikes for k, time in enumerate(spikes[name].ravel().tolist()) if time < np.inf
    ]
    told = [(row["layer"], int(row["neuron"]), float(row["latency_ms"])) for row in rows]
    assert sorted(told) == sorted(fired)
    assert {row["presentation"] for row in rows} == {"2"}
    begins: dict[Literal["png", "svg", "pdf"], bytes] = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for suffix, begin in begins.items():
        assert figure(looped, View(), suffix).content.startswith(begin)


def test_results_are_kept_for_the_latest_views_only(looped: Explorer) -> None:
    for seed in range(20):
        spikes_of(looped, View(seed=seed, noise=0.1), View(dt=0.25 * (seed % 8 + 1)))
    assert len(looped._shown._kept) <= 6
    assert len(looped._engines._kept) <= 4


def test_an_engine_changes_every_batch(looped: Explorer) -> None:
    engine = View(maps={"maps": (1,)}).make_engine(looped.network)
    assert isinstance(engine, Changed)
    spikes = netsim.present(looped.model, looped.stimuli, engine=engine)
    assert np.isinf(spikes["maps"][..., 1]).all()
    batch = netsim.Batch(looped.stimuli.latencies(np.arange(6)), looped.model.weights)
    np.testing.assert_array_equal(engine.present(batch)["output"], spikes["output"])


def _state(**state: Any) -> dict[str, Any]:
    return {"view": state}


def _on(layer: Any, **given: Any) -> dict[str, Any]:
    return {"view": {}, "layer": layer, **given}


@pytest.mark.parametrize(
    ("question", "given", "part"),
    [
        ("spikes", {"view": []}, "an object"),
        ("spikes", _state(file="/etc/passwd"), "must be one of"),
        ("spikes", _state(index=-1), "index"),
        ("spikes", _state(index=True), "index"),
        ("spikes", _state(index=1e9), "index"),
        ("spikes", _state(index=10**6), "there are stimuli"),
        ("spikes", _state(drawing="!"), "base64"),
        ("spikes", _state(drawing="AAAA"), "64 are needed"),
        ("spikes", _state(drawing=3), "base64"),
        ("spikes", _state(contrast=float("nan")), "contrast"),
        ("spikes", _state(contrast="x"), "contrast"),
        ("spikes", _state(contrast=True), "contrast"),
        ("spikes", _state(occluded=[0.5]), "occluded"),
        ("spikes", _state(occluded=[0.5, 9]), "occluded"),
        ("spikes", _state(dt=-1), "dt"),
        ("spikes", _state(dt=1e-300), "dt"),
        ("spikes", _state(seed=2**63), "seed"),
        ("spikes", _state(seed=2**53), r"^state\.seed: must be a whole number from 0 to 2\^53 - 1"),
        ("spikes", _state(studies={"lesion": 1}), "not known"),
        ("spikes", _state(studies={"time-step": 1}), "simulation"),
        ("spikes", _state(studies={"weight-noise": -1}), "level"),
        ("spikes", _state(studies={"weight-noise": None}), "number"),
        ("spikes", _state(studies=3), "studies"),
        ("spikes", _state(silenced={"nobody": [1]}), "does not exist"),
        ("spikes", _state(silenced={"stimulus": [1]}), "does not exist"),
        ("spikes", _state(silenced={"loop": [99]}), "0 to 11"),
        ("spikes", _state(silenced={"loop": ["1"]}), "whole numbers"),
        ("spikes", _state(maps={"maps": [3]}), "0 to 2"),
        ("spikes", _state(threshold=0), "threshold"),
        ("spikes", _state(delay=-1), "delay"),
        ("spikes", _state(regime="none"), "regime"),
        ("spikes", _state(engine=["event"]), "engine"),
        ("spikes", _state(engine="brian2", dt=0), "dt"),
        ("spikes", [], "."),
        ("spikes", {}, "."),
        ("spikes", {"view": {}, "file": "/etc/passwd"}, "."),
        ("open", {}, "."),
        ("causes", _on("loop", neuron=12), "."),
        ("causes", _on("loop", neuron="1"), "."),
        ("causes", _on("loop", neuron=True), "."),
        ("causes", _on("nobody", neuron=1), "."),
        ("causes", _on(3, neuron=1), "."),
        ("shares", _on("loop", neuron=-1), "."),
        ("effects", _on("loop", part="pixels"), "."),
        ("effects", _on("loop", part="all"), "."),
        ("effects", _on("nobody", part="neurons"), "."),
        ("effects", _on("maps", part="maps", count=-1), "."),
        ("effects", _on("loop", part="neurons", rival=99), "."),
        ("repeats", {"view": {}, "count": 0}, "^question: count must be from 1 to 100, not 0$"),
        ("repeats", {"view": {}, "count": 101}, "^question: count must be from 1 to 100, not 101$"),
        ("search", {"view": {}, "which": "wrong", "again": 1}, "."),
        ("figure", {"view": {}, "format": "../../x"}, "."),
        ("plane", {"view": {}}, "."),
    ],
)
def test_bad_questions_are_refused(looped: Explorer, question: str, given: Any, part: str) -> None:
    with pytest.raises(netsim.NetsimError, match=part):
        looped.ask(question, given)


@pytest.mark.parametrize("text", ["", "x", "#e30x", "//", "[" * 5000])
def test_bad_links_are_refused(text: str) -> None:
    with pytest.raises(netsim.NetsimError, match="state"):
        View.of_text(text)


def test_a_switched_pixel_does_what_trying_it_told() -> None:
    explorer = Explorer("digits")
    answer = effects(explorer, View(), "stimulus", "pixels", None, 0)
    strongest = int(np.argmin(answer["leads"]))
    view = View(switched=(answer["numbers"][strongest],))
    shown = explorer.show(view).spikes
    assert (np.isfinite(shown["stimulus"]) != np.isfinite(explorer.show(View()).spikes["stimulus"])).sum() == 1
    assert int(decide(shown.outputs).choice[0]) == answer["choices"][strongest]
    assert view.unchanged == View()
    with pytest.raises(netsim.NetsimError, match="stimulus has 0 to 63"):
        explorer.show(View(switched=(64,)))


def test_lesioned_maps_are_not_tried_again(looped: Explorer) -> None:
    assert effects(looped, View(maps={"maps": (1,)}), "maps", "maps", None, 0)["numbers"] == [0, 2]


def test_a_lesioned_neuron_tells_when_it_would_have_fired(looped: Explorer) -> None:
    latencies = looped.show(View()).spikes["loop"].ravel()
    neuron = int(np.argmin(latencies))
    answer = causes(looped, View(silenced={"loop": (neuron,)}), "loop", neuron)
    assert answer["latency"] is None
    assert answer["lesioned"]
    assert answer["otherwise"] == latencies[neuron]


def test_the_table_says_the_changes(looped: Explorer) -> None:
    (first, *_) = csv.DictReader(io.StringIO(table(looped, View(index=2, threshold=0.9)).content.decode()))
    assert first["changes"] == "threshold x 0.9"
    assert first["test_stimulus"] == "2"


def test_close_decisions_come_by_their_lead(looped: Explorer) -> None:
    first = search(looped, View(), "close")
    second = search(looped, View(index=first["index"]), "close", again=True)
    outputs = [np.sort(looped.show(View(index=index)).spikes["output"].ravel()) for index in range(6)]
    order = np.argsort([times[1] - times[0] for times in outputs], kind="stable")
    assert [each["index"] for each in (first, second)] == order[:2].tolist()
    assert (first["rank"], second["rank"]) == (1, 2)


def test_the_deciding_neuron_costs_most_of_the_lead(looped: Explorer) -> None:
    answer = deciding_neurons(looped, View(index=1))
    lead = {(each["layer"], each["neuron"]): each["lead"] for each in answer["neurons"]}
    assert list(lead.values()) == sorted(lead.values())
    for layer in ("maps", "loop"):
        found = effects(looped, View(index=1), layer, "neurons")
        worst = int(np.argmin(found["leads"]))
        assert min(lead.values()) <= found["leads"][worst]
        assert lead.get((layer, found["numbers"][worst]), found["leads"][worst]) == found["leads"][worst]
    first = causes(looped, View(index=1), "output", answer["choice"])["causes"][0]
    added = dict(zip(first["neurons"], first["potentials"], strict=True))
    for each in answer["neurons"]:
        assert (each["added"] is not None) == (each["layer"] == "loop" and each["neuron"] in added)
        if each["added"] is not None:
            assert each["added"] == added[each["neuron"]]
            assert each["rank"] == 1 + sum(other > each["added"] for other in added.values())


def test_nothing_decides_without_an_output_spike(looped: Explorer) -> None:
    silent = View(silenced={"output": (0, 1, 2, 3)})
    assert effects(looped, silent, "loop", "neurons")["choice"] == -1
    assert deciding_neurons(looped, silent)["choice"] == -1


def test_the_accuracy_without_each_map_is_counted(looped: Explorer) -> None:
    answer = effects(looped, View(), "maps", "maps", count=6)["accuracy"]
    assert answer["count"] == 6
    for k, (right, changed) in enumerate(zip(answer["right"], answer["changed"], strict=True)):
        over = accuracy(looped, View(maps={"maps": (k,)}), View(), 6)
        assert (right, changed, answer["before"]) == (over["right"], over["changed"], over["against"])


def test_silence_is_not_right_without_a_label() -> None:
    network, stimuli = images()
    explorer = Explorer(network, dataclasses.replace(stimuli, labels=np.full(6, UNLABELLED)))
    silent = View(silenced={"output": (0, 1, 2, 3)})
    answer = accuracy(explorer, silent, silent, 6)
    assert (answer["right"], answer["against"]) == (0, 0)
    assert search(explorer, silent, "wrong")["count"] == 0


def test_decisions_of_one_label_are_found(looped: Explorer) -> None:
    answer = search(looped, View(), "close", label=1)
    assert looped.stimuli.labels[answer["index"]] == 1
    assert answer["searched"] == (looped.stimuli.labels == 1).sum()


def test_sliders_suit_the_stimulus(looped: Explorer, registered: Callable[..., None]) -> None:
    def names(explorer: Explorer) -> set[str]:
        return {each["name"] for each in about(explorer)["studies"]}

    assert names(looped) - names(Explorer("yin-yang")) == {"spatial-jitter", "lesion-maps"}
    registered(studies, "inverted", ImageStudy("inverted", "", "", (1.0,), neutral=0.0, does=lambda *_: None))
    assert "inverted" not in names(looped)


def test_seeds_are_repeated(looped: Explorer) -> None:
    answer = repeats(looped, View(index=1, noise=0.3), 3)
    views = [looped.show(View(index=1, noise=0.3, seed=seed)) for seed in range(3)]
    assert answer["choices"] == [decision_of(each.spikes)["choice"] for each in views]
    firsts = [np.sort(each.spikes["output"].ravel())[:2] for each in views]
    assert answer["margins"] == pytest.approx([second - first for first, second in firsts])
    assert answer["label"] == 1


def test_every_question_is_described() -> None:
    for name, function in questions.items():
        assert (inspect.getdoc(function) or "").endswith("."), name


def test_changes_have_units() -> None:
    view = View(studies={"spike-jitter": 5.0, "weight-noise": 0.1}, delay=2.0)
    assert view.changes == "spike-jitter 5 ms, weight-noise 0.1, delay 2 ms"


def test_views_accept_whole_numbers_of_numpy() -> None:
    numbers = np.array([3, 4])
    view = View(index=numbers[0], switched=tuple(numbers), silenced={"hidden": tuple(numbers)})
    assert view == View(index=3, switched=(3, 4), silenced={"hidden": (3, 4)})
    assert View.of_text(view.to_text()) == view
