"""Copies of plug-in files in run folders, and the files that a plug-in imports from its folder.

A run folder may come from someone else, so netsim runs no copy by itself. The user names it with ``--plugin``.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from netsim.errors import NetsimError
from netsim.files import open_regular

LARGEST = 10_000_000  # bytes per file
_NETSIM = __name__.partition(".")[0]


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


class Imports:
    """Modules that a file imports from its folder, directly or through each other.

    Parameters
    ----------
    path : Path
    content : bytes
        Content of the file.

    Raises
    ------
    SyntaxError
        If the file or an import is not valid Python.
    OSError
        If an import cannot be read.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.folder = path.parent
        self.checksums: dict[str, str] = {}
        """SHA-256 of each file, by its path relative to the folder."""
        self.names: list[str] = []
        """Names of the modules and packages."""
        self._follow(content, path)

    def elsewhere(self) -> str | None:
        """Return the first name that Python imports from another place, or None."""
        return next((name for name in self.names if not self._is_in_folder(name)), None)

    def _is_in_folder(self, name: str) -> bool:
        known = sys.modules.get(name)
        spec = known.__spec__ if known else importlib.util.find_spec(name)
        origin = getattr(known, "__file__", None) or (spec.origin if spec else None)
        files = {(self.folder / file).resolve() for file in self.checksums}
        return (known is None and spec is None) or (origin is not None and Path(origin).resolve() in files)

    def _follow(self, content: bytes, path: Path) -> None:
        for name in _imported(ast.parse(content, str(path))):
            package = self.folder / name
            candidates = [self.folder / f"{name}.py"]
            if (package / "__init__.py").is_file():  # a package has precedence over a module
                candidates = sorted(package.rglob("*.py"))
            files = [file for file in candidates if file.is_file()]
            if name in {_NETSIM, path.stem, *self.names} or not files:
                continue
            self.names.append(name)
            for file in files:
                imported = file.read_bytes()
                self.checksums[file.relative_to(self.folder).as_posix()] = hashlib.sha256(imported).hexdigest()
                self._follow(imported, file)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level names of all imports in a module, including imports in functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
