"""Initial weights from activity: what was asked for is what an engine then measures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.errors import DataError, SpecificationError


def _network(bias: bool, mean: float = 0.0, end: float = 60.0) -> netsim.Network:
    neurons = netsim.Neurons("free", threshold=1.0, tau=16.0, bias=bias, end=end)
    initial = netsim.InitialWeights(mean=mean)
    layers = [
        netsim.Layer("hidden", netsim.Dense(40), neurons, initial=initial),
        netsim.Layer("output", netsim.Dense(10), dataclasses.replace(neurons, end=np.inf), initial=initial),
    ]
    return netsim.Network.chain("small", netsim.IntensityEncoder((6, 6, 1), 16.0), layers, 80.0)


@pytest.mark.parametrize("bias", [True, False])
def test_populations_fire_when_they_were_asked_to(bias: bool, random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    network = _network(bias)
    engine = netsim.make_engine("event", network)
    stimuli = random_stimuli(network.encoder, 30, 4)
    wanted, apart = {"hidden": 20.0, "output": 28.0}, {"hidden": 6.0, "output": 5.0}
    result = netsim.calibrate(engine, network, stimuli, wanted, apart, seed=3)
    weights = netsim.initial_weights(result.network, 3)
    latencies = engine.present(netsim.Batch(stimuli.latencies(np.arange(30)), weights))
    for activity, times in zip(result.activity, list(latencies.values())[1:], strict=True):
        early, median, late = np.quantile(times, [0.25, 0.5, 0.75], method="higher")
        assert (activity.early, activity.median, activity.late) == (early, median, late)
        assert median == pytest.approx(wanted[activity.population], abs=0.1)
        assert late - early == pytest.approx(apart[activity.population], rel=0.1)
    assert network.populations == result.network.populations
    again = netsim.calibrate(engine, network, stimuli, wanted, apart, seed=3)
    assert again == result
    assert f"hidden: {result.activity[0].fired:.0%} fire, median 20.0 ms" in repr(result)
    assert "median latency" in result._repr_html_()


def test_what_cannot_be_reached_is_named(random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    network = _network(False)
    network = dataclasses.replace(network, encoder=dataclasses.replace(network.encoder, t_max=16.0))
    stimuli = random_stimuli(network.encoder, 10, 4)
    silent = netsim.Stimuli(np.zeros_like(stimuli.images), stimuli.labels, 255, network.encoder)
    engine = netsim.make_engine("event", network)
    message = r"^hidden: does not fire at 20 ms for any initial.mean; choose a later latency$"
    with pytest.raises(DataError, match=message):
        netsim.calibrate(engine, network, silent, 20.0, 4.0)


def test_populations_in_another_order_are_what_they_are_said_to_be(
    random_stimuli: Callable[..., netsim.Stimuli],
) -> None:
    network = _network(True)
    neurons = network.populations[0].neurons
    others = [netsim.Population(name, (20,), neurons) for name in ("second", "first")]
    ends = [("stimulus", "first"), ("first", "second"), ("second", "output")]
    projections = [netsim.Projection(*pair, netsim.Dense()) for pair in ends]
    populations = (*others, network.populations[-1])
    network = dataclasses.replace(network, populations=populations, projections=tuple(projections))
    engine = netsim.make_engine("event", network)
    stimuli = random_stimuli(network.encoder, 30, 4)
    wanted = {"first": 18.0, "second": 24.0, "output": 30.0}
    result = netsim.calibrate(engine, network, stimuli, wanted, 5.0)
    weights = netsim.initial_weights(result.network, 0)
    latencies = engine.present(netsim.Batch(stimuli.latencies(np.arange(30)), weights))
    assert [activity.population for activity in result.activity] == ["second", "first", "output"]
    for activity, times in zip(result.activity, list(latencies.values())[1:], strict=True):
        assert activity.median == np.quantile(times, 0.5, method="higher")
        assert activity.median == pytest.approx(wanted[activity.population], abs=0.1)


def test_times_are_numbers_of_numpy_or_of_each_population(random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    network = _network(True)
    engine, stimuli = netsim.make_engine("event", network), random_stimuli(network.encoder, 10, 3)
    names = [population.name for population in network.integrating]
    single: Any = np.float32(20.0)
    whole: Any = np.int64(5)
    mapped = netsim.calibrate(engine, network, stimuli, dict.fromkeys(names, 20.0), 5.0)
    assert netsim.calibrate(engine, network, stimuli, single, whole) == mapped
    (narrow, *_) = netsim.calibrate(engine, network, stimuli, 20.0, 0.8).activity
    assert narrow.late - narrow.early == pytest.approx(0.8, rel=0.2)
    message = f"quartiles: has no time for {names[-1]}; name each integrating population"
    with pytest.raises(SpecificationError, match=message):
        netsim.calibrate(engine, network, stimuli, 20.0, dict.fromkeys(names[:-1], 5.0))
    for latency, quartiles, what in ((20.0, 0.0, "quartiles"), (np.nan, 5.0, "latency"), (-1.0, 5.0, "latency")):
        with pytest.raises(SpecificationError, match=f"{what}: must be a time above 0 ms"):
            netsim.calibrate(engine, network, stimuli, latency, quartiles)
    with pytest.raises(DataError, match="stimuli: are empty"):
        netsim.calibrate(engine, network, stimuli.first(0), 20.0, 5.0)


@pytest.mark.parametrize("unit", [1e-10, 1e6])
def test_the_unit_of_weights_does_not_matter(unit: float, random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    """With thresholds of pA counted in A, weights are as small as 1e-10."""
    layer = netsim.Layer("cells", netsim.Dense(10), netsim.Neurons("free", threshold=unit, tau=16.0, bias=True))
    network = netsim.Network.chain("unit", netsim.IntensityEncoder((6, 6, 1), 16.0), [layer], 80.0)
    engine, stimuli = netsim.make_engine("event", network), random_stimuli(network.encoder, 20, 4)
    (activity,) = netsim.calibrate(engine, network, stimuli, 24.0, 5.0).activity
    assert activity.median == pytest.approx(24.0, abs=0.1)
    assert activity.late - activity.early == pytest.approx(5.0, rel=0.1)


def test_default_medians_wait_for_the_sources_while_their_effect_rises(
    random_stimuli: Callable[..., netsim.Stimuli],
) -> None:
    network = _network(True)
    stimuli = random_stimuli(network.encoder, 30, 4)
    engine = netsim.make_engine("event", network)
    first, second = netsim.calibrate(engine, network, stimuli).activity
    times = stimuli.latencies(np.arange(30))
    early, arrived = np.quantile(times[np.isfinite(times)], [0.25, 0.9])
    assert first.median == pytest.approx(arrived, abs=0.1)  # the effect of a ramp rises forever
    assert (first.late - first.early, second.late - second.early) == pytest.approx((6.4, 1.6), rel=0.2)
    short = netsim.PSP("triangle", rise=4.0, fall=20.0)
    shorter = tuple(dataclasses.replace(each, psp=short) for each in network.projections)
    network = dataclasses.replace(network, projections=shorter)
    engine = netsim.make_engine("event", network)
    (peaked, _) = netsim.calibrate(engine, network, stimuli).activity
    assert peaked.median == pytest.approx(early + 4.0, abs=0.2)
    for psp, expected in ((netsim.PSP("ramp"), arrived + 7.0), (short, early + 4.0 + 7.0)):
        first_one = dataclasses.replace(network.projections[0], psp=psp, delay=netsim.Delays("axon", mean=7.0))
        late = dataclasses.replace(network, projections=(first_one, *network.projections[1:]))
        (delayed, _) = netsim.calibrate(netsim.make_engine("event", late), late, stimuli).activity
        assert delayed.median == pytest.approx(expected, abs=0.2)
    with pytest.warns(UserWarning, match="choose an earlier latency") as warned:
        netsim.calibrate(engine, network, stimuli, {"hidden": 40.0, "output": 40.0})
    texts = [str(each.message) for each in warned]
    assert [text.partition(":")[0] for text in texts] == ["hidden", "output"]
    assert all(text.endswith("before the median of 40 ms; choose an earlier latency") for text in texts)


def test_excitatory_populations_fire_when_they_were_asked_to(random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    """They have no bias, and a wide spread of positive weights alone would make them fire too early."""
    network = _network(False)
    excited = tuple(dataclasses.replace(each, sign="excitatory") for each in network.projections)
    network = dataclasses.replace(network, projections=excited)
    engine, stimuli = netsim.make_engine("event", network), random_stimuli(network.encoder, 30, 4)
    result = netsim.calibrate(engine, network, stimuli, {"hidden": 24.0, "output": 40.0}, 4.0)
    assert [each.median for each in result.activity] == pytest.approx([24.0, 40.0], abs=4.0)


def test_default_medians_are_within_the_windows() -> None:
    network = netsim.load_preset("digits")
    stimuli = netsim.load_splits(network).training.first(20)
    for activity in netsim.calibrate(netsim.make_engine("event", network), network, stimuli).activity:
        start, end = network.firing_window(activity.population)
        assert start < activity.early < activity.late < end


def test_winners_and_listed_weights(tmp_path: Path, random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    """Winners leave no median; weights of a file stay as they are, and the bias alone sets the time."""
    network = _network(True)
    stimuli = random_stimuli(network.encoder, 10, 4)
    competing = dataclasses.replace(network.populations[0], winners=netsim.PopulationWinners(3))
    changed = dataclasses.replace(network, populations=(competing, network.populations[1]))
    with pytest.raises(SpecificationError, match=r"layers\.hidden\.winners: keep most neurons silent"):
        netsim.calibrate(netsim.make_engine("event", changed), changed, stimuli)
    edges = pd.DataFrame({"pre": np.repeat(np.arange(36), 40), "post": np.tile(np.arange(40), 36)})
    edges.assign(weight=np.random.default_rng(0).normal(0, 0.1, len(edges))).to_csv(tmp_path / "edges.csv", index=False)
    listed = netsim.EdgeList(40, str(tmp_path / "edges.csv"))
    first = dataclasses.replace(network.projections[0], connectivity=listed, initial=netsim.InitialWeights())
    changed = dataclasses.replace(network, projections=(first, network.projections[1]))
    result = netsim.calibrate(netsim.make_engine("event", changed), changed, stimuli, 24.0)
    assert result.activity[0].median == pytest.approx(24.0, abs=0.5)


def test_the_softmax_tells_calibrated_outputs_apart(random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    network = _network(True)
    stimuli, engine = random_stimuli(network.encoder, 20, 4), netsim.make_engine("event", network)
    result = netsim.calibrate(engine, network, stimuli, quartiles={"hidden": 6.0, "output": 2.0})
    assert result.network.learning.sharpness == 24.0  # 16 ms / (2 ms / 3)
    assert "learning.sharpness: 24" in repr(result)
    sharp = dataclasses.replace(network, learning=dataclasses.replace(network.learning, sharpness=50.0))
    assert netsim.calibrate(engine, sharp, stimuli).network.learning.sharpness == 50.0


def test_inhibition_stays(random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    """A common positive mean would leave none of it."""
    neurons = netsim.Neurons("free", threshold=1.0, tau=24.0)
    populations = [netsim.Population(name, (20,), neurons) for name in ("e", "i")]
    projections = (
        netsim.Projection("stimulus", "e", netsim.Dense()),
        netsim.Projection("stimulus", "i", netsim.Dense()),
        netsim.Projection("e", "output", netsim.Dense(), sign="excitatory"),
        netsim.Projection("i", "output", netsim.Dense(), sign="inhibitory", name="inhibition"),
    )
    encoder = netsim.IntensityEncoder((6, 6, 1), 16.0)
    output = netsim.Population("output", (4,), neurons)
    network = netsim.Network("ei", encoder, (*populations, output), projections, 64.0)
    stimuli = random_stimuli(encoder, 20, 4)
    found = netsim.calibrate(netsim.make_engine("event", network), network, stimuli).network
    weights = netsim.initial_weights(found, 0)
    assert (weights["inhibition.kernel"] < 0).mean() > 0.4
    assert (weights["output.kernel"] > 0).mean() > 0.4
    inhibited = dataclasses.replace(projections[2], sign="inhibitory")
    network = dataclasses.replace(network, projections=(*projections[:2], inhibited, projections[3]))
    with pytest.raises(SpecificationError, match=r"populations\.output: has no excitatory weights that are drawn"):
        netsim.calibrate(netsim.make_engine("event", network), network, stimuli)


def test_a_latency_after_the_window_is_refused(random_stimuli: Callable[..., netsim.Stimuli]) -> None:
    network = _network(True)
    engine, stimuli = netsim.make_engine("event", network), random_stimuli(network.encoder, 10, 4)
    with pytest.raises(SpecificationError, match="latency: of hidden must be before the end of its window, 60 ms"):
        netsim.calibrate(engine, network, stimuli, {"hidden": 70.0, "output": 75.0})
