"""One model with warm engines: spikes and decisions of views, and answers to the page."""

from __future__ import annotations

import importlib.util
import math
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Recorded, make_engine
from netsim.errors import DataError, NetsimError, SpecificationError
from netsim.exploring.asking import Reply, answer, number
from netsim.exploring.view import Changed, View, sample_of
from netsim.measuring.metrics import Decisions, decide
from netsim.presenting.present import present
from netsim.runs.model import Model, Subject, open_model, stimuli_for
from netsim.specification import Network
from netsim.spikes import Spikes

Made = TypeVar("Made")
MOST = 1000
"""Test stimuli up to which decisions are searched and counted."""
_RACING = 32
"""Outputs up to which their potentials are recorded."""
_LARGE = 1_000_000
"""Synapses up to which the page offers Brian2, which takes minutes for more."""


def _never() -> bool:
    return False


class SupersededError(NetsimError):
    """The page has asked a newer question."""


class Shown(NamedTuple):
    """A presented view: its network and spikes, the changed batch, and the stimulus as intensities from 0 to 1."""

    network: Network
    spikes: Spikes
    batch: Batch
    sample: np.ndarray | None

    def latency(self, neuron: Recorded) -> float:
        """Return the latency (ms) of a neuron."""
        return float(self.spikes[neuron.layer].ravel()[neuron.neuron])


class Decided(NamedTuple):
    """Decisions about several test stimuli, and their leads (ms) over the next output."""

    decisions: Decisions
    lead: np.ndarray


class Recent:
    """The latest results of a function, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return a result, made if it is not there."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        made: Made = self._kept[key]
        return made


class Explorer:
    """Presents views of one model with warm engines. One thread at a time may use it.

    Parameters
    ----------
    model : Model, Network, str or Path
        A model, a network with initial weights, or the name of a run, preset or TOML file.
    stimuli : Stimuli, optional
        The default is the test stimuli of the model's data set.
    name : str, optional
        Name of the model in programs and commands. The default is the name or the run folder of the model.
    seed : int
        Seed of initial weights in programs and commands.

    Examples
    --------
    >>> import netsim
    >>> from netsim.exploring import Explorer
    >>> from netsim.exploring.questions.causes import causes
    >>> explorer = Explorer("digits")
    >>> causes(explorer, netsim.View(index=7), layer="output", neuron=0)["layer"]
    'output'
    """

    def __init__(self, model: Subject, stimuli: Stimuli | None = None, name: str | None = None, seed: int = 0) -> None:
        self.model = open_model(model)
        self.network = self.model.network
        self.stimuli = stimuli_for(self.model, stimuli)
        run = self.model.run
        given = str(model) if isinstance(model, str | Path) else self.network.name if run is None else str(run.path)
        self.name, self.seed = name or given, seed
        has_source = isinstance(model, str | Path) or run is not None
        self.is_named = name is not None or (stimuli is None and has_source)
        """Whether `name` stands for the model and its stimuli in a program."""
        outputs = self.network.output
        racing = range(outputs.size if outputs.size <= _RACING else 0)
        self._outputs = tuple(Recorded(outputs.name, neuron) for neuron in racing)
        self._engines, self._shown, self._models = Recent(4), Recent(6), Recent(4)
        self._decisions = Recent(64)
        self._is_stale: Callable[[], bool] = _never

    @property
    def has_plane(self) -> bool:
        """Whether stimuli are points of a plane, coded as (x, y, 1 - x, 1 - y)."""
        return self.network.training.dataset == "yin-yang" and self.network.encoder.shape == (1, 1, 4)

    @property
    def has_shown(self) -> bool:
        """Whether a view has been presented."""
        return len(self._shown) > 0

    @property
    def offers_brian2(self) -> bool:
        """Whether Brian2 is installed, and quick enough for the network."""
        return importlib.util.find_spec("brian2") is not None and self.network.synapses <= _LARGE

    def import_brian2(self) -> None:
        """Import Brian2 if the page offers it. Only the main thread can, because the import sets a signal handler."""
        if self.offers_brian2 and threading.current_thread() is threading.main_thread():
            import brian2  # noqa: F401

    def model_of(self, view: View) -> Model:
        """Return the model, with the regime of a view."""
        return self._models.get(view.regime, lambda: replace(self.model, network=view.network(self.network)))

    def show(self, view: View) -> Shown:
        """Present a view, unless it is one of the latest."""
        return self._shown.get(view.to_text(), lambda: self.present(view))

    def present(self, view: View) -> Shown:
        """Present a view."""
        stimuli, index = view.stimulus(self.stimuli)
        model = self.model_of(view)
        engine = view.make_engine(model.network, engine=self.engine_of(view))
        spikes = present(model, stimuli, index=[index], engine=engine, progress=self.check_newest)
        assert engine.batch is not None
        sample = None if stimuli.intensity_max is None else sample_of(stimuli.pick(np.array([index])))
        return Shown(model.network, spikes, engine.batch, sample)

    def present_batch(self, view: View, batch: Batch, layer: str) -> np.ndarray:
        """Present a changed batch of the stimulus of a view, and return the latencies of one population."""
        stimuli, index = view.stimulus(self.stimuli)
        engine = Changed(self.engine_of(view), lambda *_: batch)
        chosen, count = self.model_of(view), len(batch.stimuli)
        spikes = present(
            chosen, stimuli, index=[index] * count, engine=engine, populations=[layer], progress=self.check_newest
        )
        latencies: np.ndarray = spikes[layer]
        return latencies

    def present_outputs(self, view: View, stimuli: Stimuli) -> np.ndarray:
        """Present several stimuli with the changes of a view, and return the latencies of the outputs."""
        model = self.model_of(view)
        engine, outputs = view.make_engine(model.network, engine=self.engine_of(view)), self.network.output.name
        spikes = present(model, stimuli, engine=engine, populations=[outputs], progress=self.check_newest)
        latencies: np.ndarray = spikes.outputs
        return latencies

    def engine_of(self, view: View) -> Engine:
        """Return one of the latest engines, or make it."""
        if view.engine == "brian2" and "brian2" not in sys.modules:
            self.import_brian2()
            if "brian2" not in sys.modules:
                raise DataError("engine: Brian2 is still being imported; try again, in a script after 'import brian2'")
        network, grid = self.model_of(view).network, view.grid(self.network)
        make = partial(make_engine, view.engine, network, grid, record=self._outputs)
        return self._engines.get((view.engine, view.regime, grid), make)

    def decisions(self, view: View, count: int) -> Decided:
        """Return decisions about the first test stimuli with the changes of a view, without a drawing."""
        view, count = replace(view, index=0, drawing="", switched=()), min(count, len(self.stimuli), MOST)
        return self._decisions.get((view.to_text(), count), lambda: self._decide(view, count))

    def right(self, decisions: Decisions) -> np.ndarray:
        """Return whether decisions about the first test stimuli are right. Ties and stimuli without a label are not."""
        return decisions.strictly_correct(self.stimuli.labels[: len(decisions.choice)])

    def _decide(self, view: View, count: int) -> Decided:
        outputs = self.present_outputs(view, view.change_stimuli(self.stimuli.pick(np.arange(count))))
        ordered = np.sort(outputs, axis=1)
        second = ordered[:, 1] if outputs.shape[1] > 1 else np.full(len(ordered), np.inf)
        lead = np.full(len(ordered), np.inf)
        np.subtract(second, ordered[:, 0], out=lead, where=np.isfinite(ordered[:, 0]))
        return Decided(decide(outputs), lead)

    def neuron(self, layer: str, neuron: int) -> Recorded:
        """Return a neuron. Raise an error if it does not exist."""
        shapes = self.network.shapes
        if layer not in shapes:
            self.network.population(layer)  # raises an error with the known names
        size = math.prod(shapes[layer])
        if not 0 <= neuron < size:
            raise SpecificationError(f"neuron {layer}:{neuron}", f"does not exist; {layer} has 0 to {size - 1}")
        return Recorded(layer, neuron)

    def check_newest(self, done: int = 0, total: int = 0) -> None:
        """Raise SupersededError if the page has asked a newer question."""
        if self._is_stale():
            raise SupersededError("question: a newer one has arrived")

    def ask(self, question: str, content: Any, is_stale: Callable[[], bool] = _never) -> Reply:
        """Answer one question of the page, see `netsim.exploring.asking`.

        Raise a NetsimError for a wrong question, and SupersededError as soon as `is_stale` returns True.
        """
        self._is_stale = is_stale
        try:
            self.check_newest()
            return answer(self, question, content)
        finally:
            self._is_stale = _never


def decision_of(spikes: Spikes) -> dict[str, Any]:
    """Return the decision of one presentation. The margin is the time to the second output spike."""
    outputs = spikes.outputs
    made = decide(outputs)
    first, second = np.sort(outputs[0])[:2] if outputs.shape[1] > 1 else (outputs[0, 0], np.inf)
    return {
        "choice": int(made.choice[0]),
        "tied": bool(made.tied[0]),
        "latency": number(first),
        "margin": number(second - first) if math.isfinite(first) else None,
        "label": None if spikes.labels is None else int(spikes.labels[0]),
        "grid": spikes.dt,
    }
