"""Run a program of this folder, and end it in one line if netsim refuses something."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from netsim.errors import NetsimError


def run(main: Callable[..., Any]) -> None:
    """Run a function, whose parameters become arguments and options, or a typer app."""
    try:
        main() if isinstance(main, typer.Typer) else typer.run(main)
    except (NetsimError, FileNotFoundError, subprocess.CalledProcessError) as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
