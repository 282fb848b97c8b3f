"""Run an analysis by its name, on a model or on existing spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from netsim.analysis.analyses import Analysed, Analysis
from netsim.analysis.studies import join_networks, members_of_subjects, of_network, part_of
from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.errors import DataError, SpecificationError
from netsim.presenting.present import present
from netsim.presenting.workers import Workers
from netsim.runs.model import Model, Subject, open_model, stimuli_for
from netsim.seams import analyses
from netsim.specification.checks import check_kind, limit_in, names_in, whole
from netsim.spikes import Progress, Spikes, no_progress
from netsim.spikes.spikes import refuse_for_spikes


def analyse(
    subject: Subject | Spikes | Sequence[Subject],
    name: str,
    against: Subject | Spikes | None = None,
    *,
    stimuli: Stimuli | None = None,
    populations: Sequence[str] | None = None,
    limit: int | None = None,
    engine: Engine | None = None,
    workers: Workers = None,
    seed: int = 0,
    progress: Progress = no_progress,
    **settings: Any,
) -> Analysed:
    """Analyse spikes, or the spikes of a model: make a table and a figure.

    Parameters
    ----------
    subject : Spikes, Model, Network, str or Path
        Spikes, as from `netsim.present` or `netsim.read_spikes`, or a model, which is then presented with stimuli. A
        sequence of models, or a sweep, is analysed one by one: the table has the column ``network``, and the figure is
        over networks (see `netsim.analysis.over_networks` and `netsim.analysis.compare_networks`).
    name : str
        A name in `netsim.seams.analyses`.
    against : Spikes, Model, Network, str or Path, optional
        Subject to compare with, if the analysis compares. It must have the same presentations in the same order.
    stimuli : Stimuli, optional
        Stimuli for a model; by default the test stimuli of its data set.
    populations : sequence of str, optional
        Names of the populations to analyse; ``stimulus`` is also allowed. The default is all.
    limit : int, optional
        Use only the first presentations. The default depends on the analysis for a model, and is all for spikes.
    engine : Engine, optional
        Engine for a model; by default the engine of its ``training``.
    workers : int, str or Distribution, optional
        As in `netsim.present`.
    seed : int
        Seed of all draws.
    progress : callable
        Called with (done, total).
    **settings
        Settings of the analysis.

    Returns
    -------
    Analysed
        The table, which can draw itself.

    Raises
    ------
    SpecificationError
        If the analysis, a setting or a population does not exist, or an argument has no effect on this analysis or
        subject.
    DataError
        If the spikes lack data that the analysis needs.
    RunError
        If `engine` is missing, and the model was trained with an engine object.

    Examples
    --------
    >>> import netsim
    >>> result = netsim.analyse("digits", "latencies", limit=50)
    >>> list(result.table.columns[:4])
    ['layer', 'neuron', 'label', 'presentations']
    >>> netsim.analysis.save_figure(result.figure(), "latencies.png")
    """
    entry = analyses.require(name)
    members = [(subject, "", "")] if isinstance(subject, Spikes) else members_of_subjects(subject)
    if len(members) > 1:
        how: dict[str, Any] = {"stimuli": stimuli, "populations": populations, "limit": limit, "engine": engine}
        how |= {"workers": workers, "seed": seed}
        tables = []
        for number, (member, label, group) in enumerate(members):
            report = part_of(progress, number, len(members))
            made = analyse(member, name, against, progress=report, **how, **settings).table
            tables.append(of_network(made, label, group))
        return Analysed(name, join_networks(tables))
    subject = _opened(members[0][0])
    against = None if against is None else _opened(against)
    if stimuli is not None:  # before the check of what has no effect
        check_kind(stimuli, Stimuli, "stimuli", "such as netsim.load_splits(network).test")
    populations = None if populations is None else names_in(populations, "populations")
    limit, seed = limit_in(limit), whole(seed, "seed", least=0)
    given: dict[str, Any] = entry.checked(settings)
    if entry.needs_other and against is None:
        raise DataError(f"{name}: compares two subjects; give the second one (against)")
    if against is not None and not entry.takes("against"):
        raise DataError(f"{name}: does not compare; leave out the second subject (against)")
    _refuse_idle(entry, subject, against, stimuli, populations, engine, workers)

    def shown(model: Model) -> Stimuli:
        return stimuli_for(model, stimuli, entry.presentations if limit is None else limit)

    def spikes_of(source: Model | Spikes, simulator: Engine | None = None) -> Spikes:
        if not isinstance(source, Spikes):
            # both subjects are presented with the same stimuli
            to_show = shown(source if stimuli is not None or isinstance(subject, Spikes) else subject)
            how: dict[str, Any] = {"engine": simulator, "workers": workers, "progress": progress}
            return present(source, to_show, populations=populations, **how)
        chosen = source if populations is None else source.only(populations)
        return chosen if limit is None else chosen.head(limit)

    classes: Sequence[str]
    if entry.takes("model"):
        if isinstance(subject, Spikes):
            raise DataError(f"{name}: presents stimuli by itself; give it a run or a preset, not spikes")
        presented = shown(subject)
        supplied: dict[str, Any] = {"model": subject, "stimuli": presented, "layers": populations}
        supplied |= {"engine": engine, "workers": workers}
        classes = presented.classes
    else:
        spikes = spikes_of(subject, engine)
        if not spikes.presentations:
            raise DataError("spikes: have no presentations; at least one is needed")
        supplied = {"spikes": spikes}
        classes = spikes.classes
    if against is not None:
        supplied["against"] = spikes_of(against)
    supplied |= {"seed": seed, "progress": progress}
    given |= {what: value for what, value in supplied.items() if entry.takes(what)}
    assert entry.measure is not None
    table = entry.measure(**given)
    if not isinstance(table, pd.DataFrame):
        must = f"must return a table, a pandas.DataFrame, not {type(table).__name__}"
        raise SpecificationError(f"analysis {name!r}", must)
    return Analysed(name, table, classes)


def _opened(subject: Subject | Spikes) -> Model | Spikes:
    return subject if isinstance(subject, Spikes) else open_model(subject)


def _refuse_idle(
    entry: Analysis,
    subject: Model | Spikes,
    against: Model | Spikes | None,
    stimuli: Stimuli | None,
    populations: Sequence[str] | None,
    engine: Engine | None,
    workers: Workers,
) -> None:
    """Refuse arguments that would have no effect."""
    if entry.takes("model"):
        if populations is not None and not entry.takes("layers"):
            raise SpecificationError("populations", f"have no meaning for {entry.name}; leave them out")
        if engine is not None and not entry.takes("engine"):
            raise SpecificationError("engine", f"has no meaning for {entry.name}; leave it out")
        if workers is not None and not entry.takes("workers"):
            raise SpecificationError("workers", f"have no meaning for {entry.name}; leave them out")
    elif isinstance(subject, Spikes):
        refuse_for_spikes(engine=engine)
        if against is None or isinstance(against, Spikes):
            refuse_for_spikes(stimuli=stimuli, workers=workers)
