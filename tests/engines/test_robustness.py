"""What engines are handed: values that are nearly right, and two threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.engines import Batch, Engine, Latencies, protocol
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError, RunError
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.specification.grid import step_at_or_after
from netsim.weights.initial import initial_weights

NETWORK = Network.chain(
    "small",
    IntensityEncoder((2, 2, 1), 8.0),
    (
        Layer("hidden", Dense(6), Neurons("free", 1.0, 8.0, end=16.0, bias=True)),
        Layer("output", Dense(3), Neurons("free", 1.0, 8.0, end=16.0, bias=True)),
    ),
    16.0,
)
WEIGHTS = {name: np.abs(array) + 0.5 for name, array in initial_weights(NETWORK, 0).items()}
STIMULI = np.arange(8.0).reshape(2, 2, 2, 1) % 7


def _engines() -> list[Engine]:
    return [EventEngine(NETWORK, dt=0.5), Brian2Engine(NETWORK, dt=0.5, target="numpy", copies=2)]


def test_neurons_are_silenced_by_zeros_and_ones_as_well() -> None:
    ones = np.array([0, 1, 1, 0, 0, 1])
    for engine in _engines():
        expected = engine.present(Batch(STIMULI, WEIGHTS, {"hidden": ones == 1}))
        assert np.isinf(expected["hidden"][:, ones == 1]).all()
        assert np.isfinite(expected["hidden"][:, ones == 0]).any()
        for given_ones in (ones, ones.astype(np.float32), ones.tolist()):
            spikes = engine.present(Batch(STIMULI, WEIGHTS, {"hidden": given_ones}))
            for ours, theirs in zip(spikes.values(), expected.values(), strict=True):
                np.testing.assert_array_equal(ours, theirs)
        with pytest.raises(DataError, match="silenced: hidden contains other values than True and False"):
            engine.present(Batch(STIMULI, WEIGHTS, {"hidden": np.arange(6)}))


def test_a_stimulus_spike_that_the_grid_moves_to_the_end_takes_place_on_no_engine() -> None:
    short = Network.chain(
        "short",
        IntensityEncoder((1, 2, 1), 8.0),
        (Layer("output", Dense(2), Neurons("free", 1.0, 8.0, bias=True)),),
        8.0,
    )
    batch = Batch(np.array([[[[7.4], [7.9]]]]), initial_weights(short, 0))
    for engine in (EventEngine(short, dt=1.0), Brian2Engine(short, dt=1.0, target="numpy", copies=1)):
        assert engine.present(batch)["stimulus"].ravel().tolist() == [7.0, np.inf]


@contextmanager
def _meanwhile(engine: Engine) -> Iterator[list[Latencies]]:
    """While what is inside happens in this thread, `engine` is in the middle of a batch in another one."""
    begun, ended = threading.Event(), threading.Event()
    heard: list[Latencies] = []

    def present() -> None:
        heard.append(engine.present(Batch(SlowArray(begun, ended), WEIGHTS)))

    thread = threading.Thread(target=present)
    thread.start()
    assert begun.wait(60)
    try:
        yield heard
    finally:
        ended.set()
        thread.join(60)
    assert len(heard) == 1


def _refused_meanwhile(engine: Engine, other: Engine) -> str:
    """What `other` says in this thread while `engine` is in the middle of a batch in another one."""
    with _meanwhile(engine), pytest.raises(RunError) as refused:
        other.present(Batch(STIMULI, WEIGHTS))
    return str(refused.value)


class SlowArray(np.ndarray):
    """Stimuli that another thread has time beside."""

    def __new__(cls, begun: threading.Event, ended: threading.Event) -> SlowArray:
        array = STIMULI.view(cls)
        array.events = begun, ended
        return array

    def __array_finalize__(self, given: object) -> None:
        self.events: tuple[threading.Event, threading.Event] | None = None

    def __len__(self) -> int:
        if self.events is not None:
            begun, ended = self.events
            begun.set()
            assert ended.wait(60)
        return 2


def test_an_engine_presents_in_one_thread_at_a_time() -> None:
    for engine in _engines():
        assert "is presenting already; make an engine for each thread" in _refused_meanwhile(engine, engine)
        assert len(engine.present(Batch(STIMULI, WEIGHTS))) == 3  # and can be used again
    first, another = (Brian2Engine(NETWORK, dt=0.5, target="numpy", copies=2) for _ in range(2))
    assert "brian2: is running in another thread" in _refused_meanwhile(first, another)


def test_a_process_that_is_forked_meanwhile_presents(forked: Callable[[Callable[[], object]], str]) -> None:
    """It has none of the other threads, and so none of their presentations, which would never end."""
    event, clocked = _engines()
    other = Brian2Engine(NETWORK, dt=0.5, target="numpy", copies=2)
    expected = [engine.present(Batch(STIMULI, WEIGHTS)) for engine in (event, clocked, other)]

    def same(engine: Engine, wanted: Latencies) -> bool:
        return all(map(np.array_equal, engine.present(Batch(STIMULI, WEIGHTS)), wanted))

    with _meanwhile(event):
        assert forked(lambda: same(event, expected[0])) == "True"
    with _meanwhile(clocked):
        assert forked(lambda: same(other, expected[2])) == "True"
        assert forked(lambda: same(Brian2Engine(NETWORK, dt=0.5, target="numpy"), expected[1])) == "True"
        left = "was presenting in another thread as this process was forked; make a new engine here"
        assert forked(lambda: clocked.present(Batch(STIMULI, WEIGHTS))) == f"RunError: {clocked!r}: {left}"
        assert "is running in another thread" in str(_error(other))  # in this process
    assert same(event, expected[0])
    assert same(clocked, expected[1])


def test_a_process_that_is_forked_while_an_engine_is_made_ready_presents(
    forked: Callable[[Callable[[], object]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended, make = threading.Event(), threading.Event(), EventEngine._make_stages
    main = threading.current_thread()

    def slowly(engine: EventEngine) -> list[Any]:
        if threading.current_thread() is not main:
            begun.set()
            assert ended.wait(60)
        return make(engine)

    monkeypatch.setattr(EventEngine, "_make_stages", slowly)
    thread = threading.Thread(target=EventEngine(NETWORK).present, args=[Batch(STIMULI, WEIGHTS)])
    thread.start()
    assert begun.wait(60)
    try:
        assert forked(lambda: len(EventEngine(NETWORK).present(Batch(STIMULI, WEIGHTS)))) == "3"
    finally:
        ended.set()
        thread.join(60)


def _error(engine: Engine) -> RunError:
    with pytest.raises(RunError) as refused:
        engine.present(Batch(STIMULI, WEIGHTS))
    return refused.value


@given(step=st.integers(0, 10**9), dt=st.floats(1e-8, 10.0))
def test_a_time_on_a_step_is_on_it_however_many_steps_there_are(step: int, dt: float) -> None:
    assert step_at_or_after(step * dt, dt) == step
    assert step_at_or_after((step + 0.01) * dt, dt) == step + 1


def test_a_forked_process_forgets_what_other_threads_present(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [threading.get_ident()]
    monkeypatch.setattr(protocol, "_PRESENTING", {3: own, 5: [own[0] + 1]})
    protocol._forget_other_threads()
    assert {3: own} == protocol._PRESENTING
