"""Trained weights that another training begins with, in place of random ones."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netsim.data.dataset import Dataset
from netsim.errors import NetsimError, SpecificationError, nearest
from netsim.models.presets import preset_names
from netsim.runs.model import Model, load_model
from netsim.specification import Network
from netsim.specification.checks import require
from netsim.weights.layout import Weights, check_weights, weight_shapes
from netsim.weights.synapses import synapse_checksums


@dataclass(frozen=True)
class Pretrained:
    """Trained weights that a network begins with.

    Attributes
    ----------
    weights : dict of ndarray
        The weights that feed forward.
    learned : list of dict
        What they have learned from, as the record of a run has it; see `learned_from`.
    parent : dict
        The preset or run that they come from, its epoch and the checksum of its weights file, as far as known.
    """

    weights: Weights
    learned: list[dict[str, Any]]
    parent: dict[str, Any] = field(default_factory=dict)

    def check_unseen(self, network: Network, dataset: Dataset) -> None:
        """Refuse, by a SpecificationError, weights that learned from the stimuli that the network is validated with.

        Data sets are identified by checksum.
        """
        if dataset.validation is None:
            _check_unseen(network, [seen for seen in self.learned if seen.get("sha256") == dataset.sha256])


def load_pretrained(network: Network) -> Pretrained | None:
    """Return the weights that ``training.pretrained`` names, or None if it names none.

    Raises SpecificationError if there is no such preset or run, it is not trained, its weights have other shapes, or
    they were learned from stimuli that the network is to be validated with; RunError or DataError if its files are
    damaged.
    """
    name, where = network.training.pretrained, "training.pretrained"
    if not name:
        return None
    presets = preset_names()
    require(
        name in presets or os.path.isdir(name),
        where,
        f"{name} is neither a preset nor a run folder{_seen_from(name)}{nearest(name, presets)}",
    )
    model = load_model(name)
    trained = model.network
    require(model.origin != "initial", where, f"{name} has not learned anything; train it first")
    shapes = weight_shapes(trained)
    for weight, shape in weight_shapes(network).items():
        if shapes.get(weight) != shape:
            raise SpecificationError(
                where,
                f"{name} has {f'{weight} of shape {shapes[weight]}' if weight in shapes else f'no {weight}'},"
                f" {network.name} needs {weight} of shape {shape}",
            )
    listed = synapse_checksums(trained)
    for projection, checksum in synapse_checksums(network).items():
        others = f"{name} has other synapses in {projection}, which its weights are of; give the same seed or list"
        require(listed.get(projection) == checksum, where, others)
    learned = learned_from(model)
    _check_unseen(network, [seen for seen in learned if seen["dataset"] == network.training.dataset])
    weights = {weight: model.weights[weight] for weight in weight_shapes(network)}
    parent = {"run" if model.run else "preset": name, "epoch": model.epoch, "weights_sha256": model.sha256}
    known = {key: value for key, value in parent.items() if value is not None}
    return Pretrained(check_weights(network, weights, name), learned, known)


def learned_from(model: Model) -> list[dict[str, Any]]:
    """What trained weights have learned from: their own data set, and those of the weights that they began with.

    Each is told by its name, the number of its training stimuli that were set aside and, but for a preset's, its
    checksum. Of a data set with validation stimuli of its own all may be learned from.
    """
    training, record = model.network.training, {} if model.run is None else model.run.record()
    before = record.get("learned_before")
    if before is None and training.pretrained:  # a preset, or a run that does not tell
        try:
            before = learned_from(load_model(training.pretrained))
        except NetsimError:  # it is not there any more
            before = []
    data = record.get("data", {})
    if "validation" in data.get("sizes", {}):
        return [*(before or [])]
    checksum = {"sha256": data["sha256"]} if "sha256" in data else {}
    return [*(before or []), {"dataset": training.dataset, "validation": training.validation} | checksum]


def _check_unseen(network: Network, seen: Iterable[Mapping[str, Any]]) -> None:
    enough = min((each["validation"] for each in seen), default=network.training.validation)
    learned = f"{network.training.pretrained} has learned from stimuli that {network.name} is validated with"
    remedy = f"set training.validation to {enough}{' or less' if enough else ''}"
    require(enough >= network.training.validation, "training.pretrained", f"{learned}; {remedy}")


def _seen_from(name: str) -> str:
    """Where a relative path was looked up: whoever resumes a training may be elsewhere than who began it."""
    return "" if os.path.isabs(name) else f" seen from {os.getcwd()}, where it has to be found"


def weights_sha256(weights: Weights) -> str:
    """A checksum, so that a record can say which weights they were."""
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(name.encode() + np.ascontiguousarray(array, np.float64).tobytes())
    return digest.hexdigest()
