"""The script that updates the table of tools goes on past tools that cannot be installed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "matrix.py"
TABLE = "| Good tool | `a_good` | 1.0 | works | x | y |\n| Bad | `bad worse` | 1.0, 2.0 | works | x | y |\n"
UV = """#!/bin/sh
case "$*" in
    *bad*) printf 'error: No solution found\\n  cause: Because bad was not found in a|registry and you require bad' >&2
        printf ', we can conclude that your requirements are unsatisfiable.\\n' >&2; exit 1 ;;
    *freeze*) echo "a-good==2.5+cpu" ;;
    *venv*) mkdir -p "$VIRTUAL_ENV/bin"
        printf '#!/bin/sh\\necho "test_tools.py::test_good_partly PASSED"\\n' >"$VIRTUAL_ENV/bin/python"
        chmod +x "$VIRTUAL_ENV/bin/python" ;;
esac
"""


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with a page of two rows, and a uv that installs one of them."""
    if os.name != "posix":
        pytest.skip("its uv is a script of the shell")
    spec = importlib.util.spec_from_file_location("matrix", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    (tmp_path / "page.md").write_text(TABLE, encoding="utf-8")
    (tmp_path / "uv").write_text(UV, encoding="utf-8")
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return module


def test_a_tool_that_cannot_be_installed_is_a_row(matrix: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    matrix.main(["Bad", "Good"])
    reason = "bad was not found in a/registry and you require bad"
    good = "| Good tool | `a_good` | 2.5 | partly | x | y |\n"
    assert matrix.PAGE.read_text("utf-8") == f"{good}| Bad | `bad worse` | {reason} | not installable | x | y |\n"
    assert capsys.readouterr().out == f"Bad: not installable ({reason})\nGood tool: partly (2.5)\n"


def test_unknown_rows_and_a_missing_uv_are_one_line(matrix: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"^matrix\.py: Other is not a row of .*; rows are Good, Bad$"):
        matrix.main(["Good", "Other"])
    monkeypatch.setenv("PATH", str(matrix.PAGE.parent / "empty"))
    with pytest.raises(SystemExit, match=r"^matrix\.py: uv is not installed; install it with `pip install uv`$"):
        matrix.main([])
    assert matrix.PAGE.read_text("utf-8") == TABLE
