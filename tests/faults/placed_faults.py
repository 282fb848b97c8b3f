"""Insert hand-written faults, one at a time, and check that the named test fails.

    python tests/faults/placed_faults.py                          # all in tests/faults/rooms_*.toml; --only a07 for one
    python tests/faults/placed_faults.py --check                  # without running tests: do all apply, do tests exist
    python tests/faults/placed_faults.py --against tests/weights  # other tests than the named ones

The script changes only a copy of netsim. A fault is a table of a file `rooms_*.toml`:

    [[fault]]
    id = "a07"
    file = "netsim/weights/layout.py"             # or models/, analysis/
    old = '''return weights * signs'''            # a part of the file that occurs exactly once
    new = '''return weights'''
    suffers = "inhibitory synapses excite"        # what a user would notice
    blind = true                                  # written without knowing the tests
    first = "survived"                            # result with the tests of that time, or "killed"
    test = "tests/weights/test_signs.py::test_x"  # kills it; or a list; parameters in brackets may follow
    jit = false                                   # optional: run without numba's compiler

A change of a compiled file takes minutes, because all loops compile again. Small tests without the compiler take
seconds. The exit code is 1 if a fault survives, cannot be tried, or is stale. A fault is stale if its old text does not
occur exactly once.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = {"netsim": "netsim", "models": "netsim/models", "analysis": "netsim/analysis"}  # where they go
PATIENCE = 300.0  # maximum duration of the tests of a fault (s)
PYTEST = (sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
OUTCOMES = {0: "survived", 1: "killed"}

Fault = dict[str, Any]


def read(folder: Path = HERE) -> list[Fault]:
    """Return all faults in the order of files and tables, each with a list of tests."""
    faults = [each for path in sorted(folder.glob("rooms_*.toml")) for each in tomllib.loads(path.read_text())["fault"]]
    return [each | {"test": [each["test"]] if isinstance(each["test"], str) else each["test"]} for each in faults]


def changed(fault: Fault) -> str:
    """Return the content of the file with the fault. Raise ValueError if the fault is stale."""
    source = (ROOT / fault["file"]).read_text("utf-8")
    if (times := source.count(fault["old"])) != 1:
        raise ValueError(f"is stale, its old text is in {fault['file']} {times} times")
    return source.replace(fault["old"], fault["new"])


def wrong(faults: Sequence[Fault]) -> list[str]:
    """Return problems of the list: stale faults and missing tests."""
    ids = Counter(fault["id"] for fault in faults)
    problems = [f"{name}: names {times} faults" for name, times in ids.items() if times > 1]
    for fault in faults:
        try:
            compile(changed(fault), fault["file"], "exec")
            for test in fault["test"]:
                path, *names = test.partition("[")[0].split("::")
                if not names or not re.search(rf"^ *def {names[-1]}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE):
                    problems.append(f"{fault['id']}: there is no test {test}")
        except (ValueError, SyntaxError, OSError) as error:
            problems.append(f"{fault['id']}: {error}")
    return problems


def outcome(fault: Fault, tests: Sequence[str], copy: Path) -> str:
    """Run tests on the copy with one fault, then remove it. Return killed, survived, or why it is unknown."""
    return tried(fault, tests, copy)[0]


def tried(fault: Fault, tests: Sequence[str], copy: Path, patience: float = PATIENCE) -> tuple[str, str]:
    """Return `outcome` and the output of pytest."""
    package, _, file = fault["file"].partition("/")
    path, text, compiler = copy / PACKAGES[package] / file, changed(fault), fault.get("jit", True)
    environment = os.environ | {"PYTHONPATH": str(copy), "NUMBA_DISABLE_JIT": "0" if compiler else "1"}
    with tempfile.TemporaryDirectory() as cache:
        if not compiler or "numba" in text or "compilation" in text:  # machine code would fill the cache
            environment["NUMBA_CACHE_DIR"] = cache
        path.write_text(text, "utf-8")
        try:
            run = subprocess.run([*PYTEST, *tests], cwd=ROOT, env=environment, capture_output=True, timeout=patience)
        except subprocess.TimeoutExpired:
            return "took too long", ""
        finally:
            shutil.copy2(ROOT / fault["file"], path)
    said = run.stdout.decode()
    return OUTCOMES.get(run.returncode) or f"pytest ended with {run.returncode}: {said[-300:]}", said


def main(
    only: Annotated[list[str] | None, typer.Option(help="Ids of faults; repeatable.")] = None,
    check: Annotated[bool, typer.Option("--check", help="See whether faults apply and tests exist.")] = False,
    against: Annotated[str, typer.Option(help="Arguments of pytest in place of the tests that are named.")] = "",
) -> None:
    """Report each fault, and the number of killed faults."""
    faults = [fault for fault in read() if not only or fault["id"] in only]
    results, lines = Counter[str](), wrong(faults)
    print(*lines, f"{len(faults)} faults, {len(lines)} errors", sep="\n")
    if not (check or lines):
        with tempfile.TemporaryDirectory() as folder:
            for package, target in PACKAGES.items():
                shutil.copytree(ROOT / package, Path(folder, target), ignore=shutil.ignore_patterns("netsim-kernels-*"))
            for fault in faults:
                result = outcome(fault, shlex.split(against) or fault["test"], Path(folder))
                results[result] += 1
                print(f"{fault['id']}: {result}", flush=True)
    print(dict(results))
    sys.exit(bool(lines or set(results) - {"killed"}))


if __name__ == "__main__":
    typer.run(main)
