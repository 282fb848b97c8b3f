"""Output of commands: results on stdout, notes, progress and errors on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress as ProgressBar
    from rich.progress import TaskID
    from rich.table import Table

    from netsim.data.source import OnProgress
    from netsim.specification import Network
    from netsim.training.callbacks import Callbacks, Progress

_AT_ONSET, _TIED = 0.5, 0.2
"""Fractions of neurons at the onset, and of tied presentations, above which the progress shows them."""
_AGAIN_SECONDS = 0.05
INTERRUPTED = 130  # exit code that shells give to a command stopped by Ctrl-C
COMPILING = "compiling loops to machine code, which may take a minute or more"
"""Note while numba compiles. Brian2 compiles too, but does not report it."""


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words by commas, and the last one by a word."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def fail(message: str, code: int = 1) -> NoReturn:
    """Exit with one line on stderr and an exit code."""
    with contextlib.suppress(OSError):  # the terminal may be closed
        print("netsim: " + " ".join(message.split()), file=sys.stderr, flush=True)
    sys.exit(code)


def fail_interrupted(folder: Path, state: str) -> NoReturn:
    """Exit with the code of Ctrl-C, and print how to continue the folder."""
    from netsim.runs.resuming import resuming

    fail(f"{folder}: interrupted{state}. Continue with: {resuming(['netsim', *sys.argv[1:]])}", INTERRUPTED)


def drop_output() -> None:
    """Discard the buffer of stdout, so that Python does not write it again at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:  # stdout is not a file
        return


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object on stdout. Raise ValueError for NaN and infinity, which JSON does not support."""
    print(json.dumps(content, indent=2, allow_nan=False))


def note(text: str) -> None:
    """Print a note on stderr, separate from results on stdout."""
    print(text, file=sys.stderr)


def new_table(*headings: str, fold: int | None = None) -> Table:
    """Make a table. A heading that ends in ``>`` aligns its column right. Column `fold` shrinks in narrow terminals."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for position, heading in enumerate(headings):
        right, whole = heading.endswith(">"), fold is not None and position != fold
        table.add_column(heading.rstrip(">"), justify="right" if right else "left", overflow="fold", no_wrap=whole)
    return table


def print_table(table: Table, rows: Iterable[Iterable[str]] = ()) -> None:
    """Add rows to a table, and print it on stdout, as wide as the terminal."""
    from rich.console import Console

    for row in rows:
        table.add_row(*row)
    # wide enough for any table; text from files is not markup
    Console(width=None if sys.stdout.isatty() else 250, markup=False, emoji=False).print(table)


def progress_bar() -> ProgressBar:
    """Make a progress bar on stderr with counts and the remaining time."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[..., None]]:
    """Show the number of presentations, and a note during compilation. Yield the function that reports progress."""
    from netsim.numerics.compiling import when_compiling

    with progress_bar() as progress:
        task = progress.add_task(what, total=total)
        with when_compiling(lambda: progress.update(task, description=f"{what} ({COMPILING})")):
            yield lambda done, of=total: progress.update(task, completed=done, total=of, description=what)


@contextmanager
def notes_for(*categories: type[Warning]) -> Iterator[None]:
    """Print warnings of some categories as notes. Other warnings are unchanged."""
    with warnings.catch_warnings():
        for category in categories:
            warnings.simplefilter("always", category)
        others = warnings.showwarning

        def show(message: Warning | str, kind: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(kind, categories):
                note(str(message))
            else:
                others(message, kind, *where, **more)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


@contextmanager
def data_progress() -> Iterator[OnProgress]:
    """Show progress while data are downloaded or converted. Yield the function that reports progress."""
    with progress_bar() as progress:
        tasks: dict[str, TaskID] = {}

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total or None)
            progress.update(tasks[what], completed=done)

        yield on_progress


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, which undoes half-finished work and prints a line.

    Signals that ``nohup`` ignores stay ignored. An interrupt within a callback of compiled code, which discards
    exceptions, is raised again.
    """
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    mine = [end for end in ends if signal.getsignal(end) == signal.SIG_DFL]
    for end in mine:
        signal.signal(end, signal.default_int_handler)
    hook = sys.unraisablehook

    def interrupt_again(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            timer = threading.Timer(_AGAIN_SECONDS, _interrupt_main_thread)
            timer.daemon = True
            timer.start()
        else:
            hook(lost)

    sys.unraisablehook = interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for end in mine:
            signal.signal(end, signal.SIG_DFL)


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):  # also wakes the thread up
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupt_noted() -> Iterator[Callable[[], bool]]:
    """Only note the first Ctrl-C, so that the current step completes. Yield a function that returns whether it came.

    An asynchronous exception can also get lost while Brian2 builds a network. The second Ctrl-C interrupts as usual.
    SIGTERM and SIGHUP count like Ctrl-C. Clusters announce the end of a job by SIGTERM. A closing terminal sends
    SIGHUP, unless ``nohup`` ignores it.
    """
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    ends = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {end: signal.signal(end, note) for end in ends if signal.getsignal(end) != signal.SIG_IGN}
    try:
        yield lambda: noted
    finally:
        for end, handler in previous.items():
            signal.signal(end, handler)


@contextmanager
def live(progress: ProgressBar, below: Callable[[], str]) -> Iterator[Callable[[str], None]]:
    """Show a progress bar and a line below it. Yield the function that prints permanent lines above them."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(console=progress.console, transient=True, get_renderable=lambda: Group(progress, Text(below()))):
        yield lambda text: progress.console.print(text, highlight=False, markup=False, soft_wrap=True)


def trouble(network: Network, silent: Mapping[str, float], onset: Mapping[str, float], tie_rate: float) -> str:
    """Return a warning about activity that hinders learning, for a line of progress. May be empty."""
    from netsim.measuring.health import MOSTLY_SILENT, silences_on_purpose

    quiet = [
        f"{population.name} {silent[population.name]:.0%}"
        for population in network.integrating
        if silent.get(population.name, 0.0) > MOSTLY_SILENT and not silences_on_purpose(network, population)
    ]
    early = [f"{name} {share:.0%}" for name, share in onset.items() if share > _AT_ONSET]
    parts = [
        *([f"silent: {', '.join(quiet)}"] if quiet else []),
        *([f"at onset: {', '.join(early)}"] if early else []),
        *([f"outputs tie: {tie_rate:.0%}"] if tie_rate > _TIED else []),
    ]
    return "".join(f"; {part}" for part in parts)


@contextmanager
def training_progress(network: Network, interrupted: Callable[[], bool]) -> Iterator[Callbacks]:
    """Show the progress of a training, and a line for each finished epoch."""
    from netsim.numerics.compiling import ANNOUNCEMENT, when_compiling
    from netsim.training.callbacks import Callbacks
    from netsim.training.checkpoint import is_validated
    from netsim.training.opening import seconds_of

    progress = progress_bar()
    task = progress.add_task("epoch 1", total=None)
    figures, compiling, shown = "first batch", False, 0

    def on_compile() -> None:
        nonlocal figures, compiling
        if not compiling and not progress.console.is_terminal:
            print_line(f"netsim: {ANNOUNCEMENT}")
        figures, compiling = COMPILING, True

    def on_batch(report: Progress) -> None:
        nonlocal figures, shown
        if report.epoch != shown:  # only now, so that a finished bar does not return to 0
            shown = report.epoch
            progress.reset(task)
        epoch = f"epoch {report.epoch + 1}/{network.training.epochs}"
        progress.update(task, description=epoch, total=report.expected, completed=report.presentations)
        shares = trouble(network, report.silent, report.onset, report.tie_rate)
        figures = f"loss {report.loss:.4f}, strict accuracy {report.accuracy:.2%}{shares}"

    def on_epoch(metrics: dict[str, Any]) -> None:
        validation, ties = "", metrics.get("training_tie_rate", 0.0)
        if is_validated(metrics):
            strict = f"strict accuracy {metrics['validation_strict_accuracy']:.2%}"
            validation = f" validation loss {metrics['validation_loss']:.4f}, {strict};"
        print_line(
            f"epoch {metrics['epoch']}: training loss {metrics['training_loss']:.4f},"
            f" strict accuracy {metrics['training_strict_accuracy']:.2%};{validation} {seconds_of(metrics):.1f} s"
            f"{trouble(network, shares('silent_', metrics), shares('onset_', metrics), ties)}"
        )

    def shares(prefix: str, metrics: dict[str, Any]) -> dict[str, float]:
        return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}

    def below() -> str:
        return "stopping after this batch; Ctrl-C again stops at once" if interrupted() else figures

    with live(progress, below) as print_line, when_compiling(on_compile):
        yield Callbacks(on_batch, on_epoch, lambda message: print_line(f"netsim: {message}"))
