"""Dask workers: processes of this machine or of a running cluster.

Dask pickles all messages, so anyone who can reach a scheduler can run code on its workers, and vice versa. The
scheduler for workers of this machine therefore listens on loopback only, with a temporary key that is never stored.
"""

from __future__ import annotations

import ast
import logging
import queue
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.errors import RunError, warn_user
from netsim.numerics.threads import threads
from netsim.presenting.batches import MakeBatch, OnPresented, Part, Read, present_each
from netsim.runs.plugin_files import load_plugin, loaded_plugins
from netsim.spikes.latencies import BATCH

if TYPE_CHECKING:
    from distributed import Client, Worker

_CONNECT_SECONDS = 10
_POLL_SECONDS = 0.2
_START_SECONDS = 120
_NOT_STARTED = (OSError, ValueError, TypeError, RuntimeError, AssertionError)
"""Exceptions of distributed. It raises AssertionError if a thread does not start within ten seconds."""
_LOST_SECONDS = 60.0
"""Seconds that dead workers may be away. They restart unless memory is short."""
_ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_MEMORY = "is there memory for them? Choose fewer --workers, or a higher limit"


@contextmanager
def connect(scheduler: str | None = None, workers: int = 1) -> Iterator[Client]:
    """Connect to a Dask scheduler such as ``tls://node7:8786``, or start `workers` processes on this machine.

    Keys and certificates for a scheduler come from Dask's configuration. Processes of this machine stop at the end.
    """
    try:
        import dask
        from distributed import Client, LocalCluster, Security
        from distributed.utils import offload

        key = Security.temporary() if scheduler is None else None
    except ImportError as error:
        raise RunError(
            "workers need the packages distributed and cryptography; pip install 'netsim-snn[sweep]'"
        ) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # failures raise errors
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_CONNECT_SECONDS)
        except _NOT_STARTED as error:
            raise RunError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({str(error) or type(error).__name__});"
                " start one with: dask scheduler --host ADDRESS"
            ) from error
        with client, _plugins(client):
            if not client.scheduler_info()["workers"]:
                warn_user(f"{scheduler}: has no workers yet; waiting for them")
            yield client
        return
    _check_guard()
    no_pages: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="netsim-", ignore_cleanup_errors=True))
        # a folder with a known name in TMPDIR could contain links to other files, which the scheduler would empty
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
                        security=key,
                        silence_logs=logging.CRITICAL,
                        env={"NETSIM_THREADS": str(max(1, threads() // workers))},
                        preload=[__name__],
                        local_directory=scratch,
                        death_timeout=_START_SECONDS,
                    )
                )
                client = stack.enter_context(Client(cluster, timeout=_START_SECONDS))
                client.sync(offload, int)  # start the scheduler's thread now; tasks would hang without it
        except _NOT_STARTED as error:
            raise RunError(
                f"workers: {workers} did not start ({str(error) or type(error).__name__}); {_MEMORY}"
            ) from error
        stack.enter_context(_plugins(client))
        try:
            yield client
        finally:
            with _interrupts_later():
                stack.close()


def _check_guard() -> None:
    """Raise RunError in a program whose main block is unguarded, because each new process would run it again."""
    import dask

    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "<module>" and frame.f_globals["__name__"] == "__main__"):
        frame = frame.f_back
    forks = dask.config.get("distributed.worker.multiprocessing-method") == "fork"
    if frame is None or forks or "__file__" not in frame.f_globals:
        return  # a thread or a notebook, whose processes start without the program
    try:
        program = ast.walk(ast.parse(Path(frame.f_globals["__file__"]).read_bytes()))
    except (OSError, SyntaxError, ValueError):  # an archive or compiled file
        return
    tests = [node.test for node in program if isinstance(node, ast.If) and node.lineno <= frame.f_lineno]
    if not any(isinstance(node, ast.Name) and node.id == "__name__" for test in tests for node in ast.walk(test)):
        where = f"{frame.f_globals['__file__']}, line {frame.f_lineno}"
        again = "each worker process would run the program again"
        raise RunError(f'workers: {where}: {again}; put this line under if __name__ == "__main__":')


@contextmanager
def _plugins(client: Client) -> Iterator[None]:
    """Have workers load the plugin files of this process, under the same paths. Later workers load them too."""
    from distributed import WorkerPlugin

    class Files(WorkerPlugin):  # a local class, so that it is pickled by value
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
        with suppress(OSError, TimeoutError):  # the scheduler may be gone
            client.unregister_worker_plugin(name)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Delay Ctrl-C and other termination signals. Processes that start meanwhile never receive them.

    The process that the user sees stops its workers, so that trainings can write a checkpoint first. A cluster that is
    half started or half closed would block this process at exit, because its workers ignore SIGTERM.
    """
    if sys.platform == "win32" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # only the main thread may set handlers
        for end in _ENDS:
            if callable(handler := signal.getsignal(end)):
                handlers[end] = handler
                signal.signal(end, lambda number, frame: held.append(number))
    # the mask only affects child processes: here another thread receives the signal for Python's main thread
    former = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    resource_tracker.ensure_running()  # if it started later, its thread would let signals through
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
    """Ignore termination signals in each worker of this machine. Dask calls this function.

    The worker's thread starts here, so that a worker without enough memory fails at once. Otherwise, Dask would wait
    for its task forever.
    """
    worker.executors["default"].submit(int).result()
    for end in _ENDS:
        signal.signal(end, signal.SIG_IGN)


def check_worker() -> None:
    """Raise RunError in a worker with several threads, because Brian2's state belongs to the whole process."""
    from distributed import get_worker

    count = get_worker().state.nthreads
    if count > 1:
        raise RunError(f"a worker has {count} threads; start workers with one: dask worker ADDRESS --nthreads 1")


def workers_of(client: Client) -> dict[str, int]:
    """Return workers and their threads: none if the scheduler is gone, which cancels its tasks."""
    try:
        return dict(client.nthreads())
    except OSError:
        return {}


def lost(error: BaseException) -> str | None:
    """Explain a failure that was caused by lost workers. Return None for other errors."""
    from distributed import CancelledError, KilledWorker

    if isinstance(error, KilledWorker):
        return f"{error.allowed_failures + 1} workers died while running it; give them more memory"
    return "the scheduler or its workers were lost" if isinstance(error, CancelledError) else None


class Inbox:
    """Messages of Dask workers, such as their finished futures.

    Parameters
    ----------
    client : Client
    sender : str
        Name of the work, for the error if the workers are lost.
    remedy : str
        Added to that error.
    """

    def __init__(self, client: Client, sender: str, remedy: str = "") -> None:
        self._client = client
        self._error = f"{sender}: the workers died and did not come back; {_MEMORY}{remedy}"
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alive = time.monotonic()

    def put(self, message: Any) -> None:
        """Add a message. Any thread may call it."""
        self._messages.put(message)

    def get(self) -> Any:
        """Return the next message, or None if none comes in a moment.

        Raises
        ------
        RunError
            If the workers of this machine die and do not return. A scheduler may get new workers at any time.
        """
        try:
            message = self._messages.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            message = None
        if message is not None or self._client.cluster is None or self._client.scheduler_info()["workers"]:
            self._alive = time.monotonic()
        elif time.monotonic() - self._alive > _LOST_SECONDS:
            raise RunError(self._error)
        return message


class OverWorkers:
    """Present parts of stimuli on Dask workers, see `Distribution`. Lost workers raise `RunError`.

    The engine must be unused, because each worker receives a copy of it.
    """

    size = BATCH // 4  # shares the work evenly

    def __init__(self, client: Client) -> None:
        self._client = client
        self._jobs: dict[int, tuple[Engine, str]] = {}

    def __call__(
        self, engine: Engine, parts: Sequence[Stimuli], batch: MakeBatch, read: Read[Part], progress: OnPresented
    ) -> list[Part]:
        """Submit the parts and gather the results of `read`."""
        import dask

        client, (_, job) = self._client, self._jobs.setdefault(id(engine), (engine, uuid.uuid4().hex))
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            everywhere = client.submit(_as_given, batch, pure=False)  # unlike scattered data, it survives a worker
        firsts = np.cumsum([0, *(len(part) for part in parts)]).tolist()
        futures = client.map(
            _present_part, parts, firsts[:-1], job=job, engine=engine, batch=everywhere, read=read, pure=False
        )
        sizes = {future.key: len(part) for future, part in zip(futures, parts, strict=True)}
        inbox, done = Inbox(client, "presenting on workers"), 0
        for future in futures:
            future.add_done_callback(inbox.put)
        while done < firsts[-1]:
            ended = inbox.get()
            if ended is not None:
                if ended.status != "finished":
                    break
                done += sizes[ended.key]
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
    # keep the engine of the first part, because Brian2 takes long to build a network
    if job not in _engines:
        _engines.clear()
    kept = _engines.setdefault(job, engine)
    (result,) = present_each(kept, [part], batch, read, first=first)
    return result
