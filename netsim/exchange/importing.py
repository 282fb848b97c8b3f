"""Make a run folder from a network of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netsim.data.loading import find_source
from netsim.errors import DataWarning, warn_user
from netsim.exchange import import_network
from netsim.runs.folder import RunFolder, create_run, describe_run
from netsim.specification.checks import path_in


def import_run(file: str | Path, out: str | Path | None = None) -> RunFolder:
    """Make a run folder from a network file of another tool. All commands and functions accept it as a run.

    A network that netsim exported fires the same spikes. For files of other tools, a warning lists the assumptions.

    Parameters
    ----------
    file : str or Path
        A network file of another tool, such as NIR. See `netsim.import_network`.
    out : str or Path, optional
        New run folder; by default runs/NETWORK-imported.

    Returns
    -------
    RunFolder

    Raises
    ------
    DataError
        As for `netsim.import_network`.
    RunError
        If the folder exists already, or cannot be written.

    Examples
    --------
    >>> import netsim
    >>> netsim.export("digits", "mine.nir")
    >>> run = netsim.import_run("mine.nir", "mine")
    >>> netsim.load_model("./mine").origin
    'imported'
    """
    file = path_in(file, "file")
    imported = import_network(file)
    network, seed = imported.network, imported.record.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        seed = 0
    data = _data_of(imported.record)
    known: dict[str, Any] = {"data": data} if data else {}
    if imported.assumed:
        known["assumed"] = list(imported.assumed)
    record = describe_run(seed, imported=str(file.resolve()), exported=imported.record, **known)
    folder = Path("runs") / f"{network.name}-imported" if out is None else path_in(out, "out")
    run = create_run(folder, network, record, imported.weights)
    if imported.assumed:
        assumed = f"made by another tool; assumed: {', '.join(imported.assumed)}; {run.network_file} can be edited"
        warn_user(f"{file}: {assumed}", DataWarning)
    source = find_source(network.training.dataset)
    if not data and (source is None or source.family):  # a name alone does not identify the data
        unknown = f"does not say by a checksum which data are {network.training.dataset}"
        remedy = "see to it that the file or folder of that name is the one that was learned from"
        warn_user(f"{file}: {unknown}; {remedy}", DataWarning)
    return run


def _data_of(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the training data recorded in an export, as from `netsim.data.dataset.described`, or None."""
    run = record.get("run")
    former = run.get("data") if isinstance(run, dict) else None  # exports with only the record of the run
    data = record.get("data", former)
    fits = isinstance(data, dict) and isinstance(data.get("sha256"), str) and isinstance(data.get("sizes", {}), dict)
    return data if fits else None
