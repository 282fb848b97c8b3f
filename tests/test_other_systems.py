"""Everything is imported and runs on a system without the services of Linux; `other_systems` says which are missing.

``scripts/portable.sh`` runs the quick tests of every room that way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import netsim

REPOSITORY = Path(__file__).parents[1]
EXTRAS = {"h5py", "libsonata", "neo", "nir", "pyarrow", "pynwb", "starlette", "uvicorn", "distributed", "dask"}
PROGRAM = """
import contextlib, importlib, io, os, shlex, signal, sys
from pathlib import Path

def hidden(name):
    try:
        __import__(name)
    except ImportError:
        return True
    return False

def commands():
    from netsim.cli import main as run
    from netsim.reporting import page, pictures

    page.sections = pictures.sections = lambda: {{"Figures": ["raster"]}}  # drawing all takes seconds
    for line in {commands!r}.splitlines():
        sys.argv = shlex.split(line)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                run()
        except SystemExit as end:
            print(end.code, line, flush=True)

def modules():
    count, missing = 0, set()
    for name in {names!r}:
        try:
            importlib.import_module(name)
            count += 1
        except ModuleNotFoundError as error:
            missing.add(str(error.name).partition(".")[0])
    print(count, *missing)

if __name__ == "__main__":
    assert hidden("resource") and hidden("fcntl") and not Path("/proc/self/status").exists()
    assert not hasattr(os, "fork") and not hasattr(os, "sched_getaffinity") and not hasattr(signal, "pthread_sigmask")
    commands()
    modules()
"""
KINDS = """\
netsim models
netsim data
netsim new own.toml --from digits
netsim check own.toml --limit 20
netsim train own.toml --epochs 1 --limit 60 --out run
netsim reproduce run
netsim evaluate run --limit 20
netsim simulate run --index 0
netsim compare run --limit 3
netsim plot raster run
netsim analyse latencies run --limit 20
netsim study spike-jitter run --limit 20
netsim experiment
netsim export run --to csv --limit 2 spikes.csv
netsim export run --to pynn network.pynn
netsim report run --limit 20
netsim describe run"""


def _modules() -> list[str]:
    """Name all modules of the package."""
    folders = {"netsim": "netsim", "models": "netsim.models", "analysis": "netsim.analysis"}
    named = {
        ".".join((name, *path.relative_to(REPOSITORY / folder).with_suffix("").parts)).removesuffix(".__init__")
        for folder, name in folders.items()
        for path in (REPOSITORY / folder).rglob("*.py")
    }
    return sorted(named - {"netsim.__main__"})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The end of the program: what it printed is a line for each command, and one for the modules."""
    folder = tmp_path_factory.mktemp("other_systems")
    paths = [str(Path(__file__).parent / "other_systems"), *filter(None, [os.environ.get("PYTHONPATH")])]
    file = folder / "program.py"
    file.write_text(PROGRAM.format(commands=KINDS, names=_modules()), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNDEFAULTENCODING": "1"}
    command = [sys.executable, str(file)]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_every_module_is_imported(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    count, *missing = done.stdout.splitlines()[-1].split()
    assert set(missing) <= EXTRAS
    assert missing or int(count) == len(_modules())


def test_a_command_of_every_kind_runs(done: subprocess.CompletedProcess[str]) -> None:
    assert done.stdout.splitlines()[:-1] == [f"0 {command}" for command in KINDS.splitlines()], done.stderr
    package = str(Path(netsim.__file__).parent)
    assert [line for line in done.stderr.splitlines() if "EncodingWarning" in line and package in line] == []
