"""The engine that runs the Brian2 network of a specification, presentation after presentation in one long run."""

import contextlib
import logging
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Generic

import numpy as np
from brian2 import NetworkOperation

from netsim.engines import Batch, Experiment, Latencies, Potential, Recorded
from netsim.engines.protocol import Result, check_record, checked_batch, presenting_alone, single_batch
from netsim.errors import RunError, SpecificationError
from netsim.models.network import NetworkModel, Target, build_network, code_object_class
from netsim.specification import Network
from netsim.specification.grid import step_at_or_after

# Presentations side by side share the overhead of each step, but need the synapses of all copies
SYNAPSES_SIDE_BY_SIDE = 4_000_000
# More steps than any experiment takes; it stops the run when it returns
ENDLESS = 2**39


class Brian2Engine:
    """Presents stimuli to the Brian2 network of a specification; raises a SpecificationError if a parameter is wrong.

    The whole conversation with an experiment is one Brian2 run. Between presentations an operation collects
    the first spikes and, after the last one of a batch, lets the experiment answer.

    Parameters
    ----------
    network : Network
    dt : float
        Time step (ms).
    record : sequence of Recorded
        Neurons whose potentials are kept.
    target : {"cython", "numpy"}, optional
        What Brian2 generates code for. By default its own preferences decide: Cython if a C compiler works,
        else numpy.
    copies : int, optional
        Number of presentations that run side by side, which makes small networks faster. By default a
        training batch, or as many as a bound on the number of synapses allows.
    """

    def __init__(
        self,
        network: Network,
        dt: float,
        record: Sequence[Recorded] = (),
        target: Target | None = None,
        copies: int | None = None,
    ) -> None:
        network.check_dt(dt)
        check_record(network, record)
        if copies is None:
            copies = max(1, min(network.training.batch, SYNAPSES_SIDE_BY_SIDE // network.synapses))
        if copies < 1:
            raise SpecificationError("copies", f"must be at least 1, not {copies}")
        with _quiet_brian2():
            code_object_class(target)
        self.network = network
        self.dt = dt
        self.record = tuple(record)
        self.potentials: list[Potential] = []
        self.copies = copies
        self._target = target
        self._with_delays = False
        self._model: NetworkModel | None = None

    def __repr__(self) -> str:
        return f"Brian2Engine({self.network.name!r}, dt={self.dt:g})"

    def model_for(self, batch: Batch) -> NetworkModel:
        """The Brian2 network, built when it is first needed, and anew if a batch delays spikes for the first time."""
        if self._model is None or (batch.delays and not self._with_delays):
            self._with_delays = bool(batch.delays)
            self._model = build_network(
                self.network, dt=self.dt, target=self._target, copies=self.copies, with_delays=self._with_delays
            )
        return self._model

    def present(self, batch: Batch) -> Latencies:
        """Present one batch in a Brian2 run of its own; `run` is the faster way to present many."""
        return self.run(single_batch(batch))

    def run(self, experiment: Experiment[Result]) -> Result:
        """Hold the conversation with an experiment until it returns.

        Whatever the experiment raises is raised here, and the engine can be used again. An engine holds one
        conversation at a time, and Brian2's state belongs to the process: a RunError, if a thread comes between.
        """
        with contextlib.closing(experiment), presenting_alone(self), _one_thread(), _quiet_brian2():
            conversation = _Conversation(self, experiment)
            conversation.advance()
            model = None
            while not conversation.over and model is not conversation.model:  # if it is the same, a stop is Ctrl-C
                model = conversation.model
                _run(conversation, model)
        return conversation.result()


class _Conversation(Generic[Result]):
    """One experiment on its way through the steps of a Brian2 run, `over` once it has returned or raised.

    What it returns or raises is kept until the run has ended: an exception on its way through Brian2's loop would
    leave Brian2 believing that it still runs.
    """

    model: NetworkModel  # of the presentation under way

    def __init__(self, engine: Brian2Engine, experiment: Experiment[Result]) -> None:
        self.over = False
        self._engine = engine
        self._presentations = self._hold(experiment)
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._step = 0
        self._steps = step_at_or_after(engine.network.duration, engine.dt)
        self._traces: list[tuple[np.ndarray, np.ndarray]] = []

    def step(self, model: NetworkModel) -> bool:
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
        """What the experiment has returned; raises what it has raised."""
        if self._error is not None:
            raise self._error
        if not self._results:
            raise KeyboardInterrupt  # Brian2 turns the first Ctrl-C into the end of its run
        return self._results[0]

    def _hold(self, experiment: Experiment[Result]) -> Generator[None, None, Result]:
        """Present batch after batch; each ``yield`` lets one presentation run."""
        try:
            batch = next(experiment)
            while True:
                latencies = yield from self._present(batch)
                batch = experiment.send(latencies)
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
        latencies = [np.empty((presentations, *shape)) for shape in engine.network.shapes.values()]
        for first in range(0, presentations, model.copies):
            chunk = slice(first, min(first + model.copies, presentations))
            self._traces = [self._trace(recorded) for recorded in engine.record]
            model.begin(
                _filled_up(batch.stimuli[chunk], model.copies, np.inf),
                {name: _filled_up(mute[chunk], model.copies, False) for name, mute in batch.silenced.items()},
            )
            yield
            for kept, latest in zip(latencies, model.latencies(), strict=True):
                kept[chunk] = latest[: chunk.stop - first]
            engine.potentials += self._potentials(chunk)
        return latencies

    def _trace(self, recorded: Recorded) -> tuple[np.ndarray, np.ndarray]:
        """The live potentials of a neuron's copies and the array that takes them step by step."""
        model = self.model
        potential = model.neurons[recorded.layer].variables["v"].get_value()
        return potential.reshape(model.copies, -1)[:, recorded.neuron], np.empty((self._steps, model.copies))

    def _potentials(self, chunk: slice) -> Iterator[Potential]:
        time = np.arange(self._steps) * self._engine.dt
        for copy, presentation in enumerate(range(chunk.start, chunk.stop)):
            for (layer, neuron), (_, trace) in zip(self._engine.record, self._traces, strict=True):
                yield Potential(presentation, layer, neuron, time, trace[:, copy].copy())


_IN_BRIAN2 = threading.RLock()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Refuse, by a RunError, a second thread in Brian2; an experiment may run another engine in its own."""
    if not _IN_BRIAN2.acquire(blocking=False):
        raise RunError("brian2: is running in another thread, and its state belongs to the process; use processes")
    try:
        yield
    finally:
        _IN_BRIAN2.release()


def _run(conversation: _Conversation[Result], model: NetworkModel) -> None:
    """Let the conversation go on until it is over, or needs another model."""

    def step() -> None:
        if not conversation.step(model):
            model.network.stop()

    operation = NetworkOperation(step, clock=model.clock, when="before_start")
    model.network.add(operation)
    try:
        model.network.run(ENDLESS * model.clock.dt, namespace={})
    finally:
        model.network.remove(operation)


def _filled_up(presentations: np.ndarray, copies: int, value: float) -> np.ndarray:
    """Presentations with as many added as the copies that would stay without."""
    widths = [(0, copies - len(presentations)), *[(0, 0)] * (presentations.ndim - 1)]
    return np.pad(presentations, widths, constant_values=value)


@contextlib.contextmanager
def _quiet_brian2() -> Iterator[None]:
    """Keep Brian2 from logging what does not concern the user of an engine."""
    logger = logging.getLogger("brian2")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
