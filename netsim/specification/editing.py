"""A specification as a TOML text to edit: with all settings, those that are comments at their defaults."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import tomli_w

from netsim.specification import Network
from netsim.specification.keys import known_values
from netsim.specification.toml import network_to_dict

_SECTIONS = ("training", "learning", "weighting")
_MOST_VALUES = 8
_NUMBERS = re.compile(r"\[\n(?: +[-+.\de]+,\n){1,20} *\]")
"""A list of a few numbers over several lines."""


def editable(network: Network, command: str) -> str:
    """Return the TOML text of a network, which ends with all settings of its sections. `command` trains the file."""
    table = network_to_dict(network)
    sections = {name: table.pop(name, {}) for name in _SECTIONS}
    structure = _NUMBERS.sub(
        lambda match: f"[{', '.join(match[0][1:-1].replace(',', ' ').split())}]", tomli_w.dumps(table)
    )
    parts = [f"# Train this network: {command}\n", structure]
    parts += [_section(name, sections[name], getattr(network, name)) for name in _SECTIONS]
    return "\n".join(parts)


def _section(name: str, given: dict[str, Any], settings: Any) -> str:
    """Return a table with its values as they are, and as comments the defaults of others."""
    lines = [f"[{name}]"]
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        line = tomli_w.dumps({field.name: value}).strip()
        known = known_values(f"{name}.{field.name}")
        choices = f"  # {', '.join(known)}" if 1 < len(known) <= _MOST_VALUES and known != ["true", "false"] else ""
        lines.append(f"{'' if field.name in given else '# '}{line}{choices}")
    return "\n".join(lines) + "\n"
