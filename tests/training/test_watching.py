"""Training says at once what is wrong with its activity or its loss, each once, and what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import netsim
from netsim.measuring.metrics import decide
from netsim.training.watching import IN_A_ROW, Watch

MakeStimuli = Callable[..., netsim.Stimuli]
SILENT = np.inf


def _network(initial: netsim.InitialWeights | None = None, rate: float = 1e-6, **output: float) -> netsim.Network:
    times: dict[str, Any] = {"threshold": 1.0, "tau": 10.0, "drive": 1.0, "bias": True}
    layers = [
        netsim.Layer("hidden", netsim.Dense(12), netsim.Neurons("phased", onset=10.0, end=30.0, **times)),
        netsim.Layer(
            "output",
            netsim.Dense(4),
            netsim.Neurons("phased", onset=30.0, end=60.0, **times | output),
            initial=initial or netsim.InitialWeights(),
        ),
    ]
    return netsim.Network.chain(
        "watched",
        netsim.IntensityEncoder((4, 4, 1), 10.0),
        layers,
        60.0,
        training=netsim.Training(epochs=4, batch=10, precision="double"),
        learning=netsim.Learning(rate=rate),
    )


def _train(network: netsim.Network, make: MakeStimuli, count: int = 60, **parts: Any) -> tuple[Any, list[str]]:
    """Train, and return the last state and the warnings."""
    messages: list[str] = []
    state = parts.pop("state", None) or netsim.start_training(network, 0)
    stimuli = make(network.encoder, count, 4)
    callbacks = netsim.Callbacks(on_warning=messages.append)
    engine = netsim.make_engine("event", network)
    return netsim.run_training(engine, network, stimuli, stimuli, state, 0, callbacks=callbacks, **parts), messages


def test_a_training_in_which_all_is_well_says_nothing(random_stimuli: MakeStimuli) -> None:
    state, messages = _train(_network(rate=0.01), random_stimuli)
    assert messages == []
    assert state.history[-1]["training_strict_accuracy"] > 0.4


def test_outputs_at_their_onset_are_told_before_and_during_training(random_stimuli: MakeStimuli) -> None:
    _, messages = _train(_network(netsim.InitialWeights(bias=5.0)), random_stimuli)
    before, during, flat = messages
    assert before.startswith("output: 100% of neurons fire at the onset of their window (30 ms)")
    assert "lower initial.bias" in before
    assert during.startswith(
        "output: the first spikes tie in 100% of presentations, at the onset of the window (30 ms)"
    )
    assert "10 batches in a row" in during
    assert "learning.rate" not in during  # it was so from the first batch on
    assert during.endswith("netsim.check(network) shows more")
    assert flat.startswith("the loss stays at ")
    assert "try a learning.rate ten times lower and ten times higher (now 1e-06)" in flat
    assert all("\n" not in line for line in messages)


def test_a_silent_population_is_told_at_the_beginning_alone(random_stimuli: MakeStimuli) -> None:
    """What the check has said is not said again."""
    _, messages = _train(_network(netsim.InitialWeights(spread=1.0), threshold=1e6), random_stimuli)
    assert [line.partition(";")[0] for line in messages if "no neuron" in line] == ["output: no neuron fires"]


def _watch(network: netsim.Network, begins: bool = False) -> tuple[Watch, list[str]]:
    messages: list[str] = []
    return Watch(network, messages.append, begins, "netsim check run/network.toml"), messages


def _latencies(count: int = 10, hidden: float = 20.0, output: Any = (31.0, 32.0, 33.0, 34.0)) -> Any:
    parts = {"stimulus": np.zeros((count, 4, 4, 1)), "hidden": np.full((count, 12), hidden)}
    return parts | {"output": np.tile(np.array(output, float), (count, 1))}


def test_a_population_that_falls_silent_in_training_is_told_once() -> None:
    watch, messages = _watch(_network())
    watch.batch(_latencies(), {})
    for _ in range(IN_A_ROW - 1):
        watch.batch(_latencies(hidden=SILENT), {})
    assert messages == []
    for _ in range(3 * IN_A_ROW):
        watch.batch(_latencies(hidden=SILENT), {})
    assert messages == [
        "hidden: no neuron fires, 10 batches in a row; lower learning.rate (now 1e-06); if that does not help, raise"
        " initial.bias, initial.mean or initial.spread of the projections onto it, or lower its threshold (now 1);"
        " netsim check run/network.toml shows more"
    ]


@pytest.mark.parametrize(
    ("dt", "output", "cause"),
    [
        (0.0, [30.0, 30.0, 30.0, 30.0], "at the onset of the window (30 ms)"),
        (0.5, [40.0, 40.0, 41.0, 41.0], "on a time grid of 0.5 ms"),
        (0.0, [40.0, 40.0, 41.0, 41.0], "at exact times"),
    ],
)
def test_ties_are_told_with_their_cause(dt: float, output: list[float], cause: str) -> None:
    network = _network()
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, dt=dt))
    watch, messages = _watch(network)
    for _ in range(IN_A_ROW):
        watch.batch(_latencies(output=output), {})
    (line,) = messages
    assert line.startswith(f"output: the first spikes tie in 100% of presentations, {cause}")
    assert "; lower learning.rate (now 1e-06); if that does not help, " in line


def test_what_does_not_last_is_not_told() -> None:
    watch, messages = _watch(_network())
    for batch in range(5 * IN_A_ROW):
        ill = batch % IN_A_ROW > 0
        watch.batch(_latencies(output=[30.0] * 4 if ill else [31.0, 32.0, 33.0, 34.0]), {})
    assert messages == []


def test_small_batches_are_checked_together() -> None:
    network = _network()
    watch, messages = _watch(network, begins=True)
    weights = netsim.initial_weights(network, 0)
    for _ in range(19):
        watch.batch(_latencies(1, output=[30.0, 40.0, 41.0, 30.0]), weights)
    before = [line for line in messages if "batches in a row" not in line]
    watch.batch(_latencies(1, output=[30.0] * 4), weights)
    assert before == []
    assert any(line.startswith("output: 52% of neurons fire at the onset of their window") for line in messages)


def test_a_loss_that_is_flat_at_chance_is_told() -> None:
    rows = [{"training_loss": 1.386, "training_strict_accuracy": 0.26}] * 3
    for history, warned in (
        (rows[:2], 0),
        (rows, 1),
        ([*rows, {"training_loss": 1.2, "training_strict_accuracy": 0.3}], 0),
        ([{"training_loss": 0.1, "training_strict_accuracy": 0.99}] * 5, 0),
    ):
        watch, messages = _watch(_network())
        watch.epoch(history)
        watch.epoch(history)
        assert len(messages) == warned


def test_a_learner_without_labels_and_a_single_output_are_not_judged_by_labels() -> None:
    flat = [{"training_loss": 0.0, "training_strict_accuracy": 0.3}] * 5
    fallen = [{"training_loss": 1.0, "training_strict_accuracy": share} for share in (0.9, 0.3, 0.3, 0.3)]
    for history in (flat, fallen):
        watch, messages = _watch(_network())
        watch.epoch(history)
        assert messages
        unsupervised = dataclasses.replace(_watch(_network())[0], supervised=False, warn=pytest.fail)
        unsupervised.epoch(history)


def test_a_run_says_which_file_to_check(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    network = _network(netsim.InitialWeights(bias=5.0))
    messages: list[str] = []
    netsim.train(
        _digits(network), tmp_path / "second", limit=100, callbacks=netsim.Callbacks(on_warning=messages.append)
    )
    assert f"netsim check {tmp_path / 'second' / 'network.toml'} shows more" in messages[1]


def _digits(network: netsim.Network) -> netsim.Network:
    """The same network for the digits."""
    hidden, output = network.layers() or ()
    training = netsim.Training("digits", epochs=2, batch=10, validation=50)
    layers = [hidden, dataclasses.replace(output, connectivity=netsim.Dense(10))]
    encoder = netsim.IntensityEncoder((8, 8, 1), 10.0)
    return netsim.Network.chain("watched", encoder, layers, 60.0, training=training, learning=network.learning)


def test_metrics_and_progress_hold_the_shares(random_stimuli: MakeStimuli, tmp_path: Path) -> None:
    reports: list[netsim.Progress] = []
    network = _digits(_network(netsim.InitialWeights(bias=5.0)))
    callbacks = netsim.Callbacks(on_batch=reports.append, on_warning=lambda line: None)
    run = netsim.open_training(tmp_path / "run", network, limit=100)
    history = run.train(callbacks)
    assert reports[-1].onset["output"] == reports[-1].tie_rate == 1.0
    table = netsim.analysis.metrics_table(run.folder.metrics)
    assert table[["onset_output", "training_tie_rate"]].eq(1.0).all(axis=None)
    assert {"onset_hidden", "late_hidden", "late_output", "silent_hidden"} <= set(table)
    last = history[-1]
    assert (last["onset_hidden"], last["late_hidden"]) == (reports[-1].onset["hidden"], reports[-1].late["hidden"])


class _Keeps(netsim.STiDiBP):
    """Keeps what it learns from."""

    def __init__(self, network: netsim.Network) -> None:
        super().__init__(network)
        self.shares: list[float] = []
        self.ties: list[bool] = []

    def learn(self, latencies: Any, *arguments: Any, **more: Any) -> netsim.BatchGradients:
        self.shares.extend((latencies["hidden"] == 10.0).mean(axis=1))
        self.ties.extend(decide(latencies["output"]).tied)
        return super().learn(latencies, *arguments, **more)


def test_the_shares_are_means_over_presentations(random_stimuli: MakeStimuli) -> None:
    network = _network(rate=0.01)
    stimuli = random_stimuli(network.encoder, 25, 4)  # the last batch is smaller
    learner = _Keeps(network)
    state = netsim.start_training(network, 0)
    stop = netsim.Callbacks(stop=lambda history: bool(history))
    engine = netsim.make_engine("event", network)
    state = netsim.run_training(engine, network, stimuli, stimuli, state, 0, callbacks=stop, learner=learner)
    (row,) = state.history
    assert len(learner.ties) == 25
    assert row["onset_hidden"] == pytest.approx(np.mean(learner.shares))
    assert row["training_tie_rate"] == np.mean(learner.ties)


def test_a_training_that_is_resumed_is_not_checked_again(random_stimuli: MakeStimuli) -> None:
    network = _network(netsim.InitialWeights(bias=5.0))
    state, messages = _train(network, random_stimuli, count=20)
    assert any("at the onset of their window" in line for line in messages)
    longer = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=6))
    _, again = _train(longer, random_stimuli, count=20, state=state)
    assert not any("at the onset of their window" in line for line in again)


@pytest.mark.parametrize(
    ("edges", "remedy"), [("return", "lower learning.rate"), ("pass", 'learning.edges = "return"')]
)
def test_a_population_at_the_edges_of_its_window_is_told(edges: Literal["return", "stop"], remedy: str) -> None:
    network = _network()
    learning = dataclasses.replace(network.learning, edges=edges)
    watch, messages = _watch(dataclasses.replace(network, learning=learning))
    stuck = {"training_loss": 1.0, "training_strict_accuracy": 0.8, "silent_hidden": 0.4, "onset_hidden": 0.57}
    moves = stuck | {"onset_hidden": 0.4}
    watch.epoch([stuck, moves, stuck])
    watch.epoch([stuck, stuck])
    assert messages == []
    watch.epoch([moves, stuck, stuck, stuck])
    watch.epoch([stuck] * 5)
    (line,) = messages
    assert line.startswith("hidden: 40% of neurons are silent and 57% fire at the onset of their window, over 3 epochs")
    assert remedy in line


def test_what_silent_sources_cause_is_not_reported_as_an_edge() -> None:
    watch, messages = _watch(_network())
    row = {"training_loss": 1.0, "training_strict_accuracy": 0.8, "silent_hidden": 1.0, "onset_hidden": 0.0}
    watch.epoch([row] * 5)
    watch.epoch([row | {"silent_hidden": 0.3, "onset_hidden": 0.7, "silent_stimulus": 1.0}] * 5)
    assert messages == []


@pytest.mark.parametrize(
    ("shares", "told", "text"),
    [
        ((0.5, 0.9, 0.85, 0.4, 0.8, 0.3), 4, "from 90% to 40%"),
        ((0.5, 0.7, 0.5, 0.65, 0.5, 0.55, 0.5), 7, "from 70% to 50%"),
        ((0.5, 0.7, 0.5, 0.65, 0.5, 0.65, 0.5), 8, ""),
    ],
    ids=["far", "lasting", "recovering"],
)
def test_an_accuracy_that_falls_is_reported_once(shares: tuple[float, ...], told: int, text: str) -> None:
    """At once if it falls far, and otherwise if it does not recover within three epochs."""
    watch, messages = _watch(_network())
    rows = [{"training_loss": 1.0, "training_strict_accuracy": share} for share in shares]
    for count in range(1, len(rows) + 1):
        watch.epoch(rows[:count])
        assert len(messages) == (count >= told)
    assert all(
        line.startswith(f"the training accuracy fell {text}; raise learning.sharpness (now 8), or lower")
        for line in messages
    )
