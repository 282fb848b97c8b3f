"""The experiments on decisions at tiny settings: reaction times, masking, layers at once."""

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.analysis.experiments.tables import experiment_table
from netsim.errors import SpecificationError
from netsim.experiments.experiment import Unit
from netsim.experiments.kinds.at_once import AtOnce
from netsim.experiments.kinds.masking import LATERAL, Masking, summary
from netsim.experiments.kinds.reaction_time import ReactionTime, diffusion, pieron


def test_laws_are_found_in_latencies_that_follow_them() -> None:
    levels = pd.Series([0.1, 0.2, 0.4, 0.7, 1.0])
    for p in (-0.5, 1.0):
        result = pieron(levels, 20 + 3 * levels**p)
        assert result == pytest.approx((p, 20, 3), rel=1e-3)
    drift = 2.5 * levels
    simulated = pd.DataFrame({"level": levels, "accuracy": 1 / (1 + np.exp(-2 * drift))})
    latencies = np.asarray(40 * np.tanh(drift) / drift + 7)
    predicted, explained = diffusion(simulated.assign(mean_latency=latencies))
    assert predicted == pytest.approx(latencies)
    assert explained == pytest.approx(1)


def test_reaction_times_refuse_settings_before_a_network_learns() -> None:
    with pytest.raises(SpecificationError, match="contrasts: must contain 1, the intact images"):
        netsim.experiment("reaction-time", settings={"contrasts": [0.2, 0.5]})
    made = ReactionTime(classes=(2, 11), dataset="digits")
    with pytest.raises(SpecificationError, match="classes: must be at most 10"):
        made.data(Unit({"classes": 2}, 0), np.random.default_rng(0))


def test_images_are_weakened_made_noisy_and_mixed_with_another_class() -> None:
    made = ReactionTime(contrasts=(0.3, 1.0), noises=(0.0, 0.2), strengths=(0.4, 1.0))
    a, b, c = images = np.array([[10.0, 20.0, 250.0], [70.0, 110.0, 0.0], [50.0, 90.0, 130.0]]).reshape(3, 1, 3, 1)
    test = netsim.Stimuli(images, np.array([0, 1, 1]), 255.0, made.network(2).encoder, ("a", "b"))
    shown = {each[:2]: np.asarray(each[2].images) for each in made.stimuli(test, np.random.default_rng(4))}
    assert list(shown) == [
        *(("contrast", level) for level in (0.3, 1.0)),
        *(("noise", level) for level in (0.0, 0.2)),
        *(("strength", level) for level in (0.4, 1.0)),
    ]
    for unchanged in ("contrast", 1.0), ("noise", 0.0), ("strength", 1.0):
        np.testing.assert_allclose(shown[unchanged], images)
    np.testing.assert_allclose(shown["contrast", 0.3], 0.3 * images)
    draws = np.random.default_rng(4)
    draws.standard_normal(images.shape)  # of the level 0
    noisy = images + 0.2 * 255 * draws.standard_normal(images.shape)
    np.testing.assert_allclose(shown["noise", 0.2], np.clip(noisy, 0, 255))
    first, second, third = shown["strength", 0.4]  # 0.7 of the image and 0.3 of one of the other class
    assert np.allclose(first, 0.7 * a + 0.3 * b) or np.allclose(first, 0.7 * a + 0.3 * c)
    np.testing.assert_allclose([second, third], [0.7 * b + 0.3 * a, 0.7 * c + 0.3 * a])


def test_verdicts_of_masking() -> None:
    def outcome(free: list[float], lateral: list[float]) -> str:
        rows = [
            {"network": network, "strength": strength, "asynchrony": late, "accuracy": accuracy, "latency": 20.0}
            for network, curve in (("free", free), (LATERAL, lateral))
            for strength, late, accuracy in ((0.0, None, 0.9), *zip([1.0] * 3, (0.0, 20.0, 60.0), curve, strict=True))
        ]
        table = experiment_table([{**row, "seed": seed} for row in rows for seed in range(5)])
        table["accuracy"] += 1e-3 * table["seed"]
        noisy = (table["seed"] - 2) * 1e-4 * table["asynchrony"].fillna(0)
        return (
            Masking(networks=("free", LATERAL), strengths=(1.0,))
            .verdict(table.assign(accuracy=table["accuracy"] + noisy))
            .outcome
        )

    assert outcome([0.3, 0.6, 0.9], [0.6, 0.3, 0.9]) == "reproduced"
    assert outcome([0.3, 0.6, 0.9], [0.3, 0.6, 0.9]) == "not reproduced"
    assert outcome([0.6, 0.3, 0.9], [0.6, 0.3, 0.9]) == "not reproduced"


def test_masking_shows_no_accuracy_above_100_percent() -> None:
    rows = [
        {
            "network": "free",
            "strength": strength,
            "asynchrony": late,
            "seed": seed,
            "accuracy": accuracy,
            "latency": 20.0,
        }
        for strength, late in ((0.0, None), (1.0, 0.0), (1.0, 20.0))
        for seed, accuracy in enumerate((0.9, 1.0))
    ]
    assert summary(experiment_table(rows))[0][2:6] == ("95.0 [31.5, 100.0]",) * 4


def test_verdicts_of_layers_at_once() -> None:
    def outcome(spikes: float, latency: float, accuracy: float) -> str:
        rows = [
            {
                "run": run,
                "jitter": 0.0,
                "seed": seed,
                "accuracy": a + 1e-3 * seed,
                "latency": t,
                "spikes_to_decision": n,
                "spikes": 2 * n,
            }
            for run, n, t, a in (("in turn", 100.0, 200.0, 0.9), ("at once", spikes, latency, accuracy))
            for seed in range(5)
        ]
        return AtOnce().verdict(experiment_table(rows)).outcome

    assert outcome(60, 50, 0.9) == "reproduced"
    assert outcome(120, 50, 0.9) == outcome(60, 50, 0.8) == "not reproduced"
