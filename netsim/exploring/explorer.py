"""Answers to the page: spikes of a view, differences from another view, and why a neuron fired."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import math
import sys
import textwrap
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Recorded, make_engine
from netsim.engines.event.potentials import causes_of, potential_traces
from netsim.errors import DataError, NetsimError, SpecificationError
from netsim.exploring.tracing import shares_of
from netsim.exploring.trying import outcomes_of, tried
from netsim.exploring.view import Changed, View, disturbs_stimulus, sample_of
from netsim.measuring.metrics import decide
from netsim.runs.model import Model, Subject, open_model
from netsim.seams import regimes, studies
from netsim.specification import STIMULUS, Network
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
_PSPS, _PSP_SAMPLES = 5, 24
"""Largest causes whose effect on the potential is sent over time, and samples of it."""
_PLANE, _PARTS = 64, 16
"""Points along each side of the picture of the plane, and parts of it, between which other questions are answered."""
_LARGE = 1_000_000
"""Synapses up to which the page offers Brian2, which takes minutes for more."""
_STIMULI = 1000
"""Test stimuli up to which correct decisions are counted."""
_SEEDS = 100
"""Seeds up to which one presentation is repeated."""
_SAME = 1e-9
"""Difference (ms) up to which two latencies are equal."""


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
        self._engines, self._shown, self._models = Recent(4), Recent(6), Recent(4)
        self._searched = Recent(4)
        self._is_stale: Callable[[], bool] = _never

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
                "maps": shape[-1] if len(shape) == 3 and math.prod(shape[:-1]) > 1 else 0,
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
            "window": encoder.t_max,
            "regimes": self._regimes(),
            "brian2": self._offers_brian2,
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

    @property
    def has_shown(self) -> bool:
        """Whether a view has been presented."""
        return len(self._shown) > 0

    @property
    def _offers_brian2(self) -> bool:
        return importlib.util.find_spec("brian2") is not None and self.network.synapses <= _LARGE

    def import_brian2(self) -> None:
        """Import Brian2 if the page offers it. Only the main thread can, because the import sets a signal handler."""
        if self._offers_brian2 and threading.current_thread() is threading.main_thread():
            import brian2  # noqa: F401

    def _studies(self) -> list[dict[str, Any]]:
        """Return the studies that a slider can set."""
        listed = []
        for name, study in studies.items():
            if study.of_simulation or study.neutral is None or not study.levels:
                continue
            try:
                curves = study.curves(self.network, None)
            except SpecificationError:  # the network lacks such layers
                continue
            if len(curves) != 1:  # such as degrade, whose degradation must be chosen
                continue
            most = max(study.levels) * (self.network.encoder.t_max if study.in_windows else 1.0)
            entry = {"name": name, "level": study.level, "summary": study.summary, "most": most}
            listed.append(entry | {"stimulus": disturbs_stimulus(name)})
        return listed

    def _regimes(self) -> list[str]:
        """Return the regimes that the network can have."""
        possible = []
        for name in regimes:
            try:
                View(regime=name).network(self.network)
            except SpecificationError:  # without a drive
                continue
            possible.append(name)
        return possible

    def model_of(self, view: View) -> Model:
        """Return the model, with the regime of a view."""
        return self._models.get(view.regime, lambda: replace(self.model, network=view.network(self.network)))

    def show(self, view: View) -> Shown:
        """Present a view, unless it is one of the latest."""
        return self._shown.get(view.to_text(), lambda: self._present(view))

    def _present(self, view: View) -> Shown:
        stimuli, index = view.stimulus(self.stimuli)
        model = self.model_of(view)
        engine = view.make_engine(model.network, engine=self._warm(view))
        spikes = present(model, stimuli, index=[index], engine=engine, progress=self._go_on)
        assert engine.batch is not None
        sample = None if stimuli.intensity_max is None else sample_of(stimuli.pick(np.array([index])))
        return Shown(model.network, spikes, engine.batch, sample)

    def _warm(self, view: View) -> Engine:
        """Return one of the latest engines, or make it."""
        if view.engine == "brian2" and "brian2" not in sys.modules:
            self.import_brian2()
            if "brian2" not in sys.modules:
                raise DataError("engine: Brian2 is still being imported; try again, in a script after 'import brian2'")
        network, grid = self.model_of(view).network, view.grid(self.network)
        make = partial(make_engine, view.engine, network, grid, record=self._outputs)
        return self._engines.get((view.engine, view.regime, grid), make)

    def _go_on(self, done: int = 0, total: int = 0) -> None:
        """Raise SupersededError if the page has asked a newer question."""
        if self._is_stale():
            raise SupersededError("question: a newer one has arrived")

    def answer(self, view: View, against: View) -> bytes:
        """Return the spikes of two views for the page.

        The answer is the length of a header (four bytes, little-endian), the header in JSON, and 32-bit floats: for
        `view`, then for `against`, the latencies of all populations, then times and potentials of each output. The
        header has the numbers of samples of the outputs.
        """
        shown, other = self.show(view), self.show(against)
        traces = [[_trace(each.time, each.potential) for each in state.spikes.potentials] for state in (shown, other)]
        header = {
            "decision": self._decision(shown.spikes),
            "against": self._decision(other.spikes),
            "populations": [
                self._difference(shown.network, name, shown.spikes[name], other.spikes[name]) for name in shown.spikes
            ],
            "samples": [[len(times) for times, _ in each] for each in traces],
            "sample": None if shown.sample is None else _levels(shown.sample),
            "python": view.python(self.name),
            "command": view.command(self.name),
        }
        text = json.dumps(header, allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        parts = [len(text).to_bytes(4, "little"), text]
        for each, drawn in zip((shown, other), traces, strict=True):
            parts += [each.spikes[name].astype("<f4").tobytes() for name in each.spikes]
            parts += [part.astype("<f4").tobytes() for trace in drawn for part in trace]
        return b"".join(parts)

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

    def _difference(self, network: Network, name: str, latencies: np.ndarray, other: np.ndarray) -> dict[str, Any]:
        """Return the firing window, and counts of spikes that differ."""
        fired, before = np.isfinite(latencies), np.isfinite(other)
        both = fired & before
        moved = np.abs(latencies[both] - other[both])
        return {
            "name": name,
            "window": _numbers(network.firing_window(name)),
            "spikes": int(fired.sum()),
            "gained": int((fired & ~before).sum()),
            "lost": int((before & ~fired).sum()),
            "moved": int((moved > _SAME).sum()),
            "shift": _number(moved.max(initial=0.0)),
        }

    def why(self, view: View, neuron: Recorded) -> dict[str, Any]:
        """Return the potential of a neuron, its receptive field, and the input spikes that built it, largest first.

        Causes are read at the spike, or at the end of the firing window of a silent neuron. The receptive field is the
        weights of all its synapses. Relays have no potential: their causes are their inputs, the earliest first.
        """
        self._check_neuron(neuron)
        shown = self.show(view)
        network = shown.network
        latency = float(shown.spikes[neuron.layer].ravel()[neuron.neuron])
        onset, end = network.firing_window(neuron.layer)
        answer: dict[str, Any] = {"layer": neuron.layer, "neuron": neuron.neuron, "latency": _number(latency)}
        answer |= {
            "window": _numbers((onset, end)),
            "causes": [],
            "fields": [],
            "psps": [],
            "potential": None,
            "threshold": None,
        }
        if neuron.layer == STIMULUS:
            return answer
        if self._is_lesioned(shown, neuron):
            answer |= {"lesioned": True, "otherwise": _number(self._without_lesion(view, shown, neuron))}
        if not network.population(neuron.layer).integrates:
            (projection,) = network.incoming(neuron.layer)
            pre, post, _ = network.connections(projection)
            inputs = pre[post == neuron.neuron]
            times = shown.spikes[projection.source].ravel()[inputs]
            order = np.argsort(times, kind="stable")[: int(np.isfinite(times).sum())]
            return answer | {"causes": [_cause(projection.source, inputs[order], times[order], None)], "rest": None}
        dt = view.grid(self.network)
        (trace,) = potential_traces(network, shown.batch, shown.spikes, [neuron], dt)
        time = latency if math.isfinite(latency) else end
        causes, fields, largest, total = [], [], [], 0.0
        for each in causes_of(network, shown.batch, shown.spikes, neuron, time, dt):
            chosen = np.flatnonzero(each.potentials)
            chosen = chosen[np.argsort(-np.abs(each.potentials[chosen]), kind="stable")]
            total += float(each.potentials.sum())
            causes.append(_cause(each.source, each.neurons[chosen], each.arrivals[chosen], each.potentials[chosen]))
            largest += [(abs(each.potentials[k]), each.source, k, each.arrivals[k]) for k in chosen[:_PSPS].tolist()]
            weights = [float(f"{weight:.4g}") for weight in each.weights]
            fields.append({"source": each.source, "neurons": each.neurons.tolist(), "weights": weights})
        largest = sorted(largest, reverse=True)[:_PSPS]
        psps: list[dict[str, Any]] = [{"source": source, "points": [[], []]} for _, source, *_ in largest]
        for at in np.linspace(min((arrival for *_, arrival in largest), default=time), time, _PSP_SAMPLES):
            parts = {
                each.source: each.potentials for each in causes_of(network, shown.batch, shown.spikes, neuron, at, dt)
            }
            for psp, (_, source, k, _) in zip(psps, largest, strict=True):
                psp["points"][0].append(float(at))
                psp["points"][1].append(float(parts[source][k]))
        thresholds = shown.batch.thresholds.get(neuron.layer)
        threshold = network.neurons(neuron.layer).threshold if thresholds is None else thresholds.ravel()[neuron.neuron]
        reached = float(np.interp(time, trace.time, trace.potential))
        return answer | {
            "causes": causes,
            "fields": fields,
            "psps": psps,
            "potential": [part.tolist() for part in _trace(trace.time, trace.potential)],
            "threshold": float(threshold),
            "reached": reached,
            "rest": reached - total,  # constant current and drive
        }

    @staticmethod
    def _is_lesioned(shown: Shown, neuron: Recorded) -> bool:
        silenced = shown.batch.silenced.get(neuron.layer)
        if silenced is None:
            return False
        return bool(np.broadcast_to(silenced, (1, *shown.network.shapes[neuron.layer])).ravel()[neuron.neuron])

    def _without_lesion(self, view: View, shown: Shown, neuron: Recorded) -> float:
        """Return the latency that a lesioned neuron has if it alone is restored."""
        shape = (1, *shown.network.shapes[neuron.layer])
        mask = np.broadcast_to(shown.batch.silenced[neuron.layer], shape).copy()
        mask.reshape(-1)[neuron.neuron] = False
        batch = replace(shown.batch, silenced={**shown.batch.silenced, neuron.layer: mask})
        stimuli, index = view.stimulus(self.stimuli)
        engine = Changed(self._warm(view), lambda _: batch)
        spikes = present(
            self.model_of(view), stimuli, index=[index], engine=engine, populations=[neuron.layer], progress=self._go_on
        )
        return float(spikes[neuron.layer].ravel()[neuron.neuron])

    def _check_neuron(self, neuron: Recorded) -> None:
        network = self.network
        if neuron.layer not in network.shapes:
            network.population(neuron.layer)  # raises an error with the known names
        size = math.prod(network.shapes[neuron.layer])
        if not 0 <= neuron.neuron < size:
            raise SpecificationError(
                f"neuron {neuron.layer}:{neuron.neuron}", f"does not exist; {neuron.layer} has 0 to {size - 1}"
            )

    def trace(self, view: View, neuron: Recorded) -> dict[str, Any]:
        """Follow the causes of a neuron back to the stimulus, see `netsim.exploring.tracing`."""
        self._check_neuron(neuron)
        shown = self.show(view)
        shares, chain = shares_of(
            shown.network, shown.batch, shown.spikes, neuron, view.grid(self.network), self._go_on
        )
        return {
            "layer": neuron.layer,
            "neuron": neuron.neuron,
            "neurons": list(shares),
            "shares": list(shares.values()),
            "chain": [{"layer": each.layer, "neuron": each.neuron} for each in chain],
        }

    def each(self, view: View, layer: str, part: str, rival: int | None, count: int) -> dict[str, Any]:
        """Change each pixel, neuron or map of a population in turn, see `netsim.exploring.trying`."""
        shown, model = self.show(view), self.model_of(view)
        if rival is not None and rival >= self.network.outputs:
            raise DataError(f"question: the rival must be an output from 0 to {self.network.outputs - 1}")
        stimuli, index = view.stimulus(self.stimuli)
        choice = self._decision(shown.spikes)["choice"]
        if choice < 0:
            raise DataError("question: no output fires, so there is no lead; choose another stimulus, or change less")
        rival = None if rival == choice else rival
        numbers, batches = tried(shown.network, shown.batch, shown.spikes, layer, part)
        engine, outputs = self._warm(view), shown.network.output.name

        def leads(batches: Iterable[Batch]) -> list[np.ndarray]:
            outcomes = []
            for batch in batches:
                self._go_on()
                fixed = Changed(engine, lambda _, batch=batch: batch)  # type: ignore[misc]
                spikes = present(
                    model, stimuli, index=[index] * len(batch.stimuli), engine=fixed, populations=[outputs]
                )
                outcomes.append(outcomes_of(spikes.outputs, choice, rival, shown.network.duration))
            return outcomes

        before = leads([shown.batch])[0][0]
        after = np.concatenate([*leads(batches), np.zeros((0, 2))])
        answer = {
            "layer": layer,
            "part": part,
            "choice": choice,
            "rival": rival,
            "lead": float(before[1]),
            "numbers": numbers.tolist(),
            "choices": after[:, 0].astype(int).tolist(),
            "leads": after[:, 1].tolist(),
            "correct": None,
        }
        if count and part == "maps":
            answer["count"] = min(count, len(self.stimuli))
            answer["correct_before"] = self._right(view, count)
            lost = view.maps.get(layer, ())
            answer["correct"] = [
                self._right(replace(view, maps={**view.maps, layer: (*lost, number)}), count)
                for number in numbers.tolist()
            ]
        return answer

    def over(self, view: View, against: View, count: int) -> dict[str, int]:
        """Return how many of the first test stimuli two views decide correctly. Drawings are not part of it."""
        count = min(count, len(self.stimuli))
        return {"count": count, "right": self._right(view, count), "against": self._right(against, count)}

    def search(self, view: View, which: str, again: bool = False) -> dict[str, Any]:
        """Return the next test stimulus with a wrong decision, or the one with the next smallest lead.

        The search covers the first test stimuli with the changes of the view, except drawings, switched pixels and
        noise on stimuli, because the draws of noise depend on the stimuli that are presented together. The first search
        for a close decision finds the smallest lead, and a search `again` the next one. `index` is None if there is no
        such decision. `rank` counts from 1.
        """
        if which not in ("wrong", "close"):
            raise DataError("question: the search must be for wrong or close decisions")
        quiet = {name: level for name, level in view.studies.items() if not disturbs_stimulus(name)}
        searched = replace(view, index=0, drawing="", switched=(), noise=0.0, studies=quiet)
        choice, margin = self._searched.get(searched.to_text(), lambda: self._decisions(searched))
        labels = self.stimuli.labels[: len(choice)]
        if which == "wrong":
            indices = np.flatnonzero((choice != labels) & (labels >= 0))
            after = int(np.searchsorted(indices, view.index, side="right"))
        else:
            indices = np.argsort(margin, kind="stable")[: int(np.isfinite(margin).sum())]
            here = np.flatnonzero(indices == view.index)
            after = int(here[0]) + 1 if again and len(here) else 0
        rank = after % len(indices) if len(indices) else 0
        answer: dict[str, Any] = {"which": which, "searched": len(choice), "count": len(indices), "rank": rank + 1}
        return answer | {"index": int(indices[rank]) if len(indices) else None}

    def _decisions(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Return the decision and its lead (ms) over the next output, of the first test stimuli."""
        outputs = self._outputs_of(view, min(len(self.stimuli), _STIMULI))
        made = np.sort(outputs, axis=1)
        second = made[:, 1] if outputs.shape[1] > 1 else np.full(len(made), np.inf)
        margin = np.full(len(made), np.inf)
        np.subtract(second, made[:, 0], out=margin, where=np.isfinite(made[:, 0]))
        return decide(outputs).choice, margin

    def seeds(self, view: View, count: int) -> dict[str, Any]:
        """Present a view with several seeds of noise, from its own on, and return decisions and leads (ms)."""
        decisions = [
            self._decision(self._present(replace(view, seed=view.seed + k)).spikes) for k in range(min(count, _SEEDS))
        ]
        return {
            "choices": [each["choice"] for each in decisions],
            "margins": [each["margin"] for each in decisions],
            "label": decisions[0]["label"],
        }

    def _right(self, view: View, count: int) -> int:
        """Return the number of correct decisions among the first test stimuli."""
        outputs = self._outputs_of(view, count)
        return int((decide(outputs).choice == self.stimuli.labels[:count]).sum())

    def _outputs_of(self, view: View, count: int) -> np.ndarray:
        """Return latencies of the outputs for the first test stimuli. Drawings are not part of it."""
        view, model = replace(view, drawing="", switched=()), self.model_of(view)
        stimuli = view.change_stimuli(self.stimuli.pick(np.arange(min(count, len(self.stimuli)))))
        engine, outputs = view.make_engine(model.network, engine=self._warm(view)), self.network.output.name
        spikes = present(model, stimuli, engine=engine, populations=[outputs], progress=self._go_on)
        latencies: np.ndarray = spikes.outputs
        return latencies

    def plane(self, view: View, part: int = 0) -> dict[str, Any]:
        """Return the decision at points of the unit square, for every 16th row from `part`, and the square's side."""
        if not self._has_plane:
            raise DataError("plane: only networks of the data set yin-yang have one")
        if not 0 <= part < _PARTS:
            raise DataError(f"plane: parts are 0 to {_PARTS - 1}")
        along = np.linspace(0, 1, _PLANE)
        x, y = (part.ravel() for part in np.meshgrid(along, along[part::_PARTS]))
        points = np.stack([x, y, 1 - x, 1 - y], axis=1).reshape(-1, 1, 1, 4)
        stimuli = Stimuli(points, np.zeros(len(points), np.int64), 1.0, self.network.encoder)
        model, view = self.model_of(view), replace(view, switched=())
        engine = view.make_engine(model.network, engine=self._warm(replace(view, engine="event")))
        outputs = self.network.output.name
        spikes = present(model, stimuli, engine=engine, populations=[outputs], progress=self._go_on)
        return {"side": _PLANE, "part": part, "parts": _PARTS, "choice": decide(spikes.outputs).choice.tolist()}

    def table(self, view: View) -> bytes:
        """Return the spikes of a view as CSV. The last columns say the index of the test stimulus and the changes."""
        table = self.show(view).spikes.table().assign(test_stimulus=view.index, changes=view.changes or "none")
        text: str = table.to_csv(index=False)
        return text.encode()

    def figure(self, view: View, suffix: str, against: View | None = None) -> bytes:
        """Return the raster of a view, in the style of all figures. The title says the changes, and what A is."""
        import matplotlib.pyplot as plt

        from netsim.analysis import plot
        from netsim.analysis.style import theme

        if suffix not in FIGURES:
            raise DataError(f"figure: must be {', '.join(FIGURES)}")
        drawn = plot(self.show(view).spikes, "raster")
        title = f"{self.name}, test stimulus {view.index}: {view.changes or 'unchanged'}"
        if against is not None:
            title += f"\nA: test stimulus {against.index}, {against.changes or 'unchanged'}"
        title = "\n".join(textwrap.fill(line, 90) for line in title.splitlines())
        drawn.figure.suptitle(title.replace("$", r"\$"), fontsize=7)
        stream = io.BytesIO()
        with theme():
            drawn.figure.savefig(stream, format=suffix, dpi=200)
        plt.close(drawn.figure)
        return stream.getvalue()

    def ask(self, question: str, given: Any, is_stale: Callable[[], bool] = _never) -> tuple[bytes, str]:
        """Answer one question of the page, and return its media type.

        Raise a NetsimError for a wrong question, and SupersededError as soon as `is_stale` returns True.
        """
        self._is_stale = is_stale
        try:
            self._go_on()
            return self._answered(question, given)
        finally:
            self._is_stale = _never

    def _answered(self, question: str, given: Any) -> tuple[bytes, str]:
        if not isinstance(given, dict):
            raise DataError("question: must be an object of JSON")
        view = View.of_dict(given.get("view", {}))
        if question == "answer":
            return self.answer(view, self._against(view, given)), "application/octet-stream"
        if question in ("why", "trace"):
            layer, neuron = given.get("layer"), given.get("neuron")
            if not isinstance(layer, str) or not isinstance(neuron, int) or isinstance(neuron, bool):
                raise DataError("question: must name a layer and the number of a neuron")
            return _json(getattr(self, question)(view, Recorded(layer, neuron)))
        if question == "search":
            return _json(self.search(view, str(given.get("which")), given.get("again") is True))
        if question in ("each", "over", "seeds"):
            rival, count = (given.get(name) for name in ("rival", "count"))
            for number in (rival, count):
                if not (number is None or (isinstance(number, int) and 0 <= number <= _STIMULI)):
                    raise DataError(f"question: must have whole numbers from 0 to {_STIMULI}")
            if question == "seeds":
                return _json(self.seeds(view, count or 1))
            if question == "over":
                return _json(self.over(view, self._against(view, given), count or 1))
            layer, part = given.get("layer"), given.get("part")
            if not isinstance(layer, str) or not isinstance(part, str):
                raise DataError("question: must name a layer and a part")
            return _json(self.each(view, layer, part, rival, count or 0))
        if question == "plane":
            part = given.get("part", 0)
            if not isinstance(part, int):
                raise DataError("question: must have the number of a part")
            return _json(self.plane(view, part))
        if question == "table":
            return self.table(view), "text/csv"
        if question == "figure":
            suffix = str(given.get("format"))
            return self.figure(view, suffix, self._against(view, given)), FIGURES[suffix]
        if question == "about":
            return _json(self.about())
        raise NetsimError(f"question: {question[:40]!r} is not known; reload the page")

    def _against(self, view: View, given: dict[str, Any]) -> View:
        """Return the view A of a question: the same with exact times, a pinned one, or the unchanged one."""
        against = given.get("against")
        if against == "exact":
            return replace(view, dt=0.0, engine="event")
        if against is None:
            return replace(view.unchanged, drawing=view.drawing) if self._has_plane else view.unchanged
        return View.of_dict(against)


def _json(content: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(content, allow_nan=False).encode(), "application/json"


def _number(value: float) -> float | None:
    """Return a number for JSON, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None


def _numbers(values: tuple[float, ...]) -> list[float | None]:
    return [_number(value) for value in values]


def _levels(sample: np.ndarray) -> str:
    return base64.b64encode(np.rint(np.clip(sample, 0, 1) * 255).astype(np.uint8).tobytes()).decode()


def _trace(time: np.ndarray, potential: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and potentials of a trace, at most `_SAMPLES` samples of it."""
    if len(time) > _SAMPLES:
        fewer = np.linspace(time[0], time[-1], _SAMPLES)
        time, potential = fewer, np.interp(fewer, time, potential)
    return time, potential


def _cause(source: str, neurons: np.ndarray, times: np.ndarray, potentials: np.ndarray | None) -> dict[str, Any]:
    return {
        "source": source,
        "neurons": neurons[:_CAUSES].tolist(),
        "times": times[:_CAUSES].tolist(),
        "potentials": None if potentials is None else potentials[:_CAUSES].tolist(),
        "count": len(neurons),
    }
