"""CIFAR-10 from the original binary and Python batches, and from pictures in class folders and archives."""

from __future__ import annotations

import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netsim.data.cifar import CLASSES
from netsim.data.loading import listed_datasets, load_dataset, where
from netsim.data.stimuli import Stimuli
from netsim.errors import DataError
from netsim.specification import IntensityEncoder, OnOffEncoder

REAL_DATA = os.environ.get("NETSIM_DATA")  # before the tests' own places take over
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
Make = Callable[[Path], None]


def _drawn(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Two images of each class, and their labels."""
    generator = np.random.default_rng(batch)
    return generator.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8), np.arange(20) % 10


def _rows(images: np.ndarray) -> np.ndarray:
    return np.moveaxis(images, 3, 1).reshape(len(images), -1)


def _binary(folder: Path) -> None:
    for number, name in enumerate(BATCHES):
        images, labels = _drawn(number)
        rows = np.column_stack([labels.astype(np.uint8), _rows(images)])
        (folder / f"{name}.bin").write_bytes(rows.tobytes())


def _python(folder: Path) -> None:
    for number, name in enumerate(BATCHES):
        images, labels = _drawn(number)
        batch = {b"batch_label": b"some", b"labels": labels.tolist(), b"data": _rows(images), b"filenames": [b"x"] * 20}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def _pictures(folder: Path, suffix: str = "png") -> None:
    for part, numbers in (("train", range(5)), ("test", range(5, 6))):
        for number in numbers:
            for index, (image, label) in enumerate(zip(*_drawn(number), strict=True)):
                path = folder / part / CLASSES[label] / f"{number}-{index}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)


def _archives(folder: Path) -> None:
    _pictures(folder)
    for part in ("train", "test"):
        with tarfile.open(folder / f"{part}.tar.gz", "w:gz") as archive:
            archive.add(folder / part, part)
        (folder / part).rename(folder / f"unpacked-{part}")


@pytest.mark.parametrize("make", [_binary, _python, _pictures, _archives])
@pytest.mark.parametrize("inner", ["cifar10", "cifar-10-batches-bin", ""])
def test_every_form_has_the_same_images(tmp_path: Path, make: Make, inner: str) -> None:
    folder = tmp_path / "base" / inner
    folder.mkdir(parents=True)
    make(folder)
    data = load_dataset("cifar10", tmp_path / "base")
    assert data.classes == CLASSES
    assert (data.shape, data.intensity_max) == ((32, 32, 3), 255)
    assert ("not the original pixels" in data.origin) == (make in (_pictures, _archives))
    drawn = [_drawn(number) for number in range(6)]
    images, labels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    for (given, numbers), chosen in (((data.train_images, data.train_labels), slice(0, 100)),
                                     ((data.test_images, data.test_labels), slice(100, 120))):  # fmt: skip
        keys = [image.tobytes() + bytes([label]) for image, label in zip(given, numbers, strict=True)]
        wanted = [image.tobytes() + bytes([label]) for image, label in zip(images[chosen], labels[chosen], strict=True)]
        assert sorted(keys) == sorted(wanted)
        if make in (_binary, _python):
            assert keys == wanted


def test_jpeg_files_are_close_to_the_originals(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label, word in enumerate(CLASSES):
            path = tmp_path / part / word / "0.JPG"
            path.parent.mkdir(parents=True)
            Image.new("RGB", (32, 32), (20 * label, 100, 200)).save(path, "JPEG")
    data = load_dataset("cifar10", tmp_path)
    reds = data.train_images[:, 16, 16, 0].astype(int)
    assert (abs(reds - 20 * data.train_labels) < 6).all()


@pytest.mark.parametrize("encoder", [IntensityEncoder((32, 32, 3), 16.0), OnOffEncoder((32, 32, 6), 16.0)])
def test_encoders_of_images_read_colours(tmp_path: Path, encoder: Any) -> None:
    _binary(tmp_path)
    data = load_dataset("cifar10", tmp_path)
    stimuli = Stimuli(data.test_images, data.test_labels, data.intensity_max, encoder, data.classes)
    latencies = stimuli.latencies(np.arange(3))
    assert latencies.shape == (3, *encoder.shape)
    assert np.isfinite(latencies).any(axis=(0, 1, 2)).all()


def _pickled(length: int, labels: list[int]) -> bytes:
    return pickle.dumps({b"data": np.zeros((2, length), np.uint8), b"labels": labels})


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harm",)


def test_a_pickle_executes_nothing(tmp_path: Path) -> None:
    _python(tmp_path)
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": _Harm(), b"labels": []}))
    with pytest.raises(DataError, match=r"data_batch_3: is not a Python batch of CIFAR-10 \(contains posix.mkdir\)"):
        load_dataset("cifar10", tmp_path)
    assert not Path("harm").exists()


@pytest.mark.parametrize(
    ("make", "file", "content", "message"),
    [
        (_binary, "test_batch.bin", b"", "has 0 bytes, no multiple of 3,073"),
        (_binary, "data_batch_2.bin", b"12", "has 2 bytes, no multiple of 3,073"),
        (_binary, "data_batch_2.bin", b"\x0b" * 3073, "has the label 11, and classes are numbered 0 to 9"),
        (_python, "test_batch", _pickled(3072, [1, -1]), "has the label -1, and classes are numbered 0 to 9"),
        (_python, "test_batch", b"no pickle", "is not a Python batch of CIFAR-10"),
        (_python, "test_batch", _pickled(5, [1, 2]), "needs rows of"),
        (_pictures, "test/cat/5-3.png", b"no picture", r"5-3\.png: is not a picture"),
        (_archives, "test.tar.gz", b"no archive", r"test\.tar\.gz: cannot be read"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, make: Make, file: str, content: bytes, message: str) -> None:
    make(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset("cifar10", tmp_path)


def test_other_pictures_are_refused(tmp_path: Path) -> None:
    _pictures(tmp_path)
    Image.new("RGB", (16, 8)).save(tmp_path / "test" / "cat" / "5-3.png")
    with pytest.raises(DataError, match=r"has 16 x 8 pixels, and CIFAR-10 32 x 32; resize it"):
        load_dataset("cifar10", tmp_path)
    (tmp_path / "train" / "tree").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "train" / "tree" / "a.png")
    with pytest.raises(DataError, match="lies in no folder of a class; folders are airplane"):
        load_dataset("cifar10", tmp_path)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert "cifar10" in listed_datasets()
    with pytest.raises(DataError, match=r"cifar10: not found in .*cifar10; download the binary version from https"):
        load_dataset("cifar10", tmp_path)
    _binary(tmp_path)
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"\(lacks data_batch_4\)"):
        load_dataset("cifar10", tmp_path)
    for path in tmp_path.glob("data_batch_*.bin"):
        path.unlink()
    with pytest.raises(DataError, match=r"\(lacks data_batch_1\)"):  # the test images alone are a part of it
        load_dataset("cifar10", tmp_path)


@pytest.mark.nightly  # 60,000 pictures
def test_the_real_copies() -> None:
    if not REAL_DATA or not where("cifar10", REAL_DATA)[0].found:
        pytest.skip("needs cifar-10-jpeg/train.tar.gz and test.tar.gz in the folder of NETSIM_DATA")
    data = load_dataset("cifar10", REAL_DATA)
    assert np.bincount(data.train_labels).tolist() == [5000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    assert "not the original pixels" in data.origin
