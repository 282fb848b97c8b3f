"""The gallery has an example of every figure, analysis, study and experiment, and pictures of pages are up to date."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import pytest

from netsim.seams import analyses, experiments, figures, studies

ROOT = Path(__file__).parents[2]
REGISTRIES: dict[str, Any] = {"figures": figures, "analyses": analyses, "studies": studies, "experiments": experiments}


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    return _module(ROOT / "docs" / "_extensions" / "gallery_examples.py")


def test_every_entry_has_an_example(gallery: ModuleType, tmp_path: Path) -> None:
    gallery.write_examples(tmp_path)
    for section, registry in REGISTRIES.items():
        examples = {path.stem.split("_", 2)[2] for path in (tmp_path / section).glob("*_*_*.py")}
        assert examples == {name.replace("-", "_") for name in registry}
        for path in (tmp_path / section).glob("*.py"):
            compile(path.read_text("utf-8"), path.name, "exec")


def test_old_examples_are_removed(gallery: ModuleType, tmp_path: Path) -> None:
    gallery.write_examples(tmp_path)
    (tmp_path / "studies" / "plot_study_gone.py").write_text("")
    gallery.write_examples(tmp_path)
    assert not (tmp_path / "studies" / "plot_study_gone.py").exists()


@pytest.mark.nightly  # half a minute of a processor
def test_every_example_draws(gallery: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gallery" / "_examples"
    gallery.write_examples(folder)
    gallery._train(SimpleNamespace(srcdir=tmp_path))
    for path in sorted(folder.glob("*/plot_*.py")):
        monkeypatch.chdir(path.parent)
        exec(compile(path.read_text("utf-8"), path.name, "exec"), {"__name__": "__main__"})
        assert plt.get_fignums(), path.name
        plt.close("all")


def test_pictures_are_as_new_as_the_code_that_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    assert _module(ROOT / "scripts" / "figures.py").stale() == [], "run python scripts/figures.py --changed"


def test_every_picture_is_drawn_by_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    drawn = {each.path for each in _module(ROOT / "scripts" / "figures.py").PICTURES}
    long = {
        "concepts/learning_rule/gradients.png",  # the program of the page, for all rows of its table
        "concepts/sparsity/activity.png",  # two sweeps and the program of the page
        "howto/brian2_models/psp.png",  # the program of the page
        "results/accuracy/yin-yang.png",  # netsim experiment delays, see the page
        "results/robustness/lost.png",  # scripts/robustness.py
        "howto/sweeps/threshold.png",  # a sweep and the program of the page
        *(f"howto/experiments/{name}.png" for name in experiments),
    }
    docs = ROOT / "docs"
    written = {"_build", "gallery", "generated", "objects"}
    there = {
        path.relative_to(docs).as_posix()
        for path in docs.rglob("*.png")
        if not written & set(os.fspath(path).split("/"))
    }
    assert there == drawn | long
