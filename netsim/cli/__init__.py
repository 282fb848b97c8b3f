"""The command line. Everything heavy is imported by the command that needs it."""

import sys

import typer

from netsim.cli.analysing import AnalyseCommand, analyse
from netsim.cli.exchanging import export, import_network
from netsim.cli.options import ListingCommand
from netsim.cli.plotting import PlotCommand, plot
from netsim.cli.presenting import compare, evaluate, simulate
from netsim.cli.reporting import data, describe, models, report
from netsim.cli.studying import study
from netsim.cli.terminal import INTERRUPTED, drop_output, fail
from netsim.cli.training import sweep, train
from netsim.errors import NetsimError

app = typer.Typer(
    name="netsim",
    help="Simulate and train single-spike neural networks: information is in when a neuron fires.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for _command in (models, data, train, sweep, evaluate, simulate, compare):
    app.command()(_command)
app.command(cls=PlotCommand)(plot)
app.command(cls=AnalyseCommand)(analyse)
app.command(cls=ListingCommand)(study)
app.command(cls=ListingCommand)(export)
app.command("import", cls=ListingCommand)(import_network)
app.command()(report)
app.command()(describe)


def main() -> None:
    """Run the command line; an error the user can mend is one line on stderr and an exit code that is not 0."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, prog_name="netsim", standalone_mode=False)
        sys.stdout.flush()
    except NetsimError as error:
        fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted", INTERRUPTED)
    except MemoryError:
        fail("not enough memory; use a smaller network, --limit or training.batch")
    except BrokenPipeError:
        drop_output()
        sys.exit(1)
    except OSError as error:
        drop_output()
        fail(f"{error.filename or 'output'}: {error.strerror or error}")
    except Exception as error:
        # typer names the base of its usage errors nowhere
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        commands = {known.name or known.callback.__name__ for known in app.registered_commands if known.callback}
        command = next((name for name in arguments[:1] if name in commands), "")
        help_command = " ".join(["netsim", *filter(None, [command]), "--help"])
        fail(f"{explain().rstrip('.')}; see {help_command}", 2)
    if code == INTERRUPTED:  # typer turns Ctrl-C into its exit code
        fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)
