"""Copies of plug-in files in run folders.

A run folder may come from someone else, so netsim runs no copy by itself. The user names it with ``--plugin``.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from netsim.errors import NetsimError
from netsim.files import open_regular
from netsim.runs.plugin_imports import Imports

LARGEST = 10_000_000  # bytes per file


def copies_of(plugins: Iterable[Mapping[str, Any]], folder: Path) -> dict[Path, bytes]:
    """Return the files of plug-ins, and the files that they import, as copies in a folder, one subfolder for each.

    A plug-in whose file has changed since it was loaded is left out.
    """
    copies: dict[Path, bytes] = {}
    for plugin in plugins:
        target = _folder_of(plugin, folder)
        if target is None or not plugin.get("sha256"):
            continue
        source = Path(plugin["file"])
        checksums = {source.name: plugin["sha256"], **plugin.get("imports", {})}
        contents = {name: _content(source.parent / name, checksum) for name, checksum in checksums.items()}
        whole = {name: content for name, content in contents.items() if content is not None}
        if len(whole) == len(contents):
            copies |= {target / name: content for name, content in whole.items()}
    return copies


def copy_of(plugin: Mapping[str, Any], folder: Path) -> Path | None:
    """Return the copy of a plug-in in a folder, if it can be loaded and is the code of the record."""
    source, sha256 = _folder_of(plugin, folder), plugin.get("sha256")
    if source is None or not sha256:
        return None
    path = source / f"{plugin['module']}.py"
    content = _content(path, sha256)
    if content is None:
        return None
    with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError):
        if Imports(path, content).checksums == plugin.get("imports", {}):
            return path
    return None


def _folder_of(plugin: Mapping[str, Any], folder: Path) -> Path | None:
    """Return the folder of a plug-in's copy. None if its module is not a file with that name, such as a script."""
    name = str(plugin["module"])
    is_file = name.isidentifier() and Path(str(plugin.get("file", ""))).name == f"{name}.py"
    return folder / name if is_file else None


def _content(path: Path, sha256: Any) -> bytes | None:
    """Return the content of a file with this checksum. None if the file is absent or has another one."""
    try:
        with open_regular(path, LARGEST) as file:
            content = file.read(LARGEST)
    except (OSError, NetsimError):
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None
