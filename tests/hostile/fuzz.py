"""Test all readers with damaged files. Each must be read, or refused in one line, in bounded memory and time.

    python tests/hostile/fuzz.py --cases 1000                  # per reader
    python tests/hostile/fuzz.py toml idx --cases 100000 --seed 1
    python tests/hostile/fuzz.py toml --read FILE              # one file again, as users read it
    python tests/hostile/fuzz.py idx --guided --cases 100000   # guided by coverage; needs pip install atheris

The folder `fuzzing` next to this file defines readers and damages. Hypothesis draws the damages and shrinks files with
a fault. Equal seeds produce equal files. A fault is an exception other than netsim's own, a file that takes too long or
more memory than --memory, or a crash of the process. A fault ends the search in its reader, and its file is kept.
"""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from hypothesis import seed

AT_ONCE = 2000
"""Files per process, before a new process starts."""
STUCK_SECONDS, HUNG_SECONDS = 2, 90
"""Maximum processor time (s) per file in a campaign, and maximum wall time (s) in a campaign and for users.

HDF5 may never finish a damaged file. For users, another process scans it, which is slow in a campaign.
"""
INSTRUMENTED = ["netsim", "zipfile", "tomllib", "gzip", "nir"]
"""Packages with coverage for atheris."""


def work(name: str, cases: int, number: int, megabytes: int, folder: Path, tally: Any, pipe: Any) -> None:
    """Try files in a separate process. A signal ends it if a file takes too long."""
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        scan_here()
        from fuzzing import READERS, check_of

        from netsim.numerics.limits import limit_memory

        for parts in READERS[name].wholes():  # load late imports, which are not leaks
            READERS[name].read(READERS[name].write(parts, folder))

        def tried(outcome: str) -> None:
            tally[outcome == "refused"] += 1
            limit_time(STUCK_SECONDS)

        limit_memory(megabytes * 2**20)
        limit_time(STUCK_SECONDS)
        seed(number)(check_of(READERS[name], folder, cases, at_random=True, tried=tried))()
    except BaseException:  # a user would see a traceback of any exception
        pipe.send(traceback.format_exc())
    limit_time(0)


def limit_time(seconds: int) -> None:
    """End this process by a signal after `seconds` of processor time, or long wall time. 0 cancels it.

    Windows has no such signals. There a file that takes too long holds up its campaign.
    """
    if not hasattr(signal, "setitimer"):
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(HUNG_SECONDS if seconds else 0)


def scan_here() -> None:
    """Scan HDF5 files in this process, which is separate already. A new process per file would be slow."""
    if importlib.util.find_spec("h5py") is not None:
        from netsim import hdf5
        from netsim.exchange import hdf5 as exchange

        exchange.check_hdf5 = hdf5.check_hdf5 = hdf5.scan


def as_users_do(name: str, path: Path) -> str:
    """Read a file that crashed or hung a process again with a separate scan. Return its fault, if any."""
    command = [sys.executable, __file__, name, "--read", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=HUNG_SECONDS)
    except subprocess.TimeoutExpired:
        return f"takes longer than {HUNG_SECONDS} s"
    return f"ended with {done.returncode}: {done.stderr}" if done.returncode else ""


def campaign(name: str, cases: int, number: int, megabytes: int, keep: Path, advance: Any) -> tuple[int, int, str]:
    """Try files of a reader in consecutive processes. Return the numbers read and refused, and the first fault."""
    from fuzzing import READERS

    context: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
    read = refused = 0
    while read + refused < cases:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
            folder, (receiver, sender) = Path(made), context.Pipe(duplex=False)
            tally, again = context.Array("q", 2, lock=False), min(AT_ONCE, cases - read - refused)
            process = context.Process(target=work, args=(name, again, number, megabytes, folder, tally, sender))
            process.start()
            sender.close()
            fault = ""
            with contextlib.suppress(EOFError):  # it ended without a result
                fault = receiver.recv()
            process.join()
            read, refused, number = read + tally[0], refused + tally[1], number + 1
            path = folder / READERS[name].name
            if process.exitcode and not fault:
                fault = as_users_do(name, path) if path.exists() else f"ended with {process.exitcode}"
                refused += not fault
            advance(min(read + refused, cases))
            if fault:
                kept = keep / f"{name.replace(' ', '-')}-{number - 1}"
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                return read, refused, f"{fault}\nThe file is {kept / path.name}"
    return read, refused, ""


def guide(name: str, cases: int, number: int, megabytes: int) -> None:
    """Let atheris (libFuzzer) search files by coverage. It ends the process."""
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":  # numba cannot compile the instrumentation of atheris
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"NUMBA_DISABLE_JIT": "1"})
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        scan_here()
        from fuzzing import READERS, check_of
    check: Any = check_of(READERS[name], Path(tempfile.mkdtemp(prefix="netsim-fuzz-")), cases)
    limits = [f"-rss_limit_mb={1024 + megabytes}", f"-malloc_limit_mb={megabytes}", f"-timeout={HUNG_SECONDS}"]
    options = [f"-runs={cases}", f"-seed={number + 1}", "-max_len=65536", "-verbosity=0", *limits]
    atheris.Setup([sys.argv[0], *options], check.hypothesis.fuzz_one_input)
    atheris.Fuzz()


def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="READER", help="Readers; by default all.")] = None,
    cases: Annotated[int, typer.Option(min=1, help="Files for each reader.")] = 1000,
    number: Annotated[int, typer.Option("--seed", min=0, help="Of the damages.")] = 0,
    memory: Annotated[int, typer.Option(min=64, help="Address space (MB) that reading may take.")] = 1024,
    keep: Annotated[Path, typer.Option(help="Folder for files with a fault.")] = Path("runs/fuzz"),
    read: Annotated[Path | None, typer.Option(metavar="FILE", help="Only read this file.")] = None,
    guided: Annotated[bool, typer.Option("--guided", help="Let atheris find the files of one reader.")] = False,
) -> None:
    """Fuzz, and print a table. The exit code is 1 if there is a fault."""
    if guided:
        guide((names or ["idx"])[0], cases, number, memory)
    from fuzzing import READERS

    from netsim.cli.terminal import counting

    unknown = sorted(set(names or []) - set(READERS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; readers are {', '.join(READERS)}")
    if read is not None:
        print(READERS[(names or ["idx"])[0]].outcome(read))
        return
    print("| reader | cases | read | refused | fault | seconds |\n|---|---|---|---|---|---|")
    faults = []
    for name in names or READERS:
        began = time.monotonic()
        with counting(name, cases) as advance:
            was_read, refused, fault = campaign(name, cases, number, memory, keep, advance)
        cells = (was_read + refused, was_read, refused, "**yes**" if fault else "no", round(time.monotonic() - began))
        print(f"| {name} | {' | '.join(map(str, cells))} |", flush=True)
        faults += [f"{name}: {fault}\n"] if fault else []
    print(*faults, sep="\n", end="", file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    typer.run(main)
