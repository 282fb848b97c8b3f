"""The start of a training: the network of a preset or file, or a run that it resumes or continues as a new run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsim.errors import RunError
from netsim.runs.names import find_run, network_file
from netsim.specification import Network
from netsim.specification.keys import read_with_settings, with_settings


@dataclass(frozen=True)
class Beginning:
    """A network, and what the training takes over from a run unless the user says otherwise."""

    network: Network
    path: Path | None = None
    """Folder of the training; None for the usual place."""
    seed: int = 0
    limit: int | None = None
    data_dir: str | None = None
    parent: Path | None = None
    """The run whose weights a new run begins with."""


def beginning_of(name: str, settings: Mapping[str, Any] | None = None, resume: bool = False) -> Beginning:
    """Return what a training of a preset, a TOML file or a run begins with.

    Parameters
    ----------
    name : str
        A run is resumed in its folder with `resume`. Otherwise a new run begins with the run's best weights.
    settings : mapping, optional
        Values in place of the network's own, by dotted keys.
    resume : bool

    Raises
    ------
    SpecificationError, RunError
        If there is no such network or run, or a setting does not exist.
    """
    settings = settings or {}
    run = find_run(name)
    if run is None:
        file = network_file(name)
        return Beginning(read_with_settings(file, settings))
    network, record = run.network(), run.record()
    data_dir = run.data_dir()
    if resume:
        if settings:
            first = next(iter(settings))
            new = f"leave out --resume to train a new run that begins with the weights of {name}"
            remedy = "--epochs extends it" if first == "training.epochs" else new
            raise RunError(f"{name}: cannot be resumed with another {first}; {remedy}")
        return Beginning(network, run.path, record["seed"], record.get("limit"), data_dir)
    if Path(name).name in ("", ".."):  # such as the current folder, which has no name to append to
        name = str(Path(name).resolve())
    own_data, network = network.training.dataset, with_settings(network, settings)
    if network.training.dataset != own_data:
        data_dir = None  # the folder of the run's own data
    if "training.pretrained" not in settings:
        network = dataclasses.replace(network, training=dataclasses.replace(network.training, pretrained=name))
    parent = run.path if network.training.pretrained == name else None
    path = Path(f"{Path(name)}-continued")
    return Beginning(network, path, 0, record.get("limit"), data_dir, parent)
