"""Calibration of initial weights to a wanted activity of each population: median and spread of spike times."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Latencies
from netsim.errors import DataError, SpecificationError, warn_user
from netsim.measuring.metrics import latency_text, range_text
from netsim.presenting.batches import check_engine
from netsim.reprs import html_table, limited
from netsim.specification import Network, Population, Projection
from netsim.specification.checks import check_kind, finite, require
from netsim.specification.responses import effect
from netsim.weights.initial import first_weights

_ROUNDS, _HALVINGS = 6, 14  # maximum corrections of the spread, bisections of the bias or mean
_LEAST, _MOST = 2.0**-60, 2.0**60  # of a bias, mean or spread, in the unit of the weights
_NEAR = 4.0  # factor within which the first guess of the spread meets the wanted quartiles
_QUARTILES = (0.25, 0.5, 0.75)
_APART, _OUTPUTS_APART = 0.4, 0.1  # default distances of the quartiles, in encoding windows
_OF_WINDOW = 0.4  # default median in a firing window, as a fraction of the window
_ARRIVED = 0.9  # fraction of the sources' spikes that arrive by the default median
_PER_QUARTILES = 3.0  # latencies that the softmax tells apart, per distance of the output quartiles
_TIMES = 400  # samples of the response to a spike


@dataclass(frozen=True)
class Activity:
    """First spikes of a population over neurons and presentations.

    Attributes
    ----------
    population : str
    fired : float
        Fraction that fired.
    early, median, late : float
        Quartiles of the latencies (ms). Silent neurons count as latest.
    """

    population: str
    fired: float
    early: float
    median: float
    late: float


@dataclass(frozen=True)
class Calibration:
    """A calibrated network and its activity. Notebooks show the table.

    Attributes
    ----------
    network : Network
    activity : tuple of Activity
        Activity of each population.
    """

    network: Network
    activity: tuple[Activity, ...]

    def __repr__(self) -> str:
        lines = [
            f"  {name}: {fired} fire, median {median}, quartiles {spread}"
            for name, fired, median, spread in self._rows()
        ]
        sharpness = f"  learning.sharpness: {self.network.learning.sharpness:g}"
        return limited([f"Calibration of {self.network.name!r}:", *lines, sharpness])

    def _repr_html_(self) -> str:
        return html_table(self.network.name, self._rows(), ("population", "fire", "median latency", "quartiles"))

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                each.population,
                f"{each.fired:.0%}",
                latency_text(each.median, 1),
                range_text(each.early, each.late, 1),
            )
            for each in self.activity
        ]


def calibrate(
    engine: Engine,
    network: Network,
    stimuli: Stimuli,
    latency: float | Mapping[str, float] | None = None,
    quartiles: float | Mapping[str, float] | None = None,
    seed: int = 0,
) -> Calibration:
    """Choose initial weights such that all populations fire at wanted times.

    Populations are calibrated in order, from the stimulus. The constant current ``initial.bias`` (or ``initial.mean``
    for neurons without a bias) is bisected until the median of the first-spike latencies equals `latency`.
    ``initial.spread`` is scaled until their quartiles are about `quartiles` apart. Stimuli and neurons limit what is
    possible, so check the resulting `activity`. The resulting network contains distributions, so every seed draws
    other weights.

    With softmax targets, ``learning.sharpness`` is raised if it cannot tell apart output latencies that differ by a
    third of `quartiles`.

    Parameters
    ----------
    engine : Engine
        Presents the stimuli. Any engine is possible.
    network : Network
        The engine's network, for example with the potentials of `netsim.fit_psp`.
    stimuli : Stimuli
        Some tens suffice.
    latency, quartiles : float or mapping
        Median, and distance of the quartiles (ms), for all integrating populations or by name. By default, 90 % of
        the sources' spikes have arrived by the median, but it is not after the peak of the response to their early
        quartile, unless the neurons cannot fire before. The default distance is 0.4 encoding windows, and 0.1 for
        outputs.
    seed : int
        Seed of the test weights.

    Returns
    -------
    Calibration

    Raises
    ------
    DataError
        If a population cannot fire at the wanted time, or there are no stimuli.
    SpecificationError
        If an argument has the wrong type, a mapping lacks an integrating population, or a time is not above 0.

    Warns
    -----
    UserWarning
        If a given median is after the peak of the response to the early quartile of the sources.

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
    >>> calibration = netsim.calibrate(engine, network, stimuli, latency=24.0, quartiles=4.0)
    >>> [round(activity.median) for activity in calibration.activity]
    [24, 24]
    """
    check_engine(engine)
    check_kind(network, Network, "network")
    check_kind(stimuli, Stimuli, "stimuli", "such as netsim.load_splits(network).training")
    if quartiles is None:
        shares = dict.fromkeys((each.name for each in network.integrating), _APART)
        shares[network.output.name] = _OUTPUTS_APART
        quartiles = {name: share * network.encoder.t_max for name, share in shares.items()}
    if not len(stimuli):
        raise DataError("stimuli: are empty; give at least one stimulus")
    for population in network.integrating:
        losers = "keep most neurons silent, so that no median is known; calibrate without winners, and add them again"
        require(population.winners is None, f"{network.key_of(population)}.winners", losers)
        _check_knob(network, population)
    wanted = {} if latency is None else _by_population(network, latency, "latency")
    for name, time in wanted.items():
        end = network.firing_window(name)[1]
        require(time < end, "latency", f"of {name} must be before the end of its window, {end:g} ms, not {time:g}")
    apart = _by_population(network, quartiles, "quartiles")
    network = _telling_apart(network, apart[network.output.name])
    return _calibrated(engine, network, stimuli.latencies(np.arange(len(stimuli))), wanted, apart, seed)


def _telling_apart(network: Network, quartiles: float) -> Network:
    """Return the network with a softmax that is sharp enough for outputs with this distance of quartiles (ms)."""
    learning, needed = network.learning, float(f"{_PER_QUARTILES * network.encoder.t_max / quartiles:.3g}")
    if learning.targets != "softmax" or learning.sharpness >= needed:
        return network
    return dataclasses.replace(network, learning=dataclasses.replace(learning, sharpness=needed))


def _calibrated(
    engine: Engine,
    network: Network,
    stimuli: np.ndarray,
    latency: Mapping[str, float],
    quartiles: Mapping[str, float],
    seed: int,
) -> Calibration:
    """Calibrate populations in order. `latency` is empty, or has a median for each."""
    for population in network.in_order:
        if not population.integrates:
            continue
        name = population.name
        late, peak = _arrivals(network, population, _trial(engine, network, stimuli, seed))
        apart = quartiles[name]
        wanted = latency.get(name, max(min(late, peak), _in_window(network, population, apart)))
        if name in latency and wanted > peak:
            passed = f"a spike at the early quartile of its sources has its largest effect at {peak:.3g} ms"
            warn_user(f"{name}: {passed}, before the median of {wanted:g} ms; choose an earlier latency")
        network = _guessed(engine, network, population, stimuli, wanted, apart, seed)
        kept = None
        for _ in range(_ROUNDS + 1):
            timed, activity = _timed(engine, network, population, stimuli, wanted, seed)
            width = activity.late - activity.early
            factor = apart / width if 0 < width < np.inf else 2.0 if width == 0 else 0.5
            if abs(activity.median - wanted) > apart:  # the spread alone decides when neurons fire
                if kept is not None:
                    break
                factor = 0.25
            else:
                kept = timed
            if abs(factor - 1) < 0.05:
                break
            spread = timed.incoming(name)[0].initial.spread
            network = _with_initial(timed, population, spread=spread * float(np.clip(factor, 0.25, 4.0)))
        network = kept or timed
    latencies = _trial(engine, network, stimuli, seed)  # again at the end, because loops change earlier populations
    activities = (_activity(population, latencies) for population in network.integrating)
    return Calibration(network, tuple(activities))


def _arrivals(network: Network, population: Population, latencies: Latencies) -> tuple[float, float]:
    """Return when most spikes of the sources have arrived, and when early ones have their largest effect (ms)."""
    incoming = network.incoming(population.name)
    outside = [each for each in incoming if not network.is_recurrent(each)] or incoming
    late, peak = 0.0, network.duration
    for projection in outside:
        times = latencies[projection.source]
        times = times[np.isfinite(times)]
        if not times.size:
            continue
        early, last = np.quantile(times, (_QUARTILES[0], _ARRIVED)).tolist()
        late = max(late, last + projection.mean_delay)
        peak = min(peak, early + projection.mean_delay + _rise(network, population, projection))
    return late, peak


def _in_window(network: Network, population: Population, apart: float) -> float:
    """Return a median (ms) before which neurons with a window can hardly fire with quartiles this far apart."""
    start, end = network.firing_window(population.name)
    return start + max(apart, _OF_WINDOW * (end - start) if population.dynamics.gated else 0.0) if start else 0.0


def _rise(network: Network, population: Population, projection: Projection) -> float:
    """Return the time from the arrival of a spike to its largest effect on the potential (ms)."""
    times = np.linspace(0.0, network.duration, _TIMES + 1)
    neurons = population.dynamics
    if not neurons.kind.additive:
        return math.inf
    return float(times[np.abs(effect(neurons, projection.psp.kernel, 0.0, times)).argmax()])


def _guessed(
    engine: Engine,
    network: Network,
    population: Population,
    stimuli: np.ndarray,
    wanted: float,
    apart: float,
    seed: int,
) -> Network:
    """Return the network with a spread of the right order, whatever the unit of the weights."""
    network, _ = _timed(engine, _with_initial(network, population, spread=0.0), population, stimuli, wanted, seed)
    spread, factor, before = 1.0, 16.0, 0
    while _LEAST < spread < _MOST and factor > 1.5:
        network = _with_initial(network, population, spread=spread)
        activity = _measured(engine, network, population, stimuli, seed)
        width = activity.late - activity.early if np.isfinite(activity.late) else np.inf
        # without synapses the median is as wanted
        strong = not width <= _NEAR * apart or not abs(activity.median - wanted) < wanted / 2
        turn = -1 if strong else int(width * _NEAR < apart)
        if not turn:
            break
        if turn == -before:
            factor **= 0.5
        spread, before = spread * factor**turn, turn
    return network


def _by_population(network: Network, given: float | Mapping[str, float], what: str) -> dict[str, float]:
    """Return the wanted value of each integrating population."""
    names = [population.name for population in network.integrating]
    if not isinstance(given, Mapping):
        given = dict.fromkeys(names, given)
    if missing := [name for name in names if name not in given]:
        raise SpecificationError(what, f"has no time for {', '.join(missing)}; name each integrating population")
    for name in names:
        if not (finite(given[name]) and given[name] > 0):
            raise SpecificationError(what, f"must be a time above 0 ms, not {given[name]} for {name}")
    return {name: float(given[name]) for name in names}


def _timed(
    engine: Engine, network: Network, population: Population, stimuli: np.ndarray, wanted: float, seed: int
) -> tuple[Network, Activity]:
    """Return the network whose population has the wanted median (ms), by bisection."""
    knob = "bias" if population.has_bias else "mean"

    def in_time(value: float) -> bool:
        activity = _measured(engine, _with_initial(network, population, **{knob: value}), population, stimuli, seed)
        return activity.median <= wanted

    most = 1.0
    if in_time(most):
        while most > _LEAST and in_time(most / 2):
            most /= 2
    else:
        while not in_time(most):
            most *= 2
            if most > _MOST:
                raise DataError(
                    f"{population.name}: does not fire at {wanted:g} ms for any initial.{knob}; choose a later latency"
                )
    least = most / 2 if most > _LEAST else 0.0
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        activity = _measured(engine, _with_initial(network, population, **{knob: middle}), population, stimuli, seed)
        least, most = (least, middle) if activity.median <= wanted else (middle, most)
    chosen = _with_initial(network, population, **{knob: most})
    activity = _measured(engine, chosen, population, stimuli, seed)
    return chosen, activity


def _measured(engine: Engine, network: Network, population: Population, stimuli: np.ndarray, seed: int) -> Activity:
    latencies = _trial(engine, network, stimuli, seed)
    return _activity(population, latencies)


def _trial(engine: Engine, network: Network, stimuli: np.ndarray, seed: int) -> Latencies:
    return engine.present(Batch(stimuli, first_weights(network, seed)))


def _activity(population: Population, latencies: Latencies) -> Activity:
    times = latencies[population.name].ravel()
    early, median, late = np.quantile(times, _QUARTILES, method="higher").tolist()
    return Activity(population.name, float(np.isfinite(times).mean()), early, median, late)


def _is_inhibitory(network: Network, projection: Projection) -> bool:
    signs = network.weight_signs(projection)
    return signs is not None and bool((signs < 0).all())


def _check_knob(network: Network, population: Population) -> None:
    """Refuse a population whose latencies no mean of weights and no bias can set."""
    if population.has_bias:
        return
    where, remedy, free = network.key_of(population), "give its neurons a bias, or calibrate the others by hand", False
    for projection in network.incoming(population.name):
        signs = network.weight_signs(projection)
        mixed = signs is not None and (signs < 0).any() and not (signs < 0).all()
        require(not mixed, where, f"has excitatory and inhibitory sources in {projection.name}; {remedy}")
        known = projection.connectivity.known_weights(*network.ends(projection)) is not None
        free |= not known and not _is_inhibitory(network, projection)
    require(free, where, f"has no excitatory weights that are drawn; {remedy}")


def _with_initial(network: Network, population: Population, **values: float) -> Network:
    """Return the network with other initial weights onto a population. The first projection sets its bias."""
    first = network.incoming(population.name)[0].name
    projections = []
    for projection in network.projections:
        if projection.target == population.name:
            changes: dict[str, Any] = dict(values)
            if projection.name != first and "bias" in changes:
                changes["bias"] = 0.0
            if projection.connectivity.known_weights(*network.ends(projection)) is not None:
                changes = {key: value for key, value in changes.items() if key == "bias"}
            elif _is_inhibitory(network, projection):
                changes.pop("mean", None)  # a positive mean would leave no inhibition
            projection = dataclasses.replace(projection, initial=dataclasses.replace(projection.initial, **changes))
        projections.append(projection)
    return dataclasses.replace(network, projections=tuple(projections))
