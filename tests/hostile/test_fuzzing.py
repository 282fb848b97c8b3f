"""The readers get some damaged files each, and the fuzzer finds faults where there are some."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import seed
from typer.testing import CliRunner

from netsim.errors import DataError

HERE = Path(__file__).parent
SCRIPT = HERE / "fuzz.py"
READERS = (
    *("idx", "idx.gz", "idx folder", "toml", "simulation", "sweep", "npz", "weights", "packed", "checkpoint"),
    *("run", "metrics", "events", "recordings", "csv", "csv.gz", "parquet", "sonata", "nwb", "nir"),
    *("graph", "edges", "edges sonata", "delays", "dataset", "nirdata", "nir loop", "sonata network"),
    *("sweep table", "tally", "analysed csv", "analysed parquet", "analysed sonata", "analysed nwb"),
)
EXAMPLES = {
    **dict.fromkeys(("sonata", "nwb", "nir", "analysed sonata"), 4),
    **dict.fromkeys(("nirdata", "nir loop", "sonata network", "edges sonata", "analysed nwb"), 3),
    **{"run": 10, "sweep table": 8, "analysed csv": 8, "analysed parquet": 8},
}
"""Fewer than of the others, where a file takes long."""


@pytest.fixture
def fuzzing(monkeypatch: pytest.MonkeyPatch, scanned_here: None) -> Any:
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("fuzzing")


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused(
    reader: str, fuzzing: Any, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    seed(5)(fuzzing.check_of(fuzzing.READERS[reader], tmp_path, EXAMPLES.get(reader, 15)))()


def test_every_reader_reads_what_is_not_damaged(fuzzing: Any, tmp_path: Path) -> None:
    assert set(fuzzing.READERS) == set(READERS)
    for reader in fuzzing.READERS.values():
        for parts in reader.wholes():
            reader.read(reader.write(parts, tmp_path))


@pytest.mark.parametrize("error", [ValueError("x"), DataError(""), MemoryError(), TimeoutError()])
def test_what_a_fault_is(error: Exception, fuzzing: Any, tmp_path: Path) -> None:
    def read(path: Path) -> None:
        if path.read_bytes()[:1] != b"w":
            raise error

    reader = fuzzing.reader.Reader(lambda: [{"bin": b"whole"}], read, "file")
    with pytest.raises((type(error), AssertionError)):
        seed(0)(fuzzing.check_of(reader, tmp_path, 200))()
    assert len((tmp_path / "file").read_bytes()) <= 5  # as small as can be


def test_one_line_of_netsims_own_is_no_fault(fuzzing: Any, tmp_path: Path) -> None:
    def read(path: Path) -> None:
        raise DataError("file: is damaged")

    result: list[str] = []
    reader = fuzzing.reader.Reader(lambda: [{"bin": b"whole"}], read, "file")
    seed(0)(fuzzing.check_of(reader, tmp_path, 20, tried=result.append))()
    assert set(result) == {"refused"}


def test_files_are_the_same_for_the_same_seed(fuzzing: Any, tmp_path: Path) -> None:
    def contents(number: int) -> list[bytes]:
        result: list[bytes] = []
        reader = fuzzing.READERS["sweep"]
        spying = fuzzing.reader.Reader(reader.wholes, lambda path: result.append(path.read_bytes()), reader.name)
        seed(number)(fuzzing.check_of(spying, tmp_path, 30))()
        return result

    assert contents(1) == contents(1)
    assert contents(1) != contents(2)
    assert len(set(contents(1))) > 15


def test_the_script_makes_a_table() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "idx", "--cases", "30"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    heading, _, row = done.stdout.splitlines()
    assert heading == "| reader | cases | read | refused | fault | seconds |"
    assert row.startswith("| idx | 30 |")


def _invoked(*options: str) -> Any:
    """The script in this process, because starting another one takes longer than what it does here."""
    spec = importlib.util.spec_from_file_location("fuzz_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(script := importlib.util.module_from_spec(spec))
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, options)


@pytest.mark.usefixtures("fuzzing")
@pytest.mark.parametrize(("text", "outcome"), [("name = ", "refused"), ('name = "a"\nname = "b"', "refused")])
def test_a_file_is_read_again(text: str, outcome: str) -> None:
    Path("network.toml").write_text(text, encoding="utf-8")
    assert _invoked("toml", "--read", "network.toml").stdout == f"{outcome}\n"


@pytest.mark.usefixtures("fuzzing")
def test_a_reader_that_does_not_exist_is_refused() -> None:
    done = _invoked("nosuch")
    assert done.exit_code == 2
    assert "readers are toml," in " ".join(done.output.replace("│", "").split())
