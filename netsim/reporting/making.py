"""Measure, draw and write a report in one call."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from netsim.analysis.gallery import Source
from netsim.data.stimuli import Splits
from netsim.description.provenance import training_facts
from netsim.engines import engine_of
from netsim.errors import DataError, SpecificationError
from netsim.files import check_folder, make_folder
from netsim.measuring.evaluation import evaluate
from netsim.reporting.page import Report, write_report
from netsim.reporting.pictures import draw_pictures
from netsim.runs.folder import describe_run
from netsim.runs.model import Model, Subject, open_model
from netsim.seams import engines
from netsim.specification import Network
from netsim.specification.checks import limit_in, path_in, whole
from netsim.spikes import Progress, no_progress


def report(
    model: Subject,
    path: str | Path,
    *,
    split: str = "test",
    limit: int | None = None,
    presentation: int = 0,
    progress: Progress = no_progress,
    drawing: Callable[[str], None] = lambda name: None,
    network: Network | None = None,
    splits: Splits | None = None,
    name: str = "",
    seed: int = 0,
) -> Report:
    """Write a report: an HTML file with configuration, results, figures and provenance.

    The figures are also saved next to it as PNG and SVG. Results are measured with the event engine, except for a model
    whose engine comes from a plug-in, which is measured with that engine.

    Parameters
    ----------
    model : Model, Network, str or Path
        A model, or the name of a run, preset or TOML file.
    path : str or Path
        Path of the ``.html`` file. An existing file is replaced.
    split : {"test", "validation"}
        Stimuli to present. Use ``validation`` while you still choose between networks.
    limit : int, optional
        Present only the first stimuli.
    presentation : int
        Index of the stimulus, for figures of one presentation.
    progress : callable
        Called with (done, total).
    drawing : callable
        Called with the name of each figure before it is drawn.
    network : Network, optional
        The network with other settings of its ``training``, such as another data set or time grid.
    splits : Splits, optional
        By default the splits of the model's data set.
    name : str
        Name of the model in the report; by default the name of the network.
    seed : int
        Seed of initial weights, for an untrained model.

    Returns
    -------
    Report
        Contents of the page.

    Raises
    ------
    SpecificationError
        If the path does not end in ``.html``, or the split does not exist.
    DataError
        If the data set is missing, or lacks the stimulus.
    RunError
        If the file cannot be written.

    Examples
    --------
    >>> import netsim
    >>> report = netsim.report("digits", "report.html", limit=20)
    >>> report.evaluation.presentations
    20
    """
    path, opened, limit = path_in(path, "path"), open_model(model, seed), limit_in(limit)
    if path.suffix.lower() not in (".html", ".htm"):
        raise SpecificationError(f"{path}", "must end in .html")
    measured = network or with_engine_of_reports(opened)
    splits = splits or opened.splits(measured)
    stimuli = splits.of(split, measured.training.validation)
    part = stimuli.first(limit)
    if not 0 <= whole(presentation, "presentation", least=0) < len(stimuli):
        raise DataError(f"presentation {presentation}: does not exist; there are 0 to {len(stimuli) - 1}")
    folder = path.with_name(f"{path.stem}-figures")
    check_folder(folder)
    presented = replace(opened, network=measured)
    evaluation = evaluate(presented, part, engine=engine_of(measured), progress=progress)
    source = Source.of(presented, lambda: stimuli, seed, progress, lambda record: engine_of(measured, record))
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    make_folder(folder)
    try:
        pictures = draw_pictures(source, folder, presentation, limit, drawing)
    except BaseException:
        with suppress(OSError):  # not empty
            for each in missing:
                each.rmdir()
        raise
    content = Report(
        name=name or opened.network.name,
        subject=opened,
        network=measured,
        dataset=splits.dataset,
        split=split,
        available=len(stimuli),
        evaluation=evaluation,
        pictures=pictures,
        folder=folder.name,
        made=describe_run(seed),
        trained=training_facts(lambda: source.learning, opened.epoch, measured.training.epochs) if opened.run else (),
    )
    write_report(content, path)
    return content


def with_engine_of_reports(model: Model) -> Network:
    """Return the network with the engine that measures for reports."""
    training = model.network.training
    name = "event" if engines.is_own(training.engine) else training.engine
    return replace(model.network, training=replace(training, engine=name))
