"""Representations of a few lines, without default values and array contents."""

import dataclasses
import html
from collections.abc import Sequence
from textwrap import wrap
from types import FunctionType
from typing import Any

WIDTH, LINES = 100, 12
SHOWN = {"shown": True}
"""Metadata of a dataclass field whose default is shown, too."""


def limited(lines: Sequence[str]) -> str:
    """Join at most `LINES` lines of at most `WIDTH` characters, with an ellipsis for the rest."""
    kept = (
        list(lines) if len(lines) <= LINES else [*lines[: LINES - 2], f"  … {len(lines) - LINES + 1} more", lines[-1]]
    )
    return "\n".join(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in kept)


def brief(value: Any) -> str:
    """Return a short representation: type and shape for an array, the first line for long values."""
    if isinstance(value, float):
        return repr(float(f"{value:.6g}"))
    if hasattr(value, "__array__"):
        return f"<{getattr(value, 'dtype', type(value).__name__)} {tuple(value.shape)}>" if value.shape else str(value)
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {brief(entry)}" for key, entry in value.items()) + "}"
    if type(value) in (list, tuple):
        inner = ", ".join(map(brief, value)) if len(value) <= LINES else f"{brief(value[0])}, … {len(value) - 1} more"
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    first, _, more = repr(value).partition("\n")
    return f"<{first.rstrip('(:')}>" if more else first


def short_repr(self: Any) -> str:
    """Represent a dataclass or named tuple by its fields, without defaults and functions."""
    if dataclasses.is_dataclass(self):
        fields = dataclasses.fields(self)
        values = {field.name: getattr(self, field.name) for field in fields if field.repr}
        defaults = {
            field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            for field in fields
            if field.metadata != SHOWN
        }
    else:
        values, defaults = self._asdict(), self._field_defaults
    shown = [
        f"{name}={brief(value)}"
        for name, value in values.items()
        if not _same(value, defaults.get(name, _same)) and not isinstance(value, FunctionType)
    ]
    name, line = type(self).__name__, ", ".join(shown)
    if len(name) + len(line) + 2 <= WIDTH:
        return f"{name}({line})"
    inner = [wrapped for entry in shown for wrapped in wrap(f"  {entry},", WIDTH, subsequent_indent="    ")]
    return limited([f"{name}(", *inner, ")"])


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and not hasattr(value, "dtype") and bool(value == default))


def html_text(text: str) -> str:
    """Escape text for notebooks. The tags around dollar signs prevent typesetting as mathematics."""
    return html.escape(text).replace("$", "<span>$</span>")


def html_table(title: str, rows: Sequence[Sequence[object]], heading: Sequence[str] = ()) -> str:
    """Return a table for notebooks, with escaped cells."""

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html_text(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    head = line(heading, "th") if heading else ""
    return f"<table><caption>{html_text(title)}</caption>{head}{''.join(line(row, 'td') for row in rows)}</table>"
