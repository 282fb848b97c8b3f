"""Decoders are ridge regressions of scikit-learn; trajectories keep distances; importance is that of a lesion."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold

import netsim
from netsim.analysis import (
    ablation_importance,
    analyse,
    decoding_figure,
    decoding_over_time,
    population_trajectories,
)
from netsim.analysis.kinds.decoding import _cross_validated
from netsim.data.stimuli import Stimuli, load_splits
from netsim.engines import Batch, make_engine
from netsim.errors import DataError, SpecificationError
from netsim.measuring.metrics import decide
from netsim.runs.model import Model, load_model
from netsim.specification import Network
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Spikes, even_sample
from netsim.weights.initial import initial_weights


@pytest.mark.parametrize("neurons", [9, 90])
def test_decoders_are_ridge_regressions_with_an_intercept(neurons: int) -> None:
    """Also where there are more neurons than presentations."""
    generator = np.random.default_rng(0)
    tag, other = np.arange(60) % 3, generator.integers(0, 3, 60)
    states = generator.random((60, neurons)) + 0.4 * np.eye(neurons)[tag]
    parts = list(StratifiedKFold(4, shuffle=True, random_state=0).split(tag, tag))
    decoded = _cross_validated(states, [tag, other], parts, 3, 0.1)
    for position, labels in enumerate((tag, other)):
        for train, test in parts:
            centred = states[train] - states[train].mean(axis=0)
            ridge = Ridge(alpha=0.1 * (centred**2).sum() / len(train)).fit(states[train], np.eye(3)[labels[train]])
            np.testing.assert_array_equal(decoded[position, test], ridge.predict(states[test]).argmax(axis=1))


def test_the_figure_of_decoding_shows_the_limit_of_chance() -> None:
    values = {"time_ms": [4.0], "accuracy": [0.7], "low": [0.6], "high": [0.9], "control_95": [0.55]}
    axes = decoding_figure(pd.DataFrame({"layer": ["any"], **values}))
    drawn = [np.asarray(line.get_xydata()).tolist() for line in axes.lines]
    assert [4.0, 0.7] in drawn[0]
    assert drawn[-1] == [[0.0, 0.55], [1.0, 0.55]]
    (text,) = axes.texts
    assert text.get_position() == (1.0, 0.55)
    assert axes.get_ylim() == (0, 1.02)


def test_a_layer_knows_the_label_when_its_spikes_tell_it() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(80) % 2
    times = generator.uniform(0, 10, (80, 6))  # says nothing
    times[:, 3:] = np.where(labels[:, None] == 0, [12.0, 25.0, 12.0], [25.0, 12.0, 25.0])
    table = decoding_over_time(
        Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), times=6, code="fired"
    )
    accuracy = table.set_index("time_ms")["accuracy"]
    assert (accuracy[accuracy.index < 12] < 0.7).all()
    assert accuracy[(accuracy.index >= 12) & (accuracy.index < 25)].tolist() == [1.0] * 2
    assert accuracy.iloc[-1] < 0.7  # all have fired: whether they did tells nothing
    bits = table.loc[table["accuracy"] == 1, "information_bits"]
    assert (bits > 0.97).all()
    large = decoding_over_time(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), times=2, seed=2**40)
    assert large["accuracy"].between(0, 1).all()
    noise = Spikes.of_layers([LayerSpikes.of_latencies("any", times[:, :3])], labels)
    drawn = [decoding_over_time(noise, times=6, seed=seed)["accuracy"].tolist() for seed in (6, 70)]
    assert drawn[0] != drawn[1]  # other folds
    with pytest.raises(DataError, match="a label has 40 presentations, fewer than the 41 folds"):
        decoding_over_time(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), folds=41)


def test_a_layer_without_spikes_is_refused() -> None:
    silent = Spikes.of_layers([LayerSpikes.of_latencies("any", np.full((30, 4), np.inf))], np.arange(30) % 3)
    with pytest.raises(DataError, match="are empty, because no layer fires"):
        decoding_over_time(silent)


def test_noise_is_decoded_at_chance_and_a_planted_signal_is_found() -> None:
    """The test is corrected for the times; intervals of noise hold chance. 100 runs of each would take a minute."""
    labels, excluded, significant = np.arange(120) % 3, 0, np.zeros(2, int)
    for seed in range(25):
        noise = np.random.default_rng(seed).normal(20, 3, (120, 8))
        planted = noise + 4.0 * np.eye(3, 8)[labels]
        for place, times in enumerate((noise, planted)):
            layer = LayerSpikes.of_latencies("any", times)
            table = decoding_over_time(Spikes.of_layers([layer], labels), times=3, shuffles=39, seed=seed)
            significant[place] += (table["p_corrected"] <= 0.05).any()
            if place == 0:
                excluded += not table["low"].iloc[-1] <= 1 / 3 <= table["high"].iloc[-1]
    assert excluded <= 4
    assert significant[0] <= 4
    assert significant[1] >= 23


def test_p_compares_with_the_largest_accuracy_of_each_shuffle_of_labels_within_folds() -> None:
    generator = np.random.default_rng(4)
    labels = np.arange(60) % 3
    times = generator.normal(20, 3, (60, 5)) + 2.5 * np.eye(3)[labels] @ generator.random((3, 5))
    layer = LayerSpikes.of_latencies("any", times, window=(0.0, 40.0))
    table = decoding_over_time(Spikes.of_layers([layer], labels), times=3, shuffles=49, seed=6)
    parts = list(StratifiedKFold(5, shuffle=True, random_state=6).split(labels, labels))
    tags = np.tile(labels, (50, 1))
    shuffler = np.random.default_rng([6, 1])
    for _, test in parts:
        tags[1:, test] = shuffler.permuted(tags[1:, test], axis=1)
        assert (np.sort(tags[:, test], axis=1) == np.sort(labels[test])).all()
    right = []
    for time in np.linspace(times.min(), times.max(), 3):
        states = np.where(times <= time, 1 - times / 40, 0.0).astype(np.float32)
        right.append([(_cross_validated(states, [tag], parts, 3, 0.1)[0] == tag).mean() for tag in tags])
    accuracy, null = np.array(right)[:, 0], np.array(right)[:, 1:]
    np.testing.assert_allclose(table["accuracy"], accuracy)
    np.testing.assert_allclose(table["control"], null.mean(axis=1))
    largest = null.max(axis=0)
    np.testing.assert_allclose(table["p_corrected"], [(1 + (largest >= each).sum()) / 50 for each in accuracy])
    assert set(table["control_95"]) == {np.sort(largest)[46]}
    design = max(1.0, null[-1].var(ddof=1) / (null[-1].mean() * (1 - null[-1].mean()) / 60))
    assert design > 1
    count, z = 60 / design, stats.norm.ppf(0.975)
    middle, half = accuracy[-1] + z**2 / (2 * count), accuracy[-1] * (1 - accuracy[-1]) / count
    half = z * np.sqrt(half + z**2 / (4 * count**2))
    bounds = np.array([middle - half, middle + half]) / (1 + z**2 / count)
    np.testing.assert_allclose(table[["low", "high"]].to_numpy()[-1], bounds)


def test_trajectories_begin_before_the_first_spike_even_if_all_are_at_the_same_time() -> None:
    layer = LayerSpikes.of_latencies("any", np.full((4, 3), 3.0))
    table = population_trajectories(Spikes.of_layers([layer], np.arange(4) % 2), times=4)
    assert table["time_ms"].tolist() == 2 * [2.0, 3.0, 3.0, 3.0]
    assert table["share1"].tolist() == pytest.approx([1.0] * 8)


def test_trajectories_keep_the_distances_of_states() -> None:
    generator = np.random.default_rng(2)
    labels = np.arange(20) % 2
    times = np.where(generator.random((20, 3)) < 0.2, np.inf, generator.uniform(5, 15, (20, 3)))
    table = population_trajectories(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), times=6)
    states = np.array(
        [(times[labels == row["label"]] <= row["time_ms"]).mean(axis=0) for row in table.to_dict("records")]
    )
    places = table[["pc1", "pc2", "pc3"]].to_numpy()
    for metric in (states, places):
        assert metric.shape == (12, 3)
    distance = [np.linalg.norm(state[:, None] - state[None], axis=2) for state in (states, places)]
    np.testing.assert_allclose(distance[0], distance[1], atol=1e-12)
    assert table[["share1", "share2", "share3"]].iloc[0].sum() == pytest.approx(1)


def test_importance_is_what_a_lesion_does() -> None:
    model = load_model("digits")
    stimuli = load_splits(model.network).test.first(40)
    table = ablation_importance(model, stimuli, units=5, seed=2)
    engine = make_engine("event", model.network, model.network.training.dt)
    shown = stimuli.latencies(np.arange(40))
    before = decide(engine.present(Batch(shown, model.weights))["output"])
    for row in table.to_dict("records"):
        silenced = {"hidden": np.arange(200) == row["unit"]}
        after = decide(engine.present(Batch(shown, model.weights, silenced))["output"])
        right = before.strictly_correct(stimuli.labels).mean() - after.strictly_correct(stimuli.labels).mean()
        assert row["accuracy_loss"] == pytest.approx(right)
        assert row["same_decisions"] == after.same(before).mean()
        assert row["latency_change_ms"] == pytest.approx((after.latency - before.latency).mean())
        assert row["low"] <= row["accuracy_loss"] <= row["high"]
    with pytest.raises(SpecificationError, match="nosuch"):
        ablation_importance(model, stimuli, layers=["nosuch"])
    assert ablation_importance(model, stimuli, units=1, sample=1)["same_decisions"].isin([0.0, 1.0]).all()


def test_presentations_that_are_right_without_a_neuron_alone_make_it_less_important() -> None:
    """The loss is that of the accuracy: b - c of n, and not b of n."""
    model = load_model("digits", seed=1)
    stimuli = load_splits(model.network).test.first(60)
    table = ablation_importance(model, stimuli, units=40, seed=2)
    engine = make_engine("event", model.network, model.network.training.dt)
    shown = stimuli.latencies(np.arange(60))
    before = decide(engine.present(Batch(shown, model.weights))["output"]).strictly_correct(stimuli.labels)
    mended = 0
    for row in table.to_dict("records"):
        silenced = {"hidden": np.arange(200) == row["unit"]}
        after = decide(engine.present(Batch(shown, model.weights, silenced))["output"]).strictly_correct(stimuli.labels)
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        assert row["accuracy_loss"] == pytest.approx((lost - won) / 60)
        assert row["p"] == pytest.approx(stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0)
        mended += won
    assert mended > 0
    assert (table["accuracy_loss"] < 0).any()


def test_importance_is_presented_by_the_engine_that_is_given() -> None:
    """On a coarse grid other neurons fire, and all is done on it."""
    model = load_model("digits")
    stimuli = load_splits(model.network).test.first(20)
    engine = make_engine("event", model.network, 8.0)
    coarse = dataclasses.replace(model.network, training=dataclasses.replace(model.network.training, dt=8.0))
    expected = ablation_importance(dataclasses.replace(model, network=coarse), stimuli, units=5)
    result = analyse(model, "importance", stimuli=stimuli, engine=engine, units=5).table
    assert result.equals(expected)
    assert not result.equals(ablation_importance(model, stimuli, units=5))


def test_importance_of_a_sample_is_of_as_many_of_each_label() -> None:
    model = load_model("digits", seed=3)
    stimuli = load_splits(model.network).test
    drawn = ablation_importance(model, stimuli, units=2, sample=40, seed=2)
    assert set(drawn["presentations"]) == {40}
    whole = ablation_importance(model, stimuli.pick(even_sample(stimuli.labels, 40, 2)), units=2, seed=2)
    assert drawn.equals(whole)
    with pytest.raises(SpecificationError, match="importance: setting sample"):
        ablation_importance(model, stimuli, sample=0)


def test_importance_of_a_map_is_that_of_all_its_neurons(network: Network) -> None:
    stimuli = Stimuli(np.random.default_rng(0).random((8, 6, 5, 1)), np.arange(8) % 4, 1.0, network.encoder)
    model = Model(network, initial_weights(network, seed=1))
    maps = ablation_importance(model, stimuli, layers=["conv"]).set_index("unit")
    spikes = netsim.present(model, stimuli)["conv"]
    assert maps.index.tolist() == [0, 1, 2]
    assert maps["neurons"].tolist() == [spikes[0, ..., 0].size] * 3
    fired = np.isfinite(spikes).reshape(-1, 3).sum(axis=0)
    assert maps["spikes"].tolist() == pytest.approx((fired / 8).tolist())
