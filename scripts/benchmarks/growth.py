"""How the cost of a presentation grows: with spikes, neurons, synapses, batch, threads and time steps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.event_rows import FREE, PHASED, forward, forward_call, training, training_call, weights_of
from benchmarks.rows import DENSE_LAYER, Measured, Prepared, Row, Setting, measure, set_threads
from benchmarks.stimuli import PIXELS, SHAPE, latencies, random_images
from benchmarks.torch_rows import ann_forward, second_convolution
from netsim.engines import Batch
from netsim.models.presets import load_preset
from netsim.specification import Convolution, Dense, InitialWeights, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.specification.summary import summarise
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

CURVES = {
    "spikes": "input spikes",
    "active": "active inputs of a layer (%)",
    "neurons": "neurons",
    "synapses": "synapses",
    "batch": "presentations in a batch",
    "threads": "threads",
    "steps": "time steps of a presentation",
}
"""What is varied, and how an axis calls it."""

_STEPPED = "mlp-fashion"


class Point(NamedTuple):
    """One measurement of a curve."""

    curve: str
    series: str
    x: float
    prepare: Callable[[Setting], Prepared]


def measure_growth(
    curves: Sequence[str], setting: Setting, repetitions: int, quick: bool, advance: Callable[[int], None]
) -> list[dict[str, Any]]:
    """All points of some curves, timed in turn.

    Returns
    -------
    list of dict
        Tidy: ``curve``, ``series``, ``x``, and ``median_ms``, ``least_ms``, ``most_ms``, ``cpu_ms`` per presentation;
        ``rounds_ms`` are those of each round, in which all points were timed.
    """
    points = list(growth_points(curves, quick))
    rows = [Row(f"{point.curve}/{point.series}/{point.x:g}", "", point.prepare) for point in points]
    measured = measure(rows, setting, repetitions, advance)
    return [_line(point, result) for point, result in zip(points, measured, strict=True) if not result.missing]


def _line(point: Point, result: Measured) -> dict[str, Any]:
    return {
        "curve": point.curve,
        "series": point.series,
        "x": point.x,
        "median_ms": result.median_ms,
        "least_ms": min(result.wall_ms),
        "most_ms": max(result.wall_ms),
        "cpu_ms": float(np.median(result.cpu_ms)),
        "rounds_ms": result.wall_ms,
    }


def growth_points(curves: Sequence[str], quick: bool) -> Iterator[Point]:
    """The points of some curves; with `quick` only the first and the last of each series."""
    for curve in curves:
        series: dict[str, list[Point]] = {}
        for point in _POINTS[curve]():
            series.setdefault(point.series, []).append(point)
        for points in series.values():
            yield from [points[0], points[-1]] if quick else points


def _spikes() -> Iterator[Point]:
    for active in (10, 30, 100, 250, 500, PIXELS):
        for series, preset in _PRESETS.items():
            yield Point("spikes", series, active, partial(_present_random, preset, active))
        yield Point("spikes", "free, one dense layer", active, partial(_present, _one_dense("free", 28), active))
        yield Point("spikes", _DENSE, active, ann_forward)


def _active() -> Iterator[Point]:
    for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
        for regime in _PRESETS:
            network = _second_convolution(regime)
            active = round(share * math.prod(network.encoder.shape))
            yield Point("active", regime, 100 * share, partial(_present, network, active))
            yield Point("active", f"{regime}, training step", 100 * share, partial(_learn, network, active))
        yield Point("active", DENSE_LAYER, 100 * share, partial(_dense_layer, active))


def _neurons() -> Iterator[Point]:
    for maps in (8, 16, 32, 64, 128):
        for regime in _PRESETS:
            network = _one_convolution(regime, maps)
            yield Point("neurons", regime, summarise(network)["neurons"], partial(_present, network, PIXELS // 2))


def _synapses() -> Iterator[Point]:
    for side in (7, 14, 28, 56, 112):
        for regime in _PRESETS:
            network = _one_dense(regime, side)
            yield Point("synapses", regime, network.synapses, partial(_present, network, side**2 // 2))


def _batch() -> Iterator[Point]:
    for size in (1, 4, 16, 64, 256):
        for series, prepare in _SERIES.items():
            yield Point("batch", series, size, partial(_sized, size, prepare))


def _threads() -> Iterator[Point]:
    for threads in (1, 2):
        for series, prepare in _SERIES.items():
            yield Point("threads", series, threads, partial(_on_threads, threads, prepare))


def _steps() -> Iterator[Point]:
    network = load_preset(_STEPPED)
    for dt in (8.0, 4.0, 2.0, 1.0, 0.5):
        steps = math.ceil(network.duration / dt)
        for series, grid in (("event engine, on the grid", dt), ("event engine, exact times", 0.0)):
            yield Point("steps", series, steps, partial(forward, _STEPPED, True, "double", grid))
        yield Point("steps", "Brian2 engine", steps, partial(_present_by_brian2, dt))


def _present_by_brian2(dt: float, setting: Setting) -> Prepared:
    from netsim.engines.brian2.engine import Brian2Engine

    network, weights = weights_of(_STEPPED, True, setting.seed)
    engine = Brian2Engine(network, dt=dt, copies=1)
    # twice as many as of a larger network, for the start of a Brian2 run is to be small beside its steps
    batch = Batch(latencies(setting.images[: 2 * setting.clocked_presentations], network.encoder), weights)
    return Prepared(lambda: engine.present(batch), len(batch.stimuli))


_POINTS: dict[str, Callable[[], Iterator[Point]]] = {
    "spikes": _spikes,
    "active": _active,
    "neurons": _neurons,
    "synapses": _synapses,
    "batch": _batch,
    "threads": _threads,
    "steps": _steps,
}


def _neurons_of(regime: str, layer: int) -> Neurons:
    if regime == "free":
        return Neurons("free", threshold=1.0, tau=16.0)
    onset = 64.0 * (layer + 1)
    return Neurons("phased", threshold=2.0, tau=64.0, onset=onset, end=onset + 64.0, drive=1.0)


def _initial(regime: str) -> InitialWeights:
    """Excitation on the whole in the regime free, where nothing else brings neurons to threshold."""
    return InitialWeights(mean=1.0, spread=1.0) if regime == "free" else InitialWeights()


def _one_convolution(regime: str, maps: int) -> Network:
    """Neurons with 25 inputs each; hardly anything else."""
    layers = (
        Layer("maps", Convolution(maps, 5, padding=2), neurons=_neurons_of(regime, 0), initial=_initial(regime)),
        Layer("whole", Pooling(28)),
        Layer("output", Dense(10), neurons=_neurons_of(regime, 1), initial=_initial(regime)),
    )
    return Network.chain("convolution", IntensityEncoder(SHAPE, 64.0), layers, duration=256.0)


def _second_convolution(regime: str) -> Network:
    """The second convolution of the presets alone, with stimuli in place of what comes from below."""
    layers = (
        Layer("maps", Convolution(64, 5), neurons=_neurons_of(regime, 0), initial=_initial(regime)),
        Layer("pool", Pooling(2)),
        Layer("output", Dense(10), neurons=_neurons_of(regime, 1), initial=_initial(regime)),
    )
    return Network.chain("second-convolution", IntensityEncoder((12, 12, 32), 64.0), layers, duration=256.0)


def _one_dense(regime: str, side: int) -> Network:
    """As many neurons always, with more inputs for a larger image."""
    layers = (
        Layer("hidden", Dense(1000), neurons=_neurons_of(regime, 0), initial=_initial(regime)),
        Layer("output", Dense(10), neurons=_neurons_of(regime, 1), initial=_initial(regime)),
    )
    return Network.chain("dense", IntensityEncoder((side, side, 1), 64.0), layers, duration=256.0)


def _present(network: Network, active: int, setting: Setting) -> Prepared:
    return forward_call(network, *_drawn(network, active, setting), "single")


def _learn(network: Network, active: int, setting: Setting) -> Prepared:
    return training_call(network, *_drawn(network, active, setting), setting.labels)


def _drawn(network: Network, active: int, setting: Setting) -> tuple[Weights, np.ndarray]:
    """Initial weights, and random images with so many active inputs."""
    weights = {name: array.astype(np.float32) for name, array in initial_weights(network, setting.seed).items()}
    return weights, random_images(len(setting.images), active, setting.seed, network.encoder.shape)


def _dense_layer(active: int, setting: Setting) -> Prepared:
    images = random_images(len(setting.images), active, setting.seed, (12, 12, 32))
    setting = dataclasses.replace(setting, images=images)
    return ann_forward(setting, channels_last=True, build=second_convolution)


def _present_random(preset: str, active: int, setting: Setting) -> Prepared:
    images = random_images(len(setting.images), active, setting.seed)
    return forward(preset, False, "single", 0.0, dataclasses.replace(setting, images=images))


_PRESETS = {"phased": PHASED, "free": FREE}
_DENSE = "dense network (torch)"
_SERIES: dict[str, Callable[[Setting], Prepared]] = {
    **{series: partial(forward, preset, False, "single", 0.0) for series, preset in _PRESETS.items()},
    "phased, training step": partial(training, PHASED, False),
    _DENSE: ann_forward,
}


def _sized(size: int, prepare: Callable[[Setting], Prepared], setting: Setting) -> Prepared:
    """Images repeated, or left out, to a batch of this size."""
    chosen = np.resize(np.arange(len(setting.images)), size)
    return prepare(dataclasses.replace(setting, images=setting.images[chosen], labels=setting.labels[chosen]))


def _on_threads(threads: int, prepare: Callable[[Setting], Prepared], setting: Setting) -> Prepared:
    prepared = prepare(setting)

    def call() -> None:
        set_threads(threads)
        prepared.call()

    return dataclasses.replace(prepared, call=call)
