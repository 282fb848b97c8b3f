"""Answers to the page: spikes of a view, differences from another view, and why a neuron fired."""

from __future__ import annotations

import base64
import io
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Recorded, make_engine
from netsim.engines.event.potentials import causes_of
from netsim.errors import DataError, NetsimError, SpecificationError
from netsim.exploring.view import View, disturbs_stimulus, sample_of
from netsim.measuring.metrics import decide
from netsim.runs.model import Subject, open_model
from netsim.seams import studies
from netsim.specification import STIMULUS
from netsim.spikes import Spikes
from netsim.spikes.presenting import present

Made = TypeVar("Made")
FIGURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_RACING = 32
"""Outputs up to which their potentials are recorded."""
_SAMPLES = 400
"""Samples of a potential that are sent."""
_CAUSES = 2000
"""Causal spikes that are sent, the largest first."""
_PLANE = 64
"""Points along each side of the picture of the plane."""
_SAME = 1e-9
"""Difference (ms) up to which two latencies are equal."""


class Shown(NamedTuple):
    """A presented view: its spikes, the changed batch, and the stimulus as intensities from 0 to 1."""

    spikes: Spikes
    batch: Batch
    sample: np.ndarray | None


class Recent:
    """The latest results of a function, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

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
        Name of the model in programs and commands.

    Examples
    --------
    >>> import netsim
    >>> from netsim.exploring import Explorer
    >>> explorer = Explorer("digits")
    >>> explorer.why(netsim.View(index=7), netsim.Recorded("output", 0))["layer"]
    'output'
    """

    def __init__(self, model: Subject, stimuli: Stimuli | None = None, name: str | None = None) -> None:
        self.model = open_model(model)
        self.network = self.model.network
        self.stimuli = self.model.splits().test if stimuli is None else stimuli
        if not len(self.stimuli):
            raise DataError("stimuli: there are none to explore; give at least one stimulus")
        self.name = name or (model if isinstance(model, str) else self.network.name)
        outputs = self.network.output
        racing = range(outputs.size if outputs.size <= _RACING else 0)
        self._outputs = tuple(Recorded(outputs.name, neuron) for neuron in racing)
        self._engines, self._shown = Recent(4), Recent(6)

    def about(self) -> dict[str, Any]:
        """Return what the page needs once: populations, stimuli, studies and colours."""
        from netsim.analysis.style import PALETTE

        network, encoder = self.network, self.network.encoder
        populations = [
            {
                "name": name,
                "shape": list(shape),
                "window": _numbers(network.firing_window(name)),
                "relay": name != STIMULUS and not network.population(name).integrates,
            }
            for name, shape in network.shapes.items()
        ]
        images = self.stimuli.intensity_max is not None
        return {
            "name": self.name,
            "description": network.description,
            "weights": self.model.origin,
            "populations": populations,
            "duration": network.duration,
            "dt": network.training.dt,
            "threshold": network.neurons(network.output.name).threshold,
            "count": len(self.stimuli),
            "labels": self.stimuli.labels.tolist(),
            "classes": list(self.stimuli.classes or map(str, range(network.outputs))),
            "sample": list(encoder.sample_shape) if images else None,
            "plane": self._has_plane,
            "studies": self._studies(),
            "colours": list(PALETTE),
        }

    @property
    def _has_plane(self) -> bool:
        """Return whether stimuli are points of a plane, coded as (x, y, 1 - x, 1 - y)."""
        return self.network.training.dataset == "yin-yang" and self.network.encoder.shape == (1, 1, 4)

    def _studies(self) -> list[dict[str, Any]]:
        """Return the studies that a slider can set."""
        found = []
        for name, study in studies.items():
            if study.of_simulation or study.neutral is None or not study.levels:
                continue
            try:
                study.curves(self.network, None)
            except SpecificationError:  # the network lacks such layers
                continue
            most = max(study.levels) * (self.network.encoder.t_max if study.in_windows else 1.0)
            told = {"name": name, "level": study.level, "summary": study.summary, "most": most}
            found.append(told | {"stimulus": disturbs_stimulus(name)})
        return found

    def show(self, view: View) -> Shown:
        """Present a view, unless it is one of the latest."""
        return self._shown.get(view.to_text(), lambda: self._present(view))

    def _present(self, view: View) -> Shown:
        stimuli, index = view.stimulus(self.stimuli)
        grid = view.grid(self.network)
        engine = view.engine(self.network, engine=self._engines.get(grid, lambda: self._engine(grid)))
        spikes = present(self.model, stimuli, index=[index], engine=engine)
        assert engine.batch is not None
        sample = None if stimuli.intensity_max is None else sample_of(stimuli.pick(np.array([index])))
        return Shown(spikes, engine.batch, sample)

    def _engine(self, dt: float) -> Engine:
        return make_engine("event", self.network, dt, record=self._outputs)

    def answer(self, view: View, against: View) -> bytes:
        """Return the spikes of two views for the page.

        The answer is the length of a header (four bytes, little-endian), the header in JSON, and the latencies of
        all populations as 32-bit floats, first of `view`, then of `against`.
        """
        shown, other = self.show(view), self.show(against)
        header = {
            "decision": self._decision(shown.spikes),
            "against": self._decision(other.spikes),
            "populations": [self._difference(name, shown.spikes[name], other.spikes[name]) for name in shown.spikes],
            "race": [_trace(each.time, each.potential) for each in shown.spikes.potentials],
            "race_against": [_trace(each.time, each.potential) for each in other.spikes.potentials],
            "sample": None if shown.sample is None else _levels(shown.sample),
            "python": view.python(self.name),
            "command": view.command(self.name),
        }
        text = json.dumps(header, allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        arrays = [each[name].astype("<f4").tobytes() for each in (shown.spikes, other.spikes) for name in each]
        return b"".join([len(text).to_bytes(4, "little"), text, *arrays])

    def _decision(self, spikes: Spikes) -> dict[str, Any]:
        """Return the decision of one presentation. The margin is the time to the second output spike."""
        outputs = spikes.outputs
        made = decide(outputs)
        first, second = np.sort(outputs[0])[:2] if outputs.shape[1] > 1 else (outputs[0, 0], np.inf)
        return {
            "choice": int(made.choice[0]),
            "tied": bool(made.tied[0]),
            "latency": _number(first),
            "margin": _number(second - first) if math.isfinite(first) else None,
            "label": None if spikes.labels is None else int(spikes.labels[0]),
            "grid": spikes.dt,
        }

    def _difference(self, name: str, latencies: np.ndarray, other: np.ndarray) -> dict[str, Any]:
        """Return counts of spikes that differ."""
        fired, before = np.isfinite(latencies), np.isfinite(other)
        both = fired & before
        moved = np.abs(latencies[both] - other[both])
        return {
            "name": name,
            "spikes": int(fired.sum()),
            "gained": int((fired & ~before).sum()),
            "lost": int((before & ~fired).sum()),
            "moved": int((moved > _SAME).sum()),
            "shift": _number(moved.max(initial=0.0)),
        }

    def why(self, view: View, neuron: Recorded) -> dict[str, Any]:
        """Return the potential of a neuron, and the input spikes that built it, the largest first.

        Causes are read at the spike, or at the end of the firing window of a silent neuron. Relays have no potential:
        their causes are their inputs, the earliest first.
        """
        network = self.network
        if neuron.layer not in network.shapes:
            network.population(neuron.layer)  # raises an error with the known names
        size = math.prod(network.shapes[neuron.layer])
        if not 0 <= neuron.neuron < size:
            raise SpecificationError(
                f"neuron {neuron.layer}:{neuron.neuron}", f"does not exist; {neuron.layer} has 0 to {size - 1}"
            )
        shown = self.show(view)
        latency = float(shown.spikes[neuron.layer].ravel()[neuron.neuron])
        onset, end = network.firing_window(neuron.layer)
        told: dict[str, Any] = {"layer": neuron.layer, "neuron": neuron.neuron, "latency": _number(latency)}
        told |= {"window": _numbers((onset, end)), "causes": [], "potential": None, "threshold": None}
        if neuron.layer == STIMULUS:
            return told
        if not network.population(neuron.layer).integrates:
            (projection,) = network.incoming(neuron.layer)
            pre, post, _ = network.connections(projection)
            inputs = pre[post == neuron.neuron]
            times = shown.spikes[projection.source].ravel()[inputs]
            order = np.argsort(times, kind="stable")[: int(np.isfinite(times).sum())]
            return told | {"causes": [_cause(projection.source, inputs[order], times[order], None)], "rest": None}
        engine = view.engine(network, record=(neuron,))
        stimuli, index = view.stimulus(self.stimuli)
        (trace,) = present(self.model, stimuli, index=[index], engine=engine).potentials
        time = latency if math.isfinite(latency) else end
        causes, total = [], 0.0
        for source, pre, arrivals, potentials in causes_of(network, shown.batch, shown.spikes, neuron, time, engine.dt):
            chosen = np.flatnonzero(potentials)
            chosen = chosen[np.argsort(-np.abs(potentials[chosen]), kind="stable")]
            total += float(potentials.sum())
            causes.append(_cause(source, pre[chosen], arrivals[chosen], potentials[chosen]))
        own = shown.batch.thresholds.get(neuron.layer)
        threshold = network.neurons(neuron.layer).threshold if own is None else own.ravel()[neuron.neuron]
        reached = float(np.interp(time, trace.time, trace.potential))
        return told | {
            "causes": causes,
            "potential": _trace(trace.time, trace.potential),
            "threshold": float(threshold),
            "reached": reached,
            "rest": reached - total,  # constant current and drive
        }

    def plane(self, view: View) -> dict[str, Any]:
        """Return the decision at each point of the unit square, row by row from y = 0, and the grid's side."""
        if not self._has_plane:
            raise DataError("plane: only networks of the data set yin-yang have one")
        x, y = (part.ravel() for part in np.meshgrid(*2 * [np.linspace(0, 1, _PLANE)]))
        points = np.stack([x, y, 1 - x, 1 - y], axis=1).reshape(-1, 1, 1, 4)
        stimuli = Stimuli(points, np.zeros(len(points), np.int64), 1.0, self.network.encoder)
        engine = view.engine(self.network)
        spikes = present(self.model, stimuli, engine=engine, populations=[self.network.output.name])
        return {"side": _PLANE, "choice": decide(spikes.outputs).choice.tolist()}

    def table(self, view: View) -> bytes:
        """Return the spikes of a view as CSV."""
        text: str = self.show(view).spikes.table().to_csv(index=False)
        return text.encode()

    def figure(self, view: View, suffix: str) -> bytes:
        """Return the raster of a view, in the style of all figures."""
        import matplotlib.pyplot as plt

        from netsim.analysis import plot
        from netsim.analysis.style import theme

        if suffix not in FIGURES:
            raise DataError(f"figure: must be {', '.join(FIGURES)}")
        drawn = plot(self.show(view).spikes, "raster")
        stream = io.BytesIO()
        with theme():
            drawn.figure.savefig(stream, format=suffix, dpi=200)
        plt.close(drawn.figure)
        return stream.getvalue()

    def ask(self, question: str, given: Any) -> tuple[bytes, str]:
        """Answer one question of the page, and return its media type. Raise a NetsimError for a wrong question."""
        if not isinstance(given, dict):
            raise DataError("question: must be an object of JSON")
        view = View.of_dict(given.get("view", {}))
        if question == "answer":
            against = given.get("against")
            other = view.of_stimulus if against is None else View.of_dict(against)
            return self.answer(view, other), "application/octet-stream"
        if question == "why":
            layer, neuron = given.get("layer"), given.get("neuron")
            if not isinstance(layer, str) or not isinstance(neuron, int) or isinstance(neuron, bool):
                raise DataError("question: must name a layer and the number of a neuron")
            return _json(self.why(view, Recorded(layer, neuron)))
        if question == "plane":
            return _json(self.plane(view))
        if question == "table":
            return self.table(view), "text/csv"
        if question == "figure":
            suffix = str(given.get("format"))
            return self.figure(view, suffix), FIGURES[suffix]
        if question == "about":
            return _json(self.about())
        raise NetsimError(f"question: {question[:40]!r} is not known")


def _json(content: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(content, allow_nan=False).encode(), "application/json"


def _number(value: float) -> float | None:
    """Return a number for JSON, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None


def _numbers(values: tuple[float, ...]) -> list[float | None]:
    return [_number(value) for value in values]


def _levels(sample: np.ndarray) -> str:
    return base64.b64encode(np.rint(np.clip(sample, 0, 1) * 255).astype(np.uint8).tobytes()).decode()


def _trace(time: np.ndarray, potential: np.ndarray) -> list[list[float]]:
    """Return times and potentials of a trace, at most `_SAMPLES` samples of it."""
    if len(time) > _SAMPLES:
        fewer = np.linspace(time[0], time[-1], _SAMPLES)
        time, potential = fewer, np.interp(fewer, time, potential)
    return [np.round(time, 3).tolist(), np.round(potential, 4).tolist()]


def _cause(source: str, neurons: np.ndarray, times: np.ndarray, potentials: np.ndarray | None) -> dict[str, Any]:
    return {
        "source": source,
        "neurons": neurons[:_CAUSES].tolist(),
        "times": times[:_CAUSES].tolist(),
        "potentials": None if potentials is None else potentials[:_CAUSES].tolist(),
        "count": len(neurons),
    }
