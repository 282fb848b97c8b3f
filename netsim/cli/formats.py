"""Commands whose help lists file formats; these are loaded only when help is asked for."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from netsim.registry import Registry


def listing(what: str, *seams: Registry[Any]) -> type[TyperCommand]:
    """A command that lists the formats of some seams below the text of its help.

    Parameters
    ----------
    what : str
        What stands for the name of a format.
    *seams : Registry
    """

    class Listing(TyperCommand):
        """A command with formats."""

        def format_help(self, ctx: Any, formatter: Any) -> None:
            formats = [(name, known) for seam in seams for name, known in seam.items()]
            lines = [f"* {name}: {known.summary} ({', '.join(known.suffixes)})" for name, known in formats]
            self.help = "\n".join([f"{self.help}\n\n{what} is one of:\n", *lines])
            super().format_help(ctx, formatter)

    return Listing
