"""Pretrained weights, which initialise another training."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netsim.data.dataset import Dataset
from netsim.errors import NetsimError, SpecificationError, nearest
from netsim.models.presets import preset_names
from netsim.runs.model import Model, load_model
from netsim.specification import Network
from netsim.weights.layout import Weights
from netsim.weights.transfer import transferred, weights_sha256


@dataclass(frozen=True)
class Pretrained:
    """Pretrained weights of a network.

    Attributes
    ----------
    weights : dict of ndarray
        Forward weights.
    learned : list of dict
        Their training data, as in the record of a run (see `learned_from`).
    parent : dict
        Preset or run of the weights, their epoch and the checksum of their file, as far as known.
    """

    weights: Weights
    learned: list[dict[str, Any]]
    parent: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """A checksum that identifies the weights in the record of a run."""
        return weights_sha256(self.weights)

    def check_unseen(self, network: Network, dataset: Dataset | None = None) -> None:
        """Raise SpecificationError for weights that learned from validation stimuli of the network.

        A checksum identifies the data of runs. Presets have none, so the name of their data decides. It also decides
        without a `dataset`.
        """
        if dataset is None:
            learned = [seen for seen in self.learned if seen["dataset"] == network.training.dataset]
            aside = network.training.validation
            _check_unseen(network, learned, math.inf if 0 < aside < 1 else aside)  # a share of an unknown number
        elif dataset.validation is None:
            given = (dataset.sha256, dataset.name)
            learned = [seen for seen in self.learned if seen.get("sha256", seen["dataset"]) in given]
            _check_unseen(network, learned, network.training.set_aside(len(dataset.train_labels)))


def load_pretrained(network: Network) -> Pretrained | None:
    """Return the weights of ``training.pretrained``, or None if it is empty.

    Raise SpecificationError if the preset or run does not exist, is not trained, or has weights of other shapes. Raise
    RunError or DataError for damaged files.
    """
    name, where = network.training.pretrained, "training.pretrained"
    if not name:
        return None
    presets = preset_names()
    if name not in presets and not os.path.isdir(name):
        unknown = f"{name} is neither a preset nor a run folder{_seen_from(name)}{nearest(name, presets)}"
        raise SpecificationError(where, unknown)
    model = load_model(name)
    if model.origin == "initial":
        raise SpecificationError(where, f"{name} has not learned anything; train it first")
    weights = transferred(model.network, model.weights, name, network, where)
    learned = learned_from(model)
    parent = {"run" if model.run else "preset": name, "epoch": model.epoch, "weights_sha256": model.sha256}
    return Pretrained(weights, learned, {key: value for key, value in parent.items() if value is not None})


def learned_from(model: Model) -> list[dict[str, Any]]:
    """Return the training data of weights, including the data of earlier pretraining.

    Each entry has a name, the number of training stimuli reserved for validation and, except for presets, a checksum. A
    data set with its own validation stimuli needs no reservation.
    """
    training, record = model.network.training, {} if model.run is None else model.run.record()
    before = record.get("learned_before")
    if before is None and training.pretrained:  # a preset, or a run without this entry
        try:
            before = learned_from(load_model(training.pretrained))
        except NetsimError:  # the run no longer exists
            before = []
    data = record.get("data", {})
    if "validation" in data.get("sizes", {}):
        return [*(before or [])]
    checksum = {"sha256": data["sha256"]} if "sha256" in data else {}
    aside = training.set_aside(data["sizes"]["train"]) if "sizes" in data else training.validation
    return [*(before or []), {"dataset": training.dataset, "validation": aside} | checksum]


def _check_unseen(network: Network, seen: Iterable[Mapping[str, Any]], validation: float) -> None:
    enough = min((each["validation"] for each in seen), default=validation)
    learned = f"{network.training.pretrained} has learned from stimuli that {network.name} is validated with"
    remedy = f"set training.validation to {enough}{' or less' if enough else ''}"
    if enough < validation:
        raise SpecificationError("training.pretrained", f"{learned}; {remedy}")


def _seen_from(name: str) -> str:
    """Return the folder of a relative path, because training may resume from another directory."""
    return "" if os.path.isabs(name) else f" seen from {os.getcwd()}, where it has to be found"
