"""Give damaged files to every reader: each must be read or refused in one line, in bounded memory and time.

    python scripts/fuzz.py --cases 1000                  # of each reader
    python scripts/fuzz.py toml idx --cases 100000 --seed 1
    python scripts/fuzz.py toml --read FILE              # one file again, as users read it
    python scripts/fuzz.py idx --guided --cases 100000   # guided by coverage; needs pip install atheris

Readers and damages are those of `tests/hostile/fuzzing`. Hypothesis draws the damages, and makes a file with a fault
as small as it can; the same seed gives the same files. A fault is any exception but netsim's own, a file that takes
too long or more memory than --memory, and a process that dies. It ends the search in its reader, and its file is kept.
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

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hostile"))

AT_ONCE = 2000
"""Files that a process tries, before the next one takes its place."""
STUCK_SECONDS, HUNG_SECONDS = 2, 90
"""Seconds of the processor that a file may take in a campaign, and by the clock there and as users read it.

HDF5 may never come to an end over a damaged file. Users have another process scan it; in a campaign that takes long.
"""
INSTRUMENTED = ["netsim", "zipfile", "tomllib", "gzip", "nir"]
"""Packages whose lines atheris wants to reach."""


def work(name: str, cases: int, number: int, megabytes: int, folder: Path, tally: Any, pipe: Any) -> None:
    """Try files in a process of its own, which a signal ends if a file takes too long."""
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        scan_here()
        from fuzzing import READERS, check_of

        from netsim.numerics.limits import limit_memory

        for parts in READERS[name].wholes():  # what is imported late is no leak
            READERS[name].read(READERS[name].write(parts, folder))

        def tried(outcome: str) -> None:
            tally[outcome == "refused"] += 1
            limit_time(STUCK_SECONDS)

        limit_memory(megabytes * 2**20)
        limit_time(STUCK_SECONDS)
        seed(number)(check_of(READERS[name], folder, cases, at_random=True, tried=tried))()
    except BaseException:  # whatever it is, a user would see a traceback
        pipe.send(traceback.format_exc())
    limit_time(0)


def limit_time(seconds: int) -> None:
    """Let a signal end this process after so many seconds of the processor, or long by the clock; 0 takes it back."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(HUNG_SECONDS if seconds else 0)


def scan_here() -> None:
    """Let this process scan HDF5 files, as it is one of its own already; another one per file takes long."""
    if importlib.util.find_spec("h5py") is not None:
        from netsim import hdf5
        from netsim.exchange import hdf5 as exchange

        exchange.check_hdf5 = hdf5.check_hdf5 = hdf5.scan


def as_users_do(name: str, path: Path) -> str:
    """The fault that a file is, over which a process has died or hung, where another process scans files; or none."""
    command = [sys.executable, __file__, name, "--read", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=HUNG_SECONDS)
    except subprocess.TimeoutExpired:
        return f"takes longer than {HUNG_SECONDS} s"
    return f"ended with {done.returncode}: {done.stderr}" if done.returncode else ""


def campaign(name: str, cases: int, number: int, megabytes: int, keep: Path, advance: Any) -> tuple[int, int, str]:
    """Try files of a reader in one process after the other; how many were read and refused, and the first fault."""
    from fuzzing import READERS

    context, read, refused = multiprocessing.get_context("forkserver"), 0, 0
    while read + refused < cases:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
            folder, (receiver, sender) = Path(made), context.Pipe(duplex=False)
            tally, again = context.Array("q", 2, lock=False), min(AT_ONCE, cases - read - refused)
            process = context.Process(target=work, args=(name, again, number, megabytes, folder, tally, sender))
            process.start()
            sender.close()
            fault = ""
            with contextlib.suppress(EOFError):  # it has ended without one
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
    """Let atheris, and libFuzzer in it, find files by the lines that they reach; it ends the process."""
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":  # what atheris puts into functions cannot be compiled
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
    """Fuzz, and print a table; exit code 1 if there is a fault."""
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
