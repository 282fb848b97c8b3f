"""Initial weights that bring every population to a wanted activity: when its neurons fire, and how far apart."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Conversation, Engine, Latencies
from netsim.errors import DataError, SpecificationError
from netsim.reprs import html_table, limited
from netsim.specification import Network, Population
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights

_ROUNDS, _HALVINGS = 6, 14
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Activity:
    """First spikes of a population over neurons and presentations; quartiles count silent neurons as latest (ms)."""

    population: str
    fired: float  # share
    early: float
    median: float
    late: float


@dataclass(frozen=True)
class Calibration:
    """A network with initial weights, and the activity that they lead to; a notebook shows the table."""

    network: Network
    activity: tuple[Activity, ...]

    def __repr__(self) -> str:
        lines = [
            f"  {name}: {fired} fire, median {median}, quartiles {spread}"
            for name, fired, median, spread in self._rows()
        ]
        return limited([f"Calibration of {self.network.name!r}:", *lines])

    def _repr_html_(self) -> str:
        return html_table(self.network.name, self._rows(), ("population", "fire", "median latency", "quartiles"))

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (one.population, f"{one.fired:.0%}", f"{one.median:.1f} ms", f"{one.early:.1f} to {one.late:.1f} ms")
            for one in self.activity
        ]


def calibrate(
    engine: Engine,
    network: Network,
    stimuli: Stimuli,
    latency: float | Mapping[str, float],
    quartiles: float | Mapping[str, float],
    seed: int = 0,
) -> Calibration:
    """Initial weights by activity: populations fire when they should, and neither all at once nor all over the place.

    Population after population, from the stimulus on, the constant current ``initial.bias`` (of neurons without a bias
    ``initial.mean``) is bisected until the median of the first-spike latencies is `latency`, and ``initial.spread``
    is scaled until their quartiles are about `quartiles` apart, or as near as stimuli and neurons let them: `activity`
    says what came of it. The network that comes of it holds distributions, so that any seed draws anew.

    Parameters
    ----------
    engine : Engine
        Presents the stimuli; any engine, also one of your own.
    network : Network
        Of the engine, for example with the potentials of `netsim.fit_psp`.
    stimuli : Stimuli
        Some tens are enough.
    latency, quartiles : float or mapping
        Of all populations that integrate, or by name (ms).
    seed : int
        Of the weights that are tried.

    Raises
    ------
    DataError
        If a population cannot be brought to fire then.
    SpecificationError
        If a mapping lacks a population that integrates.

    Examples
    --------
    >>> import netsim
    >>> neurons = netsim.Neurons("free", threshold=1.0, tau=24.0, bias=True)
    >>> layers = [netsim.Layer("hidden", netsim.Dense(30), neurons), netsim.Layer("output", netsim.Dense(10), neurons)]
    >>> training = netsim.Training("digits", validation=100)
    >>> encoder = netsim.IntensityEncoder((8, 8, 1), 16.0)
    >>> network = netsim.Network.chain("small", encoder, layers, 64.0, training=training)
    >>> engine = netsim.make_engine("event", network)
    >>> stimuli = netsim.load_splits(network).training.first(20)
    >>> found = netsim.calibrate(engine, network, stimuli, latency=24.0, quartiles=4.0)
    >>> [round(one.median) for one in found.activity]
    [24, 24]
    """
    wanted, apart = _by_population(network, latency, "latency"), _by_population(network, quartiles, "quartiles")
    return engine.run(_calibrated(network, stimuli.latencies(np.arange(len(stimuli))), wanted, apart, seed))


def _calibrated(
    network: Network, stimuli: np.ndarray, latency: Mapping[str, float], quartiles: Mapping[str, float], seed: int
) -> Conversation[Calibration]:
    for population in network.in_order:
        if not population.integrates:
            continue
        name = population.name
        wanted, apart = latency[name], quartiles[name]
        network = _with_initial(network, population, spread=1.0)
        for _ in range(_ROUNDS):
            network, activity = yield from _timed(network, population, stimuli, wanted, seed)
            width = activity.late - activity.early
            factor = apart / width if 0 < width < np.inf else 2.0 if width == 0 else 0.5
            if abs(factor - 1) < 0.05:
                break
            spread = network.incoming(name)[0].initial.spread
            network = _with_initial(network, population, spread=spread * float(np.clip(factor, 0.25, 4.0)))
        network, _ = yield from _timed(network, population, stimuli, wanted, seed)
    latencies = yield _trial(network, stimuli, seed)  # once all are calibrated, for a loop may have changed some since
    found = (_activity(population, latencies) for population in network.integrating)
    return Calibration(network, tuple(found))


def _by_population(network: Network, given: float | Mapping[str, float], what: str) -> dict[str, float]:
    """What is wanted of each population that integrates."""
    names = [population.name for population in network.integrating]
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, float(given))
    if missing := [name for name in names if name not in given]:
        raise SpecificationError(what, f"has no time for {', '.join(missing)}; name each population that integrates")
    return {name: float(given[name]) for name in names}


def _timed(
    network: Network, population: Population, stimuli: np.ndarray, wanted: float, seed: int
) -> Conversation[tuple[Network, Activity]]:
    """The network whose population fires at the wanted time in the median, by halving."""
    knob = "bias" if population.has_bias else "mean"
    least, most = 0.0, 1.0
    while True:
        activity = yield from _measured(_with_initial(network, population, **{knob: most}), population, stimuli, seed)
        if activity.median <= wanted:
            break
        least, most = most, 2 * most
        if most > 2.0**20:
            raise DataError(f"{population.name}: does not fire at {wanted:g} ms, however large initial.{knob} is")
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        activity = yield from _measured(_with_initial(network, population, **{knob: middle}), population, stimuli, seed)
        least, most = (least, middle) if activity.median <= wanted else (middle, most)
    chosen = _with_initial(network, population, **{knob: most})
    activity = yield from _measured(chosen, population, stimuli, seed)
    return chosen, activity


def _measured(network: Network, population: Population, stimuli: np.ndarray, seed: int) -> Conversation[Activity]:
    latencies = yield _trial(network, stimuli, seed)
    return _activity(population, latencies)


def _trial(network: Network, stimuli: np.ndarray, seed: int) -> Batch:
    return Batch(stimuli, forward_weights(network, initial_weights(network, seed)))


def _activity(population: Population, latencies: Latencies) -> Activity:
    own = latencies[population.name].ravel()
    early, median, late = np.quantile(own, _QUARTILES, method="higher").tolist()
    return Activity(population.name, float(np.isfinite(own).mean()), early, median, late)


def _with_initial(network: Network, population: Population, **values: float) -> Network:
    """The network with other initial weights onto a population; its bias is that of the first projection."""
    first = network.incoming(population.name)[0].name
    projections = []
    for projection in network.projections:
        if projection.target == population.name:
            own: dict[str, Any] = dict(values)
            if projection.name != first and "bias" in own:
                own["bias"] = 0.0
            projection = dataclasses.replace(projection, initial=dataclasses.replace(projection.initial, **own))
        projections.append(projection)
    return dataclasses.replace(network, projections=tuple(projections))
