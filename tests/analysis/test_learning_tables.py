"""Displacement, weight and metrics tables hold what learner, weights and runs hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import displacement_table, metrics_table, weight_table, write_table
from netsim.errors import DataError
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Population, Projection
from netsim.weights.initial import initial_weights


def test_displacements_are_the_learners(network: Network) -> None:
    outputs = np.array([[55.0, 50.0, np.inf, 60.0], [44.0, 50.0, 51.0, 41.0]])
    frame = displacement_table(network, outputs, labels=[0, 3], indices=[8, 2])
    assert frame.columns.tolist() == [
        "presentation",
        "label",
        "neuron",
        "latency_ms",
        "target_ms",
        "displacement_ms",
    ]
    assert frame["presentation"].tolist() == [8] * 4 + [2] * 4
    assert frame["neuron"].tolist() == [0, 1, 2, 3] * 2
    expected = STiDiBP(network).targets.displacement(outputs, np.array([0, 3])).displacement
    np.testing.assert_array_equal(frame["displacement_ms"], expected.ravel())
    selected = frame["label"] == frame["neuron"]
    assert (frame.loc[selected, "displacement_ms"] <= 0).all()
    assert (frame.loc[~selected, "displacement_ms"] >= 0).all()
    fired = frame["latency_ms"].notna()
    assert fired.tolist() == np.isfinite(outputs).ravel().tolist()
    np.testing.assert_allclose((frame["target_ms"] - frame["latency_ms"])[fired], frame["displacement_ms"][fired])
    silent = frame[~fired].iloc[0]
    assert silent["target_ms"] == pytest.approx(network.duration + silent["displacement_ms"])


def test_labels_without_an_output_neuron_are_refused(network: Network) -> None:
    with pytest.raises(DataError, match="labels: must be numbers of output neurons"):
        displacement_table(network, np.full((1, 4), 50.0), [4])


@pytest.fixture
def learned() -> Network:
    return Network.chain(
        "learned",
        IntensityEncoder((4, 5, 2), 16.0),
        (
            Layer("conv", Convolution(3, 2), neurons=Neurons(bias=True)),
            Layer("hidden", Dense(6)),
            Layer("output", Dense(2), neurons=Neurons(bias=True)),
        ),
        32.0,
    )


def test_every_weight_has_a_row(learned: Network) -> None:
    weights = initial_weights(learned, 3)
    weights["conv.bias"][:] = [1.0, 2.0, 3.0]
    frame = weight_table(learned, weights)
    assert len(frame) == sum(array.size for array in weights.values())
    conv = frame[(frame["layer"] == "conv") & (frame["kind"] == "kernel")]
    for row in conv.to_dict("records"):
        assert row["weight"] == weights["conv.kernel"][row["y"], row["x"], row["channel"], row["map"]]
    assert conv[["neuron", "input"]].isna().all(axis=None)
    biases = frame[(frame["layer"] == "conv") & (frame["kind"] == "bias")]
    assert biases[["map", "weight"]].to_numpy().tolist() == [[0, 1.0], [1, 2.0], [2, 3.0]]
    hidden = frame[frame["layer"] == "hidden"]
    for row in hidden.to_dict("records"):
        assert row["weight"] == weights["hidden.kernel"][row["input"], row["neuron"]]
        assert row["input"] == (row["y"] * 4 + row["x"]) * 3 + row["channel"]
    output = frame[frame["layer"] == "output"]
    assert output[["y", "x", "channel", "map"]].isna().all(axis=None)


def test_layers_can_be_chosen(learned: Network) -> None:
    weights = initial_weights(learned, 0)
    assert weight_table(learned, weights, ["hidden"])["layer"].unique().tolist() == ["hidden"]
    with pytest.raises(DataError, match="layer pool: has no weights in learned; choose one of conv, hidden, output"):
        weight_table(learned, weights, ["pool"])
    del weights["conv.bias"]
    with pytest.raises(DataError, match=r"missing or unknown: conv\.bias"):
        weight_table(learned, weights)


def test_every_projection_has_its_rows() -> None:
    neurons = Neurons(bias=True)
    populations = (Population("hidden", (3,), neurons), Population("output", (2,), neurons))
    ends = (("stimulus", "hidden"), ("hidden", "output"), ("stimulus", "output"))
    projections = tuple(Projection(source, target, Dense()) for source, target in ends)
    skip = Network("skip", IntensityEncoder((2, 2, 1), 8.0), populations, projections, 32.0)
    frame = weight_table(skip, initial_weights(skip, 0))
    rows = frame.groupby(["layer", "kind"], observed=True).size().to_dict()
    assert rows == {
        ("hidden", "kernel"): 12,
        ("hidden", "bias"): 3,
        ("output", "kernel"): 6,
        ("output", "bias"): 2,
        ("stimulus_to_output", "kernel"): 8,
    }
    assert weight_table(skip, initial_weights(skip, 0), ["stimulus_to_output"])["y"].max() == 1


def test_metrics_come_back_as_written(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "epoch": [1, 2],
            "training_strict_accuracy": [0.1 + 0.2, 2 / 3],
            "validation_strict_accuracy": [0.5, 1e-17],
        }
    )
    write_table(frame, tmp_path / "metrics.csv")
    pd.testing.assert_frame_equal(metrics_table(tmp_path / "metrics.csv"), frame, check_exact=True)


@pytest.mark.parametrize(
    "text", ["", "epoch,loss\n1,2\n", "epoch,training_strict_accuracy,validation_strict_accuracy\n"]
)
def test_other_files_are_no_metrics(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(DataError, match=r"metrics\.csv: (contains no metrics|is not a readable table)"):
        metrics_table(tmp_path / "metrics.csv")
    with pytest.raises(DataError, match="no such file"):
        metrics_table(tmp_path / "none.csv")


@pytest.mark.parametrize("lost", range(1, 12))
def test_a_row_that_was_cut_off_is_no_metrics(tmp_path: Path, lost: int) -> None:
    text = "epoch,training_strict_accuracy,validation_strict_accuracy\n1,0.5,0.25\n2,0.5,0.125\n"
    (tmp_path / "metrics.csv").write_text(text[:-lost])
    with pytest.raises(DataError, match=r"metrics\.csv: is damaged \(a row is incomplete\); restore it from a copy"):
        metrics_table(tmp_path / "metrics.csv")


@pytest.mark.parametrize("accuracy", ["-0.5", "97.0", "1e300", "inf"])
def test_fractions_out_of_bounds_are_no_metrics(tmp_path: Path, accuracy: str) -> None:
    text = f"epoch,training_strict_accuracy,validation_strict_accuracy\n1,0.5,{accuracy}\n"
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(DataError, match=r"metrics\.csv: contains fractions outside 0 to 1"):
        metrics_table(tmp_path / "metrics.csv")
