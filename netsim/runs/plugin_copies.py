"""Copies of plug-in files in run folders.

A run folder may come from someone else, so netsim runs a copy only if this user has run the same code before. It
remembers the SHA-256 of that code in the user's settings.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from netsim.errors import NetsimError
from netsim.files import make_folder, open_regular
from netsim.runs.plugin_imports import Imports

LARGEST = 10_000_000  # bytes per file
_LARGEST_MEMORY = 10_000_000  # bytes of remembered checksums


def copies_of(plugins: Iterable[Mapping[str, Any]], folder: Path) -> dict[Path, bytes]:
    """Return the files of plug-ins, and the files that they import, as copies in a folder, one subfolder for each.

    The code of these plug-ins is remembered. A plug-in whose file has changed since it was loaded is left out.
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
            remember(plugin)
    return copies


def copy_of(plugin: Mapping[str, Any], folder: Path) -> Path | None:
    """Return the copy of a plug-in in a folder, if it can be loaded and is the code of the record."""
    source, sha256 = _folder_of(plugin, folder), plugin.get("sha256")
    if source is None or not sha256:
        return None
    path = source / f"{plugin['module']}.py"
    content = None if path.is_symlink() else _content(path, sha256)
    if content is None:
        return None
    with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError):
        if Imports(path, content).checksums == plugin.get("imports", {}):
            return path
    return None


def remember(plugin: Mapping[str, Any]) -> None:
    """Remember that this user has run the code of a plug-in. Without a home folder nothing is remembered."""
    digest = _digest(plugin)
    if is_known(plugin) or not _memory().is_absolute():
        return
    with contextlib.suppress(OSError, NetsimError):
        make_folder(_memory().parent)
        with open(_memory(), "a", encoding="ascii") as file:
            file.write(f"{digest}\n")


def is_known(plugin: Mapping[str, Any]) -> bool:
    """True if this user has run the code of a plug-in."""
    try:
        with open_regular(_memory()) as file:
            return _digest(plugin).encode() in file.read(_LARGEST_MEMORY).split()
    except (OSError, NetsimError):
        return False


def _folder_of(plugin: Mapping[str, Any], folder: Path) -> Path | None:
    """Return the folder of a plug-in's copy. None if its module is not a file with that name, such as a script."""
    name = str(plugin["module"])
    is_file = name.isidentifier() and Path(str(plugin.get("file", ""))).name == f"{name}.py"
    subfolder = folder / name
    return subfolder if is_file and not (folder.is_symlink() or subfolder.is_symlink()) else None


def _digest(plugin: Mapping[str, Any]) -> str:
    code = [plugin["module"], plugin.get("sha256"), sorted(plugin.get("imports", {}).items())]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def _content(path: Path, sha256: Any) -> bytes | None:
    """Return the content of a file with this checksum. None if the file is absent or has another one."""
    try:
        with open_regular(path, LARGEST) as file:
            content = file.read(LARGEST)
    except (OSError, NetsimError):
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _memory() -> Path:
    with contextlib.suppress(RuntimeError):  # no home folder
        return platformdirs.user_config_path("netsim") / "known-plugins"
    return Path(os.curdir)
