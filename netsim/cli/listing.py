"""Commands whose help lists the entries of a seam; these are loaded when somebody asks for help, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typer.core import TyperCommand

if TYPE_CHECKING:
    from netsim.registry import Registry


class ListingCommand(TyperCommand):
    """A command in whose help text ``{entries}`` stands for the names and summaries of a seam's entries."""

    registry: ClassVar[Registry[Any]]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help with the entries in it."""
        listed = "\n".join(f"* {name}: {entry.summary}" for name, entry in self.registry.items())
        self.help = (self.help or "").replace("{entries}", listed)
        super().format_help(ctx, formatter)
