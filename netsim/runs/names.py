"""Names of networks: presets, TOML files and runs."""

import os
from pathlib import Path

from netsim.errors import SpecificationError, nearest
from netsim.files import without_separator
from netsim.models.presets import preset_file, preset_names
from netsim.runs.folder import RunFolder, is_run, open_run
from netsim.specification import Network
from netsim.specification.toml import read_network


def load_network(name: str) -> Network:
    """Read the specification of a preset or TOML file. Raises SpecificationError if `name` is neither or invalid."""
    return read_network(network_file(name))


def network_named(name: str) -> Network:
    """Return the network of a preset, a TOML file or a run."""
    run = find_run(name)
    return load_network(name) if run is None else run.network()


def network_file(name: str) -> Path:
    """Return the TOML file of a preset or of this name. Raises SpecificationError unless `name` looks like a file."""
    names = preset_names()
    if name in names:
        return preset_file(name)
    if name.endswith(".toml") or os.path.isfile(name):  # also accepts text that no file name can contain
        return Path(name)
    if os.path.isdir(name) and is_run(name):
        file = Path(name) / "network.toml"
        options = f"give {file}, or continue the run: netsim train {name} --resume"
        raise SpecificationError(name, f"is a run folder, not a preset or a TOML file; {options}")
    shown = name if name.strip() else repr(name)
    whole = without_separator(name)
    folder, last = os.path.dirname(whole), os.path.basename(whole)
    if os.path.isdir(folder) and not os.path.lexists(name):  # a missing file in an existing folder
        known = _contents(folder)
        hint = nearest(last, known) if known else f"; {folder} contains no run folders or TOML files"
        raise SpecificationError(shown, f"does not exist{hint}")
    if folder and not os.path.lexists(folder):
        raise SpecificationError(
            shown, f"does not exist, because there is no folder {folder}; check the path, or train first"
        )
    raise SpecificationError(shown, f"is neither a run folder nor a preset nor a TOML file{nearest(name, names)}")


def _contents(folder: str) -> list[str]:
    """Return the names of run folders and TOML files in a folder, if it is readable."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if name.endswith(".toml") or os.path.isfile(f"{folder}/{name}/network.toml")]


def find_run(name: str) -> RunFolder | None:
    """Open the run folder `name`. None unless `name` is a folder, or if it is a preset. RunError for other folders."""
    return open_run(name) if os.path.isdir(name) and name not in preset_names() else None
