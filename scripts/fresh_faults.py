"""Place faults on lines drawn at random, one at a time, and see whether a test fails.

    pip install pytest-cov
    pytest -n 2 --cov=netsim --cov=models --cov=analysis --cov-context=test --junitxml=report.xml
    python scripts/fresh_faults.py --faults 100 --seed 30 --out fresh.jsonl   # draws, tries, and continues `out`
    python scripts/fresh_faults.py --faults 100 --seed 30 --list              # shows the draw only

Lines are drawn evenly among those of netsim, models and analysis that compute numbers: arithmetic, comparisons,
signs, masks, minima and maxima, indices and axes. Each has one fault: another operator or comparison, a sign or term
less, another constant or axis. Tests have no part in the draw. Afterwards, the tests that run the line are tried, as
the coverage of one run of the suite names them. A fault is killed if one of them fails twice with the fault, and passes
without it. Crashes count as failures; tests that take too long do not.

A fault that survives is real, or equivalent: no result changes. Write the reason into its line of `out`, as
`"equivalent": "..."`, and call the script again: it reports the rates among all faults and among the real ones. Faults
of compiled loops come last, because all loops compile again. tests/faults/placed_faults.py tries faults that were
written by hand, and scripts/mutate.py changes the modules that determine results with cosmic-ray.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import numpy as np
import typer
from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "faults"))
from placed_faults import PACKAGES, PYTEST, tried  # noqa: E402

FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s[]+)", re.MULTILINE)
PATIENCE = 150.0
"""How long (s) the tests of a fault may take; twice that in compiled files, because all loops compile again."""
SWAPS: dict[type, tuple[type, ...]] = {
    **{ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,)},
    **{
        ast.FloorDiv: (ast.Mult,),
        ast.Mod: (ast.FloorDiv,),
        ast.Pow: (ast.Mult,),
        ast.MatMult: (),
        ast.BitAnd: (ast.BitOr,),
    },
    **{ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE)},
    **{ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)},
}
PAIRS = (("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("floor", "ceil"), ("any", "all"))
PARTNERS = dict(PAIRS) | {second: first for first, second in PAIRS}


def is_text(node: ast.expr) -> bool:
    """Return whether an operand is text, a list or None by its form, so that its operator computes no number."""
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or is_text(node.right)
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes | None)
    return constant or isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.ListComp)


def faults_of(node: ast.expr, inside: bool) -> Iterator[ast.expr]:
    """Yield an expression with a fault. Constants count `inside` of a computation only."""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS and not is_text(node):
        for swap in SWAPS[type(node.op)]:
            yield ast.BinOp(node.left, swap(), node.right)
        yield node.left
        if isinstance(node.op, ast.Add | ast.Mult):
            yield node.right
    elif isinstance(node, ast.Compare) and not any(is_text(each) for each in (node.left, *node.comparators)):
        for number, operator in enumerate(node.ops):
            for swap in SWAPS.get(type(operator), ()):
                swapped = [*node.ops[:number], swap(), *node.ops[number + 1 :]]
                yield ast.Compare(node.left, swapped, node.comparators)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        yield node.operand
    elif (
        isinstance(node, ast.Attribute | ast.Name)
        and (name := getattr(node, "attr", getattr(node, "id", ""))) in PARTNERS
    ):
        other = PARTNERS[name]
        yield ast.Attribute(node.value, other) if isinstance(node, ast.Attribute) else ast.Name(other)
    elif isinstance(node, ast.Call) and (axes := [k for k in node.keywords if k.arg == "axis"]):
        if isinstance(axes[0].value, ast.Constant) and isinstance(axes[0].value.value, int):
            others = [k for k in node.keywords if k.arg != "axis"]
            other_axis = ast.Constant(0 if axes[0].value.value else 1)
            yield ast.Call(node.func, node.args, [*others, ast.keyword("axis", other_axis)])
    elif isinstance(node, ast.Constant) and inside and not isinstance(node.value, bool):
        if isinstance(node.value, int) or node.value == 0.0:
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, float):
            yield ast.Constant(node.value * 1.25)


def places(source: str) -> dict[int, list[tuple[ast.expr | ast.AugAssign, str]]]:
    """Return expressions and assignments such as `x += y`, and the text of their faults, by line."""
    found: dict[int, list[tuple[ast.expr | ast.AugAssign, str]]] = {}

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.Raise | ast.Assert | ast.arguments | ast.JoinedStr):
            return
        if isinstance(node, ast.expr):
            for fault in faults_of(node, inside):
                found.setdefault(node.lineno, []).append((node, f"({ast.unparse(fault)})"))
        elif isinstance(node, ast.AugAssign) and not is_text(node.value):
            for swap in SWAPS.get(type(node.op), ()):
                other = ast.AugAssign(node.target, swap(), node.value)
                found.setdefault(node.lineno, []).append((node, ast.unparse(other)))
        for child in ast.iter_child_nodes(node):
            annotation = child is getattr(node, "annotation", None) or child is getattr(node, "returns", None)
            if not annotation:
                visit(child, isinstance(node, ast.BinOp | ast.Compare | ast.Subscript | ast.Slice | ast.UnaryOp))

    visit(ast.parse(source), False)
    return found


def draw(count: int, seed: int) -> list[dict[str, Any]]:
    """Return faults on lines that are drawn at random, those of compiled files last."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    sources = {path: path.read_text("utf-8") for path in files}
    lines = [(path, line, each) for path, source in sources.items() for line, each in sorted(places(source).items())]
    generator, faults = np.random.default_rng(seed), []
    for number in generator.choice(len(lines), count, replace=False).tolist():
        path, line, candidates = lines[number]
        node, fault = candidates[int(generator.integers(len(candidates)))]
        source = sources[path].encode().splitlines(keepends=True)
        begins = [0, *np.cumsum([len(each) for each in source]).tolist()]
        ends = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
        begin, end = (begins[row - 1] + column for row, column in ends)
        old = sources[path].encode()
        new = (old[:begin] + fault.encode() + old[end:]).decode()
        shown = f"{old[begin:end].decode()}  ->  {fault}"
        loops = bool(re.search("numba|compilation import", sources[path]))
        name = str(path.relative_to(ROOT))
        faults.append({"file": name, "line": line, "fault": shown, "old": sources[path], "new": new, "loops": loops})
    return sorted(faults, key=lambda fault: fault["loops"])


class Coverage:
    """Which tests run a line, and how long (s) each takes, from one run of the suite."""

    def __init__(self, data: Path, report: Path) -> None:
        from coverage import CoverageData

        self.data = CoverageData(str(data))
        self.data.read()
        self.durations = dict[str, float]()
        for case in ElementTree.parse(report).iter("testcase"):
            test = f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}"
            self.durations[test] = float(case.attrib["time"])

    def tests_of(self, file: str, line: int) -> set[str]:
        """Return tests that run a line."""
        contexts = self.data.contexts_by_lineno(str(ROOT / file)).get(line, [])
        return {context.partition("|")[0] for context in contexts} & self.durations.keys()

    def chosen(self, file: str, line: int, patience: float) -> list[str]:
        """Return tests that run a line, those of its room first, then short ones, as many as `patience` (s) allows.

        Coverage sees no line of a compiled loop. Tests of the lines that name its function stand for them. Tests of the
        whole file stand for those of constants.
        """
        found, names, seen = self.tests_of(file, line), {_function(ROOT / file, line)}, {""}
        if names == seen:
            found = {test for row in self.data.lines(str(ROOT / file)) or () for test in self.tests_of(file, row)}
        while not found and (names := names - seen):
            seen |= names
            mentions = [each for name in names for each in _mentions(name)]
            found = {test for path, row in mentions for test in self.tests_of(path, row)}
            names = {_function(ROOT / path, row) for path, row in mentions}
        room = Path(file).parts[-2]
        ordered = sorted(found, key=lambda test: (room not in test, self.durations[test], test))
        ends = np.cumsum([self.durations[test] for test in ordered])
        return ordered[: max(1, int(np.searchsorted(ends, patience)))]


def _function(path: Path, line: int) -> str:
    """Return the name of the innermost function around a line, or an empty word."""
    nodes = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)]
    around = [node for node in nodes if node.lineno <= line <= (node.end_lineno or 0)]
    return max(around, key=lambda node: node.lineno).name if around else ""


def _mentions(name: str) -> list[tuple[str, int]]:
    """Return files and lines that name a function, except its definition."""
    word = re.compile(rf"\b(?<!def ){re.escape(name)}\b")
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")] if name else []
    return [
        (str(path.relative_to(ROOT)), row)
        for path in paths
        for row, text in enumerate(path.read_text("utf-8").splitlines(), 1)
        if word.search(text)
    ]


def failing(tests: set[str], copy: Path) -> set[str]:
    """Return tests, or files of them, that fail on the copy without a fault. They show nothing."""
    command = [*(part for part in PYTEST if part != "-x"), *sorted(tests)]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).stdout.decode()
    failed = set(FAILED.findall(said))
    return failed | {name.partition("::")[0] for name in failed}


def rates(done: list[dict[str, Any]]) -> Iterator[str]:
    """Yield survivors, and the rates among all faults and among those that change results, with 95 % intervals."""
    for each in done:
        if each["result"] != "killed":
            yield f"{each['file']}:{each['line']}: {each['fault']}: {each.get('equivalent') or each['result']}"
    killed, same = sum(each["result"] == "killed" for each in done), sum("equivalent" in each for each in done)
    for name, count in (("all faults", len(done)), ("faults that change results", len(done) - same)):
        if count:
            low, high = binomtest(killed, count).proportion_ci(method="exact")
            yield f"{name}: {killed} of {count} killed, {killed / count:.1%} ({low:.1%} to {high:.1%})"


def main(
    faults: Annotated[int, typer.Option(min=1, help="How many are drawn.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    out: Annotated[Path, typer.Option(help="Results, one line of JSON each.")] = Path("fresh-faults.jsonl"),
    data: Annotated[Path, typer.Option(help="Coverage of the tests.")] = Path(".coverage"),
    report: Annotated[Path, typer.Option(help="JUnit report of the same run.")] = Path("report.xml"),
    part: Annotated[str, typer.Option(help="Every second one, for two processes: 0/2 or 1/2.")] = "0/1",
    only_list: Annotated[bool, typer.Option("--list", help="Show the draw only.")] = False,
) -> None:
    """Draw faults, try those that `out` lacks, and report which survive."""
    first, step = map(int, part.split("/"))
    drawn = draw(faults, seed)[first::step]
    coverage = None if only_list else Coverage(data, report)
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for package, target in PACKAGES.items():
            shutil.copytree(ROOT / package, copy / target, ignore=shutil.ignore_patterns("__pycache__"))
        for fault in drawn:
            key = {name: fault[name] for name in ("file", "line", "fault")}
            if coverage is None or any(key.items() <= each.items() for each in done):
                print(*key.values(), sep=": ")
                continue
            patience = 2 * PATIENCE if fault["loops"] else PATIENCE
            tests = coverage.chosen(fault["file"], fault["line"], PATIENCE / 3)
            result, said = tried(fault, tests, copy, patience) if tests else ("no test runs it", "")
            crashed = result.startswith("pytest ended with")
            by = FAILED.findall(said) or (tests if crashed else [])
            if by:
                again = tried(fault, by, copy, patience)[0]
                result = "fails now and then" if again == "survived" else "killed"
            done.append(key | {"result": result, "by": by})
            with out.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            print(*key.values(), result, sep=": ", flush=True)
        if not only_list:
            killers = {test for each in done if each["result"] == "killed" for test in each["by"]}
            print("fail without a fault, so that their faults count as survivors:", *(wrong := failing(killers, copy)))
            done = [each | {"result": "fails without it"} if wrong & set(each["by"]) else each for each in done]
    print(*rates(done), sep="\n")


if __name__ == "__main__":
    typer.run(main)
