"""Modules that a file of Python imports from its own folder: they are found, and known by their checksums."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_OWN = __name__.partition(".")[0]


class Imports:
    """Finds modules beside a file, those that it or one of them imports, and no others.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        What is in it.

    Raises
    ------
    SyntaxError
        If it, or what it imports, is no Python.
    OSError
        If one of them cannot be read.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.folder = path.parent
        self.checksums: dict[str, str] = {}
        """SHA-256 of each file, by its path in the folder."""
        self.names: list[str] = []
        """Of the modules and packages."""
        self._follow(content, path)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        return PathFinder.find_spec(name, [str(self.folder)]) if name in self.names else None

    def elsewhere(self) -> str | None:
        """The first of the names that Python finds in another place, if there is one."""
        return next((name for name in self.names if not self._is_beside(name)), None)

    def _is_beside(self, name: str) -> bool:
        known = sys.modules.get(name)
        spec = known.__spec__ if known else importlib.util.find_spec(name)
        origin = getattr(known, "__file__", None) or (spec.origin if spec else None)
        files = {(self.folder / file).resolve() for file in self.checksums}
        return (known is None and spec is None) or (origin is not None and Path(origin).resolve() in files)

    def _follow(self, content: bytes, path: Path) -> None:
        for name in _imported(ast.parse(content, str(path))):
            package = self.folder / name
            beside = [self.folder / f"{name}.py"]
            if (package / "__init__.py").is_file():  # a package has precedence over a module
                beside = sorted(package.rglob("*.py"))
            files = [file for file in beside if file.is_file()]
            if name in {_OWN, path.stem, *self.names} or not files:
                continue
            self.names.append(name)
            for file in files:
                found = file.read_bytes()
                self.checksums[file.relative_to(self.folder).as_posix()] = hashlib.sha256(found).hexdigest()
                self._follow(found, file)


def _imported(tree: ast.AST) -> Iterator[str]:
    """The first names of all modules that code imports, also where a function does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
