"""The state of the explorer: a stimulus, changes of it, and changes of the network."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from netsim.data.stimuli import SpikeStimuli, Stimuli
from netsim.engines import Batch, Engine, Latencies, Potential, Recorded, make_engine
from netsim.engines.protocol import RunsConversations, solves_equation
from netsim.errors import DataError, SpecificationError
from netsim.presenting.present import present
from netsim.reprs import short_repr
from netsim.runs.model import Subject, open_model, stimuli_for
from netsim.seams import engines, regimes, studies
from netsim.specification import STIMULUS, Network
from netsim.specification.checks import finite, plain_number, plain_numbers
from netsim.spikes import Spikes
from netsim.spikes.labels import UNLABELLED

_LONGEST = 1_000_000
"""Characters of a state."""
_BOUNDS = {
    "contrast": (0.0, 2.0),
    "noise": (0.0, 1.0),
    "occlusion": (0.0, 1.0),
    "threshold": (0.01, 100.0),
    "delay": (0.0, 10_000.0),
}


@dataclass(frozen=True)
class View:
    """One presentation of the explorer, with its changes.

    Parameters
    ----------
    index : int
        Index of the test stimulus.
    drawing : str
        Intensities of a drawn stimulus, bytes in base64. Replaces the test stimulus.
    contrast : float
        Factor of intensities.
    noise : float
        SD of normal noise on intensities, relative to the largest intensity.
    occlusion : float
        Side of a silent square, relative to the side of the stimulus.
    occluded : tuple of float
        Centre of the square (x, y), relative to the sides.
    studies : dict of float
        Levels of studies (`netsim.seams.studies`) by name, such as ``{"weight-noise": 0.2}``.
    switched : tuple of int
        Neurons of the stimulus that are switched: their spike is removed, or a spike at 0 ms is added.
    silenced, maps : dict of tuple of int
        Neurons, and whole maps, that cannot fire, by population.
    threshold : float
        Factor of all thresholds.
    delay : float
        Additional conduction delay (ms) of all synapses with weights.
    regime : str
        Regime of all populations (`netsim.seams.regimes`). The default is the network's own.
    dt : float, optional
        Time grid (ms), 0 for exact times. The default is the grid of the network's ``training``.
    engine : str
        Engine that presents (`netsim.seams.engines`).
    seed : int
        Seed of noise and of studies.

    Examples
    --------
    >>> import netsim
    >>> view = netsim.View(index=3, silenced={"hidden": (0, 1)})
    >>> spikes = view.present("digits")
    >>> spikes["hidden"][0, :2]
    array([inf, inf])
    """

    index: int = 0
    drawing: str = ""
    contrast: float = 1.0
    noise: float = 0.0
    occlusion: float = 0.0
    occluded: tuple[float, float] = (0.5, 0.5)
    studies: Mapping[str, float] = field(default_factory=dict)
    switched: tuple[int, ...] = ()
    silenced: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    maps: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    threshold: float = 1.0
    delay: float = 0.0
    regime: str = ""
    dt: float | None = None
    engine: str = "event"
    seed: int = 0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        plain_numbers(self)
        for name in ("index", "seed"):
            value = getattr(self, name)
            _require(_is_whole(value) and 0 <= value < 2**53, name, "a whole number from 0 to 2^53 - 1", value)
            object.__setattr__(self, name, int(value))
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            _require(finite(value) and low <= value <= high, name, f"a number from {low:g} to {high:g}", value)
        _require(self.dt is None or (finite(self.dt) and self.dt >= 0), "dt", "a time in ms, or nothing", self.dt)
        _require(isinstance(self.drawing, str), "drawing", "bytes in base64", self.drawing)
        for name, registry in (("regime", regimes), ("engine", engines)):
            value = getattr(self, name)
            known = isinstance(value, str) and (value in registry or (name, value) == ("regime", ""))
            _require(known, name, f"one of {', '.join(registry)}", value)
        centre = self.occluded
        _require(isinstance(centre, list | tuple) and len(centre) == 2, "occluded", "two numbers", centre)
        _require(all(finite(part) and 0 <= part <= 1 for part in centre), "occluded", "two numbers from 0 to 1", centre)
        object.__setattr__(self, "occluded", tuple(map(plain_number, centre)))
        listed = isinstance(self.switched, list | tuple) and all(
            _is_whole(each) and each >= 0 for each in self.switched
        )
        _require(listed, "switched", "a list of whole numbers", self.switched)
        object.__setattr__(self, "switched", tuple(map(int, self.switched)))
        for name, sort in (("studies", "levels by study"), ("silenced", "neurons by population"), ("maps", "maps")):
            _require(isinstance(getattr(self, name), Mapping), name, sort, getattr(self, name))
        for name, level in self.studies.items():
            _require(finite(level), f"studies.{name}", "a number", level)
        object.__setattr__(self, "studies", {name: plain_number(level) for name, level in self.studies.items()})
        for which in ("silenced", "maps"):
            for name, chosen in getattr(self, which).items():
                whole = isinstance(chosen, list | tuple) and all(_is_whole(each) and each >= 0 for each in chosen)
                _require(whole, f"{which}.{name}", "a list of whole numbers", chosen)
            chosen_by_name = {name: tuple(map(int, chosen)) for name, chosen in getattr(self, which).items()}
            object.__setattr__(self, which, chosen_by_name)

    @classmethod
    def of_dict(cls, state: Any) -> View:
        """Return the view of a state from JSON. Raise a DataError if it is invalid."""
        _require(isinstance(state, dict), "", "an object of JSON", state)
        known = {each.name for each in fields(cls)}
        for name in state:
            _require(name in known, name, f"one of {', '.join(sorted(known))}", name)
        return cls(**state)

    @classmethod
    def of_text(cls, text: str) -> View:
        """Return the view of a link, or of the part of it after ``#``. What else the page shows follows after ``~``."""
        state = text.rpartition("#")[2].partition("~")[0].strip()
        try:
            padded = state + "=" * (-len(state) % 4)
            content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)[:_LONGEST])
        except (binascii.Error, ValueError, RecursionError) as error:
            raise DataError("state: is no state of the explorer; copy it from the page, with its end") from error
        return cls.of_dict(content)

    def to_dict(self) -> dict[str, Any]:
        """Return the values that differ from the defaults."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if value != getattr(_DEFAULT, name)}

    def to_text(self) -> str:
        """Return the state as the page writes it into its address."""
        text = json.dumps(self.to_dict(), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def unchanged(self) -> View:
        """The test stimulus, unchanged, for the unchanged network."""
        return View(index=self.index)

    @property
    def changes(self) -> str:
        """The changes of the stimulus and of the network in words, empty if there are none."""
        given = self.to_dict()
        said = [f"{name} {given[name]:g}" for name in ("contrast", "noise", "occlusion") if name in given]
        said = ["drawing"] * ("drawing" in given) + said
        said += [f"{name} {level:g}{_unit(name)}" for name, level in self.studies.items()]
        said += [f"switched {STIMULUS}:{_listed(self.switched)}"] * ("switched" in given)
        for which, noun in (("silenced", "lesion of"), ("maps", "lesion of map")):
            said += [f"{noun} {name}:{_listed(chosen)}" for name, chosen in getattr(self, which).items()]
        said += [f"threshold x {self.threshold:g}"] * ("threshold" in given)
        said += [f"delay {self.delay:g} ms"] * ("delay" in given)
        said += [f"regime {self.regime}"] * ("regime" in given)
        if self.dt is not None:
            said.append("exact times" if self.dt == 0 else f"grid {self.dt:g} ms")
        said += [f"engine {self.engine}"] * ("engine" in given) + [f"seed {self.seed}"] * ("seed" in given)
        return ", ".join(said)

    def stimulus(self, stimuli: Stimuli) -> tuple[Stimuli, int]:
        """Return stimuli, and the index of the stimulus of this view among them."""
        if self.drawing:
            stimuli, index = _drawn(self.drawing, stimuli), 0
        else:
            index = self.index
            if index >= len(stimuli):
                raise DataError(f"index: is {index}; there are stimuli 0 to {len(stimuli) - 1}")
        if (self.contrast, self.noise, self.occlusion) == (1.0, 0.0, 0.0):
            return stimuli, index
        return self.change_stimuli(stimuli.pick(np.array([index]))), 0

    def change_stimuli(self, stimuli: Stimuli) -> Stimuli:
        """Return stimuli with the contrast, noise and occlusion of this view."""
        if (self.contrast, self.noise, self.occlusion) == (1.0, 0.0, 0.0):
            return stimuli
        if stimuli.intensity_max is None:
            if (self.contrast, self.noise) != (1.0, 0.0):
                raise DataError("contrast and noise: change intensities, which these stimuli do not have")
            latencies = stimuli.latencies(np.arange(len(stimuli)))
            coded = stimuli.encoder.change_coded(latencies, lambda given: self._occlude(given, np.inf))
            return SpikeStimuli(coded, stimuli.labels, None, stimuli.encoder, stimuli.classes)
        image = sample_of(stimuli) * self.contrast
        if self.noise:
            image = image + self.noise * np.random.default_rng(self.seed).standard_normal(image.shape)
        image = self._occlude(np.clip(image, 0.0, 1.0), 0.0) * stimuli.intensity_max
        return Stimuli(image, stimuli.labels, stimuli.intensity_max, stimuli.encoder, stimuli.classes)

    def _occlude(self, given: np.ndarray, silence: float) -> np.ndarray:
        """Return a copy of stimuli with a silent square."""
        changed = given.copy()
        for_axes = []
        for size, centre in zip(given.shape[1:3], self.occluded[::-1], strict=True):
            first = round(centre * size - self.occlusion * size / 2)
            for_axes.append(slice(max(first, 0), max(first + round(self.occlusion * size), 0)))
        changed[:, for_axes[0], for_axes[1]] = silence
        return changed

    def change(self, network: Network, batch: Batch, first: int = 0) -> Batch:
        """Return a batch with the changes of this view, except changes of intensities.

        `first` is the position of the batch's first stimulus, which determines its draws.
        """
        encoder = network.encoder
        for name in sorted(self.studies, key=lambda name: (not disturbs_stimulus(name), name)):
            study, level = studies.require(name), self.studies[name]
            if level == study.neutral:
                continue
            labels = np.full(len(batch.stimuli), UNLABELLED)
            make = study.batches(network, batch.weights, level, self.seed)
            made = make(SpikeStimuli(batch.stimuli, labels, None, encoder), first)
            parts = {part: getattr(batch, part) | getattr(made, part) for part in ("thresholds", "delays")}
            lost = {name: mask | batch.silenced.get(name, False) for name, mask in made.silenced.items()}
            parts["silenced"] = batch.silenced | lost
            batch = replace(batch, stimuli=made.stimuli, weights=made.weights, **parts)
        if self.switched:
            batch = replace(batch, stimuli=self._switch(batch.stimuli))
        silenced, thresholds = dict(batch.silenced), dict(batch.thresholds)
        for name in dict.fromkeys([*self.silenced, *self.maps]):
            silenced[name] = silenced.get(name, False) | self._lesion(network, name)
        if self.threshold != 1.0:
            for population in network.integrating:
                common = np.full(population.shape, network.neurons(population.name).threshold)
                thresholds[population.name] = thresholds.get(population.name, common) * self.threshold
        delays = dict(batch.delays)
        if self.delay:
            for projection in network.projections:
                if network.weight_shape(projection):
                    none = np.zeros(network.shapes[projection.source])
                    delays[projection.name] = delays.get(projection.name, none) + self.delay
        return replace(batch, silenced=silenced, thresholds=thresholds, delays=delays)

    def _switch(self, stimuli: np.ndarray) -> np.ndarray:
        """Return a copy of latencies of stimuli with switched neurons."""
        size = stimuli[0].size
        if max(self.switched) >= size:
            raise SpecificationError(
                f"neuron {STIMULUS}:{max(self.switched)}", f"does not exist; {STIMULUS} has 0 to {size - 1}"
            )
        changed = stimuli.reshape(len(stimuli), -1).copy()
        chosen = list(set(self.switched))
        changed[:, chosen] = np.where(np.isfinite(changed[:, chosen]), np.inf, 0.0)
        return changed.reshape(stimuli.shape)

    def _lesion(self, network: Network, name: str) -> np.ndarray:
        population = network.population(name)
        mask = np.zeros(population.size, bool)
        for sort, chosen, count in (
            ("neuron", self.silenced.get(name, ()), population.size),
            ("map", self.maps.get(name, ()), population.maps),
        ):
            if chosen and max(chosen) >= count:
                raise SpecificationError(f"{sort} {name}:{max(chosen)}", f"does not exist; {name} has 0 to {count - 1}")
        mask[list(self.silenced.get(name, ()))] = True
        mask |= np.isin(np.arange(population.size) % population.maps, self.maps.get(name, ()))
        return mask.reshape(population.shape)

    def network(self, network: Network) -> Network:
        """Return a network with the regime of this view.

        Without a drive, all populations may fire during the whole presentation. A regime with a drive requires a
        network that has one.
        """
        if not self.regime:
            return network
        regime, populations = regimes.require(self.regime), []
        for population in network.populations:
            if population.neurons is not None:
                free: dict[str, Any] = {} if regime.has_onset else {"onset": 0.0, "end": network.duration, "drive": 0.0}
                population = replace(population, neurons=replace(population.neurons, regime=self.regime, **free))
            populations.append(population)
        return replace(network, populations=tuple(populations))

    def make_engine(self, network: Network, record: tuple[Recorded, ...] = (), engine: Engine | None = None) -> Changed:
        """Return an engine that presents batches with these changes. The default is a new engine.

        `network` has the regime of this view already.
        """
        if engine is None:
            engine = make_engine(self.engine, network, self.grid(network), record=record)
        return Changed(engine, partial(self.change, network))

    def grid(self, network: Network) -> float:
        """Return the time grid (ms), 0 for exact times."""
        return network.training.dt if self.dt is None else self.dt

    def present(self, model: Subject, stimuli: Stimuli | None = None, record: tuple[Recorded, ...] = ()) -> Spikes:
        """Present the stimulus of this view to a model with the changes of this view.

        Parameters
        ----------
        model, record
            See `netsim.present`.
        stimuli : Stimuli, optional
            The default is the test stimuli of the model's data set.

        Returns
        -------
        Spikes
            One presentation.
        """
        model = open_model(model)
        shown, index = self.stimulus(stimuli_for(model, stimuli))
        model = replace(model, network=self.network(model.network))
        return present(model, shown, index=[index], engine=self.make_engine(model.network, record))

    def python(self, name: str | None, seed: int = 0) -> str:
        """Return the program that presents this view. `name` is a run, preset or TOML file.

        Without a name, the program uses the variables `model` and `stimuli`. `seed` is the seed of the initial weights.
        """
        given = self.to_dict()
        model = f"netsim.load_model({name!r}, seed={seed})" if seed else repr(name)
        if name is None:
            model = "model, stimuli"
        if not given.keys() - {"index"}:
            return f"import netsim\n\nspikes = netsim.present({model}, index=[{self.index}])\n"
        arguments = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return f"import netsim\n\nspikes = netsim.View({arguments}).present({model})\n"

    def command(self, name: str | None, seed: int = 0) -> str:
        """Return the command that presents this view, or that opens the explorer with it. See `python`."""
        import shlex

        if name is None:
            return "# none, because the model or its stimuli exist in your program only"
        given, drawn = self.to_dict(), f" --seed {seed}" if seed else ""
        if given.keys() - {"index", "dt"}:
            return f"netsim explore {shlex.quote(name)} --state {self.to_text()}{drawn}"
        grid = "" if self.dt is None else f" --dt {np.format_float_positional(self.dt, trim='-')}"
        return f"netsim simulate {shlex.quote(name)} --index {self.index}{grid}{drawn}"


class Changed(RunsConversations):
    """An engine that changes each batch before it presents it.

    Parameters
    ----------
    engine : Engine
        Presents the changed batches.
    change : callable
        Returns the changed batch, from a batch and the number of stimuli that this engine presented before.

    Attributes
    ----------
    batch : Batch or None
        The latest changed batch.
    """

    def __init__(self, engine: Engine, change: Callable[[Batch, int], Batch]) -> None:
        self.network, self.dt = engine.network, engine.dt
        self.solves_equation = solves_equation(engine)
        self.batch: Batch | None = None
        self._engine, self._change, self._done = engine, change, 0

    def __repr__(self) -> str:
        return f"Changed({self._engine!r})"

    @property
    def potentials(self) -> list[Potential]:
        """Potentials of the recorded neurons during the last batch."""
        return self._engine.potentials

    @potentials.setter
    def potentials(self, potentials: list[Potential]) -> None:
        self._engine.potentials = potentials

    def present(self, batch: Batch) -> Latencies:
        """Present one batch with the changes."""
        self.batch = self._change(batch, self._done)
        self._done += len(batch.stimuli)
        return self._engine.present(self.batch)


def sample_of(stimuli: Stimuli) -> np.ndarray:
    """Return the images of stimuli as intensities from 0 to 1, shape (stimuli, height, width, channels)."""
    rows = np.arange(len(stimuli)) if stimuli.rows is None else stimuli.rows
    assert stimuli.intensity_max is not None
    intensities: np.ndarray = np.asarray(stimuli.images[rows], np.float64) / stimuli.intensity_max
    return intensities


def _drawn(text: str, stimuli: Stimuli) -> Stimuli:
    """Return a drawn stimulus without a label."""
    if stimuli.intensity_max is None:
        raise DataError("drawing: needs a network of images; choose a test stimulus")
    shape = stimuli.encoder.sample_shape
    try:
        levels = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except (binascii.Error, ValueError) as error:
        raise DataError("drawing: is not bytes in base64") from error
    if levels.size != np.prod(shape):
        raise DataError(f"drawing: has {levels.size} intensities, {int(np.prod(shape))} are needed")
    image = levels.reshape(1, *shape) / 255.0 * stimuli.intensity_max
    return Stimuli(image, np.array([UNLABELLED]), stimuli.intensity_max, stimuli.encoder, stimuli.classes)


def disturbs_stimulus(name: str) -> bool:
    """Return whether a study disturbs stimuli, not the network."""
    from netsim.studies.study import StimulusStudy

    return isinstance(studies.require(name), StimulusStudy)


def _unit(name: str) -> str:
    """Return the unit of the levels of a study, such as `` ms``, if it has one."""
    _, bracket, unit = studies.require(name).level.rstrip(")").rpartition("(")
    return f" {unit}" if bracket else ""


def _listed(numbers: Sequence[int]) -> str:
    """Return numbers in words, at most the first ten."""
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return " ".join(map(str, numbers[:10])) + more


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _require(fits: bool, name: str, need: str, value: object) -> None:
    if not fits:
        shown = repr(value)
        raise DataError(f"state{f'.{name}' if name else ''}: must be {need}, not {shown[:80]}")


_DEFAULT = View()
