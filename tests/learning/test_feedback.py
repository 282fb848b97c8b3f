"""By what displacements pass back through a projection."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from netsim.engines import Batch, Latencies
from netsim.engines.event.engine import EventEngine
from netsim.errors import SpecificationError
from netsim.learning import BatchGradients
from netsim.learning import feedback as projection_feedback
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.seams import feedbacks
from netsim.specification import (
    Delays,
    DirectFeedback,
    Feedback,
    InitialWeights,
    Network,
    RandomFeedback,
    Shape,
    SignFeedback,
)
from netsim.specification.toml import network_from_dict, network_to_dict
from netsim.weights.initial import initial_weights

LABELS = np.array([0, 1, 2, 3, 0])


@dataclasses.dataclass(frozen=True)
class Weights(Feedback):
    """The weights themselves, as without any feedback."""

    summary: ClassVar[str] = "the weights"

    def weights(self, kernel: np.ndarray, shape: Shape, deviation: float, position: int) -> np.ndarray:
        return kernel


def _with(network: Network, feedback: Feedback | None, *names: str, delay: float | Delays = 0.0) -> Network:
    projections = [
        dataclasses.replace(projection, feedback=feedback, delay=delay) if projection.name in names else projection
        for projection in network.projections
    ]
    return dataclasses.replace(network, projections=tuple(projections))


def _learned(network: Network, stimuli: np.ndarray) -> tuple[BatchGradients, Latencies, dict[str, np.ndarray]]:
    weights = initial_weights(network, 3)
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    return STiDiBP(network).learn(latencies, LABELS, weights), latencies, weights


@pytest.mark.parametrize("delay", [0.0, Delays("synapse", 0.5, 0.3, learned=True), Delays(mean=0.5, learned=True)])
def test_by_the_weights_all_is_as_without(
    small_network: Callable[..., Network], stimuli: np.ndarray, delay: float | Delays
) -> None:
    network = small_network("free", derivative="exact")
    usual, _, _ = _learned(_with(network, None, "hidden", "output", delay=delay), stimuli)
    same, _, _ = _learned(_with(network, Weights(), "hidden", "output", delay=delay), stimuli)
    assert usual.gradients.keys() == same.gradients.keys()
    for name, gradient in usual.gradients.items():
        np.testing.assert_array_equal(gradient, same.gradients[name])


@pytest.mark.parametrize("feedback", [RandomFeedback(), SignFeedback(), DirectFeedback()])
def test_feedback_without_a_size_is_refused(small_network: Callable[..., Network], feedback: Feedback) -> None:
    network = _with(small_network("phased", convolutional=False), feedback, "output")
    equal = InitialWeights(mean=1.0, spread=0.0)
    projections = tuple(dataclasses.replace(each, initial=equal) for each in network.projections)
    with pytest.raises(SpecificationError, match=r"feedback: is in units of initial.spread, which is 0"):
        dataclasses.replace(network, projections=projections)


@pytest.mark.parametrize("feedback", [RandomFeedback(7), SignFeedback(), DirectFeedback(7)])
def test_displacements_pass_by_other_weights(
    small_network: Callable[..., Network], stimuli: np.ndarray, feedback: Feedback
) -> None:
    """In the regime phased a spike before the gate moves the potential by its weight alone: Δ_i = Σ_j B_ij Δ_j / D."""
    network = _with(small_network("phased", convolutional=False), feedback, "output")
    learned, latencies, weights = _learned(network, stimuli)
    projection = network.projection("output")
    deviation = projection.initial.spread / np.sqrt(network.fan_in(projection))
    back = feedback.weights(weights["output.kernel"], (6, 4), deviation, 1)
    if not isinstance(feedback, SignFeedback):
        assert abs(np.std(back) / deviation - 1) < 0.5
        np.testing.assert_array_equal(back, feedback.weights(-weights["output.kernel"], (6, 4), deviation, 1))
        assert (back != feedback.weights(weights["output.kernel"], (6, 4), deviation, 0)).all()
    hidden, output = learned.displacements
    onset, gate = network.neurons("hidden").onset, network.neurons("output").gate
    movable = np.isfinite(latencies["hidden"]) & (latencies["hidden"] > onset)
    arrived = (latencies["hidden"] < gate) | isinstance(feedback, DirectFeedback)
    np.testing.assert_allclose(hidden, np.where(movable & arrived, output @ back.T, 0), rtol=1e-12, atol=1e-12)
    assert (hidden != 0).sum() > 5
    usual, _, _ = _learned(_with(network, None, "output"), stimuli)
    np.testing.assert_array_equal(learned.gradients["output.kernel"], usual.gradients["output.kernel"])
    assert not np.allclose(learned.gradients["hidden.kernel"], usual.gradients["hidden.kernel"])


def test_feedback_in_toml(small_network: Callable[..., Network]) -> None:
    network = _with(small_network(), RandomFeedback(4), "output")
    table = network_to_dict(network)
    assert table["layers"][-1]["feedback"] == {"kind": "random", "seed": 4}
    assert network_from_dict(table) == network
    assert sorted(feedbacks) == ["direct", "random", "sign"]


@pytest.mark.parametrize(
    ("layer", "feedback", "message"),
    [
        (-1, {"kind": "rando"}, "layers.output.feedback.kind: must be one of direct, random, sign, not 'rando'"),
        (-1, {"kind": "random", "seed": -1}, "layers.output.feedback.seed: must be an integer >= 0, not -1"),
        (-1, {"kind": "sign", "seed": 1}, "layers.output.feedback.seed: is not a key here"),
        (-1, "random", "layers.output.feedback: must be a table such as { kind"),
        (0, {"kind": "sign"}, "layers.conv.feedback: has no meaning from the stimulus"),
        (1, {"kind": "sign"}, "layers.pool.feedback: has no meaning where there are no weights"),
    ],
)
def test_feedback_that_cannot_be(
    small_network: Callable[..., Network], layer: int, feedback: object, message: str
) -> None:
    table = network_to_dict(small_network())
    table["layers"][layer]["feedback"] = feedback
    with pytest.raises(SpecificationError) as caught:
        network_from_dict(table)
    assert str(caught.value).startswith(message)


def test_random_feedback_has_the_spread_of_the_weights_over_the_root_of_their_inputs(
    small_network: Callable[..., Network],
) -> None:
    network = _with(small_network("free", convolutional=False), RandomFeedback(), "output")
    network = dataclasses.replace(
        network,
        projections=tuple(
            dataclasses.replace(each, initial=dataclasses.replace(each.initial, spread=0.7))
            for each in network.projections
        ),
    )
    (output,) = network.incoming("output")
    drawn = projection_feedback.Feedback(network, output).weights(np.zeros((300, 200)))
    assert drawn.std() == pytest.approx(0.7 / np.sqrt(network.population(output.source).size), rel=0.02)
