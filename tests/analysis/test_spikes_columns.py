"""Columns of spikes: the same as the latencies that they came from, in any order, cut and drawn as told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from netsim.data.stimuli import load_splits
from netsim.errors import DataError, SpecificationError
from netsim.presenting.present import present
from netsim.runs.model import load_model
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Spikes

TIMES = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.sampled_from([0.0, 1.5, 3.0, np.inf])
)


@settings(deadline=None, max_examples=60)
@given(TIMES, st.randoms(use_true_random=False))
def test_columns_in_any_order_give_the_latencies_back(latencies: np.ndarray, random: object) -> None:
    layer = LayerSpikes.of_latencies("any", latencies)
    np.testing.assert_array_equal(layer.dense(), latencies)
    order = np.random.default_rng(len(layer.neurons)).permutation(len(layer.neurons))
    again = LayerSpikes.of_columns(
        "any", latencies.shape[1], len(latencies), layer.rows[order], layer.neurons[order], layer.latencies[order]
    )
    np.testing.assert_array_equal(again.dense(), latencies)
    np.testing.assert_array_equal(again.pick(np.array([len(latencies) - 1, 0])).dense(), latencies[[-1, 0]])


@settings(deadline=None, max_examples=40)
@given(TIMES)
def test_ranks_are_those_of_scipy(latencies: np.ndarray) -> None:
    layer = LayerSpikes.of_latencies("any", latencies)
    expected = [stats.rankdata(row[np.isfinite(row)]) for row in latencies]
    np.testing.assert_allclose(layer.ranks(), np.concatenate(expected) if len(layer.latencies) else [])


def test_earliness_falls_from_the_onset_to_the_end_of_the_window() -> None:
    latencies = np.array([[4.0, 9.0, np.inf], [np.inf, 5.0, 12.0]])
    layer = LayerSpikes.of_latencies("any", latencies, (4.0, 14.0))
    np.testing.assert_allclose(layer.earliness(), [1.0, 0.5, 0.9, 0.2])
    np.testing.assert_allclose(layer.mean_latencies(), [6.5, 8.5])


def test_the_first_of_several_spikes_of_a_neuron_counts() -> None:
    layer = LayerSpikes.of_columns("any", 2, 1, np.array([0, 0, 0]), np.array([1, 1, 0]), np.array([5.0, 4.0, 9.0]))
    np.testing.assert_array_equal(layer.dense(), [[9.0, 4.0]])


def test_a_sample_has_as_many_of_each_label_as_it_can() -> None:
    labels = np.array([0] * 50 + [1] * 5 + [2] * 5)
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", np.arange(60.0)[:, None])], labels)
    drawn = spikes.sample(15, seed=3)
    assert drawn.labels is not None
    assert np.bincount(drawn.labels).tolist() == [5, 5, 5]
    np.testing.assert_array_equal(drawn.layer("any").dense()[:, 0], drawn.indices)
    np.testing.assert_array_equal(drawn.indices, spikes.sample(15, seed=3).indices)
    assert spikes.sample(60) is spikes


def test_spikes_of_a_model_are_those_of_the_engine() -> None:
    from netsim.engines import Batch, make_engine

    model = load_model("digits")
    stimuli = load_splits(model.network).test.first(30)
    spikes = present(model, stimuli, populations=["hidden"])
    shown = make_engine("event", model.network, model.network.training.dt).present(
        Batch(stimuli.latencies(np.arange(30)), model.weights)
    )
    np.testing.assert_array_equal(spikes.layer("hidden").dense(), shown["hidden"])
    assert list(spikes.sizes) == ["hidden"]
    assert spikes.layer("hidden").window == (16.0, 48.0)
    lesioned = present(model, stimuli, populations=["hidden"], disturbance=("lesion-neurons", 0.5))
    fired = np.isfinite(lesioned.layer("hidden").dense()).any(axis=0)
    assert fired.sum() <= 100
    with pytest.raises(SpecificationError, match="disturbs the simulation"):
        present(model, stimuli, disturbance=("time-step", 1.0))


def test_the_seed_of_a_disturbance_is_that_of_its_draws() -> None:
    model = load_model("digits")
    stimuli = load_splits(model.network).test.first(30)
    lesions = [
        present(model, stimuli, populations=["hidden"], disturbance=("lesion-neurons", 0.5), seed=seed)
        .layer("hidden")
        .dense()
        for seed in (0, 1, 1)
    ]
    silent = [np.isinf(each).all(axis=0) for each in lesions]
    assert (silent[0] != silent[1]).sum() > 50
    np.testing.assert_array_equal(lesions[1], lesions[2])


def test_what_does_not_fit_is_refused() -> None:
    layer = LayerSpikes.of_latencies("one", np.ones((3, 2)))
    with pytest.raises(DataError, match=r"labels: have shape \(2,\) for 3 presentations"):
        Spikes.of_layers([layer], labels=np.array([0, 1]))
    with pytest.raises(DataError, match=r"labels: must be numbers from 0, not -1; leave out the presentations without"):
        Spikes.of_layers([layer], labels=np.array([0, -1, 1]))
    with pytest.raises(DataError, match="indices: must be whole numbers, without"):
        Spikes.of_layers([layer], indices=np.array([0.5, 1.0, 2.0]))
    with pytest.raises(DataError, match="layer other: does not exist; choose one of one"):
        Spikes.of_layers([layer]).layer("other")
    with pytest.raises(DataError, match="have no labels"):
        Spikes.of_layers([layer]).require_labels()


@pytest.mark.parametrize(
    ("given", "numbers", "classes"),
    [
        ([2.0, 0.0, 1.0], [2, 0, 1], ()),
        ([True, False, True], [1, 0, 1], ()),
        (["left", "right", "left"], [0, 1, 0], ("left", "right")),
        (np.array(["b", "a", "b"], dtype=object), [1, 0, 1], ("a", "b")),
        ([0.2, 0.7, 1.2], None, ()),
        ([0.0, np.nan, 1.0], None, ()),
        ([None, "a", "b"], None, ()),
    ],
)
def test_labels_are_whole_numbers_or_words(given: Any, numbers: list[int] | None, classes: tuple[str, ...]) -> None:
    layer = LayerSpikes.of_latencies("one", np.ones((3, 2)))
    if numbers is None:
        with pytest.raises(DataError, match="labels: must be whole numbers, or words, without missing values"):
            Spikes.of_layers([layer], labels=given)
    else:
        spikes = Spikes.of_layers([layer], labels=given)
        assert spikes.labels is not None
        assert (spikes.labels.tolist(), spikes.classes) == (numbers, classes)


def test_words_are_numbered_as_the_given_classes() -> None:
    layer = LayerSpikes.of_latencies("one", np.ones((2, 2)))
    words = np.array(["b", "a"])
    assert Spikes.of_layers([layer], words, classes=["c", "b", "a"]).labels.tolist() == [1, 2]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="labels: 'a' is not a class"):
        Spikes.of_layers([layer], words, classes=["b", "c"])


@pytest.mark.parametrize(
    ("latencies", "message"),
    [
        (np.array([[1.0, np.nan]]), "one: latencies contain NaN or negative times; inf is silence"),
        (np.array([[1.0, -np.inf]]), "one: latencies contain NaN or negative times"),
        (np.array([[1.0, -2.0]]), "one: latencies contain NaN or negative times"),
        (np.array([[1.0, None]]), "one: latencies must contain numbers, not object"),
        ([[1.0, 2.0]], "one: latencies must be a numpy array, not list"),
        (np.empty((0, 3)), r"one: latencies have shape \(0, 3\); give at least one presentation and neuron"),
        (np.array(1.0), r"one: latencies have shape \(\)"),
    ],
)
def test_what_is_no_latency_is_refused(latencies: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        LayerSpikes.of_latencies("one", latencies)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SpecificationError, match=r"one: window: must not end before it begins, not \(5\.0, 1\.0\)"):
        LayerSpikes.of_latencies("one", np.ones((3, 2)), window=(5.0, 1.0))
    with pytest.raises(DataError, match=r"one: spikes from 1 to 9 ms are outside the window \(2, 5\); give a"):
        LayerSpikes.of_latencies("one", np.array([[1.0, 9.0]]), window=(2, 5))
