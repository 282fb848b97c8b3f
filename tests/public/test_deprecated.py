"""Names and orders of arguments of the version before work for one more, with a warning that names the new ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.engines import Latencies
from netsim.measuring.evaluation import Evaluation
from netsim.spikes.batches import serial

loose: Any = netsim
"""Without types: what is tried here is what type checkers would refuse."""
MODEL = netsim.load_model("digits")
NETWORK, WEIGHTS = MODEL.network, MODEL.weights
SPLITS = netsim.load_splits(NETWORK)
TEST = SPLITS.test.first(20)
ENGINE = netsim.make_engine("event", NETWORK, 1.0)
OTHER = netsim.make_engine("event", NETWORK, 1.0)
READ_OUTS = ["plain", "potential"]
OURS = "is deprecated; use"
"""In each warning of netsim, which are errors in all other tests."""


@cache
def _spikes() -> netsim.Spikes:
    return netsim.present(MODEL, TEST, index=[3, 1], engine=ENGINE)


Call = Callable[[], Any]
CALLS: dict[str, tuple[str, Call, Call]] = {
    "evaluate": (
        "this order of arguments of netsim.evaluate is deprecated; use netsim.evaluate(model, stimuli, engine=engine)",
        lambda: loose.evaluate(ENGINE, WEIGHTS, TEST),
        lambda: netsim.evaluate(MODEL, TEST, engine=ENGINE),
    ),
    "evaluate by position": (
        "netsim.evaluate(model, stimuli, engine=engine)",
        lambda: loose.evaluate(ENGINE, WEIGHTS, TEST, lambda done: None, serial, READ_OUTS),
        lambda: netsim.evaluate(MODEL, TEST, engine=ENGINE, read_outs=READ_OUTS),
    ),
    "evaluate by keyword": (
        "netsim.evaluate(model, stimuli, engine=engine)",
        lambda: loose.evaluate(ENGINE, WEIGHTS, stimuli=TEST, distribution=serial, read_outs=READ_OUTS),
        lambda: netsim.evaluate(MODEL, TEST, engine=ENGINE, read_outs=READ_OUTS),
    ),
    "compare": (
        "netsim.compare(model, stimuli, engines=(first, second))",
        lambda: loose.compare(ENGINE, OTHER, WEIGHTS, TEST),
        lambda: netsim.compare(MODEL, TEST, engines=(ENGINE, OTHER)),
    ),
    "study": (
        "netsim.study(model, name, ...)",
        lambda: loose.study("weight-noise", MODEL, TEST, [0.5], range(2), ["hidden"]),
        lambda: netsim.study(MODEL, "weight-noise", [0.5], range(2), stimuli=TEST, layers=["hidden"]),
    ),
    "study by keyword": (
        "netsim.study(model, name, ...)",
        lambda: loose.study("lesion-neurons", MODEL, stimuli=TEST, levels=[0.5], seeds=[3]),
        lambda: netsim.study(MODEL, "lesion-neurons", levels=[0.5], seeds=[3], stimuli=TEST),
    ),
    "analyse a model": (
        "netsim.analyse(subject, name, ...)",
        lambda: loose.analyse("latencies", MODEL, stimuli=TEST, layers=["hidden"], limit=10),
        lambda: netsim.analyse(MODEL, "latencies", stimuli=TEST, populations=["hidden"], limit=10),
    ),
    "analyse spikes": (
        "netsim.analyse(subject, name, ...)",
        lambda: loose.analyse("psth", _spikes(), bin_ms=2.0),
        lambda: netsim.analyse(_spikes(), "psth", bin_ms=2.0),
    ),
    "analyse by position": (
        "netsim.analyse(subject, name, ...)",
        lambda: loose.analyse("comparison", _spikes(), _spikes(), None, ["output"], 2, None, 5),
        lambda: netsim.analyse(_spikes(), "comparison", _spikes(), populations=["output"], limit=2, seed=5),
    ),
    "export": (
        "netsim.export(spikes, path)",
        lambda: loose.export("csv", _spikes(), "file.csv", layers=["output"], record={"a": 1}),
        lambda: netsim.export(_spikes(), "file.csv", populations=["output"], record={"a": 1}),
    ),
    "export by position": (
        "netsim.export(spikes, path)",
        lambda: loose.export("csv", _spikes(), Path("file.csv"), ["output"]),
        lambda: netsim.export(_spikes(), "file.csv", "csv", populations=["output"]),
    ),
    "export_network": (
        "netsim.export_network is deprecated; use netsim.export(model, path)",
        lambda: netsim.export_network("nir", NETWORK, WEIGHTS, "file.nir", {"a": 1}),
        lambda: netsim.export(MODEL, "file.nir", record={"a": 1}),
    ),
    "simulate": (
        "netsim.simulate is deprecated; use netsim.present(model, stimuli, index=indices)",
        lambda: netsim.simulate(ENGINE, WEIGHTS, TEST, [3, 1]),
        lambda: netsim.present(MODEL, TEST, index=[3, 1], engine=ENGINE),
    ),
    "simulate by keyword": (
        "netsim.simulate is deprecated",
        lambda: netsim.simulate(ENGINE, WEIGHTS, stimuli=TEST, indices=range(4), distribution=serial),
        lambda: netsim.present(MODEL, TEST, limit=4, engine=ENGINE),
    ),
    "draw a model": (
        "netsim.draw is deprecated; use netsim.plot(model, name)",
        lambda: netsim.draw("raster", MODEL).table,
        lambda: netsim.plot(MODEL, "raster").table,
    ),
    "draw a source": (
        "netsim.plot(model, name)",
        lambda: netsim.draw("raster", netsim.analysis.Source.of(MODEL), netsim.analysis.Choice(index=3)).table,
        lambda: netsim.plot(MODEL, "raster", presentation=3).table,
    ),
    "Spikes.of": (
        "Spikes.of is deprecated; use netsim.present(model, stimuli)",
        lambda: loose.analysis.Spikes.of(MODEL, TEST, layers=["output"], engine=ENGINE),
        lambda: netsim.present(MODEL, TEST, populations=["output"], engine=ENGINE),
    ),
    "Spikes.of a disturbed network": (
        "netsim.present(model, stimuli)",
        lambda: loose.Spikes.of(MODEL, TEST, disturbance=("lesion-neurons", 0.5), seed=2),
        lambda: netsim.present(MODEL, TEST, disturbance=("lesion-neurons", 0.5), seed=2),
    ),
    "Spikes.numbers": ("Spikes.numbers is deprecated; use Spikes.indices", lambda: _spikes().numbers, lambda: [3, 1]),
    "Spikes.latencies": ("spikes[name]", lambda: _spikes().latencies, lambda: _spikes()),
    "the last latencies": (
        'latencies[-1] is deprecated; use the name of the population: latencies["output"]',
        lambda: Latencies(_spikes())[-1],  # type: ignore[index]
        lambda: _spikes()["output"],
    ),
    "the second latencies": (
        'latencies["hidden"]',
        lambda: Latencies(_spikes())[np.int64(1)],  # type: ignore[index]
        lambda: _spikes()["hidden"],
    ),
}


def _check_same(result: Any, expected: Any) -> None:
    """Fail if two results differ by a bit; durations do not count."""
    if isinstance(expected, Mapping):
        assert list(result) == list(expected)
        for name in expected:
            np.testing.assert_array_equal(result[name], expected[name])
        for name in ("labels", "indices") if isinstance(result, netsim.Spikes) else ():
            np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(result, expected, check_exact=True)
    elif isinstance(expected, netsim.analysis.Analysed):
        pd.testing.assert_frame_equal(result.table, expected.table, check_exact=True)
    elif isinstance(expected, Evaluation):
        assert dataclasses.replace(result, seconds=0.0) == dataclasses.replace(expected, seconds=0.0)
    elif isinstance(expected, list | np.ndarray):
        np.testing.assert_array_equal(result, expected)
    else:
        assert result == expected


def _files() -> dict[str, bytes]:
    """What the test's folder holds, which is emptied."""
    result = {path.name: path.read_bytes() for path in sorted(Path().iterdir())}
    for name in result:
        Path(name).unlink()
    return result


@pytest.mark.parametrize("name", CALLS)
def test_a_former_call_warns_and_gives_the_same(name: str) -> None:
    message, former, new = CALLS[name]
    with pytest.warns(DeprecationWarning, match=OURS) as warned:
        result = former()
    files = _files()
    (warning,) = [warning for warning in warned if OURS in str(warning.message)]  # libraries have others
    assert message in str(warning.message)
    assert warning.filename == __file__  # where the call is to be changed
    _check_same(result, new())
    assert _files().keys() == files.keys()


def test_former_callbacks_hear_how_many_are_done() -> None:
    heard: list[int] = []
    with pytest.warns(DeprecationWarning, match=OURS):
        loose.evaluate(ENGINE, WEIGHTS, TEST, heard.append)
    with pytest.warns(DeprecationWarning, match=OURS):
        loose.compare(ENGINE, OTHER, WEIGHTS, TEST, heard.append)
    with pytest.warns(DeprecationWarning, match=OURS):
        netsim.simulate(ENGINE, WEIGHTS, TEST, range(5), heard.append)
    assert heard == [20, 20, 5]


def test_files_of_former_calls_are_the_same() -> None:
    for name in ("export", "export_network"):
        _, former, new = CALLS[name]
        with pytest.warns(DeprecationWarning, match=OURS):
            former()
        files = _files()
        new()
        again = _files()
        assert files.keys() == again.keys()
        if name == "export":
            assert files == again


def test_the_former_train_is_a_conversation() -> None:
    network = dataclasses.replace(NETWORK, training=dataclasses.replace(NETWORK.training, epochs=1))
    training, validation = SPLITS.training.first(40), SPLITS.validation.first(20)
    first, second = (netsim.start_training(network, seed=0) for _ in range(2))
    with pytest.warns(DeprecationWarning, match=r"use netsim.training_conversation\(network, ...\), or netsim.train"):
        former = loose.train(network, training, validation, first, seed=0)
    ENGINE.run(former)
    ENGINE.run(netsim.training_conversation(network, training, validation, second, seed=0))
    _check_same(first.weights, second.weights)
    assert first.history[0].keys() == second.history[0].keys()


def test_a_report_may_be_written_again(only_pictures: Callable[..., None]) -> None:
    only_pictures("confusion")
    report = netsim.report(MODEL, "first.html", limit=5)
    with pytest.warns(DeprecationWarning, match=r"netsim.write_report is deprecated; use netsim.report\(model, path\)"):
        netsim.write_report(report, Path("second.html"))
    assert Path("second.html").read_bytes() == Path("first.html").read_bytes()


def test_latencies_have_no_other_names() -> None:
    latencies = Latencies(_spikes())
    with pytest.raises(KeyError, match="hiden"):
        latencies["hiden"]
    with pytest.raises(IndexError):
        latencies[3]  # type: ignore[index]
    with pytest.raises((KeyError, TypeError)):  # by the version of Python
        latencies[1:]  # type: ignore[index]


def test_the_brian2_network_answers_by_position_too(brian2_compiles_nothing: None) -> None:
    model = netsim.build_network(NETWORK, WEIGHTS, dt=1.0)
    with pytest.warns(DeprecationWarning, match=r'latencies\[-1\] is deprecated; use .*: latencies\["output"\]'):
        assert model.latencies()[-1].shape == (1, 10)  # type: ignore[index]
