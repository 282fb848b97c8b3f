"""A teacher: a trained network whose output latencies tell another one how sure it may be of each label."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netsim.engines import Batch, Engine, make_engine, single_batch
from netsim.learning import Learner
from netsim.models.presets import preset_names
from netsim.specification import Network
from netsim.specification.checks import require
from netsim.specification_file import nearest
from netsim.subject import load_subject
from netsim.weights import Weights


@dataclass(frozen=True)
class Teacher:
    """A network that is imitated; it does not learn itself.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Those that feed forward.
    temperature : float
        See `netsim.specification.Learning`.
    precision : {"single", "double"}
        Arithmetic of the event engine that it is presented by, at exact times.
    """

    network: Network
    weights: Weights
    temperature: float = 1.0
    precision: str = "single"

    def beliefs(self, stimuli: np.ndarray) -> np.ndarray:
        """What the teacher makes of stimuli.

        Parameters
        ----------
        stimuli : ndarray, shape (presentations, height, width, channels)
            Latencies (ms).

        Returns
        -------
        ndarray, shape (presentations, output neurons)
            Rows sum to 1.
        """
        latencies = self._engine.run(single_batch(Batch(stimuli, self._typed)))
        return Learner(self.network).beliefs(latencies[-1], self.temperature)

    @property
    def sha256(self) -> str:
        """Of its weights, so that a record can say who taught."""
        digest = hashlib.sha256()
        for name, array in sorted(self.weights.items()):
            digest.update(name.encode() + np.ascontiguousarray(array, np.float64).tobytes())
        return digest.hexdigest()

    @cached_property
    def _typed(self) -> Weights:
        kind = np.float32 if self.precision == "single" else np.float64
        return {name: np.ascontiguousarray(array, kind) for name, array in self.weights.items()}

    @cached_property
    def _engine(self) -> Engine:
        return make_engine("event", self.network, 0.0, precision=self.precision)


def load_teacher(network: Network) -> Teacher | None:
    """The teacher that a network's settings name, if they name one.

    Parameters
    ----------
    network : Network

    Raises
    ------
    SpecificationError
        If there is no such teacher, it is not trained, sees other stimuli, has other labels, or has learned from
        stimuli that the network is to be validated with.
    RunError, DataError
        If its files are damaged.

    References
    ----------
    Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, arXiv:1503.02531.
    """
    settings = network.learning
    if not settings.teacher:
        return None
    where, presets = "learning.teacher", preset_names()
    require(
        settings.teacher in presets or os.path.isdir(settings.teacher),
        where,
        f"{settings.teacher} is neither a preset nor a run folder{nearest(settings.teacher, presets)}",
    )
    subject = load_subject(settings.teacher)
    taught = subject.network
    require(subject.origin != "initial", where, f"{settings.teacher} has not learned anything; train it first")
    require(
        taught.encoder == network.encoder,
        where,
        f"{settings.teacher} sees other stimuli; choose one with the same encoder",
    )
    require(
        taught.outputs == network.outputs,
        where,
        f"{settings.teacher} has {taught.outputs} output neurons, {network.name} has {network.outputs}",
    )
    require(
        taught.training.dataset != network.training.dataset
        or taught.training.validation >= network.training.validation,
        where,
        f"{settings.teacher} has set aside {taught.training.validation} stimuli, and learned from others that"
        f" {network.name} is validated with; set training.validation to {taught.training.validation} or less",
    )
    return Teacher(taught, subject.weights, settings.temperature, network.training.precision)
