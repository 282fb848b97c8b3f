"""Where known data sets are looked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netsim.data.idx import write_idx
from netsim.data.loading import find_source, listed_datasets, load_dataset, where
from netsim.data.places import Place
from netsim.errors import DataError

MakeFolder = Callable[..., Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base"
    path.mkdir()
    return path


def test_digits_are_always_there() -> None:
    (location,) = where("digits")
    assert location.found
    assert location.origin == "scikit-learn"
    assert location.path.is_dir()


def test_places_come_in_order(
    tmp_path: Path, base: Path, small_sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSIM_DATA", str(base))
    bases = {"NETSIM_DATA": base, "cache": tmp_path / "cache", "Debian package": tmp_path / "debian"}
    assert [location.origin for location in where("fashion-mnist")] == list(bases)
    assert [location.origin for location in where("mnist")] == ["NETSIM_DATA", "cache"]
    assert not any(location.found for location in where("fashion-mnist"))
    for origin in reversed(bases):  # the last to be looked at first, so that each one takes over
        shutil.copytree(small_sources["fashion-mnist"], bases[origin] / "fashion-mnist")
        assert load_dataset("fashion-mnist").origin == str(bases[origin] / "fashion-mnist")


def test_a_given_folder_is_the_only_one(
    base: Path, small_sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSIM_DATA", str(base))
    shutil.copytree(small_sources["mnist"], base / "mnist")
    (base / "empty").mkdir()
    assert load_dataset("mnist").name == "mnist"
    with pytest.raises(DataError, match=r"mnist: not found in .*empty.mnist; run 'netsim data mnist --fetch'"):
        load_dataset("mnist", base / "empty")
    with pytest.raises(DataError, match="nowhere: no such folder; name the folder with the files of mnist"):
        load_dataset("mnist", base / "nowhere")


def test_files_of_its_own_are_found_without_a_sub_folder(small_sources: dict[str, Path]) -> None:
    folder = small_sources["mnist"]
    assert load_dataset("mnist", folder).origin == str(folder)


def test_one_data_set_is_never_taken_for_the_other(base: Path, small_sources: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"mnist: not found in .*two \(contains fashion-mnist\)"):
        load_dataset("mnist", small_sources["fashion-mnist"])
    shutil.copytree(small_sources["fashion-mnist"], base / "mnist")
    with pytest.raises(DataError, match="contains fashion-mnist"):
        load_dataset("mnist", base)


def test_files_that_nobody_knows_need_the_name_on_their_folder(
    base: Path, make_folder: MakeFolder, small_sources: dict[str, Path]
) -> None:
    folder = make_folder("unknown", seed=9)
    with pytest.raises(DataError, match="contains another data set"):
        load_dataset("mnist", folder)
    shutil.copytree(folder, base / "mnist")
    assert load_dataset("mnist", base).origin == str(base / "mnist")
    assert load_dataset("mnist", base / "mnist").origin == str(base / "mnist")


def test_incomplete_and_damaged_folders_are_passed_over(
    tmp_path: Path, base: Path, small_sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSIM_DATA", str(base))
    shutil.copytree(small_sources["mnist"], base / "mnist")
    labels = base / "mnist" / "t10k-labels-idx1-ubyte"
    labels.unlink()
    with pytest.raises(DataError, match=r"base.mnist \(lacks t10k-labels-idx1-ubyte\), .*or set NETSIM_DATA"):
        load_dataset("mnist")
    labels.write_bytes(b"\0\0")
    assert "is not an IDX file" in where("mnist")[0].note
    shutil.copytree(small_sources["mnist"], tmp_path / "cache" / "mnist")
    assert load_dataset("mnist").origin == str(tmp_path / "cache" / "mnist")


def test_labels_beyond_the_classes_are_refused(base: Path, make_folder: MakeFolder) -> None:
    folder = make_folder("base/mnist")
    write_idx(folder / "train-labels-idx1-ubyte", np.full(12, 10, np.uint8))
    with pytest.raises(DataError, match="train labels range from 10 to 10, but there are only 10 classes"):
        load_dataset("mnist", base)


def test_known_names() -> None:
    assert listed_datasets() == ["digits", "mnist", "cifar10", "fashion-mnist", "spoken-digits", "yin-yang"]


def test_a_folder_is_looked_at_too(make_folder: MakeFolder) -> None:
    folder = make_folder("own")
    assert where(str(folder)) == [Place("folder", folder, True)]
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert where(str(folder)) == [Place("folder", folder, False, "lacks t10k-labels-idx1-ubyte")]


def test_names_that_last(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder("mnist")
    monkeypatch.chdir(folder.parent)
    for name, lasting in {"mnist": "mnist", "./mnist": str(folder), "tonic:NMNIST": "tonic:NMNIST"}.items():
        source = find_source(name)
        assert source is not None
        assert source.lasting_name(name) == lasting
    assert find_source("minst") is None
