"""Files of Python that add entries to seams, loaded because the user names them and never otherwise."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from netsim.errors import NetsimError, SpecificationError
from netsim.files import open_regular
from netsim.runs.plugin_imports import Imports

_LARGEST = 10_000_000
_loaded: dict[str, tuple[Path, dict[str, Any]]] = {}
"""Path and `_checksums` of the files that were loaded, by the name of their module."""


def load_plugin(path: str | Path) -> ModuleType:
    """Run a file of Python that registers entries of your own in `netsim.seams`.

    The module is called like the file. It can import what lies beside it. Runs that use its entries record these files
    and their SHA-256; the command line loads it with ``--plugin FILE``.

    Raises
    ------
    SpecificationError
        If it cannot be read or run, a module of another file has its name or that of one it imports from beside it, or
        it was loaded before and has changed.

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
        raise SpecificationError(where, "must be a file such as my_learner.py, whose name is one of a module")
    known = sys.modules.get(name)
    spec = getattr(known, "__spec__", None) if known else importlib.util.find_spec(name)
    origin = spec.origin if spec is not None else getattr(known, "__file__", None)
    if (known or spec) and not (origin and Path(origin).resolve() == path):
        raise SpecificationError(where, f"has the name of another module, {name}; rename it")
    content = _content(path, where)
    try:
        imports = Imports(path, content)
        if taken := imports.elsewhere():
            another = f"imports {taken}, of which there is one beside it and another elsewhere; rename that beside it"
            raise SpecificationError(where, another)
        module = known or _run(name, path, content, imports)  # a script may have imported it
    except BaseException as error:
        if isinstance(error, NetsimError) or not isinstance(error, Exception):
            raise
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
        at = f", line {line}" if line else ""
        raise SpecificationError(where, f"cannot be loaded ({type(error).__name__}: {error}{at})") from error
    _loaded[name] = (path, _checksums(path, content, imports))
    return module


def _content(path: Path, where: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise SpecificationError(where, f"cannot be read ({error.strerror})") from error


def _run(name: str, path: Path, content: bytes, imports: Imports) -> ModuleType:
    """The module of a file; nothing of it stays if it fails."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module, before = importlib.util.module_from_spec(spec), set(sys.modules)
    sys.modules[name] = module  # dataclasses look their module up
    sys.meta_path.insert(0, imports)  # and stays, for what functions import
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)  # what is run is what the checksum is of
    except BaseException:
        sys.meta_path.remove(imports)
        for each in {name, *imports.names} - before:
            sys.modules.pop(each, None)
        raise
    return module


def _check_unchanged(name: str, where: str) -> None:
    """Refuse a file that is another one than the one that was loaded."""
    path, loaded = _loaded[name]
    if _checksums(path, _content(path, where)) != loaded:
        raise SpecificationError(where, "has changed since it was loaded, it or what it imports; start Python anew")


def _checksums(path: Path, content: bytes, imports: Imports | None = None) -> dict[str, Any]:
    """What is recorded of a file: its path and SHA-256, and those of the files beside it that it imports."""
    own = {"file": str(path), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        beside = (imports or Imports(path, content)).checksums
    except (OSError, SyntaxError, ValueError):  # what a function of a script would import, should it ever be called
        beside = {}
    return own | ({"imports": beside} if beside else {})


def loaded_plugins() -> list[Path]:
    """The files that were loaded, in order."""
    return [path for path, _ in _loaded.values()]


def file_of(module: str) -> dict[str, Any]:
    """Path and SHA-256 of a module that belongs to no package, such as a script, and of what it imports from beside it.

    Empty if it has no file.
    """
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
    """The last line of a file that an error came through."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
