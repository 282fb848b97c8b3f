"""What the experiments measure, computed once more in plain loops from the spikes of the same tiny networks."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import netsim
from netsim.data.augmentation import jitter
from netsim.data.idx import read_idx
from netsim.data.stimuli import SpikeStimuli
from netsim.engines import Batch, make_engine
from netsim.experiments.experiment import Unit
from netsim.experiments.kinds.odours.receptors import Kinetics
from netsim.experiments.kinds.stdp.stages import Stages
from netsim.experiments.settings import make_experiment
from netsim.experiments.training import trained
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.weights.initial import initial_weights
from tests.experiments.tiny import tiny_settings


def _measured(name: str, images: str, **changed: Any) -> tuple[Any, pd.DataFrame, Any]:
    """Return an experiment at tiny settings, its table and the axes of its figure."""
    given = tiny_settings(name, images) | changed
    result = netsim.experiment(name, quick=True, seeds=1, settings=given)
    return make_experiment(name, True, given), result.table, result.figure().axes


@contextmanager
def _of_unit(made: Any, network: netsim.Network, **options: Any) -> Iterator[netsim.Model]:
    """Train the network of a unit with seed 0 again."""
    with trained(network, Unit({}, 0), **options) as model:
        yield model


def _decisions(spikes: netsim.Spikes) -> tuple[list[bool], list[float]]:
    """Return which decisions are right, and when all are made (ms)."""
    right, times = [], []
    assert spikes.labels is not None
    for outputs, label in zip(spikes.outputs.tolist(), spikes.labels.tolist(), strict=True):
        first = min(outputs)
        times.append(first)
        right.append(first < math.inf and outputs.count(first) == 1 and outputs.index(first) == label)
    return right, times


def _median(times: list[float]) -> float:
    return float(np.median(times)) if times else math.nan


def test_reaction_times(images: str) -> None:
    made, table, axes = _measured("reaction-time", images, contrasts=[0.4, 1.0], noises=[0.3], strengths=[0.2, 1.0])
    condition = {"classes": 4}
    unit, generator = Unit(condition, 0), np.random.default_rng([0, 2])
    data = made.data(unit, generator)
    known, numbers = (read_idx(f"{images}/t10k-{part}-ubyte") for part in ("images-idx3", "labels-idx1"))
    names = [int(name) for name in data.classes]
    kept = [k for k, number in enumerate(numbers) if number in names]
    np.testing.assert_array_equal(np.asarray(data.test_images).reshape(-1, 28, 28), known[kept])
    assert data.test_labels.tolist() == [names.index(numbers[k]) for k in kept]
    assert len(data.train_images) == 4 * 6  # of 60 images with ten labels
    table = table[table["classes"] == 4]
    with _of_unit(made, made.network(4), data=data) as model:
        test = model.splits().test.first(20)
        for name, level, stimuli in made.stimuli(test, generator):
            right, times = _decisions(netsim.present(model, stimuli))
            (row,) = table[(table["manipulation"] == name) & (table["level"] == level)].to_dict("records")
            fired = [time for time in times if time < math.inf]
            wrong = [time for time, ok in zip(times, right, strict=True) if time < math.inf and not ok]
            assert row["accuracy"] == sum(right) / len(right)
            assert row["decided"] == len(fired) / len(times)
            expected = (_median(fired), np.mean(fired), _median(wrong), stats.skew(fired))
            names_of = ("latency", "mean_latency", "latency_error", "skewness")
            assert [row[key] for key in names_of] == pytest.approx(expected)
            correct = [time for time, ok in zip(times, right, strict=True) if ok]
            assert row["latency_correct"] == pytest.approx(_median(correct), nan_ok=True)
            if name == "contrast":
                early = table[table["manipulation"] == f"deadline, contrast {level:g}"].set_index("level")
                assert list(early.index) == [4.0 * k for k in range(25)]  # up to one and a half windows
                for deadline, (_, shares) in zip(early.index.to_numpy(), early.iterrows(), strict=True):
                    assert shares["decided"] == np.mean([time <= deadline for time in times])
                    both = [ok and time <= deadline for time, ok in zip(times, right, strict=True)]
                    assert shares["accuracy"] == np.mean(both)
    assert [each.get_xlabel() for each in axes][:3] == ["contrast", "strength of the evidence", "pixel noise, SD"]


def test_masking(images: str) -> None:
    given = {"strengths": [0.5, 1.0], "asynchronies": [0.0, 20.0], "networks": ["phased", "free, lateral"]}
    lateral = next(name for name in make_experiment("masking").networks if "lateral" in name)  # type: ignore[attr-defined]
    made, table, axes = _measured("masking", images, **given | {"networks": ["phased", lateral]})
    assert [each.get_title(loc="left") for each in axes] == ["phased", lateral]
    for name, rows in table.groupby("network"):
        with _of_unit(made, made.network(name), limit=40) as model:
            test = model.splits().test.first(8)
            target = test.latencies(np.arange(8))
            noise = np.random.default_rng([0, 3]).random(target.shape)
            if name == lateral:
                model = _with_neighbours(model)
            stimuli = made.stimuli(test, made.network(name).duration, 0)
            assert [each[:2] for each in stimuli] == [(0.0, None), *((s, a) for s in (0.5, 1.0) for a in (0.0, 20.0))]
            for (strength, late, shown), row in zip(stimuli, rows.to_dict("records"), strict=True):
                mask = np.inf if late is None else 64 * (1 - strength * noise) + late
                np.testing.assert_allclose(shown.latencies(np.arange(8)), np.minimum(target, mask))
                right, times = _decisions(netsim.present(model, shown))
                assert row["accuracy"] == np.mean(right)
                fired = [time for time in times if time < math.inf]
                assert row["latency"] == pytest.approx(_median(fired), nan_ok=True)


def _with_neighbours(model: netsim.Model) -> netsim.Model:
    """The hidden neurons lie on a map of 10 x 20, and excite all others within two places, by 4."""
    shape = (10, 20, 1)
    first, *others = model.network.populations
    lateral = netsim.Projection("hidden1", "hidden1", netsim.Distance(radius=2.0), sign="excitatory", name="lateral")
    network = dataclasses.replace(
        model.network,
        populations=(dataclasses.replace(first, shape=shape), *others),
        projections=(*model.network.projections, lateral),
    )
    shape_of = initial_weights(network, 0)["lateral.kernel"].shape
    return dataclasses.replace(
        model, network=network, weights={**model.weights, "lateral.kernel": np.full(shape_of, 4.0)}
    )


def test_layers_at_once(images: str) -> None:
    made, table, _ = _measured("at-once", images)
    assert set(table["run"]) == {"at once", "staggered", "in turn", "in turn, run at once"}
    with _of_unit(made, made.network("phased"), limit=40) as model:
        free = [
            dataclasses.replace(each, neurons=dataclasses.replace(each.neurons, regime="free", onset=0.0, drive=0.0))
            for each in model.network.populations
            if each.neurons is not None
        ]
        ends = [dataclasses.replace(each.neurons, end=model.network.duration) for each in free if each.neurons]
        free = [dataclasses.replace(each, neurons=neurons) for each, neurons in zip(free, ends, strict=True)]
        other = dataclasses.replace(model, network=dataclasses.replace(model.network, populations=tuple(free)))
        test = model.splits().test.first(20)
        for name, shown in (("in turn", model), ("in turn, run at once", other)):
            for deviation in (0.0, 8.0):
                latencies = test.latencies(np.arange(20))
                if deviation:
                    latencies = jitter(latencies, np.random.default_rng([0, 11]), deviation, model.network.duration)
                stimuli = SpikeStimuli(latencies, test.labels, None, test.encoder, test.classes)
                spikes = netsim.present(shown, stimuli)
                right, times = _decisions(spikes)
                (row,) = table[(table["run"] == name) & (table["jitter"] == deviation)].to_dict("records")
                assert row["accuracy"] == np.mean(right)
                assert row["latency"] == pytest.approx(_median([time for time in times if time < math.inf]))
                counts = dict.fromkeys(("spikes", "spikes_to_decision", "operations", "operations_to_decision"), 0)
                for layer, targets in (("stimulus", 12), ("hidden1", 10), ("output", 0)):
                    for p, decision in enumerate(times):
                        for time in spikes[layer][p].ravel().tolist():
                            counts["spikes"] += time < math.inf
                            counts["operations"] += targets * (time < math.inf)
                            counts["spikes_to_decision"] += time <= decision and time < math.inf
                            counts["operations_to_decision"] += targets * (time <= decision and time < math.inf)
                for key, count in counts.items():
                    assert row[key] == pytest.approx(count / 20)


def test_dale(images: str) -> None:
    made, table, axes = _measured("dale", images, depths=[2], test_images=13)
    assert table[table["constraint"] == "none"]["layer"].tolist() == [1, 2, 3]
    rows = table[table["constraint"] == "75/25"].set_index("layer")
    network = made.network(2, 0.25)
    assert [network.weight_signs(projection) is None for projection in network.projections] == [True, False, False]
    assert (network.weight_signs(network.projections[1]) < 0).mean() == 0.25
    with _of_unit(made, network, limit=48) as model:
        spikes = netsim.present(model, model.splits().test.first(13))
        right, _ = _decisions(spikes)
        for number, (source, layer, onset) in enumerate(
            (("stimulus", "hidden1", 64.0), ("hidden1", "hidden2", 192.0), ("hidden2", "output", 320.0)), 1
        ):
            assert rows.loc[number, "accuracy"] == np.mean(right)
            assert rows.loc[number, "firing"] == pytest.approx(np.isfinite(spikes[layer]).mean())
            sums = {1: 0.0, -1: 0.0}
            for presentation in spikes[source].reshape(13, -1):
                for time, weights in zip(presentation, model.weights[f"{layer}.kernel"], strict=True):
                    for weight in weights:  # a ramp has grown by its age at the onset
                        sums[1 if weight > 0 else -1] += abs(weight) * max(onset - time, 0.0)
            assert rows.loc[number, "inhibition"] == pytest.approx(sums[-1] / sums[1], rel=1e-5)
    labels = ["test accuracy (%)", "neurons that fire (%)", "inhibition / excitation"]
    assert [each.get_ylabel() for each in axes] == labels


def test_learned_delays(images: str) -> None:
    made, table, axes = _measured("delays", images, datasets=["yin-yang"])
    network = made.network("yin-yang", 6, "both")
    assert [each.size for each in network.populations] == [3, 3]  # half as many hidden neurons
    rows = table[table["learned"] == "both"]
    assert rows["parameters"].unique().tolist() == [2 * (4 * 3 + 3 * 3) + 3 + 3]
    assert [each.plastic for each in made.network("yin-yang", 6, "delays").projections] == [False, False]
    with _of_unit(made, network) as model:
        right, _ = _decisions(netsim.present(model, model.splits().test.first(20)))
        assert rows["accuracy"].unique().tolist() == [np.mean(right)]
        delays = [*model.weights["hidden.delay"].ravel(), *model.weights["output.delay"].ravel()]
    width = rows["delay_ms"].iloc[1]
    counts = [sum(begin <= delay < begin + width for delay in delays) for begin in rows["delay_ms"]]
    assert rows["share"].tolist() == pytest.approx([count / 21 for count in counts])
    assert (axes[0].get_ylabel(), axes[1].get_xlabel()) == ("test accuracy (%)", "learned delay (ms)")


def test_feedback(images: str) -> None:
    made, table, _ = _measured("feedback", images)
    assert set(table["feedback"]) == {"exact", "random", "sign", "direct", "frozen"}
    frozen = made.network(Unit({"dataset": images, "depth": 2, "feedback": "frozen"}, 0))
    assert [each.plastic for each in frozen.projections] == [False, False, True]
    for kind in ("random", "direct"):
        rows = table[table["feedback"] == kind].set_index("layer")
        assert set(rows["batches"]) == {1}  # one batch of 40 images
        network = made.network(Unit({"dataset": images, "depth": 2, "feedback": kind}, 0))
        exact = made.network(Unit({"dataset": images, "depth": 2, "feedback": "exact"}, 0))
        with _of_unit(made, network, limit=40) as model:
            shown = model.splits().validation
            weights = {name: np.asarray(array, float) for name, array in model.weights.items()}
            batch = Batch(shown.latencies(np.arange(len(shown))), weights)
            latencies = make_engine("event", network).present(batch)
            learned = [STiDiBP(each).learn(latencies, shown.labels, weights).gradients for each in (network, exact)]
            for layer in (1, 2):
                one, other = (each[f"hidden{layer}.kernel"].ravel() for each in learned)
                cosine = (one * other).sum() / math.sqrt((one**2).sum() * (other**2).sum())
                assert rows.loc[layer, "angle"] == pytest.approx(math.degrees(math.acos(cosine)), abs=0.1)


def test_causal_pieces(images: str) -> None:
    made, table, axes = _measured("causal-pieces", images)
    assert len(axes) == 3
    (row,) = table[table["spread"] == 0.8].to_dict("records")
    network = made.network(0.0, 0.8)
    with _of_unit(made, network) as model:
        training = model.splits().training.first(60)
        right, _ = _decisions(netsim.present(model, model.splits().test))
    assert row["accuracy"] == pytest.approx(np.mean(right))
    spikes = netsim.present(netsim.Model(network, initial_weights(network, 0)), training)
    assert row["firing"] == pytest.approx(np.isfinite(spikes["hidden"]).mean())
    paths: list[set[Any]] = [set() for _ in range(3)]
    for stimulus, hidden, outputs in zip(
        spikes["stimulus"].reshape(60, -1), spikes["hidden"], spikes["output"], strict=True
    ):
        below = [(k, frozenset(np.flatnonzero(stimulus < time))) for k, time in enumerate(hidden)]
        for number, output in enumerate(outputs.tolist()):
            if output < math.inf:
                paths[number].add(frozenset(each for each in below if hidden[each[0]] < output))
    assert row["pieces"] == pytest.approx(np.mean([len(each) for each in paths]))
    seen = spikes["stimulus"].reshape(60, -1), spikes["hidden"]
    patterns = {tuple(tuple(seen[0][p] < time) if time < math.inf else () for time in seen[1][p]) for p in range(60)}
    assert row["patterns"] == len(patterns)


def test_odours(tmp_path: Any) -> None:
    made = make_experiment("odours", True, {"fluctuation": 0.0, "hidden": 2, "epochs": 1, "trials": 2})
    rates = np.random.default_rng(0).integers(-20, 280, (110, 24))
    lines = ["odor", "odor", *(f"{k},{','.join(map(str, row))}" for k, row in enumerate(rates))]
    (tmp_path / "Hallem_Carlson_2006.csv").write_text("\n".join(lines))
    first, count, exact, _ = made.measure(Unit({"level": -0.5, "jitter": 0.0}, 0, str(tmp_path)))
    active = np.clip(rates / 300, 0, 0.99)
    kinetics = Kinetics(300.0, 100.0, 100.0)

    def expected(x: float) -> Any:
        """Expected spikes over 100 ms, from dA/dt = (x (1 - A) - A)/100 ms at 0.3 spikes/ms."""
        return integrate.solve_ivp(
            lambda t, y: [(x * (1 - y[0]) - y[0]) / 100, 0.3 * y[0]], (0, 100), [0, 0], rtol=1e-9, dense_output=True
        )

    for x in (0.3, 2.0, 40.0):
        solved = expected(x)
        assert kinetics.counts(np.array([x]))[0] == pytest.approx(solved.y[1, -1], rel=1e-6)
        assert solved.sol(kinetics.latencies(np.array([x]))[0])[1] == pytest.approx(1.0, rel=1e-5)
    strengths = active / (1 - active) * 10**-0.5
    assert first["earliest"] == pytest.approx(kinetics.latencies(strengths).min())
    best = strengths.max(axis=1)
    for row, code, sign in ((first, kinetics.latencies, -1), (exact, lambda x: np.floor(kinetics.counts(x)), 1)):
        pairs = zip(code(best), code(best * 10**0.5), strict=True)  # half a decade apart
        assert row["told_apart"] == pytest.approx(
            np.mean([0.5 + 0.5 * np.sign(sign * (b - a) if a != b else 0) for a, b in pairs])
        )
    assert 0.5 < count["told_apart"] < first["told_apart"]
    generator = np.random.default_rng(3)
    moving: Any = dataclasses.replace(cast(Any, made), fluctuation=0.2)
    codes = moving._responses(generator, kinetics, np.full((3, 4), 2.0), 0.3, 4.0)
    draws = np.random.default_rng(3)
    strength = 2 * 10 ** (0.3 + 0.2 * draws.standard_normal((3, 1))) * np.ones(4)
    np.testing.assert_allclose(codes["first spikes"], kinetics.latencies(strength) + 4 * draws.standard_normal((3, 4)))


def test_the_retina(images: str) -> None:
    from netsim.experiments.kinds.retina import ABSOLUTE, RANK, RELATIVE
    from netsim.experiments.kinds.retina.cells import Retina, drawn_images, drives

    made, table, axes = _measured("retina", images)
    assert len(axes) == 3
    assert len(table) == 5 * 3
    retina = Retina(6, 10.0, 10.0, 0.1, 10.0)
    drive = drives(drawn_images(np.random.default_rng(0), 4), 2)
    before, after = retina.latencies(drive), retina.latencies(0.5 * drive)
    moved: dict[str, list[float]] = {ABSOLUTE: [], RELATIVE: []}
    for ones, others in zip(before, after, strict=True):
        both = [k for k in range(8) if ones[k] < math.inf and others[k] < math.inf]
        middles = [np.median([each[k] for k in both]) if both else 0.0 for each in (ones, others)]
        moved[ABSOLUTE] += [abs(others[k] - ones[k]) for k in both]
        moved[RELATIVE] += [abs(others[k] - middles[1] - ones[k] + middles[0]) for k in both]
    rows = table[(table["contrast"] == 0.5) & (table["shared"] == 0)].set_index("code")
    for code, moves in moved.items():
        assert rows.loc[code, "shift"] == pytest.approx(np.mean(moves))
    codes = made._responses(np.random.default_rng(1), retina, drive, 0.0, 300.0)
    shift = 300.0 * _after(np.random.default_rng(1), drive.shape)
    times = before + shift
    expected = np.where(times < 256, np.maximum(times, 0), 256)
    np.testing.assert_allclose(codes[ABSOLUTE], expected)
    np.testing.assert_array_equal(codes[RANK], stats.rankdata(expected, axis=1))


def _after(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return the draw for each trial, which follows the one for each cell."""
    generator.standard_normal(shape)
    return generator.standard_normal((shape[0], 1))


def test_information(images: str) -> None:
    _, table, axes = _measured("information", images, neurons=3, afferents=10, trials=5)
    assert (table["same_first"].tolist(), len(axes)) == ([1.0], 3)
    many = make_experiment("information", True, {"neurons": 4, "afferents": 4000, "jitter": 1.5})
    stimuli = np.array([0, 3, 8])
    latencies, kernel = many._drawn(np.random.default_rng(5), stimuli, 2.5, 3.0)  # type: ignore[attr-defined]
    draws = np.random.default_rng(5)
    preferred, wanted = draws.uniform(0, 8, 4000), draws.uniform(0, 8, 4)
    tuning = np.exp(-((preferred[:, None] - wanted) ** 2) / (2 * 2.0**2))
    np.testing.assert_allclose((kernel * 0.9 * tuning).sum(axis=0), 3.0)  # the expected input of a neuron is the drive
    fired = latencies < math.inf
    distance = np.abs(preferred - stimuli[:, None])
    expected = 0.9 * np.exp(-(distance**2) / (2 * 2.0**2))
    assert fired.mean() == pytest.approx((expected + 0.02 * (1 - expected)).mean(), abs=0.01)
    assert (latencies[fired] % 0.5 == 0).all()
    for at in (0.5, 1.5, 2.5):  # 5 ms, and 2.5 ms for each stimulus away from the preferred one, jittered by 1.5 ms
        some = latencies[fired & (np.abs(distance - at) < 0.1)]
        assert np.median(some) == pytest.approx(5 + 2.5 * at, abs=0.3)
        assert np.subtract(*np.quantile(some, [0.75, 0.25])) == pytest.approx(1.349 * 1.5, abs=0.5)
    kinds = netsim.seams.experiments["information"].__module__
    trains = [[np.array([3.0, 9.9, 10.0, 31.0])], [np.array([])], [np.array([5.5, 25.0, 26.0, 27.0, 28.0, 29.5])]]
    first_spikes = np.array([[3.0], [math.inf], [15.5]])
    codes = sys.modules[kinds]._responses(trains, first_spikes)
    assert [codes[name].ravel().tolist() for name in ("count", "first")] == [[4, 0, 6], [0, 4, 1]]
    assert codes["times"].ravel().tolist() == [2 + 1 * 4 + 1 * 64, 0, 1 + 3 * 16]  # at most 3 in each of four bins


def test_stdp(images: str) -> None:
    made, table, _ = _measured("stdp", images)
    stages = Stages((3, 4), made.thresholds)
    known = read_idx(f"{images}/train-images-idx3-ubyte")[:40, ..., None]
    latencies = stages.encoded(known, 255.0)
    stages.learn(latencies[:20], 0)
    kernel, weights = stages.weights[0]["conv.kernel"], table.dropna(subset="weight")
    assert len(weights) == 3 * 25
    for row in weights.to_dict("records"):
        on, off = kernel[int(row["row"]), int(row["column"]), :, int(row["map"])]
        assert row["weight"] == pytest.approx(on - off)
    first, second = stages.features(latencies, stages.weights)
    assert (first.shape, second.shape) == ((40, 6 * 6 * 3), (40, 4 * 4 * 4))
    spikes = np.minimum(latencies, 99.0)
    np.testing.assert_allclose(stages.values(spikes), np.where(spikes < 66, 1 - spikes / 66, 0), atol=1e-6)
    measured = table[table["kernels"] != "weight"]
    assert measured.groupby("kernels").size().to_dict() == {"learned": 3, "none": 1, "shuffled": 3}
    numbers = [np.arange(count) % 10 for count in (40, 20)]
    test = stages.encoded(read_idx(f"{images}/t10k-images-idx3-ubyte")[..., None], 255.0)
    ours, theirs = stages.features(test, stages.weights), (first, second)
    for name, parts in (("first layer", (0,)), ("second layer", (1,)), ("both layers", (0, 1))):
        seen, shown = (np.concatenate([each[k] for k in parts], axis=1).astype(float) for each in (theirs, ours))
        centred, targets = seen - seen.mean(axis=0), 2.0 * (numbers[0][:, None] == np.arange(10)) - 1
        dual = np.linalg.solve(centred @ centred.T + made.penalty * np.eye(40), targets - targets.mean(axis=0))
        decided = ((shown - seen.mean(axis=0)) @ centred.T @ dual + targets.mean(axis=0)).argmax(axis=1)
        found = measured[(measured["kernels"] == "learned") & (measured["read_out"] == name)]
        assert found["accuracy"].tolist() == pytest.approx([np.mean(decided == numbers[1])], abs=0.051)
