"""Mistyped keyword arguments of public functions and classes suggest the nearest one."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import netsim as package
from netsim.errors import DataWarning
from netsim.numerics import compiling
from netsim.training import training

netsim: Any = package
"""Types would refuse the wrong names before they are tried."""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: netsim.train("digits", epoch=3), r"train\(\) got .* 'epoch'; did you mean 'epochs'\?"),
        (lambda: netsim.evaluate("digits", lmit=3), r"did you mean 'limit'\?"),
        (lambda: netsim.Learning(rte=0.1), r"'rte'; did you mean 'rate'\?"),
        (lambda: netsim.Learning(learning_rate=0.1), r"'learning_rate'; did you mean 'rate'\?"),
        (lambda: netsim.Dense(10, sise=3), r"'sise'; did you mean 'size'\?"),
        (lambda: netsim.Network("a", None, (), (), 100.0, trainin=None), r"did you mean 'training'\?"),
        (lambda: netsim.analysis.theme(palete="Set2"), r"did you mean 'palette'\?"),
    ],
)
def test_the_nearest_keyword_is_suggested(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(TypeError, match=message):
        call()


def test_other_type_errors_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match=r"^train\(\) missing 1 required positional argument: 'network'$"):
        netsim.train()


def test_functions_are_found_by_pickle_and_in_their_modules() -> None:
    """A function that pickle finds nowhere would be sent to workers with copies of all that it refers to."""
    assert pickle.loads(pickle.dumps(netsim.train)) is netsim.train
    assert pickle.loads(pickle.dumps(training.train)) is training.train
    assert netsim.train.__wrapped__ is training.train


def test_warnings_point_at_the_line_of_the_user() -> None:
    samples = np.random.default_rng(0).random((40, 3))
    encoder = netsim.PopulationEncoder.of(samples, neurons=4, t_max=16.0)
    with pytest.warns(DataWarning, match="subtract 1 from each") as caught:
        netsim.make_dataset((samples, np.repeat([1, 2], 20)), encoder)
    assert caught[0].filename == __file__


def test_time_of_compiling_is_no_working_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling.time, "perf_counter", lambda: 100.0)
    monkeypatch.setattr(compiling, "compiled_so_far", lambda: (3, 40.0))
    assert compiling.working_time() == 60.0
