"""Engines of Brian2 networks, which run the objects of a network step by step.

Brian2's `run` prepares all objects and collects garbage each time, which takes as long as many presentations. Here, a
network is prepared once, and `Stepper` then does in each step what Brian2's `run` does. So objects can be switched off
and on between steps, by Brian2's `active`.
"""

import contextlib
import gc
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import brian2
import numpy as np
from brian2 import NetworkOperation

from netsim.engines.protocol import (
    Batch,
    Latencies,
    Potential,
    Recorded,
    RunsConversations,
    checked_batch,
    presenting_alone,
)
from netsim.errors import RunError
from netsim.specification import Network
from netsim.specification.grid import step_at_or_after
from netsim.weights.layout import Weights

_ENDLESS = 2**39
"""More steps than any engine runs. Brian2's clocks need an end."""


class Stepper:
    """Runs the objects of a Brian2 network, as `brian2.Network.run` does.

    Parameters
    ----------
    network : brian2.Network
        All its objects are prepared for a run now.
    namespace : mapping
        Values of names in equations that groups do not define.
    """

    def __init__(self, network: brian2.Network, namespace: Mapping[str, Any]) -> None:
        gc.freeze()  # Brian2 collects garbage in each run, which takes longer than the preparation
        try:
            network.run(0 * brian2.second, namespace=dict(namespace))
        finally:
            gc.unfreeze()
        self._network, self._objects = network, network.sorted_objects
        self._clocks = list(dict.fromkeys(part.clock for part in self._objects))
        self._times = [clock.variables["t"].get_value() for clock in self._clocks]

    def run(self, steps: int, clock: brian2.Clock, before: Callable[[int], None]) -> None:
        """Run until a clock has made some steps. `before` is called with the number of each, before its objects run.

        An error or Ctrl-C ends the run at once. The next run begins at the step that was interrupted.
        """
        for each in self._clocks:  # the network's time is the time of the last whole step
            each.set_interval(self._network.t, self._network.t + _ENDLESS * clock.dt)
        done = 0
        while True:
            due = self._due()
            if clock in due:
                if done == steps:
                    return
                before(done)
                done += 1
            for part in self._objects:
                if part.active and part.clock in due:
                    part.run()
            for each in due:
                _advance(each)
            self._network.t_ = float(min(time[0] for time in self._times))

    def _due(self) -> list[brian2.Clock]:
        """Return the clocks that are earliest."""
        if len(self._clocks) == 1:
            return self._clocks
        now = min(time[0] for time in self._times)
        near = brian2.Clock.epsilon_dt * min(float(clock.dt) for clock in self._clocks)
        return [clock for clock, time in zip(self._clocks, self._times, strict=True) if time[0] - now <= near]


def _advance(clock: brian2.Clock) -> None:
    if hasattr(clock, "advance"):  # since Brian2 2.10
        clock.advance()
    else:
        step = clock.variables["timestep"].get_value()
        step[0] += 1
        clock.variables["t"].set_value(step[0] * clock.dt_)


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


class ClockDriven(ABC, RunsConversations):
    """An engine that presents batches to a Brian2 network, see `netsim.engines.Engine`."""

    network: Network
    dt: float
    record: tuple[Recorded, ...]
    potentials: list[Potential]
    _presents = False

    @abstractmethod
    def model_for(self, batch: Batch) -> Presenting:
        """Return the Brian2 network that presents a batch."""

    @abstractmethod
    def prepared(self, model: Presenting) -> AbstractContextManager[Stepper]:
        """Return the network of a model with its operations, prepared for a run."""

    def present(self, batch: Batch) -> Latencies:
        """Present one batch and return its latencies.

        An engine presents one batch at a time, and the process has only one state of Brian2. Raise RunError if another
        thread uses Brian2, or if this process was forked while another thread presented a batch on this engine.
        """
        with presenting_alone(self), _one_thread(), quiet_brian2(), self._in_its_state():
            batch = checked_batch(self.network, batch)
            model = self.model_for(batch)
            model.set_weights(batch.weights)
            model.set_thresholds(batch.thresholds)
            model.set_delays(batch.delays)
            with self.prepared(model) as stepper:
                return self._present(batch, model, stepper)

    @contextlib.contextmanager
    def _in_its_state(self) -> Iterator[None]:
        """Refuse a network within a presentation of a thread that this process does not have."""
        if self._presents:
            left = "was presenting in another thread as this process was forked; make a new engine here"
            raise RunError(f"{self!r}: {left}")
        self._presents = True
        try:
            yield
        finally:
            self._presents = False

    def _present(self, batch: Batch, model: Presenting, stepper: Stepper) -> Latencies:
        """Present the stimuli of a batch, in groups as large as the number of copies."""
        self.potentials = []
        presentations, steps = len(batch.stimuli), step_at_or_after(self.network.duration, self.dt)
        latencies = Latencies({name: np.empty((presentations, *shape)) for name, shape in self.network.shapes.items()})
        for first in range(0, presentations, model.copies):
            chunk = slice(first, min(first + model.copies, presentations))
            model.begin(
                _filled_up(batch.stimuli[chunk], model.copies, np.inf),
                {name: _filled_up(mute[chunk], model.copies, False) for name, mute in batch.silenced.items()},
            )
            live = [model.potential(layer).reshape(model.copies, -1)[:, neuron] for layer, neuron in self.record]
            traces = np.empty((len(live), steps, model.copies))

            def record(step: int, live: list[np.ndarray] = live, traces: np.ndarray = traces) -> None:
                for potential, trace in zip(live, traces, strict=True):
                    trace[step] = potential

            stepper.run(steps, model.clock, record)
            for name, latest in model.latencies().items():
                latencies[name][chunk] = latest[: chunk.stop - first]
            time = np.arange(steps) * self.dt
            self.potentials += [
                Potential(presentation, layer, neuron, time, trace[:, copy].copy())
                for copy, presentation in enumerate(range(chunk.start, chunk.stop))
                for (layer, neuron), trace in zip(self.record, traces, strict=True)
            ]
        return latencies


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
    """Raise RunError for a second thread in Brian2. Operations of a network may use another engine."""
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
