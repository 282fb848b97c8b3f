"""The command ``netsim analyse``: analyse spikes of a run, a preset or a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

from typer import Argument, Option

from netsim.analysis.style import check_suffix, inches, save_figure
from netsim.cli import options
from netsim.cli.terminal import note, notes_for, print_json, print_table, progress_bar
from netsim.errors import DataError, DataWarning, SpecificationError
from netsim.seams import analyses, spike_formats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsim.analysis.analyses import Analysed, Analysis
    from netsim.analysis.members import Member
    from netsim.data.stimuli import Stimuli
    from netsim.engines import Engine
    from netsim.registry import Registry
    from netsim.runs.model import Model
    from netsim.spikes import Progress, Spikes
    from netsim.spikes.batches import Distribution

_ROWS_SHOWN = 20
DEFAULT_WINDOW = (0.0, 200.0)
"""Begin and end of a trial relative to its event (ms)."""
_TABLES, _RECORD = (".csv", ".csv.gz", ".parquet"), ".json"


class AnalyseCommand(options.ListingCommand):
    """A command whose help lists the settings of each analysis below its summary."""

    def list_entries(self) -> None:
        """Insert the analyses into the help text."""
        lines = []
        for name, entry in analyses.items():
            settings = ", ".join(f"{key}={_as_text(value)}" for key, value in entry.settings.items())
            lines.append(f"* {name}: {entry.summary}" + f" (--set {settings})" * bool(settings))
        self.help = (self.help or "").replace("{analyses}", "\n".join(lines))


def analyse(
    kind: Annotated[
        str, Argument(metavar="KIND", help="The analysis, see above.", autocompletion=lambda: list(analyses))
    ],
    subjects: Annotated[
        list[str],
        Argument(
            metavar="RUN|PRESET|FILE|SWEEP",
            help="A run folder, a preset, a TOML file, or a file of spikes; or several networks, or the folder of a"
            " sweep, for results over networks.",
        ),
    ],
    against: Annotated[
        list[str] | None,
        Option(
            metavar="OTHER",
            help="Compare with a RUN, PRESET or FILE; with initial, the weights before learning; or with the subject"
            " under a STUDY=LEVEL, such as lesion-neurons=0.5. Networks of a second group: repeatable.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, Option("--set", metavar="KEY=VALUE", help="A setting of KIND, see above; repeatable.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        Option(metavar="LAYER", help="Analyse only this layer, or stimulus; repeatable; by default all."),
    ] = None,
    limit: Annotated[
        int | None,
        Option(min=1, metavar="N", help="Analyse the first N presentations; for a RUN the default depends on KIND."),
    ] = None,
    event: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="FILE is a recording (NWB, or a format of Neo). Cut it into trials relative to this event: a column of"
            " the trials of NWB, such as start_time, or an event or epoch of Neo.",
        ),
    ] = None,
    window: Annotated[
        tuple[float, float],
        Option(metavar="BEGIN END", help="Begin and end of a trial relative to the --event (ms)."),
    ] = DEFAULT_WINDOW,
    label: Annotated[
        str | None,
        Option(metavar="NAME", help="Column of the trials, or annotation of the --event, with the labels of trials."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        Option(
            metavar="FILE",
            help="A .png, .svg or .pdf of the figure, with the table as .csv next to it; a .csv, .csv.gz or .parquet of"
            " the table; or a .json that says what was analysed; repeatable; by default KIND.png, .svg, .csv and .json"
            " in RUN/analysis or analysis-SUBJECT, KIND-LAYER of a layer.",
        ),
    ] = None,
    width: Annotated[
        str | None, Option(metavar="column|page", help="Width of 85 mm or 180 mm; the default depends on KIND.")
    ] = None,
    palette: options.PaletteOption = None,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    seed: Annotated[int, Option(min=0, metavar="N", help="Seed of all draws, and of initial weights.")] = 0,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Analyse spikes: write a table and a figure.

    KIND is one of, with its settings and their defaults:

    {analyses}

    Each of several networks counts once: the table has the rows of each network, and KIND-networks.csv the means \
with intervals over networks. With --against RUN it has the differences of two groups of networks, with interval, \
effect and test.
    """
    from netsim.analysis.members import members_of
    from netsim.analysis.style import theme
    from netsim.specification.keys import parse_settings

    entry = analyses.require(kind)
    question = _Question(kind, entry.checked(parse_settings(settings or ())), layer, limit, seed)
    size = inches(width or 0.0, "--width")
    with theme(palette):  # raises an error for an unknown palette
        pass
    for path in out or ():
        _check_suffix(path)
    members, rivals = members_of(subjects), members_of(against or ())
    if len(members) > 1 or len(rivals) > 1:
        of_trials = {"--event": event is not None, "--label": label is not None, "--window": window != DEFAULT_WINDOW}
        if needless := [option for option, is_given in of_trials.items() if is_given]:
            raise SpecificationError(needless[0], "has no meaning for several networks; give one recording")
        opened = _Opened(split, dataset, data_dir, engine, dt, seed, None)
        _analyse_networks(question, subjects, members, rivals, opened, out, as_json, workers, scheduler, size, palette)
        return
    subject, against_name = members[0].name, rivals[0].name if rivals else None
    if against_name is not None and not entry.takes("against"):
        others = ", ".join(name for name, candidate in analyses.items() if candidate.takes("against"))
        raise SpecificationError("--against", f"has no meaning for {kind}, only for {others}; remove it")
    if against_name is None and entry.needs_other:
        raise SpecificationError("--against", f"is needed by {kind}: a RUN, a PRESET, a FILE, initial or STUDY=LEVEL")
    import matplotlib.pyplot as plt

    if event is None and (label is not None or window != DEFAULT_WINDOW):
        raise SpecificationError("--window" if label is None else "--label", "needs --event, the event of a recording")
    trials = None if event is None else {"event": event, "window": window, "label": label}
    opened = _Opened(split, dataset, data_dir, engine, dt, seed, trials)
    chosen = opened.subject(subject)
    other = None if against_name is None else opened.other(against_name, chosen)
    folder = (
        chosen.model.run.subfolder("analysis") if chosen.model and chosen.model.run else Path(f"analysis-{chosen.name}")
    )
    files = _files(out, folder, kind, layer)
    with (
        options.distributed_over(scheduler, workers) as distribution,
        progress_bar() as progress,
        notes_for(DataWarning),
    ):
        task = progress.add_task(f"analysing {kind}", total=None)

        def advance(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        result = question.ask(chosen, other, distribution, advance)
        figure = result.figure(size, palette)
    record = question.record(chosen) | {"against": against_name} | ({"trials": trials} if trials else {})
    full_record = opened.record_of(chosen, subject, [(analyses, kind)], **record)
    _write_all(files, lambda path: _write(path, result.table, figure, full_record))
    plt.close(figure)
    if as_json:
        from netsim.spikes.files import records

        rows = records(result.table) if len(result.table) <= 10_000 else None
        print_json(
            {"kind": kind, "subject": subject, "rows": len(result.table), "table": rows, "files": list(map(str, files))}
        )
        return
    _show(result.table)
    print(*files, sep="\n")


class _Question(NamedTuple):
    """An analysis with its settings, as asked of each subject."""

    kind: str
    settings: dict[str, Any]
    layers: list[str] | None
    limit: int | None
    seed: int

    @property
    def entry(self) -> Analysis:
        """The analysis."""
        return analyses[self.kind]

    def limit_of(self, subject: _Subject) -> int | None:
        """Return the number of presentations of a subject. None means all."""
        return self.entry.presentations if self.limit is None and subject.model else self.limit

    def ask(
        self, subject: _Subject, other: _Subject | None, distribution: Distribution, progress: Progress
    ) -> Analysed:
        """Analyse a subject, or compare it with another one."""
        from netsim.analysis.analysing import analyse as analyse_by_name

        limit, layers = self.limit_of(subject), self.layers
        model = subject.model if self.entry.takes("model") else None
        return analyse_by_name(
            model or subject.spikes(limit, layers, progress, distribution),
            self.kind,
            other.spikes(limit, layers, progress, distribution, self.seed) if other else None,
            stimuli=subject.stimuli() if model else None,
            populations=layers,
            limit=limit,
            engine=subject.engine() if model and self.entry.takes("engine") else None,
            workers=distribution if model and self.entry.takes("workers") else None,
            seed=self.seed,
            progress=progress,
            **self.settings,
        )

    def record(self, subject: _Subject) -> dict[str, Any]:
        """Return the record of what is asked of a subject."""
        settings = self.entry.settings | self.settings
        return {"kind": self.kind, "settings": settings, "layers": self.layers, "limit": self.limit_of(subject)}


def _analyse_networks(
    question: _Question,
    subjects: list[str],
    members: list[Member],
    others: list[Member],
    opened: _Opened,
    out: list[Path] | None,
    as_json: bool,
    workers: int | None,
    scheduler: str | None,
    size: float,
    palette: str | None,
) -> None:
    """Analyse each of several networks, and summarise over networks or compare two groups of them."""
    import matplotlib.pyplot as plt

    from netsim.analysis.networks import compare_networks, networks_figure, over_networks
    from netsim.analysis.studies import join_networks, of_network
    from netsim.spikes import no_progress  # the bar counts networks
    from netsim.spikes.files import records

    kind = question.kind
    each_against = others[0].name if len(others) == 1 and ("=" in others[0].name or others[0].name == "initial") else ""
    groups = [members, [] if each_against else others]
    if question.entry.needs_other and not each_against:
        remedy = "give --against initial or --against STUDY=LEVEL, which compare each network with itself"
        raise SpecificationError("--against", f"{kind} compares networks in pairs; {remedy}")
    named = {each.name: opened.subject(each.name) for group in groups for each in group}
    if files := [name for name, subject in named.items() if subject.model is None]:
        raise SpecificationError(files[0], "is no network; several subjects must be runs, presets or sweeps")
    options.check_different({name: subject.model for name, subject in named.items() if subject.model})
    tables: list[list[Any]] = [[], []]
    full_records = []
    folder = Path(subjects[0], "analysis") if len(subjects) == 1 else Path("analysis-networks")
    paths = _files(out, folder, kind, question.layers)
    with (
        options.distributed_over(scheduler, workers) as distribution,
        progress_bar() as progress,
        notes_for(DataWarning),
    ):
        task = progress.add_task(f"analysing {kind}", total=len(named))
        for group, frames in zip(groups, tables, strict=True):
            for member in group:
                subject = named[member.name]
                other = opened.other(each_against, subject) if each_against else None
                analysed = question.ask(subject, other, distribution, no_progress)
                frames.append(of_network(analysed.table, member.name, member.settings))
                record = question.record(subject) | {"against": each_against or None}
                full_records.append(opened.record_of(subject, member.name, [(analyses, kind)], **record))
                progress.advance(task)
    table = join_networks(tables[0])
    summary = compare_networks(table, join_networks(tables[1])) if tables[1] else over_networks(table)
    figure = cast("Figure", networks_figure(summary, palette=palette, width=size).figure)
    written = next((path for path in paths if path.name.endswith(_TABLES)), paths[0])
    paths.append(written.with_name(f"{_without_suffix(written, _TABLES)}-networks.csv"))
    _write_all(
        paths,
        lambda path: _write(
            path, summary if path.name == paths[-1].name else table, figure, {"networks": full_records}
        ),
    )
    plt.close(figure)
    if as_json:
        print_json(
            {"kind": kind, "subjects": list(named), "networks": records(summary), "files": list(map(str, paths))}
        )
        return
    _show(summary)
    print(*paths, sep="\n")


class _Subject:
    """The subject of an analysis: a model with stimuli, or spikes from a file."""

    def __init__(self, name: str, model: Model | None, stimuli: Stimuli | None, spikes: Spikes | None) -> None:
        self.name, self.model, self._stimuli, self._spikes = name, model, stimuli, spikes
        self.changed: tuple[str, float] | None = None

    def stimuli(self) -> Stimuli:
        assert self._stimuli is not None
        return self._stimuli

    def spikes(
        self,
        limit: int | None,
        layers: list[str] | None,
        progress: Progress,
        distribution: Distribution,
        seed: int = 0,
    ) -> Spikes:
        from netsim.spikes.presenting import present

        if self._spikes is not None:
            chosen = self._spikes if layers is None else self._spikes.only(layers)
            return chosen if limit is None else chosen.head(limit)
        assert self.model is not None
        shown = self.stimuli().first(limit)
        how: dict[str, Any] = {"engine": self.engine(), "workers": distribution, "progress": progress}
        if self.changed is not None:
            how |= {"disturbance": self.changed, "seed": seed}
        return present(self.model, shown, populations=layers, **how)

    def engine(self) -> Engine:
        from netsim.engines import engine_of

        assert self.model is not None
        return engine_of(self.model.network)  # `options.model_of` has checked the engine of the run


class _Opened:
    """Options that all subjects share, and methods that open subjects."""

    def __init__(
        self,
        split: str,
        dataset: str | None,
        data_dir: str | None,
        engine: str | None,
        dt: float | None,
        seed: int,
        trials: dict[str, Any] | None,
    ) -> None:
        self.split, self.dataset, self.data_dir = split, dataset, data_dir
        self.engine, self.dt, self.seed, self.trials = engine, dt, seed, trials

    def subject(self, name: str) -> _Subject:
        path = Path(name)
        readable = [known for known in spike_formats.values() if known.read_spikes]
        suffixes = sorted({suffix for known in readable for suffix in known.suffixes})
        if self.trials and not path.is_file():
            raise SpecificationError("--event", f"needs a recording, but {name} is no file")
        if self.trials or (path.is_file() and path.name.endswith(tuple(suffixes))):
            from netsim.exchange import read_spikes
            from netsim.exchange.trials import read_recording

            given = {"--split": self.split != "test", "--dataset": self.dataset, "--data-dir": self.data_dir}
            for option, value in (given | {"--engine": self.engine, "--dt": self.dt}).items():
                if value:
                    raise SpecificationError(option, f"has no meaning for {name}, a file of spikes; remove it")
            with notes_for(DataWarning), progress_bar() as progress:
                progress.add_task(f"reading {path.name}", total=None)
                spikes = read_recording(path, **self.trials) if self.trials else read_spikes(path)
            if not spikes.complete:
                note(
                    f"{name}: a table of spikes omits neurons after the last that fired, and"
                    " presentations without a spike; they are not counted"
                )
            if spikes.classes:
                numbered = ", ".join(f"{number} {word}" for number, word in enumerate(spikes.classes[:_ROWS_SHOWN]))
                note(f"{name}: tables number the labels: {numbered}")
            return _Subject(_without_suffix(path, suffixes), None, None, spikes)
        if not path.exists() and path.name.endswith(tuple(suffixes)):
            raise DataError(f"{name}: no such file; check its path")
        if path.is_file() and path.suffix != ".toml":
            kinds = f"is not a file of spikes, which end in {', '.join(suffixes)}"
            raise SpecificationError(name, f"{kinds}; for a recording of another format add --event")
        model, network = options.model_of(name, self.seed, engine=self.engine, dt=self.dt, dataset=self.dataset)
        stimuli = options.split_of(model, network, self.split, self.data_dir, few=True)
        options.note_initial_weights(name, model, self.seed)
        return _Subject(network.name, replace(model, network=network), stimuli, None)

    def record_of(
        self, chosen: _Subject, name: str, entries: Sequence[tuple[Registry[Any], str]], **more: Any
    ) -> dict[str, Any]:
        """Return an exact record of the subject: a model and its stimuli, or a file."""
        from netsim.files import file_sha256
        from netsim.runs.folder import describe_run

        if chosen.model is None:
            more |= {"sha256": file_sha256(Path(name)), **options.from_elsewhere(entries)}
            return describe_run(self.seed, subject=name, **more)
        source = {"dataset": chosen.model.network.training.dataset, "split": self.split}
        return options.record_of(name, chosen.model, chosen.model.network, source, self.seed, entries, **more)

    def other(self, name: str, chosen: _Subject) -> _Subject:
        """Return the subject of comparison. Models receive the same stimuli."""
        from netsim.training.checking import weights_before_learning

        study, equals, level = name.partition("=")
        if name == "initial" or equals:
            if chosen.model is None:
                raise SpecificationError(f"--against {name}", "needs a run or a preset, not a file of spikes")
            changed = _Subject(chosen.name, chosen.model, chosen.stimuli(), None)
            if equals:
                try:
                    changed.changed = study, float(level)
                except ValueError:
                    raise SpecificationError(f"--against {name}", "must be STUDY=LEVEL with a number") from None
            else:
                initial = weights_before_learning(chosen.model, self.seed)
                if initial is None:
                    drawn = f"{chosen.name} was not trained from weights drawn here"
                    raise SpecificationError(f"--against {name}", f"{drawn}; give the run or preset that it began with")
                changed.model = replace(chosen.model, weights=initial)
            return changed
        other = self.subject(name)
        if other.model is not None and chosen.model is not None:
            return _Subject(other.name, other.model, chosen.stimuli(), None)
        return other


def _as_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_suffix(path: Path, suffixes: Sequence[str]) -> str:
    """Return the name of a file without the longest of these suffixes, or without its last one."""
    ends = [suffix for suffix in suffixes if path.name.endswith(suffix)]
    return path.name.removesuffix(max(ends, key=len)) if ends else path.stem


def _check_suffix(path: Path) -> None:
    from netsim.spikes.files import check_table_suffix

    if path.name.endswith(_TABLES):
        check_table_suffix(path)
    elif path.suffix != _RECORD:
        check_suffix(path)


def _files(out: list[Path] | None, folder: Path, kind: str, layers: list[str] | None) -> list[Path]:
    """Return the files to write. Raise RunError if a folder of theirs cannot be created."""
    from netsim.files import check_folder

    stem = options.file_stem(kind, layers)
    files = _with_table(out) if out else [folder / f"{stem}.{suffix}" for suffix in ("png", "svg", "csv", "json")]
    for path in files:
        check_folder(path.parent)
    return files


def _write_all(files: list[Path], write: Callable[[Path], None]) -> None:
    """Write each file, all or none, after making their folders."""
    from netsim.files import make_folder, write_each

    for path in files:
        make_folder(path.parent)
    write_each(files, write)


def _with_table(files: list[Path]) -> list[Path]:
    """Return the files of the user, and a table next to the first figure if there is no file of the table."""
    figures = [path for path in files if not path.name.endswith((*_TABLES, _RECORD))]
    has_table = any(path.name.endswith(_TABLES) for path in files)
    return files if has_table or not figures else [*files, figures[0].with_suffix(".csv")]


def _write(path: Path, table: Any, figure: Any, record: dict[str, Any]) -> None:
    from netsim.files import write_json
    from netsim.spikes.files import write_table

    if path.name.endswith(_TABLES):
        write_table(table, path)
    elif path.suffix == _RECORD:
        write_json(path, record)
    else:
        save_figure(figure, path)


def _show(table: Any) -> None:
    """Print the first rows in full width, preferably rows over all neurons and labels."""
    from netsim.cli.terminal import new_table

    rows = table
    for name in ("neuron", "label"):
        if name in rows and rows[name].isna().any():
            rows = rows[rows[name].isna()].drop(columns=name)
    rows = rows.dropna(axis="columns", how="all").head(_ROWS_SHOWN)
    shown = new_table(*(f"{name}>" if rows[name].dtype.kind in "biuf" else str(name) for name in rows))
    for row, missing in zip(rows.itertuples(index=False), rows.isna().itertuples(index=False), strict=True):
        words = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row)
        shown.add_row(*("" if is_missing else word for word, is_missing in zip(words, missing, strict=True)))
    print_table(shown)
    if len(table) > len(rows):
        print(f"and {len(table) - len(rows):,} more rows")
