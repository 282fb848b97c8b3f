"""The experiment on feedback alignment at tiny settings."""

import numpy as np
import pytest

from netsim.analysis.experiments.tables import experiment_table
from netsim.experiments.kinds.feedback import FeedbackAlignment, _angle


def test_angles_are_those_of_geometry() -> None:
    first = np.array([1.0, 0.0])
    assert _angle(first, np.array([0.0, 2.0])) == pytest.approx(90)
    assert _angle(first, np.array([-3.0, 0.0])) == pytest.approx(180)
    assert _angle(first, np.zeros(2)) is None


def test_verdicts_of_feedback() -> None:
    def outcome(random: float, last: float) -> str:
        rows = [
            {
                "feedback": kind,
                "accuracy": accuracy + 1e-4 * seed,
                "seed": seed,
                "batches": batches,
                "angle": angle + seed,
            }
            for kind, accuracy in (("exact", 0.95), ("frozen", 0.8), ("random", random))
            for batches, angle in ((1, 85.0), (100, last))
            for seed in range(5)
        ]
        table = experiment_table(rows).assign(dataset="mnist", depth=1, layer=1)
        table["angle"] += 1e-3 * table["seed"] * table["batches"]
        return FeedbackAlignment(datasets=("mnist",), depths=(1,)).verdict(table).outcome

    assert outcome(0.945, 40.0) == "reproduced"
    assert outcome(0.9, 40.0) == outcome(0.945, 84.9) == outcome(0.79, 40.0) == "not reproduced"
