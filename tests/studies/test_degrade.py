"""Degraded images: what becomes of the image, of decisions and of latencies."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.errors import SpecificationError
from netsim.seams import studies
from netsim.studies.kinds.degrade import DEGRADATIONS
from netsim.studies.study import ImageStudy

IMAGE = np.random.default_rng(0).random((12, 10, 2))
OTHER = np.random.default_rng(1).random((12, 10, 2))


def _degraded(name: str, level: float) -> np.ndarray:
    degraded: np.ndarray = DEGRADATIONS[name](IMAGE, level, np.random.default_rng(2), OTHER)
    return degraded


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_level_0_degrades_nothing_and_draws_are_those_of_the_seed(name: str) -> None:
    before = IMAGE.copy()
    np.testing.assert_array_equal(_degraded(name, 0.0), IMAGE)
    np.testing.assert_array_equal(_degraded(name, 0.5), _degraded(name, 0.5))
    np.testing.assert_array_equal(IMAGE, before)


def test_each_degradation_does_what_its_name_says() -> None:
    np.testing.assert_allclose(_degraded("contrast", 0.25), 0.75 * IMAGE)
    np.testing.assert_allclose(_degraded("morph", 0.25), 0.75 * IMAGE + 0.25 * OTHER)
    half, whole = _degraded("noise", 0.5) - IMAGE, _degraded("noise", 1.0) - IMAGE
    np.testing.assert_allclose(whole, 2 * half)
    assert whole.std() == pytest.approx(1.0, abs=0.1)
    assert _degraded("blur", 0.5)[6].std() < IMAGE[6].std() / 2
    hidden = (_degraded("occlusion", 0.25) == 0).all(axis=-1)
    assert hidden.sum() == 6 * 5
    assert (_degraded("occlusion", 1.0) == 0).all()


def test_contrast_delays_decisions_and_right_and_wrong_make_the_mean() -> None:
    table = netsim.study("digits", "degrade", [0.0, 0.5], [0], layers=["contrast", "blur+noise"], limit=40)
    assert table["layer"].dropna().unique().tolist() == ["contrast", "blur+noise"]
    row = table[(table["layer"] == "contrast") & (table["level"] == 0.5)].iloc[0]
    parts = {row["strict_accuracy"]: row["right_latency_ms"], 1 - row["strict_accuracy"]: row["wrong_latency_ms"]}
    mean = sum(share * latency for share, latency in parts.items() if share)
    assert row["silent_rate"] == 0
    assert mean == pytest.approx(row["mean_decision_latency_ms"])
    same = netsim.study("digits", "degrade", [0.5], [0], layers=["blur+noise"], limit=40)
    again = table[(table["layer"] == "blur+noise") & (table["level"] == 0.5)]
    assert same["strict_accuracy"].iloc[-1] == again["strict_accuracy"].iloc[0]
    assert len(netsim.analysis.study_panels(table).axes) == 4


def test_images_are_encoded_as_the_stimuli_are() -> None:
    network = netsim.load_preset("digits")
    stimuli = netsim.load_splits(network).test.first(20)
    sooner = dataclasses.replace(stimuli, encoder=netsim.IntensityEncoder(network.encoder.shape, t_max=8.0))
    table = netsim.study("digits", "degrade", [0.0, 1e-9], [0], layers=["contrast"], stimuli=sooner)
    assert table["mean_decision_latency_ms"].max() == pytest.approx(table["mean_decision_latency_ms"].min(), abs=1e-6)


def test_a_morph_does_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """With batches of three the last batch is a single stimulus."""
    how: Any = {"levels": [0.5], "seeds": [0], "layers": ["morph"], "limit": 10}
    whole = netsim.study("digits", "degrade", **how)
    monkeypatch.setattr("netsim.studies.runner.BATCH", 3)
    pd.testing.assert_frame_equal(netsim.study("digits", "degrade", **how), whole)


def test_a_study_of_ones_own_receives_network_image_and_generator() -> None:
    seen = []

    @ImageStudy("inverted", "images are inverted (level: share)", "share", (0.0, 1.0), most=1.0, random=False)
    def inverted(
        network: netsim.Network, image: np.ndarray, level: float, generator: np.random.Generator
    ) -> np.ndarray:
        seen.append((network.name, image.shape, float(image.max()), generator.random()))
        return (1 - level) * image + level * (1 - image)

    table = netsim.study("digits", "inverted", [1.0], limit=10)
    assert len(table) == 2
    assert {name for name, *_ in seen} == {"digits"}
    assert {shape for _, shape, *_ in seen} == {(8, 8, 1)}
    assert max(largest for *_, largest, _ in seen) == 1.0
    assert len({drawn for *_, drawn in seen}) == 10
    with pytest.raises(SpecificationError, match="takes network and image and level and generator"):
        ImageStudy("bad", "", "")(lambda image: image)
    studies._entries["inverted"] = ImageStudy("inverted", "", "", (1.0,), does=lambda *_: np.zeros(3))
    with pytest.raises(SpecificationError, match=r"must return a finite image of shape \(8, 8, 1\), not \(3,\)"):
        netsim.study("digits", "inverted", [1.0], [0], limit=10)
    studies._entries["inverted"] = ImageStudy("inverted", "", "", (1.0,), does=lambda *_: np.full((8, 8, 1), np.nan))
    with pytest.raises(SpecificationError, match=r"image of shape \(8, 8, 1\), not one with NaN or infinity$"):
        netsim.study("digits", "inverted", [1.0], [0], limit=10)


def _not_begun(done: int, total: int) -> None:
    raise AssertionError("stimuli were presented before the refusal")


def test_what_cannot_be_degraded_is_refused() -> None:
    with pytest.raises(SpecificationError, match="'blr': is not known; did you mean 'blur'"):
        netsim.study("digits", "degrade", layers=["contrast+blr"], limit=10)
    with pytest.raises(SpecificationError, match="needs stimuli of two labels"):
        netsim.study("digits", "degrade", [0.5], [0], layers=["contrast", "morph"], limit=1, progress=_not_begun)
    network = netsim.load_preset("rcsnn-nmnist")
    with pytest.raises(SpecificationError, match="needs images, and the stimuli of rcsnn-nmnist are recordings"):
        studies["degrade"].curves(network, ["blur"])
    with pytest.raises(SpecificationError, match="run it as a study"):
        netsim.present("digits", limit=2, disturbance=("degrade", 0.5))
    with pytest.raises(SpecificationError, match="level 2"):
        studies["degrade"].batches(network, {}, 2.0, 0)
