"""Costs as NeuroBench defines them: counted synapse by synapse, and equal to those of the neurobench package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch, Latencies, make_engine
from netsim.measuring.costs import Costs, costs, shown
from netsim.measuring.metrics import neuron_spikes
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

PRESENTATIONS = 7


def _neurons(onset: float) -> Neurons:
    return Neurons("phased", 1.0, 16.0, onset, onset + 32.0, 1.0, bias=True)


NETWORK = Network.chain(
    "costly",
    IntensityEncoder((8, 8, 2), 16.0),
    (
        Layer("conv1", Convolution(4, 3, padding=1), _neurons(16.0)),
        Layer("pool", Pooling(2)),
        Layer("conv2", Convolution(3, 2, stride=2), _neurons(48.0)),
        Layer("hidden", Dense(9), _neurons(80.0)),
        Layer("output", Dense(5), _neurons(112.0)),
    ),
    160.0,
)


@pytest.fixture(scope="module")
def presented() -> tuple[Weights, Latencies]:
    """Weights of which a third are 0, and what they make of a few stimuli."""
    generator = np.random.default_rng(3)
    weights = initial_weights(NETWORK, seed=3)
    for name, array in weights.items():
        if name.endswith("kernel"):
            weights[name] = np.where(generator.random(array.shape) < 0.33, 0.0, 3 * array)
    stimuli = np.where(
        generator.random((PRESENTATIONS, 8, 8, 2)) < 0.5, generator.uniform(0, 16, (PRESENTATIONS, 8, 8, 2)), np.inf
    )
    return weights, make_engine("event", NETWORK).present(Batch(stimuli, weights))


@pytest.fixture(scope="module")
def measured(presented: tuple[Weights, Latencies]) -> Costs:
    weights, latencies = presented
    return costs(NETWORK, weights, neuron_spikes(latencies), PRESENTATIONS)


def test_synapse_by_synapse(presented: tuple[Weights, Latencies], measured: Costs) -> None:
    weights, latencies = presented
    dense = effective = 0
    for projection in NETWORK.weighted:
        fired = np.isfinite(latencies[projection.source]).reshape(PRESENTATIONS, -1)
        kernel = weights[f"{projection.name}.kernel"].ravel()
        for pre, _, weight in zip(*NETWORK.connections(projection), strict=True):
            dense += 1
            effective += int(fired[:, pre].sum()) if kernel[weight] else 0
    assert measured.dense_operations == dense
    assert measured.effective_operations == effective / PRESENTATIONS
    assert 0 < measured.effective_operations < dense
    assert measured.energy_nj == pytest.approx(0.9e-3 * effective / PRESENTATIONS)
    assert measured.dense_energy_nj == pytest.approx(4.6e-3 * dense)


def test_spikes_and_silence(presented: tuple[Weights, Latencies], measured: Costs) -> None:
    fired = np.concatenate(
        [np.isfinite(presented[1][population.name]).ravel() for population in NETWORK.integrating]
    )  # not the relays
    assert measured.spikes_per_neuron == pytest.approx(fired.mean())
    assert measured.activation_sparsity == pytest.approx(1 - fired.mean())
    assert 0.05 < measured.spikes_per_neuron < 0.95


def test_sparsity_and_footprint_are_those_of_all_weights_together() -> None:
    """A layer counts by its size: of 64·8 + 8·2 weights 256 + 16 are 0."""
    layers = [Layer("hidden", Dense(8), _neurons(16.0)), Layer("output", Dense(2), _neurons(48.0))]
    network = Network.chain("two", IntensityEncoder((8, 8, 1), 16.0), layers, 160.0)
    weights = initial_weights(network, seed=3)
    weights["hidden.kernel"] = np.tile([0.0, 1.0], (64, 4))
    weights["output.kernel"] = np.zeros((8, 2))
    silent = {name: np.zeros(shape, int) for name, shape in network.shapes.items()}
    result = costs(network, weights, silent, 1)
    assert result.connection_sparsity == pytest.approx((256 + 16) / (512 + 16))
    assert result.footprint_bytes == 4 * (512 + 16 + 8 + 2)


def test_every_figure_is_shown(measured: Costs) -> None:
    assert len(shown(measured)) == len(vars(measured))


def test_equal_to_neurobench(presented: tuple[Weights, Latencies], measured: Costs) -> None:
    """The same layers as a torch module, whose activations are the recorded spikes."""
    torch = pytest.importorskip("torch", reason="needs the extra bench: pip install -e '.[bench]'")
    pytest.importorskip("neurobench", reason="needs the extra bench: pip install -e '.[bench]'")
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import TorchModel

    weights, latencies = presented
    spikes = {name: torch.from_numpy(np.isfinite(times).astype(np.float32)) for name, times in latencies.items()}
    spikes |= {name: each.movedim(-1, 1) for name, each in spikes.items() if each.ndim == 4}

    class Recorded(torch.nn.Module):  # type: ignore[name-defined]
        """An activation that gives what a population did."""

        def __init__(self, population: str) -> None:
            super().__init__()
            self.population = population

        def forward(self, potentials: Any) -> Any:
            assert potentials.shape == spikes[self.population].shape
            return spikes[self.population]

    def filled(layer: Any, name: str, flat_from: tuple[int, ...] | None = None) -> Any:
        kernel = weights[f"{name}.kernel"]
        if kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)
        elif flat_from is not None:  # torch flattens channels first
            kernel = kernel.reshape(*flat_from, -1).transpose(2, 0, 1, 3).reshape(kernel.shape).T
        else:
            kernel = kernel.T
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            layer.bias.copy_(torch.from_numpy(weights[f"{name}.bias"]))
        return layer

    nn = torch.nn
    module = nn.Sequential(
        filled(nn.Conv2d(2, 4, 3, padding=1), "conv1"), Recorded("conv1"), nn.MaxPool2d(2),
        filled(nn.Conv2d(4, 3, 2, stride=2), "conv2"), Recorded("conv2"), nn.Flatten(),
        filled(nn.Linear(12, 9), "hidden", NETWORK.shapes["conv2"]), Recorded("hidden"),
        filled(nn.Linear(9, 5), "output"), Recorded("output"),
    )  # fmt: skip
    model = TorchModel(module)
    model.add_activation_module(Recorded)
    model.register_hooks()
    model(spikes["stimulus"])
    data = (spikes["stimulus"], torch.zeros(PRESENTATIONS))
    operations = SynapticOperations()(model, None, data)

    assert Footprint()(model) == measured.footprint_bytes
    assert ConnectionSparsity()(model) == round(measured.connection_sparsity, 4)
    assert ActivationSparsity()(model, None, data) == pytest.approx(measured.activation_sparsity)
    assert operations["Effective_MACs"] == 0
    assert float(operations["Effective_ACs"]) == pytest.approx(measured.effective_operations)
    assert float(operations["Dense"]) == pytest.approx(measured.dense_operations)
