"""Small IDX folders, and a web server for downloads."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from netsim.data.idx import write_idx
from netsim.seams import datasets

MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """A function that writes a folder of small images with labels."""

    def make(
        name: str, seed: int = 0, suffix: str = "", train: int = 12, test: int = 5, shape: tuple[int, ...] = (6, 7)
    ) -> Path:
        generator = np.random.default_rng(seed)
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        kind = f"idx{len(shape) + 1}-ubyte{suffix}"
        for split, count in (("train", train), ("t10k", test)):
            write_idx(folder / f"{split}-images-{kind}", generator.integers(0, 256, (count, *shape), dtype=np.uint8))
            labels = np.arange(count, dtype=np.uint8) % 4
            write_idx(folder / f"{split}-labels-idx1-ubyte{suffix}", generator.permutation(labels))
        return folder

    return make


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data of this machine: the cache and Debian's folder lie in the test's own."""
    monkeypatch.delenv("NETSIM_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    packages = (("Debian package", tmp_path / "debian"),)
    elsewhere = dataclasses.replace(cast(Any, datasets["fashion-mnist"]), packages=packages)
    monkeypatch.setitem(datasets._entries, "fashion-mnist", elsewhere)


@pytest.fixture
def small_sources(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Stand-ins for MNIST and Fashion-MNIST, and the folders that hold them."""
    folders = {"mnist": make_folder("origin/one", seed=1), "fashion-mnist": make_folder("origin/two", seed=2)}
    for name, folder in folders.items():
        contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        monkeypatch.setitem(
            datasets._entries,
            name,
            dataclasses.replace(
                cast(Any, datasets[name]),
                classes=tuple("0123456789"),
                mirrors=(),
                sha256={file: hashlib.sha256(content).hexdigest() for file, content in contents.items()},
                sizes={file: len(content) for file, content in contents.items()},
            ),
        )
    return folders


class Mirror:
    """A web server on this machine.

    Attributes
    ----------
    address : str
    folder : Path
        What it offers.
    requests : list of str
        Paths that were asked for.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.requests: list[str] = []
        mirror = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.requests.append(self.path)
                super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def offer(self, origin: Path, level: int = 9) -> None:
        """Offer the files of a folder as gzip."""
        for path in origin.iterdir():
            (self.folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), level))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def make_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Mirror]]:
    """A function that starts a mirror."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    started: list[Mirror] = []

    def make(name: str) -> Mirror:
        started.append(Mirror(tmp_path / "mirrors" / name))
        return started[-1]

    yield make
    for mirror in started:
        mirror.close()
