"""Insert tables into Markdown pages, between the marks ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from netsim.errors import DataError


def markdown(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table. A heading that ends in ``>`` aligns its column right."""
    rule = "|".join("---:" if heading.endswith(">") else "---" for heading in headings)
    head, *lines = (" | ".join(map(str, cells)) for cells in ([each.rstrip(">") for each in headings], *rows))
    return "\n".join([f"| {head} |", f"|{rule}|", *(f"| {line} |" for line in lines)])


def read_page(page: Path, *names: str) -> str:
    """Return the text of a page. Raise DataError if it cannot be read, or has no marks of a name."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{page}: cannot be read ({error}); give a page with the marks of the tables") from error
    for name in names:
        if not _between(name).search(text):
            raise DataError(f"{page}: lacks <!-- {name} --> and <!-- end of {name} -->, between which a table is put")
    return text


def put(page: Path, sections: Mapping[str, str]) -> None:
    """Insert tables between the marks with their names."""
    text = read_page(page, *sections)
    for name, section in sections.items():
        text = _between(name).sub(section.replace("\\", r"\\"), text)
    page.write_text(text, encoding="utf-8")


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- end of {name} -->)", re.DOTALL)
