"""The dense network that a preset is compared to, and the comparison."""

from __future__ import annotations

import dataclasses
import importlib
import io
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import netsim
from netsim.errors import RunError, SpecificationError
from netsim.weights.layout import weight_shapes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def price(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("price_of_spikes")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed; pip install 'netsim-snn[bench]'")


def _yin_yang(monkeypatch: pytest.MonkeyPatch, epochs: int) -> netsim.Model:
    """The trained model of yin-yang, which is loaded from now on as if it had learned for so many epochs."""
    model = netsim.load_model("yin-yang")
    training = dataclasses.replace(model.network.training, epochs=epochs)
    shorter = dataclasses.replace(model, network=dataclasses.replace(model.network, training=training))
    monkeypatch.setattr(netsim, "load_model", lambda _: shorter)
    return shorter


def test_the_dense_network_has_the_weights_of_the_preset(price: Any, torch: Any) -> None:
    network = netsim.load_preset("rcsnn-fashion")
    dense = price.dense_network(network)
    expected = sum(math.prod(shape) for shape in weight_shapes(network).values())
    assert sum(parameter.numel() for parameter in dense.parameters()) == expected
    assert [type(module).__name__ for module in dense][-3:] == ["Dropout", "Flatten", "Linear"]
    assert dense(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    with pytest.raises(SpecificationError, match=r"^ei-mnist: is no chain"):
        price.dense_network(netsim.load_preset("ei-mnist"))


def test_it_learns_and_is_compared_stimulus_by_stimulus(
    price: Any, torch: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer epochs than the preset has."""
    model = _yin_yang(monkeypatch, epochs=12)
    price.main(["yin-yang"], seed=0)
    shown = capsys.readouterr()
    assert shown.err.count("validation") == 12
    table = pd.read_csv(io.StringIO(shown.out)).iloc[0]
    splits = netsim.load_splits(model.network)
    best, validation, choices = price.trained(model.network, splits, 0)  # the same again
    dense, spiking = choices == splits.test.labels, price.decided(model, splits.test)
    only_dense, only_spiking = (dense & ~spiking).mean(), (spiking & ~dense).mean()
    assert (table["best_epoch"], table["dense_validation"]) == (best, pytest.approx(validation, abs=1e-3))
    assert table["dense_test"] == pytest.approx(100 * dense.mean(), abs=1e-3)
    assert table["dense_test"] > 70
    assert table["spiking_test"] == pytest.approx(100 * spiking.mean(), abs=1e-3)
    assert table["price"] == pytest.approx(100 * (only_dense - only_spiking), abs=1e-3)
    variance = only_dense + only_spiking - (only_dense - only_spiking) ** 2
    assert table["half_width_95"] == pytest.approx(196 * math.sqrt(variance / len(dense)), abs=1e-3)


def test_weights_decay_and_biases_do_not(price: Any, torch: Any) -> None:
    network = netsim.load_preset("yin-yang")
    dense = price.dense_network(network)
    learning = dataclasses.replace(network.learning, rate=0.1, weight_decay=0.5)
    before = [parameter.detach().clone() for parameter in dense.parameters()]
    optimizer = price.adam(dense, learning)
    for parameter in dense.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for parameter, was in zip(dense.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), was * (0.95 if parameter.ndim > 1 else 1.0))


def test_hidden_weights_are_normalised_as_in_the_preset(price: Any, torch: Any) -> None:
    network = netsim.load_preset("deep-cifar10")
    torch.manual_seed(0)
    dense = price.dense_network(network)
    *hidden, output = price.weighted_modules(dense)
    assert len(hidden) == 7
    for module in hidden:
        weights = module.weight.detach().flatten(1)
        torch.testing.assert_close(weights.mean(1), torch.zeros(len(weights)), atol=1e-6, rtol=0)
        lengths = module.parametrizations.weight.original0.detach().flatten()
        centred = weights.norm(dim=1) / lengths  # without the mean of 27 weights or more
        assert 0.8 < centred.min() <= centred.max() <= 1 + 1e-6
        assert lengths.mean().item() == pytest.approx(1.2, rel=0.06)
    assert output.weight.std().item() == pytest.approx(1 / 16, rel=0.1)
    assert not hasattr(output, "parametrizations")


@pytest.mark.parametrize("optimizer", ["adam", "weight-norm"])
def test_an_interrupted_training_continues_to_the_bit(
    price: Any, torch: Any, optimizer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = _yin_yang(monkeypatch, epochs=3).network
    learning = dataclasses.replace(network.learning, optimizer=optimizer)
    layers = [
        dataclasses.replace(population, dropout=0.1) if population.name == "hidden" else population
        for population in network.populations
    ]
    network = dataclasses.replace(network, learning=learning, populations=tuple(layers))
    splits = netsim.load_splits(network)
    at_once = price.trained(network, splits, 0)
    presented, calls = price.presented, iter(range(2))

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return presented(*arguments)

    monkeypatch.setattr(price, "presented", interrupted)
    with pytest.raises(KeyboardInterrupt):
        price.trained(network, splits, 0, tmp_path)
    monkeypatch.setattr(price, "presented", presented)
    best, validation, choices = price.trained(network, splits, 0, tmp_path)
    assert (best, validation) == at_once[:2]
    assert (choices == at_once[2]).all()
    longer = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=4))
    with pytest.raises(RunError, match="belongs to other settings of yin-yang; choose another folder"):
        price.trained(longer, splits, 0, tmp_path)


def test_without_validation_the_last_epoch_is_tested(
    price: Any, torch: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = netsim.load_splits(_yin_yang(monkeypatch, epochs=2).network)
    all_learned = dataclasses.replace(splits, validation=splits.validation.first(0))
    monkeypatch.setattr(netsim, "load_splits", lambda *_: all_learned)
    price.main(["yin-yang"], seed=0)
    table = pd.read_csv(io.StringIO(capsys.readouterr().out)).iloc[0]
    assert table["best_epoch"] == 2
    assert math.isnan(table["dense_validation"])


@pytest.mark.parametrize(
    ("row", "message"),
    [("digits", "has no trained weights"), ("bcsnn-mnist", "has a setting of weighting")],
)
def test_what_cannot_be_compared_is_refused(price: Any, row: str, message: str) -> None:
    with pytest.raises(SpecificationError, match=f"^{row}: {message}"):
        price.main([row], seed=0)
