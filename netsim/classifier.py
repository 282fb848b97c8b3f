"""A classifier for scikit-learn: rows of a table in, the neuron that fires first out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from netsim.data.stimuli import Stimuli
from netsim.engines import make_engine
from netsim.errors import DataError
from netsim.learning.targets import output_probabilities
from netsim.learning.targets.softmax import Softmax
from netsim.runs.model import Model
from netsim.specification import Dense, Layer, Learning, Network, Neurons, PopulationEncoder, Training
from netsim.spikes.presenting import present
from netsim.training.loop import start_training, training_conversation
from netsim.weights.binary import forward_weights

_T_MAX = 16.0
_MOST_SEEDS = 2**31 - 1


class SpikingClassifier(TransformerMixin, ClassifierMixin, BaseEstimator):
    """A single-spike network trained with STiDi-BP, as an estimator of scikit-learn.

    Parameters
    ----------
    network : Network, optional
        One of your own; rows are brought into the shape of its encoder's samples, and its ``training`` and ``learning``
        are followed. By default a population code of each column, dense hidden layers, and an output neuron for each
        class, all in the regime ``phased``.
    hidden : sequence of int, or int
        Neurons of each hidden layer, or of the one that there is; as all below for the network by default.
    fields : int
        Neurons of the population code for each column, at least three.
    epochs, batch : int
        Passes over the rows, and rows between two updates.
    rate : float
        Peak learning rate.
    random_state : int, RandomState or None
        Of the initial weights and the order of rows.

    Attributes
    ----------
    classes_ : ndarray
        Labels, in order.
    n_features_in_ : int
        Columns.
    network_ : Network
    weights_ : dict of ndarray
        Those that feed forward, of the epoch that decided best on the rows that it learned from (of equal ones, with
        the lowest loss). No rows are set aside; that is for cross-validation.
    class_prior_ : ndarray
        Share of each class.
    intensity_max_ : float or None
        The intensity that fires first, where a network of your own takes images: 255 of unsigned bytes, else the
        largest that was learned from. What is brighter in other rows counts as this.
    history_ : list of dict
        Figures of each epoch.
    seed_ : int
        What `random_state` came to.

    Notes
    -----
    The neuron that fires first decides. Of several, the one of the class that comes first does, as estimators have to
    name one; `netsim.evaluate` counts such ties as errors. If no output neuron fires, it is the most frequent class.

    Examples
    --------
    >>> import netsim
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = netsim.SpikingClassifier(epochs=30, random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    >>> model.transform(X[:1]).shape
    (1, 3)
    """

    def __init__(
        self,
        network: Network | None = None,
        hidden: Sequence[int] | int = (40,),
        fields: int = 8,
        epochs: int = 60,
        batch: int = 20,
        rate: float = 0.003,
        random_state: Any = None,
    ) -> None:
        self.network = network
        self.hidden = hidden
        self.fields = fields
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train the network; validation figures of `history_` are of the same rows.

        Parameters
        ----------
        X : array_like, shape (rows, columns)
        y : array_like, shape (rows,)
            Labels of two or more classes.

        Raises
        ------
        ValueError
            If rows or labels cannot be learned from.
        NetsimError
            If a network of your own does not fit them.
        """
        kind = getattr(X, "dtype", None)  # which says what the largest intensity is
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class, {self.classes_[0]!r}; at least two classes are needed")
        self.seed_ = int(check_random_state(self.random_state).randint(_MOST_SEEDS))
        network = self.network or self._usual_network(X)
        if network.outputs < len(self.classes_):
            raise DataError(f"network: has {network.outputs} output neurons for {len(self.classes_)} classes")
        self.class_prior_ = np.bincount(codes) / len(codes)
        images = network.encoder.prepare(X.astype(np.uint8) if kind == np.uint8 else X)
        self.intensity_max_ = network.encoder.largest(images)
        settings = dataclasses.replace(network.training, batch=min(network.training.batch, len(X)))
        self.network_ = dataclasses.replace(network, training=settings)
        stimuli = self._stimuli(X, codes)
        state = start_training(self.network_, self.seed_)
        engine = make_engine(settings.engine, self.network_, settings.dt, precision=settings.precision)
        engine.run(training_conversation(self.network_, stimuli, stimuli, state, self.seed_))
        assert state.best_weights is not None
        self.weights_ = forward_weights(self.network_, state.best_weights)
        self.history_ = state.history
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The label of the neuron that fires first, shape (rows,)."""
        check_is_fitted(self)
        return np.asarray(self.classes_)[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """What the targets of the learner say, or else a softmax over negative latencies, shape (rows, classes).

        Where no output neuron fires, it is the share of each class in what was learned from.
        """
        check_is_fitted(self)
        latencies = self._outputs(X)
        shares = output_probabilities(self.network_, latencies)
        if shares is None:  # of targets that know no probabilities
            shares = Softmax.from_network(self.network_).probabilities(latencies)
        shares[~np.isfinite(latencies).any(axis=1)] = self.class_prior_
        return shares

    def transform(self, X: Any) -> np.ndarray:
        """Latencies (ms) of the output neurons, shape (rows, classes).

        Those of silent neurons are the length of a presentation, for later steps of a pipeline take finite numbers.
        """
        check_is_fitted(self)
        return self._finite(self._outputs(X))

    def latencies(self, X: Any) -> dict[str, np.ndarray]:
        """Latencies (ms) of the stimulus and all populations by name, shape ``(rows, *shape)``; ``inf`` is silent."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        stimuli = self._stimuli(X, np.zeros(len(X), dtype=np.int64))
        return dict(present(Model(self.network_, self.weights_), stimuli))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of `transform`."""
        check_is_fitted(self)
        return np.array([f"latency_{name}" for name in self.classes_], dtype=object)

    def _outputs(self, X: Any) -> np.ndarray:
        """Latencies of the neurons of the classes."""
        return self.latencies(X)[self.network_.output.name][:, : len(self.classes_)]

    def _finite(self, latencies: np.ndarray) -> np.ndarray:
        return np.minimum(latencies, self.network_.duration)

    def _stimuli(self, X: np.ndarray, codes: np.ndarray) -> Stimuli:
        encoder = self.network_.encoder
        samples = encoder.prepare(X)
        if self.intensity_max_ is not None:
            samples = np.minimum(samples, self.intensity_max_)
        return Stimuli(samples, codes, self.intensity_max_, encoder, tuple(map(str, self.classes_)))

    def _usual_network(self, X: np.ndarray) -> Network:
        """A chain of layers, each of which fires after the one before it has."""
        encoder = PopulationEncoder.of(X, self.fields, _T_MAX)
        layers = []
        hidden = self.hidden if isinstance(self.hidden, Sequence) else np.atleast_1d(self.hidden).tolist()
        onset, sizes = _T_MAX, [*hidden, len(self.classes_)]
        for number, size in enumerate(sizes):
            last = number == len(sizes) - 1
            end = onset + (7 if last else 2) * _T_MAX
            neurons = Neurons("phased", 3.0 if last else 2.0, _T_MAX, onset, end, 1.0, bias=True)
            layers.append(Layer("output" if last else f"hidden{number + 1}", Dense(size), neurons))
            onset = end
        training = Training(epochs=self.epochs, batch=self.batch, validation=1)
        return Network.chain("rows", encoder, layers, onset, training=training, learning=Learning(rate=self.rate))
