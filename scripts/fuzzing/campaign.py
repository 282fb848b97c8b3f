"""Cases in processes of their own, with bounds on memory and time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netsim.errors import NetsimError
from netsim.limits import limit_memory

MOST_FAULTS = 25
"""Different ones, after which a target is left."""
CASE_SECONDS = 40
"""After which a case is a fault."""
_HUNG_SECONDS = 90


@dataclass
class Tally:
    """How the cases of a target ended.

    Attributes
    ----------
    read, refused : int
    faults : dict of (int, str)
        The first case and its traceback, by what went wrong.
    seconds : float
    """

    read: int = 0
    refused: int = 0
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        """How many were tried."""
        return self.read + self.refused


def damaged(target: str, seed: int, case: int) -> dict[str, bytes]:
    """The parts of a file of a case, the same for the same seed and number; one part is damaged."""
    from fuzzing.targets import TARGETS

    generator = np.random.default_rng([seed, zlib.crc32(target.encode()), case])
    seeds = _seeds(TARGETS[target].seeds)
    parts = dict(seeds[int(generator.integers(len(seeds)))])
    name = list(parts)[int(generator.integers(len(parts)))]
    parts[name] = TARGETS[target].damage(name, parts[name], generator)
    return parts


_known_seeds: dict[Callable[[], Any], Any] = {}


def _seeds(make: Callable[[], Any]) -> Any:
    if make not in _known_seeds:
        _known_seeds[make] = make()
    return _known_seeds[make]


def try_case(target: str, seed: int, case: int, folder: Path) -> tuple[str, str]:
    """Read the file of a case: ``read``, ``refused`` or ``fault``, and what was said."""
    from fuzzing.targets import TARGETS

    chosen = TARGETS[target]
    parts = damaged(target, seed, case)
    path = chosen.write(parts, folder)
    if case % 8 == 0 and path.is_file():  # checksums of archives are wrong then, and texts none any more
        from fuzzing.mutations import mutate

        path.write_bytes(mutate(path.read_bytes(), np.random.default_rng([seed, case, 1])))
    return attempt(lambda: chosen.read(path))


def attempt(read: Callable[[], object]) -> tuple[str, str]:
    """Read something: ``read``, ``refused`` in one line, or ``fault``."""
    signal.alarm(CASE_SECONDS)
    try:
        read()
    except NetsimError as error:
        if len(str(error).splitlines()) > 1 or not str(error).strip():
            return "fault", f"message of several lines or none: {str(error)!r}"
        return "refused", str(error)
    except Exception:  # whatever it is, a user would see a traceback
        return "fault", traceback.format_exc()
    finally:
        signal.alarm(0)
    return "read", ""


def kind_of(report: str) -> str:
    """What tells one fault from another: the error, and the last line of netsim's own that led there."""
    lines = report.strip().splitlines()
    own = [
        line.strip() for line in lines if (line.strip().startswith("File ") and "netsim" in line) or "/fuzzing/" in line
    ]
    place = own[-1].split("/")[-1].replace('", line ', ":") if own else ""
    return f"{lines[-1].split(':')[0]} at {place}"


def _work(target: str, seed: int, first: int, last: int, megabytes: int, done: Any, pipe: Any) -> None:
    """Try cases, in a process of its own."""
    import warnings

    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        for case in range(first, min(first + 3, last)):  # what is imported late is no leak
            try_case(target, seed, case, folder)
        limit_memory(megabytes * 2**20)
        tally = Tally()
        for case in range(first, last):
            done.value = case
            outcome, report = try_case(target, seed, case, folder)
            if outcome == "read":
                tally.read += 1
            else:
                tally.refused += 1
            if outcome == "fault":
                tally.faults.setdefault(kind_of(report), (case, report))
                if len(tally.faults) >= MOST_FAULTS:
                    break
            if case % 200 == 0:
                pipe.send(tally)
        pipe.send(tally)
    pipe.close()


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError(f"took longer than {CASE_SECONDS} s")


def try_cases(
    target: str, seed: int, cases: int, megabytes: int, progress: Callable[[int], None], first: int = 0
) -> Tally:
    """Try cases, in as many processes one after the other as it takes: one that dies is a fault."""
    context = multiprocessing.get_context("spawn")
    total, began = Tally(), time.monotonic()
    start = first
    while start < first + cases and len(total.faults) < MOST_FAULTS:
        done = context.Value("q", start, lock=False)
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(target, seed, start, first + cases, megabytes, done, sender))
        process.start()
        sender.close()
        tally, hung = _follow(process, receiver, done, lambda case: progress(case - first))
        total.read, total.refused = total.read + tally.read, total.refused + tally.refused
        for kind, fault in tally.faults.items():
            total.faults.setdefault(kind, fault)
        if process.exitcode == 0 and not hung:
            break
        case = int(done.value)
        reason = (
            "hung"
            if hung
            else f"process died ({signal.Signals(-process.exitcode).name})"
            if process.exitcode and process.exitcode < 0
            else f"process ended with {process.exitcode}"
        )
        total.faults.setdefault(f"{reason} in case {case}", (case, reason))
        start = case + 1
    total.seconds = time.monotonic() - began
    return total


def _follow(process: Any, receiver: Any, done: Any, progress: Callable[[int], None]) -> tuple[Tally, bool]:
    """Wait for a process; returns what it told last, and whether it had to be killed."""
    tally, latest, since = Tally(), -1, time.monotonic()
    while True:
        with contextlib.suppress(EOFError):
            while receiver.poll(0.2):
                tally = receiver.recv()
        progress(int(done.value))
        if done.value != latest:
            latest, since = done.value, time.monotonic()
        if not process.is_alive():
            with contextlib.suppress(EOFError):
                while receiver.poll():
                    tally = receiver.recv()
            process.join()
            return tally, False
        if time.monotonic() - since > _HUNG_SECONDS:
            process.kill()
            process.join()
            return tally, True


def show(target: str, seed: int, case: int) -> Iterator[str]:
    """The file of one case, and what reading it leads to; for whoever mends the fault."""
    signal.signal(signal.SIGALRM, _too_long)
    folder = Path(tempfile.mkdtemp(prefix="netsim-fuzz-"))
    outcome, report = try_case(target, seed, case, folder)
    yield f"{target}, seed {seed}, case {case}: {outcome}; the file is in {folder}"
    yield report
