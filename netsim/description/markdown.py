"""Descriptions as Markdown: tables and ``$mathematics$`` as GitHub, Jupyter and pandoc read them."""

import re
from collections.abc import Iterable

from netsim.description.document import Description, Table, pieces

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def to_markdown(description: Description) -> str:
    """The Markdown text of a `Description`.

    Examples
    --------
    >>> import netsim
    >>> text = netsim.to_markdown(netsim.describe(netsim.load_preset("digits")))
    >>> [line for line in text.splitlines() if line.startswith("#")][:2]
    ['# Model description: `digits`', '## A Model summary']
    """
    blocks = [f"# {_inline(description.title)}", _inline(description.introduction)]
    for table in description.tables:
        blocks += [f"## {table.letter} {_inline(table.title)}", _table(table), *map(_inline, table.notes)]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    # pandoc makes columns as wide as their dashes
    dashes = ["-" * max(3, round(60 * share)) for share in table.shares]
    lines = [_row(table.headings), f"| {' | '.join(dashes)} |"]
    lines += [_row(cells, table.is_labelled) for cells in table.rows]
    return "\n".join(lines)


def _row(cells: Iterable[str], labelled: bool = False) -> str:
    first, *others = (_lines(cell) for cell in cells)
    return "| " + " | ".join([f"**{first}**" if labelled else first, *others]) + " |"


def _lines(cell: str) -> str:
    """The lines of a cell; readers that drop the breaks, as those do that make no HTML, still see where one ends."""
    first, *others = cell.split("\n")
    text = _inline(first)
    for line in others:
        stop = "" if text.endswith((".", ";", ":", ",")) else "." if line[:1].isupper() else ";"
        text += f"{stop} <br>{_inline(line)}"
    return text


def _inline(markup: str) -> str:
    written = {"text": _escaped, "math": "${}$".format, "name": "`{}`".format}
    return "".join(written[sort](content) for sort, content in pieces(markup))


def _escaped(text: str) -> str:
    # a backslash before a dollar sign would not keep it from being read as mathematics
    return _SPECIAL.sub(r"\\\1", text).replace("$", "<span>$</span>")
