"""The estimator: what scikit-learn asks of one, what it decides, and a network of one's own behind it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import netsim
from netsim import SpikingClassifier
from netsim.errors import DataError, SpecificationError

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted() -> SpikingClassifier:
    return SpikingClassifier(epochs=30, random_state=0).fit(X[::2], Y[::2])


@pytest.mark.nightly  # half a minute of a processor, and of scikit-learn's ways of calling alone
def test_scikit_learns_own_checks() -> None:
    # the one that is skipped, if it is known, is for estimators of array libraries other than numpy
    results = check_estimator(SpikingClassifier(hidden=(10,), epochs=12), on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert {result["check_name"] for result in results if result["status"] == "skipped"} <= {"check_array_api_input"}


def test_the_neuron_that_fires_first_decides(fitted: SpikingClassifier) -> None:
    outputs = fitted.latencies(X)["output"]
    np.testing.assert_array_equal(fitted.predict(X), outputs.argmin(axis=1))
    np.testing.assert_array_equal(fitted.transform(X), np.minimum(outputs, fitted.network_.duration))
    shares = fitted.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    evidence = -fitted.network_.learning.sharpness * fitted.transform(X) / fitted.network_.encoder.t_max
    np.testing.assert_allclose(np.log(shares[:, 1] / shares[:, 0]), evidence[:, 1] - evidence[:, 0], atol=1e-9)
    assert list(fitted.get_feature_names_out()) == ["latency_0", "latency_1", "latency_2"]
    assert fitted.score(X[1::2], Y[1::2]) > 0.9


class _Foreign:
    """An engine that does not say that it solves the equation of the network."""

    def __init__(self, name: str, network: netsim.Network, dt: float, **options: Any) -> None:
        self.network, self.dt, self._engine = network, dt, netsim.make_engine(name, network, dt, **options)

    def present(self, batch: netsim.Batch) -> Any:
        return self._engine.present(batch)


def test_the_equation_of_another_engine_is_not_fitted(
    fitted: SpikingClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsim.classifier.make_engine", _Foreign)
    other = SpikingClassifier(epochs=1, random_state=0).fit(X[::2], Y[::2])
    assert fitted.history_[0]["training_loss"] != other.history_[0]["training_loss"]


def test_silence_is_the_most_frequent_class(fitted: SpikingClassifier) -> None:
    silent = SpikingClassifier(epochs=1, random_state=0).fit(X[40:], Y[40:])
    silent.weights_ = {name: np.zeros_like(array) for name, array in silent.weights_.items()}
    output = silent.network_.output
    silent.weights_["output.bias"][:] = -100.0
    assert not np.isfinite(silent.latencies(X)[output.name]).any()
    np.testing.assert_array_equal(silent.predict_proba(X)[7], np.bincount(Y[40:]) / 110)
    assert set(silent.predict(X)) == {1}


def test_a_seed_gives_the_same_weights_and_any_other_data_do_not(fitted: SpikingClassifier) -> None:
    again = SpikingClassifier(epochs=30, random_state=0).fit(pd.DataFrame(X[::2]), Y[::2])
    for name, array in fitted.weights_.items():
        np.testing.assert_array_equal(again.weights_[name], array)
    other = SpikingClassifier(epochs=30, random_state=1).fit(X[::2], Y[::2])
    assert other.seed_ != fitted.seed_


def test_one_hidden_layer_may_be_a_number() -> None:
    single, listed = (SpikingClassifier(hidden=hidden, epochs=1, random_state=0).fit(X, Y) for hidden in (7, (7,)))
    assert single.network_ == listed.network_


def test_pipelines_and_searches() -> None:
    small = SpikingClassifier(hidden=(10,), epochs=10, random_state=0)
    search = GridSearchCV(make_pipeline(StandardScaler(), small), {"spikingclassifier__rate": [1e-6, 0.01]}, cv=2)
    search.fit(X, np.array(["a", "b", "c"])[Y])
    assert search.best_params_ == {"spikingclassifier__rate": 0.01}
    assert set(search.predict(X)) <= {"a", "b", "c"}
    assert cross_val_score(make_pipeline(small, StandardScaler(), LogisticRegression()), X, Y, cv=2).mean() > 0.8


def test_a_network_of_ones_own() -> None:
    images, labels = load_digits(return_X_y=True)
    network = netsim.load_preset("digits")
    training = dataclasses.replace(network.training, epochs=4)
    model = SpikingClassifier(dataclasses.replace(network, training=training), random_state=0)
    model.fit(images[:300], labels[:300])
    assert model.intensity_max_ == 16
    assert model.score(images[300:600], labels[300:600]) > 0.5
    assert len(model.history_) == 4
    with pytest.raises(DataError, match="network: has 10 output neurons for 11 classes"):
        model.fit(images[:300], np.arange(300) % 11)
    with pytest.raises(DataError, match="the encoder needs"):
        model.fit(images[:300, 1:], labels[:300])


def test_images_may_be_brighter_than_those_that_were_learned_from() -> None:
    images, labels = load_digits(return_X_y=True)
    network = netsim.load_preset("digits")
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=1))
    model = SpikingClassifier(network, random_state=0).fit(images[:200], labels[:200])
    bright = images[200:220].copy()
    bright[bright == 16] = 20
    assert (bright > model.intensity_max_).any()
    np.testing.assert_array_equal(model.latencies(bright)["output"], model.latencies(images[200:220])["output"])
    rows = images[:200].copy()
    rows[7] *= 1.5
    assert np.isfinite(cross_val_score(model, rows, labels[:200], cv=2, error_score="raise")).all()
    with pytest.raises(DataError, match="intensities from -20"):
        model.predict(-bright)
    for few in (images[:200].astype(np.uint8), pd.DataFrame(images[:200].astype(np.uint8))):
        assert model.fit(few, labels[:200]).intensity_max_ == 255


def test_a_network_is_not_given_by_its_name() -> None:
    with pytest.raises(SpecificationError, match=r"^network: must be .*, not str"):
        SpikingClassifier("digits").fit(X, Y)  # type: ignore[arg-type]
