"""Machine code on disk: never older than a source, and no command needs it."""

from __future__ import annotations

import ast
import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

import netsim
from netsim.numerics import compiling
from netsim.numerics.compilation import compiled, compiled_in_place, compiled_sources

PACKAGE = Path(netsim.__file__).parent
CALLEE = """
from netsim.numerics.compilation import compiled

@compiled
def factor():
    return 2
"""
CALLER = """
from netsim.numerics.callee import factor
from netsim.numerics.compilation import compiled

@compiled
def times_factor(number):
    return number * factor()
"""
FUSED = """
from netsim.numerics.compilation import compiled, compiled_with

@compiled
def excess(number):
    return number * number - 1.0

@compiled_with(fastmath={"contract"})
def fused(number):
    return excess(number)
"""
PROGRAM = """
from netsim.numerics.caller import times_factor
print(times_factor(21), sum(times_factor.stats.cache_hits.values()), times_factor.stats.cache_path)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the parts of the package that compile, with two modules of which one calls into the other."""
    copy = tmp_path / "site" / "netsim"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE / "numerics", copy / "numerics", ignore=ignored)
    for module in (*PACKAGE.glob("__init__.py*"), PACKAGE / "errors.py", PACKAGE / "files.py"):
        shutil.copy(module, copy)
    (copy / "numerics" / "callee.py").write_text(CALLEE, encoding="utf-8")
    (copy / "numerics" / "caller.py").write_text(CALLER, encoding="utf-8")
    return copy


FORKING = """
import json, os, sys, traceback
import numba, numpy, platformdirs, threadpoolctl

numba.njit(lambda number: 2 * number)(1)
for line in sys.stdin:
    program, environment = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.clear()
        os.environ.update(environment)
        sys.path.insert(0, environment["PYTHONPATH"])
        numba.core.config.reload_config()
        for number, name in (1, "OUT"), (2, "ERR"):
            os.dup2(os.open(environment[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = 0
        try:
            exec(program, {})
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@functools.cache
def _forking() -> subprocess.Popen[str]:
    """A process without netsim that imported numba and compiled once, which takes longer than what most programs do."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", FORKING], stdin=pipe, stdout=pipe, text=True)
    atexit.register(process.communicate)
    return process


def _ended(package: Path, program: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a program that has a process of its own, and imports the copy."""
    streams = [package.parent / name for name in ("out", "err")]
    environment |= {"PYTHONPATH": str(package.parent), "OUT": str(streams[0]), "ERR": str(streams[1])}
    if not hasattr(os, "fork"):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr
    process = _forking()
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps([program, environment]), file=process.stdin, flush=True)
    code = int(process.stdout.readline())
    return code, streams[0].read_text(encoding="utf-8"), streams[1].read_text(encoding="utf-8")


def _run(package: Path, program: str = PROGRAM, **environment: str) -> list[str]:
    """What a program says: by default a result, hits on disk, and the folder there."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG"))}
    _, out, errors = _ended(package, program, {**inherited, "HOME": str(package), **environment})
    assert all(line.startswith("netsim: compiling") for line in errors.splitlines()), errors
    return out.split()


def _kept(package: Path) -> list[Path]:
    return sorted((package / "__pycache__").glob("netsim-kernels-*"))


def test_a_change_of_a_callee_is_noticed(package: Path) -> None:
    assert _run(package)[:2] == ["42", "0"]
    assert _run(package)[:2] == ["42", "1"]
    callee = package / "numerics" / "callee.py"
    callee.write_text(CALLEE.replace("2", "30"), encoding="utf-8")  # another size, which Python notices at once
    assert _run(package)[:2] == ["630", "0"]
    callee.write_text(CALLEE, encoding="utf-8")
    assert _run(package)[:2] == ["42", "1"]  # what it was made from is there again


def test_code_does_not_depend_on_the_caller_that_compiles_it(package: Path) -> None:
    program = """
from netsim.numerics.fused import excess, fused
number = 1 + 2.0**-30
fused(number)
print(excess(number) == number * number - 1)  # a fused multiply-add would not round the product
"""
    (package / "numerics" / "fused.py").write_text(FUSED, encoding="utf-8")
    assert _run(package, program) == ["True"]


def test_a_compilation_is_told_of_and_a_load_is_none(package: Path) -> None:
    program = """
from netsim.numerics.caller import times_factor
from netsim.numerics.compiling import when_compiling
with when_compiling(lambda: print("compiling")):
    times_factor(1)
"""
    assert _run(package, program) == ["compiling", "compiling"]  # it, and what it calls
    assert _run(package, program) == []


def test_python_users_are_told_once_what_is_compiled(package: Path) -> None:
    """Progress bars of the command line do it themselves."""
    program = """
import logging
logging.basicConfig(format="%(message)s", stream=__import__("sys").stdout)
from netsim.numerics.caller import factor, times_factor
from netsim.numerics.compiling import compiled_so_far
factor(), times_factor(1)
loops, seconds = compiled_so_far()
print(loops, seconds > 0)
"""
    first, second = " ".join(_run(package, program)), _run(package, program)
    assert first.startswith("netsim: compiling")
    assert first.count("compiling") == 1
    assert "once for each kind of network" in first
    assert first.endswith(" True")
    assert second == ["0", "False"]


def test_time_of_compiling_is_no_working_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling.time, "perf_counter", lambda: 100.0)
    monkeypatch.setattr(compiling, "compiled_so_far", lambda: (3, 40.0))
    assert compiling.working_time() == 60.0


def test_time_of_nested_compiling_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that calls another is compiled from 1 to 10 s, the other one meanwhile, and a third from 20 to 24 s."""
    times = iter([1.0, 10.0, 20.0, 24.0])
    monkeypatch.setattr(compiling.time, "perf_counter", lambda: next(times))
    watch = compiling._Watch()
    event: Any = SimpleNamespace(
        data={"dispatcher": SimpleNamespace(py_func=test_time_of_compiling_is_no_working_time)}
    )
    for happen in (watch.on_start, watch.on_start, watch.on_end, watch.on_end, watch.on_start, watch.on_end):
        happen(event)
    assert (watch.seconds, watch.loops) == (13.0, 0)  # loops of other packages are not counted


def test_a_change_of_other_sources_compiles_nothing(package: Path) -> None:
    _run(package)
    (package / "other.py").write_text("", encoding="utf-8")
    assert _run(package)[1] == "1"


def test_few_folders_stay(package: Path) -> None:
    older = [package / "__pycache__" / f"netsim-kernels-{number}" for number in range(5)]
    for number, folder in enumerate(older):
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    assert _run(package)[0] == "42"
    assert set(older) & set(_kept(package)) == set(older[2:])
    assert len(_kept(package)) == 4
    assert _run(package)[1] == "1"


@pytest.mark.nightly
def test_other_compiled_code_stays_where_it_is(package: Path, tmp_path: Path) -> None:
    other = "import numba\nown = numba.njit(cache=True)(times_factor.py_func)\nprint(own.stats.cache_path)"
    *_, ours, theirs = _run(package, PROGRAM + other)
    assert Path(ours).parent == _kept(package)[0]
    assert theirs == str(package / "numerics" / "__pycache__")
    chosen = tmp_path / "chosen"
    *_, ours, theirs = _run(package, PROGRAM + other, NUMBA_CACHE_DIR=str(chosen))
    assert Path(ours).parent.parent == Path(theirs).parent == chosen
    *_, ours, theirs = _run(package, PROGRAM + other, NUMBA_CACHE_LOCATOR_CLASSES="UserWideCacheLocator")
    assert Path(ours).parent == _kept(package)[0]
    if "CACHE_LOCATOR_CLASSES" in Path(numba.core.config.__file__).read_text(
        encoding="utf-8"
    ):  # earlier ones leave it where it is
        assert Path(theirs).parent == package / ".cache" / "numba"


def _blocked(package: Path) -> None:
    """Let nobody, not even the root user, write beside the sources."""
    shutil.rmtree(package / "__pycache__", ignore_errors=True)  # of compiled modules
    (package / "__pycache__").write_text("no folder", encoding="utf-8")


@pytest.mark.nightly
def test_beside_sources_that_cannot_be_written_it_is_kept_with_the_user(package: Path, tmp_path: Path) -> None:
    _blocked(package)
    cache = tmp_path / "cache"
    assert _run(package, XDG_CACHE_HOME=str(cache))[:2] == ["42", "0"]
    result, hits, folder = _run(package, XDG_CACHE_HOME=str(cache))
    assert (result, hits) == ("42", "1")
    assert Path(folder).is_relative_to(cache / "netsim")


def _refused(package: Path, **environment: str) -> str:
    """The last line of a program that is refused."""
    code, out, errors = _ended(package, PROGRAM, {**os.environ, **environment})
    assert (code, out) == (1, "")
    return errors.splitlines()[-1]


@pytest.mark.nightly
def test_without_any_place_nothing_is_kept(package: Path) -> None:
    _blocked(package)
    assert _run(package, HOME=os.devnull) == ["42", "0", "None"]
    unknown = "import os, pwd\ndel os.environ['HOME']\npwd.getpwuid = {}.__getitem__\n"
    assert _run(package, unknown + PROGRAM) == ["42", "0", "None"]
    assert not Path("~").exists()


def test_netsim_itself_imports_no_compiler(package: Path) -> None:
    program = "import sys, netsim; print('numba' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    assert subprocess.check_output([sys.executable, "-c", program], env=environment, text=True) == "False\n"


class Pair(NamedTuple):
    counts: np.ndarray
    limits: np.ndarray


RAISE = """
@decorator
def missing(pair, k):
    return pair.limits[k] - pair.counts[k] if pair.counts[k] > 0 else 0

@decorator
def raise_to_limit(pair):
    for k in range(pair.counts.size):
        if pair.counts[k] > 6:
            continue
        lacks = missing(pair, k)
        if lacks > 0:
            pair.counts[k] += lacks
        else:
            pair.limits[k] += missing(pair, k)
"""


@pytest.mark.parametrize(("decorator", "counts_references"), [(compiled, True), (compiled_in_place, False)])
def test_functions_in_place_count_no_references(decorator: Any, counts_references: bool) -> None:
    pair, names = Pair(np.array([1, 7]), np.array([3, 9])), {"decorator": decorator}
    exec(RAISE, names)  # the code of a function in a file may come from the cache, without its text
    names["raise_to_limit"](pair)
    assert pair.counts.tolist() == [3, 7]
    (code,) = names["raise_to_limit"].inspect_llvm().values()
    assert ("@NRT_decref(" in code[code.index("define") :].partition("\n}\n")[0]) == counts_references


def test_functions_in_place_cannot_create_arrays() -> None:
    with pytest.raises(numba.core.errors.NumbaError, match="Only accept returning of array"):
        compiled_in_place(lambda count: np.zeros(count).sum())(3)


def _module(path: Path) -> str:
    return ".".join(("netsim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def test_constants_of_compiled_functions_are_of_sources_that_the_digest_reads() -> None:
    """They are frozen into machine code, like the functions that it calls."""
    sources = {_module(path): ast.parse(path.read_text(encoding="utf-8")) for path in compiled_sources()}
    assert "netsim.numerics.vectors" in sources
    for module, tree in sources.items():
        decorators, foreign = {"compiled"}, set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("netsim"):
                foreign |= {name.asname or name.name for name in node.names if node.module not in sources}
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.startswith(("numba", "netsim.numerics"))
            ):
                decorators |= {name.asname or name.name for name in node.names}
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _names(node.value) & decorators:
                decorators |= _names(*(node.targets if isinstance(node, ast.Assign) else [node.target]))
            if isinstance(node, ast.FunctionDef) and _names(*node.decorator_list) & decorators:
                assert not _names(*node.body) & foreign, f"{module}.{node.name}"


def _names(*nodes: ast.AST) -> set[str]:
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _twice(number: float) -> float:
    return 2 * number
