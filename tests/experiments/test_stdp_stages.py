"""The experiment on STDP at tiny settings."""

import numpy as np

from netsim.analysis.experiments.tables import experiment_table
from netsim.experiments.kinds.stdp import DeepSTDP
from netsim.experiments.kinds.stdp.stages import Stages, _inhibited, _pooled


def test_shuffled_kernels_are_as_active_and_as_strong() -> None:
    generator = np.random.default_rng(0)
    latencies = np.where(generator.random((60, 28, 28, 2)) < 0.3, 64 * generator.random((60, 28, 28, 2)), np.inf)
    stages = Stages((3, 4), (6.0, 2.0))
    stages.learn(latencies.astype(np.float32), seed=0)
    for ours, theirs in zip(stages.weights, stages.shuffled(latencies, seed=0), strict=True):
        kernels = [each["conv.kernel"].reshape(-1, each["conv.kernel"].shape[-1]) for each in (ours, theirs)]
        factor = kernels[1].max() / kernels[0].max()
        assert (np.abs(kernels[1] / factor - kernels[0]) > 1e-3).mean(axis=0).min() > 0.5  # each kernel is mixed
        first, second = (np.sort(each, axis=0) for each in kernels)
        np.testing.assert_allclose(second, factor * first, rtol=1e-4)  # with its own weights


def test_inhibition_and_pooling_keep_the_earliest_spikes() -> None:
    latencies = np.array([[4.0, 3.0], [np.inf, np.inf], [2.0, 2.0], [9.0, 1.0]]).reshape(1, 2, 2, 2)
    inhibited = _inhibited(latencies)
    expected = np.array([[np.inf, 3.0], [np.inf, np.inf], [2.0, np.inf], [np.inf, 1.0]]).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(inhibited, expected)
    np.testing.assert_array_equal(_pooled(inhibited), np.array([2.0, 1.0]).reshape(1, 1, 1, 2))


def test_verdicts_of_stdp() -> None:
    def outcome(learned: float, shuffled: float) -> str:
        rows = [
            {
                "learned": 8000,
                "kernels": kernels,
                "read_out": "both layers",
                "seed": seed,
                "accuracy": mean + 1e-4 * seed,
            }
            for kernels, mean in (("learned", learned), ("shuffled", shuffled))
            for seed in range(-2, 3)
        ]
        table = experiment_table(rows)
        table.loc[table["kernels"] == "shuffled", "accuracy"] += 1e-5 * table["seed"]
        return DeepSTDP().verdict(table).outcome

    assert outcome(0.984, 0.95) == "reproduced"
    assert outcome(0.99, 0.95) == "beyond"
    assert outcome(0.984, 0.99) == outcome(0.97, 0.95) == "not reproduced"
