"""Begin a network of one's own, as a TOML file to edit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netsim.errors import SpecificationError
from netsim.files import write_text
from netsim.runs.names import network_named
from netsim.specification.checks import path_in
from netsim.specification.keys import editable, with_settings


def new_network(name: str | Path, base: str = "digits", settings: Mapping[str, Any] | None = None) -> Path:
    """Write a TOML file with a network of your own, which begins as a copy of a preset, a file or a run.

    The file lists all settings of training and learning. Those that are comments have their default values. Edit the
    file, then train it.

    Parameters
    ----------
    name : str or Path
        Name of the network; the file is NAME.toml.
    base : str
        The network to begin with.
    settings : mapping, optional
        A setting of the network by its dotted key, such as ``learning.rate=0.001`` or ``layers.hidden.size=50``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SpecificationError
        If the file exists already, its folder does not exist, or `base` or a setting does not exist.

    Examples
    --------
    >>> import netsim
    >>> file = netsim.new_network("mine", "yin-yang", {"layers.hidden.size": 30})
    >>> netsim.read_network(file).shapes
    {'stimulus': (1, 1, 4), 'hidden': (30,), 'output': (3,)}
    """
    text = os.fspath(path_in(name, "name"))
    path = Path(text if text.endswith(".toml") else f"{text}.toml")
    if path.exists() or path.is_symlink():
        raise SpecificationError(str(path), "exists already; choose another NAME, or edit this file")
    if path.parent != Path() and not path.parent.is_dir():
        raise SpecificationError(str(path), f"there is no folder {path.parent}; create it first")
    network = with_settings(network_named(base), {"name": path.stem, **(settings or {})})
    write_text(path, editable(network, f"netsim train {path}"))
    return path
