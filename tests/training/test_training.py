"""Training: learns, is the same to the bit from the same seed, resumes, and stops where it cannot go on."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from netsim.data.stimuli import Stimuli, load_splits
from netsim.engines import Batch, Latencies, make_engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import TrainingError
from netsim.learning import BatchGradients
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.learning.optimizers.sgd import SGD
from netsim.models.presets import load_preset
from netsim.runs.folder import RunFolder, create_run, describe_run
from netsim.seams import schedules
from netsim.specification import (
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
    Weighting,
)
from netsim.training.callbacks import Callbacks, Progress
from netsim.training.checkpoint import TrainingState, read_checkpoint
from netsim.training.loop import run_training
from netsim.training.session import dropout_factors, dropout_masks, order_of_presentations
from netsim.training.starting import resume_training, start_training
from netsim.weights.binary import forward_weights

MakeStimuli = Callable[..., Stimuli]


def _drawn(**settings: Any) -> Learning:
    """Settings of a training that begins with weights as they are drawn."""
    return Learning(**({"fitted": False, "edges": "pass"} | settings))  # type: ignore[arg-type]


def _network(**changes: object) -> Network:
    network = Network.chain(
        "small",
        IntensityEncoder((8, 8, 1), 16.0),
        (
            Layer("conv", Convolution(4, 3), neurons=Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
            Layer("pool", Pooling(2), dropout=0.1),
            Layer("hidden", Dense(20), Neurons("phased", 2.0, 16.0, 48.0, 80.0, 1.0, bias=True), dropout=0.2),
            Layer("output", Dense(4), Neurons("phased", 3.0, 16.0, 80.0, 160.0, 1.0, bias=True)),
        ),
        160.0,
        training=Training(epochs=3, batch=10, precision="double"),
        learning=_drawn(rate=0.01),
    )
    return dataclasses.replace(network, **changes)  # type: ignore[arg-type]


def _train(
    network: Network,
    make: MakeStimuli,
    seed: int = 0,
    run: RunFolder | None = None,
    state: TrainingState | None = None,
    callbacks: Callbacks | None = None,
    checkpoint_seconds: float = 60.0,
) -> TrainingState:
    training = make(network.encoder, 120, network.outputs)
    validation = make(network.encoder, 40, network.outputs, seed=1)
    state = state or start_training(network, seed)
    settings = network.training
    engine = make_engine(settings.engine, network, settings.dt, settings.precision)
    return run_training(engine, network, training, validation, state, seed, run, callbacks, checkpoint_seconds)


class _Watched(EventEngine):
    """Keeps the batches that it presents."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.seen: list[Batch] = []

    def present(self, batch: Batch) -> Latencies:
        self.seen.append(batch)
        return super().present(batch)


def test_a_network_learns_patterns(random_stimuli: MakeStimuli) -> None:
    state = _train(_network(training=Training(epochs=6, batch=10)), random_stimuli)
    assert state.history[-1]["validation_strict_accuracy"] > 0.9
    assert state.history[-1]["training_loss"] < state.history[0]["training_loss"]


def test_a_binary_network_learns_with_signs(random_stimuli: MakeStimuli) -> None:
    network = _network(weighting=Weighting("binary"), training=Training(epochs=6, batch=10))
    state = _train(network, random_stimuli)
    assert state.history[-1]["validation_strict_accuracy"] > 0.9
    for name, forward in forward_weights(network, state.weights).items():
        if name.endswith(".kernel"):
            assert (np.sign(forward) == np.where(state.weights[name] >= 0, 1, -1)).all()
            magnitudes = np.abs(forward).reshape(-1, forward.shape[-1])
            np.testing.assert_array_equal(magnitudes, np.broadcast_to(magnitudes[0], magnitudes.shape))
            assert len(np.unique(np.abs(state.weights[name]))) > forward.shape[-1]


@pytest.mark.parametrize("kind", ["real", "binary"])
def test_balanced_weights_of_a_neuron_add_up_to_zero(kind: Any, random_stimuli: MakeStimuli) -> None:
    def sums(balanced: bool) -> np.ndarray:
        learning = _drawn(rate=0.01, balanced=balanced, clip=100.0)  # a bound that none reaches
        state = _train(_network(weighting=Weighting(kind), learning=learning), random_stimuli)
        kernels = [array for name, array in state.weights.items() if name.endswith(".kernel")]
        return np.concatenate([kernel.reshape(-1, kernel.shape[-1]).sum(axis=0) for kernel in kernels])

    np.testing.assert_allclose(sums(balanced=True), 0, atol=1e-12)
    assert np.abs(sums(balanced=False)).min() > 1e-3


def test_balanced_weights_stay_in_reach(random_stimuli: MakeStimuli) -> None:
    learning = _drawn(rate=0.01, balanced=True, clip=0.5)
    state = _train(_network(weighting=Weighting("binary"), learning=learning), random_stimuli)
    bound = 0.5 * InitialWeights().spread / np.sqrt(20)
    assert np.abs(state.weights["output.kernel"]).max() == pytest.approx(bound)


def _changed(network: Network, change: Callable[[Layer], Layer]) -> Network:
    """The network with its layers changed that have weights."""
    layers = network.layers()
    assert layers is not None
    return network.with_layers([layer if layer.neurons is None else change(layer) for layer in layers])


@pytest.mark.parametrize("static", ["conv", "hidden"])
@pytest.mark.parametrize("weighting", [Weighting(), Weighting("binary"), Weighting("binary", scale_rate=2.0)])
@pytest.mark.parametrize("regime", ["phased", "free"])
def test_static_weights_stay_and_their_biases_learn(
    static: str, weighting: Weighting, regime: str, random_stimuli: MakeStimuli
) -> None:
    network = _network(
        weighting=weighting,
        learning=_drawn(rate=0.01, balanced=True, clip=0.5, weight_decay=0.1, averaging=0.9),
    )
    neurons = Neurons("free", 1.0, 16.0, bias=True)
    network = _changed(network, lambda layer: dataclasses.replace(layer, plastic=layer.name != static))
    if regime == "free":
        network = _changed(network, lambda layer: dataclasses.replace(layer, neurons=neurons))
    before = start_training(network, 0).weights
    state = _train(network, random_stimuli)
    assert state.mean is not None
    for after in (state.weights, state.mean):
        np.testing.assert_array_equal(after[f"{static}.kernel"], before[f"{static}.kernel"])
        for name in set(before) - {f"{static}.kernel"}:
            assert (after[name] != before[name]).any(), name


@pytest.mark.parametrize("scale", ["channel", "layer"])
@pytest.mark.parametrize("precision", ["single", "double"])
def test_learned_scales_move_against_their_gradient(scale: str, precision: str, random_stimuli: MakeStimuli) -> None:
    """The slope of the loss along the logarithm of a scale, measured by presenting with another scale."""
    network = _network(
        weighting=Weighting("binary", scale, 2.0),  # type: ignore[arg-type]
        learning=_drawn(rate=0.01, optimizer="sgd", momentum=0.0, schedule="constant"),
        training=Training(epochs=1, batch=120, precision=precision),  # type: ignore[arg-type]
    )
    populations = tuple(dataclasses.replace(population, dropout=0.0) for population in network.populations)
    network = dataclasses.replace(network, populations=populations)
    before = start_training(network, 0).weights
    assert before["hidden.log_scale"].shape == ((1,) if scale == "layer" else (20,))
    stimuli = random_stimuli(network.encoder, 120, network.outputs)
    engine, learner = make_engine("event", network), STiDiBP(network)

    def loss(name: str, index: int, change: float) -> float:
        changed = {key: array.astype(np.float64) for key, array in before.items()}
        changed[name][index] += change
        latencies = engine.present(Batch(stimuli.latencies(np.arange(120)), forward_weights(network, changed)))
        return float(learner.loss(latencies["output"], stimuli.labels).mean())

    after = _train(network, random_stimuli).weights
    sharpness = network.learning.sharpness  # the gradient is that of the loss over it
    for name in ("conv.log_scale", "hidden.log_scale", "output.log_scale"):
        moved = after[name] - before[name]
        slopes = [(loss(name, index, 1e-5) - loss(name, index, -1e-5)) / 2e-5 for index in range(len(moved))]
        np.testing.assert_allclose(moved, -0.01 * 2.0 * np.array(slopes) / sharpness, rtol=2e-2, atol=1e-6)
        assert np.abs(moved).max() > 1e-5


def test_what_is_kept_of_learned_scales_is_what_was_validated(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    network = _network(weighting=Weighting("binary", scale_rate=5.0), learning=_drawn(rate=0.01, averaging=0.9))
    run = create_run(tmp_path / "run", network, describe_run(0))
    state = _train(network, random_stimuli, run=run)
    kept = run.weights(network)
    assert set(kept) == {name for name in state.weights if not name.endswith(".log_scale")}
    for name, array in forward_weights(network, kept).items():
        np.testing.assert_array_equal(array, kept[name])
    magnitudes = np.abs(kept["hidden.kernel"])
    assert (magnitudes == magnitudes[:1]).all()
    assert len(np.unique(magnitudes[0])) == 20


def test_a_static_layer_keeps_its_scale(random_stimuli: MakeStimuli) -> None:
    network = _network(weighting=Weighting("binary", scale_rate=5.0))
    network = _changed(network, lambda layer: dataclasses.replace(layer, plastic=layer.name != "output"))
    before, after = start_training(network, 0).weights, _train(network, random_stimuli).weights
    assert "output.log_scale" not in after
    first, last = (forward_weights(network, weights)["output.kernel"] for weights in (before, after))
    np.testing.assert_array_equal(first, last)


def test_one_scale_a_layer() -> None:
    network = _network(weighting=Weighting("binary", "layer"))
    forward = forward_weights(network, start_training(network, 0).weights)
    assert len(np.unique(np.abs(forward["hidden.kernel"]))) == 1


def test_the_same_seed_gives_the_same_weights_to_the_bit(random_stimuli: MakeStimuli) -> None:
    first, second, other = (_train(_network(), random_stimuli, seed) for seed in (3, 3, 4))
    for name in first.weights:
        assert first.weights[name].tobytes() == second.weights[name].tobytes()
    assert any((first.weights[name] != other.weights[name]).any() for name in first.weights)


class _Stop(Exception):
    pass


@pytest.mark.parametrize(
    ("batches", "weighting"),
    [
        (1, Weighting()),
        (7, Weighting()),
        (12, Weighting("binary", scale_rate=5.0)),
        (20, Weighting()),
        (35, Weighting("binary", "layer", 1.0)),
    ],
)
def test_a_resumed_training_ends_with_the_same_weights_to_the_bit(
    batches: int, weighting: Weighting, random_stimuli: MakeStimuli, tmp_path: Path
) -> None:
    network = _network(
        weighting=weighting,
        learning=_drawn(rate=0.01, revive_below=0.05, averaging=0.9),
        training=Training(epochs=3, batch=10, shift=1, flips=True, precision="double"),
    )
    whole = _train(network, random_stimuli, run=create_run(tmp_path / "whole", network, describe_run(0)))
    run = create_run(tmp_path / "broken", network, describe_run(0))
    seen = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == batches:
            raise _Stop

    with pytest.raises(_Stop):
        _train(network, random_stimuli, run=run, callbacks=Callbacks(on_batch=stop), checkpoint_seconds=0)
    state = resume_training(network, run, 0)
    assert (state.epoch, state.batch) == divmod(batches - 1, 12)
    resumed = _train(network, random_stimuli, run=run, state=state)
    for name in whole.weights:
        assert resumed.weights[name].tobytes() == whole.weights[name].tobytes()
        assert resumed.current[name].tobytes() == whole.current[name].tobytes()
    assert (tmp_path / "broken/best.npz").read_bytes() == (tmp_path / "whole/best.npz").read_bytes()
    timeless = [
        [{k: v for k, v in row.items() if "seconds" not in k} for row in state.history] for state in (whole, resumed)
    ]
    assert timeless[0] == timeless[1]


def test_a_run_folder_tells_all(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    network = _network()
    run = create_run(tmp_path / "run", network, describe_run(5, limit=None))
    state = _train(network, random_stimuli, 5, run)
    assert run.network() == network
    record = run.record()
    assert record["seed"] == 5
    assert {"brian2", "numpy", "numba", "python"} <= set(record["versions"])
    with run.metrics.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert {"validation_accuracy", "training_loss", "silent_conv", "silent_hidden"} <= set(rows[0])
    best = max(float(row["validation_strict_accuracy"]) for row in rows)
    assert state.best[0] == best
    assert set(run.weights(network)) == set(state.weights)
    assert not [path for path in run.path.iterdir() if path.suffix == "" and path.name != ".lock"]


def test_the_best_weights_are_those_that_were_validated(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    network = _network()
    run = create_run(tmp_path / "run", network, describe_run(0))
    state = _train(network, random_stimuli, run=run)
    validation = random_stimuli(network.encoder, 40, network.outputs, seed=1)
    forward = forward_weights(network, run.weights(network))
    latencies = make_engine("event", network).present(Batch(validation.latencies(np.arange(40)), forward))
    outputs = latencies["output"]
    correct = (outputs.argmin(axis=1) == validation.labels) & ((outputs == outputs.min(axis=1)[:, None]).sum(1) == 1)
    assert correct.mean() == state.best[0]


def test_the_running_mean_of_the_weights_is_kept(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    """Its share of the past grows with the updates of all epochs."""
    network = _network(learning=_drawn(rate=0.01, averaging=0.95), training=Training(epochs=2, batch=10))
    state = start_training(network, 0)
    expected = {name: array.copy() for name, array in state.weights.items()}
    means: list[dict[str, np.ndarray]] = []

    def average(progress: Progress) -> None:
        steps = 12 * progress.epoch + progress.presentations // 10
        keep = min(0.95, (1 + steps) / (10 + steps))
        for name, mean in expected.items():
            mean += (1 - keep) * (state.weights[name] - mean)

    def note(metrics: Any) -> None:
        means.append({name: mean.copy() for name, mean in expected.items()})

    run = create_run(tmp_path / "run", network, describe_run(0))
    callbacks = Callbacks(on_batch=average, on_epoch=note)
    _train(network, random_stimuli, run=run, state=state, callbacks=callbacks)
    kept = run.weights(network)
    for name, mean in means[state.best_epoch - 1].items():
        np.testing.assert_allclose(kept[name], mean, rtol=1e-5, atol=1e-7)
        assert (kept[name] != state.weights[name]).any()
        np.testing.assert_allclose(state.current[name], expected[name], rtol=1e-5, atol=1e-7)


def test_a_diverging_training_stops_and_says_where(
    random_stimuli: MakeStimuli, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = STiDiBP.learn

    def diverge(*arguments: Any) -> BatchGradients:
        learned = learn(*arguments)
        learned.gradients["hidden.kernel"][0, 0] = np.inf
        return learned

    monkeypatch.setattr(STiDiBP, "learn", diverge)
    with pytest.raises(TrainingError, match=r"in hidden at epoch 1, batch 1: .*lower learning.rate"):
        _train(_network(), random_stimuli)


# 1e30 is the largest rate that the settings allow. Brian2 is slow, so that this rate stands for others
LARGE_RATES = [
    (engine, optimizer, precision, rate, weighting)
    for engine, optimizer in (("event", "adam"), ("event", "sgd"), ("brian2", "adam"))
    for precision in ("single", "double")
    for rate in (30.0, 1e30)
    for weighting in (Weighting(), Weighting("binary", scale_rate=10.0))
    if engine == "event" or rate > 30.0
]


@pytest.mark.parametrize(("engine", "optimizer", "precision", "rate", "weighting"), LARGE_RATES)
def test_no_learning_rate_makes_weights_that_are_not_finite(
    engine: Literal["event", "brian2"],
    optimizer: str,
    precision: Literal["single", "double"],
    rate: float,
    weighting: Weighting,
    random_stimuli: MakeStimuli,
    tmp_path: Path,
) -> None:
    network = Network.chain(
        "small",
        IntensityEncoder((4, 4, 1), 16.0),
        (
            Layer("hidden", Dense(12), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
            Layer("output", Dense(3), Neurons("phased", 3.0, 16.0, 48.0, 128.0, 1.0, bias=True)),
        ),
        128.0,
        weighting=weighting,
        training=Training(engine=engine, dt=float(engine == "brian2"), epochs=1, batch=60, precision=precision),
        learning=_drawn(rate=rate, optimizer=optimizer, schedule="constant"),
    )
    run = create_run(tmp_path / "run", network, {"seed": 0})
    try:
        state = _train(network, random_stimuli, run=run)
    except TrainingError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert re.search(r"diverged in (hidden|output) at epoch 1, batch [12]: .*; lower learning.rate", message)
        assert not run.checkpoint.exists()
    else:
        assert rate < 1e30 or weighting.kind == "real"
        for weights in (state.weights, run.weights(network)):
            assert all(np.isfinite(array).all() for array in weights.values())


def test_the_last_good_checkpoint_of_a_diverging_training_is_kept(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    """A decay that turns each weight into its -1e9-fold: the fifth step is too much for single precision."""
    network = _network(
        learning=_drawn(rate=1e-3, weight_decay=1e12, optimizer="sgd", schedule="constant"),
        training=Training(epochs=3, batch=10),
    )
    run = create_run(tmp_path / "run", network, {"seed": 0})
    for _ in range(2):  # going on leads to the same
        state = resume_training(network, run, 0)
        with pytest.raises(
            TrainingError, match=r"in \w+ at epoch 1, batch 5: its weights are.*checkpoint is kept in .*run"
        ):
            _train(network, random_stimuli, run=run, state=state, checkpoint_seconds=0)
        assert read_checkpoint(network, run.checkpoint).batch == 4
        assert read_checkpoint(network, run.previous_checkpoint).batch == 3
        assert not run.best.exists()


def test_silent_neurons_are_redrawn(random_stimuli: MakeStimuli) -> None:
    network = _network(learning=_drawn(rate=0.001, revive_below=0.01))
    state = start_training(network, 0)
    state.weights["hidden.kernel"][:, :5] = -10.0
    state.weights["conv.kernel"][..., 0] = -10.0
    biases = [name for name in state.weights if name in ("hidden.bias", "conv.bias")]
    for name in biases:
        state.weights[name][0] = -100.0
    _train(network, random_stimuli, state=state)
    for name in biases:
        assert state.weights[name][0] > -1
    assert (state.weights["hidden.kernel"][:, :5] > -5).all()
    assert (state.weights["conv.kernel"][..., 0] > -5).all()


def test_redrawn_binary_weights_begin_with_their_own_scale(random_stimuli: MakeStimuli) -> None:
    learning = _drawn(rate=1e-9, revive_below=0.01, averaging=0.9)
    network = _network(weighting=Weighting("binary", scale_rate=1.0), learning=learning)
    state = start_training(network, 0)
    fresh = state.weights["hidden.log_scale"].copy()
    state.weights["hidden.kernel"][:, :5] = -10.0
    state.weights["hidden.log_scale"][:5] = np.log(10.0)
    _train(network, random_stimuli, state=state)
    assert state.mean is not None
    for weights in (state.weights, state.mean):
        np.testing.assert_allclose(weights["hidden.log_scale"], fresh, atol=0.7)
        redrawn = np.abs(weights["hidden.kernel"][:, :5]).mean(axis=0)
        np.testing.assert_allclose(np.exp(weights["hidden.log_scale"][:5]), redrawn, rtol=1e-5)


def test_the_mean_of_redrawn_neurons_keeps_the_constraints(random_stimuli: MakeStimuli) -> None:
    """A fitted bias can exceed what `rest_below` allows, and the mean of the weights is what is stored."""
    network = _changed(
        _network(learning=_drawn(rate=1e-9, revive_below=0.99, averaging=0.9)),
        lambda layer: dataclasses.replace(layer, rest_below=0.1 if layer.name == "hidden" else None),
    )
    state = start_training(network, 0)
    state.fitted = {"biases": {"hidden.bias": 5.0}}
    _train(network, random_stimuli, state=state)
    assert state.mean is not None
    assert state.weights["hidden.bias"].max() < 5.0
    np.testing.assert_allclose(state.mean["hidden.bias"], state.weights["hidden.bias"])


def test_static_weights_are_not_redrawn(random_stimuli: MakeStimuli) -> None:
    network = _network(learning=_drawn(rate=0.001, revive_below=0.01))
    network = _changed(network, lambda layer: dataclasses.replace(layer, plastic=layer.name == "conv"))
    state = start_training(network, 0)
    state.weights["hidden.kernel"][:, :5] = -10.0
    state.weights["hidden.bias"][:5] = -100.0
    _train(network, random_stimuli, state=state)
    assert (state.weights["hidden.kernel"][:, :5] == -10.0).all()


def test_dropout_withholds_spikes_and_keeps_the_mean_current() -> None:
    network = _network()
    masks = dropout_masks(network, 500, np.random.default_rng(0))
    assert set(masks) == {"pool", "hidden"}
    assert masks["pool"].shape == (500, 3, 3, 4)
    assert masks["hidden"].mean() == pytest.approx(0.2, abs=0.02)
    assert dropout_factors(network) == pytest.approx({"hidden.kernel": 1 / 0.9, "output.kernel": 1 / 0.8})


@pytest.mark.slow
def test_both_engines_train_to_the_same_weights() -> None:
    """300 presentations of the digits, same seed and time grid."""
    network = load_preset("digits")
    network = dataclasses.replace(
        network, training=dataclasses.replace(network.training, epochs=1, precision="double", dt=1.0)
    )
    splits = load_splits(network)
    weights = []
    for name in ("event", "brian2"):
        state = start_training(network, 0)
        engine = make_engine(name, network, 1.0)
        run_training(engine, network, splits.training.first(300), splits.validation.first(20), state, 0)
        weights.append(state.weights)
    for name in weights[0]:
        np.testing.assert_allclose(weights[0][name], weights[1][name], rtol=1e-9, atol=1e-12)


def test_inputs_at_constant_times_neither_move_nor_are_covered() -> None:
    encoder = IntensityEncoder((6, 6, 3), 16.0, constant=(0.0, 5.0))
    network = Network.chain(
        "constant",
        encoder,
        [Layer("output", Dense(3), Neurons("phased", 3.0, 16.0, 16.0, 96.0, 1.0, bias=True))],
        96.0,
        training=Training(epochs=1, batch=10, flips=True, shift=2, occlusion=2),
        learning=_drawn(),
    )
    generator = np.random.default_rng(5)
    images = generator.integers(1, 256, (30, 6, 6, 1)).astype(np.uint8)
    stimuli = Stimuli(images, generator.integers(0, 3, 30), 255, encoder)
    engine = _Watched(network)
    run_training(engine, network, stimuli, stimuli.first(10), start_training(network, 0), 0)
    learned_from = np.concatenate([batch.stimuli for batch in engine.seen[:3]])
    assert len(learned_from) == 30
    assert (learned_from[..., 1:] == (0.0, 5.0)).all()
    assert np.isinf(learned_from[..., 0]).any()  # what is beyond the border, or covered, is silent


def test_moments_that_are_not_finite_are_named_after_their_layer(random_stimuli: MakeStimuli) -> None:
    network = _network()
    state = start_training(network, 0)
    state.optimizer.state["second.hidden.kernel"][0, 0] = np.nan

    def harmless(weights: Any, gradients: Any, rate: float, factors: Any = None) -> None:
        pass

    state.optimizer.step = harmless  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"diverged in hidden at .*: the optimizer's moments are not finite"):
        _train(network, random_stimuli, state=state)


def test_the_training_loss_is_the_mean_over_presentations(random_stimuli: MakeStimuli) -> None:
    """With steps too small to matter it is the validation loss of the same stimuli, whatever the size of a batch."""
    network = Network.chain(
        "still",
        IntensityEncoder((4, 4, 1), 16.0),
        [Layer("output", Dense(3), Neurons("phased", 3.0, 16.0, 16.0, 96.0, 1.0, bias=True))],
        96.0,
        training=Training(epochs=1, batch=7, precision="double"),
        learning=_drawn(rate=1e-12),
    )
    stimuli = random_stimuli(network.encoder, 20, 3)
    engine = EventEngine(network)
    state = run_training(engine, network, stimuli, stimuli, start_training(network, 0), 0)
    (metrics,) = state.history
    assert metrics["training_loss"] == pytest.approx(metrics["validation_loss"], rel=1e-6)
    assert metrics["training_strict_accuracy"] == metrics["validation_strict_accuracy"]


def _dense(dropout: float = 0.0, training: Training | None = None, **learning: Any) -> Network:
    """Without validation stimuli."""
    settings: dict[str, Any] = {"rate": 0.01, "schedule": "constant", "optimizer": "sgd", "momentum": 0.0} | learning
    return Network.chain(
        "dense",
        IntensityEncoder((4, 4, 1), 16.0),
        (
            Layer("hidden", Dense(12), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True), dropout=dropout),
            Layer("output", Dense(3), Neurons("phased", 3.0, 16.0, 48.0, 128.0, 1.0, bias=True)),
        ),
        128.0,
        training=training or Training(epochs=1, batch=20, precision="double", validation=0),
        learning=_drawn(**settings),
    )


@pytest.mark.parametrize(
    ("varied", "dropout"), [({"shift": 2}, 0.0), ({"occlusion": 2}, 0.0), ({"jitter": 2.0}, 0.0), ({}, 0.5)]
)
def test_each_batch_of_each_epoch_is_varied_by_draws_of_its_own(varied: dict[str, Any], dropout: float) -> None:
    """The stimuli are all the same, so that batches differ by what was drawn."""
    network = _dense(dropout, Training(epochs=2, batch=5, validation=0, **varied))
    image = np.random.default_rng(0).integers(1, 256, (1, 4, 4, 1)).astype(np.uint8)
    stimuli = Stimuli(image.repeat(15, axis=0), np.zeros(15, int), 255, network.encoder)
    engine = _Watched(network)
    run_training(engine, network, stimuli, stimuli.first(0), start_training(network, 0), 0)
    drawn = [batch.silenced["hidden"] if dropout else batch.stimuli for batch in engine.seen]
    assert len(drawn) == 6
    for first, second in itertools.combinations(drawn, 2):
        assert (first != second).any()


def test_each_epoch_presents_all_stimuli_in_an_order_of_its_own(random_stimuli: MakeStimuli) -> None:
    network = _dense(training=Training(epochs=3, batch=20, validation=0))
    stimuli = random_stimuli(network.encoder, 20, 3)
    engine = _Watched(network)
    run_training(engine, network, stimuli, stimuli.first(0), start_training(network, 0), 0)
    epochs = [[stimulus.tobytes() for stimulus in batch.stimuli] for batch in engine.seen]
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1


def test_jitter_takes_no_spike_away_before_the_end_of_the_presentation() -> None:
    """Dark pixels fire at the end of the encoding window, which is not that of the presentation."""
    network = _dense(training=Training(epochs=1, batch=20, validation=0, jitter=4.0))
    stimuli = Stimuli(np.ones((20, 4, 4, 1), np.uint8), np.zeros(20, int), 255, network.encoder)
    engine = _Watched(network)
    run_training(engine, network, stimuli, stimuli.first(0), start_training(network, 0), 0)
    assert np.isfinite(engine.seen[0].stimuli).all()
    assert engine.seen[0].stimuli.max() > network.encoder.t_max


def test_with_dropout_a_step_follows_the_gradient_of_the_loss_without_the_silenced_neurons(
    random_stimuli: MakeStimuli,
) -> None:
    """Its slope along weights, measured by presenting with others and with the same neurons silenced."""
    network, rate = _dense(dropout=0.4), 0.01
    stimuli = random_stimuli(network.encoder, 20, 3)
    engine, state = _Watched(network), start_training(network, 0)
    before = {name: array.copy() for name, array in state.weights.items()}
    run_training(engine, network, stimuli, stimuli.first(0), state, 0)
    (batch,) = engine.seen
    labels = stimuli.labels[order_of_presentations(0, 0, 20)]
    learner = STiDiBP(network)

    def loss(name: str, index: tuple[int, ...], change: float) -> float:
        weights = {key: array.copy() for key, array in before.items()}
        weights[name][index] += change
        weights["output.kernel"] /= 1 - 0.4
        latencies = engine.present(dataclasses.replace(batch, weights=weights))
        return float(learner.loss(latencies["output"], labels).mean())

    for name in ("hidden.kernel", "output.kernel", "output.bias"):
        moved = state.weights[name] - before[name]
        for index in list(np.ndindex(moved.shape))[:8]:
            slope = (loss(name, index, 1e-5) - loss(name, index, -1e-5)) / 2e-5
            # the gradient is that of the loss over its sharpness
            assert moved[index] == pytest.approx(-rate * slope / network.learning.sharpness, rel=1e-3, abs=1e-9)
        assert np.abs(moved).max() > 1e-6


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_an_update_has_the_rate_for_the_share_of_updates_done_before_it(
    schedule: str, random_stimuli: MakeStimuli
) -> None:
    class Noting(SGD):
        def step(self, weights: Any, gradients: Any, rate: float, factors: Any = None) -> None:
            rates.append(rate)
            super().step(weights, gradients, rate, factors)

    rates: list[float] = []
    network = _dense(training=Training(epochs=3, batch=8, validation=0), schedule=schedule)
    stimuli = random_stimuli(network.encoder, 20, 3)
    optimizer = Noting(momentum=0.0)
    state = start_training(network, 0, optimizer)
    run_training(EventEngine(network), network, stimuli, stimuli.first(0), state, 0)
    assert rates == [0.01 * schedules[schedule](done / 9) for done in range(9)]


class _Drift(STiDiBP):
    """Weights move, and the loss is the same for all of them."""

    def learn(self, latencies: Any, labels: np.ndarray, weights: Any, delays: Any = None) -> BatchGradients:
        gradients = {name: np.ones_like(array) for name, array in weights.items()}
        return BatchGradients(gradients, self.loss(latencies["output"], labels))

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels))


def test_of_epochs_that_are_equally_good_the_first_is_kept(random_stimuli: MakeStimuli) -> None:
    """Outputs stay silent, so that no epoch decides better than another."""
    network = _dense(training=Training(epochs=3, batch=20, precision="double"))
    stimuli, state = random_stimuli(network.encoder, 20, 3), start_training(network, 0)
    state.weights["output.bias"][:] = -100.0
    after: list[float] = []
    callbacks = Callbacks(on_epoch=lambda metrics: after.append(state.weights["output.bias"][0]))
    run_training(
        EventEngine(network), network, stimuli, stimuli, state, 0, callbacks=callbacks, learner=_Drift(network)
    )
    assert len({row["validation_loss"] for row in state.history}) == 1
    assert len(set(after)) == 3
    assert state.best_epoch == 1
    assert state.best_weights is not None
    assert state.best_weights["output.bias"][0] == after[0]


def test_neurons_that_stay_silent_are_redrawn_anew_after_each_epoch_and_outputs_never(
    random_stimuli: MakeStimuli,
) -> None:
    network = _dense(training=Training(epochs=3, batch=20, validation=0), rate=1e-9, revive_below=0.5)
    silent = InitialWeights(mean=-100.0)
    network = _changed(network, lambda layer: dataclasses.replace(layer, initial=silent))
    stimuli, state = random_stimuli(network.encoder, 20, 3), start_training(network, 0)
    state.weights["output.bias"][:] = -100.0
    outputs = state.weights["output.kernel"].copy()
    hidden = [state.weights["hidden.kernel"].copy()]
    callbacks = Callbacks(on_epoch=lambda metrics: hidden.append(state.weights["hidden.kernel"].copy()))
    run_training(EventEngine(network), network, stimuli, stimuli.first(0), state, 0, callbacks=callbacks)
    for first, second in itertools.combinations(hidden, 2):
        assert (first != second).mean() > 0.99
    np.testing.assert_allclose(state.weights["output.kernel"], outputs, atol=1e-6)
    np.testing.assert_allclose(state.weights["output.bias"], -100.0)


def test_the_running_mean_keeps_the_constraints_that_the_weights_keep(random_stimuli: MakeStimuli) -> None:
    """A large step pushes weights against the bound of their sign again and again."""
    network = _dense(rate=30.0, averaging=0.9, training=Training(epochs=4, batch=5, precision="double", validation=0))
    network = _changed(network, lambda layer: dataclasses.replace(layer, sign="excitatory"))
    stimuli, state = random_stimuli(network.encoder, 20, 3), start_training(network, 0)
    run_training(EventEngine(network), network, stimuli, stimuli.first(0), state, 0)
    for name in ("hidden.kernel", "output.kernel"):
        assert (state.weights[name] == 0).any()
        assert state.current is state.mean
        assert state.current[name].min() >= 0


def test_delays_learn_at_their_own_rate(random_stimuli: MakeStimuli) -> None:
    """The rate counts in encoding windows, of 16 ms here."""

    def moved(rate: float) -> np.ndarray:
        network = _dense()
        delays = Delays("synapse", 3.0, 1.0, learned=True, rate=rate)
        layers = network.layers()
        assert layers is not None
        network = network.with_layers([layers[0], dataclasses.replace(layers[1], delay=delays)])
        stimuli, state = random_stimuli(network.encoder, 20, 3), start_training(network, 0)
        before = {name: array.copy() for name, array in state.weights.items()}
        engine = EventEngine(network)
        run_training(engine, network, stimuli, stimuli.first(0), state, 0)
        latencies = engine.present(Batch(stimuli.latencies(np.arange(20)), before))
        gradient = STiDiBP(network).learn(latencies, stimuli.labels, before).gradients["output.delay"]
        change = state.weights["output.delay"] - before["output.delay"]
        np.testing.assert_allclose(change, -0.01 * 16.0 * rate * gradient, rtol=1e-6, atol=1e-12)
        return change

    once, thrice = moved(1.0), moved(3.0)
    assert np.abs(once).max() > 1e-6
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-6, atol=1e-12)
