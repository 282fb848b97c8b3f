"""The commands ``netsim export`` and ``netsim import``: spikes or networks in the formats of other tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from netsim.cli import options
from netsim.cli.terminal import counting, listed, note, print_json
from netsim.data.loading import find_source
from netsim.errors import SpecificationError
from netsim.seams import network_formats, spike_formats

if TYPE_CHECKING:
    from netsim.runs.model import Model
    from netsim.specification import Network
    from netsim.spikes import Spikes


def export(
    subject: options.ModelArgument,
    path: Annotated[Path, Argument(metavar="PATH", help="The file to write; an older file is replaced.")],
    to: Annotated[str, Option(metavar="FORMAT", help="The format, see above.")],
    index: options.Index = None,
    limit: options.Limit = None,
    layer: Annotated[
        list[str] | None,
        Option(metavar="LAYER", help="Write only this layer, or stimulus; repeatable; by default all."),
    ] = None,
    stimuli_file: options.StimuliFile = None,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    seed: options.InitialSeed = 0,
    as_json: options.Json = False,
) -> None:
    """Write spikes or a network in the format of another tool.

    FORMAT is one of:

    {spike_formats}
    {network_formats}
    """
    from netsim.exchange.formats import format_to_write
    from netsim.spikes.presenting import present

    format_to_write(to, path, spike_formats, network_formats)
    files = [str(path)]
    chosen, network = options.model_of(subject, seed, engine=engine, dt=dt, dataset=dataset)
    if to in network_formats:
        presenting = {"--index": index, "--limit": limit, "--layer": layer, "--data-dir": data_dir}
        others = {"--stimuli": stimuli_file, "--split": split != "test"}
        for option, value in (presenting | others).items():
            if value:
                raise SpecificationError(option, f"has no meaning with --to {to}, which presents no stimuli; remove it")
        figures, summary = _export_network(subject, chosen, network, to, path, seed)
    else:
        for name in layer or ():
            network.position(name)
        stimuli, source, where = options.stimuli_of(chosen, network, stimuli_file, split, dataset, data_dir)
        indices = options.chosen_indices(index, limit, len(stimuli), where)
        stimuli = options.ready(stimuli, indices)
        simulator = options.build(network.training.engine, network, network.training.dt)
        options.make_folder(path.parent)
        options.note_initial_weights(subject, chosen, seed)
        with counting("presenting", len(indices)) as advance:
            how: dict[str, Any] = {"engine": simulator, "progress": advance}
            spikes = present(replace(chosen, network=network), stimuli, index=indices, **how)
        more = {"dt_ms": spikes.dt, "classes": list(spikes.classes)}
        record = options.record_of(subject, chosen, network, source, seed, [(spike_formats, to)], **more)
        figures, summary = _export_spikes(spikes, to, path, layer, record)
        files += map(str, spike_formats[to].beside(path))
    if as_json:
        print_json({"kind": to, "subject": subject, "weights": chosen.origin, **figures, "files": files})
    else:
        print(f"{path}: {summary}")


def _export_spikes(
    spikes: Spikes, to: str, path: Path, layers: list[str] | None, record: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Write spikes. Return a summary as a dictionary and in words."""
    import numpy as np
    from rich.console import Console

    from netsim.exchange import export as write
    from netsim.exchange.trains import chosen_layers

    with Console(stderr=True).status(f"writing {path}"):
        write(spikes, path, to, populations=layers, record=record)
    written = chosen_layers(spikes, layers).values()
    presentations = spikes.presentations
    neurons = sum(latencies[0].size for latencies in written)
    fired = sum(int(np.isfinite(latencies).sum()) for latencies in written)
    plural = "s" * (presentations > 1)
    summary = f"{fired:,} spikes of {neurons:,} neurons in {presentations:,} presentation{plural}"
    return {"presentations": presentations, "neurons": neurons, "spikes": fired}, summary


def _export_network(
    subject: str, chosen: Model, network: Network, to: str, path: Path, seed: int
) -> tuple[dict[str, Any], str]:
    """Write a network. Return a summary as a dictionary and in words."""
    from netsim.exchange import export as write
    from netsim.runs.folder import describe_run
    from netsim.specification.summary import architecture, summarise

    trained = chosen.run.record() if chosen.run else None
    same = network.training.dataset == chosen.network.training.dataset
    data = trained.get("data") if trained and same else None
    first = trained["seed"] if trained else seed
    record = describe_run(first, subject=subject, weights=chosen.origin, data=data, run=trained)
    options.make_folder(path.parent)
    options.note_initial_weights(subject, chosen, seed)
    write(replace(chosen, network=network), path, to, record=record)
    parameters = summarise(network)["parameters"]
    known = network_formats[to]
    missing = list(known.without_primitive(network))
    if missing:
        note(f"{path}: {known.title} has no primitives for {listed(missing)}; {known.unread}")
    figures = {"parameters": parameters, "without_primitive": missing}
    return figures, f"{architecture(network)}, {parameters:,} parameters"


def import_network(
    file: Annotated[Path, Argument(metavar="FILE", help="A network file of another tool, such as NIR.")],
    out: Annotated[Path | None, Option(metavar="RUN", help="New run folder; by default runs/NETWORK-imported.")] = None,
    as_json: options.Json = False,
) -> None:
    """Make a run folder from a network file of another tool. All commands accept it as a RUN.

    A network that netsim exported fires the same spikes. For files of other tools, the import lists its assumptions.

    The format of FILE is one of:

    {network_formats.read}
    """
    from netsim.exchange import import_network as read
    from netsim.runs.folder import create_run, describe_run
    from netsim.specification.summary import architecture, summarise

    imported = read(file)
    network, weights = imported.network, imported.weights
    seed = imported.record.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        seed = 0
    data = _data_of(imported.record)
    known = {"data": data} if data else {}
    record = describe_run(seed, imported=str(file.resolve()), exported=imported.record, **known)
    parameters = summarise(network)["parameters"]
    run = create_run(out or Path("runs") / f"{network.name}-imported", network, record, weights)
    if imported.assumed:
        note(f"{file}: made by another tool; assumed: {', '.join(imported.assumed)}; {run.network_file} can be edited")
    source = find_source(network.training.dataset)
    if not data and (source is None or source.family):  # a name alone does not identify the data
        unknown = f"does not say by a checksum which data are {network.training.dataset}"
        note(f"{file}: {unknown}; see to it that the file or folder of that name is the one that was learned from")
    if as_json:
        summary = {"network": network.name, "parameters": parameters, "assumed": list(imported.assumed)}
        print_json({"run": str(run.path), "file": str(file), **summary})
    else:
        print(f"{run.path}: {architecture(network)}, {parameters:,} parameters")


def _data_of(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the training data recorded in an export, as from `netsim.data.dataset.described`, or None."""
    run = record.get("run")
    former = run.get("data") if isinstance(run, dict) else None  # exports with only the record of the run
    data = record.get("data", former)
    fits = isinstance(data, dict) and isinstance(data.get("sha256"), str) and isinstance(data.get("sizes", {}), dict)
    return data if fits else None
