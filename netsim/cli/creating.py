"""The command ``netsim new``: a TOML file of a network, to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from netsim.cli import options, terminal
from netsim.errors import SpecificationError


def new(
    name: Annotated[str, Argument(metavar="NAME", help="Name of the network; the file is NAME.toml.")],
    base: Annotated[
        str, Option("--from", metavar="PRESET|FILE.toml|RUN", help="The network to begin with; see netsim models.")
    ] = "digits",
    settings: options.SettingsOption = None,
    as_json: options.Json = False,
) -> None:
    """Write a TOML file with a network of your own, which begins as a copy of a preset, a file or a run.

    The file lists all settings of training and learning. Those that are comments have their default values. Edit the \
file, then train it: netsim train NAME.toml.
    """
    from netsim.files import write_text
    from netsim.runs.names import network_named
    from netsim.specification.editing import editable
    from netsim.specification.keys import parse_settings, with_settings

    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    if path.exists() or path.is_symlink():
        raise SpecificationError(str(path), "exists already; choose another NAME, or edit this file")
    if path.parent != Path() and not path.parent.is_dir():
        raise SpecificationError(str(path), f"there is no folder {path.parent}; create it first")
    given = {"name": path.stem} | parse_settings(settings or ())
    text = editable(with_settings(network_named(base), given), f"netsim train {path}")
    write_text(path, text)
    if as_json:
        terminal.print_json({"file": str(path), "from": base})
        return
    print(f"{path}: a copy of {base}; edit it, then train it: netsim train {path}")
