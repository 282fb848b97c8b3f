"""The command ``describe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsim.cli.options import ModelArgument, make_folder
from netsim.cli.terminal import say
from netsim.errors import SpecificationError


def describe(
    subject: ModelArgument,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="markdown|latex",
            help="GitHub's tables, or a document for pdflatex; by default latex if FILE ends in .tex, else markdown.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where it is written; by default to stdout.")
    ] = None,
) -> None:
    """Describe a model for a methods section: tables and equations, from its specification alone.

    The tables are those of Nordlie, Gewaltig and Plesser (2009); a run also has its provenance.
    """
    from netsim.description import describe as describe_network
    from netsim.description import to_latex, to_markdown
    from netsim.files import write_text
    from netsim.runs.model import find_run, load_network

    writers = {"markdown": to_markdown, "latex": to_latex}
    if form not in (None, *writers):
        raise SpecificationError(f"--format {form}", f"must be {' or '.join(writers)}")
    run = find_run(subject)
    default = "latex" if out is not None and out.suffix == ".tex" else "markdown"
    text = writers[form or default](describe_network(run.network() if run else load_network(subject), run))
    if out is None:
        say(text.rstrip("\n"))
    else:
        make_folder(out.parent)
        write_text(out, text)
        say(str(out))
