"""Python files that register entries in seams. netsim loads only files that the user names."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from netsim.errors import NetsimError, SpecificationError
from netsim.files import open_regular
from netsim.runs.plugin_copies import LARGEST, Imports
from netsim.seams import SEAMS

_loaded: dict[str, tuple[Path, dict[str, Any]]] = {}
"""Path and `_checksums` of the loaded files, by module name."""


def load_plugin(path: str | Path) -> ModuleType:
    """Run a Python file that registers entries in `netsim.seams`.

    The file can import modules from its folder. Runs that use its entries record these files and their SHA-256. On the
    command line, use ``--plugin FILE``.

    Parameters
    ----------
    path : str or Path
        The file. Its name becomes the name of the module.

    Returns
    -------
    module

    Raises
    ------
    SpecificationError
        If the file cannot be read or run, registers nothing, its name or an import conflicts with another module, or it
        has changed since it was loaded.

    Examples
    --------
    >>> import netsim, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "slow_start.py"
    ...     text = "from netsim.seams import schedules" + chr(10) + "schedules.add('slow', lambda done: done, __name__)"
    ...     _ = file.write_text(text)
    ...     netsim.load_plugin(file).__name__, "slow" in netsim.seams.schedules
    ('slow_start', True)
    """
    path = Path(path).resolve()
    where, name = f"plug-in {path}", path.stem
    if _loaded.get(name, (None,))[0] == path:
        _check_unchanged(name, where)
        return sys.modules[name]
    if path.suffix != ".py" or not name.isidentifier():
        raise SpecificationError(where, "must be a file with the name of a module, such as my_learner.py")
    known = sys.modules.get(name)
    spec = getattr(known, "__spec__", None) if known else importlib.util.find_spec(name)
    origin = spec.origin if spec is not None else getattr(known, "__file__", None)
    if (known or spec) and not (origin and Path(origin).resolve() == path):
        raise SpecificationError(where, f"has the name of another module, {name}; rename the file")
    content = _content(path, where)
    try:
        imports = Imports(path, content)
        if taken := imports.elsewhere():
            another = f"imports {taken}, which exists in its folder and elsewhere; rename the file in the folder"
            raise SpecificationError(where, another)
        module = known or _run(name, path, content, imports)  # a script may have imported it
    except BaseException as error:
        if isinstance(error, NetsimError) or not isinstance(error, Exception):
            raise
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
        at = f", line {line}" if line else ""
        raise SpecificationError(
            where, f"cannot be loaded ({type(error).__name__}: {error}{at}); correct the file"
        ) from error
    _loaded[name] = (path, _checksums(path, content, imports))
    return module


def _content(path: Path, where: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(LARGEST)
    except OSError as error:
        raise SpecificationError(where, f"cannot be read ({error.strerror}); check its path") from error


def _run(name: str, path: Path, content: bytes, imports: Imports) -> ModuleType:
    """Run a file as a module. Remove it again if it fails."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module, before, known = importlib.util.module_from_spec(spec), set(sys.modules), _registered()
    sys.modules[name] = module  # needed by dataclasses
    sys.path.insert(0, str(path.parent))  # as for a script; remains for imports within functions
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)  # the same bytes as the checksum's
        if _registered() == known:
            nothing = 'registers nothing; add a decorator, such as @netsim.seams.schedules.register("name")'
            raise SpecificationError(f"plug-in {path}", nothing)
    except BaseException:
        sys.path.remove(str(path.parent))
        for each in {name, *imports.names} - before:
            sys.modules.pop(each, None)
        raise
    return module


def _registered() -> set[tuple[str, str]]:
    """Return seam and name of each registered entry from outside netsim."""
    return {(registry.seam, name) for registry in SEAMS for name in registry.foreign}


def _check_unchanged(name: str, where: str) -> None:
    """Raise SpecificationError if a loaded file has changed."""
    path, loaded = _loaded[name]
    if _checksums(path, _content(path, where)) != loaded:
        raise SpecificationError(where, "or a module that it imports has changed since it was loaded; restart Python")


def _checksums(path: Path, content: bytes, imports: Imports | None = None) -> dict[str, Any]:
    """Return path and SHA-256 of a file, and the SHA-256 of files that it imports from its folder."""
    file = {"file": str(path), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        imported = (imports or Imports(path, content)).checksums
    except (OSError, SyntaxError, ValueError):  # a function of a script may import a broken file
        imported = {}
    return file | ({"imports": imported} if imported else {})


def loaded_plugins() -> list[Path]:
    """Return the loaded files, in order."""
    return [path for path, _ in _loaded.values()]


def file_of(module: str) -> dict[str, Any]:
    """Return the checksums of a module outside packages, such as a script. Empty if it has no file."""
    if module in _loaded:
        return _loaded[module][1]
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return {}
    path = Path(file).resolve()
    try:
        return _checksums(path, path.read_bytes())
    except OSError:
        return {}


def _line(error: BaseException, path: Path) -> int | None:
    """Return the last line of a file in an error's traceback."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
