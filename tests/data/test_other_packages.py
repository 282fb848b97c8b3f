"""A data set that another, installed package registers is known to every command by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netsim.models.presets import load_preset
from netsim.specification.toml import dumps_network

MODULE = """
import os
from netsim.data.places import Place
from netsim.data.source import Source

class Stripes(Source):
    notation = "stripes"
    summary = "upright and level stripes"

    def load(self, name, data_dir, encoder, on_progress):
        import numpy as np
        from netsim.data.dataset import Dataset
        labels = np.arange(3000) % 2
        images = np.zeros((3000, 8, 8, 1), np.uint8)
        images[labels == 0, ::2] = 9
        images[labels == 1, :, ::2] = 9
        return Dataset(name, "drawn", images, labels, images[:40], labels[:40], 9, ("level", "upright"))

    def places(self, name, data_dir):
        from pathlib import Path
        return [Place("drawn", Path(os.devnull), True)]
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that has the package."""
    site = tmp_path / "site"
    information = site / "stripes-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stripes\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[netsim.data_set]\nstripes = stripes:SOURCE\n")
    (site / "stripes.py").write_text(MODULE + "\nSOURCE = Stripes()\n")
    return os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200"}


def test_it_is_offered_trained_on_and_evaluated(installed: dict[str, str], tmp_path: Path) -> None:
    def netsim(*arguments: str) -> str:
        command = [sys.executable, "-m", "netsim", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=installed, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "tonic:NAME, or stripes." in netsim("train", "--help")
    assert json.loads(netsim("data", "--json"))["stripes"][0]["found"]
    (tmp_path / "network.toml").write_text(dumps_network(load_preset("digits")))
    netsim("train", "network.toml", "--dataset", "stripes", "--limit", "300", "--epochs", "1", "--out", "run")
    assert json.loads(netsim("evaluate", "run", "--json"))["strict_accuracy"] == 1.0
