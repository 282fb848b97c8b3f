"""The command ``import``: a network from another tool's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsim.cli.listing import ListingCommand
from netsim.cli.options import Json
from netsim.cli.terminal import note, print_json, say
from netsim.seams import network_formats


class ImportCommand(ListingCommand):
    """Lists the formats of networks."""

    registry = network_formats


def import_network(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A network file of another tool, such as NIR.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="New run folder; by default runs/NETWORK-imported.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a run folder of a network file: specification and weights, for every command that takes a RUN.

    A network that netsim exported fires the same spikes. What files of other tools do not say is assumed, and said.

    The format of FILE is one of:

    {entries}
    """
    from netsim.exchange import import_network as read
    from netsim.runs.folder import create_run, describe_run
    from netsim.specification.summary import architecture

    imported = read(file)
    network, weights = imported.network, imported.weights
    seed = imported.record.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        seed = 0
    record = describe_run(seed, imported=str(file.resolve()), exported=imported.record)
    parameters = sum(array.size for array in weights.values())
    run = create_run(out or Path("runs") / f"{network.name}-imported", network, record, weights)
    if imported.assumed:
        note(f"{file}: made by another tool; assumed: {', '.join(imported.assumed)}; {run.network_file} can be edited")
    if as_json:
        told = {"network": network.name, "parameters": parameters, "assumed": list(imported.assumed)}
        print_json({"run": str(run.path), "file": str(file), **told})
    else:
        say(f"{run.path}: {architecture(network)}, {parameters:,} parameters")
