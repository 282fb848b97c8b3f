"""Data, events and names that cannot be used, and what the refusal says."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.data.dataset import Dataset, check_dataset, split_validation
from netsim.data.events import EVENT_TYPE, events_to_latencies, latencies_to_events
from netsim.data.loading import fetch, load_dataset, where
from netsim.data.making import make_dataset
from netsim.data.packed import write_dataset
from netsim.data.stimuli import Stimuli, event_stimuli
from netsim.errors import DataError
from netsim.specification import (
    Dense,
    EventEncoder,
    IntensityEncoder,
    LatencyEncoder,
    Layer,
    Network,
    PopulationEncoder,
)

ENCODER, TIMES, EVENTS = (
    IntensityEncoder((2, 2, 1), 16.0),
    LatencyEncoder((2, 2, 1), 20.0),
    EventEncoder((4, 5, 2), 20.0),
)
GENERATOR = np.random.default_rng(5)
IMAGES = GENERATOR.integers(0, 200, (600, 2, 2, 1)).astype(np.uint8)
LABELS = np.arange(600) % 3
WORDS = np.array(["ham", "eggs", "spam"])[LABELS]
NUMBERS = np.arange(600) % 11
AS_WORDS = NUMBERS.astype(str)  # of which 10 comes before 2
TABLE = pd.DataFrame(GENERATOR.normal(size=(40, 3)), columns=list("abc"))
CODE = PopulationEncoder.of(TABLE, neurons=4, t_max=16.0)
RECORDINGS = ([np.array([(0, 0, 5000, 0), (1, 1, 20_000 + n, 1)], EVENT_TYPE) for n in range(10)], [0, 1] * 5)


def _made(training: Any = (IMAGES, LABELS), test: Any = 0.2, encoder: Any = ENCODER, **changes: Any) -> Dataset:
    return make_dataset(training, encoder, test, **changes)


def _labelled(first: Any, second: Any) -> Dataset:
    return make_dataset((IMAGES, first), ENCODER, (IMAGES, second))


def _columns(names: str, stream: bool = False) -> Dataset:
    other = TABLE.assign(d=0.0)[list(names)]
    return _made(iter([(TABLE, [0] * 40), (other, [0] * 40)]) if stream else (TABLE, None), (other, None), CODE)


def _with(samples: np.ndarray, index: tuple[int, ...], value: float) -> np.ndarray:
    changed = samples.astype(float)
    changed[index] = value
    return changed


def _bright(value: float, part: str) -> Dataset:
    parts: dict[str, Any] = {"training": (np.ones((5, 4)), None), "test": (np.ones((5, 4)), None)}
    return _made(**parts | {part: (_with(np.ones((600, 2, 2)), (371, 1, 0), value), None)})


def _missing(values: list[Any], dtype: str) -> Dataset:
    return make_dataset((IMAGES[:6], pd.Series(values * 2, dtype=dtype)), ENCODER)


def _dataset(**changes: Any) -> Dataset:
    train, test = np.zeros((3, 2, 2, 1), np.uint8), np.zeros((1, 2, 2, 1), np.uint8)
    fields: dict[str, Any] = {"train_images": train, "train_labels": np.array([0, 1, 0]), "test_images": test}
    fields |= {"test_labels": np.array([1]), "intensity_max": 255, "classes": ("a", "b")}
    return Dataset("made", "here", **(fields | changes))


def _fitted(shape: tuple[int, int, int], outputs: int, **changes: Any) -> None:
    network = Network.chain("net", IntensityEncoder(shape, 16.0), (Layer("output", Dense(outputs)),), duration=16.0)
    check_dataset(_dataset(**changes), network)


def _events(events: np.ndarray) -> np.ndarray:
    return events_to_latencies(events, (4, 5, 2))


def _event(*event: int) -> np.ndarray:
    return _events(np.array([event], EVENT_TYPE))


def _mono(*events: tuple[int, ...]) -> np.ndarray:
    return events_to_latencies(np.array(list(events), [("t", int), ("x", int), ("p", int)]), (1, 5, 1))


def _own(returns: Callable[[np.ndarray], Any]) -> np.ndarray:
    class Own(IntensityEncoder):
        """An encoder of one's own."""

        def latencies(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
            return returns(samples)

    samples = np.zeros((2, 2, 2, 1), np.uint8)
    return Stimuli(samples, np.arange(2), 255, Own((2, 2, 1), 10.0)).latencies(np.arange(2))


def _frames(values: Any) -> np.ndarray:
    return IntensityEncoder((1, 2, 1), 4.0).prepare(values)


def _row(value: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": [1.5, 0.0], "b": pd.Series([1.0, value], dtype=object)})


EVENT = np.zeros(1, EVENT_TYPE)
MASKED = np.ma.array(np.zeros(2, EVENT_TYPE), mask=[(True,) * 4, (False,) * 4])
LONG = EventEncoder((2, 2, 2), 30.0)
UNDEFINED = _with(TABLE.to_numpy(), (28, 1), math.nan)
LATE = _with(np.ones((300, 4)), (211, 2), math.nan)
SILENT = (np.full((4, 4), np.inf), None)
WORD, NUMBER = "a word, but earlier labels are numbers", "a number, but earlier labels are words"
NO_EVENTS = "tonic has no such data set of labelled events from one sensor"
NONE = "training: labels must be whole numbers or words, without missing values; "
WINDOWED = r"^Own: must return latencies, an array of floats of shape \(2, 2, 2, 1\), not"

REFUSED: list[tuple[Callable[[], Any], str]] = [
    # arguments of make_dataset
    (lambda: _made(IMAGES), r"training: is an array; give \(X, y\)"),
    (lambda: _made(7), "training: is int; give"),
    (lambda: _made((IMAGES, LABELS[:5])), r"training: has 600 samples but labels of shape \(5,\)"),
    (lambda: _made((IMAGES.reshape(-1, 8), LABELS)), r"training: images: have shape \(8,\), the encoder needs"),
    (lambda: _made(iter([])), "training: contains no samples"),
    (lambda: _made(([], []), encoder=EVENTS), "training: contains no samples"),
    (lambda: _made([(IMAGES[0], 1), (IMAGES[1], None)]), "training: has samples with and without label"),
    (lambda: _made((IMAGES, LABELS + 0.5)), "training: labels must be whole numbers or words"),
    (lambda: _made((IMAGES, [None, *WORDS[1:]])), "without missing values"),
    (lambda: _made((IMAGES, LABELS - 1)), "training: sample 0 has the label -1; count labels from 0, or"),
    (lambda: _made((IMAGES[:1], [0])), "contains one sample"),
    (lambda: _made(test=1.5), "must be between 0 and 1"),
    (lambda: _made(test=(IMAGES, None)), "test images have no labels, but there are classes; give labels for all"),
    (lambda: _made((IMAGES, None), (IMAGES, LABELS)), "test: has labels, but the training samples have none"),
    (lambda: _made((IMAGES, None), classes=["a", "b"]), "classes: are given, but the training samples have no"),
    (lambda: _made(name="../a"), "is not a valid name for a .*data set"),
    (lambda: _made(classes=("a", "b")), "labels range from 0 to 2, but there are only 2 classes"),
    (lambda: _made(classes=("a", "a", "b")), "classes: 'a' is given twice; give each class a name of its own"),
    (lambda: _made(file=Path("a.npz")), "test: must be samples if file is given"),
    (lambda: _made(test=(IMAGES, LABELS), file=Path("a.h5")), "must end in .npz"),
    (lambda: _made(RECORDINGS, encoder=LONG, intensity_max=3), "^intensity_max: recordings have no intensities"),
    (lambda: write_dataset(Path("a.npz"), _made()), "write_dataset: needs a Dataset and then a path, not .*Path first"),  # type: ignore[arg-type]
    # labels
    (lambda: _labelled(AS_WORDS, NUMBERS), f"test: has the label 0, {NUMBER}; give all as words, or"),
    (lambda: _labelled(NUMBERS, AS_WORDS), f"test: has the label 0, {WORD}; give all as words, or"),
    (lambda: _labelled(AS_WORDS, NUMBERS.tolist()), "test: has the label 0, a number"),
    (lambda: _labelled(pd.Series(WORDS), pd.Series(LABELS, dtype=object)), "test: has the label 0, a number"),
    (lambda: _labelled(WORDS == "ham", LABELS), "test: has the label 0, a number"),
    (lambda: _labelled(["cat", 3] * 300, WORDS), f"training: has the label 3, {NUMBER}"),
    (lambda: _labelled(WORDS, ["ham", 3] * 300), f"test: has the label 3, {NUMBER}"),
    (lambda: _labelled(pd.Series([3, "cat"] * 300), WORDS), f"training: has the label cat, {WORD}"),
    (lambda: _made(iter([(IMAGES, AS_WORDS), (IMAGES, NUMBERS)])), f"training: has the label 0, {NUMBER}"),
    (lambda: _labelled(WORDS, ["hamm"] * 600), "test: 'hamm' is not a class; did you mean 'ham'"),
    (lambda: _missing(["a", "", "b"], "object"), f"{NONE}sample 1 has none"),
    (lambda: _missing(["a", "b", None], "string"), f"{NONE}sample 2 has none"),
    (lambda: _missing(["a", "b", None], "category"), f"{NONE}sample 2 has none"),
    (lambda: _missing([True, False, None], "boolean"), f"{NONE}sample 2 has none"),
    (lambda: _missing([1, 2, None], "Int64"), f"{NONE}sample 2 has none"),
    # samples
    (lambda: _columns("cba"), "test: column 0 is 'c', but 'a' in training; give the same"),
    (lambda: _columns("abd"), "test: column 2 is 'd', but 'c' in training; give the same"),
    (lambda: _columns("ab"), "test: there are 2 columns, but 3 in training; give the same"),
    (lambda: _columns("cba", stream=True), "training: column 0 is 'c', but 'a' in training"),
    (lambda: _columns("abd", stream=True), "training: column 2 is 'd', but 'c' in training"),
    (lambda: _columns("ab", stream=True), "training: there are 2 columns, but 3 in training"),
    (lambda: _bright(math.nan, "training"), "training: sample 371: images: .*contain NaN"),
    (lambda: _bright(-1.0, "training"), "training: sample 371: images: .*from -1.0"),
    (lambda: _bright(math.inf, "training"), "training: sample 371: images: .*to inf"),
    (lambda: _bright(math.nan, "test"), "test: sample 371: images: .*contain NaN"),
    (lambda: _bright(-1.0, "test"), "test: sample 371: images: .*from -1.0"),
    (lambda: _bright(math.inf, "test"), "test: sample 371: images: .*to inf"),
    (lambda: _made(((row, 0) for row in UNDEFINED), encoder=CODE), "training: sample 28: tables: contain NaN"),
    (lambda: _made((LATE, None), encoder=TIMES), "training: sample 211: latencies: contain NaN"),
    (lambda: _made(SILENT, SILENT, TIMES), "data: no sample has a spike"),
    (lambda: _made((np.zeros((10, 4)), [0, 1] * 5)), "data: no sample has a spike"),
    (lambda: _frames([["1.0", "north"]]), "sample 0 contains 'north'"),
    (lambda: _frames("north"), "sample 0 contains 'north'"),
    (lambda: _frames(_row("north")), "must be numbers; sample 1 contains 'north'"),
    (lambda: _frames(_row(pd.NA)), "must be numbers; sample 1 contains '<NA>'"),
    (lambda: _own(lambda samples: None), f"{WINDOWED} NoneType$"),
    (lambda: _own(lambda samples: samples.reshape(2, -1) / 1.0), rf"{WINDOWED} float64 of shape \(2, 4\)$"),
    (lambda: _own(lambda samples: samples), rf"{WINDOWED} uint8 of shape \(2, 2, 2, 1\)$"),
    (lambda: _own(lambda samples: samples + 10.5), "^Own: returns a latency of 10.5 ms, after its window of 10 ms; "),
    # data sets and networks
    (lambda: _dataset(train_images=np.zeros((3, 2, 2, 1), complex)), "must be numbers of shape .* not complex128"),
    (lambda: _dataset(train_images=np.zeros((3, 2, 2))), r"must be numbers of .* not float64 of shape \(3, 2, 2\)"),
    (lambda: _dataset(classes=()), "train labels range up to 1, but there are no classes"),
    (lambda: _dataset(train_labels=np.array([0, -1, 0])), "range from -1 to 0"),
    (lambda: _dataset(test_images=np.full((1, 2, 2, 1), 17), intensity_max=16), "intensities above 16"),
    (lambda: _dataset().split("validation"), "must be train or test"),
    (lambda: _fitted((3, 2, 1), 2), r"made: has images of shape \(2, 2, 1\), net needs \(3, 2, 1\)"),
    (lambda: _fitted((2, 2, 1), 1), "has 2 classes, net only 1 output neurons"),
    (lambda: _fitted((2, 2, 1), 1, train_labels=np.ones(3, int)), "labels begin with 1, but net has .* 0 to 0; number"),
    (lambda: split_validation(10, -1), "cannot set aside -1 of 10 training images; choose at most 9"),
    (lambda: split_validation(10, 10), "cannot set aside 10 of 10 training images; choose at most 9"),
    (lambda: split_validation(10, 11), "cannot set aside 11 of 10 training images; choose at most 9"),
    # events
    (lambda: _event(5, 0, 0, 0), "x goes from 5 to 5, but only 0 to 4 fits"),
    (lambda: _event(0, -1, 0, 0), "y goes from -1 to -1, but only 0 to 3 fits"),
    (lambda: _event(0, 0, 0, 2), "p goes from 2 to 2, but only 0 to 1 fits"),
    (lambda: _event(0, 0, -1, 0), "contain negative times"),
    (lambda: _mono((0, 0, 0), (0, 0, 1)), "two polarities where one fits"),
    (lambda: _events(np.zeros(1, [("x", int), ("t", int), ("p", int)])), "lack the field y; x, y, t and p are needed"),
    (lambda: _events(np.zeros(4)), "lack the field x, y, t, p"),
    (lambda: _events(MASKED), "y is a masked array, whose mask says nothing here; leave"),
    (lambda: latencies_to_events(np.zeros((1, 2, 3, 1))), "one stimulus has shape"),
    (lambda: latencies_to_events(np.full((4, 5, 2), math.nan)), "NaN or negative times"),
    (lambda: latencies_to_events(np.full((4, 5, 2), -1.0)), "NaN or negative times"),
    *(
        (lambda label=label: event_stimuli([(EVENT, label)], EVENTS), "recordings, recording 0: its label is .*, but a")
        for label in (1.5, np.array(1.7), np.array("a"), np.bool_(True), None, [1])
    ),
    # names
    (lambda: load_dataset("fashon-mnist"), "fashon-mnist: is neither a known data set nor a folder; did you mean"),
    (lambda: load_dataset("./nowhere"), "nowhere: no such folder"),
    (lambda: load_dataset(__file__), "test_refusals.py: is not a folder"),
    (lambda: where("minst"), "minst: is not a known data set; did you mean 'mnist'"),
    (lambda: fetch("digits"), "digits: comes with scikit-learn"),
    (lambda: fetch("minst"), "minst: cannot be fetched; did you mean 'mnist'"),
    (lambda: load_dataset("tonic:NMNST", None, EVENTS), "did you mean 'tonic:NMNIST'"),
    (lambda: load_dataset("tonic:pokerdvs", None, EVENTS), "did you mean 'tonic:POKERDVS'"),
    (lambda: load_dataset("tonic:", None, EVENTS), "did you mean|known are tonic:ASLDVS"),
    (lambda: load_dataset("tonic:NCALTECH101", None, EVENTS), NO_EVENTS),
    (lambda: load_dataset("tonic:DSEC", None, EVENTS), NO_EVENTS),
    (lambda: load_dataset("tonic:Dataset", None, EVENTS), NO_EVENTS),
    (lambda: load_dataset("POKERDVS", None, EVENTS), "did you mean 'tonic:POKERDVS'"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_cannot_be_used_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()
    assert not list(Path().iterdir())  # nothing is written
