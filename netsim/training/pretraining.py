"""Trained weights that another training begins with, in place of random ones."""

import hashlib
import os
from collections.abc import Iterable, Mapping
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


def load_pretrained(network: Network) -> Weights | None:
    """The weights that ``training.pretrained`` names, as they feed forward; None if it names none.

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
    name_of_data = network.training.dataset
    _check_unseen(network, [seen for seen in learned_from(model) if seen["dataset"] == name_of_data])
    return check_weights(network, {weight: model.weights[weight] for weight in weight_shapes(network)}, name)


def check_unseen(network: Network, dataset: Dataset) -> list[dict[str, Any]]:
    """Refuse, by a SpecificationError, pretrained weights that learned from stimuli to validate with.

    That a data set is the same one says its checksum, under whatever name it was loaded. Returned is all that the
    weights have learned from, as a run's record has it; see `learned_from`.
    """
    if not network.training.pretrained:
        return []
    found = learned_from(load_model(network.training.pretrained))
    if dataset.validation is None:
        _check_unseen(network, [seen for seen in found if seen.get("sha256") == dataset.sha256])
    return found


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
