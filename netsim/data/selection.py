"""Selections of test samples in the names of data sets, such as ``spoken-digits:speaker=jackson``."""

from __future__ import annotations

import re
from typing import NamedTuple


class Selection(NamedTuple):
    """The test samples: those with one of some values of a field."""

    field: str
    values: tuple[str, ...]


def split_name(name: str) -> tuple[str, Selection | None]:
    """Split ``NAME:field=value,value`` into name and selection. Other names have no selection."""
    match = re.fullmatch(r"(.+):(\w+)=([^/:]+)", name, re.DOTALL)
    if match is None:
        return name, None
    return match[1], Selection(match[2], tuple(match[3].split(",")))
