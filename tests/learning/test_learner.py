"""The learner against finite differences of the exact engine, and its invariants."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError, SpecificationError
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.models.presets import load_preset
from netsim.specification import (
    PSP,
    STIMULUS,
    Convolution,
    Delays,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    Training,
)
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights, weight_shapes

T_MAX = 10.0
LABELS = np.array([0, 1, 2, 3, 0])
PSPS = {
    "ramp": PSP(),
    "plateau": PSP("plateau", rise=7.0),
    "triangle": PSP("triangle", rise=9.0, fall=80.0),
    "breakpoints": PSP("breakpoints", breakpoints=((0.5, 0.6), (3.0, 0.7), (12.0, -1.0))),
}


def _loss_and_fired(network: Network, stimuli: np.ndarray, weights: Weights) -> tuple[float, list[np.ndarray]]:
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    loss = STiDiBP(network).loss(latencies["output"], LABELS).mean()
    for population in network.populations[:-1]:
        if population.integrates and network.learning.activity:  # what each hidden spike costs, if it comes early
            times = latencies[population.name]
            times = np.where(np.isfinite(times), times, 0) / network.encoder.t_max
            loss -= network.learning.sharpness * network.learning.activity * times.sum() / len(LABELS)
    onsets = {
        population.name: population.neurons.onset if population.neurons else 0.0 for population in network.populations
    } | {STIMULUS: 0.0}
    return float(loss), [np.isfinite(times) & (times > onsets[name]) for name, times in latencies.items()]


def _check_against_finite_differences(network: Network, stimuli: np.ndarray, samples: int) -> int:
    """Compare sampled derivatives; returns how many were compared."""
    weights = initial_weights(network, seed=3)
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    learned = STiDiBP(network).learn(latencies, LABELS, weights)
    generator = np.random.default_rng(0)
    step, compared = 1e-6, 0
    for name, array in weights.items():
        for position in generator.permutation(array.size)[:samples]:
            where = np.unravel_index(position, array.shape)
            shifted = []
            for sign in (1, -1):
                changed = {key: value.copy() for key, value in weights.items()}
                changed[name][where] += sign * step
                shifted.append(_loss_and_fired(network, stimuli, changed))
            if any((a != b).any() for a, b in zip(shifted[0][1], shifted[1][1], strict=True)):
                continue  # a spike appears or vanishes: no derivative here
            numeric = (shifted[0][0] - shifted[1][0]) / (2 * step)
            analytic = network.learning.sharpness * learned.gradients[name][where]
            assert analytic == pytest.approx(numeric, rel=1e-3, abs=1e-7), (name, where)
            compared += abs(numeric) > 1e-6
    return compared


@pytest.mark.parametrize("shape", PSPS)
@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("convolutional", [False, True], ids=["dense", "convolutional"])
def test_exact_derivative_agrees_with_finite_differences(
    small_network: Callable[..., Network], stimuli: np.ndarray, regime: str, shape: str, convolutional: bool
) -> None:
    network = small_network(regime, PSPS[shape], convolutional, derivative="exact", sharpness=2.0)
    assert _check_against_finite_differences(network, stimuli, samples=12) > 10


def test_the_exact_derivative_counts_the_constant_current(
    small_network: Callable[..., Network], stimuli: np.ndarray
) -> None:
    """Of biases that are not 0, as they are when they begin to learn."""
    network = small_network("staggered", derivative="exact", sharpness=2.0)
    projections = tuple(
        dataclasses.replace(projection, initial=dataclasses.replace(projection.initial, bias=0.2))
        if projection in network.weighted
        else projection
        for projection in network.projections
    )
    network = dataclasses.replace(network, projections=projections)
    assert _check_against_finite_differences(network, stimuli, samples=25) > 10


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
def test_the_price_of_spikes_agrees_with_finite_differences(
    small_network: Callable[..., Network], stimuli: np.ndarray, regime: str
) -> None:
    """Below pooling, too, where a neuron that nobody passes on pays for its spike all the same."""
    network = small_network(regime, derivative="exact", sharpness=2.0, activity=0.05)
    assert _check_against_finite_differences(network, stimuli, samples=25) > 10
    gradients = []
    for activity in (0.0, 0.05):
        priced = dataclasses.replace(network, learning=dataclasses.replace(network.learning, activity=activity))
        weights = initial_weights(priced, seed=3)
        latencies = EventEngine(priced).present(Batch(stimuli, weights))
        gradients.append(STiDiBP(priced).learn(latencies, LABELS, weights))
    free, priced_ = gradients
    spared = priced_.displacements[0] - free.displacements[0]
    fired = np.isfinite(latencies["conv"]) & (latencies["conv"] > (network.populations[0].dynamics.onset or -1))
    assert (spared[~fired] == 0).all()
    assert (priced_.displacements[-1] == free.displacements[-1]).all()


def test_linear_derivative_is_exact_in_the_phased_regime(
    small_network: Callable[..., Network], stimuli: np.ndarray
) -> None:
    linear = small_network("phased", derivative="linear")
    exact = small_network("phased", derivative="exact")
    weights = initial_weights(linear, seed=1)
    latencies = EventEngine(linear).present(Batch(stimuli, weights))
    a = STiDiBP(linear).learn(latencies, LABELS, weights)
    b = STiDiBP(exact).learn(latencies, LABELS, weights)
    for name in weights:
        np.testing.assert_array_equal(a.gradients[name], b.gradients[name])


@pytest.mark.parametrize("propagation", ["slope", "causal"])
@pytest.mark.parametrize("shape", PSPS)
@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("derivative", ["linear", "exact"])
def test_kernels_for_windows_take_the_step_of_the_sparse_ones(
    small_network: Callable[..., Network],
    without_windows: Callable[[Network], Network],
    stimuli: np.ndarray,
    shape: str,
    propagation: str,
    regime: str,
    derivative: str,
) -> None:
    """Products over receptive fields, pairs of spikes, and one synapse after another: the same sums."""
    network = small_network(regime, PSPS[shape], propagation=propagation, derivative=derivative)
    weights = initial_weights(network, seed=1)
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    pairwise = without_windows(network)
    products = STiDiBP(network).learn(latencies, LABELS, weights)
    pairs = STiDiBP(pairwise).learn(latencies, LABELS, weights)
    for name in weights:
        np.testing.assert_allclose(pairs.gradients[name], products.gradients[name], rtol=1e-9, atol=1e-12)
    for ours, theirs in zip(pairs.displacements, products.displacements, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_displacements_have_the_shapes_of_the_layers(
    small_network: Callable[..., Network], stimuli: np.ndarray
) -> None:
    network = small_network()
    weights = initial_weights(network, seed=3)
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    learned = STiDiBP(network).learn(latencies, LABELS, weights)
    assert [d.shape for d in learned.displacements] == [t.shape for t in list(latencies.values())[1:]]
    for displacement, times in zip(learned.displacements[:-1], list(latencies.values())[1:-1], strict=True):
        assert (displacement[np.isinf(times)] == 0).all()


def test_normalised_displacements_have_unit_length(small_network: Callable[..., Network], stimuli: np.ndarray) -> None:
    network = small_network(normalised=True)
    weights = initial_weights(network, seed=3)
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    learned = STiDiBP(network).learn(latencies, LABELS, weights)
    for index in (0, 2, 3):  # layers with weights
        length = np.sqrt(np.square(learned.displacements[index].reshape(5, -1)).sum(axis=1))
        assert np.isclose(length, network.encoder.t_max).any()
        assert (np.isclose(length, network.encoder.t_max) | (length == 0)).all()


@pytest.mark.parametrize("listed", [False, True], ids=["windows", "listed"])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("regime", ["free", "phased"])
def test_a_layer_that_can_change_nothing_is_not_displaced(
    without_windows: Callable[[Network], Network], regime: str, precision: type, listed: bool
) -> None:
    """When the outputs fire, the PSPs of all hidden spikes have ended: what rounding leaves of them has no length."""
    late = {"regime": "phased", "onset": 60.0, "drive": 0.1} if regime == "phased" else {"threshold": 8.0}
    network = Network.chain(
        "ended",
        IntensityEncoder((4, 4, 1), T_MAX),
        (
            Layer("hidden", Dense(12), Neurons(threshold=0.2, tau=10.0), initial=InitialWeights(mean=2.0)),
            Layer("output", Dense(3), Neurons(tau=10.0, bias=True, **late), PSP("triangle", rise=5.2, fall=9.1)),
        ),
        200.0,
    )
    network = dataclasses.replace(network, learning=Learning(normalised=True, derivative="exact"))
    network = without_windows(network) if listed else network
    weights: Weights = {name: array.astype(precision) for name, array in initial_weights(network, seed=2).items()}
    weights["output.bias"] = np.array([0.9, 1.0, 1.1], precision)
    stimuli = np.random.default_rng(1).uniform(0.0, T_MAX, (5, 4, 4, 1))
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    assert (latencies["hidden"][np.isfinite(latencies["hidden"])] < 20.0).all()
    assert ((latencies["output"] > 40.0) & (latencies["output"] < 200.0)).all()
    learned = STiDiBP(network).learn(latencies, np.array([0, 1, 2, 0, 1]), weights)
    assert learned.displacements[1].any(axis=1).all()
    assert (learned.displacements[0] == 0).all()
    assert not np.asarray(learned.gradients["hidden.kernel"]).any()


def _pooled(onset_bias: float = 0.0) -> tuple[Network, Weights, np.ndarray]:
    """Maps, of which relays hear later, and presentations; a bias may bring the maps to threshold at their onset."""
    network = Network.chain(
        "late",
        IntensityEncoder((4, 4, 1), T_MAX),
        (
            Layer("maps", Convolution(2, 3, padding=1), Neurons("phased", 1.0, 10.0, 10.0, drive=1.0, bias=True)),
            Layer("pool", Pooling(2), delay=2.3),
            Layer("output", Dense(3), Neurons("phased", 3.0, 10.0, 30.0, drive=1.0)),
        ),
        80.0,
    )
    weights = initial_weights(network, seed=0)
    weights["maps.bias"] += onset_bias
    return network, weights, np.random.default_rng(0).uniform(0.0, T_MAX, (20, 4, 4, 1))


def test_neurons_over_threshold_at_the_onset_do_not_learn_from_relays_that_hear_of_them_later() -> None:
    network, weights, stimuli = _pooled(onset_bias=3.0)
    network = dataclasses.replace(network, learning=Learning(edges="stop"))
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    assert (latencies["maps"] == 10.0).all()
    learned = STiDiBP(network).learn(latencies, np.arange(20) % 3, weights)
    assert learned.displacements[1].any()
    assert not learned.displacements[0].any()


def test_relays_hand_on_what_they_are_handed_whatever_the_precision() -> None:
    """A delay is added in the precision of the engine, so that it is plain whose spike a relay passed on."""
    network, weights, stimuli = _pooled()
    handed = []
    for engine in ("single", "double"):
        latencies = EventEngine(network, precision=engine).present(Batch(stimuli, weights))
        for precision in (np.float32, np.float64):
            given: Weights = {name: array.astype(precision) for name, array in weights.items()}
            displacements = STiDiBP(network).learn(latencies, np.arange(20) % 3, given).displacements
            assert np.count_nonzero(displacements[0]) == np.count_nonzero(displacements[1]) > 100
            handed.append(displacements[0].sum(axis=(1, 2, 3)))
    for displacement in handed[1:]:
        np.testing.assert_allclose(displacement, handed[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
def test_results_do_not_depend_on_the_number_of_threads(
    small_network: Callable[..., Network], regime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_network(regime)
    weights = initial_weights(network, seed=3)
    stimuli = np.random.default_rng(2).uniform(0, 10, (130, 8, 8, 2))
    labels = np.arange(130) % 4
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NETSIM_THREADS", threads)
        latencies = EventEngine(network).present(Batch(stimuli, weights))
        results.append(STiDiBP(network).learn(latencies, labels, weights))
    for name in weights:
        for learned in results[1:]:
            np.testing.assert_array_equal(learned.gradients[name], results[0].gradients[name])


def test_a_step_moves_the_outputs_towards_their_targets(
    small_network: Callable[..., Network], stimuli: np.ndarray
) -> None:
    network = small_network("free", derivative="exact", sharpness=2.0)
    weights = initial_weights(network, seed=3)
    before, _ = _loss_and_fired(network, stimuli, weights)
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    learned = STiDiBP(network).learn(latencies, LABELS, weights)
    moved = {name: weights[name] - 1e-3 * learned.gradients[name] for name in weights}
    after, _ = _loss_and_fired(network, stimuli, moved)
    assert after < before


@pytest.mark.parametrize("dt", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_neurons_over_threshold_at_the_onset_of_a_grid_do_not_learn(
    small_network: Callable[..., Network], stimuli: np.ndarray, dt: float, precision: type
) -> None:
    """The onset moves to the first step at or after it, in the learner as in the engines."""
    network = small_network("phased", convolutional=False)
    network = dataclasses.replace(network, training=Training(dt=dt))
    weights: Weights = {name: array.astype(precision) for name, array in initial_weights(network, seed=1).items()}
    weights["hidden.bias"][:3] += 5.0
    latencies = EventEngine(network, dt=dt).present(Batch(stimuli, weights))
    learned = STiDiBP(network).learn(latencies, LABELS, weights)
    assert np.isfinite(latencies["hidden"][:, :3]).all()
    assert len(np.unique(latencies["hidden"][:, :3])) == 1
    assert (learned.displacements[0][:, :3] == 0).all()


@pytest.mark.parametrize("per", ["axon", "synapse"])
def test_on_a_grid_delays_move_to_the_nearest_step_for_the_learner_too(
    small_network: Callable[..., Network], stimuli: np.ndarray, per: str
) -> None:
    network = small_network("staggered", convolutional=False)
    delays = Delays(per, mean=3.0, spread=2.0, longest=8.0)  # type: ignore[arg-type]
    projections = tuple(dataclasses.replace(projection, delay=delays) for projection in network.projections)
    network = dataclasses.replace(network, projections=projections, training=Training(dt=1.0))
    weights = initial_weights(network, seed=1)
    rounded = {name: np.floor(each + 0.5) if name.endswith(".delay") else each for name, each in weights.items()}
    assert any((weights[name] != rounded[name]).any() for name in weights)
    latencies = EventEngine(network, dt=1.0).present(Batch(stimuli, weights))
    learned, expected = (STiDiBP(network).learn(latencies, LABELS, each).gradients for each in (weights, rounded))
    for name, gradient in expected.items():
        assert np.abs(gradient).max() > 0
        np.testing.assert_array_equal(learned[name], gradient)


@pytest.mark.parametrize("regime", ["free", "staggered"])
def test_a_silent_output_learns_by_the_assumed_slope(
    small_network: Callable[..., Network], stimuli: np.ndarray, regime: str
) -> None:
    """It has none at threshold, so that the exact derivative is the linear one."""
    gradients = []
    for derivative in ("exact", "linear"):
        network = small_network(regime, convolutional=False, derivative=derivative)
        weights = initial_weights(network, seed=3)
        weights["output.kernel"][:, 2] = -50.0
        latencies = EventEngine(network).present(Batch(stimuli, weights))
        assert np.isinf(latencies["output"][:, 2]).all()
        gradients.append(STiDiBP(network).learn(latencies, LABELS, weights).gradients["output.kernel"][:, 2])
    assert np.abs(gradients[1]).max() > 1e-3
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-12)


@pytest.mark.parametrize("edges", ["stop", "pass", "return"])
@pytest.mark.parametrize("derivative", ["linear", "exact"])
@pytest.mark.parametrize("family", ["piecewise-linear", "leaky"])
def test_the_unit_of_potentials_does_not_change_what_is_learned(
    stimuli: np.ndarray, family: str, derivative: str, edges: str
) -> None:
    """Thresholds and weights that are 16 times as large have gradients of a sixteenth, for silent neurons as well."""
    found = []
    for unit in (1.0, 16.0):
        neurons = Neurons("free", threshold=0.5 * unit, tau=10.0, bias=True, family=family)
        network = Network.chain(
            "unit",
            IntensityEncoder((8, 8, 2), T_MAX),
            [Layer("hidden", Dense(20), neurons), Layer("output", Dense(4), neurons)],
            duration=60.0,
            learning=Learning(derivative=derivative, edges=edges),  # type: ignore[arg-type]
        )
        generator = np.random.default_rng(0)
        weights = {name: unit * generator.normal(0.0, 0.2, shape) for name, shape in weight_shapes(network).items()}
        fired = EventEngine(network).present(Batch(stimuli, weights))
        assert 0.2 < np.isfinite(fired["hidden"]).mean() < 0.9
        assert np.isinf(fired["output"]).any()
        learned = STiDiBP(network).learn(fired, LABELS, weights)
        found.append({name: unit * gradient for name, gradient in learned.gradients.items()})
    for name, gradient in found[0].items():
        assert np.abs(gradient).max() > 1e-4
        np.testing.assert_allclose(found[1][name], gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("labels", [[], [0.5], [np.nan], [True], [-1], [10], ["1"]], ids=str)
def test_what_is_no_label_is_refused(labels: list[object]) -> None:
    network = load_preset("digits")
    weights = initial_weights(network, seed=0)
    latencies = EventEngine(network).present(Batch(np.full((len(labels), 8, 8, 1), 3.0), weights))
    with pytest.raises(DataError, match="labels: must be from 0 to 9, one per presentation"):
        STiDiBP(network).learn(latencies, np.array(labels), weights)


@pytest.mark.parametrize("regime", ["phased", "free"])
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("kind", ["read-only", "in another order of bytes"])
def test_weights_of_any_layout_teach_the_same(
    small_network: Callable[..., Network], stimuli: np.ndarray, regime: str, count: int, kind: str
) -> None:
    network = small_network(regime)
    weights = initial_weights(network, seed=3)
    latencies = EventEngine(network).present(Batch(stimuli[:count], weights))
    given = {name: array.copy() for name, array in weights.items()}
    if kind == "read-only":
        for array in given.values():
            array.flags.writeable = False
    else:
        given = {name: array.astype(array.dtype.newbyteorder()) for name, array in given.items()}
    learner = STiDiBP(network)
    expected, learned = (learner.learn(latencies, LABELS[:count], each).gradients for each in (weights, given))
    for name, gradient in expected.items():
        np.testing.assert_array_equal(learned[name], gradient)


def test_arrays_of_other_shapes_are_refused() -> None:
    """The loops would read beyond the array."""
    network = load_preset("digits")
    weights = initial_weights(network, 0)
    latencies = EventEngine(network).present(Batch(np.zeros((2, 8, 8, 1)), weights))
    labels, learner = np.zeros(2, int), STiDiBP(network)
    for wrong in ({"output.kernel": weights["output.kernel"][:2]}, {"output.kernel": weights["output.kernel"].T}):
        with pytest.raises(DataError, match=r"weights: output\.kernel has shape"):
            learner.learn(latencies, labels, weights | wrong)
    for name, times in (("hidden", latencies["hidden"][:, :5]), ("output", latencies["output"][:1])):
        with pytest.raises(DataError, match=f"latencies: {name} must have the shape"):
            learner.learn(dict(latencies) | {name: times}, labels, weights)
    with pytest.raises(DataError, match="latencies: stimulus must have the shape"):
        learner.learn({name: times for name, times in latencies.items() if name != "stimulus"}, labels, weights)


@pytest.mark.parametrize("regime", ["free", "staggered"])
def test_a_late_beginning_of_the_psp_is_a_delay(
    small_network: Callable[..., Network], stimuli: np.ndarray, regime: str
) -> None:
    """Also for silent neurons that learn as if they had fired."""
    kernel, learned = ((0.0, 0.6), (3.0, 0.7), (12.0, -1.0)), []
    chain = small_network(regime, convolutional=False, edges="return")
    for late, delay in ((2.5, 0.0), (0.0, 2.5)):
        psp = PSP("breakpoints", breakpoints=tuple((time + late, change) for time, change in kernel))
        projections = tuple(dataclasses.replace(each, psp=psp, delay=delay) for each in chain.projections)
        network = dataclasses.replace(chain, projections=projections)
        weights = initial_weights(network, seed=3)
        weights["hidden.kernel"][:, :2] = -5.0
        latencies = EventEngine(network).present(Batch(stimuli, weights))
        assert 0.2 < np.isfinite(latencies["hidden"]).mean() < 0.9
        learned.append(STiDiBP(network).learn(latencies, LABELS, weights).gradients)
    for name, gradient in learned[1].items():
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(learned[0][name], gradient, rtol=1e-9, atol=1e-12)


def test_targets_may_be_given_by_their_name() -> None:
    network = load_preset("digits")
    assert type(STiDiBP(network, "relative").targets) is not type(STiDiBP(network, "softmax").targets)
    with pytest.raises(SpecificationError, match=r"targets: must be softmax or relative, not 'softmx'"):
        STiDiBP(network, "softmx")
