"""Run each tool of the table of `docs/howto/exchange.md` in its newest version, and update the table.

`python scripts/matrix.py` takes about 15 minutes and needs uv (`pip install uv`) and 10 GB of disk. Names of tools
choose rows: `python scripts/matrix.py Norse polars`.

The second column of a row has the packages to install. Each tool gets an environment of its own: first the tool, then
netsim, as a new user would. The test of the tool in `tests/exchange/test_tools.py` compares its output with the
simulation. A row whose test fails gets the verdict `fails`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "howto" / "exchange.md"
ROW = re.compile(r"^\| ((\w+)[^|]*) \| `([^|`]+)` \| [^|]* \| [^|]* \|", re.MULTILINE)


def verdict(tool: str, packages: list[str]) -> tuple[str, str]:
    """Return the versions of packages, and the verdict of the test."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"VIRTUAL_ENV": folder}
        install = ["uv", "pip", "install", "-q"]
        subprocess.run(["uv", "venv", "-q", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([*install, "--upgrade", *packages], env=environment, check=True)
        subprocess.run([*install, "-e", f"{ROOT}[exchange]", "pytest", "hypothesis"], env=environment, check=True)
        listed = subprocess.run(["uv", "pip", "freeze", "-q"], env=environment, stdout=subprocess.PIPE, check=True)
        versions = dict(re.findall(r"^([\w.-]+)==(\S+)$", listed.stdout.decode(), re.MULTILINE))
        pytest = [f"{folder}/bin/python", "-m", "pytest", "-v", "-p", "no:nengo"]  # whose plugin stops pytest 9
        tests = [*pytest, "tests/exchange/test_tools.py", "-k", f"test_{tool}_"]
        ended = subprocess.run(tests, cwd=ROOT, capture_output=True, text=True, check=False)
        output = ended.stderr + ended.stdout
    passed = re.search(rf"::test_{tool}_(\w+) PASSED", output)
    if not passed:
        print(output[-3000:])
    newest = ", ".join(versions[package].split("+")[0] for package in packages)
    return newest, passed[1].replace("_", " ") if passed else "fails"


for title, tool, packages in ROW.findall(PAGE.read_text("utf-8")):
    if sys.argv[1:] and tool not in sys.argv[1:]:
        continue
    versions, outcome = verdict(tool.lower(), packages.split())
    print(f"{title} {versions}: {outcome}", flush=True)
    row = f"| {title} | `{packages}` | {versions} | {outcome} |"
    old = re.escape(f"| {title} | `{packages}` | ") + r"[^|]* \| [^|]* \|"
    PAGE.write_text(re.sub(old, row, PAGE.read_text("utf-8")), encoding="utf-8")
