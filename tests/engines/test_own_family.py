"""A family of one's own, of another kind than netsim's: both engines, its potentials, its causes and its learning.

Its PSPs are piecewise cubic, and its state has four variables. A family declares all of that, and no other file may
assume what only holds for the families of netsim.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.engines import Batch, Recorded
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.engines.event.potentials import causes_of
from netsim.errors import SpecificationError
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.measuring.potentials import output_potentials
from netsim.seams import families
from netsim.specification import PSP, Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Training
from netsim.specification.families import Described, Family
from netsim.training.fitting import fit
from netsim.weights.initial import initial_weights


class Membrane(NamedTuple):
    tau: float


class Cubic(Family):
    """``tau·v' = x``, ``tau·x' = y``, ``tau·y' = I + rest``: a spike changes ``I`` at the breakpoints of its PSP."""

    has_psp: ClassVar[bool] = True
    additive: ClassVar[bool] = True
    states: ClassVar[int] = 4  # v, I, x, y
    regimes: ClassVar[tuple[str, ...]] = ("free", "staggered")

    @classmethod
    def parameters(cls, neurons: Any, dt: float = 0.0) -> Membrane:
        return Membrane(neurons.tau / (dt or 1.0))

    @classmethod
    def advance(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        v, current, x, y = state
        s, c = span / p.tau, current + rest
        return np.stack([v + s * (x + s * (y / 2 + s * c / 6)), current, x + s * (y + s * c / 2), y + s * c])

    @classmethod
    def crossing(
        cls, state: np.ndarray, rest: np.ndarray, threshold: np.ndarray, limit: np.ndarray, p: Membrane
    ) -> np.ndarray:
        """Between two of its turning points a cubic is monotonic, and halving finds its crossing."""
        v, current, x, y = state
        c = np.broadcast_to(current + rest, v.shape)
        with np.errstate(all="ignore"):
            root = np.sqrt(y**2 - 2 * c * x)
            turns = np.stack([np.where(c == 0, -x / y, (-y + sign * root) / c) for sign in (-1, 1)])
        far = np.broadcast_to(np.minimum(limit, 1e3) / p.tau, v.shape)
        ends = np.sort(np.where(np.isfinite(turns) & (turns > 0), np.minimum(turns, far), far), axis=0)
        first, start = np.full(v.shape, np.inf), np.zeros_like(v)
        for end in (*ends, far):
            low, high = start, end
            for _ in range(80):
                middle = (low + high) / 2
                over = cls.advance(state, rest, middle * p.tau, p)[0] >= threshold
                low, high = np.where(over, low, middle), np.where(over, middle, high)
            reached = (cls.advance(state, rest, end * p.tau, p)[0] >= threshold) & np.isinf(first)
            first, start = np.where(reached, high * p.tau, first), end
        return np.where(v >= threshold, 0.0, first)

    @classmethod
    def field(cls, state: np.ndarray, rest: np.ndarray, p: Membrane) -> np.ndarray:
        _, current, x, y = state
        return np.stack([x, np.zeros_like(x), y, current + rest]) / p.tau

    @classmethod
    def jacobian(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        s = np.broadcast_to(span / p.tau, state[0].shape)
        zero, one = np.zeros_like(s), np.ones_like(s)
        third, half = s**3 / 6, s**2 / 2
        rows = [[one, third, s, half, third], [zero, one, zero, zero, zero],
                [zero, half, one, s, half], [zero, s, zero, one, s]]  # fmt: skip
        return np.stack([np.stack(row) for row in rows])

    @classmethod
    def equations(cls, neurons: Any, looped: bool = False) -> str:
        return "dv/dt = x/tau : 1\ndx/dt = y/tau : 1\ndy/dt = (current + rest)/tau : 1\ncurrent : 1"

    @classmethod
    def step(cls, neurons: Any) -> str:
        return """
        s = dt/tau
        c = current + rest
        v = v + s*(x + s*(y/2 + s*c/6))
        x = x + s*(y + s*c/2)
        y = y + s*c
        """

    @classmethod
    def describe(cls, neurons: Any) -> Described:
        return Described(
            r"\tau v_j'(t) = x_j(t)",
            "between events, a potential is a cubic",
            r"L_j^3 / (6 \tau^2)",
            psp=r"\sum_k c_k \max(t - d_k, 0)^3 / (6 \tau^2)",
            further=r"\tau x_j'(t) = y_j(t), \tau y_j'(t) = I_j(t)",
        )


@pytest.fixture
def cubic(registered: Callable[..., None]) -> None:
    """The family ``cubic``, for one test."""
    registered(families, "cubic", Cubic)


def _network(onset: float = 18.0) -> tuple[Network, Batch]:
    """A chain with late output, three breakpoints, and seven different stimuli."""
    psp = PSP("triangle", rise=5.0, fall=9.0)
    hidden = Neurons(threshold=0.3, tau=7.0, family="cubic", bias=True)
    output = Neurons("staggered", threshold=0.2, tau=6.0, family="cubic", onset=onset, drive=0.05)
    layers = [Layer("hidden", Dense(12), hidden, psp), Layer("output", Dense(3), output, PSP("plateau", rise=4.0))]
    network = Network.chain("cubic", IntensityEncoder((3, 3, 1), 12.0), layers, 60.0)
    weights = {name: array + 0.1 for name, array in initial_weights(network, seed=4).items()}
    return network, Batch(np.random.default_rng(3).uniform(0, 12, (7, 3, 3, 1)), weights)


@pytest.mark.usefixtures("cubic")
def test_an_event_and_a_constant_move_the_potential_as_the_integrals_say() -> None:
    neurons, since = Neurons(tau=7.0, family="cubic"), np.array([-1.0, 0.0, 2.0, 11.0])
    expected = np.where(since > 0, since**3 / (6 * 7.0**2), 0.0)
    np.testing.assert_allclose(Cubic.response(neurons, since), expected, rtol=1e-12)
    np.testing.assert_allclose(Cubic.response_to_constant(neurons, since), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["piecewise-linear", "leaky", "non-leaky"])
def test_shorter_forms_of_families_say_what_follows_from_their_movement(name: str) -> None:
    tau_syn = None if name == "piecewise-linear" else 4.0
    neurons, since = Neurons(tau=7.0, family=name, tau_syn=tau_syn), np.array([-1.0, 0.0, 2.0, 11.0])
    for form in ("response", "response_to_constant"):
        derived = getattr(Family, form).__func__(neurons.kind, neurons, since)
        np.testing.assert_allclose(getattr(neurons.kind, form)(neurons, since), derived, rtol=1e-12, err_msg=form)
        assert derived[-1] > 1


@pytest.mark.usefixtures("cubic")
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_recorded_potentials_reach_threshold_at_the_spike_and_are_the_sum_of_its_causes(dt: float) -> None:
    network, batch = _network()
    record = [Recorded(name, neuron) for name, size in (("hidden", 12), ("output", 3)) for neuron in range(size)]
    engine = EventEngine(network, dt, record=record)
    latencies = engine.present(batch)
    compared = 0
    for trace in engine.potentials:
        neurons, at = network.neurons(trace.layer), trace.presentation
        spike = latencies[trace.layer][at].ravel()[trace.neuron]
        if not np.isfinite(spike):
            assert trace.potential.max() < neurons.threshold
            continue
        potential = trace.potential[np.searchsorted(trace.time, spike)]
        before = trace.potential[(trace.time < spike - dt) & (trace.time >= neurons.onset)]
        if before.size:
            if not dt:
                assert potential == pytest.approx(neurons.threshold, rel=1e-6)
            assert potential >= neurons.threshold * (1 - 1e-9)
            assert before.max() < neurons.threshold + 1e-9
            compared += 1
        one = Batch(batch.stimuli[[at]], batch.weights)
        heard = {name: times[[at]] for name, times in latencies.items()}
        causes = causes_of(network, one, heard, Recorded(trace.layer, trace.neuron), float(spike), dt)
        constant = batch.weights["hidden.bias"][trace.neuron] * spike**3 if trace.layer == "hidden" else 0.0
        driven = neurons.drive * max(spike - neurons.onset, 0.0) ** 3
        summed = sum(each.potentials.sum() for each in causes) + (constant + driven) / (6 * neurons.tau**3)
        assert summed == pytest.approx(potential, rel=1e-6)
    assert compared > 20


@pytest.mark.usefixtures("cubic")
def test_read_outs_of_potentials_are_those_recorded() -> None:
    network, batch = _network()
    engine = EventEngine(network, record=[Recorded("output", neuron) for neuron in range(3)])
    latencies = engine.present(batch)
    times = np.array([18.15, 23.55, 30.0, 37.2, 44.1, 52.05, 60.0])  # where traces have a sample
    read = output_potentials(network, batch.weights, latencies, times)
    for trace in engine.potentials:
        sample = trace.potential[np.abs(trace.time - times[trace.presentation]).argmin()]
        assert read[trace.presentation, trace.neuron] == pytest.approx(sample, rel=1e-9, abs=1e-12)
    assert np.ptp(read) > 0.5


@pytest.mark.usefixtures("cubic")
def test_gradients_of_the_learner_agree_with_finite_differences() -> None:
    network, batch = _network(onset=9.0)
    network = dataclasses.replace(network, learning=Learning(sharpness=2.0, edges="pass", derivative="exact"))
    weights = {name: 0.3 * array + 0.06 for name, array in batch.weights.items()}
    engine, learner, labels = EventEngine(network), STiDiBP(network), np.arange(7) % 3
    latencies = engine.present(Batch(batch.stimuli, weights))
    assert np.isfinite(latencies["output"]).all()
    assert latencies["output"].min() > 9.0
    learned = learner.learn(latencies, labels, weights)
    generator, compared = np.random.default_rng(8), 0
    for name, array in weights.items():
        for position in generator.permutation(array.size)[:4]:
            losses, fired = [], []
            for by in (1e-5, -1e-5):
                changed = weights | {name: array.copy()}
                changed[name].flat[position] += by
                latencies = engine.present(Batch(batch.stimuli, changed))
                losses.append(float(learner.loss(latencies["output"], labels).mean()))
                fired.append(np.concatenate([np.isfinite(each).ravel() for each in latencies.values()]))
            if (fired[0] != fired[1]).any():
                continue  # a spike appears or vanishes: no derivative here
            numeric = (losses[0] - losses[1]) / 2e-5
            analytic = 2.0 * learned.gradients[name].flat[position]
            assert analytic == pytest.approx(numeric, rel=1e-4, abs=1e-7), (name, position)
            compared += abs(numeric) > 1e-4
    assert compared > 6


@pytest.mark.usefixtures("cubic")
def test_fitted_weights_let_silent_neurons_fire() -> None:
    network, batch = _network()
    weights = {name: 1e-3 * array for name, array in batch.weights.items()}
    engine = EventEngine(network)
    assert np.isinf(engine.present(Batch(batch.stimuli, weights))["hidden"]).all()
    fitted = fit(engine, network, weights, batch.stimuli)
    fitted.apply(weights)
    times = engine.present(Batch(batch.stimuli, weights))
    assert np.isfinite(times["hidden"]).mean() > 0.3
    assert np.isfinite(times["output"]).mean() > 0.3


@pytest.mark.usefixtures("cubic")
@pytest.mark.parametrize("copies", [1, 2])
def test_brian2_gives_the_same_steps_in_each_of_several_presentations(copies: int) -> None:
    network, batch = _network()
    event = EventEngine(network, 0.5).present(batch)
    brian2 = Brian2Engine(network, 0.5, target="numpy", copies=copies).present(batch)
    for name, times in event.items():
        np.testing.assert_array_equal(np.rint(times / 0.5), np.rint(brian2[name] / 0.5), err_msg=name)
    assert 0.2 < np.isfinite(event["hidden"]).mean() < 1
    assert len(np.unique(event["hidden"])) > 20


@pytest.mark.usefixtures("cubic")
def test_a_description_has_its_own_equations() -> None:
    network, _ = _network()
    network = dataclasses.replace(network, learning=Learning(derivative="exact"))
    text = netsim.to_markdown(netsim.describe(network)).replace(r" \hspace{0.17em}", "")
    for part in (
        r"\tau v_j'(t) = x_j(t), \tau x_j'(t) = y_j(t), \tau y_j'(t) = I_j(t) + D [t \geq t_{\mathrm{on}}]",
        r"\varepsilon(t) = \sum_k c_k \max(t - d_k, 0)^3 / (6 \tau^2)",
        r"the slope $v_j'(t_j) = (x_j(t_j)) / \tau$",
        r"\delta_j L_j^3 / (6 \tau^2)$",
        "between events, a potential is a cubic.",
        "triangle (`hidden`): $(d_k, c_k)$ = $(0, 1)$",
    ):
        assert part in text, part
    for wrong in (r"\max(t - d_k, 0)$", "is a line", "piecewise linear", r"\delta_j L_j$"):
        assert wrong not in text


@pytest.mark.usefixtures("cubic")
def test_training_lowers_its_loss(tmp_path: Path) -> None:
    hidden = Neurons(threshold=0.3, tau=7.0, family="cubic", bias=True)
    layers = [Layer("hidden", Dense(10), hidden), Layer("output", Dense(10), dataclasses.replace(hidden, bias=False))]
    training = Training("digits", epochs=3, batch=10, validation=20)
    encoder, learning = IntensityEncoder((8, 8, 1), 12.0), Learning(rate=0.02)
    network = Network.chain("own", encoder, layers, 60.0, learning=learning, training=training)
    model = netsim.train(network, tmp_path / "run", limit=120)
    metrics = pd.read_csv(tmp_path / "run" / "metrics.csv")
    assert metrics["training_loss"].iloc[-1] < 0.7 * metrics["training_loss"].iloc[0]
    assert netsim.evaluate(model, limit=20).presentations == 20


def test_a_gate_is_refused_unless_potentials_are_lines(registered: Callable[..., None]) -> None:
    class Gated(Cubic):
        regimes = ()

    registered(families, "gated", Gated)
    with pytest.raises(SpecificationError, match="is phased, whose gate is for potentials that are lines"):
        Neurons("phased", onset=5.0, drive=1.0, family="gated")


def test_a_family_without_description_says_so(registered: Callable[..., None]) -> None:
    class Unsaid(Cubic):
        @classmethod
        def describe(cls, neurons: Any) -> Described:
            return super(Cubic, cls).describe(neurons)

    registered(families, "cubic", Unsaid)
    with pytest.raises(SpecificationError, match="cubic has no description; define describe"):
        netsim.describe(_network()[0])


@pytest.mark.parametrize("word", ["t", "dt", "i", "N", "threshold", "onset"])
def test_a_step_that_assigns_a_word_of_brian2_is_refused_in_one_line(
    registered: Callable[..., None], word: str
) -> None:
    class Careless(Cubic):
        @classmethod
        def step(cls, neurons: Any) -> str:
            return f"{word} = 1.0\n{super().step(neurons)}"

    registered(families, "cubic", Careless)
    network, batch = _network()
    with pytest.raises(SpecificationError, match=f"cubic assigns {word} in its step.*; choose another name"):
        Brian2Engine(network, 0.5, target="numpy").present(batch)
