"""Open what options name: models, stimuli, engines and workers. Print notes on what a user may not expect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console

from netsim.cli.generating import Given
from netsim.cli.terminal import data_progress, note
from netsim.data.stimuli import Splits, Stimuli, lost_classes
from netsim.data.tally import latest_spike, too_early
from netsim.engines import Engine, Recorded, make_engine
from netsim.errors import NetsimError, SpecificationError
from netsim.exchange import read_stimuli
from netsim.files import file_sha256
from netsim.presenting.batches import Distribution
from netsim.presenting.workers import distribution_of
from netsim.registry import Registry
from netsim.runs.folder import describe_run
from netsim.runs.model import Model, load_model
from netsim.runs.plugins import changed_plugins, plugin_record, plugins_of
from netsim.specification import Network
from netsim.specification.toml import network_to_dict


def open_model(given: Given, name: str, remedy: str = "", **more: Any) -> Model:
    """Return the model of a command. Print a note if a plug-in has changed.

    `netsim.runs.model.Model.check_engine` explains `remedy`. `more` replaces options of the user.
    """
    model: Model = given.call(load_model, name=name, **more)
    if "engine" not in given:
        model.check_engine(remedy)
    if model.run is not None and (changed := changed_plugins(model.run.record().get("plugins", []))):
        note(f"{name}: {changed}")
    return model


def check_different(models: Mapping[str, Model]) -> None:
    """Refuse networks with equal weights, which are one network."""
    named: dict[str, str] = {}
    for name, model in models.items():
        if model.sha256 is not None and (other := named.setdefault(model.sha256, name)) != name:
            raise SpecificationError(name, f"has the same weights as {other}; a network counts once, leave one out")


def note_initial_weights(given: Given, name: str, model: Model) -> None:
    """Print a note if the model was never trained."""
    if model.origin == "initial":
        seed = given.get("seed", 0)
        note(f"{name}: has no trained weights; initial weights of seed {seed} are used, without a fit")


def splits_of(model: Model, network: Network | None = None, data_dir: str | None = None, few: bool = True) -> Splits:
    """Return the stimuli of a model, and show the progress of their conversion. `few` loads them as needed."""
    with data_progress() as on_progress:
        return model.splits(network, data_dir, on_progress, as_needed=few)


def split_of(model: Model, split: Literal["test", "validation"] = "test", limit: int | None = None) -> Stimuli:
    """Return the test or validation stimuli of a model, up to a limit.

    Parameters
    ----------
    split : test|validation
        Test stimuli, or the stimuli set aside for validation.
    """
    return first_of(splits_of(model).of(split, model.network.training.validation), limit)


def first_of(stimuli: Stimuli, limit: int | None) -> Stimuli:
    """Return the first or all stimuli, ready for presentation."""
    if limit is None:
        return stimuli
    part = stimuli.first(limit)
    if lost := lost_classes(stimuli, part):
        note(f"the first {len(part)} stimuli lack {lost}; shuffle the data, or leave out --limit")
    with data_progress() as on_progress:
        return part.prepare(on_progress)


def chosen_stimuli(
    given: Given, model: Model, index: Sequence[int] = (), stimuli: Path | None = None
) -> tuple[Stimuli, dict[str, str], list[int]]:
    """Return the stimuli of a split or a file of spikes, their record, and the indices to present, ready for that.

    Parameters
    ----------
    index : N
        Stimulus to present, counted from 0; repeatable; by default 0.
    stimuli : FILE
        Present the spikes of this file, as netsim export writes them.
    """
    if stimuli is None:
        shown, where = given.call(split_of, model=model, limit=None), f"the {given.get('split', 'test')} split"
        source = {"dataset": model.network.training.dataset, "split": given.get("split", "test")}
    else:
        for name in ("dataset", "data_dir", "split"):
            if name in given:
                raise SpecificationError("--stimuli", f"replaces a data set; leave out --{name.replace('_', '-')}")
        shown, where = _read_stimuli(model, stimuli), str(stimuli)
        source = {"stimuli": where, "stimuli_sha256": file_sha256(stimuli)}
    limit = given.get("limit")
    if limit is not None and index:
        raise SpecificationError("--limit", "has no meaning with --index, which chooses the stimuli; remove one")
    indices = list(range(min(limit, len(shown)))) if limit else list(dict.fromkeys(index or [0]))
    check_index(max(indices), len(shown), where)
    with data_progress() as on_progress:
        shown.pick(np.array(indices)).prepare(on_progress)
    return shown, source, indices


def _read_stimuli(model: Model, file: Path) -> Stimuli:
    network = model.network
    spikes = read_stimuli(file, network.encoder.shape)
    if early := too_early(latest_spike(spikes.latencies), network.encoder):
        note(f"{file}: {early}; latencies are in ms: are these in another unit?")
    classes = model.classes
    if not classes and spikes.labels is not None and spikes.labels.dtype.kind == "U":
        with suppress(NetsimError):  # without the data set, labels cannot be words
            classes = splits_of(model).dataset.classes
    return spikes.stimuli(network.encoder, classes, network)


def check_index(index: int, count: int, where: str) -> None:
    """Refuse an index beyond the number of stimuli."""
    if not 0 <= index < count:
        raise SpecificationError(f"--index {index}", f"does not exist; {where} has 0 to {count - 1}")


def recorded_neuron(text: str, option: str) -> Recorded:
    """Parse a neuron such as ``hidden:3``."""
    layer, _, neuron = text.partition(":")
    if not neuron.isdecimal():
        raise SpecificationError(f"{option} {text}", "must be LAYER:NEURON, for example hidden:3")
    return Recorded(layer, int(neuron))


def build(model: Model, record: Sequence[Recorded] = ()) -> Engine:
    """Make the engine of a model. Print a note while this takes time."""
    settings = model.network.training
    with Console(stderr=True).status("building the network"):
        return make_engine(settings.engine, model.network, settings.dt, record=record)


def record_of(
    given: Given,
    subject: str,
    model: Model,
    source: Mapping[str, str],
    entries: Sequence[tuple[Registry[Any], str]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return an exact record of a simulation.

    `source` describes the origin of the stimuli. `entries` are registry entries that take part, besides the entries of
    the network.
    """
    settings = model.network.training
    return describe_run(
        given.get("seed", 0),
        **from_elsewhere(entries, plugins_of(model.network)),
        subject=subject,
        weights=model.origin,
        **({"weights_sha256": model.sha256} if model.sha256 else {}),
        **source,
        **{"engine": settings.engine, "dt_ms": settings.dt, **more},
        network=network_to_dict(model.network),
    )


def from_elsewhere(
    entries: Sequence[tuple[Registry[Any], str]], others: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return the record of plug-ins, from entries and others. Empty without plug-ins."""
    origins = [plugin_record(known.origin(name)) for known, name in entries if not known.is_own(name)]
    return {"plugins": [*others, *origins]} if others or origins else {}


@contextmanager
def distributed_over(workers: int | None = None, scheduler: str | None = None) -> Iterator[Distribution]:
    """Yield the distribution of presentations over workers.

    Parameters
    ----------
    workers : N
        Distribute the presentations over N processes; by default one.
    scheduler : ADDRESS
        Address of a Dask scheduler whose workers take part, such as tls://node7:8786.
    """
    check_workers(workers, scheduler)
    with ExitStack() as stack:
        with Console(stderr=True).status("connecting to the workers"):
            distribution = stack.enter_context(distribution_of(scheduler or workers))
        yield distribution


def check_workers(workers: int | None, scheduler: str | None) -> None:
    """Refuse a number of local workers together with a scheduler."""
    if scheduler is not None and workers is not None:
        raise SpecificationError(
            "--workers", "has no meaning with --scheduler, which has its own workers; remove one of them"
        )


def file_stem(what: str, layers: Sequence[str] | None) -> str:
    """Return the name of output files without suffix: their content, and the chosen layers."""
    return "-".join([what, *(layers or [])])
