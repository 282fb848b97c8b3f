"""The command ``export``: spikes, or the network, in the file formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsim.cli.listing import ListingCommand
from netsim.cli.options import (
    DataDir,
    DatasetOption,
    Dt,
    EngineOption,
    Index,
    InitialSeed,
    Json,
    Limit,
    ModelArgument,
    Split,
    build,
    chosen_indices,
    make_folder,
    model_of,
    note_initial_weights,
    split_of,
)
from netsim.cli.simulating import simulation_record
from netsim.cli.terminal import counting, note, print_json, say
from netsim.errors import SpecificationError
from netsim.seams import network_formats, spike_formats

if TYPE_CHECKING:
    from netsim.runs.model import Model
    from netsim.specification import Network


class ExportCommand(ListingCommand):
    """Lists the formats of spikes, then those of networks."""

    registry = spike_formats

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help with the formats in it."""
        networks = "\n".join(f"* {name}: {known.summary}" for name, known in network_formats.items())
        self.help = (self.help or "").replace("{networks}", networks)
        super().format_help(ctx, formatter)


def export(
    subject: ModelArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write; an older one is replaced.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="The format, see above.")],
    index: Index = None,
    limit: Limit = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="LAYER", help="Only this layer, or stimulus; repeatable; by default all."),
    ] = None,
    split: Split = "test",
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    engine: EngineOption = None,
    dt: Dt = None,
    seed: InitialSeed = 0,
    as_json: Json = False,
) -> None:
    """Write spikes of presented stimuli, or the network, for other tools.

    FORMAT is one of:

    {entries}
    {networks}
    """
    import numpy as np
    from rich.console import Console

    from netsim.exchange import export as write
    from netsim.exchange.formats import format_to_write
    from netsim.exchange.trains import chosen_layers
    from netsim.measuring.simulation import simulate

    format_to_write(to, path, spike_formats, network_formats)
    chosen, network = model_of(subject, seed, engine=engine, dt=dt, dataset=dataset)
    if to in network_formats:
        presenting = {"--index": index, "--limit": limit, "--layer": layer, "--data-dir": data_dir}
        for option, value in (presenting | {"--split": split != "test"}).items():
            if value:
                raise SpecificationError(option, f"has no meaning with --to {to}, for which nothing is presented")
        _export_network(subject, chosen, network, to, path, seed, as_json)
        return
    for name in layer or ():
        network.position(name)
    stimuli = split_of(chosen, network, split, data_dir)
    indices = chosen_indices(index, limit, len(stimuli), f"the {split} split")
    simulator = build(network.training.engine, network, network.training.dt)
    make_folder(path.parent)
    note_initial_weights(subject, chosen, seed)
    with counting("presenting", len(indices)) as advance:
        simulation = simulate(simulator, chosen.weights, stimuli, indices, advance)
    source = {"dataset": network.training.dataset, "split": split}
    record = simulation_record(subject, chosen, network, source, seed, simulation)
    del record["presentations"]  # they are what the file is about
    with Console(stderr=True).status(f"writing {path}"):
        write(to, simulation, path, layer, record)
    written = chosen_layers(simulation, layer).values()
    neurons = sum(latencies[0].size for latencies in written)
    spikes = sum(int(np.isfinite(latencies).sum()) for latencies in written)
    if as_json:
        print_json(
            {
                "kind": to,
                "subject": subject,
                "weights": chosen.origin,
                "presentations": len(indices),
                "neurons": neurons,
                "spikes": spikes,
                "files": [str(path)],
            }
        )
        return
    say(f"{path}: {spikes:,} spikes of {neurons:,} neurons in {len(indices):,} presentation{'s' * (len(indices) > 1)}")


def _export_network(
    subject: str, chosen: Model, network: Network, to: str, path: Path, seed: int, as_json: bool
) -> None:
    from netsim.exchange import export_network
    from netsim.runs.folder import describe_run
    from netsim.specification.summary import architecture

    trained = chosen.run.record() if chosen.run else None
    record = describe_run(trained["seed"] if trained else seed, subject=subject, weights=chosen.origin, run=trained)
    make_folder(path.parent)
    note_initial_weights(subject, chosen, seed)
    export_network(to, network, chosen.weights, path, record)
    parameters = sum(array.size for array in chosen.weights.values())
    known = network_formats[to]
    missing = list(known.without_primitive(network))
    if missing:
        *first, last = missing
        listed = f"{', '.join(first)} and {last}" if first else last
        note(
            f"{path}: {known.title} has no primitives for {listed}; they are metadata, which other simulators will not"
            " see"
        )
    if as_json:
        print_json(
            {
                "kind": to,
                "subject": subject,
                "weights": chosen.origin,
                "parameters": parameters,
                "without_primitive": missing,
                "files": [str(path)],
            }
        )
        return
    say(f"{path}: {architecture(network)}, {parameters:,} parameters")
