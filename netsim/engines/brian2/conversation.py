"""Conversations in one long Brian2 run: between presentations they receive latencies and yield the next stimuli."""

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

# More steps than any conversation takes; it stops the run when it returns
ENDLESS = 2**39


class Presenting(Protocol):
    """A Brian2 network that presentations can be held with."""

    @property
    def network(self) -> brian2.Network:
        """What runs."""

    @property
    def clock(self) -> brian2.Clock:
        """Its steps."""

    @property
    def copies(self) -> int:
        """Number of presentations that run side by side."""

    def operations(self) -> Sequence[NetworkOperation]:
        """Made anew for each run: what happens in each step as long as the engine runs the network."""

    @property
    def namespace(self) -> Mapping[str, Any]:
        """What names in equations stand for that groups do not know themselves."""

    def set_weights(self, weights: Weights) -> None:
        """Write the weights that feed forward."""

    def set_thresholds(self, thresholds: Mapping[str, np.ndarray]) -> None:
        """Write thresholds of neurons by population, or those that they have without."""

    def set_delays(self, delays: Mapping[str, np.ndarray]) -> None:
        """Write delays of axons by projection, or those that they have without."""

    def begin(self, stimuli: np.ndarray, silenced: Mapping[str, np.ndarray]) -> None:
        """Begin a presentation at the present time; both have a first axis of copies."""

    def latencies(self) -> Mapping[str, np.ndarray]:
        """First-spike latencies (ms) of the presentation that has ended, with a first axis of copies."""

    def potential(self, population: str) -> np.ndarray:
        """The live potentials of a population, of all copies one after another."""


class ClockDriven(ABC):
    """An engine that runs a whole conversation in one Brian2 run (see `netsim.engines.Engine`).

    Between presentations an operation collects the first spikes and, after the last one of a batch, lets the
    conversation answer.
    """

    network: Network
    dt: float
    record: tuple[Recorded, ...]
    potentials: list[Potential]
    _converses = False

    @abstractmethod
    def model_for(self, batch: Batch) -> Presenting:
        """The Brian2 network that presents a batch."""

    def present(self, batch: Batch) -> Latencies:
        """Present one batch in a Brian2 run of its own; `run` is the faster way to present many."""
        return self.run(single_batch(batch))

    def run(self, conversation: Conversation[Result]) -> Result:
        """Run a conversation until it returns.

        Whatever the conversation raises is raised here, and the engine can be used again. An engine runs one
        conversation at a time, and Brian2's state belongs to the process. Raises RunError if another thread uses it, or
        if this process was forked while another thread was in the middle of a conversation with this engine.
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
            while not dialogue.over and model is not dialogue.model:  # if it is the same, a stop is Ctrl-C
                model = dialogue.model
                self._run(dialogue, model)
        return dialogue.result()

    @contextlib.contextmanager
    def _in_its_state(self) -> Iterator[None]:
        """Refuse a network that stands in the middle of a presentation; it is in no other conversation now."""
        if self._converses:
            left = "was presenting in another thread as this process was forked; make a new engine here"
            raise RunError(f"{self!r}: {left}")
        self._converses = True
        try:
            yield
        finally:
            self._converses = False

    def _run(self, dialogue: "_Dialogue[Result]", model: Presenting) -> None:
        """Continue the dialogue until it is over, or needs another model."""

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
    """One conversation on its way through the steps of a Brian2 run, `over` once it has returned or raised.

    What it returns or raises is kept until the run has ended: an exception on its way through Brian2's loop would
    leave Brian2 believing that it still runs.
    """

    model: Presenting  # of the presentation under way

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
        """Record before each step, and after the last one begin the next presentation; whether this model goes on."""
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
        """End a presentation and begin the next one, if there is any."""
        try:
            next(self._presentations)
        except StopIteration as stop:
            self._results.append(stop.value)
            self.over = True
        except BaseException as error:
            self._error = error
            self.over = True

    def result(self) -> Result:
        """What the conversation has returned; raises what it has raised."""
        if self._error is not None:
            raise self._error
        if not self._results:
            raise KeyboardInterrupt  # Brian2 turns the first Ctrl-C into the end of its run
        return self._results[0]

    def _hold(self, conversation: Conversation[Result]) -> Generator[None, None, Result]:
        """Present batch after batch; each ``yield`` lets one presentation run."""
        try:
            batch = next(conversation)
            while True:
                latencies = yield from self._present(batch)
                batch = conversation.send(latencies)
        except StopIteration as stop:
            return stop.value

    def _present(self, batch: Batch) -> Generator[None, None, Latencies]:
        """Present the stimuli of a batch, as many at a time as the model has copies."""
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
        """The live potentials of a neuron's copies and the array that takes them step by step."""
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
    """In a process that was forked: no other thread is in Brian2, because there is none."""
    global _IN_BRIAN2
    if _IN_BRIAN2.acquire(blocking=False):
        _IN_BRIAN2.release()
    else:
        _IN_BRIAN2 = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Refuse, by a RunError, a second thread in Brian2; a conversation may run another engine in its own."""
    if not _IN_BRIAN2.acquire(blocking=False):
        raise RunError("brian2: is running in another thread, and its state belongs to the process; use processes")
    try:
        yield
    finally:
        _IN_BRIAN2.release()


def _filled_up(presentations: np.ndarray, copies: int, value: float) -> np.ndarray:
    """Presentations with as many added as the copies that would stay without."""
    widths = [(0, copies - len(presentations)), *[(0, 0)] * (presentations.ndim - 1)]
    return np.pad(presentations, widths, constant_values=value)


@contextlib.contextmanager
def quiet_brian2() -> Iterator[None]:
    """Keep Brian2 from logging what does not concern the user of an engine."""
    logger = logging.getLogger("brian2")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
