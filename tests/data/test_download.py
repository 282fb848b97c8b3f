"""Downloads, from web servers on this machine."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from netsim.data.loading import fetch, load_dataset
from netsim.errors import DataError
from netsim.seams import datasets

MakeMirror = Callable[[str], Any]
IMAGES = "train-images-idx3-ubyte"


@pytest.mark.parametrize("level", [1, 9])
def test_what_is_fetched_is_loaded(
    small_sources: dict[str, Path], make_mirror: MakeMirror, tmp_path: Path, level: int
) -> None:
    mirror = make_mirror("good")
    mirror.offer(small_sources["mnist"], level)
    folder = fetch("mnist", mirrors=[mirror.address])
    assert folder == tmp_path / "cache" / "mnist"
    assert sorted(path.name for path in folder.iterdir()) == sorted(p.name for p in small_sources["mnist"].iterdir())
    original = load_dataset(small_sources["mnist"])
    np.testing.assert_array_equal(load_dataset("mnist").train_images, original.train_images)


def test_the_known_mirrors_are_used(
    small_sources: dict[str, Path], make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = make_mirror("good")
    mirror.offer(small_sources["mnist"])
    monkeypatch.setitem(
        datasets._entries, "mnist", dataclasses.replace(cast(Any, datasets["mnist"]), mirrors=(mirror.address,))
    )
    assert (fetch("mnist") / IMAGES).is_file()


def test_what_is_there_is_not_fetched_again(small_sources: dict[str, Path], make_mirror: MakeMirror) -> None:
    mirror = make_mirror("good")
    mirror.offer(small_sources["mnist"])
    folder = fetch("mnist", mirrors=[mirror.address])
    assert len(mirror.requests) == 4
    (folder / IMAGES).write_bytes(b"damaged")
    fetch("mnist", mirrors=[mirror.address])
    assert mirror.requests[4:] == [f"/{IMAGES}.gz"]
    assert (folder / IMAGES).read_bytes() == (small_sources["mnist"] / IMAGES).read_bytes()


def test_mirrors_are_tried_in_turn(small_sources: dict[str, Path], make_mirror: MakeMirror, tmp_path: Path) -> None:
    empty, wrong, good = make_mirror("empty"), make_mirror("wrong"), make_mirror("good")
    wrong.offer(small_sources["fashion-mnist"])
    good.offer(small_sources["mnist"])
    dead = "http://127.0.0.1:9"
    folder = fetch("mnist", tmp_path / "own", [dead, empty.address, wrong.address, good.address + "/"])
    assert folder == tmp_path / "own"
    assert (folder / IMAGES).read_bytes() == (small_sources["mnist"] / IMAGES).read_bytes()
    assert len(empty.requests) == len(wrong.requests) == len(good.requests) == 4


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: b"<html>not found</html>", id="a page"),
        pytest.param(_cut, id="cut"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: gzip.compress(gzip.decompress(content) + b"more"), id="longer"),
        pytest.param(lambda content: gzip.compress(bytes(20_000_000)), id="a bomb"),
        pytest.param(lambda content: bytes(20_000_000), id="without an end"),
        pytest.param(lambda content: content[:-8] + bytes(8), id="a wrong checksum"),
    ],
)
def test_other_content_is_never_put_in_place(
    small_sources: dict[str, Path], make_mirror: MakeMirror, spoil: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    mirror = make_mirror("bad")
    mirror.offer(small_sources["mnist"])
    path = mirror.folder / f"{IMAGES}.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(
        DataError, match=rf"no mirror delivers {IMAGES}: {mirror.address} \(delivers different content\)"
    ):
        fetch("mnist", mirrors=[mirror.address])
    left = [entry.name for entry in (tmp_path / "cache" / "mnist").iterdir()]
    assert not [
        name for name in left if name == IMAGES or name not in {p.name for p in small_sources["mnist"].iterdir()}
    ]


def test_no_more_is_received_than_a_file_can_have(small_sources: dict[str, Path], make_mirror: MakeMirror) -> None:
    mirror = make_mirror("bad")
    mirror.offer(small_sources["mnist"])
    (mirror.folder / f"{IMAGES}.gz").write_bytes(bytes(20_000_000))
    received: list[int] = []
    with pytest.raises(DataError, match="delivers different content"):
        fetch("mnist", mirrors=[mirror.address], on_progress=lambda name, done, total: received.append(done))
    assert max(received) < 1_000_000


def test_without_a_mirror_nothing_is_fetched(small_sources: dict[str, Path]) -> None:
    with pytest.raises(DataError, match="mnist: no mirror delivers t10k-images-idx3-ubyte"):
        fetch("mnist", mirrors=[])


def test_when_no_mirror_answers_one_line_says_so(small_sources: dict[str, Path], make_mirror: MakeMirror) -> None:
    empty = make_mirror("empty")
    with pytest.raises(DataError) as caught:
        fetch("mnist", mirrors=["http://127.0.0.1:9", empty.address])
    message = str(caught.value)
    assert "\n" not in message
    assert "http://127.0.0.1:9 (cannot be reached)" in message
    assert f"{empty.address} (answers 404)" in message
    assert "NETSIM_DATA" in message


def test_progress_is_told(small_sources: dict[str, Path], make_mirror: MakeMirror) -> None:
    mirror = make_mirror("good")
    mirror.offer(small_sources["mnist"])
    messages: list[tuple[str, int, int]] = []
    fetch("mnist", mirrors=[mirror.address], on_progress=lambda *news: messages.append(news))
    assert {name for name, _, _ in messages} == {path.name for path in small_sources["mnist"].iterdir()}
    for name, received, total in messages:
        assert 0 < received <= total == (mirror.folder / f"{name}.gz").stat().st_size
    last = {name: received for name, received, _ in messages}
    assert last == {name: (mirror.folder / f"{name}.gz").stat().st_size for name in last}


def test_nothing_is_printed(
    small_sources: dict[str, Path], make_mirror: MakeMirror, capfd: pytest.CaptureFixture[str]
) -> None:
    mirror = make_mirror("good")
    mirror.offer(small_sources["mnist"])
    fetch("mnist", mirrors=[mirror.address])
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_cannot_be_made_is_named(small_sources: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"file.own: cannot be created"):
        fetch("mnist", tmp_path / "file" / "own")
