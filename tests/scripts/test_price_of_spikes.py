"""The dense network that a preset is compared to, and the comparison."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.data.stimuli import load_splits
from netsim.errors import SpecificationError
from netsim.models.presets import load_preset
from netsim.weights.layout import weight_shapes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def price(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("price_of_spikes")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed; pip install 'netsim-snn[bench]'")


def test_the_dense_network_has_the_weights_of_the_preset(price: Any, torch: Any) -> None:
    network = load_preset("rcsnn-fashion")
    dense = price.dense_network(torch, network)
    expected = sum(math.prod(shape) for shape in weight_shapes(network).values())
    assert sum(parameter.numel() for parameter in dense.parameters()) == expected
    assert [type(module).__name__ for module in dense][-3:] == ["Dropout", "Flatten", "Linear"]
    assert dense(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    with pytest.raises(SpecificationError, match=r"^ei-mnist: is no chain"):
        price.dense_network(torch, load_preset("ei-mnist"))


def test_it_learns_and_is_compared_stimulus_by_stimulus(
    price: Any, torch: Any, tmp_path: Path, invoke: Callable[..., Any]
) -> None:
    options = ["digits", "--epochs", "3", "--runs", str(tmp_path), "--page", str(tmp_path)]
    done = invoke(price.main, options)
    assert done.exit_code == 0, done.output
    table = np.genfromtxt(tmp_path / "price.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    choices = np.array(json.loads((tmp_path / "digits-seed0-3.json").read_text())["choices"])
    labels = load_splits(load_preset("digits")).test.labels
    assert table["dense_test"] == pytest.approx(100 * (choices == labels).mean(), abs=1e-3)
    assert table["dense_test"] > 70
    assert table["price"] == pytest.approx(table["dense_test"] - table["spiking_test"], abs=1e-3)
    # a pair that differs is worth one, so that the interval follows from how many there are
    assert 0 < table["half_width_95"] < 196 * math.sqrt(1 / len(labels))
    again = invoke(price.main, options)
    assert "epoch" not in again.stderr


def test_without_torch_it_says_what_to_install(price: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.rows import MissingLibraryError

    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'netsim-snn\[bench\]'"):
        price.imported("torch")
