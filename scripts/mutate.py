"""Change one operator, number or condition of netsim at a time: does a test fail?

    python scripts/mutate.py                       # 200 mutants, the same for the same --seed and sources
    python scripts/mutate.py --mutants 40 --seed 1 --rooms learning,weights
    python scripts/mutate.py --show 17             # what was changed, in an earlier call's mutant of this number

Mutants are those of cosmic-ray, drawn evenly over what the results rest on. An installed copy is changed, never the
working tree. One run of all tests tells by coverage which of them execute which lines; only those are run on a mutant,
the fastest first, until one fails. A mutant over which a test hangs or a process dies is noticed too. Results are kept
in --out, and a call that was interrupted goes on from there.

Compiled loops are no lines to coverage: their tests are those of the lines that call them.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import importlib
import json
import math
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
GROUPS = {
    "grid": ("specification/grid.py",),
    "connectivity": ("specification/connectivity",),
    "encoding": ("specification/encoders", "data/stimuli.py", "data/events.py"),
    "specification": ("specification",),
    "engines": ("engines",),
    "models": ("models",),
    "numerics": tuple(
        f"numerics/{name}.py"
        for name in (
            "counting",
            "field_loops",
            "field_products",
            "lines",
            "order",
            "psp",
            "receptive_fields",
            "signs",
            "sparse_products",
            "vectors",
        )
    ),
    "learning": ("learning",),
    "weights": ("weights",),
    "checkpoint": ("training/checkpoint.py",),
    "training": ("training",),
    "metrics": ("measuring/metrics.py", "measuring/evaluation.py", "measuring/comparison.py", "measuring/costs.py"),
}
"""Files and folders by what is counted; a file belongs to the first that names it."""
PATIENCE = 60.0
"""Tests may take three times as long as without the change, and so many seconds in which loops are compiled; it is the
processor's time that counts, for another job may keep it busy."""
BEFORE = ".py-before"
"""Suffix of what a file was before it was changed."""
WAITING = 10
"""So many times as long a process may live that takes no time of the processor."""
LIBRARIES = (
    "numba",
    "scipy.sparse",
    "pandas",
    "matplotlib.pyplot",
    "brian2",
    "sklearn",
    "hypothesis",
    "pytest",
    "tomli_w",
)
"""Loaded once, before the processes of the mutants part from this one."""
NO_MUTANTS = ("_Is", "_IsNot", "VariableReplacer", "VariableInserter")
"""Ends of operators' names: identity in place of equality is a matter of style, the last two draw by themselves."""


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    group, file : str
        Of `GROUPS`; relative to the package.
    operator : str
        Of cosmic-ray.
    occurrence, line : int
        Which of the operator's places in the file, from 0 on; and its line.
    """

    group: str
    file: str
    operator: str
    occurrence: int
    line: int

    def code(self, source: str) -> str:
        """The file with the change."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        changed = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert changed is not None, self
        return str(changed)


@dataclass
class Copy:
    """An installed copy of netsim, and what its tests execute.

    Attributes
    ----------
    folder : Path
        Holds ``site``, ``coverage`` and ``seconds.json``.
    rooms : sequence of str
        Folders of the tests; all if empty.
    """

    folder: Path
    rooms: Sequence[str]

    @property
    def site(self) -> Path:
        """To be imported from."""
        return self.folder / "site"

    @property
    def package(self) -> Path:
        """The package's folder."""
        return self.site / "netsim"

    def make(self, workers: int) -> None:
        """Install, and run the tests once, unless an earlier call has."""
        done, digest = self.folder / "digest", _digest(self.rooms)
        if done.exists():
            if done.read_text() == digest:
                for before in self.package.rglob(f"*{BEFORE}"):  # of a call that was killed
                    before.replace(before.with_suffix(".py"))
                return
            sys.exit(f"{self.folder}: holds results of other sources or rooms; remove it, or give another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        subprocess.run([*pip, "--upgrade", "--target", self.site, ROOT], check=True)
        # a change within a second, of the same length, must not go unseen
        compiling = (sys.executable, "-m", "compileall", "-qq", "--invalidation-mode", "checked-hash", self.site)
        subprocess.run(compiling, check=True)
        print("running all tests once ...", file=sys.stderr)
        self.map([TESTS / room for room in self.rooms] or [TESTS], workers)
        done.write_text(digest)

    def map(self, tests: Sequence[Path], workers: int) -> None:
        """Run tests once, and keep which of them execute which lines."""
        options = [
            f"--cov={self.package}",
            "--cov-context=test",
            "--cov-report=",
            f"--numprocesses={workers if workers > 1 else 0}",
        ]
        options += ["-m", "not slow and not nightly"]  # more than there is time for
        run_tests(self.site, [*map(str, tests), *options], None, self.folder)

    @cached_property
    def seconds(self) -> dict[str, float]:
        """How long each test took that passed."""
        return dict(json.loads((self.folder / "seconds.json").read_text()))

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """All modules, by file."""
        return {
            str(path.relative_to(self.package)): ast.parse(path.read_bytes()) for path in self.package.rglob("*.py")
        }

    @cached_property
    def _executed(self) -> dict[str, dict[int, set[str]]]:
        """The tests that execute each line, by file."""
        from coverage import CoverageData

        data = CoverageData(str(self.folder / "coverage"))
        data.read()
        executed = {}
        for path in data.measured_files():
            lines = data.contexts_by_lineno(path)
            tests = {number: {context.split("|")[0] for context in each if context} for number, each in lines.items()}
            executed[str(Path(path).relative_to(self.package))] = tests
        return executed

    def tests_of(self, file: str, line: int) -> list[str]:
        """The tests that execute a line, the fastest first; of what only an import executes, those of the module."""
        found: set[str] = set()
        for place, first, last in self._places(file, line):
            executed = self._executed.get(place, {})
            found |= {test for number in range(first, last + 1) for test in executed.get(number, ())}
        if not found:
            found = {test for tests in self._executed.get(file, {}).values() for test in tests}
        return sorted(found & set(self.seconds), key=lambda test: (self.seconds[test], test))

    def _places(self, file: str, line: int) -> Iterator[tuple[str, int, int]]:
        """Files and lines that stand for a line: its statement's, or those that call the compiled function it is in."""
        around = [node for node in ast.walk(self.trees[file]) if _holds(node, line)]
        functions = [node for node in around if isinstance(node, ast.FunctionDef)]
        loops = [function for function in functions if _is_compiled(function)]
        if loops:
            yield from self._calls(loops[0].name, set())
        else:
            statements = [node for node in around if isinstance(node, ast.stmt)]
            if statements:
                innermost = min(statements, key=lambda node: (node.end_lineno or 0) - node.lineno)
                yield file, innermost.lineno, innermost.end_lineno or line

    def _calls(self, name: str, seen: set[str]) -> Iterator[tuple[str, int, int]]:
        seen.add(name)
        for file, tree in self.trees.items():
            loops = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _is_compiled(node)]
            for node in ast.walk(tree):
                if name in (getattr(node, "id", None), getattr(node, "attr", None)):
                    line: int = node.lineno  # type: ignore[attr-defined]
                    callers = [loop.name for loop in loops if _holds(loop, line)]
                    if not callers:
                        yield file, line, line
                    for caller in set(callers) - seen:
                        yield from self._calls(caller, seen)

    def draw(self, mutants: int, seed: int) -> list[Mutant]:
        """Mutants of all groups in turn, places of a group at random, and one of the operators that fit there."""
        generator = np.random.default_rng(seed)
        rest = sorted(self.trees)
        queues = []
        for group, prefixes in GROUPS.items():
            files = [file for file in rest if file.startswith(prefixes)]
            rest = [file for file in rest if file not in files]
            queues.append(self._in_random_order(group, files, generator))
        turns = (mutant for turn in zip_longest(*queues) for mutant in turn if mutant is not None)
        return list(islice(turns, mutants))

    def _in_random_order(self, group: str, files: list[str], generator: np.random.Generator) -> Iterator[Mutant]:
        places: dict[tuple[str, tuple[int, int]], list[Mutant]] = defaultdict(list)
        for file in files:
            for start, mutant in _mutants(group, file, self._source(file)):
                places[file, start].append(mutant)
        found = [places[place] for place in sorted(places)]
        order = generator.permutation(len(found))
        chosen = [found[index][int(generator.integers(len(found[index])))] for index in order]
        return (mutant for mutant in chosen if _changes(mutant, self._source(mutant.file)))

    def _source(self, file: str) -> str:
        return (self.package / file).read_text(encoding="utf-8")

    def try_mutant(self, mutant: Mutant, most_seconds: float) -> dict[str, Any]:
        """Run the tests of a mutant until one fails."""
        path = self.package / mutant.file
        source = path.read_text(encoding="utf-8")
        changed = mutant.code(source)
        tests: list[str] = []
        expected = 0.0
        for test in self.tests_of(mutant.file, mutant.line):
            expected += self.seconds[test]
            if tests and expected > most_seconds:
                break
            tests.append(test)
        started = time.monotonic()
        before = path.with_suffix(BEFORE)
        shutil.copy(path, before)
        path.write_text(changed, encoding="utf-8")
        try:
            outcome, by = (
                run_tests(self.site, tests, PATIENCE + 3 * min(expected, most_seconds)) if tests else ("survived", "")
            )
        finally:
            before.replace(path)
        if outcome == "killed" and not by:  # netsim could not be imported, unless it is the tests that are not found
            assert run_tests(self.site, [*tests, "--collect-only"], None)[0] == "survived", tests
        difference = difflib.ndiff(source.splitlines(), changed.splitlines())
        return {
            **vars(mutant),
            "change": [line for line in difference if line[:1] in "+-"],
            "outcome": outcome,
            "by": by,
            "tests": len(tests),
            "seconds": round(time.monotonic() - started, 1),
        }


def _digest(rooms: Sequence[str]) -> str:
    digest = hashlib.sha256(" ".join(rooms).encode())
    for folder in ("netsim", "models", "analysis", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def _holds(node: ast.AST, line: int) -> bool:
    return getattr(node, "lineno", line + 1) <= line <= (getattr(node, "end_lineno", None) or 0)


def _is_compiled(function: ast.FunctionDef) -> bool:
    return any("compiled" in ast.unparse(decorator) for decorator in function.decorator_list)


def _mutants(group: str, file: str, source: str) -> Iterator[tuple[tuple[int, int], Mutant]]:
    """All mutants of a file, with their places."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        if not name.endswith(NO_MUTANTS):
            operator = get_operator(name)()
            places = [place for node in nodes for place in operator.mutation_positions(node)]
            for occurrence, (start, _) in enumerate(places):
                yield start, Mutant(group, file, name, occurrence, start[0])


def _changes(mutant: Mutant, source: str) -> bool:
    """Whether a mutant is a module, and what it executes is another."""
    try:
        return _executed_code(mutant.code(source)) != _executed_code(source)
    except SyntaxError:
        return False


def _executed_code(source: str) -> str:
    """What is left of a module without annotations of types."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("Any")
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def run_tests(site: Path, arguments: list[str], limit: float | None, keep: Path | None = None) -> tuple[str, str]:
    """Run pytest on a copy of netsim, in a process of its own: what came of it, and the first test that failed.

    Parameters
    ----------
    site : Path
    arguments : list of str
        Of pytest.
    limit : float or None
        Seconds of the processor after which the process and its own ones are killed.
    keep : Path, optional
        The folder for coverage and seconds: all tests are run then, whichever fail.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_run, args=(site, arguments, limit, keep, theirs))
    process.start()
    theirs.close()
    process.join(None if limit is None else WAITING * limit)
    hangs = process.is_alive()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # what a test started ends too
    process.join()
    if hangs or process.exitcode == -signal.SIGXCPU:
        return "hung", ""
    with contextlib.suppress(EOFError):
        if ours.poll():
            code, by = ours.recv()
            return ("killed" if code else "survived"), by
    return "died", ""


def _run(site: Path, arguments: list[str], limit: float | None, keep: Path | None, pipe: Any) -> None:
    os.setpgid(0, 0)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), -1))
    import numba
    import pytest

    silence = os.open(os.devnull if keep is None else keep / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(ROOT)
    sys.path.insert(0, str(site))
    sys.dont_write_bytecode = keep is None
    with tempfile.TemporaryDirectory() as cache:
        os.environ |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1" if keep is None else ""}
        if keep is not None:
            os.environ["COVERAGE_FILE"] = str(keep / "coverage")
        elif _has_loops(site):  # machine code of a mutant would crowd out the others'
            os.environ["NUMBA_CACHE_DIR"] = vars(numba.config)["CACHE_DIR"] = cache
        watch = _Watch()
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *(["-x"] if keep is None else [])]
        code = pytest.main([*options, *arguments], plugins=[watch])
        if keep is not None:
            (keep / "seconds.json").write_text(json.dumps(watch.passed()))
        pipe.send((int(code), watch.failed))
        pipe.close()


def _has_loops(site: Path) -> bool:
    """Whether the machine code that the copy has kept is not that of its sources now."""
    names = {path.name for path in (site / "netsim" / "__pycache__").glob("netsim-kernels-*")}
    sys.path.insert(0, str(site))
    try:
        return importlib.import_module("netsim.numerics.compilation")._name() not in names
    except Exception:  # the change keeps it from being imported
        return False


class _Watch:
    """Notes how long tests take, and the first that fails."""

    def __init__(self) -> None:
        self.failed = ""
        self._seconds: Counter[str] = Counter()
        self._missed: set[str] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._seconds[report.nodeid] += report.duration
        if not report.passed:
            self._missed.add(report.nodeid)
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def passed(self) -> dict[str, float]:
        return {test: seconds for test, seconds in self._seconds.items() if test not in self._missed}


def main(
    mutants: Annotated[int, typer.Option(min=1, help="How many are drawn.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the copy and the results.")] = ROOT / "mutants",
    rooms: Annotated[str, typer.Option(help="Folders of tests, with commas; by default all.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes of that run of all tests.")] = 2,
    seconds: Annotated[float, typer.Option(min=1, help="Of tests per mutant, at most; the slowest are left out.")] = 60,
    only: Annotated[list[int] | None, typer.Option(help="Try mutants of these numbers again; repeatable.")] = None,
    show: Annotated[int | None, typer.Option(help="Show the result of a mutant.")] = None,
) -> None:
    """Draw, try, print survivors and a table; exit code 1 if fewer than 95 % are noticed."""
    results = out / f"seed-{seed}.jsonl"
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if show is not None:
        print(json.dumps(done[show], indent=1))
        return
    copy = Copy(out.resolve(), [room for room in rooms.split(",") if room])
    copy.make(workers)
    for library in LIBRARIES:
        importlib.import_module(library)
    drawn = copy.draw(mutants, seed)
    if only:
        for number in only:
            print(number, json.dumps(copy.try_mutant(drawn[number], seconds), indent=1))
        return
    with results.open("a", encoding="utf-8") as stream:
        for number in range(len(done), len(drawn)):
            result = copy.try_mutant(drawn[number], seconds)
            done.append(result)
            print(json.dumps(result), file=stream, flush=True)
            if result["outcome"] == "survived":
                print(f"{number}: {result['file']}:{result['line']}", *result["change"], sep="\n  ", flush=True)
    # a test that fails without a change as well has noticed nothing
    by = sorted({result["by"] for result in done if result["by"]})
    outcome, failed = run_tests(copy.site, by, None) if by else ("survived", "")
    if outcome != "survived":
        sys.exit(f"{failed}: fails on what is not changed")
    noticed = table(done[: len(drawn)])
    sys.exit(noticed < 0.95)


def table(results: Sequence[dict[str, Any]]) -> float:
    """Print how many mutants of each group were noticed; the share of all."""
    print("| of | mutants | a test failed | hung or died | survived |\n|---|---|---|---|---|")
    for group in (*GROUPS, "together"):
        of = Counter(result["outcome"] for result in results if group in (result["group"], "together"))
        cells = (group, of.total(), of["killed"], of["hung"] + of["died"], of["survived"])
        print(f"| {' | '.join(map(str, cells))} |")
    return 1 - of["survived"] / max(of.total(), 1)


if __name__ == "__main__":
    typer.run(main)
