"""The command line. Each command imports slow libraries itself."""

import errno
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.core import TyperCommand

from netsim import __version__
from netsim.cli.analysing import AnalyseCommand, analyse
from netsim.cli.checking import check
from netsim.cli.creating import new
from netsim.cli.exchanging import export, import_network
from netsim.cli.experimenting import experiment
from netsim.cli.exploring import explore
from netsim.cli.options import Command, Commands, ListingCommand, with_plugins
from netsim.cli.plotting import PlotCommand, plot
from netsim.cli.presenting import compare, evaluate, simulate
from netsim.cli.reporting import data, describe, models, report
from netsim.cli.studying import study
from netsim.cli.terminal import INTERRUPTED, drop_output, ended_as_by_ctrl_c, fail, notes_for
from netsim.cli.training import reproduce, sweep, train
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


_LISTING: dict[Callable[..., None], type[TyperCommand]] = {
    plot: PlotCommand,
    analyse: AnalyseCommand,
    evaluate: ListingCommand,
    study: ListingCommand,
    experiment: ListingCommand,
    export: ListingCommand,
    import_network: ListingCommand,
}
_COMMANDS: list[Callable[..., None]] = [models, data, new, check, train, reproduce, sweep, simulate, explore, compare]
_COMMANDS += [*_LISTING, report, describe]
for _command in _COMMANDS:
    _name = "import" if _command is import_network else None
    app.command(_name, cls=_LISTING.get(_command, Command))(with_plugins(_command))


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
        commands = {known.name or known.callback.__name__ for known in app.registered_commands if known.callback}
        command = next((name for name in arguments[:1] if name in commands), "")
        help_command = " ".join(["netsim", *filter(None, [command]), "--help"])
        fail(f"{explain().rstrip('.')}; see {help_command}", 2)
    if code == INTERRUPTED:  # typer converts Ctrl-C to this exit code
        fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)
