"""A data set that another, installed package registers is known to every command by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
def installed(tmp_path: Path) -> Path:
    """The folder of the package."""
    site = tmp_path / "site"
    information = site / "stripes-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stripes\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[netsim.data_set]\nstripes = stripes:SOURCE\n")
    (site / "stripes.py").write_text(MODULE + "\nSOURCE = Stripes()\n")
    return site


def test_it_is_offered_trained_on_and_evaluated(
    installed: Path, tmp_path: Path, in_one_process: Callable[..., Any]
) -> None:
    (tmp_path / "network.toml").write_text(dumps_network(load_preset("digits")))
    helped, found, trained, evaluated = in_one_process(
        installed,
        "netsim train --help",
        "netsim data --json",
        "netsim train network.toml --dataset stripes --limit 300 --epochs 1 --out run",
        "netsim evaluate run --json",
        folder=tmp_path,
    ).values()
    assert "tonic:NAME, or stripes, in place of" in helped.printed
    assert json.loads(found.printed)["stripes"][0]["found"]
    trained.check()
    assert json.loads(evaluated.printed)["strict_accuracy"] == 1.0
