"""A classifier for scikit-learn. The neuron that fires first is the prediction."""

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
from netsim.presenting.present import present
from netsim.runs.model import Model
from netsim.specification import Dense, Layer, Learning, Network, Neurons, PopulationEncoder, Training
from netsim.specification.checks import check_kind
from netsim.training.loop import run_training
from netsim.training.starting import start_training
from netsim.weights.binary import forward_weights

_T_MAX = 16.0  # ms
_MOST_SEEDS = 2**31 - 1


class SpikingClassifier(TransformerMixin, ClassifierMixin, BaseEstimator):
    """A single-spike network trained with STiDi-BP, as an estimator of scikit-learn.

    Parameters
    ----------
    network : Network, optional
        Custom network. Rows are reshaped to its encoder's samples, and its ``training`` and ``learning`` apply. The
        default network has a population code for each column, dense hidden layers, and an output neuron for each class,
        all in the regime ``phased``. The other parameters, except `random_state`, apply to the default network only.
    hidden : sequence of int, or int
        Neurons of each hidden layer, or of a single hidden layer.
    fields : int
        Neurons of the population code for each column, at least three.
    epochs, batch : int
        Passes over the rows, and rows per update.
    rate : float
        Peak learning rate.
    random_state : int, RandomState or None
        Seed of the initial weights and the order of rows.

    Attributes
    ----------
    classes_ : ndarray
        Labels, sorted.
    n_features_in_ : int
        Number of columns.
    network_ : Network
    weights_ : dict of ndarray
        Forward weights of the epoch with the best accuracy on the training rows. Ties go to the lowest loss. No rows
        are set aside, because scikit-learn cross-validates.
    class_prior_ : ndarray
        Fraction of each class.
    intensity_max_ : float or None
        Intensity of the earliest spike, for a custom network with images: 255 for unsigned bytes, otherwise the largest
        intensity in training. Larger intensities are clipped.
    history_ : list of dict
        Figures of each epoch.
    seed_ : int
        Seed drawn from `random_state`.

    Notes
    -----
    The neuron that fires first decides. Ties go to the first of the tied classes, because an estimator must choose,
    whereas `netsim.evaluate` counts ties as errors. Without output spikes, the most frequent class is chosen.

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
        """Train the network. Validation figures in `history_` are computed on the same rows.

        Parameters
        ----------
        X : array_like, shape (rows, columns)
        y : array_like, shape (rows,)
            Labels of two or more classes.

        Returns
        -------
        SpikingClassifier
            The estimator.

        Raises
        ------
        ValueError
            If rows or labels are not valid for training.
        NetsimError
            If the network does not fit the data.
        """
        kinds: Any = getattr(X, "dtypes", getattr(X, "dtype", None))  # determine the largest intensity
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_[0]}; give at least two classes")
        self.seed_ = int(check_random_state(self.random_state).randint(_MOST_SEEDS))
        network = self._usual_network(X) if self.network is None else self.network
        check_kind(network, Network, "network", 'such as netsim.load_preset("digits")')
        if network.outputs < len(self.classes_):
            raise DataError(
                f"network: has {network.outputs} output neurons for {len(self.classes_)} classes; give one for each"
            )
        self.class_prior_ = np.bincount(codes) / len(codes)
        images = network.encoder.prepare(
            X.astype(np.uint8) if all(kind == np.uint8 for kind in np.atleast_1d(kinds)) else X
        )
        self.intensity_max_ = network.encoder.largest(images)
        settings = dataclasses.replace(network.training, batch=min(network.training.batch, len(X)))
        self.network_ = dataclasses.replace(network, training=settings)
        stimuli = self._stimuli(X, codes)
        state = start_training(self.network_, self.seed_)
        engine = make_engine(settings.engine, self.network_, settings.dt, precision=settings.precision)
        run_training(engine, self.network_, stimuli, stimuli, state, self.seed_)
        assert state.best_weights is not None
        self.weights_ = forward_weights(self.network_, state.best_weights)
        self.history_ = state.history
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the label of the neuron that fires first.

        Parameters
        ----------
        X : array_like, shape (rows, columns)

        Returns
        -------
        ndarray, shape (rows,)
        """
        check_is_fitted(self)
        return np.asarray(self.classes_)[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities.

        The learner's targets define the probabilities, or otherwise a softmax over negative latencies. Rows without
        output spikes have the class fractions of the training rows.

        Parameters
        ----------
        X : array_like, shape (rows, columns)

        Returns
        -------
        ndarray of float, shape (rows, classes)
        """
        check_is_fitted(self)
        latencies = self._outputs(X)
        shares = output_probabilities(self.network_, latencies)
        if shares is None:  # these targets define no probabilities
            shares = Softmax.from_network(self.network_).probabilities(latencies)
        shares[~np.isfinite(latencies).any(axis=1)] = self.class_prior_
        return shares

    def transform(self, X: Any) -> np.ndarray:
        """Return the latencies of the output neurons.

        Silent neurons have the length of a presentation, because other estimators need finite numbers.

        Parameters
        ----------
        X : array_like, shape (rows, columns)

        Returns
        -------
        ndarray of float, shape (rows, classes)
            Latencies (ms).
        """
        check_is_fitted(self)
        return self._finite(self._outputs(X))

    def latencies(self, X: Any) -> dict[str, np.ndarray]:
        """Return the latencies of the stimulus and all populations.

        Parameters
        ----------
        X : array_like, shape (rows, columns)

        Returns
        -------
        dict of ndarray, shape (rows, \\*population)
            Latencies (ms) by population, with ``inf`` for silence.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        stimuli = self._stimuli(X, np.zeros(len(X), dtype=np.int64))
        return dict(present(Model(self.network_, self.weights_), stimuli))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return names of the columns of `transform`.

        Parameters
        ----------
        input_features
            Ignored.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        return np.array([f"latency_{name}" for name in self.classes_], dtype=object)

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the latencies of the neurons with classes."""
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
        """Make a chain of layers in which each layer fires after the preceding layer."""
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
