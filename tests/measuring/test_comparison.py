"""Comparison: silence counts, steps count, and one neuron in ten thousand may differ."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Latencies, make_engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError
from netsim.measuring.comparison import REQUIRED, Comparison, compare
from netsim.runs.model import Model
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.weights.initial import initial_weights

NETWORK = Network.chain(
    "small",
    IntensityEncoder((4, 4, 1), 16.0),
    (
        Layer("hidden", Dense(10), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0)),
        Layer("output", Dense(4), Neurons("phased", 3.0, 16.0, 48.0, 128.0, 1.0)),
    ),
    128.0,
)
DT = 0.5


class _Shifted(EventEngine):
    """An event engine whose hidden neuron 3 is late in the first presentation of all, or silent."""

    shift = 0.0
    started = False

    def present(self, batch: Batch) -> Latencies:
        latencies = super().present(batch)
        if not self.started:
            latencies["hidden"][0, 3] = 20.0 + self.shift
        self.started = True
        return latencies


def _compare(shifts: tuple[float, float], random_stimuli: Callable[..., Stimuli], count: int = 60) -> Comparison:
    engines = _Shifted(NETWORK, dt=DT), _Shifted(NETWORK, dt=DT)
    engines[0].shift, engines[1].shift = shifts
    stimuli = random_stimuli(NETWORK.encoder, count, 4)
    return compare(Model(NETWORK, initial_weights(NETWORK, 0)), stimuli, engines=engines)


def test_the_same_engine_agrees_with_itself(random_stimuli: Callable[..., Stimuli]) -> None:
    result = _compare((0.0, 0.0), random_stimuli)
    assert result.agreement == 1
    assert result.agrees
    assert result.largest_difference_steps == 0
    assert result.same_decisions == 1
    assert result.presentations == 60


@pytest.mark.parametrize(("shift", "steps"), [(DT, 1), (4.0, 8), (np.inf, np.inf)])
def test_one_neuron_differs(shift: float, steps: float, random_stimuli: Callable[..., Stimuli]) -> None:
    for shifts in ((0.0, shift), (shift, 0.0)):
        result = _compare(shifts, random_stimuli)
        assert result.agreement == 1 - 1 / (60 * 14)
        assert result.by_layer == {"stimulus": 1.0, "hidden": 1 - 1 / 600, "output": 1.0}
        assert result.largest_difference_steps == steps
        assert not result.agrees
        figures = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert figures["agrees"] is False
        assert figures["required"] == REQUIRED


class _Written(EventEngine):
    """An event engine whose outputs 0 and 1 fire first, at given times."""

    outputs = (60.0, 70.0)

    def present(self, batch: Batch) -> Latencies:
        latencies = super().present(batch)
        latencies["output"][:] = [*self.outputs, np.inf, np.inf]
        return latencies


@pytest.mark.parametrize(("second", "same"), [(60.0 + DT, 1), (60.0, 0), (60.0 + 1e-9, 0)])
def test_a_tie_differs_from_a_decision(second: float, same: int, random_stimuli: Callable[..., Stimuli]) -> None:
    engines = _Written(NETWORK, dt=DT), _Written(NETWORK, dt=DT)
    engines[0].outputs = (60.0, 60.0 + DT)
    engines[1].outputs = (60.0, second)
    stimuli = random_stimuli(NETWORK.encoder, 5, 4)
    result = compare(Model(NETWORK, initial_weights(NETWORK, 0)), stimuli, engines=engines)
    assert (result.same_decisions, result.agrees) == (same, bool(same))


@pytest.mark.parametrize("which", [0, 1])
def test_nan_is_no_latency(which: int, random_stimuli: Callable[..., Stimuli]) -> None:
    engines = _Written(NETWORK, dt=DT), _Written(NETWORK, dt=DT)
    engines[which].outputs = (60.0, np.nan)
    stimuli = random_stimuli(NETWORK.encoder, 5, 4)
    message = r"^latencies of output: contain NaN or negative times; a silent neuron .* inf$"
    with pytest.raises(DataError, match=message):
        compare(Model(NETWORK, initial_weights(NETWORK, 0)), stimuli, engines=engines)


def test_a_rounding_error_is_no_difference(random_stimuli: Callable[..., Stimuli]) -> None:
    assert _compare((0.0, 1e-9), random_stimuli).agreement == 1


@pytest.mark.parametrize("steps", [0.0, 1.0, 1.5, 2.0, np.inf])
@pytest.mark.parametrize("agreement", [1.0, 0.9999, 0.99989])
def test_engines_agree_in_nearly_all_spikes_and_differ_by_at_most_one_step(agreement: float, steps: float) -> None:
    agrees = Comparison(agreement, {"stimulus": 1.0}, steps, 1.0, 1, DT).agrees
    assert agrees is (agreement >= 0.9999 and steps <= 1)


class _Losing(EventEngine):
    """An event engine that loses a spike of the stimulus."""

    def present(self, batch: Batch) -> Latencies:
        latencies = super().present(batch)
        latencies["stimulus"][0].ravel()[latencies["stimulus"][0].argmin()] = np.inf
        return latencies


def test_stimuli_are_compared_too(random_stimuli: Callable[..., Stimuli]) -> None:
    engines = EventEngine(NETWORK, dt=DT), _Losing(NETWORK, dt=DT)
    stimuli = random_stimuli(NETWORK.encoder, 260, 4)  # in two batches
    result = compare(Model(NETWORK, initial_weights(NETWORK, 0)), stimuli, engines=engines)
    assert result.agreement == 1
    assert result.by_layer == {"stimulus": 1 - 2 / (260 * 16), "hidden": 1.0, "output": 1.0}
    assert not result.agrees


def test_the_engines_agree(random_stimuli: Callable[..., Stimuli]) -> None:
    stimuli = random_stimuli(NETWORK.encoder, 260, 4)
    event, brian2 = make_engine("event", NETWORK, DT), make_engine("brian2", NETWORK, DT)
    seen: list[tuple[int, int]] = []
    model = Model(NETWORK, initial_weights(NETWORK, 0))
    result = compare(model, stimuli, engines=(event, brian2), progress=lambda *done: seen.append(done))
    assert seen == [(130, 260), (260, 260)]
    assert result.agreement == 1
    assert result.same_decisions == 1


class _Forgetful(EventEngine):
    """An event engine whose hidden neuron 3 is late in all batches but the first."""

    batches = 0

    def present(self, batch: Batch) -> Latencies:
        latencies = super().present(batch)
        if self.batches:
            latencies["hidden"][:, 3] = 40.0
        self.batches += 1
        return latencies


def test_an_engine_that_is_right_in_its_first_batch_alone_is_found(random_stimuli: Callable[..., Stimuli]) -> None:
    engines, stimuli = (EventEngine(NETWORK, dt=DT), _Forgetful(NETWORK, dt=DT)), random_stimuli(NETWORK.encoder, 7, 4)
    result = compare(Model(NETWORK, initial_weights(NETWORK, 0)), stimuli, engines=engines)
    assert result.presentations == 7
    assert result.by_layer == {"stimulus": 1.0, "hidden": pytest.approx(1 - 3 / 70), "output": 1.0}
