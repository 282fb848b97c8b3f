"""Wrong arguments are refused where they are given, in one line that names the argument and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brian2 as b2
import numpy as np
import pandas as pd
import pytest

import netsim
from netsim import IntensityEncoder, NetsimError

ENCODER = IntensityEncoder((4, 4, 1), 10.0)
IMAGES = np.random.default_rng(0).random((20, 4, 4, 1))
LABELS = np.arange(20) % 2
NETWORK = netsim.Network.chain("small", ENCODER, [netsim.Layer("output", netsim.Dense(2))], 20.0)
WEIGHTS = netsim.initial_weights(NETWORK, 0)
LATENCIES = ENCODER.latencies(IMAGES, 1.0)[:2]


class Short:
    """A data set whose length lies."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return IMAGES[:3][index], 0


def _refusal(call: Callable[[], object]) -> str:
    with pytest.raises(NetsimError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": None}, "training: is NoneType; give (X, y)"),
        ({"training": {"X": IMAGES, "y": LABELS}}, "training: is dict; give (X, y)"),
        ({"training": "digits"}, "training: is str; give (X, y)"),
        ({"training": Short()}, "training: has no item 3, although its length is 5"),
        ({"training": (IMAGES, [[0], [0, 1]] * 10)}, "training: has labels of different lengths"),
        ({"training": (IMAGES, [b"\xff", b"a"] * 10)}, "training: contains a label of bytes that are not UTF-8"),
        ({"training": (IMAGES, LABELS + 0.5)}, "training: labels must be whole numbers or words"),
        ({"test": None}, "test: is NoneType; give (X, y), or samples one after another, or a fraction"),
        ({"test": 1}, "test: is int; give (X, y)"),
        ({"test": "0.2"}, "test: is str; give (X, y)"),
        ({"test": Short()}, "test: has no item 3"),
        ({"validation": 0.2}, "validation: is float; give (X, y)"),
        ({"encoder": None}, "encoder: must be an Encoder, that of the network, not NoneType"),
        ({"encoder": IntensityEncoder}, "encoder: must be an Encoder"),
        ({"encoder": NETWORK}, "encoder: must be an Encoder"),
        ({"name": 3}, "3: is not a valid name for a data set"),
        ({"classes": 2}, "classes: must be a sequence of words"),
        ({"classes": "ab"}, "classes: must be a sequence of words"),
        ({"classes": {"a", "b"}}, "classes: must be a sequence of words"),
        (
            {"classes": ["a", None]},
            "classes: must be a sequence of words, one for each of the labels 0, 1, ..., not of",
        ),
        ({"intensity_max": "x"}, "intensity_max: must be positive, not x"),
        ({"intensity_max": [1.0]}, "intensity_max: must be positive"),
        ({"intensity_max": np.ones(3)}, "intensity_max: must be positive"),
        ({"file": 3, "test": (IMAGES, LABELS)}, "file: must be a path, a word or a pathlib.Path, not int"),
        ({"file": b"a.npz", "test": (IMAGES, LABELS)}, "file: must be a path"),
        ({"file": "a\0b.npz", "test": (IMAGES, LABELS)}, "file: contains the character NUL"),
    ],
)
def test_make_dataset(changes: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"training": (IMAGES, LABELS), "encoder": ENCODER} | changes
    assert _refusal(lambda: netsim.make_dataset(**given)).startswith(said)


def test_a_share_may_be_a_number_of_numpy() -> None:
    data = netsim.make_dataset((IMAGES, LABELS), ENCODER, test=np.float32(0.2))
    assert (len(data.train_images), len(data.test_images)) == (16, 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": None}, "images: must be an array of shape (images, height, width, channels), not NoneType"),
        ({"images": IMAGES.tolist()}, "images: must be an array of shape"),
        ({"images": IMAGES.reshape(20, 16)}, "images: must be an array of shape"),
        ({"images": np.ma.array(IMAGES)}, "images: is a masked array"),
        ({"labels": None}, "labels: must be a numpy array, not NoneType"),
        ({"labels": LABELS.tolist()}, "labels: must be a numpy array, not list"),
        ({"labels": dict(enumerate(LABELS))}, "labels: must be a numpy array, not dict"),
        ({"labels": pd.Series(LABELS, index=LABELS + 5)}, "labels: must be a numpy array, not Series"),
        ({"labels": LABELS / 2}, "labels: must contain whole numbers, not float64"),
        ({"labels": np.array(["a", "b"] * 10)}, "labels: must contain whole numbers, not <U1"),
        ({"labels": LABELS > 0}, "labels: must contain whole numbers, not bool"),
        ({"labels": LABELS.astype(object)}, "labels: must contain whole numbers, not object"),
        ({"labels": LABELS[:, None]}, "labels: must be one whole number for each stimulus"),
        ({"labels": LABELS[:3]}, "labels: there are 3 for 20 stimuli"),
        ({"encoder": None}, "encoder: must be an Encoder"),
        ({"encoder": IntensityEncoder}, "encoder: must be an Encoder"),
        ({"intensity_max": "x"}, "intensity_max: must be positive, not x"),
        ({"intensity_max": [1.0]}, "intensity_max: must be positive"),
        ({"classes": 2}, "classes: must be a sequence of words"),
        ({"classes": None}, "classes: must be a sequence of words"),
        ({"rows": "abcd"}, "rows: must be an array of whole numbers"),
        ({"rows": slice(20)}, "rows: must be an array of whole numbers"),
        ({"rows": np.arange(20.0)}, "rows: must be whole numbers in one row"),
        ({"rows": np.arange(1, 21)}, "rows: go from 1 to 20; there are 20, counted from 0"),
    ],
)
def test_stimuli(changes: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"images": IMAGES, "labels": LABELS, "intensity_max": 1.0, "encoder": ENCODER} | changes
    assert _refusal(lambda: netsim.Stimuli(**given).latencies(np.arange(1))).startswith(said)


STIMULI = netsim.Stimuli(IMAGES, LABELS, 1.0, ENCODER)


@pytest.mark.parametrize("ask", [STIMULI.pick, STIMULI.latencies], ids=["pick", "latencies"])
@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (slice(2), "must be an array of whole numbers, such as np.arange(10), not slice"),
        (3, "must be an array of whole numbers"),
        (None, "must be an array of whole numbers"),
        ("ab", "must be an array of whole numbers"),
        ({0}, "must be an array of whole numbers"),
        ((k for k in [0]), "must be an array of whole numbers"),
        (..., "must be an array of whole numbers"),
        (np.array([0.5]), "must be whole numbers in one row, or a truth value for each of 20"),
        (["a"], "must be whole numbers in one row"),
        ([[0]], "must be whole numbers in one row"),
        ([[0], [1, 2]], "must be whole numbers, not lists of different lengths"),
        (np.array([True]), "must be whole numbers in one row"),
        ([20], "go from 20 to 20; there are 20, counted from 0"),
    ],
)
def test_positions_of_stimuli(ask: Callable[[Any], object], chosen: Any, said: str) -> None:
    assert _refusal(lambda: ask(chosen)).startswith(f"chosen: {said}")


@pytest.mark.parametrize("chosen", [[1, 3], (1, 3), range(1, 4, 2), np.isin(np.arange(20), (1, 3)), pd.Series([1, 3])])
def test_positions_may_be_given_in_several_ways(chosen: Any) -> None:
    expected = STIMULI.latencies(np.array([1, 3]))
    np.testing.assert_array_equal(STIMULI.latencies(chosen), expected)
    np.testing.assert_array_equal(STIMULI.pick(chosen).latencies(np.arange(2)), expected)


@pytest.mark.parametrize("count", ["a", 1.5, -1, True, [1]])
def test_a_count_of_stimuli(count: Any) -> None:
    assert _refusal(lambda: STIMULI.first(count)).startswith("count: must be an integer >= 0")


@pytest.mark.parametrize("given", [None, [1], "output", np.zeros(2), {"output"}])
@pytest.mark.parametrize("name", ["weights", "silenced", "thresholds", "delays"])
def test_batch(name: str, given: Any) -> None:
    arguments: dict[str, Any] = {"stimuli": LATENCIES, "weights": WEIGHTS, name: given}
    said = _refusal(lambda: netsim.Batch(**arguments))
    assert said == f"{name}: must be a dict of arrays by name, not {type(given).__name__}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stimuli": None}, "stimuli: must be a numpy array, not NoneType"),
        ({"stimuli": LATENCIES.tolist()}, "stimuli: must be a numpy array, not list"),
        ({"stimuli": STIMULI}, "stimuli: must be a numpy array, not Stimuli"),
        ({"stimuli": LATENCIES.astype(object)}, "stimuli: must contain numbers, not object"),
        ({"weights": {}}, "weights: does not contain the weights of small"),
        ({"weights": dict.fromkeys(WEIGHTS)}, "weights: output.kernel must be a numpy array, not NoneType"),
        ({"silenced": {"output": [True] * 3}}, "silenced: output has shape (3,)"),
        ({"stimuli": LATENCIES * b2.ms}, "stimuli: carries a unit; give plain numbers, times in ms"),
        ({"silenced": {1: np.zeros(2, bool)}}, "layer 1: does not exist in small"),
        ({"silenced": {"output": [0.5, 1.0]}}, "silenced: output contains other values than True and False"),
        ({"thresholds": {"output": [1.0, 1.0]}}, "thresholds: output must be a numpy array, not list"),
        ({"thresholds": {"output": np.array([1.0, None])}}, "thresholds: output must contain numbers, not object"),
        ({"delays": {"output": 1.0}}, "delays: output must be a numpy array, not float"),
    ],
)
def test_values_of_a_batch(changes: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"stimuli": LATENCIES, "weights": WEIGHTS} | changes
    batch = netsim.Batch(**arguments)
    assert said in _refusal(lambda: netsim.make_engine("event", NETWORK).present(batch))


@pytest.mark.parametrize("engine", ["event", "brian2"])
@pytest.mark.parametrize("batch", [None, LATENCIES, (LATENCIES, WEIGHTS)])
def test_what_is_no_batch(engine: str, batch: Any) -> None:
    presenter = netsim.make_engine(engine, NETWORK, dt=1.0)
    assert _refusal(lambda: presenter.present(batch)).startswith("batch: must be a Batch, such as netsim.Batch(")


MODEL = netsim.Model(NETWORK, WEIGHTS)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("engine", "event", 'must be an engine, such as netsim.make_engine("event", network), not str'),
        ("engine", MODEL, "must be an engine"),
        ("engine", [], "must be an engine"),
        ("progress", None, "must be a function of how many are done, and of how many, not NoneType"),
        ("progress", "x", "must be a function"),
        ("workers", 1.5, "must be a number of processes or the address of a Dask scheduler, not float"),
        ("workers", [], "must be a number of processes"),
        ("limit", "a", "must be an integer >= 1"),
        ("limit", 1.5, "must be an integer >= 1"),
        ("limit", True, "must be an integer >= 1"),
        ("stimuli", IMAGES, "must be a Stimuli"),
    ],
)
@pytest.mark.parametrize("function", [netsim.present, netsim.evaluate], ids=["present", "evaluate"])
def test_present_and_evaluate(function: Callable[..., object], name: str, given: Any, said: str) -> None:
    assert _refusal(lambda: function(MODEL, **({"stimuli": STIMULI} | {name: given}))).startswith(f"{name}: {said}")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("populations", 3, "populations: must be a sequence of names, not of 3"),
        ("populations", [["output"]], "populations: must be a sequence of names, not of ['output']"),
        ("disturbance", "lesion-neurons", "disturbance: must be a study and a level, such as"),
        ("disturbance", ("lesion-neurons",), "disturbance: must be a study and a level"),
        ("disturbance", ("lesion-neurons", "a"), "disturbance: must be a study and a level"),
        ("disturbance", ("lesion-neurons", None), "disturbance: must be a study and a level"),
        ("disturbance", (3, 0.5), "disturbance: must be a study and a level"),
        ("seed", "a", "seed: must be an integer >= 0, not 'a'"),
        ("seed", None, "seed: must be an integer >= 0"),
        ("seed", 1.5, "seed: must be an integer >= 0"),
        ("record", 3, "record: must be a sequence of netsim.Recorded, not int"),
        ("record", None, "record: must be a sequence of netsim.Recorded, not NoneType"),
    ],
)
def test_present(name: str, given: Any, said: str) -> None:
    assert _refusal(lambda: netsim.present(MODEL, STIMULI, **{name: given})).startswith(said)


@pytest.mark.parametrize("given", [3, [3], None, [["strict"]]])
def test_evaluate(given: Any) -> None:
    assert _refusal(lambda: netsim.evaluate(MODEL, STIMULI, read_outs=given)).startswith(
        "read_outs: must be a sequence of names, not of "
    )


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("out", 3, "out: must be a path"),
        ("out", b"run", "out: must be a path"),
        ("out", "a\0b", "out: contains the character NUL"),
        ("data_dir", 3, "data_dir: must be a path"),
        ("resume", "no", "resume: must be True or False, not 'no'"),
        ("callbacks", 3, "callbacks: must be a Callbacks, not int"),
        ("callbacks", [], "callbacks: must be a Callbacks, not list"),
        ("interrupted", None, "interrupted: must be a function of nothing, not NoneType"),
        ("seed", 1.5, "seed: must be an integer >= 0"),
        ("epochs", 1.5, "training.epochs: must be an integer >= 1"),
        ("limit", "a", "limit: must be an integer >= 1"),
        ("data", (IMAGES, LABELS), "data: must be a Dataset"),
    ],
)
def test_train(name: str, given: Any, said: str) -> None:
    data = netsim.make_dataset((IMAGES, LABELS), ENCODER, validation=(IMAGES, LABELS))
    arguments: dict[str, Any] = {"out": "run", "data": data} | {name: given}
    assert _refusal(lambda: netsim.train(NETWORK, arguments.pop("out"), **arguments)).startswith(said)


@pytest.mark.parametrize("encoder", [None, "intensity", IntensityEncoder])
def test_chain(encoder: Any) -> None:
    chain = netsim.Network.chain
    assert _refusal(lambda: chain("a", encoder, [netsim.Layer("a", netsim.Dense(3))], 20.0)).startswith("encoder: must")


@pytest.mark.parametrize("shape", [NETWORK, None, "abc", (8, 8), (8.0, 8, 1), 8])
def test_the_shape_of_stimuli_in_a_file(shape: Any) -> None:
    """It is not the file that is to blame."""
    netsim.export(netsim.present(MODEL, STIMULI), "stimuli.csv", populations=["stimulus"])
    said = _refusal(lambda: netsim.read_stimuli("stimuli.csv", shape))
    assert said.startswith("shape: needs height, width and channels, such as (28, 28, 1), not ")
