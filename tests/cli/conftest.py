"""The command line in this process, and a small run to work on."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.cli import main
from netsim.data.idx import write_idx
from netsim.models.presets import load_preset
from netsim.specification.toml import dumps_network


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        content: dict[str, Any] = json.loads(self.out)
        return content

    def refused(self, *words: str) -> None:
        """Check that it failed with one line on stderr that holds `words`, and nothing on stdout."""
        assert self.code != 0, self
        assert self.out == "", self
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("netsim: ")
        for word in words:
            assert word in lines[0]


Netsim = Callable[..., Done]


@pytest.fixture
def netsim(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Netsim:
    """A function that runs a command; what other code prints below Python counts too."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["netsim", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["netsim", "train", "digits", "--epochs=2", "--limit=300", f"--out={path}"])
        with pytest.raises(SystemExit):
            main()
    return path


@pytest.fixture
def run(_trained: Path, tmp_path: Path) -> Path:
    """A copy of a finished run: two epochs of 300 digits."""
    path = tmp_path / "run"
    shutil.copytree(_trained, path)
    return path


@pytest.fixture
def digits_toml() -> str:
    """The preset `digits` as TOML."""
    return dumps_network(load_preset("digits"))


@pytest.fixture
def idx_folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes random 8x8 images and labels as an IDX folder."""

    def make(name: str = "images", train: int = 300, labels: int | None = None, test: int = 40) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        generator = np.random.default_rng(0)
        for part, count, label_count in (("train", train, train if labels is None else labels), ("t10k", test, test)):
            images = generator.integers(0, 256, (count, 8, 8)).astype(np.uint8)
            write_idx(folder / f"{part}-images-idx3-ubyte", images)
            write_idx(folder / f"{part}-labels-idx1-ubyte", generator.integers(0, 10, label_count).astype(np.uint8))
        return folder

    return make


@pytest.fixture
def no_leftovers() -> Callable[[Path], None]:
    """A function that checks that a folder holds no temporary file."""

    def check(folder: Path) -> None:
        stray = [path for path in folder.rglob(".*") if path.name != ".lock"]
        assert stray == []

    return check


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save figures as empty files, in tests that read only tables. Drawing takes longer than the rest of a command."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, file, **options: None)
