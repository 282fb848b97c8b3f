"""Trained weights that another training begins with, in place of random ones."""

import hashlib
import os

import numpy as np

from netsim.data.dataset import Dataset
from netsim.errors import SpecificationError, nearest
from netsim.models.presets import preset_names
from netsim.runs.folder import RunFolder
from netsim.runs.model import find_run, load_model
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
    if trained.training.dataset == network.training.dataset and not _has_own_validation(model.run):
        _check_unseen(network, trained)
    return check_weights(network, {weight: model.weights[weight] for weight in weight_shapes(network)}, name)


def check_unseen(network: Network, dataset: Dataset) -> None:
    """Refuse, by a SpecificationError, pretrained weights of a run that learned from stimuli to validate with.

    That its data set is the same one says its checksum, under whatever name it was loaded.
    """
    run = find_run(network.training.pretrained)
    if run and dataset.validation is None and run.record().get("data", {}).get("sha256") == dataset.sha256:
        _check_unseen(network, run.network())


def _has_own_validation(run: RunFolder | None) -> bool:
    """Whether a run's data set has validation stimuli of its own, from which nobody learns."""
    return run is not None and "validation" in run.record().get("data", {}).get("sizes", {})


def _check_unseen(network: Network, trained: Network) -> None:
    enough = trained.training.validation
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
