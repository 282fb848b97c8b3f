"""Data sets: what is loaded, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.data.dataset import split_validation
from netsim.data.idx import read_idx, write_idx
from netsim.data.loading import load_dataset
from netsim.errors import DataError, DataWarning
from netsim.seams import datasets

MakeFolder = Callable[..., Path]
REAL_DATA = os.environ.get("NETSIM_DATA")  # before the tests' own places take over


@pytest.mark.parametrize("by_its_file", [True, False])
def test_digits_have_a_fixed_split(by_its_file: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether scikit-learn's file is read or scikit-learn asked, as where a version of it keeps the file elsewhere."""
    if by_its_file:
        monkeypatch.delattr("sklearn.datasets.load_digits")
    else:
        monkeypatch.setattr("netsim.data.datasets.digits._folder", lambda: None)
    digits = load_dataset("digits")
    assert digits.train_images.shape == (1437, 8, 8, 1)
    assert digits.test_images.shape == (360, 8, 8, 1)
    assert digits.train_images.dtype == np.uint8
    assert digits.train_labels.dtype == np.int64
    assert digits.train_images.max() == digits.intensity_max == 16
    assert digits.classes == tuple("0123456789")
    assert (np.bincount(digits.test_labels) > 20).all()
    # the split that published figures were made with; it must never change
    assert digits.sha256 == "e610d5fed6161463ea2c9f1fd50dadcd979ec87cee61c70ead2a5aa1091dc7b9"


def test_no_digit_is_in_training_and_test() -> None:
    from sklearn.datasets import load_digits

    digits = load_dataset("digits")
    both = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64)
    everything = load_digits().data.astype(np.uint8)
    np.testing.assert_array_equal(both[np.lexsort(both.T)], everything[np.lexsort(everything.T)])


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_files_are_what_their_checksums_say(name: str) -> None:
    if not REAL_DATA or not (Path(REAL_DATA) / name).is_dir():
        pytest.skip(f"NETSIM_DATA names no folder with {name}")
    data = load_dataset(name, REAL_DATA)
    assert data.train_images.shape == (60000, 28, 28, 1)
    assert data.test_images.shape == (10000, 28, 28, 1)
    for split, file in (("train", "train"), ("test", "t10k")):
        images, labels = data.split(split)
        head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in images.shape[:3])
        digest = hashlib.sha256(head + images.tobytes()).hexdigest()
        assert digest == cast(Any, datasets[name]).sha256[f"{file}-images-idx3-ubyte"]
        head = b"\0\0\x08\x01" + len(labels).to_bytes(4, "big")
        digest = hashlib.sha256(head + labels.astype(np.uint8).tobytes()).hexdigest()
        assert digest == cast(Any, datasets[name]).sha256[f"{file}-labels-idx1-ubyte"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_idx_files_is_a_data_set(make_folder: MakeFolder, suffix: str) -> None:
    folder = make_folder("shapes", suffix=suffix)
    data = load_dataset(str(folder))
    assert data.name == "shapes"
    assert data.origin == str(folder)
    assert data.shape == (6, 7, 1)
    assert data.intensity_max == 255
    assert data.classes == ("0", "1", "2", "3")
    np.testing.assert_array_equal(data.train_images[..., 0], read_idx(folder / f"train-images-idx3-ubyte{suffix}"))
    np.testing.assert_array_equal(data.test_labels, read_idx(folder / f"t10k-labels-idx1-ubyte{suffix}"))
    assert "12 training and 5 test images of 6x7x1, 4 classes" in repr(data)


def test_labels_of_files_that_begin_with_one_are_noticed(make_folder: MakeFolder) -> None:
    folder = make_folder("mine")
    write_idx(folder / "train-labels-idx1-ubyte", 1 + np.arange(12, dtype=np.uint8) % 3)
    message = (
        "mine: labels count from 0 and range up to 3, which makes 4 classes, but no training sample has the label 0"
    )
    with pytest.warns(DataWarning, match=message):
        assert load_dataset(folder).classes == ("0", "1", "2", "3")


def test_channels_and_dotted_names_are_read(make_folder: MakeFolder) -> None:
    folder = make_folder("colours", shape=(6, 7, 3))
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("-idx", ".idx"))
    assert load_dataset(folder).shape == (6, 7, 3)


def test_the_checksum_tells_data_sets_apart(make_folder: MakeFolder) -> None:
    first, same, changed = (load_dataset(make_folder(name, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first.sha256 == same.sha256
    assert first.sha256 != changed.sha256


@pytest.mark.parametrize("part", ["train_images", "train_labels", "test_images", "test_labels"])
def test_the_checksum_depends_on_every_sample_and_label(part: str, make_folder: MakeFolder) -> None:
    data = load_dataset(make_folder("a"))
    changed = getattr(data, part).copy()
    changed[-1] = (changed[-1] + 1) % 2
    assert dataclasses.replace(data, **{part: changed}).sha256 != data.sha256


def test_splits_have_names(make_folder: MakeFolder) -> None:
    data = load_dataset(make_folder("shapes"))
    assert data.split("train")[0] is data.train_images
    assert data.split("test")[1] is data.test_labels


def _overwrite(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: write_idx(folder / name, array)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "t10k-labels-idx1-ubyte").unlink(), "lacks t10k-labels-idx1-ubyte"),
        (lambda folder: (folder / "train-images-idx3-ubyte").write_bytes(b""), "is not an IDX file"),
        (lambda folder: os.truncate(folder / "train-images-idx3-ubyte", 100), "train-images-idx3-ubyte: its header"),
        (_overwrite("train-labels-idx1-ubyte", np.zeros(11, np.uint8)), "12 train images but 11 train labels"),
        (_overwrite("t10k-labels-idx1-ubyte", np.zeros(6, np.uint8)), "5 test images but 6 test labels"),
        (_overwrite("t10k-labels-idx1-ubyte", np.full(5, 4, np.uint8)), "range from 4 to 4, but there are only 4"),
        (_overwrite("t10k-labels-idx1-ubyte", np.zeros((5, 1), np.uint8)), "2 dimensions, but 1 are needed"),
        (_overwrite("train-images-idx3-ubyte", np.zeros((12, 42), np.uint8)), "images need 3 or 4 dimensions, not 2"),
        (_overwrite("train-images-idx3-ubyte", np.zeros((0, 6, 7), np.uint8)), "is empty"),
        (_overwrite("train-labels-idx1-ubyte", np.zeros(0, np.uint8)), "is empty"),
        (_overwrite("t10k-images-idx3-ubyte", np.zeros((5, 7, 6), np.uint8)), "both must have the same shape"),
    ],
)
def test_bad_folders_are_refused_in_one_line(
    make_folder: MakeFolder, damage: Callable[[Path], object], message: str
) -> None:
    folder = make_folder("shapes")
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(folder)
    assert str(folder) in str(caught.value)


@given(n_train=st.integers(1, 500), share=st.floats(0, 1, exclude_max=True))
@settings(deadline=None, max_examples=50)
def test_validation_is_set_aside(n_train: int, share: float) -> None:
    count = int(share * n_train)
    train, validation = split_validation(n_train, count)
    assert len(validation) == count
    assert sorted([*train, *validation]) == list(range(n_train))
    assert list(train) == sorted(train)
    assert list(validation) == sorted(validation)


def test_validation_images_are_always_the_same() -> None:
    first, again = split_validation(1437, 180)[1], split_validation(1437, 180)[1]
    np.testing.assert_array_equal(first, again)
    assert first[:5].tolist() == [1, 3, 6, 8, 15]
