"""Cases that atheris, and libFuzzer in it, find by the lines of netsim that they reach.

python -m fuzzing.guided READER CASES SEED FOLDER MB     # as `scripts/fuzz.py --guided` does, in a process of its own
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fuzzing.campaign import MOST_FAULTS, Tally
from netsim.errors import DataError

_LONGEST = 65536
_NOTED = 200
"""A tally is kept after so many cases, for libFuzzer ends the process itself."""


def try_guided(reader: str, seed: int, cases: int, megabytes: int) -> Tally:
    """Let atheris try so many cases of a reader.

    Raises
    ------
    DataError
        If atheris is not installed.
    """
    if importlib.util.find_spec("atheris") is None:
        raise DataError("--guided: needs atheris; pip install atheris")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="netsim-fuzz-") as name:
        command = [sys.executable, "-m", __name__, reader, str(cases), str(seed), name, str(megabytes)]
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[1],
            env=os.environ | {"NUMBA_DISABLE_JIT": "1"},  # what atheris puts into functions cannot be compiled
            capture_output=True,
            text=True,
            errors="replace",
        )
        try:
            noted = json.loads((Path(name) / "tally.json").read_text())
        except FileNotFoundError:
            noted = {"read": 0, "refused": 0, "faults": {}}
    tally = Tally(noted["read"], noted["refused"], {kind: (0, report) for kind, report in noted["faults"].items()})
    if done.returncode:
        tally.faults.setdefault(f"process ended with {done.returncode}", (0, done.stderr[-2000:]))
    tally.seconds = time.monotonic() - began
    return tally


def _main(reader: str, cases: int, seed: int, folder: Path, megabytes: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["netsim", "zipfile", "tomllib", "gzip", "nir"]):
        from fuzzing.campaign import attempt, fault_name
        from fuzzing.targets import TARGETS

    target = TARGETS[reader]
    seeds = target.seeds()
    corpus, place = folder / "corpus", folder / "case"
    corpus.mkdir()
    place.mkdir()
    for number, parts in enumerate(seeds):
        for index, content in enumerate(parts.values()):
            (corpus / f"{number}-{index}").write_bytes(bytes([number % 256, index]) + content)
    noted: dict[str, Any] = {"read": 0, "refused": 0, "faults": {}}

    def try_one(data: bytes) -> None:
        """The first two bytes say which part of which whole file the others stand for."""
        if len(data) < 2:
            return
        parts = dict(seeds[data[0] % len(seeds)])
        parts[list(parts)[data[1] % len(parts)]] = data[2:]
        path = target.write(parts, place)
        outcome, report = attempt(lambda: target.read(path))
        if outcome == "fault":
            noted["faults"].setdefault(fault_name(report), report)
        noted["read" if outcome == "read" else "refused"] += 1
        if (noted["read"] + noted["refused"]) % _NOTED == 0 or outcome == "fault":
            (folder / "tally.json").write_text(json.dumps(noted))
            if len(noted["faults"]) >= MOST_FAULTS:
                os._exit(0)

    options = [f"-runs={cases}", f"-seed={seed + 1}", f"-max_len={_LONGEST}", f"-rss_limit_mb={1024 + megabytes}"]
    limits = [f"-malloc_limit_mb={megabytes}", "-timeout=60", f"-artifact_prefix={folder}/", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, *limits, str(corpus)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
