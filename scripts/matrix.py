"""Run each tool of the table of `docs/howto/exchange.md` in its newest version, and update the table.

`python scripts/matrix.py` takes about 15 minutes and needs uv (`pip install uv`) and 10 GB of disk. Names of tools
choose rows: `python scripts/matrix.py Norse polars`.

The second column of a row has the packages to install. Each tool gets an environment of its own: first the tool, then
netsim, as a new user would. The test of the tool in `tests/exchange/test_tools.py` compares its output with the
simulation. A row whose test fails gets the verdict `fails`. A row whose packages cannot be installed gets the verdict
`not installable`, and the cause in place of versions.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "howto" / "exchange.md"
ROW = re.compile(r"^\| ((\w+)[^|]*) \| `([^|`]+)` \| [^|]* \| [^|]* \|", re.MULTILINE)
LONGEST = 200
"""Characters of a cause."""


def _uv(folder: str, *arguments: str) -> str:
    """Run uv on the environment of a folder. Return its output."""
    environment = os.environ | {"VIRTUAL_ENV": folder}
    return subprocess.run(["uv", *arguments], env=environment, capture_output=True, text=True, check=True).stdout


def cause(output: str) -> str:
    """Return the message of an installer as one line, which may be a cell of a table."""
    words = " ".join(output.replace("|", "/").split()).removeprefix("error: ")
    reason = re.split(r"\bbecause ", words, flags=re.IGNORECASE)[-1]  # the last step of the resolver's proof
    reason = reason.split(", we can conclude that your requirements")[0]
    return reason[:LONGEST] or "the installer does not say why"


def verdict(tool: str, packages: list[str]) -> tuple[str, str]:
    """Return the versions of packages, and the verdict of the test."""
    with tempfile.TemporaryDirectory() as folder:
        install = ["pip", "install", "-q"]
        try:
            _uv(folder, "venv", "-q", "--clear", "--python", sys.executable, folder)
            _uv(folder, *install, "--upgrade", *packages)
            _uv(folder, *install, "-e", f"{ROOT}[exchange]", "pytest", "hypothesis")
            listed = _uv(folder, "pip", "freeze", "-q")
        except subprocess.CalledProcessError as error:
            return cause(error.stderr), "not installable"
        versions = dict(re.findall(r"^([\w.-]+)==(\S+)$", listed, re.MULTILINE))
        pytest = [f"{folder}/bin/python", "-m", "pytest", "-v", "-p", "no:nengo"]  # whose plugin stops pytest 9
        tests = [*pytest, "tests/exchange/test_tools.py", "-k", f"test_{tool}_"]
        ended = subprocess.run(tests, cwd=ROOT, capture_output=True, text=True, check=False)
        output = ended.stderr + ended.stdout
    passed = re.search(rf"::test_{tool}_(\w+) PASSED", output)
    if not passed:
        print(output[-3000:])
    newest = ", ".join(versions[package.replace("_", "-")].split("+")[0] for package in packages)
    return newest, passed[1].replace("_", " ") if passed else "fails"


def main(chosen: list[str]) -> None:
    """Update rows of the table: the chosen ones, or all."""
    rows = {tool: (title, packages) for title, tool, packages in ROW.findall(PAGE.read_text("utf-8"))}
    if unknown := [name for name in chosen if name not in rows]:
        sys.exit(f"matrix.py: {unknown[0]} is not a row of {PAGE}; rows are {', '.join(rows)}")
    if shutil.which("uv") is None:
        sys.exit("matrix.py: uv is not installed; install it with `pip install uv`")
    for tool in chosen or rows:
        title, packages = rows[tool]
        versions, outcome = verdict(tool.lower(), packages.split())
        print(f"{title}: {outcome} ({versions})", flush=True)
        row = f"| {title} | `{packages}` | {versions} | {outcome} |"
        old = re.escape(f"| {title} | `{packages}` | ") + r"[^|]* \| [^|]* \|"
        text = re.sub(old, row.replace("\\", r"\\"), PAGE.read_text("utf-8"))
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
