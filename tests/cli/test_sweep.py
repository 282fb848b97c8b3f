"""Sweeps and spread presentations: the same as in one process, whatever becomes of a worker or the user."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.analysis import read_sweep_table
from netsim.data.stimuli import load_splits
from netsim.files import read_arrays
from netsim.models.presets import load_preset
from netsim.presenting.cluster import connect
from netsim.runs.folder import RunFolder, lock_folder, open_run
from netsim.runs.plugin_files import load_plugin
from netsim.seams import schedules
from netsim.sweeps.plan import read_plan
from netsim.training.opening import open_training

dask = pytest.importorskip("dask", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")
distributed = pytest.importorskip("distributed", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")
pytest.importorskip("cryptography", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")

Netsim = Callable[..., Any]
EPOCHS = 24
LONG = f'base = "digits"\nlimit = 300\noverrides.training.epochs = {EPOCHS}\n'


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine answers late."""
    monkeypatch.setattr("netsim.presenting.cluster._CONNECT_SECONDS", 120)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def trained_alone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The best weights of `LONG`, trained in this process without a break."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "long.toml").write_text(LONG)
    (run,) = read_plan(folder / "long.toml").runs
    training = open_training(folder / "run", run.network, run.seed, limit=300)
    training.train()
    return training.folder.best.read_bytes()


DYING = """
import multiprocessing, os
from pathlib import Path
from netsim.engines.event.engine import EventEngine
from netsim.engines.protocol import EngineEntry
from netsim.seams import engines

class Dying(EventEngine):
    def present(self, batch):
        if multiprocessing.parent_process() is not None:
            for death in Path({deaths!r}).iterdir():
                death.unlink()
                os.kill(os.getpid(), 9)  # SIGKILL, a name that Windows lacks
        return super().present(batch)

engines.add(__name__, EngineEntry(Dying, "event-driven", exact=True), __name__)
"""
"""The event engine, whose process is killed on a worker once for each file in a folder."""


@pytest.fixture
def _second_death_counts() -> Iterator[None]:
    """Dask gives a task up whose worker dies a second time; by default the fourth."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        yield


@dataclass(frozen=True)
class Dying:
    """A plug-in file, whose engine has its name, and the deaths that are to come."""

    plugin: Path
    deaths: Path

    def die(self, times: int) -> None:
        """Have the next workers that present die, so many times."""
        for number in range(times):
            (self.deaths / str(number)).touch()


@pytest.fixture
def dying(tmp_path: Path) -> Dying:
    """An engine whose workers die."""
    made = Dying(tmp_path / f"{tmp_path.name}.py", tmp_path / "deaths")
    made.deaths.mkdir()
    made.plugin.write_text(DYING.format(deaths=str(made.deaths)))
    return made


def _when_under_way(folder: Path, act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as the run in `folder` has finished an epoch."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not (folder / "metrics.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def _epochs_done() -> int:
    return len(Path("sweeps/long/0001/metrics.csv").read_text(encoding="utf-8").splitlines()) - 1


def test_a_sweep(netsim: Netsim, scheduler: str) -> None:
    Path("plan.toml").write_text(
        'base = "digits"\nseeds = [0, 1]\nlimit = 40\noverrides.training.epochs = 2\n'
        "grid.training.validation = [180, 5000]\n",
        encoding="utf-8",  # more than there are: known only when the data are loaded
    )
    # whoever always passes --resume begins with it, too
    done = netsim("sweep", "plan.toml", "--scheduler", scheduler, "--resume", "--json")
    assert done.code == 1
    assert "2 of 4 runs failed" in done.err
    assert "5000 of 1437" in done.err.splitlines()[-1]
    result = done.json()
    assert (result["finished"], result["failed"]) == (2, 2)
    table = read_sweep_table("sweeps/plan/results.csv")
    assert list(table["run"]) == ["0001", "0002", "0003", "0004"]
    assert list(table["status"]) == ["finished", "finished", "failed", "failed"]
    assert table["error"].str.contains("5000 of 1437").tolist()[2:] == [True, True]
    for row in result["runs"][:2]:
        run = open_run(f"sweeps/plan/{row['run']}")
        record = run.record()
        assert (record["seed"], record["limit"]) == (row["seed"], 40)
        assert record["command"][:3] == ["netsim", "sweep", "plan.toml"]
        alone = f"alone{row['seed']}"
        options = ("--seed", row["seed"], "--limit", 40, "--out", alone)
        trained = netsim("train", run.network_file, *options, "--json").json()
        for figure in ("best_epoch", "validation_strict_accuracy", "validation_loss"):
            assert row[figure] == trained[figure]
        assert RunFolder(Path(alone)).best.read_bytes() == run.best.read_bytes()
    assert not (Path("sweeps/plan/0003") / "network.toml").exists()

    # once the reason is gone, only what failed is done again
    before = {path: path.stat().st_mtime_ns for path in Path("sweeps/plan").glob("000[12]/*.*")}
    Path("plan.toml").write_text(Path("plan.toml").read_text(encoding="utf-8").replace("5000", "300"), encoding="utf-8")
    netsim("sweep", "plan.toml", "--scheduler", scheduler).refused("exists already", "--resume")
    done = netsim("sweep", "plan.toml", "--scheduler", scheduler, "--resume")
    assert done.code == 0, done.err
    assert sorted(line.split()[0] for line in done.err.splitlines()) == ["0003", "0004"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "best run" in done.out
    assert (read_sweep_table("sweeps/plan/results.csv")["status"] == "finished").all()
    with lock_folder(Path("sweeps/plan")):
        netsim("sweep", "plan.toml", "--scheduler", scheduler, "--resume").refused("in use by another process")
    assert netsim("sweep", "plan.toml", "--resume").err == ""  # nothing is left to do, nothing is started
    Path("plan.toml").write_text(
        Path("plan.toml").read_text(encoding="utf-8").replace("seeds = [0, 1]", "seeds = [1]"), encoding="utf-8"
    )
    (note,) = netsim("sweep", "plan.toml", "--resume").err.splitlines()
    assert "sweeps/plan: runs that this plan does not have: 2, from 0001; they stay in their folders" in note
    assert list(read_sweep_table("sweeps/plan/results.csv")["run"]) == ["0002", "0004"]


def test_the_run_of_a_killed_worker_is_done_again(netsim: Netsim, scheduler: str, trained_alone: bytes) -> None:
    Path("long.toml").write_text(LONG, encoding="utf-8")
    killed = []

    with distributed.Client(scheduler, set_as_default=False) as client:
        processes = client.run(os.getpid)

        def kill() -> None:
            (busy,) = (address for address, tasks in client.processing().items() if tasks)
            os.kill(processes[busy], 9)  # SIGKILL, a name that Windows lacks
            killed.append(_epochs_done())

        killer = _when_under_way(Path("sweeps/long/0001"), kill)
        done = netsim("sweep", "long.toml", "--scheduler", scheduler, "--json")
        killer.join()
    assert done.code == 0, done.err
    (epochs,) = killed
    assert 1 <= epochs < EPOCHS  # it was under way
    assert [row["status"] for row in done.json()["runs"]] == ["finished"]
    assert Path("sweeps/long/0001/best.npz").read_bytes() == trained_alone


@pytest.mark.nightly  # workers are started again and again
@pytest.mark.usefixtures("_second_death_counts")
def test_presenting_goes_on_when_the_only_worker_dies(netsim: Netsim, run: Path, dying: Dying) -> None:
    options = ("--engine", dying.plugin.stem, "--plugin", dying.plugin)
    alone = netsim("evaluate", run, *options, "--json").json()
    dying.die(1)
    done = netsim("evaluate", run, *options, "--json", "--workers", 1)
    assert done.code == 0, done.err
    assert not any(dying.deaths.iterdir())
    assert done.json() | {"seconds": 0} == alone | {"seconds": 0}

    dying.die(2)
    done = netsim("simulate", run, *options, "--limit", 3, "--out", "spread", "--workers", 1)
    done.refused("2 workers died while running it; give them more memory")
    assert not any(Path("spread").iterdir())


@pytest.mark.nightly
@pytest.mark.usefixtures("_second_death_counts")
def test_a_run_that_its_workers_die_of_leaves_the_others_alone(netsim: Netsim, dying: Dying) -> None:
    Path("plan.toml").write_text(
        'base = "digits"\nlimit = 20\noverrides.training.epochs = 1\n'
        f'grid.training.engine = ["{dying.plugin.stem}", "event"]\n',
        encoding="utf-8",
    )
    dying.die(2)
    command = ("sweep", "plan.toml", "--plugin", dying.plugin, "--workers", 1)
    done = netsim(*command)
    assert done.code == 1
    assert "1 of 2 runs failed" in done.err
    table = read_sweep_table("sweeps/plan/results.csv")
    assert list(table["status"]) == ["failed", "finished"]
    assert table["error"][0] == "2 workers died while running it; give them more memory"

    dying.die(1)
    assert netsim(*command, "--resume").code == 0
    assert not any(dying.deaths.iterdir())
    first, second = (read_arrays(Path("sweeps/plan") / name / "best.npz") for name in ("0001", "0002"))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first | second)


def test_ctrl_c_and_resume(
    netsim: Netsim, scheduler: str, trained_alone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsim.presenting.cluster._POLL_SECONDS", 0.01)
    Path("long.toml").write_text(LONG, encoding="utf-8")
    presser = _when_under_way(Path("sweeps/long/0001"), lambda: signal.raise_signal(signal.SIGINT))
    done = netsim("sweep", "long.toml", "--scheduler", scheduler)
    presser.join()
    assert done.code == 130
    assert done.out == ""
    (message,) = done.err.splitlines()
    command = f"netsim sweep long.toml --scheduler {scheduler} --resume"
    assert message == f"netsim: sweeps/long: interrupted; 0 of 1 runs have ended. Continue with: {command}"
    assert _epochs_done() < EPOCHS
    with RunFolder(Path("sweeps/long/0001")).lock():  # the worker has let it go
        pass
    done = netsim(*command.split()[1:], "--json")
    assert [row["epochs"] for row in done.json()["runs"]] == [EPOCHS]
    assert Path("sweeps/long/0001/best.npz").read_bytes() == trained_alone


@pytest.mark.parametrize("engine", ["event", "brian2"])
def test_a_spread_simulation_is_the_same(engine: str, netsim: Netsim, run: Path, scheduler: str) -> None:
    options = ("--engine", engine, "--dt", 1, "--limit", 60, "--record", "hidden:3", "--record", "output:0")
    assert netsim("simulate", run, *options, "--out", "alone").code == 0
    done = netsim("simulate", run, *options, "--out", "spread", "--scheduler", scheduler)
    assert done.code == 0, done.err
    for name in ("spikes.csv", "potentials.csv"):
        assert Path("spread", name).read_bytes() == Path("alone", name).read_bytes()
    assert sorted(os.listdir("spread")) == ["potentials.csv", "simulation.json", "spikes.csv"]
    assert "and 40 more" in done.out


def test_a_spread_evaluation_is_the_same(netsim: Netsim, run: Path, scheduler: str) -> None:
    alone = netsim("evaluate", run, "--json").json()
    spread = netsim("evaluate", run, "--scheduler", scheduler, "--json").json()
    assert spread | {"seconds": 0} == alone | {"seconds": 0}


def test_workers_of_this_machine(netsim: Netsim) -> None:
    Path("short.toml").write_text('base = "digits"\nlimit = 20\noverrides.training.epochs = 1', encoding="utf-8")
    done = netsim("sweep", "short.toml", "--workers", 1)
    assert done.code == 0, done.err
    (line,) = done.err.splitlines()
    assert line.startswith("0001 (seed = 0): strict validation accuracy ")


def test_what_workers_refuse_is_one_line(netsim: Netsim, run: Path) -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        netsim("evaluate", run, "--scheduler", cluster.scheduler_address).refused("2 threads", "--nthreads 1")


def test_a_worker_that_comes_later_has_the_plug_ins(tmp_path: Path) -> None:
    path = tmp_path / "come_later.py"
    path.write_text("from netsim.seams import schedules\nschedules.add('later', lambda done: 0.5, __name__)\n")
    load_plugin(path)

    def has_it() -> bool:
        return "later" in schedules

    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster,
        connect(cluster.scheduler_address) as client,
    ):
        cluster.scale(1)
        client.wait_for_workers(1)
        assert list(client.run(has_it).values()) == [True]


def test_no_scheduler(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.presenting.cluster._CONNECT_SECONDS", 0.1)
    Path("long.toml").write_text(LONG, encoding="utf-8")
    for address in ("tcp://127.0.0.1:1", "nosuch://127.0.0.1:1", "127.0.0.1", "tls://127.0.0.1:1"):
        netsim("evaluate", run, "--scheduler", address).refused(f"--scheduler {address}: ", "dask scheduler")
        netsim("sweep", "long.toml", "--scheduler", address).refused(f"--scheduler {address}: ", "dask scheduler")
    assert not Path("sweeps").exists()


def test_without_the_extra(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    netsim("evaluate", run, "--workers", 2).refused("distributed", "pip install 'netsim-snn[sweep]'")


def test_the_list_of_runs(netsim: Netsim) -> None:
    Path("plan.toml").write_text('base = "digits"\nseeds = [7]\ngrid.learning.rate = [0.125, 0.25]', encoding="utf-8")
    assert netsim("sweep", "plan.toml", "--list", "--json").json() == {
        "runs": [
            {"run": name, "seed": 7, "settings": {"learning.rate": rate}}
            for name, rate in (("0001", 0.125), ("0002", 0.25))
        ]
    }
    out = netsim("sweep", "plan.toml", "--list").out
    assert "learning.rate" in out
    assert "0.125" in out
    assert "0001" in out
    assert os.listdir() == ["plan.toml"]


def test_the_list_of_runs_names_the_folders_of_earlier_runs(netsim: Netsim, scheduler: str) -> None:
    base = 'base = "digits"\nlimit = 20\noverrides.training.epochs = 1\ngrid.learning.rate = '
    Path("plan.toml").write_text(f"{base}[0.25]", encoding="utf-8")
    assert netsim("sweep", "plan.toml", "--scheduler", scheduler).code == 0
    Path("plan.toml").write_text(f"{base}[0.125, 0.25]", encoding="utf-8")
    runs = netsim("sweep", "plan.toml", "--list", "--resume", "--json").json()["runs"]
    assert {each["settings"]["learning.rate"]: each["run"] for each in runs} == {0.25: "0001", 0.125: "0002"}


def test_the_test_images_are_not_touched(tmp_path: Path) -> None:
    network = load_preset("digits")
    training = open_training(tmp_path / "run", network, 0, limit=20)
    test = load_splits(network).test
    for stimuli in (training.training, training.validation):
        assert not any((stimuli.images == image).all(axis=(1, 2, 3)).any() for image in np.asarray(test.images))
