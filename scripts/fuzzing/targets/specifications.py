"""TOML: networks, presented too, and plans of sweeps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts
from fuzzing.targets._networks import graphs, small_network
from fuzzing.targets._target import Target
from netsim.engines import Batch, make_engine
from netsim.models.presets import load_preset, preset_file, preset_names
from netsim.specification.toml import dumps_network, read_network
from netsim.sweeps.plan import read_plan
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import weight_shapes


def _toml_seeds() -> list[Parts]:
    texts = [preset_file(name).read_bytes() for name in preset_names()]
    return [{"toml": text} for text in [*texts, dumps_network(small_network()).encode()]]


def _read_toml(path: Path) -> object:
    network = read_network(path)
    path.write_text(dumps_network(network), encoding="utf-8")
    assert read_network(path) == network
    return network


def _simulate(path: Path) -> object:
    """Present a stimulus to whatever network a specification describes, if it is small."""
    network = read_network(path)
    weights = sum(math.prod(shape) for shape in weight_shapes(network).values())
    if weights + sum(math.prod(shape) for shape in network.shapes.values()) > 10**5:
        return None
    engine = make_engine("event", network, network.training.dt)
    stimulus = np.linspace(0, network.encoder.t_max, math.prod(network.encoder.shape), endpoint=False)
    latencies = engine.present(
        Batch(stimulus.reshape(1, *network.encoder.shape), forward_weights(network, initial_weights(network, 0)))
    )
    assert not any(np.isnan(layer).any() for layer in latencies.values())
    return latencies


def _small_specifications() -> list[Parts]:
    return [{"toml": dumps_network(network).encode()} for network in (small_network(), load_preset("digits"))]


def _graph_seeds() -> list[Parts]:
    return [{"toml": dumps_network(network).encode()} for network in graphs()]


_PLANS = (
    'base = "digits"\nseeds = [0, 1]\nlimit = 100\n[overrides]\n"training.epochs" = 2\n'
    '[grid]\n"learning.rate" = [0.001, 0.01]\n"layers.hidden.dropout" = [0.0, 0.2]\n',
    'base = "mlp-mnist"\n[random]\ncount = 3\nseed = 2\n"learning.rate" = { loguniform = [1e-4, 1e-2] }\n'
    '"layers.hidden.size" = { integers = [10, 20] }\n"learning.optimizer" = { choice = ["adam", "sgd"] }\n'
    "[random.learning]\nmargin = { uniform = [1.0, 2.0] }\n",
)


def _plan_seeds() -> list[Parts]:
    return [{"toml": text.encode()} for text in _PLANS]


TARGETS = {
    "toml": Target(_toml_seeds, _read_toml, "network.toml"),
    "simulation": Target(_small_specifications, _simulate, "network.toml"),
    "graph": Target(_graph_seeds, _simulate, "network.toml"),
    "sweep": Target(_plan_seeds, read_plan, "plan.toml"),
}
