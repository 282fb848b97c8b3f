"""Networks of all kinds learn with default settings, without tuning by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import netsim
from netsim.specification import Network
from netsim.training.loop import run_training
from netsim.training.starting import start_training
from tests.training.own_graphs import chain, own_graph, reported_graph

EPOCHS = 20
GRAPHS = range(30)
WITHIN = 0.03
"""Strict validation accuracy that a graph may lack against the chain of the same size."""


def accuracy(network: Network) -> float:
    """The best strict validation accuracy of a training with seed 0."""
    splits, engine = netsim.load_splits(network), netsim.make_engine("event", network, precision="single")
    state = start_training(network, 0)
    history = run_training(engine, network, splits.training, splits.validation, state, 0).history
    return max(float(row["validation_strict_accuracy"]) for row in history)


def lacks(graph: Network) -> float:
    """Print and return by how much a graph is worse than its chain."""
    of_graph, of_chain = accuracy(graph), accuracy(chain(graph, graph.training.epochs))
    print(f"{graph.name} ({graph.output.dynamics.regime}): {of_graph:.2%}, chain {of_chain:.2%}", flush=True)
    return of_chain - of_graph


@pytest.mark.nightly
def test_the_reported_network_learns_nearly_as_well_as_a_chain() -> None:
    assert lacks(reported_graph(EPOCHS)) <= WITHIN


@pytest.mark.nightly
def test_nearly_all_random_networks_learn_nearly_as_well_as_chains(tmp_path: Path) -> None:
    lack_of = {seed: lacks(own_graph(seed, tmp_path, EPOCHS)) for seed in GRAPHS}
    assert sum(lack <= WITHIN for lack in lack_of.values()) >= 27, lack_of


def test_the_reported_network_learns() -> None:
    assert accuracy(reported_graph(epochs=2)) > 0.85
