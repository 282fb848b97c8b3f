"""Descriptions as Markdown with ``$mathematics$``, as GitHub, Jupyter and pandoc read it."""

import re
from collections.abc import Iterable

from netsim.description.document import Description, Table, pieces

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def to_markdown(description: Description) -> str:
    """Return the Markdown text of a `Description`.

    Parameters
    ----------
    description : Description

    Returns
    -------
    str

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
    # pandoc derives column widths from the dashes
    dashes = ["-" * max(3, round(60 * share)) for share in table.shares]
    lines = [_row(table.headings), f"| {' | '.join(dashes)} |"]
    lines += [_row(cells, table.is_labelled) for cells in table.rows]
    return "\n".join(lines)


def _row(cells: Iterable[str], labelled: bool = False) -> str:
    first, *others = (_lines(cell) for cell in cells)
    return "| " + " | ".join([f"**{first}**" if labelled else first, *others]) + " |"


def _lines(cell: str) -> str:
    """Join the lines of a cell with breaks. Added punctuation marks the ends for readers that drop breaks."""
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
    # Markdown readers ignore a backslash before a dollar sign, and would read mathematics
    return _SPECIAL.sub(r"\\\1", text).replace("$", "<span>$</span>")
