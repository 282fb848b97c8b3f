"""Data sets of a user's own: whatever form they come in, the same samples and labels."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.data.dataset import Dataset
from netsim.data.loading import load_dataset
from netsim.data.making import make_dataset
from netsim.data.packed import read_dataset, write_dataset
from netsim.data.stimuli import load_splits
from netsim.data.stored import StoredArray
from netsim.errors import DataError, DataWarning, RunError
from netsim.specification import (
    Dense,
    EventEncoder,
    IntensityEncoder,
    LatencyEncoder,
    Layer,
    Network,
    PopulationEncoder,
    Training,
)

ENCODER = IntensityEncoder((2, 2, 1), 16.0)
GENERATOR = np.random.default_rng(5)
IMAGES = GENERATOR.integers(0, 200, (600, 2, 2, 1)).astype(np.uint8)
ROWS = np.arange(600)
LABELS = ROWS % 3
WORDS = np.array(["ham", "eggs", "spam"])[LABELS]


class MapStyle:
    """As data sets of torch and tonic are: indices and a length."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(index)
        return self.images[index], self.labels[index]


def _batches(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for first in range(0, len(images), 70):
        yield images[first : first + 70], labels[first : first + 70]


FORMS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "arrays": lambda images, labels: (images, labels),
    "lists": lambda images, labels: (images.reshape(-1, 4).tolist(), labels.tolist()),
    "tables": lambda images, labels: (pd.DataFrame(images.reshape(-1, 4)), pd.Series(labels)),
    "whole floats": lambda images, labels: (images, labels.astype(float)),
    "map-style": MapStyle,
    "pairs": lambda images, labels: list(zip(images, labels, strict=True)),
    "stream": lambda images, labels: ((image, label) for image, label in zip(images, labels, strict=True)),
    "stream of batches": _batches,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("on_disk", [False, True])
def test_all_forms_give_the_same_data_set(form: str, on_disk: bool, tmp_path: Path) -> None:
    make = FORMS[form]
    training, test = make(IMAGES[:500], LABELS[:500]), make(IMAGES[500:], LABELS[500:])
    file = tmp_path / "own.npz" if on_disk else None
    maximum = 255.0 if form in ("lists", "tables") else None  # which are not of unsigned bytes
    made = make_dataset(training, ENCODER, test, file=file, intensity_max=maximum)
    for (images, labels), first, last in ((made.split("train"), 0, 500), (made.split("test"), 500, 600)):
        assert isinstance(images, StoredArray if on_disk else np.ndarray)
        np.testing.assert_array_equal(images[:], IMAGES[first:last])
        np.testing.assert_array_equal(labels, LABELS[first:last])
    assert (made.intensity_max, made.classes) == (255, ("0", "1", "2"))
    assert sorted(path.name for path in tmp_path.iterdir()) == (["own.npz"] if on_disk else [])


def test_a_share_is_set_aside_with_the_classes_in_proportion() -> None:
    made = make_dataset((IMAGES, WORDS), ENCODER)
    assert made.classes == ("eggs", "ham", "spam")
    assert np.bincount(made.test_labels).tolist() == [40, 40, 40]
    both = np.concatenate([made.train_images, made.test_images]).reshape(-1, 4)
    assert sorted(map(bytes, both)) == sorted(map(bytes, IMAGES.reshape(-1, 4)))
    assert make_dataset((IMAGES, WORDS), ENCODER).sha256 == made.sha256
    names = np.array(made.classes)
    np.testing.assert_array_equal(
        made.train_labels, [("eggs", "ham", "spam").index(name) for name in names[made.train_labels]]
    )


def test_a_class_of_one_sample_is_set_aside_as_chance_has_it() -> None:
    """It cannot be in training and test in proportion."""
    labels = np.append(LABELS[:99], 3)
    made = make_dataset((IMAGES[:100], labels), ENCODER)
    assert (len(made.train_labels), len(made.test_labels)) == (80, 20)
    assert np.bincount(np.concatenate([made.train_labels, made.test_labels])).tolist() == [33, 33, 33, 1]


@pytest.mark.parametrize(("share", "count"), [(0.29, 29), (0.57, 57), (0.004, 1), (0.999, 99)])
def test_a_share_is_the_nearest_number_of_samples_but_never_none_or_all(share: float, count: int) -> None:
    made = make_dataset((IMAGES[:100], LABELS[:100]), ENCODER, test=share)
    assert (len(made.train_labels), len(made.test_labels)) == (100 - count, count)


@pytest.mark.parametrize("test", [0.2, "samples"])
def test_arrays_that_are_changed_afterwards_do_not_change_the_data_set(test: Any) -> None:
    """The record of a run and its checksum describe what was handed over."""
    parts = {part: (IMAGES[:50].copy(), LABELS[:50].copy()) for part in ("training", "validation", "test")}
    given: dict[str, Any] = {**parts, "test": parts["test"] if test == "samples" else test}
    before = make_dataset(encoder=ENCODER, **given).sha256
    made = make_dataset(encoder=ENCODER, **given)
    for images, labels in parts.values():
        images[...] = 255 - images
        labels[...] = 0
    assert made.sha256 == before


def test_words_are_those_of_the_training() -> None:
    made = make_dataset((IMAGES, WORDS), ENCODER, (IMAGES[:2], ["spam", "ham"]))
    assert made.test_labels.tolist() == [2, 1]
    made = make_dataset((IMAGES, WORDS), ENCODER, (IMAGES[:1], ["ham"]), classes=("spam", "ham", "eggs"))
    assert made.test_labels.tolist() == [1]


def test_numbers_in_words_are_classes_in_their_order() -> None:
    degrees = np.array(["112.5", "22.5", "90"])[np.arange(len(IMAGES)) % 3]
    assert make_dataset((IMAGES, degrees), ENCODER, (IMAGES[:1], ["90"])).classes == ("22.5", "90", "112.5")
    mixed = np.array(["90", "22.5", "none"])[np.arange(len(IMAGES)) % 3]
    assert make_dataset((IMAGES, mixed), ENCODER, (IMAGES[:1], ["90"])).classes == ("22.5", "90", "none")
    undefined = np.array(["9", "10", "nan"])[np.arange(len(IMAGES)) % 3]
    assert make_dataset((IMAGES, undefined), ENCODER, (IMAGES[:1], ["9"])).classes == ("10", "9", "nan")


NUMBERS = np.arange(600) % 11


def test_numbers_are_numbers_in_a_column_of_objects() -> None:
    numbers = np.arange(600) % 11
    made = make_dataset((IMAGES, pd.Series(numbers, dtype=object)), ENCODER, (IMAGES, numbers))
    assert made.classes == tuple(map(str, range(11)))
    np.testing.assert_array_equal(made.train_labels, numbers)


def test_without_labels() -> None:
    for form in ((IMAGES, None), list(IMAGES), ((image, None) for image in IMAGES)):
        made = make_dataset(form, ENCODER, test=(IMAGES[:5], None))
        assert not made.has_labels
        assert set(made.train_labels) == set(made.test_labels) == {-1}
        np.testing.assert_array_equal(made.train_images, IMAGES) if isinstance(form, tuple) else None


def test_latencies_and_events() -> None:
    times = np.where(IMAGES < 100, IMAGES / 10.0, np.inf)
    made = make_dataset((times, LABELS), LatencyEncoder((2, 2, 1), 16.0))
    assert (made.samples, made.intensity_max) == ("latencies", None)
    kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    recordings = [np.array([(0, 1, 1000, 0), (1, 0, 3000 + n, 1)], dtype=kind) for n in range(10)]
    tables = [pd.DataFrame(recording) for recording in recordings]
    encoder = EventEncoder((2, 2, 2), 16.0)
    made = make_dataset((recordings, [0, 1] * 5), encoder, test=MapStyle(tables, [0, 1] * 5))
    np.testing.assert_array_equal(made.train_images, made.test_images)
    assert made.samples == "recordings"
    assert made.train_images[3, 0, 1, 1] == 3003


TABLE = pd.DataFrame(GENERATOR.normal(size=(40, 3)), columns=list("abc"))
CODE = PopulationEncoder.of(TABLE, neurons=4, t_max=16.0)


def test_rows_belong_to_labels_by_their_index() -> None:
    labels = pd.Series(np.arange(40) % 2)
    shuffled = TABLE.sample(frac=1, random_state=0)
    with pytest.raises(DataError, match="training: samples and labels have different indices; align"):
        make_dataset((shuffled, labels), CODE)
    aligned = labels[shuffled.index]
    forms = ((shuffled, aligned), (shuffled, aligned.array), (shuffled.to_numpy(), aligned))
    assert len({make_dataset(form, CODE).sha256 for form in forms}) == 1


EVENT = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


def test_silent_samples_and_late_events_are_counted() -> None:
    """As of recordings that tonic reads."""
    encoder = EventEncoder((2, 2, 2), 20.0)
    recordings = [np.array([(0, 0, 5000, 0), (1, 1, 20_000 + n, 1)], EVENT) for n in range(10)]
    recordings[3] = recordings[3][1:]
    message = (
        "data: 1 of 10 recordings have no event in the encoder's 1 x 20 ms and are silent; 10 of 19 events come after"
    )
    with pytest.warns(DataWarning, match=message) as caught:
        make_dataset((recordings, [0, 1] * 5), encoder)
    late, alike = caught  # events within the window are the same in all recordings
    assert late.filename == alike.filename == __file__
    assert "2 of 2 test recordings are training recordings too" in str(alike.message)
    with pytest.raises(DataError, match="data: no recording has an event in the encoder's 1 x 20 ms; lengthen"):
        make_dataset(([recording[-1:] for recording in recordings], [0, 1] * 5), encoder)
    times = np.full((10, 4), np.inf)
    times[:7, 2] = 3.0
    with pytest.warns(DataWarning, match="data: 3 of 10 samples have no spike of a stimulus neuron and are silent"):
        make_dataset((times, [0, 1] * 5), LatencyEncoder((2, 2, 1), 20.0))


def test_the_brightest_training_image_is_the_scale_of_all() -> None:
    """Wherever it comes in a stream; test images have no say, and brighter ones are refused."""
    dark, bright = np.full((300, 4), 0.25), np.full((300, 4), 0.75)
    streams = [[(dark, [0] * 300), (bright, [1] * 300)], [(bright, [1] * 300), (dark, [0] * 300)]]
    for batches in streams:
        assert make_dataset(iter(batches), ENCODER, (dark[:2], [0, 1])).intensity_max == 0.75
    with pytest.raises(DataError, match=r"test: sample 0: images: have intensities .* must lie in 0 to 0.75"):
        make_dataset(iter(streams[0]), ENCODER, (np.full((2, 4), 0.8), [0, 1]))


def test_a_single_class_is_noticed() -> None:
    with pytest.warns(DataWarning, match=r"^own: all training samples are of one class, 2; give at least two classes"):
        make_dataset((IMAGES, np.full(600, 2)), ENCODER, name="own")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (1 + ROWS % 10, "range up to 10, which makes 11 classes, but no training sample has the label 0; subtract 1"),
        (1 + ROWS % 2, "range up to 2, which makes 3 classes, but no training sample has the label 0; subtract 1"),
        (10 * (ROWS % 2), "range up to 10, which makes 11 classes, .* 1, 2, 3, 4, 5, ...; renumber them, or give"),
        (ROWS % 10, ""),
        ((1 + ROWS % 10).astype(str), ""),
    ],
)
def test_labels_that_leave_out_classes_are_noticed(labels: np.ndarray, expected: str) -> None:
    for given in (labels, pd.Series(labels), labels.tolist()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            make_dataset((IMAGES, given), ENCODER)
        assert [warning.category for warning in caught] == [DataWarning] * bool(expected)
        assert all(re.search(f"^data: labels count from 0 and {expected}", str(warning.message)) for warning in caught)
        assert all(warning.filename == __file__ for warning in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # classes that are named are those that are meant
        make_dataset((IMAGES, labels), ENCODER, classes=[str(number) for number in range(11)])


@pytest.mark.parametrize("unit", [1e-3, 1.0])
def test_seconds_are_noticed(unit: float) -> None:
    times = unit * np.random.default_rng(0).uniform(5, 50, (40, 4))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        make_dataset((times, np.arange(40) % 2), LatencyEncoder((2, 2, 1), 50.0))
    said = [str(warning.message) for warning in warned if warning.category is DataWarning]
    assert len(said) == (unit == 1e-3)
    assert all("of an encoding window of 50 ms; latencies are in ms: are these" in line for line in said)
    # images may be of any unit
    images = 1 - 1e-3 * np.random.default_rng(0).uniform(0, 1, (40, 4))
    make_dataset((images, np.arange(40) % 2), IntensityEncoder((2, 2, 1), 50.0))


def test_early_spikes_behind_late_ones_are_no_sign_of_seconds() -> None:
    early, late = np.full((30, 4), 0.02), np.full((30, 4), 20.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "data: 30 of 30 test latencies are training latencies too")
        make_dataset(iter([(late, [0] * 30), (early, [1] * 30)]), LatencyEncoder((2, 2, 1), 50.0), (early, [0] * 30))


@pytest.mark.parametrize("form", [list, pd.DataFrame])
def test_several_spike_times_of_a_channel_are_told_the_remedy(form: type) -> None:
    trains: Any = [[[3.0, 7.5], [], [1.0], [2.0]]] * 20
    message = r"training: latencies: are lists .* give one number for each channel: .* min\(times, default=np.inf\)"
    with pytest.raises(DataError, match=message):
        make_dataset((form(trains), np.arange(20) % 2), LatencyEncoder((1, 4, 1), 20.0))
    first = [[min(times, default=np.inf) for times in sample] for sample in trains]
    made = make_dataset((form(first), np.arange(20) % 2), LatencyEncoder((1, 4, 1), 20.0))
    assert made.train_images[0].ravel().tolist() == [3.0, np.inf, 1.0, 2.0]


def test_a_validation_split_of_ones_own(tmp_path: Path) -> None:
    made = make_dataset((IMAGES, LABELS), ENCODER, validation=(IMAGES[:7], LABELS[:7]))
    assert len(made.split("validation")[0]) == 7
    again = load_dataset(write_dataset(made, tmp_path / "a.npz"))
    assert again.sha256 == made.sha256
    assert len(again.split("validation")[0]) == 7
    assert again.sha256 != make_dataset((IMAGES, LABELS), ENCODER).sha256


@pytest.mark.parametrize("file", [None, "mine.npz"])
def test_an_error_of_what_samples_are_read_from_is_told_as_it_is(file: str | None, tmp_path: Path) -> None:
    def samples() -> Iterator[tuple[np.ndarray, int]]:
        yield IMAGES[0], 0
        raise FileNotFoundError("recording-1.csv")

    with pytest.raises(FileNotFoundError, match=r"^recording-1\.csv$"):
        make_dataset(samples(), ENCODER, (IMAGES, LABELS), file=file and tmp_path / file)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["brian2", "quantities"])
def test_units_of_time_are_refused(package: str) -> None:
    latencies = np.linspace(0.001, 0.004, 60).reshape(20, 3) * pytest.importorskip(package).second
    encoder, labels = LatencyEncoder((1, 3, 1), t_max=40.0), np.arange(20) % 2
    for content in ((latencies, labels), (list(latencies), labels), list(zip(latencies, labels, strict=True))):
        with pytest.raises(DataError, match="training: carries a unit; give plain numbers, times in ms"):
            make_dataset(content, encoder)


@pytest.mark.parametrize("form", [lambda images: images, list])
def test_masks_are_refused(form: Callable[[Any], Any]) -> None:
    masked = form(np.ma.masked_greater(IMAGES, 100))
    for content in ((masked, LABELS), zip(masked, LABELS, strict=True)):
        with pytest.raises(DataError, match=r"training: is a masked array, .*; fill it, with \.filled\(value\)"):
            make_dataset(content, ENCODER)


def test_streams_need_a_test_and_a_place(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        make_dataset((IMAGES, LABELS), ENCODER, (IMAGES, LABELS), file=tmp_path / "nowhere" / "a.npz")
    there = tmp_path / "there.npz"
    there.write_bytes(b"of a run")
    with pytest.raises(RunError, match=r"there.npz: exists already, .*; choose another file or remove it"):
        make_dataset((IMAGES, LABELS), ENCODER, (IMAGES, LABELS), file=there)
    assert there.read_bytes() == b"of a run"
    there.unlink()

    def broken() -> Iterator[tuple[np.ndarray, int]]:
        yield IMAGES[0], 0
        yield IMAGES[0][:1], 0

    with pytest.raises(DataError, match="training: images: "):
        make_dataset(broken(), ENCODER, (IMAGES, LABELS), file=tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return write_dataset(make_dataset((IMAGES, WORDS), ENCODER, name="meals"), tmp_path / "meals.npz")


def test_a_packed_data_set_is_read_as_it_was_written(packed: Path) -> None:
    made = make_dataset((IMAGES, WORDS), ENCODER, name="meals")
    read = load_dataset(packed)
    assert (read.name, read.classes, read.intensity_max) == ("meals", made.classes, 255)
    assert read.sha256 == made.sha256
    assert read.reference == str(packed)
    chosen = np.array([3, 1, 2])
    np.testing.assert_array_equal(read.train_images[chosen], made.train_images[chosen])
    content = packed.read_bytes()
    assert write_dataset(read, packed.with_name("again.npz")).read_bytes() == content


def _without(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with np.load(path) as arrays:
            kept = {key: arrays[key] for key in arrays if key != name}
        np.savez(path, **kept)

    return damage


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _compressed(path: Path) -> None:
    with np.load(path) as arrays:
        kept = dict(arrays)
    np.savez_compressed(path, **kept)


@pytest.mark.parametrize("name", ["../../precious/best", "/precious", "a\\b", "a\nb", ""])
def test_a_packed_data_set_whose_name_is_a_path_is_refused(name: str, packed: Path) -> None:
    with np.load(packed) as arrays:
        kept = dict(arrays)
    about = json.loads(kept["about"].tobytes()) | {"name": name}
    np.savez(packed, **(kept | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}))
    for read in (read_dataset, load_dataset):
        with pytest.raises(DataError, match=r"meals.npz: .* is not a valid name for a .*data set"):
            read(packed)
    named = dataclasses.replace(make_dataset((IMAGES, WORDS), ENCODER), name=name)
    with pytest.raises(DataError, match=r"other.npz: .* is not a valid name for a .*data set"):
        write_dataset(named, "other.npz")


def test_a_file_that_changes_while_it_is_open_is_refused(packed: Path) -> None:
    opened = load_dataset(packed)
    assert len(opened.train_images[:2]) == 2
    packed.unlink()
    write_dataset(make_dataset((IMAGES[::-1], WORDS), ENCODER, name="meals"), packed)
    with pytest.raises(DataError, match=r"meals.npz: has changed since it was opened; open it again"):
        opened.train_images[:2]
    assert load_dataset(packed).sha256 != opened.__dict__.get("sha256")


def test_recordings_belong_to_the_windows_they_were_made_with(tmp_path: Path) -> None:
    events = np.array([(1, 0, 90_000, 0)], dtype=[("x", int), ("y", int), ("t", int), ("p", int)])
    encoder = EventEncoder((1, 2, 1), t_max=100.0)
    path = write_dataset(make_dataset(([events] * 4, [0, 1, 0, 1]), encoder), tmp_path / "events.npz")
    made = load_dataset(path)
    layers = [Layer("output", Dense(2))]
    network = Network.chain("own", encoder, layers, 200.0, training=Training(validation=1))
    assert load_splits(network, made).test.latencies(np.arange(1)).ravel().tolist() == [np.inf, 90.0]
    remedy = "which differs in own; make the data set again, or use these"
    for change, former in (({"t_max": 10.0}, "t_max = 100.0"), ({"origin": "first-event"}, "origin = 'recording'")):
        other = dataclasses.replace(network, encoder=dataclasses.replace(encoder, **change))
        with pytest.raises(DataError, match=f"was made with encoder.{former}, {remedy}"):
            load_splits(other, made)
    times = np.full((1, 1, 2, 1), 90_000, np.int32)  # of a file that does not say
    with pytest.raises(DataError, match=r"recordings: contain times outside the encoder's window of 10 ms"):
        EventEncoder((1, 2, 1), t_max=10.0).latencies(times)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without("about"), "contains no data set"),
        (_without("train_samples"), "contains no data set"),
        (_cut, "is not a readable .npz"),
        (_compressed, "is compressed"),
        (lambda path: path.write_bytes(b""), "is not a readable .npz"),
        (lambda path: path.unlink(), "no such file; point --data-dir to its folder, or .* with --dataset OTHER.npz"),
    ],
)
def test_damaged_files_are_refused(damage: Callable[[Path], None], message: str, packed: Path) -> None:
    damage(packed)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(packed)
    assert str(packed) in str(caught.value)


def test_a_type_of_samples_that_rows_make_as_they_are_needed() -> None:
    class Generated:
        """A sample is drawn by its number."""

        shape = (1_000_000, 2, 2, 1)
        dtype = np.dtype(np.float64)

        def __len__(self) -> int:
            return self.shape[0]

        def __getitem__(self, rows: Any) -> np.ndarray:
            return np.stack([np.random.default_rng(row).random((2, 2, 1)) for row in np.arange(len(self))[rows]])

    labels = np.arange(1_000_000) % 2
    data = Dataset("drawn", "here", Generated(), labels, IMAGES, LABELS % 2, 255.0, ("a", "b"))
    assert data.split("train")[0][np.array([999_999])].shape == (1, 2, 2, 1)


@pytest.mark.parametrize("kind", ["Float64", "object", "mixed"])
def test_tables_of_several_types_of_numbers_are_numbers(kind: Any) -> None:
    table = pd.DataFrame({"a": [1.5, 0.0], "b": [0.0, 1.0]})
    given = table.assign(b=table["b"] > 0) if kind == "mixed" else table.astype(kind)
    np.testing.assert_array_equal(IntensityEncoder((1, 2, 1), 4.0).prepare(given).reshape(2, 2), table)


def test_test_samples_that_are_training_samples_are_noticed() -> None:
    generator = np.random.default_rng(3)
    images, labels = generator.random((50, 2, 2, 1)), np.arange(50) % 2
    with pytest.warns(DataWarning, match="^twice: 10 of 10 test images are training images too, so that"):
        make_dataset((images, labels), ENCODER, test=(images[:10], labels[:10]), name="twice")
    with pytest.warns(DataWarning, match="of 10 test images are training images too"):
        make_dataset((np.repeat(images[:5], 10, axis=0), labels), ENCODER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_dataset((images, labels), ENCODER, test=(generator.random((10, 2, 2, 1)), labels[:10]))
        make_dataset((images, labels), ENCODER, test=(np.concatenate([images[:1], 1 - images[:9]]), labels[:10]))


def test_two_tuples_are_samples_and_labels() -> None:
    """As ``tuple(zip(*pairs))`` gives them."""
    images = np.random.default_rng(0).random((6, 2, 2))
    pairs = [(image, number % 2) for number, image in enumerate(images)]
    encoder = IntensityEncoder((2, 2, 1), 16.0)
    made, expected = (make_dataset(form, encoder, name="n") for form in (tuple(zip(*pairs, strict=True)), pairs))
    np.testing.assert_array_equal(made.train_images, expected.train_images)
    np.testing.assert_array_equal(made.train_labels, expected.train_labels)
