"""A description as plain data: tables of cells in a small markup that every writer reads.

Text contains ``$mathematics$`` in LaTeX, names between backticks, and line breaks. A backslash escapes the next
character. Text from files passes through `plain` first. Mathematics must survive every reader of Markdown. It therefore
contains neither ``|`` nor ``*``, no backslash before punctuation, and no underscore after punctuation.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from netsim.reprs import html_text, limited

_PIECE = re.compile(r"\$([^$]*)\$|`([^`]*)`|\\(.)|([^$`\\]+)")


@dataclass(frozen=True)
class Table:
    """A table of a description. Headings, cells and notes use the markup of this module."""

    letter: str
    title: str
    rows: tuple[tuple[str, ...], ...]
    columns: Mapping[str, float] = field(default_factory=dict)
    """Fractions of the page width by heading; empty if the table has rows of a label and a text."""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Table({self.letter!r}, {self.title!r}, {len(self.rows)} rows)"

    @property
    def is_labelled(self) -> bool:
        """True for tables of labels and texts, without headings."""
        return not self.columns

    @property
    def headings(self) -> tuple[str, ...]:
        """Headings, one per column."""
        return tuple(self.columns) or ("", "")

    @property
    def shares(self) -> tuple[float, ...]:
        """Fraction of the page width for each column."""
        return tuple(self.columns.values()) or (0.2, 0.8)


@dataclass(frozen=True)
class Description:
    """A description: title, introduction and tables."""

    title: str
    introduction: str
    tables: tuple[Table, ...]

    def __repr__(self) -> str:
        return limited([f"Description({self.title!r}):", *(f"  {table!r}" for table in self.tables)])

    def _repr_html_(self) -> str:
        body = [_html(self.introduction)]
        for table in self.tables:
            headings = () if table.is_labelled else list(table.columns)
            cells = [[_html(cell) for cell in row] for row in (headings, *table.rows) if row]
            lines = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in cells)
            notes = "".join(f"<p>{_html(note)}</p>" for note in table.notes)
            body.append(f"<table><caption>{table.letter}: {_html(table.title)}</caption>{lines}</table>{notes}")
        return f"<h3>{_html(self.title)}</h3>{''.join(body)}"


class Piece(NamedTuple):
    """A part of a text: words, mathematics or a name."""

    sort: Literal["text", "math", "name"]
    content: str


def pieces(markup: str) -> Iterator[Piece]:
    """Split the markup of one line."""
    words = ""
    for match in _PIECE.finditer(markup):
        mathematics, name, escaped, text = match.groups()
        if mathematics is None and name is None:
            words += escaped or text
            continue
        if words:
            yield Piece("text", words)
            words = ""
        yield Piece("name", name) if mathematics is None else Piece("math", mathematics)
    if words:
        yield Piece("text", words)


def _html(markup: str) -> str:
    """Convert text of a description for notebooks, which typeset mathematics between dollar signs."""
    tags = {"text": "{}", "math": "${}$", "name": "<code>{}</code>"}
    shown: dict[str, Callable[[str], str]] = {"text": html_text, "math": html.escape, "name": html_text}
    lines = [
        [tags[piece.sort].format(shown[piece.sort](piece.content)) for piece in pieces(line)]
        for line in markup.split("\n")
    ]
    return "<br>".join(map("".join, lines))


def plain(text: str) -> str:
    """Escape text, so that markup shows its characters. Characters that cannot be printed become spaces."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return re.sub(r"([\\$`])", r"\\\1", " ".join(printable.split()))
