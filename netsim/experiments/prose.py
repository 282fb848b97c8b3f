"""The prose of an experiment: a Markdown file with the sections of its page.

A paragraph ends with an empty line. Caveats and references are lists, published controls are a table, and the result is
the head of a table. Names in braces, as in Python's format strings, stand for settings and facts of the experiment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from netsim.errors import SpecificationError

SECTIONS = ("Model", "Protocol", "Result", "Figure", "Published control", "Caveats", "References")
"""Headings of a file, in the order of the page. A file may lack the caveats."""


def section(path: Path, title: str, values: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs, list items or table rows of a section, with `values` in place of names in braces.

    Raises
    ------
    SpecificationError
        If the file or the section is missing, or a name is no setting and no fact.
    """
    parts = _sections(path)
    if title not in parts:
        raise SpecificationError(
            path.name, f"has no section '## {title}'; write it, see the pages of other experiments"
        )
    try:
        return [part.format(**values) for part in parts[title]]
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        reason = f"{title}: a text in braces is no setting and no fact of the experiment ({error!r}); correct it"
        raise SpecificationError(path.name, reason) from error


@lru_cache(maxsize=64)
def _sections(path: Path) -> dict[str, list[str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecificationError(str(path), f"cannot be read ({error.strerror}); write the prose there") from error
    _, *parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    bodies = zip(parts[::2], parts[1::2], strict=True)
    sections = {"Caveats": [], **{title.strip(): _parts(body) for title, body in bodies}}
    for row in sections.get("Published control", ()):
        if len(cells(row)) != 4:
            raise SpecificationError(
                path.name, f"Published control: needs four cells in each row, not {row.strip('| ')!r}"
            )
    if unknown := sorted(set(sections) - set(SECTIONS)):
        raise SpecificationError(path.name, f"has an unknown section {unknown[0]!r}; use {', '.join(SECTIONS)}")
    return sections


def _parts(body: str) -> list[str]:
    """Return paragraphs, list items without their dash, or rows of a table without its head.

    Of a table without rows, return the headings; those of columns that are aligned right end in ``>``.
    """
    body = body.strip()
    if body.startswith("|"):
        head, marks, *rows = body.splitlines()
        aligned = zip(cells(head), cells(marks), strict=True)
        return rows or [heading + ">" * mark.endswith(":") for heading, mark in aligned]
    marked = re.split(r"^- ", body, flags=re.MULTILINE)[1:] if body.startswith("- ") else re.split(r"\n\s*\n", body)
    return [re.sub(r"[ \n]+", " ", part).strip(" ") for part in marked]


def cells(row: str) -> list[str]:
    """Return the cells of a row of a table."""
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
