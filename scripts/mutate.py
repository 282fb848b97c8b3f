"""Mutation testing with cosmic-ray: change one operator, number or condition at a time, and run the tests.

    python scripts/mutate.py draw --mutants 200 --seed 0    # an installed copy in mutants/, its tests run once, a draw
    cosmic-ray exec mutants/cosmic-ray.toml mutants/session.sqlite   # tries them; continues where it stopped
    cr-report --surviving-only --show-diff mutants/session.sqlite
    cr-rate --fail-over 5 mutants/session.sqlite            # fails if more than 5 % survive

Mutants are drawn evenly over the modules that determine results. cosmic-ray changes the copy, never the working tree.
It calls `python scripts/mutate.py test`, which runs the tests that execute the changed line until a test fails, fastest
first. Coverage records which tests execute which lines. It does not cover compiled loops: their tests are the tests of
the calling lines.
"""

from __future__ import annotations

import ast
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tomli_w
import typer

ROOT = Path(__file__).parents[1]
GROUPS = (
    ("specification/grid.py",),
    ("specification/connectivity",),
    ("specification/encoders", "data/stimuli.py", "data/events.py"),
    ("specification",),
    ("engines", "spikes/latencies.py"),
    ("presenting/batches.py", "spikes/columns.py", "presenting/present.py", "spikes/spikes.py"),
    ("models",),
    ("numerics",),
    ("learning",),
    ("weights",),
    ("training/checkpoint.py",),
    ("training",),
    ("measuring/metrics.py", "measuring/evaluation.py", "measuring/comparison.py", "measuring/costs.py"),
)
"""Groups of files (prefixes) from which mutants are drawn in turn. A file belongs to the first matching group."""
PATIENCE = 60
"""Processor time (s) allowed for compilation. Tests may take three times as long as without the change."""
IDENTITY = ("_Is", "_IsNot")
"""Suffixes of excluded operators: identity instead of equality is a matter of style."""
PYTEST = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly")

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
Folder = Annotated[Path, typer.Option(help="Where the copy and the session are.")]
Seconds = Annotated[float, typer.Option(min=1, help="Of tests per mutant, at most; the slowest are left out.")]


@app.command()
def draw(
    mutants: Annotated[int, typer.Option(min=1, help="How many are drawn.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    tests: Annotated[list[str] | None, typer.Option(help="Folder of tests; repeatable; by default all.")] = None,
    seconds: Seconds = 60,
    folder: Folder = ROOT / "mutants",
) -> None:
    """Install a copy, run its tests once, and draw mutants for cosmic-ray."""
    from cosmic_ray.work_db import WorkDB, use_db

    copy = Copy(folder.resolve())
    shutil.rmtree(copy.folder, ignore_errors=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, copy.package.parent, ROOT], check=True)
    shutil.copytree(copy.package, copy.unchanged)
    copy.map([str(ROOT / "tests" / name) for name in tests or [""]])
    settings = {
        "module-path": [str(copy.package / file) for file in copy.groups],
        "test-command": f"{sys.executable} {__file__} test --folder {copy.folder} --seconds {seconds}",
        **{"timeout": 3600.0, "excluded-modules": [], "distributor": {"name": "local"}},
    }
    configuration, session = copy.folder / "cosmic-ray.toml", copy.folder / "session.sqlite"
    configuration.write_text(tomli_w.dumps({"cosmic-ray": settings}))
    cosmic_ray = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run([cosmic_ray, "init", configuration, session], check=True)
    with use_db(str(session), WorkDB.Mode.open) as database:
        chosen = list(islice(copy.draw(list(database.work_items), seed), mutants))
        database.clear()
        database.add_work_items(chosen)


@app.command("test")
def try_change(seconds: Seconds = 60, folder: Folder = ROOT / "mutants") -> None:
    """Run the tests that execute the changed line of the copy. The exit code comes from pytest."""
    copy = Copy(folder.resolve())
    tests, expected = list[str](), 0.0
    for name in copy.tests_of(*copy.change()):
        expected += copy.seconds[name]
        if tests and expected > seconds:
            break
        tests.append(name)
    if not tests:
        return
    limit = PATIENCE + round(3 * min(expected, seconds))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    with tempfile.TemporaryDirectory() as cache:
        kept = {"NUMBA_CACHE_DIR": cache} if copy.has_loops(copy.change()[0]) else {}
        command = [sys.executable, "-m", "pytest", "-x", *PYTEST, *tests]
        sys.exit(subprocess.run(command, cwd=ROOT, env=os.environ | copy.environment | kept, check=False).returncode)


class Copy:
    """An installed copy of netsim to change, an unchanged copy, and the lines that tests execute."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.package, self.unchanged = folder, folder / "site" / "netsim", folder / "unchanged"

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which processes import the copy."""
        return {"PYTHONPATH": str(self.package.parent), "PYTHONSAFEPATH": "1"}

    def map(self, tests: list[str]) -> None:
        """Run tests once. Store the lines that each executes, and the durations of passing tests."""
        import pytest

        seconds: Counter[str] = Counter()
        missed: set[str] = set()

        class Watch:
            def pytest_runtest_logreport(self, report: Any) -> None:
                seconds[report.nodeid] += report.duration
                if not report.passed:
                    missed.add(report.nodeid)

        os.chdir(ROOT)
        sys.path.insert(0, str(self.package.parent))
        os.environ.update(self.environment, COVERAGE_FILE=str(self.folder / "coverage"))
        options = f"--cov={self.package} --cov-context=test --cov-report= -n2 -m".split()
        pytest.main([*PYTEST, *options, "not slow and not nightly", *tests], plugins=[Watch()])
        passed = {test: each for test, each in seconds.items() if test not in missed}
        (self.folder / "seconds.json").write_text(json.dumps(passed))

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Duration (s) of each passing test."""
        return dict(json.loads((self.folder / "seconds.json").read_text()))

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Syntax trees of all modules, by file."""
        modules = sorted(self.unchanged.rglob("*.py"))
        return {str(path.relative_to(self.unchanged)): ast.parse(path.read_bytes()) for path in modules}

    @cached_property
    def groups(self) -> dict[str, int]:
        """Index of the group, by file."""
        groups: dict[str, int] = {}
        for file in sorted(self.trees):
            of = [number for number, beginnings in enumerate(GROUPS) if file.startswith(beginnings)]
            groups |= {file: of[0]} if of else {}
        return groups

    @cached_property
    def executed(self) -> dict[str, dict[int, set[str]]]:
        """Tests that execute each line, by file."""
        from coverage import CoverageData

        data, executed = CoverageData(str(self.folder / "coverage")), {}
        data.read()
        for path in data.measured_files():
            lines = data.contexts_by_lineno(path)
            tests = {line: {context.split("|")[0] for context in each if context} for line, each in lines.items()}
            executed[str(Path(path).relative_to(self.package))] = tests
        return executed

    def draw(self, items: list[Any], seed: int) -> Iterator[Any]:
        """Draw mutations for cosmic-ray from all groups in turn: a random position and one matching operator."""
        places: dict[int, dict[Any, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for item in items:
            (mutation,) = item.mutations
            if not mutation.operator_name.endswith(IDENTITY):
                file = str(mutation.module_path.relative_to(self.package))
                places[self.groups[file]][file, *mutation.start_pos].append(item)
        generator = np.random.default_rng(seed)

        def in_random_order(of: dict[Any, list[Any]]) -> Iterator[Any]:
            for position in generator.permutation(len(of)):
                fitting = of[sorted(of)[position]]
                item = fitting[int(generator.integers(len(fitting)))]
                if _is_executed(item.mutations[0]):
                    yield item

        turns = zip_longest(*(in_random_order(places[group]) for group in sorted(places)))
        return (item for turn in turns for item in turn if item is not None)

    def change(self) -> tuple[str, int]:
        """Return file and line of the change."""
        for file in self.groups:
            texts = [(folder / file).read_text("utf-8").splitlines() for folder in (self.unchanged, self.package)]
            for line, (before, after) in enumerate(zip_longest(*texts), 1):
                if before != after:
                    return file, line
        raise SystemExit(f"{self.package}: is not changed")

    def has_loops(self, file: str) -> bool:
        """Return whether the file has compiled loops, whose new machine code would evict the cache."""
        source = (self.unchanged / file).read_text("utf-8")
        return "numba" in source or "compilation" in source

    def tests_of(self, file: str, line: int) -> list[str]:
        """Return the tests that execute a line, fastest first. For lines that only imports execute, use the module."""
        chosen: set[str] = set()
        for path, first, last in self._places(file, line):
            lines = self.executed.get(path, {})
            chosen |= {test for number in range(first, last + 1) for test in lines.get(number, ())}
        chosen = chosen or {test for tests in self.executed.get(file, {}).values() for test in tests}
        return sorted(chosen & self.seconds.keys(), key=lambda test: (self.seconds[test], test))

    def _places(self, file: str, line: int) -> Iterator[tuple[str, int, int]]:
        """Yield lines that represent a line: its statement, or the callers of its compiled function."""
        around = [node for node in ast.walk(self.trees[file]) if _holds(node, line)]
        loops = [node for node in around if _is_compiled(node)]
        statements = [node for node in around if isinstance(node, ast.stmt)]
        if loops:
            yield from self._calls(loops[0].name, set())  # type: ignore[attr-defined]
        elif statements:
            innermost = min(statements, key=lambda node: (node.end_lineno or 0) - node.lineno)
            yield file, innermost.lineno, innermost.end_lineno or line

    def _calls(self, name: str, seen: set[str]) -> Iterator[tuple[str, int, int]]:
        seen.add(name)
        for file, tree in self.trees.items():
            loops = [node for node in ast.walk(tree) if _is_compiled(node)]
            for node in ast.walk(tree):
                if name in (getattr(node, "id", None), getattr(node, "attr", None)):
                    line: int = node.lineno  # type: ignore[attr-defined]
                    callers = {loop.name for loop in loops if _holds(loop, line)}  # type: ignore[attr-defined]
                    if not callers:
                        yield file, line, line
                    for caller in callers - seen:
                        yield from self._calls(caller, seen)


def _holds(node: ast.AST, line: int) -> bool:
    return getattr(node, "lineno", line + 1) <= line <= (getattr(node, "end_lineno", None) or 0)


def _is_compiled(node: ast.AST) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return any("compiled" in ast.unparse(decorator) for decorator in decorators)


def _is_executed(mutation: Any) -> bool:
    """Return whether a mutant is valid Python and changes executed code. Annotations are not executed."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = mutation.module_path.read_text("utf-8")
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    try:
        return executed_code(mutate_code(source, operator, mutation.occurrence)) != executed_code(source)
    except SyntaxError:
        return False


def executed_code(source: str) -> str:
    """Return a module without type annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("Any")
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


if __name__ == "__main__":
    app()
