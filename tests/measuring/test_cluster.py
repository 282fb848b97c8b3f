"""The workers of this machine: reached by nobody else, and each with its share of the cores."""

from __future__ import annotations

import copy
import multiprocessing
import os
import runpy
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim import analyse, present, study
from netsim.engines import Engine, make_engine
from netsim.errors import DataError, RunError, SpecificationError
from netsim.numerics.threads import threads
from netsim.presenting import cluster
from netsim.presenting.batches import Presented, as_they_are
from netsim.presenting.cluster import OverWorkers, connect
from netsim.runs.model import load_model

distributed = pytest.importorskip("distributed", reason="workers need the extra sweep: pip install -e '.[sweep]'")
pytest.importorskip("cryptography", reason="workers need the extra sweep: pip install -e '.[sweep]'")
psutil = pytest.importorskip("psutil", reason="comes with distributed")


def _listening(process: int) -> list[str]:
    sockets = psutil.Process(process).net_connections()
    return [socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN]


def test_workers_of_this_machine_are_for_its_user_alone() -> None:
    foreign = Path("dask-scratch-space")  # where Dask would work, and which may be another user's
    foreign.touch()
    with connect(workers=2) as client:
        address = client.scheduler_info()["address"]
        assert address.startswith("tls://127.0.0.1:")
        workers = list(client.run(os.getpid).values())
        assert workers  # on a busy machine one may lose its connection and end
        for process in (os.getpid(), *workers):
            assert set(_listening(process)) == {"127.0.0.1"}
        with pytest.raises((OSError, TypeError)):  # it asks for a certificate that only its own client has
            distributed.Client(address, timeout=2, set_as_default=False)
        share = max(1, threads() // 2)
        assert set(client.run(threads).values()) == {share}
        assert {worker["nthreads"] for worker in client.scheduler_info()["workers"].values()} == {1}
    assert list(Path().iterdir()) == [foreign]


def test_a_program_without_a_guard_is_refused_before_processes_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process would run it again."""
    monkeypatch.setattr(distributed, "LocalCluster", lambda **options: pytest.fail("started"))
    program = Path("program.py")
    text = "import netsim\nmodel = netsim.load_model('digits')\nnetsim.evaluate(model, workers=2)\n"
    program.write_text(text, encoding="utf-8")
    message = r'program.py, line 3: each worker process .*; put this line under if __name__ == "__main__":$'
    with pytest.raises(RunError, match=message):
        runpy.run_path(str(program), run_name="__main__")
    guarded = "from netsim.presenting.cluster import _check_guard\nif __name__ == '__main__':\n    _check_guard()\n"
    program.write_text(guarded, encoding="utf-8")
    runpy.run_path(str(program), run_name="__main__")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs masks of signals")
@pytest.mark.parametrize(
    ("step", "name"),
    [
        *(("__init__", "SIGINT"), ("__exit__", "SIGTERM")),
        *(pytest.param("__init__", name, marks=pytest.mark.nightly) for name in ("SIGTERM", "SIGHUP")),
        *(pytest.param("__exit__", name, marks=pytest.mark.nightly) for name in ("SIGINT", "SIGHUP")),
    ],
)
def test_a_cluster_is_started_and_closed_as_a_whole(step: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else workers stay, which ignore SIGTERM, and Python waits for them at its end.

    A mask of signals does not help: it is of one thread, and another one of the process takes the signal.
    """
    number, before = getattr(signal, name), signal.getsignal(getattr(signal, name))
    whole, taken, processes = getattr(distributed.LocalCluster, step), list[str](), list[int]()
    due, sent = threading.Event(), threading.Event()

    def send() -> None:
        assert due.wait(120)
        signal.raise_signal(number)  # to this thread
        sent.set()

    def interrupted(*arguments: Any, **options: Any) -> Any:
        due.set()
        assert sent.wait(120)
        result = whole(*arguments, **options)
        taken.append(step)
        return result

    def work() -> None:
        with connect(workers=1) as client:
            processes.extend(client.run(os.getpid).values())

    sender = threading.Thread(target=send)
    sender.start()
    monkeypatch.setattr(distributed.LocalCluster, step, interrupted)
    signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert signal.getsignal(number) == signal.default_int_handler
    finally:
        signal.signal(number, before)
        sender.join(120)
    assert taken == [step]
    assert len(processes) == (step == "__exit__")
    assert not any(map(psutil.pid_exists, processes))
    assert multiprocessing.active_children() == []


def test_errors_pass_from_one_process_to_another() -> None:
    for error in (SpecificationError("learning.rate", "must be positive"), DataError("digits: missing")):
        other = copy.copy(error)
        assert type(other) is type(error)
        assert str(other) == str(error)


def test_a_worker_presents_each_evaluation_on_the_engine_of_that_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of a scheduler outlive an evaluation; parts of one share the engine that came with the first."""
    monkeypatch.setattr(cluster, "check_worker", lambda: None)
    monkeypatch.setattr(cluster, "_engines", {})
    model = load_model("digits")
    part = model.splits().test.first(2)
    asked: list[Engine] = []

    def read(engine: Engine, presented: Presented) -> float:
        asked.append(engine)
        return engine.dt

    engines = [make_engine("event", model.network, dt=dt) for dt in (1.0, 1.0, 0.5)]
    batch = as_they_are(model.weights)
    for job, engine in zip(("first", "first", "second"), engines, strict=True):
        assert cluster._present_part(part, 0, job, engine, batch, read) == engine.dt
    assert asked[0] is asked[1] is engines[0]
    assert asked[2] is engines[2]
    assert list(cluster._engines.values()) == [engines[2]]  # no more than one is kept in memory


def test_a_scheduler_that_cannot_take_tasks_in_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of memory its thread does not begin; what is submitted then would be waited for without end."""

    def full(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(distributed.utils._offload_executor, "submit", full)
    with pytest.raises(RunError, match=r"workers: 1 did not start \(can't start new thread\)"), connect(workers=1):
        pass


def test_a_client_that_does_not_begin_in_time_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that stands still for ten seconds distributed fails over an assertion of its own."""

    def late(*arguments: object, **options: object) -> None:
        raise AssertionError

    monkeypatch.setattr("distributed.Client", late)
    message = r"tcp://there:1: no Dask scheduler .* \(AssertionError\)"
    with pytest.raises(RunError, match=message), connect("tcp://there:1"):
        pass


def test_workers_draw_and_present_the_same_as_this_process() -> None:
    """A study draws for some stimuli at a time, which must not be fewer on workers."""
    model = load_model("digits")
    with connect(workers=1) as client:
        there = OverWorkers(client)
        for name in ("spike-jitter", "weight-noise"):
            here = study(model, name, [2.0], [0], limit=260)
            on_workers = study(model, name, [2.0], [0], limit=260, workers=there)
            pd.testing.assert_frame_equal(on_workers, here, check_exact=True)
            how: dict[str, Any] = {"limit": 260, "disturbance": (name, 2.0), "seed": 3}
            spikes, others = present(model, **how), present(model, **how, workers=there)
            for population in model.network.shapes:
                np.testing.assert_array_equal(others[population], spikes[population])
        here = analyse(model, "importance", limit=60, units=2).table
        on_workers = analyse(model, "importance", limit=60, units=2, workers=there).table
        pd.testing.assert_frame_equal(on_workers, here, check_exact=True)
