"""What holds for the weights after every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netsim.learning.constraints import constraints_of
from netsim.learning.constraints.balance import Balance
from netsim.learning.constraints.bound import Bound
from netsim.learning.constraints.sign import Sign
from netsim.specification import Network, Weighting
from netsim.weights.initial import initial_weights


def _with_signs(network: Network, **signs: Any) -> Network:
    projections = [dataclasses.replace(p, sign=signs.get(p.name, p.sign)) for p in network.projections]
    return dataclasses.replace(network, projections=tuple(projections))


def test_a_network_without_any_has_none(small_network: Callable[..., Network]) -> None:
    assert constraints_of(small_network()) == []


def test_they_are_enforced_in_the_order_of_their_names(small_network: Callable[..., Network]) -> None:
    binary = dataclasses.replace(small_network(balanced=True), weighting=Weighting("binary"))
    assert [type(constraint) for constraint in constraints_of(binary)] == [Balance, Bound]
    signed = _with_signs(small_network(balanced=True), hidden="excitatory")
    assert [type(constraint) for constraint in constraints_of(signed)] == [Balance, Sign]


def test_weights_that_are_balanced_have_a_mean_of_zero(small_network: Callable[..., Network]) -> None:
    network = _with_signs(small_network(balanced=True), hidden="inhibitory")
    weights = initial_weights(network, 0)
    hidden = weights["hidden.kernel"].copy()
    (balance, _) = constraints_of(network)
    balance.enforce(weights)
    np.testing.assert_allclose(weights["conv.kernel"].mean(axis=(0, 1, 2)), 0, atol=1e-15)
    np.testing.assert_allclose(weights["output.kernel"].mean(axis=0), 0, atol=1e-15)
    np.testing.assert_array_equal(weights["hidden.kernel"], hidden)  # cannot have both


def test_latent_weights_are_bounded_by_their_initial_spread(small_network: Callable[..., Network]) -> None:
    network = dataclasses.replace(small_network(clip=0.5), weighting=Weighting("binary"))
    (bound,) = constraints_of(network)
    weights = initial_weights(network, 0)
    bound.enforce(weights)
    assert np.abs(weights["hidden.kernel"]).max() == pytest.approx(0.5 * 1.5 / np.sqrt(48))
    assert np.abs(weights["conv.kernel"]).max() == pytest.approx(0.5 * 1.5 / np.sqrt(18))


def test_signs_are_kept(small_network: Callable[..., Network]) -> None:
    network = _with_signs(small_network(), hidden="excitatory", output="inhibitory")
    (sign,) = constraints_of(network)
    weights = initial_weights(network, 0)
    free = weights["conv.kernel"].copy()
    for name in ("hidden.kernel", "output.kernel"):
        weights[name] *= np.random.default_rng(1).choice([-1, 1], weights[name].shape)
    mixed = {name: array.copy() for name, array in weights.items()}
    sign.enforce(weights)
    np.testing.assert_array_equal(weights["hidden.kernel"], np.maximum(mixed["hidden.kernel"], 0))
    np.testing.assert_array_equal(weights["output.kernel"], np.minimum(mixed["output.kernel"], 0))
    np.testing.assert_array_equal(weights["conv.kernel"], free)
    row = sign.describe(network)
    assert row is not None
    assert "`hidden` (excitatory)" in row[1]
    assert "`output` (inhibitory)" in row[1]


@pytest.mark.parametrize("weighting", ["real", "binary"])
def test_static_weights_are_left_alone(small_network: Callable[..., Network], weighting: Any) -> None:
    network = dataclasses.replace(small_network(balanced=True), weighting=Weighting(weighting))
    static: dict[str, Any] = {"plastic": False, "sign": "excitatory" if weighting == "real" else "any"}
    projections = [dataclasses.replace(p, **static) if p.name == "hidden" else p for p in network.projections]
    network = dataclasses.replace(network, projections=tuple(projections))
    weights = initial_weights(network, 0)
    weights["hidden.kernel"][:] = -7.0
    for constraint in constraints_of(network):
        constraint.enforce(weights)
    assert (weights["hidden.kernel"] == -7.0).all()
