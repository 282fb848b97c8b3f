"""What the tests of several scripts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import typer
from typer.testing import CliRunner


@pytest.fixture
def invoke() -> Callable[[Callable[..., None], Sequence[str]], Any]:
    """A function that gives a script's `main` its options, in this process."""

    def run(main: Callable[..., None], options: Sequence[str]) -> Any:
        app = typer.Typer()
        app.command()(main)
        return CliRunner().invoke(app, options)

    return run
