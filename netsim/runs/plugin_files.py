"""Files of Python that add entries to seams, loaded because the user names them and never otherwise."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from netsim.errors import NetsimError, SpecificationError
from netsim.files import open_regular

_LARGEST = 10_000_000
_loaded: dict[str, tuple[Path, str]] = {}
"""Path and checksum of the files that were loaded, by the name of their module."""


def load_plugin(path: str | Path) -> ModuleType:
    """Run a file of Python that registers entries of your own in `netsim.seams`.

    The module is called like the file. Runs that use its entries record the file and its SHA-256; the command line
    loads it with ``--plugin FILE``.

    Raises
    ------
    SpecificationError
        If it cannot be read or run, or the module of another file has its name.

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
        return sys.modules[name]
    if path.suffix != ".py" or not name.isidentifier():
        raise SpecificationError(where, "must be a file such as my_learner.py, whose name is one of a module")
    known = sys.modules.get(name)
    spec = getattr(known, "__spec__", None) if known else importlib.util.find_spec(name)
    origin = spec.origin if spec is not None else getattr(known, "__file__", None)
    if (known or spec) and not (origin and Path(origin).resolve() == path):
        raise SpecificationError(where, f"has the name of another module, {name}; rename it")
    try:
        with open_regular(path) as file:
            content = file.read(_LARGEST)
    except OSError as error:
        raise SpecificationError(where, f"cannot be read ({error.strerror})") from error
    if known is not None:  # a script has imported it
        _loaded[name] = (path, hashlib.sha256(content).hexdigest())
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)  # what is run is what the checksum is of
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, NetsimError) or not isinstance(error, Exception):
            raise
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
        at = f", line {line}" if line else ""
        raise SpecificationError(where, f"cannot be loaded ({type(error).__name__}: {error}{at})") from error
    _loaded[name] = (path, hashlib.sha256(content).hexdigest())
    return module


def loaded_plugins() -> list[Path]:
    """The files that were loaded, in order."""
    return [path for path, _ in _loaded.values()]


def file_of(module: str) -> dict[str, str]:
    """Path and SHA-256 of the file of a module that belongs to no package, such as a script; empty if it has none."""
    if module in _loaded:
        path, digest = _loaded[module]
        return {"file": str(path), "sha256": digest}
    file = getattr(sys.modules.get(module), "__file__", None)
    try:
        return (
            {"file": str(Path(file).resolve()), "sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest()}
            if file
            else {}
        )
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
