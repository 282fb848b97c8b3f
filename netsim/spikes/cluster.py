"""Dask workers: processes of this machine, or of a cluster that runs already.

What passes between the processes is pickled by Dask, so whoever can talk to a scheduler can run code on its
workers, and the other way round. The scheduler of this machine's own workers therefore listens on loopback
alone, with a key that is made for it and never written down.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.current_folder import guard
from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.errors import RunError
from netsim.numerics.threads import threads
from netsim.runs.plugin_files import load_plugin, loaded_plugins
from netsim.spikes.batches import SHARE, MakeBatch, OnPresented, Part, Read, presenting

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

_CONNECT_SECONDS = 10
_POLL_SECONDS = 0.5
_START_SECONDS = 120
_NOT_STARTED = (OSError, ValueError, TypeError, RuntimeError, AssertionError)
"""What distributed raises; an assertion is its own, where a thread has not begun within its ten seconds."""
LOST_SECONDS = 60.0
"""How long workers that died may be away: they are started again, unless there is no memory for it."""
_ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
MEMORY = "is there memory for them? Choose fewer --workers, or a higher limit"


@contextmanager
def connect(scheduler: str | None = None, workers: int = 1) -> Iterator[Client]:
    """A client of a Dask scheduler such as ``tls://node7:8786``, or of so many worker processes of this machine.

    Keys and certificates for a scheduler come from Dask's configuration. This machine's workers are stopped in the end.
    """
    try:
        import dask
        from distributed import Client, LocalCluster, Security
        from distributed.utils import offload

        own_key = Security.temporary() if scheduler is None else None
    except ImportError as error:
        raise RunError(
            "workers need the packages distributed and cryptography; pip install 'netsim-snn[sweep]'"
        ) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what goes wrong is raised
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_CONNECT_SECONDS)
        except _NOT_STARTED as error:
            raise RunError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({str(error) or type(error).__name__});"
                " start one with: dask scheduler --host ADDRESS"
            ) from error
        with client, _plugins(client):
            yield client
        return
    no_pages: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="netsim-", ignore_cleanup_errors=True))
        # the scheduler would lock files of a folder in TMPDIR whose name everybody knows, and empty them
        stack.enter_context(dask.config.set(no_pages | {"temporary-directory": scratch}))
        try:
            with _interrupts_later():
                cluster = stack.enter_context(
                    LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",
                        scheduler_kwargs={"dashboard": False},
                        security=own_key,
                        silence_logs=logging.CRITICAL,
                        env={"NETSIM_THREADS": str(max(1, threads() // workers))},
                        preload=[__name__],
                        local_directory=scratch,
                        death_timeout=_START_SECONDS,
                    )
                )
                client = stack.enter_context(Client(cluster, timeout=_START_SECONDS))
                client.sync(offload, int)  # the scheduler's thread: without it no task would ever begin, or end
        except _NOT_STARTED as error:
            raise RunError(
                f"workers: {workers} did not start ({str(error) or type(error).__name__}); {MEMORY}"
            ) from error
        stack.enter_context(_plugins(client))
        try:
            yield client
        finally:
            with _interrupts_later():
                stack.close()


@contextmanager
def _plugins(client: Client) -> Iterator[None]:
    """Have workers load the files of this process, those too that come later; they find them under the same path."""
    from distributed import WorkerPlugin

    class Files(WorkerPlugin):  # of no module, so that it is pickled by value
        def __init__(self, paths: list[str]) -> None:
            self.paths = paths

        def setup(self, worker: object) -> None:
            for path in self.paths:
                load_plugin(path)

    if not loaded_plugins():
        yield
        return
    name = f"netsim-{uuid.uuid4().hex}"
    client.register_plugin(Files([str(path) for path in loaded_plugins()]), name)
    try:
        yield
    finally:
        with suppress(OSError, TimeoutError):  # of a scheduler that is gone
            client.unregister_worker_plugin(name)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold back Ctrl-C, and what a cluster or a terminal ends with; processes that are started meanwhile never get it.

    They come to an end by the process that the user sees, which has trainings write a checkpoint first. If a cluster
    were left half started or half closed, this process would wait for ever at its end: for workers that ignore SIGTERM.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other one is interrupted, nor may set handlers
        for end in _ENDS:
            if callable(handler := signal.getsignal(end)):
                handlers[end] = handler
                signal.signal(end, lambda number, frame: held.append(number))
    # for the processes alone: here any other thread takes a signal, and Python has the main one handle it at once
    former = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    resource_tracker.ensure_running()  # else it comes with the first process, and lets signals through in its thread
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        for end, handler in handlers.items():
            signal.signal(end, handler)
        if held:
            signal.raise_signal(held[0])


def dask_setup(worker: Worker) -> None:
    """Leave signals to the process that the user sees; Dask calls this in each worker of this machine.

    The thread that works begins here, so that a worker without the memory for it fails at once: later Dask would take
    its task for one that is under way, and wait for ever.
    """
    guard()
    worker.executors["default"].submit(int).result()
    for end in _ENDS:
        signal.signal(end, signal.SIG_IGN)


def check_worker() -> None:
    """Refuse to work beside other tasks in one process, for Brian2's state belongs to the whole process."""
    from distributed import get_worker

    count = get_worker().state.nthreads
    if count > 1:
        raise RunError(f"a worker has {count} threads; start workers with one: dask worker ADDRESS --nthreads 1")


def all_lost(client: Client) -> bool:
    """Whether no worker of this machine is there; those of a scheduler may come when they like."""
    return client.cluster is not None and not client.scheduler_info()["workers"]


def lost(error: BaseException) -> str | None:
    """What to say of work that did not end for want of workers; None if its own error stopped it."""
    from distributed import CancelledError, KilledWorker

    if isinstance(error, KilledWorker):
        return f"{error.allowed_failures + 1} workers died of it; have they enough memory?"
    return "the scheduler or its workers were lost" if isinstance(error, CancelledError) else None


def _as_they_end(client: Client, futures: Sequence[Future[Part]]) -> Iterator[Future[Part]]:
    """The futures in the order in which they end; a `RunError` if this machine's workers do not come back."""
    ended: queue.SimpleQueue[Future[Part]] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    alive = time.monotonic()
    for _ in futures:
        while True:
            try:
                future = ended.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                alive = alive if all_lost(client) else time.monotonic()
                if time.monotonic() - alive > LOST_SECONDS:
                    raise RunError(f"presenting on workers: they died and did not come back; {MEMORY}") from None
            else:
                break
        alive = time.monotonic()
        yield future


class OverWorkers:
    """Have parts of stimuli presented by Dask workers; a `RunError` if they are lost. See `Distribution`.

    The engine must not have presented anything yet: each worker continues with a copy of it.
    """

    size = SHARE

    def __init__(self, client: Client) -> None:
        self._client = client
        self._jobs: dict[int, tuple[Engine, str]] = {}

    def __call__(
        self, engine: Engine, parts: Sequence[Stimuli], batch: MakeBatch, read: Read[Part], progress: OnPresented
    ) -> list[Part]:
        """Submit the parts, and gather what was read of them."""
        import dask

        client, (_, job) = self._client, self._jobs.setdefault(id(engine), (engine, uuid.uuid4().hex))
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            everywhere = client.submit(_as_given, batch, pure=False)  # unlike scattered ones they outlive a worker
        firsts = np.cumsum([0, *(len(part) for part in parts)]).tolist()
        futures = client.map(
            _present_part, parts, firsts[:-1], job=job, engine=engine, batch=everywhere, read=read, pure=False
        )
        sizes = {future.key: len(part) for future, part in zip(futures, parts, strict=True)}
        done = 0
        for future in _as_they_end(client, futures):
            if future.status != "finished":
                break
            done += sizes[future.key]
            progress(done)
        try:
            return client.gather(futures)
        except Exception as error:
            if lost(error) is None:
                raise
            raise RunError(f"presenting on workers: {lost(error)}; start again, perhaps with fewer workers") from error


def _as_given(batch: MakeBatch) -> MakeBatch:
    return batch


_engines: dict[str, Engine] = {}


def _present_part(part: Stimuli, first: int, job: str, engine: Engine, batch: MakeBatch, read: Read[Part]) -> Part:
    check_worker()
    # the engine that came with the first part is kept: Brian2 takes long to build a network
    if job not in _engines:
        _engines.clear()
    kept = _engines.setdefault(job, engine)
    (result,) = kept.run(presenting([part], batch, partial(read, kept), first=first))
    return result
