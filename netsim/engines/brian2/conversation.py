"""Conversations within one long Brian2 run, which receive latencies and yield stimuli between presentations."""

import contextlib
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol

import brian2
import numpy as np
from brian2 import NetworkOperation

from netsim.engines.protocol import (
    Batch,
    Conversation,
    Latencies,
    Potential,
    Recorded,
    Result,
    checked_batch,
    presenting_alone,
    single_batch,
)
from netsim.errors import RunError
from netsim.specification import Network
from netsim.specification.grid import step_at_or_after
from netsim.weights.layout import Weights

# More steps than any conversation needs; it stops the run when it returns
ENDLESS = 2**39


class Presenting(Protocol):
    """A Brian2 network for presentations."""

    @property
    def network(self) -> brian2.Network:
        """The Brian2 network that runs."""

    @property
    def clock(self) -> brian2.Clock:
        """The clock of the network."""

    @property
    def copies(self) -> int:
        """Number of simultaneous presentations."""

    def operations(self) -> Sequence[NetworkOperation]:
        """Return new operations for a run, which act in each step."""

    @property
    def namespace(self) -> Mapping[str, Any]:
        """Return values of names in equations that groups do not define."""

    def set_weights(self, weights: Weights) -> None:
        """Write the forward weights."""

    def set_thresholds(self, thresholds: Mapping[str, np.ndarray]) -> None:
        """Write thresholds of neurons by population, or restore the defaults."""

    def set_delays(self, delays: Mapping[str, np.ndarray]) -> None:
        """Write delays of axons by projection, or restore the defaults."""

    def begin(self, stimuli: np.ndarray, silenced: Mapping[str, np.ndarray]) -> None:
        """Begin a presentation at the current time. Both arguments have a first axis of copies."""

    def latencies(self) -> Mapping[str, np.ndarray]:
        """Return first-spike latencies (ms) of the finished presentation, with a first axis of copies."""

    def potential(self, population: str) -> np.ndarray:
        """Return the live potentials of a population, for all copies in sequence."""


class ClockDriven(ABC):
    """An engine that runs a complete conversation in one Brian2 run (see `netsim.engines.Engine`).

    Between presentations, an operation collects the first spikes. After the last presentation of a batch, it resumes
    the conversation.
    """

    network: Network
    dt: float
    record: tuple[Recorded, ...]
    potentials: list[Potential]
    _converses = False

    @abstractmethod
    def model_for(self, batch: Batch) -> Presenting:
        """Return the Brian2 network that presents a batch."""

    def present(self, batch: Batch) -> Latencies:
        """Present one batch in a separate Brian2 run. `run` presents many batches faster."""
        return self.run(single_batch(batch))

    def run(self, conversation: Conversation[Result]) -> Result:
        """Run a conversation until it returns.

        Errors of the conversation propagate, and the engine stays usable. An engine runs one conversation at a time,
        and the process has only one state of Brian2. Raise RunError if another thread uses Brian2, or if this process
        was forked while another thread ran a conversation on this engine.
        """
        with (
            contextlib.closing(conversation),
            presenting_alone(self),
            _one_thread(),
            quiet_brian2(),
            self._in_its_state(),
        ):
            dialogue = _Dialogue(self, conversation)
            dialogue.advance()
            model = None
            while not dialogue.over and model is not dialogue.model:  # with an equal model, a stop means Ctrl-C
                model = dialogue.model
                self._run(dialogue, model)
        return dialogue.result()

    @contextlib.contextmanager
    def _in_its_state(self) -> Iterator[None]:
        """Refuse a network within a presentation. No other conversation uses it now."""
        if self._converses:
            left = "was presenting in another thread as this process was forked; make a new engine here"
            raise RunError(f"{self!r}: {left}")
        self._converses = True
        try:
            yield
        finally:
            self._converses = False

    def _run(self, dialogue: "_Dialogue[Result]", model: Presenting) -> None:
        """Continue the dialogue until it ends, or needs another model."""

        def step() -> None:
            if not dialogue.step(model):
                model.network.stop()

        operations = [NetworkOperation(step, clock=model.clock, when="before_start"), *model.operations()]
        model.network.add(*operations)
        try:
            model.network.run(ENDLESS * model.clock.dt, namespace=dict(model.namespace))
        finally:
            model.network.remove(*operations)


class _Dialogue(Generic[Result]):
    """A conversation during the steps of a Brian2 run. `over` means that it has returned or raised.

    Its result or error is stored until the run ends, because an exception inside Brian2's loop would leave Brian2 in a
    running state.
    """

    model: Presenting  # of the current presentation

    def __init__(self, engine: ClockDriven, conversation: Conversation[Result]) -> None:
        self.over = False
        self._engine = engine
        self._presentations = self._hold(conversation)
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._step = 0
        self._steps = step_at_or_after(engine.network.duration, engine.dt)
        self._traces: list[tuple[np.ndarray, np.ndarray]] = []

    def step(self, model: Presenting) -> bool:
        """Record before each step, and begin the next presentation after the last. Return False to change the model."""
        if self._step == self._steps:
            self._step = 0
            self.advance()
            if self.over or self.model is not model:
                return False
        for potential, trace in self._traces:
            trace[self._step] = potential
        self._step += 1
        return True

    def advance(self) -> None:
        """End a presentation and begin the next, if any."""
        try:
            next(self._presentations)
        except StopIteration as stop:
            self._results.append(stop.value)
            self.over = True
        except BaseException as error:
            self._error = error
            self.over = True

    def result(self) -> Result:
        """Return the result of the conversation, or raise its error."""
        if self._error is not None:
            raise self._error
        if not self._results:
            raise KeyboardInterrupt  # Brian2 converts the first Ctrl-C to the end of its run
        return self._results[0]

    def _hold(self, conversation: Conversation[Result]) -> Generator[None, None, Result]:
        """Present all batches. Each ``yield`` runs one presentation."""
        try:
            batch = next(conversation)
            while True:
                latencies = yield from self._present(batch)
                batch = conversation.send(latencies)
        except StopIteration as stop:
            return stop.value

    def _present(self, batch: Batch) -> Generator[None, None, Latencies]:
        """Present the stimuli of a batch, in groups as large as the number of copies."""
        engine = self._engine
        batch = checked_batch(engine.network, batch)
        self.model = model = engine.model_for(batch)
        model.set_weights(batch.weights)
        model.set_thresholds(batch.thresholds)
        model.set_delays(batch.delays)
        engine.potentials = []
        presentations = len(batch.stimuli)
        latencies = Latencies(
            {name: np.empty((presentations, *shape)) for name, shape in engine.network.shapes.items()}
        )
        for first in range(0, presentations, model.copies):
            chunk = slice(first, min(first + model.copies, presentations))
            self._traces = [self._trace(recorded) for recorded in engine.record]
            model.begin(
                _filled_up(batch.stimuli[chunk], model.copies, np.inf),
                {name: _filled_up(mute[chunk], model.copies, False) for name, mute in batch.silenced.items()},
            )
            yield
            for name, latest in model.latencies().items():
                latencies[name][chunk] = latest[: chunk.stop - first]
            engine.potentials += self._potentials(chunk)
        return latencies

    def _trace(self, recorded: Recorded) -> tuple[np.ndarray, np.ndarray]:
        """Return the live potentials of a neuron's copies, and the array that records them."""
        model = self.model
        return model.potential(recorded.layer).reshape(model.copies, -1)[:, recorded.neuron], np.empty(
            (self._steps, model.copies)
        )

    def _potentials(self, chunk: slice) -> Iterator[Potential]:
        time = np.arange(self._steps) * self._engine.dt
        for copy, presentation in enumerate(range(chunk.start, chunk.stop)):
            for (layer, neuron), (_, trace) in zip(self._engine.record, self._traces, strict=True):
                yield Potential(presentation, layer, neuron, time, trace[:, copy].copy())


_IN_BRIAN2 = threading.RLock()


def _forget_other_threads() -> None:
    """Reset the lock in a forked process, which has no other threads."""
    global _IN_BRIAN2
    if _IN_BRIAN2.acquire(blocking=False):
        _IN_BRIAN2.release()
    else:
        _IN_BRIAN2 = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Raise RunError for a second thread in Brian2. A conversation may run another engine in its own thread."""
    if not _IN_BRIAN2.acquire(blocking=False):
        raise RunError("brian2: is running in another thread, and its state belongs to the process; use processes")
    try:
        yield
    finally:
        _IN_BRIAN2.release()


def _filled_up(presentations: np.ndarray, copies: int, value: float) -> np.ndarray:
    """Pad presentations to a multiple of the number of copies."""
    widths = [(0, copies - len(presentations)), *[(0, 0)] * (presentations.ndim - 1)]
    return np.pad(presentations, widths, constant_values=value)


@contextlib.contextmanager
def quiet_brian2() -> Iterator[None]:
    """Suppress log messages of Brian2 that do not concern users of an engine."""
    logger = logging.getLogger("brian2")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
