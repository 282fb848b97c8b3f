"""The command ``netsim analyse``: analyse spikes of a run, a preset or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib.pyplot as plt

from netsim.analysis.analyses import Analysed, Analysis
from netsim.analysis.analysing import analyse as analyse_by_name
from netsim.analysis.members import members_of
from netsim.analysis.networks import compare_networks, networks_figure, over_networks
from netsim.analysis.studies import join_networks, of_network
from netsim.analysis.style import check_suffix, inches, save_figure, theme
from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import new_table, note, print_json, print_table, progress_bar
from netsim.data.stimuli import Stimuli
from netsim.errors import DataError, SpecificationError
from netsim.exchange import read_spikes
from netsim.exchange.trials import read_recording
from netsim.files import check_folder, file_sha256, make_folder, write_each, write_json
from netsim.presenting.batches import Distribution
from netsim.presenting.present import present
from netsim.runs.folder import describe_run
from netsim.runs.model import Model
from netsim.seams import analyses, spike_formats
from netsim.specification.keys import parse_settings
from netsim.spikes import Progress, Spikes, no_progress
from netsim.spikes.files import check_table_suffix, records, write_table
from netsim.training.checking import weights_before_learning

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_ROWS_SHOWN, _ROWS_IN_JSON = 20, 10_000
_TABLES, _RECORD = (".csv", ".csv.gz", ".parquet"), ".json"


def analyse(
    given: Given,
    subject: Sequence[str],
    name: str,
    against: Sequence[str] = (),
    settings: Sequence[str] = (),
    event: str | None = None,
    seed: int = 0,
    out: Sequence[Path] = (),
    width: str | None = None,
    as_json: bool = False,
) -> None:
    """Each of several networks counts once: the table has the rows of each network, and ANALYSIS-networks.csv the means
    with intervals over networks. With --against RUN it has the differences of two groups of networks, with interval,
    effect and test.

    Parameters
    ----------
    subject : RUN|PRESET|FILE|SWEEP
        A run folder, a preset, a TOML file, or a file of spikes; or several networks, or the folder of a sweep, for
        results over networks.
    against : OTHER
        Compare with a RUN, PRESET or FILE; with initial, the weights before learning; or with the subject under a
        STUDY=LEVEL, such as lesion-neurons=0.5. Networks of a second group: repeatable.
    settings : KEY=VALUE
        A setting of the analysis, see above; repeatable.
    event : NAME
        FILE is a recording (NWB, or a format of Neo). Cut it into trials relative to this event: a column of the trials
        of NWB, such as start_time, or an event or epoch of Neo.
    seed : N
        Seed of all draws, and of initial weights.
    out : FILE
        A .png, .svg or .pdf of the figure, with the table as .csv next to it; a .csv, .csv.gz or .parquet of the table;
        or a .json that says what was analysed; repeatable; by default ANALYSIS.png, .svg, .csv and .json in
        RUN/analysis or analysis-SUBJECT, ANALYSIS-LAYER of a layer.
    width : column|page
        Width of 85 mm or 180 mm; the default depends on ANALYSIS.
    """
    entry = analyses.require(name)
    checked, size = entry.checked(parse_settings(settings)), inches(width or 0.0, "--width")
    with theme(given.get("palette")):  # raises an error for an unknown palette
        pass
    for path in out:
        _check_suffix(path)
    members, rivals = members_of(subject), members_of(against)
    several = len(members) > 1 or len(rivals) > 1
    cutting = {name: given[name] for name in ("window", "label") if name in given}
    if several and (event or cutting):
        option = "event" if event else max(cutting)
        raise SpecificationError(f"--{option}", "has no meaning for several networks; give one recording")
    if cutting and event is None:
        raise SpecificationError(f"--{min(cutting)}", "needs --event, the event of a recording")
    # weights or a disturbance of each network itself, or the one other subject
    other_name = rivals[0].name if len(rivals) == 1 and (not several or _is_change(rivals[0].name)) else None
    _check_comparison(entry, other_name, several)
    usual = {key: each.default for key, each in signature(read_recording).parameters.items() if key != "path"}
    question = _Question(name, checked, given, None if event is None else {**usual, "event": event, **cutting})
    groups = [members, [] if other_name else rivals]
    opened = {each.name: question.open(each.name) for group in groups for each in group}
    if several:
        if recorded := [name for name, each in opened.items() if each.model is None]:
            raise SpecificationError(recorded[0], "is no network; several subjects must be runs, presets or sweeps")
        options.check_different({name: each.model for name, each in opened.items() if each.model})
    others = {name: question.other(other_name, each) if other_name else None for name, each in opened.items()}
    folder = _folder(subject, opened[members[0].name], several)
    files = _files(out, folder, name, given.get("populations"))
    tables: list[list[pd.DataFrame]] = [[], []]
    described = []
    with given.call(options.distributed_over) as distribution, progress_bar() as progress:
        task = progress.add_task(f"analysing {name}", total=len(opened) if several else None)

        def advance(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        for group, made in zip(groups, tables, strict=True):
            for each in group:
                shown = opened[each.name]
                result = question.ask(shown, others[each.name], distribution, no_progress if several else advance)
                made.append(of_network(result.table, each.name, each.settings) if several else result.table)
                described.append(question.record(shown, each.name, other_name))
                if several:
                    progress.advance(task)
        table, figure, summary = tables[0][0], None, None
        if several:
            table = join_networks(tables[0])
            summary = compare_networks(table, join_networks(tables[1])) if tables[1] else over_networks(table)
            drawn = networks_figure(summary, palette=given.get("palette"), width=size)
            figure = cast("Figure", drawn.figure)
        else:
            figure = result.figure(size, given.get("palette"))
    contents: dict[Path, Any] = dict.fromkeys(files, table)
    if summary is not None:
        written = next((path for path in files if path.name.endswith(_TABLES)), files[0])
        contents[written.with_name(f"{_without_suffix(written, _TABLES)}-networks.csv")] = summary
    record: dict[str, Any] = {"networks": described} if several else described[0]
    for path in contents:
        make_folder(path.parent)
    by_name = {path.name: content for path, content in contents.items()}
    write_each(list(contents), lambda path: _write(path, by_name[path.name], figure, record))
    plt.close(figure)
    paths = [str(path) for path in contents]
    if as_json and summary is not None:
        print_json({"kind": name, "subjects": list(opened), "networks": records(summary), "files": paths})
    elif as_json:
        rows = records(table) if len(table) <= _ROWS_IN_JSON else None
        print_json({"kind": name, "subject": subject[0], "rows": len(table), "table": rows, "files": paths})
    else:
        _show(table if summary is None else summary)
        print(*paths, sep="\n")


def _is_change(name: str) -> bool:
    """Return whether the other subject is a network itself, before learning or under a STUDY=LEVEL."""
    return name == "initial" or "=" in name


def _check_comparison(entry: Analysis, other: str | None, several: bool) -> None:
    """Refuse a second subject without effect, and the lack of one."""
    if other is not None and not entry.takes("against"):
        names = ", ".join(name for name, candidate in analyses.items() if candidate.takes("against"))
        raise SpecificationError("--against", f"has no meaning for {entry.name}, only for {names}; remove it")
    if other is None and entry.needs_other:
        pairs = f"{entry.name} compares networks in pairs; give --against initial or --against STUDY=LEVEL, which"
        need = f"is needed by {entry.name}: a RUN, a PRESET, a FILE, initial or STUDY=LEVEL"
        raise SpecificationError("--against", f"{pairs} compare each network with itself" if several else need)


@dataclass(frozen=True)
class _Subject:
    """The subject of an analysis: a model with stimuli and perhaps a disturbance, or spikes from a file."""

    name: str
    model: Model | None = None
    stimuli: Stimuli | None = None
    spikes: Spikes | None = None
    disturbance: tuple[str, float] | None = None


@dataclass(frozen=True)
class _Question:
    """An analysis with its settings, as asked of each subject. `trials` say how a recording is cut."""

    name: str
    settings: dict[str, Any]
    given: Given
    trials: dict[str, Any] | None

    @property
    def entry(self) -> Analysis:
        """The analysis."""
        return analyses[self.name]

    def open(self, name: str) -> _Subject:
        """Open a subject by its name."""
        path, readable = Path(name), [known for known in spike_formats.values() if known.read_spikes]
        suffixes = sorted({suffix for known in readable for suffix in known.suffixes})
        if self.trials and not path.is_file():
            raise SpecificationError("--event", f"needs a recording, but {name} is no file")
        if self.trials or (path.is_file() and path.name.endswith(tuple(suffixes))):
            return _Subject(_without_suffix(path, suffixes), spikes=self._read(path))
        if not path.exists() and path.name.endswith(tuple(suffixes)):
            raise DataError(f"{name}: no such file; check its path")
        if path.is_file() and path.suffix != ".toml":
            kinds = f"is not a file of spikes, which end in {', '.join(suffixes)}"
            raise SpecificationError(name, f"{kinds}; for a recording of another format add --event")
        model = options.open_model(self.given, name)
        stimuli = self.given.call(options.split_of, model=model, limit=None)
        options.note_initial_weights(self.given, name, model)
        return _Subject(model.network.name, model, stimuli)

    def _read(self, path: Path) -> Spikes:
        for option in ("split", "dataset", "data_dir", "engine", "dt"):
            if option in self.given:
                reason = f"has no meaning for {path}, a file of spikes; remove it"
                raise SpecificationError(f"--{option.replace('_', '-')}", reason)
        with progress_bar() as progress:
            progress.add_task(f"reading {path.name}", total=None)
            spikes = read_recording(path, **self.trials) if self.trials else read_spikes(path)
        if not spikes.complete:
            note(
                f"{path}: a table of spikes omits neurons after the last that fired, and"
                " presentations without a spike; they are not counted"
            )
        if spikes.classes:
            numbered = ", ".join(f"{number} {word}" for number, word in enumerate(spikes.classes[:_ROWS_SHOWN]))
            note(f"{path}: tables number the labels: {numbered}")
        return spikes

    def other(self, name: str, subject: _Subject) -> _Subject:
        """Return the subject of comparison. Models receive the same stimuli."""
        if not _is_change(name):
            other = self.open(name)
            return replace(other, stimuli=subject.stimuli) if other.model and subject.model else other
        if subject.model is None:
            raise SpecificationError(f"--against {name}", "needs a run or a preset, not a file of spikes")
        if name != "initial":
            study, _, level = name.partition("=")
            try:
                return replace(subject, disturbance=(study, float(level)))
            except ValueError:
                raise SpecificationError(f"--against {name}", "must be STUDY=LEVEL with a number") from None
        initial = weights_before_learning(subject.model, self.given.get("seed", 0))
        if initial is None:
            drawn = f"{subject.name} was not trained from weights drawn here"
            raise SpecificationError(f"--against {name}", f"{drawn}; give the run or preset that it began with")
        return replace(subject, model=replace(subject.model, weights=initial))

    def ask(
        self, subject: _Subject, other: _Subject | None, distribution: Distribution, progress: Progress
    ) -> Analysed:
        """Analyse a subject, or compare it with another one."""
        model, how = subject.model if self.entry.takes("model") else None, {"seed": self.given.get("seed", 0)}
        if model is not None:
            how |= {"stimuli": subject.stimuli, "limit": self._limit(subject)}
            how |= {"workers": distribution} if self.entry.takes("workers") else {}
        return analyse_by_name(
            model or self._spikes(subject, distribution, progress),
            self.name,
            self._spikes(other, distribution, progress) if other else None,
            populations=self.given.get("populations"),
            progress=progress,
            **how,
            **self.settings,
        )

    def _limit(self, subject: _Subject) -> int | None:
        """Return the number of presentations of a subject. None means all."""
        default = self.entry.presentations if subject.model else None
        return cast("int | None", self.given.get("limit", default))

    def _spikes(self, subject: _Subject, distribution: Distribution, progress: Progress) -> Spikes:
        layers, limit = self.given.get("populations"), self._limit(subject)
        if subject.spikes is not None:
            chosen = subject.spikes if layers is None else subject.spikes.only(layers)
            return chosen if limit is None else chosen.head(limit)
        assert subject.model is not None
        assert subject.stimuli is not None
        how: dict[str, Any] = {"populations": layers, "workers": distribution, "progress": progress}
        if subject.disturbance is not None:
            how |= {"disturbance": subject.disturbance, "seed": self.given.get("seed", 0)}
        return present(subject.model, subject.stimuli.first(limit), **how)

    def record(self, subject: _Subject, name: str, against: str | None) -> dict[str, Any]:
        """Return an exact record of what is asked of a subject: a model and its stimuli, or a file."""
        more: dict[str, Any] = {"kind": self.name, "settings": self.entry.settings | self.settings}
        more |= {"layers": self.given.get("populations"), "limit": self._limit(subject), "against": against}
        more |= {"trials": self.trials} if self.trials else {}
        entries = [(analyses, self.name)]
        if subject.model is None:
            more |= {"sha256": file_sha256(Path(name)), **options.from_elsewhere(entries)}
            return describe_run(self.given.get("seed", 0), subject=name, **more)
        source = {"dataset": subject.model.network.training.dataset, "split": self.given.get("split", "test")}
        return options.record_of(self.given, name, subject.model, source, entries, **more)


def _folder(names: Sequence[str], first: _Subject, several: bool) -> Path:
    """Return the folder of the files by default."""
    if several:
        return Path(names[0], "analysis") if len(names) == 1 else Path("analysis-networks")
    run = first.model.run if first.model else None
    return run.subfolder("analysis") if run else Path(f"analysis-{first.name}")


def _without_suffix(path: Path, suffixes: Sequence[str]) -> str:
    """Return the name of a file without the longest of these suffixes, or without its last one."""
    ends = [suffix for suffix in suffixes if path.name.endswith(suffix)]
    return path.name.removesuffix(max(ends, key=len)) if ends else path.stem


def _check_suffix(path: Path) -> None:
    if path.name.endswith(_TABLES):
        check_table_suffix(path)
    elif path.suffix != _RECORD:
        check_suffix(path)


def _files(out: Sequence[Path], folder: Path, kind: str, layers: list[str] | None) -> list[Path]:
    """Return the files to write. Raise RunError if a folder of theirs cannot be created."""
    stem = options.file_stem(kind, layers)
    files = _with_table(out) if out else [folder / f"{stem}.{suffix}" for suffix in ("png", "svg", "csv", "json")]
    for path in files:
        check_folder(path.parent)
    return files


def _with_table(files: Sequence[Path]) -> list[Path]:
    """Return the files of the user, and a table next to the first figure if there is no file of the table."""
    figures = [path for path in files if not path.name.endswith((*_TABLES, _RECORD))]
    has_table = any(path.name.endswith(_TABLES) for path in files)
    return list(files) if has_table or not figures else [*files, figures[0].with_suffix(".csv")]


def _write(path: Path, table: Any, figure: Any, record: dict[str, Any]) -> None:
    if path.name.endswith(_TABLES):
        write_table(table, path)
    elif path.suffix == _RECORD:
        write_json(path, record)
    else:
        save_figure(figure, path)


def _show(table: Any) -> None:
    """Print the first rows in full width, preferably rows over all neurons and labels."""
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
