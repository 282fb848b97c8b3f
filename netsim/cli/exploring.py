"""The command ``netsim explore``."""

from __future__ import annotations

import signal
import tempfile
import webbrowser
from pathlib import Path
from types import FrameType

from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import note
from netsim.errors import SpecificationError
from netsim.exploring import View
from netsim.exploring import explore as serve
from netsim.exploring.serving import check_installed

_LARGEST_PORT = 65535


class _StoppedError(BaseException):
    """A signal came before the server was there. No library catches it, because it is no Exception."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise _StoppedError


def explore(given: Given, model: str, state: str | None = None, browser: bool = False) -> None:
    """The page is served on this machine only. Its address has a secret. Ctrl-C ends it.

    Parameters
    ----------
    state : STATE
        Begin with this state: a link of the page, or its end after #.
    browser : bool
        Open the page in the default browser.
    """
    check_installed()
    if given.get("port", 0) > _LARGEST_PORT:
        raise SpecificationError("--port", f"must be from 0 to {_LARGEST_PORT}, not {given['port']}")
    view = None if state is None else View.of_text(state)
    opened = options.open_model(given, model, engine="event")
    stimuli = options.split_of(opened)
    options.note_initial_weights(given, model, opened)
    # before Brian2 is imported, which calls the handler that it finds: a shell makes background programs ignore SIGINT
    previous = {each: signal.signal(each, _give_up) for each in (signal.SIGINT, signal.SIGTERM)}
    served = None
    try:
        seed = given.get("seed", 0) if opened.origin == "initial" else 0
        served = given.call(serve, model=opened, stimuli=stimuli, view=view, name=model, seed=seed)
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
