"""The experiments on decisions at tiny settings: reaction times."""

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.analysis.experiments.reaction_time import diffusion, pieron
from netsim.experiments.kinds.reaction_time import ReactionTime


def test_laws_are_found_in_latencies_that_follow_them() -> None:
    levels = pd.Series([0.1, 0.2, 0.4, 0.7, 1.0])
    for p in (-0.5, 1.0):
        found = pieron(levels, 20 + 3 * levels**p)
        assert found == pytest.approx((p, 20, 3), rel=1e-3)
    drift = 2.5 * levels
    own = pd.DataFrame({"level": levels, "accuracy": 1 / (1 + np.exp(-2 * drift))})
    latencies = 40 * np.tanh(drift) / drift + 7
    predicted, explained = diffusion(own.assign(mean_latency=latencies))
    assert predicted == pytest.approx(latencies.to_numpy())
    assert explained == pytest.approx(1)


def test_reaction_times_are_measured_for_all_manipulations(images: str) -> None:
    given = {"dataset": images, "classes": [2, 4], "images": 40, "epochs": 1, "hidden": 10, "test_images": 20}
    result = netsim.experiment("reaction-time", quick=True, seeds=1, settings=given)
    table = result.table
    counts = table.groupby(["classes", "seed"])["manipulation"].value_counts().unstack()
    assert (counts["contrast"] == 7).all()
    assert (counts["strength"] == 6).all()
    assert table["accuracy"].between(0, 1).all()
    assert {"Holds", "Does"} & set(result.verdict.reason.split())
    early = table[table["manipulation"] == "deadline, contrast 1"].sort_values("level")
    assert all(own["decided"].is_monotonic_increasing for _, own in early.groupby(["classes", "seed"]))
    assert [axes.get_xlabel() for axes in result.figure().axes][:3] == [
        *("contrast", "strength of the evidence", "pixel noise, SD")
    ]


def test_full_contrast_and_full_strength_leave_images_alone() -> None:
    made = ReactionTime(contrasts=(1.0,), noises=(0.0,), strengths=(1.0,))
    network = made.network(10)
    test = netsim.Stimuli(np.arange(12.0).reshape(3, 2, 2, 1), np.array([0, 1, 1]), 255.0, network.encoder, ("a", "b"))
    for _, _, shown in made.stimuli(test, np.random.default_rng(0)):
        np.testing.assert_array_equal(shown.images, test.images)
