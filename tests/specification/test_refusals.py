"""Specifications and samples that cannot be: the first word names the field, the rest says why."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import brian2 as b2
import numpy as np
import pytest

from netsim.errors import DataError, SpecificationError
from netsim.models.presets import load_preset
from netsim.specification import (
    PSP,
    Connections,
    Connectivity,
    Convolution,
    Delays,
    Dense,
    Distance,
    EdgeList,
    EventEncoder,
    InitialWeights,
    IntensityEncoder,
    LatencyEncoder,
    Layer,
    Learning,
    LocallyConnected,
    MelEncoder,
    Network,
    Neurons,
    OneToOne,
    OnOffEncoder,
    Pooling,
    Population,
    PopulationEncoder,
    Projection,
    Random,
    Scale,
    Training,
    Weighting,
)

MEL = MelEncoder((3, 4, 2), 20.0, (3.0, 9.0), frame=8.0)
IMAGES = IntensityEncoder((2, 3, 1), 64.0)
EVENTS, LATENCIES = EventEncoder((2, 3, 1)), LatencyEncoder((2, 3, 1), t_max=10.0)
TABLES = PopulationEncoder((1, 2, 6), 20.0, (0.0, -5.0), (1.0, 5.0))
TWICE = (Population("a", (4,)), Population("a", (4,)))
CONV = Layer("conv", Convolution(2, 3), dropout=0.5)
EXCITED = IntensityEncoder((4, 4, 2), 5.0, constant=(5.0,))


def _chain(*layers: object, **changes: object) -> Network:
    settings = {"name": "n", "encoder": IntensityEncoder((8, 8, 1), 10.0), "duration": 50.0}
    return Network.chain(**(settings | {"layers": (*layers, Layer("output", Dense(10)))} | changes))  # type: ignore[arg-type]


def _joined(rule: Connectivity, target: tuple[int, ...] = (3,), source: tuple[int, int, int] = (2, 2, 1)) -> Network:
    """A network whose hidden population is connected to the stimulus by a rule."""
    populations = (Population("hidden", target), Population("output", (2,)))
    projections = (Projection("stimulus", "hidden", rule), Projection("hidden", "output", Dense()))
    return Network("x", IntensityEncoder(source, 5.0), populations, projections, 20.0)


def _of(*arrays: Any) -> Connections:
    return Connections.of(*map(np.array, arrays))


SPECIFICATIONS: list[tuple[Callable[[], Any], str]] = [
    # encoders
    (lambda: IntensityEncoder((8, 8), 1.0), "^encoder.shape: "),
    (lambda: IntensityEncoder((8, 8, 0), 1.0), "^encoder.shape: "),
    (lambda: IntensityEncoder((8, 8, 1), -1.0), "^encoder.t_max: "),
    (lambda: IntensityEncoder((8, 8, 1), math.nan), "^encoder.t_max: "),
    (lambda: IntensityEncoder((4, 4, 2), 5.0, constant=(6.0,)), r"^encoder.constant: must be times from 0 to t_max"),
    (lambda: IntensityEncoder((4, 4, 1), 5.0, constant=(1.0,)), r"^encoder.shape: has 1 channels, all taken by"),
    (lambda: _chain(encoder=EXCITED, duration=5.0), r"^encoder.constant: .* at the end .* \(5.0 ms\); choose a longer"),
    (lambda: EventEncoder((8, 8, 2), windows=0), "^encoder.windows: "),
    (lambda: EventEncoder((8, 8, 3), windows=2), "^encoder.shape: "),
    (lambda: EventEncoder((8, 8, 2), polarity="merged"), "^encoder.shape: "),
    (lambda: EventEncoder((8, 8, 2), polarity="both"), "^encoder.polarity: "),  # type: ignore[arg-type]
    (lambda: EventEncoder((8, 8, 2), origin="start"), "^encoder.origin: "),  # type: ignore[arg-type]
    (lambda: EventEncoder((8, 8, 2), 1e-4), "^encoder.t_max: "),
    (lambda: EventEncoder((8, 8, 2), 1e7), "^encoder.t_max: "),
    (lambda: LatencyEncoder((1, 5, 1), t_max=40 * b2.ms), r"^encoder.t_max: must be a number, not 40. \* msecond"),
    (lambda: LatencyEncoder((1, 5, 2), constant=[1.0] * b2.ms), r"^encoder.constant: .* not array\(\[1.\]\) \* msec"),  # type: ignore[arg-type]
    (lambda: OnOffEncoder((4, 4, 3)), r"^encoder.shape: 3 channels are not 2 \(on and off, at 1 scale\) for each"),
    (lambda: OnOffEncoder((4, 4, 2), scales=()), r"^encoder.scales: must be positive numbers of pixels, not \[\]"),
    (lambda: OnOffEncoder((4, 4, 2), scales=(-1.0,)), r"^encoder.scales: must be positive"),
    (lambda: OnOffEncoder((4, 4, 2), scales=(math.inf,)), r"^encoder.scales: must be positive"),
    (lambda: OnOffEncoder((4, 4, 2), ratio=1.0), r"^encoder.ratio: must be above 1, not 1.0"),
    (lambda: OnOffEncoder((4, 4, 2), threshold=0.0), r"^encoder.threshold: must lie between 0 and 1, not 0.0"),
    (lambda: dataclasses.replace(TABLES, low=(0.0,)), "^encoder.low: "),
    (lambda: dataclasses.replace(TABLES, high=(0.0, 9.0)), "^encoder.high: "),
    (lambda: dataclasses.replace(TABLES, cutoff=1.0), "^encoder.cutoff: "),
    *(
        (lambda make=make, wrong=wrong: make(wrong), f"^encoder.{field}: must be a sequence of numbers, not ")
        for make, field in (
            (lambda wrong: IntensityEncoder((2, 3, 2), constant=wrong), "constant"),
            (lambda wrong: OnOffEncoder((2, 3, 2), scales=wrong), "scales"),
            (lambda wrong: PopulationEncoder((1, 1, 4), low=wrong, high=(1.0,)), "low"),
            (lambda wrong: MelEncoder((2, 4, 1), t_max=20.0, thresholds=wrong), "thresholds"),
        )
        for wrong in (5.0, ("a",), (True,))
    ),
    *(
        (lambda change=change: dataclasses.replace(MEL, **change), f"^encoder.{message}")
        for change, message in (
            ({"high": 5000.0}, r"high: must lie between encoder.low \(60 Hz\) and half the sampling rate \(4000 Hz\)"),
            ({"low": 4000.0}, "high: must lie between"),
            ({"hop": 0.3}, "hop: must be a whole number of samples at 8000 Hz"),
            ({"frame": 0.125}, "frame: must be a whole number of samples at 8000 Hz, at least 2, not 1"),
            ({"t_max": 21.0}, r"t_max: must be a multiple of encoder.hop \(4 ms\), not 21 ms"),
            ({"thresholds": (9.0, 3.0)}, "thresholds: must be ascending times above 0"),
            ({"thresholds": (3.0, 30.0)}, "thresholds: must be ascending"),
            ({"thresholds": ()}, "thresholds: must be ascending"),
            ({"thresholds": (3.0,)}, "shape: has 2 neurons for each band, and encoder.thresholds has 1"),
            ({"shape": (3, 40, 2)}, "shape: band 2 is narrower than the resolution of the spectrum; use fewer"),
            ({"dynamic_range": 200.0}, "dynamic_range: must be at most 120 dB, not 200"),
            ({"rate": 0}, "rate: must be an integer >= 1"),
            ({"reference": "loud"}, "reference"),
        )
    ),
    # postsynaptic potentials and neurons
    (lambda: PSP("square"), "^psp.shape: "),
    (lambda: PSP("ramps"), "^psp.shape: must be one of ramp, breakpoints, plateau, triangle"),
    (lambda: PSP("plateau"), "^psp.rise: "),
    (lambda: PSP("ramp", rise=1.0), "^psp.rise: "),
    (lambda: PSP("breakpoints"), "^psp.breakpoints: "),
    (lambda: PSP("breakpoints", breakpoints=((2.0, 1.0), (1.0, 1.0))), "^psp.breakpoints: "),
    (lambda: PSP("breakpoints", breakpoints=((0.0, math.nan),)), "^psp.breakpoints: "),
    (lambda: PSP("breakpoints", breakpoints=3), "^psp.breakpoints: "),
    (lambda: PSP("breakpoints", breakpoints=(0.0, 1.0)), "^psp.breakpoints: "),
    (lambda: Neurons("fast"), "^neurons.regime: "),
    (lambda: Neurons(threshold=0.0), "^neurons.threshold: "),
    (lambda: Neurons(threshold=True), "^neurons.threshold: must be a number, not True"),
    (lambda: Neurons(threshold=b2.mV), "^neurons.threshold: must be a number, not mvolt"),
    (lambda: Neurons(tau=math.inf), "^neurons.tau: "),
    (lambda: Neurons(tau=8 * b2.ms), r"^neurons.tau: must be a number, not 8. \* msecond"),
    (lambda: Neurons(family="leaky", tau=1e-9), "^neurons.tau: must be at least 1e-06 ms"),
    (lambda: Neurons(family="leaky", tau=1.0, tau_syn=1e-9), "^neurons.tau_syn: must be at least 1e-06 ms"),
    (lambda: Neurons(onset=1.0), "^neurons.onset: "),
    (lambda: Neurons(end="x"), "^neurons.end: must be a number, not 'x'"),  # type: ignore[arg-type]
    (lambda: Neurons(scale=2.0), "^neurons.scale: must be a Scale or None, not 2.0"),  # type: ignore[arg-type]
    (lambda: Neurons(bias=0.5), "^neurons.bias: must be true or false, not 0.5"),  # type: ignore[arg-type]
    (lambda: Neurons("phased"), "^neurons.drive: "),
    (lambda: Neurons("phased", drive=-1.0), "^neurons.drive: "),
    (lambda: Neurons("staggered", drive=-1.0), "^neurons.drive: "),
    (lambda: Neurons("staggered", drive=1.0, onset=-1.0), "^neurons.onset: "),
    (lambda: Neurons("staggered", drive=1.0, onset=5.0, end=5.0), "^neurons.end: "),
    (lambda: Scale(current=0.0), "^scale.current: must be positive, not 0.0"),
    # layers, populations and networks
    (lambda: Layer("c d", Convolution(2, 3)), "^layers.name: "),
    (lambda: Layer("stimulus", Dense(2)), "^layers.name: "),
    (lambda: Layer("all", Dense(2)), "^layers.name: "),
    (lambda: Layer("conv", Convolution(2, 3), dropout=1.0), "^layers.conv.dropout: "),
    (lambda: Layer("a", Dense(2), plastic="yes"), "^layers.a.plastic: must be true"),  # type: ignore[arg-type]
    (lambda: Layer("a", Dense(2), psp="ramp"), "^layers.a.psp: must be a PSP"),  # type: ignore[arg-type]
    (lambda: Population("a", 40), "^populations.a.shape: "),  # type: ignore[arg-type]
    (lambda: Network("n", IntensityEncoder((2, 2, 1), 10.0), TWICE, (), 50.0), "^populations.name: "),
    (lambda: _chain(Layer("conv", Convolution(2, 9))), "^layers.conv.kernel: "),
    (lambda: _chain(Layer("pool", Pooling(9))), "^layers.pool.size: "),
    (lambda: _chain(Layer("d", Dense(3)), Layer("conv", Convolution(2, 3))), "^layers.conv: "),
    (lambda: _chain(Layer("output", Dense(3))), "^layers.name: "),
    (lambda: _chain(CONV, Layer("pool", Pooling(2))), "^layers.conv.dropout: "),
    (lambda: _chain(Layer("d", Dense(3), Neurons("staggered", drive=1.0, onset=60.0))), "^layers.d.neurons.onset: "),
    (lambda: _chain(Layer("d", Dense(3), Neurons(end=60.0))), "^layers.d.neurons.end: "),
    (lambda: _chain(layers=()), "^layers: "),
    (lambda: _chain(layers=(Layer("pool", Pooling(2)),)), "^layers: "),
    (lambda: _chain(duration=5.0), "^duration: "),
    (lambda: _chain(name="../elsewhere"), "^name: "),
    (lambda: _chain(name=""), "^name: "),
    (lambda: _chain(name="-rf"), "^name: "),
    (lambda: _chain(name="n" * 101), "^name: "),
    (lambda: load_preset("digits").population("hiden"), "it has hidden, output"),
    (lambda: load_preset("digit"), "did you mean 'digits'"),
    # connectivities
    (lambda: Convolution(2, 3, padding=3), "^padding: "),
    (lambda: Convolution(0, 3), "^maps: "),
    (lambda: Convolution(2, 5).target_shape((3, 4, 1)), r"^kernel: 5 is .* of 3x4 \(padding 0\); use a .* at most 3$"),
    (lambda: Random(5), "^needs one of probability, indegree and outdegree, and not more"),
    (lambda: Random(5, 0.5, 3), "^needs one of probability, indegree and outdegree, and not more"),
    (lambda: Random(5, 0.0), r"^probability: must be a probability, above 0 and at most 1, not 0.0"),
    (lambda: Random(5, 1.5), r"^probability: must be a probability, above 0 and at most 1, not 1.5"),
    (lambda: Random(5, math.nan), r"^probability: must be a probability, above 0 and at most 1, not nan"),
    (lambda: Random(5, indegree=0), r"^indegree: must be an integer >= 1, not 0"),
    (lambda: Random(5, 0.5, seed=-1), r"^seed: must be an integer >= 0, not -1"),
    (lambda: Distance(2), "^needs sigma, of a Gaussian, or radius, of a disc, or both"),
    (lambda: Distance(2, sigma=-1.0), "^sigma: must be positive, not -1.0"),
    (lambda: Distance(2, 1.0, probability=2.0), "^probability: must be a probability, above 0 and at most 1"),
    (lambda: Distance(2, 1e-300), "^sigma: must have a magnitude from 1e-30 to 1e.30, not 1e-300"),
    (lambda: Distance(2, radius=1e300), "^radius: must have a magnitude from 1e-30 to 1e.30, not 1e.300"),
    (lambda: Distance(1, radius=5e29).check(*[(2**63, 4, 1)] * 2), "at most 1,048,576 work; give a smaller radius"),
    (lambda: LocallyConnected(0, 3), r"^maps: must be an integer >= 1, not 0"),
    (lambda: EdgeList(3), "^file: is missing; give the name of a CSV or SONATA file of edges"),
    (lambda: EdgeList(3, 5), "^file: must be a path, a word or a pathlib.Path, not int"),  # type: ignore[arg-type]
    (lambda: _of([0.7, 1.9], [0, 1], [0, 1]), "in pre"),
    (lambda: _of([0, 1], [2**32, 1], [0, 1]), "in post"),
    (lambda: _of([0, 1], [0, 1], [0, np.nan]), "in weight"),
    (lambda: _of([0, 1], [0], [0, 1]), "has 2, 1 and 2 entries in pre, post and weight"),
    (lambda: _joined(Random(indegree=5)), "connectivity.indegree: is 5, but the source has 4 neurons"),
    (lambda: _joined(Random(outdegree=5)), "connectivity.outdegree: is 5, but the target has 3 neurons"),
    (lambda: _joined(Random(7, 0.5)), "connectivity.size: is 7, but the target has 3 neurons"),
    (lambda: _joined(Random(probability=1e-12)), "connectivity: has no synapse at all between these populations"),
    (lambda: _joined(OneToOne()), r"connectivity: is one to one, but .* shape \(2, 2, 1\), the target \(3,\)"),
    (lambda: _joined(Distance(sigma=1.0)), "connectivity: needs rows and columns, which the target of .* not have"),
    (lambda: _joined(LocallyConnected(None, 3), (1, 1, 1)), "connectivity.kernel: 3 is larger than its input of 2x2"),
    (lambda: _joined(Distance(1, radius=0.1), (2, 2, 1), (4, 4, 1)), "^projections.stimulus_to_hidden.conn.*: has no"),
    (lambda: _chain(Layer("d", Random(3, indegree=65))), "^layers.d.indegree: is 65, but the source has 64 neurons"),
    # everything else
    (lambda: Training(engine="brian2", dt=0.0), "^training.dt: "),
    (lambda: Training(flips="no"), "^training.flips: must be true or false, not 'no'"),  # type: ignore[arg-type]
    (lambda: Training(dataset=3), "^training.dataset: must be a word, not 3"),  # type: ignore[arg-type]
    (lambda: Training(validation=1.5), "^training.validation: must be a whole number, or a share below 1, not 1.5"),
    (lambda: Training(validation=-0.5), "^training.validation: must be >= 0, not -0.5"),
    (lambda: Training(jitter=-1.0), r"^training.jitter: must be a time >= 0 ms, not -1.0"),
    (lambda: Learning(normalised=1), "^learning.normalised: must be true or false, not 1"),  # type: ignore[arg-type]
    (lambda: Delays(longest=None), "^delay.longest: must be a number, not None"),  # type: ignore[arg-type]
    (lambda: Weighting("real", scale_rate=0.5), "^weighting.scale_rate: has a meaning for binary weights only"),
    (lambda: Weighting(scale="layer"), "^weighting.scale: has a meaning for binary weights only"),
    *(
        (lambda make=make, value=value: make(value), f"^{field}: ")
        for value in (1e300, 1e-300)
        for make, field in (
            (lambda value: Neurons(threshold=value), "neurons.threshold"),
            (lambda value: Neurons(tau=value), "neurons.tau"),
            (lambda value: Neurons("staggered", drive=value), "neurons.drive"),
            (lambda value: Neurons(crossing_slope=value), "neurons.crossing_slope"),
            (lambda value: InitialWeights(mean=-value), "initial.mean"),
            (lambda value: InitialWeights(spread=value), "initial.spread"),
            (lambda value: InitialWeights(bias=value), "initial.bias"),
            (lambda value: IntensityEncoder((2, 2, 1), value), "encoder.t_max"),
            (lambda value: _chain(duration=value), "duration"),
            (lambda value: Weighting("binary", scale_rate=value), "weighting.scale_rate"),
            (lambda value: Learning(rate=value), "learning.rate"),
            (lambda value: Learning(sharpness=value), "learning.sharpness"),
            (lambda value: Learning(margin=value), "learning.margin"),
            (lambda value: Learning(clip=value), "learning.clip"),
            (lambda value: Learning(weight_decay=value), "learning.weight_decay"),
        )
    ),
]


def _images(
    value: float, largest: float | None, dtype: Any = float, shape: tuple[int, ...] = (1, 2, 3, 1)
) -> np.ndarray:
    return IMAGES.latencies(np.full(shape, value, dtype), largest)


def _latencies(value: float, largest: float | None = None) -> np.ndarray:
    return LATENCIES.latencies(LATENCIES.prepare([[value, 0, 0, 0, 0, 0]]), largest)


def _sound(sound: Any, intensity_max: float | None = None) -> np.ndarray:
    return MEL.latencies(MEL.prepare([sound]), intensity_max)


SAMPLES: list[tuple[Callable[[], Any], str]] = [
    (lambda: _images(0, 255, np.uint8, (1, 3, 2, 1)), r"have shape \(3, 2, 1\), the encoder needs \(2, 3, 1\)"),
    (lambda: _images(0, 255, np.uint8, (2, 3, 1)), r"have shape \(3, 1\), the encoder needs"),
    (lambda: _images(math.nan, 1), "contain NaN"),
    (lambda: _images(math.inf, 1), "from inf to inf; they must lie in 0 to 1"),
    (lambda: _images(-1, 1, int), "from -1 to -1; they must lie in 0 to 1"),
    (lambda: _images(17, 16, np.uint8), "from 17 to 17; they must lie in 0 to 16"),
    (lambda: _images(0, 1, complex), "must be integers or floats, not complex128"),
    (lambda: _images(0, 1, bool), "must be integers or floats, not bool"),
    (lambda: _images(0, 0), "intensity_max: must be positive, not 0"),
    (lambda: _images(0, math.nan), "intensity_max: must be positive, not nan"),
    (lambda: _images(0, None, np.int32), "intensity_max: must be positive, not None"),
    (lambda: EVENTS.latencies(np.zeros((1, 2, 3, 1), np.uint8), 255), "images: the encoder takes recordings"),
    (lambda: _latencies(-1.0), "begin at -1 ms"),
    (lambda: _latencies(-math.inf), "begin at -inf"),
    (lambda: _latencies(math.nan), "NaN"),
    (lambda: _latencies(10.5), "go up to 10.5 ms; lengthen encoder.t_max"),
    (lambda: _latencies(0.0, 255), "have no intensities"),
    (lambda: PopulationEncoder.of([["a"]]), "numbers"),
    (lambda: PopulationEncoder.of([[1.0, math.nan]], 5, 16.0), "contains NaN or infinity; fill"),
    (lambda: PopulationEncoder.of([1.0], 5, 16.0), r"must have the shape \(rows, columns\)"),
    (lambda: TABLES.latencies(TABLES.prepare([[math.nan, 1.0]]), None), "contain NaN"),
    (lambda: _sound(np.zeros((5, 2))), r"sound 0: must be numbers of shape \(samples,\), not .* of shape \(5, 2\)"),
    (lambda: _sound(np.zeros(0)), "sound 0: must be numbers of shape"),
    (lambda: _sound(np.array(["a", "b"])), "sound 0: must be numbers"),
    (lambda: _sound(np.array([0.0, np.nan])), "sound 0: contains NaN or infinity; repair or leave it out"),
    (lambda: _sound(np.ma.masked_array([0.0, 1.0], [True, False])), "sound 0: is a masked array"),
    (lambda: _sound([[0.0], [1.0, 2.0]]), "sound 0: is not a sequence of numbers"),
    (lambda: _sound(np.zeros(3), 255.0), "takes sounds, which have no intensities"),
    (lambda: MEL.latencies(np.zeros((2, 1, 7, 1), np.float32)), r"shape \(1, 7, 1\), the encoder needs \(1, 480, 1\)"),
    (lambda: MEL.latencies(np.full((1, *MEL.sample_shape), np.inf)), "sounds: contain NaN or infinity"),
]


@pytest.mark.parametrize(("make", "message"), SPECIFICATIONS)
def test_specifications_that_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), SAMPLES)
def test_samples_that_no_encoder_takes(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()
