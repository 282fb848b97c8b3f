"""The readers get some hundred damaged files each, and the fuzzer finds faults where there are some."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError

SCRIPTS = Path(__file__).parents[2] / "scripts"
READERS = (
    *("idx", "idx.gz", "idx folder", "toml", "simulation", "sweep", "npz", "weights", "packed", "checkpoint"),
    *("run", "metrics", "events", "recordings", "csv", "csv.gz", "parquet", "sonata", "nwb", "nir"),
    *("graph", "edges", "edges sonata", "delays", "dataset", "nirdata", "nir loop", "sonata network"),
    *("sweep table", "tally", "analysed csv", "analysed parquet", "analysed sonata", "analysed nwb"),
)
CASES = {
    "run": 25,
    "sonata": 4,
    "nwb": 4,
    "nir": 4,
    "nirdata": 3,
    "nir loop": 3,
    "sonata network": 3,
    "edges sonata": 3,
    "sweep table": 15,
    "analysed csv": 15,
    "analysed parquet": 15,
    "analysed sonata": 4,
    "analysed nwb": 3,
}
"""Fewer than of the others, where a case takes long."""


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("fuzzing.campaign")
    previous = signal.signal(signal.SIGALRM, module._too_long)
    yield module
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused(
    reader: str, campaign: Any, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    outcomes = {campaign.try_case(reader, 5, case, tmp_path) for case in range(CASES.get(reader, 30))}
    assert [report for outcome, report in outcomes if outcome == "fault"] == []


def test_every_reader_reads_what_is_not_damaged(campaign: Any, tmp_path: Path) -> None:
    targets = importlib.import_module("fuzzing.targets").TARGETS
    assert set(targets) == set(READERS)
    for target in targets.values():
        for parts in target.seeds():
            target.read(target.write(parts, tmp_path))


def test_what_a_fault_is(campaign: Any) -> None:
    def raising(error: BaseException) -> str:
        def read() -> None:
            raise error

        outcome: str = campaign.attempt(read)[0]
        return outcome

    assert campaign.attempt(lambda: 1) == ("read", "")
    assert raising(DataError("file: is damaged")) == "refused"
    assert raising(DataError("")) == "fault"
    assert raising(ValueError("x")) == "fault"
    assert raising(MemoryError()) == "fault"
    assert raising(TimeoutError()) == "fault"
    assert campaign.fault_name(campaign.attempt(lambda: np.zeros(3)[7])[1]).startswith("IndexError at campaign.py:")


def test_cases_are_the_same_for_the_same_seed(campaign: Any) -> None:
    def checksums(seed: int) -> list[int]:
        return [zlib.crc32(campaign.damaged("toml", seed, case)["toml"]) for case in range(20)]

    assert checksums(1) == checksums(1)
    assert checksums(1) != checksums(2)
    assert len(set(checksums(1))) > 15


def test_the_script_makes_a_table() -> None:
    command = [sys.executable, str(SCRIPTS / "fuzz.py"), "idx", "--cases", "30"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    heading, _, row = done.stdout.splitlines()
    assert heading == "| reader | cases | read | refused | faults | seconds |"
    assert row.startswith("| idx | 30 |")


def test_a_reader_that_does_not_exist_is_refused(campaign: Any, invoke: Callable[..., Any]) -> None:
    refused = invoke(importlib.import_module("fuzz").main, ["nosuch"])
    assert refused.exit_code == 2
    assert "readers are npz," in " ".join(refused.output.replace("│", "").split())
