"""A second process compiles some loops of a training or of an engine."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.engines.event.engine import EventEngine, made_up_latencies, rehearse_engine
from netsim.training.rehearsal import rehearse_training
from tests.training.own_graphs import looped_graph

HELPED = """
import functools, sys, time
import numpy as np
from netsim.learning.learners.stidi_bp import _keep_movable
from netsim.numerics import compiling
from netsim.numerics.counting import count_nonzero

call = functools.partial(_keep_movable, np.ones(3), np.ones(3), 0.0, 0.0)
rehearsal = call if sys.argv[1] == "helped" else lambda: None
with compiling.helped_by(rehearsal):
    print(count_nonzero(np.ones(4)))
    second = compiling._WATCH.second
    if second is not None:
        print(second.wait())
    before = compiling.compiled_so_far()[0]
    call()
    print(compiling.compiled_so_far()[0] - before)
print(compiling._WATCH.second, compiling._WATCH.rehearsal)
"""


PICKLED = """
import numpy as np
from netsim.learning.learners.stidi_bp import _keep_movable
from netsim.numerics import compiling
from netsim.numerics.compilation import compiled
from netsim.numerics.counting import count_nonzero

@compiled
def twice(number):
    return 2 * number

class Rehearsal:
    def __reduce__(self):
        print("pickled")
        twice(1.0)
        raise ValueError

with compiling.helped_by(Rehearsal()):
    print(count_nonzero(np.ones(4)))
    print(_keep_movable(np.ones(3), np.ones(3), 0.0, 0.0))
"""


def helped(program: str, words: list[str], folder: Path, threads: int) -> list[str]:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "NETSIM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("how", "threads", "printed"),
    [
        ("helped", 2, ["4", "0", "0", "None None"]),  # the second process ended well, and the first compiles no more
        ("helped", 1, ["4", "1", "None None"]),
        ("a function that no other process can import", 2, ["4", "1", "None None"]),
    ],
)
def test_the_first_process_uses_what_the_second_compiled(
    tmp_path: Path, how: str, threads: int, printed: list[str]
) -> None:
    assert helped(HELPED, [how], tmp_path / "cache", threads) == printed


def test_a_rehearsal_is_pickled_once_and_may_compile_meanwhile(tmp_path: Path) -> None:
    assert helped(PICKLED, [], tmp_path / "cache", 2) == ["pickled", "4", "None"]


@pytest.mark.parametrize(("name", "validation"), [("digits", 20), ("leaky-yin-yang", 20), ("loops", 20), ("loops", 0)])
def test_rehearsals_of_a_training_end_without_an_error(name: str, validation: int) -> None:
    network = looped_graph() if name == "loops" else netsim.load_preset(name)
    splits = netsim.load_splits(network)
    if not validation:
        network = replace(network, training=replace(network.training, validation=0))
    training = splits.training.first(2 * network.training.batch)
    rehearse_training(network, training, splits.validation.first(validation))


@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_rehearsals_visit_all_populations_without_loops(dt: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network, computed = looped_graph(), list[str]()
    weights = netsim.forward_weights(network, netsim.initial_weights(network, 0))
    fire = EventEngine._fire

    def watched(self: EventEngine, members: Any, *rest: Any) -> dict[str, np.ndarray]:
        computed.extend(name for name, _ in members)
        return fire(self, members, *rest)

    monkeypatch.setattr(EventEngine, "_fire", watched)
    rehearse_engine(network, dt, "double", netsim.Batch(np.full((3, 8, 8, 1), 2.0), weights), (0.5,))
    assert computed == ["output"]


@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_made_up_latencies_lie_in_the_firing_windows(dt: float) -> None:
    network = looped_graph()
    engine = EventEngine(network, dt)
    latencies = made_up_latencies(engine, 50, 0.5)
    assert set(latencies) == set(network.shapes)
    for name, times in latencies.items():
        onset, end = network.firing_window(name)
        fired = times[np.isfinite(times)]
        assert times.shape == (50, *network.shapes[name])
        assert abs(fired.size / times.size - 0.5) < 0.1
        assert fired.min() >= onset
        assert fired.max() <= min(end, network.duration) + dt
        if dt:
            np.testing.assert_array_equal(fired % dt, 0)


def test_rehearsals_leave_the_weights_of_a_batch_as_they_are() -> None:
    network = netsim.load_preset("digits")
    weights = netsim.forward_weights(network, netsim.initial_weights(network, 0))
    before = {name: array.copy() for name, array in weights.items()}
    rehearse_engine(network, 1.0, "double", netsim.Batch(np.full((3, 8, 8, 1), 2.0), weights), (0.9, 0.1))
    for name, array in before.items():
        np.testing.assert_array_equal(weights[name], array)
