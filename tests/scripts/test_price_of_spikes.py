"""The dense network that a preset is compared to, and the comparison."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.data.stimuli import load_splits
from netsim.errors import SpecificationError
from netsim.models.presets import load_preset
from netsim.runs.model import Model, load_model
from netsim.specification.toml import dumps_network
from netsim.weights.layout import weight_shapes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def price(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("price_of_spikes")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed; pip install 'netsim-snn[bench]'")


def _yin_yang(monkeypatch: pytest.MonkeyPatch, epochs: int) -> Model:
    """The trained model of yin-yang, which is loaded from now on as if it had learned for so many epochs."""
    model = load_model("yin-yang")
    training = dataclasses.replace(model.network.training, epochs=epochs)
    shorter = dataclasses.replace(model, network=dataclasses.replace(model.network, training=training))
    monkeypatch.setattr("netsim.runs.model.load_model", lambda _: shorter)
    return shorter


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
    price: Any, torch: Any, tmp_path: Path, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer epochs than the preset has; a training that is there is neither repeated nor taken for another."""
    model = _yin_yang(monkeypatch, epochs=12)
    network = model.network
    options = ["yin-yang", "--runs", str(tmp_path), "--page", str(tmp_path)]
    done = invoke(price.main, options)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("validation accuracy") == 12
    table = np.genfromtxt(tmp_path / "price.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    kept, test = tmp_path / "yin-yang-seed0.json", load_splits(network).test
    dense = np.array(json.loads(kept.read_text())["choices"]) == test.labels
    spiking = price.spiking_decisions(network, model.weights, test)
    only_dense, only_spiking = (dense & ~spiking).mean(), (spiking & ~dense).mean()
    assert table["dense_test"] == pytest.approx(100 * dense.mean(), abs=1e-3)
    assert table["dense_test"] > 70
    assert table["price"] == pytest.approx(100 * (only_dense - only_spiking), abs=1e-3)
    variance = only_dense + only_spiking - (only_dense - only_spiking) ** 2
    assert table["half_width_95"] == pytest.approx(196 * math.sqrt(variance / len(test)), abs=1e-3)
    assert "validation accuracy" not in invoke(price.main, options).stderr
    kept.write_text(kept.read_text().replace('"epochs": 12', '"epochs": 13'))
    assert "made with other settings of yin-yang" in str(invoke(price.main, options).exception)


def test_what_was_interrupted_ends_as_what_was_not(
    price: Any, torch: Any, tmp_path: Path, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model("yin-yang")
    settings = dataclasses.replace(model.network.training, epochs=4)
    hidden, output = model.network.populations
    populations = (dataclasses.replace(hidden, dropout=0.2), output)
    network = dataclasses.replace(model.network, training=settings, populations=populations)
    monkeypatch.setattr("netsim.runs.model.load_model", lambda _: dataclasses.replace(model, network=network))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert invoke(price.main, ["yin-yang", "--runs", str(whole)]).exit_code == 0
    presented, calls = price._presented, iter(range(100))

    def interrupted(*given: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return presented(*given)

    with monkeypatch.context() as patched:
        patched.setattr(price, "_presented", interrupted)
        assert invoke(price.main, ["yin-yang", "--runs", str(broken)]).exit_code != 0
    assert sorted(file.name for file in broken.iterdir()) == ["yin-yang-seed0.pt"]
    resumed = invoke(price.main, ["yin-yang", "--runs", str(broken)])
    assert "epoch 2:" not in resumed.stderr
    assert resumed.stderr.count("validation accuracy") == 2
    results = [json.loads((folder / "yin-yang-seed0.json").read_text()) for folder in (whole, broken)]
    assert results[0]["choices"] == results[1]["choices"]
    assert results[0]["validation_accuracy"] == results[1]["validation_accuracy"]
    assert [file.name for file in broken.iterdir()] == ["yin-yang-seed0.json"]


def test_weights_decay_and_biases_do_not(price: Any, torch: Any) -> None:
    network = load_preset("yin-yang")
    dense = price.dense_network(torch, network)
    learning = dataclasses.replace(network.learning, rate=0.1, weight_decay=0.5)
    before = [one.detach().clone() for one in dense.parameters()]
    optimizer = price.adam(torch, dense, learning)
    for one in dense.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    for one, was in zip(dense.parameters(), before, strict=True):
        torch.testing.assert_close(one.detach(), was * (0.95 if one.ndim > 1 else 1.0))


def test_without_validation_the_last_epoch_is_tested(
    price: Any, torch: Any, tmp_path: Path, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = load_splits(_yin_yang(monkeypatch, epochs=2).network)
    all_learned = dataclasses.replace(splits, validation=splits.validation.first(0))
    monkeypatch.setattr("netsim.data.stimuli.load_splits", lambda *_: all_learned)
    done = invoke(price.main, ["yin-yang", "--runs", str(tmp_path), "--page", str(tmp_path)])
    assert done.exit_code == 0, done.exception
    assert done.stderr == "epoch 1: done\nepoch 2: done\n"
    kept = json.loads((tmp_path / "yin-yang-seed0.json").read_text())
    assert kept["best_epoch"] == 2
    assert "validation_accuracy" not in kept
    assert pd.read_csv(tmp_path / "price.csv")["dense_validation"].isna().all()


def test_a_checkpoint_of_other_settings_is_refused(
    price: Any, torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = _yin_yang(monkeypatch, epochs=1).network
    for settings in (network, dataclasses.replace(network, learning=dataclasses.replace(network.learning, rate=0.1))):
        dense = price.dense_network(torch, settings)
        state = price._Training(torch, dense, torch.optim.Adam(dense.parameters()), dense.state_dict())
        state.save(tmp_path / "yin-yang-seed0.pt", dumps_network(settings))
    with pytest.raises(SpecificationError, match=r"yin-yang-seed0\.pt: was begun with other settings; move it away"):
        price.main(["yin-yang"], runs=tmp_path)
    (tmp_path / "yin-yang-seed0.pt").write_bytes(b"PK half written")
    with pytest.raises(SpecificationError, match=r"yin-yang-seed0\.pt: is no checkpoint; move it away"):
        price.main(["yin-yang"], runs=tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [("digits", "has no trained weights"), ("bcsnn-mnist", "has a setting of weighting")],
)
def test_what_cannot_be_compared_is_refused(price: Any, row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match=f"^{row}: {message}"):
        price.main([row], runs=tmp_path)
