"""An analysis by its name, of a model or of spikes that exist already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netsim.analysis.analyses import Analysed, Analysis
from netsim.data.stimuli import Stimuli
from netsim.deprecation import former
from netsim.engines import Engine
from netsim.errors import DataError, SpecificationError
from netsim.runs.model import Model, Subject, open_model
from netsim.seams import analyses
from netsim.specification.checks import check_kind, names_in, whole
from netsim.spikes import Progress, Spikes, no_progress
from netsim.spikes.presenting import present
from netsim.spikes.spikes import refuse_for_spikes
from netsim.spikes.workers import Workers


def _former(name: str, subject: Model | Spikes, *args: Any, **kwargs: Any) -> Analysed:
    names = ("against", "stimuli", "populations", "limit", "engine", "seed", "progress")
    given = dict(zip(names, args, strict=False)) | kwargs
    if "layers" in given:
        given["populations"] = given.pop("layers")
    return analyse(subject, name, **{key: value for key, value in given.items() if value is not None})


@former(
    lambda *args: len(args) > 1 and isinstance(args[1], Model | Spikes),
    _former,
    "netsim.analyse(subject, name, ...)",
)
def analyse(
    subject: Subject | Spikes,
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
    """Analyse spikes, or those of a model: a table and a figure.

    Parameters
    ----------
    subject : Spikes, Model, Network, str or Path
        Spikes, as from `netsim.present` or `netsim.read_spikes`, or a model that is presented stimuli.
    name : str
        One of `netsim.seams.analyses`.
    against : Spikes, Model, Network, str or Path, optional
        What the subject is compared with, where the analysis compares: the same presentations in the same order.
    stimuli : Stimuli, optional
        Stimuli for a model; by default the test stimuli of its data set.
    populations : sequence of str, optional
        Analyse these only, ``stimulus`` among them; by default all.
    limit : int, optional
        The first presentations only; by default as many as the analysis needs of a model, and all of spikes.
    engine : Engine, optional
        Presents to `subject`, a model; by default the engine of its ``training``.
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

    Raises
    ------
    SpecificationError
        If there is no such analysis, setting or population, or something is given that has no meaning for the analysis
        or its subject.
    DataError
        If the spikes lack what the analysis needs.
    RunError
        If no engine is given, and the model was trained with an engine that was handed in as an object.

    Examples
    --------
    >>> import netsim
    >>> result = netsim.analyse("digits", "latencies", limit=50)
    >>> list(result.table.columns[:4])
    ['layer', 'neuron', 'label', 'presentations']
    >>> netsim.analysis.save_figure(result.figure(), "latencies.png")
    """
    entry = analyses.require(name)
    subject, against = _opened(subject), None if against is None else _opened(against)
    if stimuli is not None:
        check_kind(stimuli, Stimuli, "stimuli", "such as model.splits().test")
    populations = None if populations is None else names_in(populations, "populations")
    limit = None if limit is None else whole(limit, "limit")
    given: dict[str, Any] = entry.checked(settings)
    if entry.needs_other and against is None:
        raise DataError(f"{name}: compares; say what with (against)")
    if against is not None and not entry.takes("against"):
        raise DataError(f"{name}: does not compare; leave out what to compare with (against)")
    _refuse_idle(entry, subject, against, stimuli, populations, engine, workers)

    def shown(model: Model) -> Stimuli:
        chosen = model.splits().test if stimuli is None else stimuli
        return chosen.first(entry.presentations if limit is None else limit)

    def spikes_of(one: Model | Spikes, simulator: Engine | None = None) -> Spikes:
        if not isinstance(one, Spikes):
            # both are presented the same stimuli
            to_show = shown(one if stimuli is not None or isinstance(subject, Spikes) else subject)
            how: dict[str, Any] = {"engine": simulator, "workers": workers, "progress": progress}
            return present(one, to_show, populations=populations, **how)
        chosen = one if populations is None else one.only(populations)
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
        supplied = {"spikes": spikes}
        classes = spikes.classes
    if against is not None:
        supplied["against"] = spikes_of(against)
    supplied |= {"seed": seed, "progress": progress}
    given |= {what: value for what, value in supplied.items() if entry.takes(what)}
    assert entry.measure is not None
    return Analysed(name, entry.measure(**given), classes)


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
    """Refuse what would have no effect."""
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
