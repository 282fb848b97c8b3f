"""Read-outs: who is decided for, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, make_engine
from netsim.errors import SpecificationError
from netsim.measuring.evaluation import evaluate
from netsim.measuring.read_outs import Outputs, ReadOut
from netsim.runs.model import Model
from netsim.seams import read_outs
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons

SILENT = np.inf

# v = w (8 - t_i) / 8 at the onset, where the gate closes, and rises by 1/8 a ms from there
NETWORK = Network.chain(
    "by-hand",
    IntensityEncoder((1, 4, 1), 8.0),
    [Layer("output", Dense(3), Neurons("phased", threshold=1.0, tau=8.0, onset=8.0, end=12.0, drive=1.0))],
    duration=16.0,
)
KERNEL = np.array([[1.2, 2.0, 0.0], [0.5, 0.5, 0.8], [0.2, 0.1, 0.3], [0.6, 0.6, 0.1]])
STIMULI = np.array(
    [
        [0.0, SILENT, SILENT, SILENT],  # 1.2, 2, 0: both over threshold when the window opens
        [SILENT, 0.0, SILENT, SILENT],  # 0.5, 0.5, 0.8: at threshold when the window ends, too late, and at 9.6 ms
        [SILENT, SILENT, 0.0, SILENT],  # 0.2, 0.1, 0.3: none by the end, 4 ms later
        [SILENT, SILENT, SILENT, 0.0],  # 0.6, 0.6, 0.1: at once, with the same potential
    ]
)
LATENCIES = np.array([[8.0, 8.0, SILENT], [SILENT, SILENT, 9.6], 3 * [SILENT], [11.2, 11.2, SILENT]])


def _outputs(**changes: Any) -> Outputs:
    latencies = {"stimulus": STIMULI.reshape(4, 1, 4, 1), "output": LATENCIES}
    return Outputs(NETWORK, {"output.kernel": KERNEL}, latencies, **changes)


@pytest.mark.parametrize(
    ("name", "decided"),
    [
        ("strict", [[], [2], [], []]),
        ("plain", [[0], [2], [], [0]]),
        ("tie-by-potential", [[1], [2], [], [0]]),
        ("tie-with-label", [[0, 1], [2], [2], [0, 1]]),
        ("potential", [[1], [2], [2], [0]]),
    ],
)
def test_who_is_decided_for(name: str, decided: list[list[int]]) -> None:
    read_out = read_outs[name]
    assert read_out.decide is not None
    result = read_out.decide(_outputs())
    assert [np.flatnonzero(row).tolist() for row in result] == decided
    for label in range(3):
        right = read_out.correct(_outputs(), np.full(4, label))
        assert right.tolist() == [label in row for row in decided]


def test_a_tie_is_decided_by_the_potentials_of_its_time_and_not_by_later_ones() -> None:
    """At 1 ms they are 1.1 and 1.3, both over threshold; what comes at 2 ms makes the first one higher by the end."""
    network = Network.chain(
        "free", IntensityEncoder((1, 2, 1), 8.0), [Layer("output", Dense(2), Neurons(threshold=1.0, tau=1.0))], 16.0
    )
    weights = {"output.kernel": np.array([[1.1, 1.3], [5.0, 0.0]])}
    latencies = make_engine("event", network, dt=1.0).present(Batch(np.array([[[[0.0], [2.0]]]]), weights))
    assert latencies["output"].tolist() == [[1.0, 1.0]]
    outputs = Outputs(network, weights, latencies, 1.0)
    entries = [(name, read_out.decide) for name, read_out in read_outs.items()]
    decided = {name: np.flatnonzero(decide(outputs)).tolist() for name, decide in entries if decide}
    assert decided == {"strict": [], "plain": [0], "tie-by-potential": [1], "tie-with-label": [0, 1], "potential": [0]}


def test_all_are_looked_at() -> None:
    assert list(read_outs) == ["strict", "plain", "potential", "tie-by-potential", "tie-with-label"]


def test_the_latencies_by_hand_are_those_of_the_engine() -> None:
    spikes = make_engine("event", NETWORK).present(Batch(STIMULI.reshape(4, 1, 4, 1), {"output.kernel": KERNEL}))
    np.testing.assert_allclose(spikes["output"], LATENCIES)
    potentials = _outputs().potentials_at_deadline()
    np.testing.assert_allclose(potentials[1], [1.0, 1.0, 1.3])


def test_potentials_that_rounding_keeps_apart_are_equal() -> None:
    outputs = _outputs()
    assert outputs.highest(np.array([[0.5, 0.7, 0.7 + 1e-12]])).tolist() == [[False, True, False]]
    assert outputs.highest(np.array([[0.5, 0.7, 0.7 + 1e-6]])).tolist() == [[False, False, True]]


def test_read_outs_of_parts_are_those_of_the_whole() -> None:
    generator = np.random.default_rng(6)
    weights = {"output.kernel": generator.normal(0.3, 0.4, KERNEL.shape)}
    images = generator.integers(-80, 256, (450, 1, 4, 1)).clip(0).astype(np.uint8)
    stimuli = Stimuli(images, generator.integers(0, 3, 450), 255, NETWORK.encoder)  # in three parts
    engine = make_engine("event", NETWORK, dt=2.0)
    result = evaluate(Model(engine.network, weights), stimuli, engine=engine, read_outs=list(read_outs))
    latencies = engine.present(Batch(stimuli.latencies(np.arange(450)), weights))
    whole = Outputs(NETWORK, weights, latencies, 2.0)
    shares = {name: read_out.correct(whole, stimuli.labels).mean() for name, read_out in read_outs.items()}
    assert result.read_outs == shares
    assert result.read_outs["strict"] == result.strict_accuracy
    assert result.read_outs["plain"] == result.accuracy
    assert len(set(result.read_outs.values())) == 5


class _Foreign:
    """An engine that does not say what its neurons are."""

    network = NETWORK
    dt = 0.0


def test_potentials_of_an_engine_with_neurons_of_its_own_are_refused() -> None:
    for name in ("potential", "tie-by-potential", "tie-with-label"):
        message = f"^read-out '{name}': needs potentials, but _Foreign does not declare .*; choose strict or plain$"
        with pytest.raises(SpecificationError, match=message):
            read_outs[name].check(cast(Any, _Foreign()))
    read_outs["plain"].check(cast(Any, _Foreign()))


def test_an_unknown_read_out_is_refused(random_stimuli: Callable[..., Stimuli]) -> None:
    stimuli = random_stimuli(NETWORK.encoder, 2, 3)
    with pytest.raises(SpecificationError, match=r"read-out 'potentail': is not known; did you mean 'potential'\?"):
        evaluate(Model(NETWORK, {}), stimuli, engine=_Foreign(), read_outs=["potentail"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decide", "given"),
    [
        (lambda outputs: outputs.latencies, r"float64 of shape \(6, 4\)"),
        (lambda outputs: outputs.first.T, r"bool of shape \(4, 6\)"),
        (lambda outputs: outputs.latencies.argmin(axis=1), r"int64 of shape \(6,\)"),
        (lambda outputs: outputs.first.tolist(), "list"),
    ],
)
def test_what_is_no_decision_is_refused(decide: Any, given: str) -> None:
    custom = ReadOut("mine", "of mine", decide=decide)
    outputs = Outputs(NETWORK, {}, {"output": np.random.default_rng(0).uniform(0, 9, (6, 4))})
    message = rf"^read-out 'mine': must return an array of bool of shape \(6, 4\), presentations and .*, not {given}$"
    with pytest.raises(SpecificationError, match=message):
        custom.correct(outputs, np.arange(6) % 4)
