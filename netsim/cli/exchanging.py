"""The commands ``netsim export`` and ``netsim import``: spikes or networks in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import counting, listed, note, print_json
from netsim.errors import SpecificationError
from netsim.exchange import export as write
from netsim.exchange.formats import format_of, format_to_write
from netsim.exchange.importing import import_run
from netsim.exchange.trains import chosen_layers
from netsim.files import make_folder
from netsim.presenting.present import present
from netsim.runs.folder import describe_run
from netsim.runs.model import Model
from netsim.seams import network_formats, spike_formats
from netsim.specification.phrases import counted
from netsim.specification.summary import architecture, summarise


def export(given: Given, subject: str, path: Path, to: str | None = None, as_json: bool = False) -> None:
    """An older file is replaced.

    Parameters
    ----------
    path : PATH
        The file to write.
    """
    to = to or format_of(path, spike_formats, network_formats)
    format_to_write(to, path, spike_formats, network_formats)
    files, model = [str(path)], options.open_model(given, subject)
    if to in network_formats:
        for name, flag in _PRESENTING.items():
            if name in given:
                raise SpecificationError(flag, f"has no meaning with --to {to}, which presents no stimuli; remove it")
        make_folder(path.parent)
        options.note_initial_weights(given, subject, model)
        figures, summary = _export_network(given, subject, model, to, path)
    else:
        for name in given.get("populations", ()):
            model.network.position(name)
        stimuli, source, indices = given.call(options.chosen_stimuli, given=given, model=model)
        engine = options.build(model)
        make_folder(path.parent)
        options.note_initial_weights(given, subject, model)
        with counting("presenting", len(indices)) as advance:
            spikes = present(model, stimuli, index=indices, engine=engine, progress=advance)
        more = {"dt_ms": spikes.dt, "classes": list(spikes.classes)}
        record = options.record_of(given, subject, model, source, [(spike_formats, to)], **more)
        with Console(stderr=True).status(f"writing {path}"):
            given.call(write, subject=spikes, path=path, to=to, record=record)
        written = chosen_layers(spikes, given.get("populations")).values()
        neurons = sum(latencies[0].size for latencies in written)
        fired = sum(int(np.isfinite(latencies).sum()) for latencies in written)
        figures = {"presentations": spikes.presentations, "neurons": neurons, "spikes": fired}
        summary = f"{fired:,} spikes of {neurons:,} neurons in {counted(spikes.presentations, 'presentation')}"
        files += map(str, spike_formats[to].beside(path))
    if as_json:
        print_json({"kind": to, "subject": subject, "weights": model.origin, **figures, "files": files})
    else:
        print(f"{path}: {summary}")


_PRESENTING = {"index": "--index", "limit": "--limit", "populations": "--layer", "data_dir": "--data-dir"}
_PRESENTING |= {"stimuli": "--stimuli", "split": "--split"}


def _export_network(given: Given, subject: str, model: Model, to: str, path: Path) -> tuple[dict[str, Any], str]:
    """Write a network. Return a summary as a dictionary and in words."""
    trained = model.run.record() if model.run else None
    own_data = model.run is not None and model.network.training.dataset == model.run.network().training.dataset
    data = trained.get("data") if trained and own_data else None
    seed = trained["seed"] if trained else given.get("seed", 0)
    record = describe_run(seed, subject=subject, weights=model.origin, data=data, run=trained)
    write(model, path, to, record=record)
    parameters = summarise(model.network)["parameters"]
    known = network_formats[to]
    missing = list(known.without_primitive(model.network))
    if missing:
        note(f"{path}: {known.title} has no primitives for {listed(missing)}; {known.unread}")
    figures = {"parameters": parameters, "without_primitive": missing}
    return figures, f"{architecture(model.network)}, {parameters:,} parameters"


def import_(given: Given, file: Path, as_json: bool = False) -> None:
    """The format of FILE is one of:

    {network_formats.read}
    """
    run = given.call(import_run, file=file)
    network = run.network()
    parameters = summarise(network)["parameters"]
    if as_json:
        summary = {"network": network.name, "parameters": parameters, "assumed": run.record().get("assumed", [])}
        print_json({"run": str(run.path), "file": str(file), **summary})
    else:
        print(f"{run.path}: {architecture(network)}, {parameters:,} parameters")
