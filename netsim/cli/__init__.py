"""The command line. The module of a command, with the libraries that it needs, is imported when the command runs."""

import errno
import logging
import os
import sys
from typing import Annotated

import typer

from netsim import __version__
from netsim.cli.generating import Command, Commands, make_command
from netsim.cli.terminal import INTERRUPTED, drop_output, ended_as_by_ctrl_c, fail, notes_for
from netsim.errors import FormerWarning, NetsimError

app = typer.Typer(
    name="netsim",
    cls=Commands,
    help="Simulate, train and analyse spiking networks in which every neuron fires at most once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


_MEMORY = "not enough memory; use a smaller network, --limit, --workers or training.batch"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"netsim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Simulate, train and analyse spiking networks in which every neuron fires at most once."""


_MODEL = "netsim.runs.model:load_model"
_SPLIT, _WORKERS = "netsim.cli.options:split_of split", "netsim.cli.options:distributed_over"
_STIMULI = "netsim.cli.options:chosen_stimuli index stimuli"
COMMANDS: dict[str, tuple[str, ...]] = {
    "models": ("netsim.cli.reporting:models",),
    "data": ("netsim.cli.reporting:data",),
    "new": ("netsim.cli.reporting:new", "netsim.runs.creating:new_network"),
    "check": (
        "netsim.cli.checking:check",
        "netsim.training.checking:check",
        f"{_MODEL} dataset data_dir engine dt",
        "netsim.training.training:train settings",
    ),
    "train": (
        "netsim.cli.training:train",
        "netsim.training.training:train",
        f"{_MODEL} dataset data_dir engine dt",
    ),
    "reproduce": ("netsim.cli.training:reproduce", "netsim.training.reproducing:reproduce", f"{_MODEL} data_dir"),
    "sweep": ("netsim.cli.training:sweep", "netsim.sweeps.running:sweep", f"{_MODEL} data_dir", _WORKERS),
    "simulate": (
        "netsim.cli.presenting:simulate",
        "netsim.presenting.present:present model limit record",
        f"{_MODEL} dataset data_dir engine dt seed",
        _SPLIT,
        _STIMULI,
        _WORKERS,
    ),
    "explore": (
        "netsim.cli.exploring:explore",
        "netsim.exploring.serving:explore model port",
        f"{_MODEL} data_dir seed",
    ),
    "compare": (
        "netsim.cli.presenting:compare",
        "netsim.measuring.comparison:compare",
        f"{_MODEL} dataset data_dir seed",
    ),
    "plot": (
        "netsim.cli.plotting:plot",
        "netsim.analysis.gallery:plot subject name",
        "netsim.analysis.gallery:Choice",
        f"{_MODEL} dataset data_dir engine dt seed",
        _SPLIT,
        _WORKERS,
    ),
    "analyse": (
        "netsim.cli.analysing:analyse",
        "netsim.analysis.analysing:analyse subject name populations limit seed",
        "netsim.analysis.gallery:Choice palette",
        "netsim.exchange.trials:read_recording window label",
        f"{_MODEL} dataset data_dir engine dt",
        _SPLIT,
        _WORKERS,
    ),
    "evaluate": (
        "netsim.cli.presenting:evaluate",
        "netsim.measuring.evaluation:evaluate",
        f"{_MODEL} dataset data_dir engine dt seed",
        _SPLIT,
        _WORKERS,
    ),
    "study": (
        "netsim.cli.studying:study",
        "netsim.analysis.studies:study model name levels layers",
        f"{_MODEL} dataset data_dir engine dt",
        _SPLIT,
        _WORKERS,
    ),
    "experiment": (
        "netsim.cli.experimenting:experiment",
        "netsim.experiments.running:experiment quick seeds resume",
        f"{_MODEL} data_dir",
        f"{_WORKERS} scheduler",
    ),
    "export": (
        "netsim.cli.exchanging:export",
        "netsim.exchange:export subject path to populations",
        "netsim.presenting.present:present limit",
        f"{_MODEL} dataset data_dir engine dt seed",
        _SPLIT,
        _STIMULI,
    ),
    "import": ("netsim.cli.exchanging:import_", "netsim.exchange.importing:import_run"),
    "report": (
        "netsim.cli.reporting:report",
        "netsim.reporting.making:report model limit presentation",
        f"{_MODEL} dataset data_dir engine dt seed",
        _SPLIT,
    ),
    "describe": ("netsim.cli.reporting:describe", "netsim.description.tables:describe network"),
}
"""The module that runs each command, and the functions that give the command its parameters and texts."""
for _name, _functions in COMMANDS.items():
    _command, _help = make_command(*_functions)
    app.command(_name, cls=Command, help=_help)(_command)


def _prepare_process() -> None:
    """Fix the settings of figures, and print in any encoding."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  open until exit
        elif hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # for ASCII terminals
    logging.getLogger("netsim").setLevel(logging.ERROR)  # progress bars announce compilation
    os.environ["PYTHONSAFEPATH"] = "1"  # for child processes
    os.environ["MPLBACKEND"] = "agg"
    if "MATPLOTLIBRC" not in os.environ:
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # hide errors in settings that figures ignore


def main() -> None:
    """Run the command line. Errors that the user can resolve are one line on stderr with a non-zero exit code."""
    arguments = sys.argv[1:] or ["--help"]
    _prepare_process()
    try:
        with ended_as_by_ctrl_c(), notes_for(FormerWarning):
            code = app(arguments, prog_name="netsim", standalone_mode=False)
        sys.stdout.flush()
    except NetsimError as error:
        fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted", INTERRUPTED)
    except MemoryError:
        fail(_MEMORY)
    except BrokenPipeError:
        drop_output()
        sys.exit(1)
    except OSError as error:
        drop_output()
        unnamed = "output: " if error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF) else ""
        fail(f"{f'{error.filename}: ' if error.filename else unnamed}{error.strerror or error}")
    except Exception as error:
        if isinstance(error, RuntimeError) and "start new thread" in str(error):  # usually out of memory
            fail(_MEMORY)
        # typer has no public name for the base class of usage errors
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        command = next((name for name in arguments[:1] if name in COMMANDS), "")
        help_command = " ".join(["netsim", *filter(None, [command]), "--help"])
        fail(f"{explain().rstrip('.')}; see {help_command}", 2)
    if code == INTERRUPTED:  # typer converts Ctrl-C to this exit code
        fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)
