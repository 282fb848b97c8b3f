"""What exceeds the memory of a machine is refused before it is allocated."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import initial_weights, load_preset, open_training, start_training
from netsim.errors import SpecificationError
from netsim.specification import Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Random, Training
from netsim.weights import initial

BIAS = Neurons(bias=True)
WEIGHTS = 6 * 4 + 4 + 4 * 5 + 5


def _network(**settings: object) -> Network:
    layers = (Layer("hidden", Dense(4), BIAS), Layer("output", Dense(5), BIAS))
    return Network.chain("small", IntensityEncoder((2, 3, 1), 8.0), layers, 40.0, **settings)


def _limit(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setattr(initial, "machine_memory", lambda: size)


def test_weights_count_in_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch, 8 * WEIGHTS)
    initial_weights(_network(), 0)
    _limit(monkeypatch, 8 * WEIGHTS - 1)
    with pytest.raises(SpecificationError, match=r"^small: 53 weights need about .* fewer neurons \(output has 5\)"):
        initial_weights(_network(), 0)


@pytest.mark.parametrize(("optimizer", "precision", "arrays"), [("adam", "double", 5), ("sgd", "single", 2.5)])
def test_a_training_counts_moments_and_a_batch(
    optimizer: str, precision: str, arrays: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First, latent and best weights and one or two moments; 15 neurons of 7 presentations."""
    settings = {"learning": Learning(optimizer=optimizer), "training": Training(batch=7, precision=precision)}  # type: ignore[arg-type]
    needed = 8 * (arrays * WEIGHTS + 7 * 15)
    _limit(monkeypatch, needed)
    start_training(_network(**settings), 0)
    _limit(monkeypatch, needed - 1)
    with pytest.raises(SpecificationError, match=r"^small: 53 weights need about"):
        start_training(_network(**settings), 0)


def test_a_training_that_is_too_large_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch, 1e5)
    with pytest.raises(SpecificationError, match=r"^digits: 15,010 weights .* \(hidden has 200\)"):
        open_training("run", load_preset("digits"))
    assert not Path("run").exists()


def test_listed_synapses_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.chain(
        "listed", IntensityEncoder((2, 3, 1), 8.0), (Layer("output", Random(5, probability=0.5, seed=1)),), 40.0
    )
    needed = network.synapses * (8 + 12)
    _limit(monkeypatch, needed)
    initial_weights(network, 0)
    _limit(monkeypatch, needed - 1)
    with pytest.raises(SpecificationError, match=r"^listed: "):
        initial_weights(network, 0)


def test_this_machine_has_memory() -> None:
    assert initial.machine_memory() > 1e8
