"""The command ``netsim explore``."""

from __future__ import annotations

import signal
import tempfile
import webbrowser
from pathlib import Path
from types import FrameType
from typing import Annotated

from typer import Option

from netsim.cli import options
from netsim.cli.terminal import note


class _StoppedError(BaseException):
    """A signal came before the server was there. No library catches it, because it is no Exception."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise _StoppedError


def explore(
    model: options.ModelArgument,
    state: Annotated[
        str | None, Option(metavar="STATE", help="Begin with this state: a link of the page, or its end after #.")
    ] = None,
    data_dir: options.DataDir = None,
    port: Annotated[int, Option(min=0, max=65535, metavar="N", help="Port; by default any free port.")] = 0,
    browser: Annotated[bool, Option("--browser", help="Open the page in the default browser.")] = False,
    seed: options.InitialSeed = 0,
) -> None:
    """Show single presentations on a local page: raster, maps, race of the outputs, and what changes them.

    The page is served on this machine only. Its address has a secret. Ctrl-C ends it.
    """
    from netsim.exploring import View
    from netsim.exploring import explore as serve
    from netsim.exploring.serving import check_installed

    check_installed()
    view = None if state is None else View.of_text(state)
    chosen, network = options.model_of(model, seed, engine="event")
    stimuli = options.split_of(chosen, network, "test", data_dir, few=True)
    options.note_initial_weights(model, chosen, seed)
    # before Brian2 is imported, which calls the handler that it finds: a shell makes background programs ignore SIGINT
    previous = {each: signal.signal(each, _give_up) for each in (signal.SIGINT, signal.SIGTERM)}
    served = None
    try:
        drawn = seed if chosen.origin == "initial" else 0
        served = serve(chosen, stimuli, view=view, port=port, name=model, seed=drawn)
        for each in previous:
            # an exception could leave a lock taken that closing needs
            signal.signal(each, served.stop)
        print(served.address, flush=True)
        note("Keep the address secret, because it gives access to the page. Press Ctrl-C to stop.")
        with tempfile.TemporaryDirectory(prefix="netsim-explore-") as folder:
            if browser:
                # a command line is visible to other users, and a file in this folder is not
                page = Path(folder, "page.html")
                page.write_text(f'<meta http-equiv="refresh" content="0; url={served.address}">', encoding="utf-8")
                webbrowser.open(page.as_uri())
            served.wait()
    except _StoppedError:
        pass
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
        if served is not None:
            served.close()
