"""Kernels are drawn as they are, each in its place."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netsim.analysis import kernels, weight_table
from netsim.errors import DataError
from netsim.specification import Convolution, Dense, EdgeList, IntensityEncoder, Layer, Network
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights


@pytest.fixture
def learned() -> Network:
    layers = (
        Layer("conv", Convolution(5, 3)),
        Layer("deep", Convolution(2, 2)),
        Layer("hidden", Dense(7)),
        Layer("output", Dense(2)),
    )
    return Network.chain("learned", IntensityEncoder((6, 8, 2), 16.0), layers, 32.0)


@pytest.fixture
def weights(learned: Network) -> Weights:
    return initial_weights(learned, 1)


def test_maps_are_pictures_on_one_scale(learned: Network, weights: Weights) -> None:
    axes = kernels(weight_table(learned, weights), columns=3, channel=1)
    mosaic = np.ma.filled(np.ma.asarray(axes.images[0].get_array()), np.nan)
    assert mosaic.shape == (2 * 4 - 1, 3 * 4 - 1)
    for feature in range(5):
        top, left = feature // 3 * 4, feature % 3 * 4
        np.testing.assert_array_equal(mosaic[top : top + 3, left : left + 3], weights["conv.kernel"][:, :, 1, feature])
    assert np.isnan(mosaic).sum() == mosaic.size - 5 * 9
    low, high = axes.images[0].get_clim()
    assert -low == high == np.abs(weights["conv.kernel"][:, :, 1]).max()
    assert axes.get_title(loc="left") == "conv: 5 kernels of 3×3, channel 1"
    assert axes.child_axes[0].get_ylabel() == "weight"


def test_dense_neurons_have_receptive_fields(learned: Network, weights: Weights) -> None:
    axes = kernels(weight_table(learned, weights), "hidden", channel=1, count=2)
    mosaic = np.ma.filled(np.ma.asarray(axes.images[0].get_array()), np.nan)
    fields = weights["hidden.kernel"].reshape(3, 5, 2, 7)
    np.testing.assert_array_equal(mosaic[:, :5], fields[:, :, 1, 0])
    np.testing.assert_array_equal(mosaic[:, -5:], fields[:, :, 1, 1])
    assert axes.get_title(loc="left") == "hidden: first 2 of 7 receptive fields of 3×5, channel 1"


def test_flat_fields_stand_in_columns_that_are_high_enough_for_a_scale() -> None:
    network = Network.chain("flat", IntensityEncoder((1, 12, 1), 16.0), [Layer("output", Dense(20))], 32.0)
    axes = kernels(weight_table(network, initial_weights(network, 1)))
    assert axes.images[0].get_size() == (10 * 3 - 2, 2 * 14 - 2)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    ticks = [label.get_window_extent() for label in axes.child_axes[0].get_yticklabels()]
    assert not any(first.overlaps(second) for first, second in itertools.pairwise(ticks))


def test_any_connectivity_has_receptive_fields(
    learned: Network, weights: Weights, without_windows: Callable[[Network], Network]
) -> None:
    """Without a kernel that slides, each neuron has a picture of its weights in their places of the source."""
    axes = kernels(weight_table(without_windows(learned), weights), "conv", channel=1, count=8, columns=8)
    mosaic = np.ma.filled(np.ma.asarray(axes.images[0].get_array()), np.nan)
    height, width = learned.encoder.shape[:2]
    assert mosaic.shape == (height, 8 * (width + 1) - 1)
    expected = np.full((height, width), np.nan)
    expected[0:3, 1:4] = weights["conv.kernel"][:, :, 1, 2]
    np.testing.assert_array_equal(mosaic[:, 7 * (width + 1) :], expected)  # row 0, column 1, map 2
    assert axes.get_title(loc="left") == "conv: first 8 of 120 receptive fields of 6×8, channel 1"


def test_the_synapses_of_two_neurons_are_drawn_as_their_sum() -> None:
    Path("edges.csv").write_text("pre,post,weight\n1,0,0.5\n3,0,1\n3,0,-0.25\n3,0,2\n", encoding="utf-8")
    network = Network.chain("x", IntensityEncoder((2, 2, 1), 5.0), [Layer("output", EdgeList(1, "edges.csv"))], 20.0)
    axes = kernels(weight_table(network, initial_weights(network, 0)))
    mosaic = np.ma.filled(np.ma.asarray(axes.images[0].get_array()), np.nan)
    np.testing.assert_array_equal(mosaic, [[np.nan, 0.5], [np.nan, 2.75]])


def test_what_cannot_be_drawn_is_refused(learned: Network, weights: Weights) -> None:
    frame = weight_table(learned, weights)
    with pytest.raises(DataError, match="layer output: reads a population without rows and columns"):
        kernels(frame, "output")
    with pytest.raises(DataError, match="layer pool: has no kernels"):
        kernels(frame, "pool")
    with pytest.raises(DataError, match="channel 2: does not exist; the input of conv has 0 to 1"):
        kernels(frame, channel=2)
    with pytest.raises(DataError, match="lacks the column weight"):
        kernels(frame.drop(columns="weight"))
