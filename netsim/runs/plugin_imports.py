"""Files that a Python file imports from its folder, with checksums."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

_NETSIM = __name__.partition(".")[0]


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
