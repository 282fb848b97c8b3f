"""Cases in processes of their own, with bounds on memory and time."""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import netsim
from netsim.errors import NetsimError
from netsim.numerics.limits import limit_memory

_PACKAGE = Path(netsim.__file__).parent
MOST_FAULTS = 25
"""Different ones, after which a target is left."""
CASE_SECONDS = 40
"""After which a case is a fault."""
_HUNG_SECONDS = 90
_STUCK_SECONDS = 2
"""Of a processor's time, after which a case is tried again as users read it: HDF5 may never come to an end here."""
_SCAN_SECONDS = 1
"""What the process that scans an HDF5 file for users may take of a processor's time here."""


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
    from fuzzing.parts import damage
    from fuzzing.targets import TARGETS

    generator = np.random.default_rng([seed, zlib.crc32(target.encode()), case])
    seeds = _seeds(TARGETS[target].seeds)
    parts = dict(seeds[int(generator.integers(len(seeds)))])
    name = list(parts)[int(generator.integers(len(parts)))]
    parts[name] = damage(name, parts[name], generator)
    return parts


@cache
def _seeds(make: Callable[[], Any]) -> Any:
    return make()


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


def fault_name(report: str) -> str:
    """What distinguishes faults: the error, and the last line of netsim's own that led there."""
    lines = report.strip().splitlines()
    places = (f'File "{_PACKAGE}{os.sep}', "/fuzzing/")  # a clone may be called netsim, too
    own = [line.strip() for line in lines if any(place in line for place in places)]
    place = own[-1].split("/")[-1].replace('", line ', ":") if own else ""
    return f"{lines[-1].split(':')[0]} at {place}"


def _work(target: str, seed: int, first: int, last: int, megabytes: int, state: Any, pipe: Any) -> None:
    """Try cases, in a process of its own; its state is the case, and how many were read and refused."""
    import warnings

    from fuzzing.targets import TARGETS

    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    signal.signal(signal.SIGALRM, _too_long)
    _scan_here()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        for parts in _seeds(TARGETS[target].seeds):  # what is imported late is no leak
            TARGETS[target].read(TARGETS[target].write(parts, folder))
        limit_memory(megabytes * 2**20)
        found: set[str] = set()
        for case in range(first, last):
            state[0] = case
            signal.setitimer(signal.ITIMER_PROF, _STUCK_SECONDS)  # which ends the process, in HDF5's loops, too
            outcome, report = try_case(target, seed, case, folder)
            state[1 if outcome == "read" else 2] += 1
            if outcome == "fault" and fault_name(report) not in found:
                found.add(fault_name(report))
                pipe.send((fault_name(report), case, report))
                if len(found) >= MOST_FAULTS:
                    break
    pipe.close()


def _scan_here() -> None:
    """Let this process scan HDF5 files, as it is one of its own already; another one per file takes long."""
    if importlib.util.find_spec("h5py") is None:
        return
    from netsim import hdf5
    from netsim.exchange import hdf5 as exchange

    exchange.check_hdf5 = hdf5.check_hdf5 = hdf5.scan


def _as_users_do(target: str, seed: int, case: int) -> str:
    """What a case over which a process died or hung leads to where another process checks files."""
    script = str(Path(__file__).parents[1] / "fuzz.py")
    command = [sys.executable, script, target, "--seed", str(seed), "--show", str(case)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_HUNG_SECONDS)
    except subprocess.TimeoutExpired:
        return "hung"
    if done.returncode < 0:
        return f"process died ({signal.Signals(-done.returncode).name})"
    return done.stdout.split(": ", 2)[1].split(";")[0] if done.returncode == 0 else f"ended with {done.returncode}"


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError(f"took longer than {CASE_SECONDS} s")


def try_cases(
    target: str, seed: int, cases: int, megabytes: int, progress: Callable[[int], None], first: int = 0
) -> Tally:
    """Try cases, in as many processes one after the other as it takes: one that dies is a fault."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "fuzzing.targets"])  # so that the next process begins at once
    total, began = Tally(), time.monotonic()
    start = first
    while start < first + cases and len(total.faults) < MOST_FAULTS:
        state = context.Array("q", [start, 0, 0], lock=False)
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(target, seed, start, first + cases, megabytes, state, sender))
        process.start()
        sender.close()
        _follow(process, receiver, state, total, lambda case: progress(case - first))
        total.read, total.refused = total.read + state[1], total.refused + state[2]
        if process.exitcode == 0:
            break
        outcome = _as_users_do(target, seed, state[0])
        total.read, total.refused = total.read + (outcome == "read"), total.refused + (outcome != "read")
        if outcome not in ("read", "refused"):
            total.faults.setdefault(f"{outcome} in case {state[0]}", (state[0], outcome))
        start = state[0] + 1
    total.seconds = time.monotonic() - began
    return total


def _follow(process: Any, receiver: Any, state: Any, total: Tally, progress: Callable[[int], None]) -> None:
    """Wait for a process to end, and note the faults that it reports; one that hangs is killed."""
    latest, since, alive = -1, time.monotonic(), True
    while alive:
        alive = process.is_alive()
        with contextlib.suppress(EOFError):
            while receiver.poll(0.2 if alive else 0):
                kind, case, report = receiver.recv()
                total.faults.setdefault(kind, (case, report))
        progress(state[0])
        if state[0] != latest:
            latest, since = state[0], time.monotonic()
        elif time.monotonic() - since > _HUNG_SECONDS:
            process.kill()
    process.join()


def show(target: str, seed: int, case: int) -> Iterator[str]:
    """The file of one case, and what reading it leads to; for whoever mends the fault."""
    signal.signal(signal.SIGALRM, _too_long)
    if importlib.util.find_spec("h5py") is not None:
        from netsim import hdf5

        hdf5._SECONDS = _SCAN_SECONDS
    folder = Path(tempfile.mkdtemp(prefix="netsim-fuzz-"))
    outcome, report = try_case(target, seed, case, folder)
    yield f"{target}, seed {seed}, case {case}: {outcome}; the file is in {folder}"
    yield report
