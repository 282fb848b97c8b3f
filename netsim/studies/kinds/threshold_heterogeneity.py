"""Thresholds that differ between neurons."""

from netsim.studies.study import POPULATIONS, Changes, Condition, NetworkStudy


@NetworkStudy(
    "threshold-heterogeneity",
    "log-normal thresholds, one per neuron, with the mean of the layer (level: coefficient of variation)",
    "coefficient of variation of thresholds",
    (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    scope=POPULATIONS,
    neutral=0.0,
    order=90,
)
def heterogeneous_thresholds(condition: Condition) -> Changes:
    """Draw log-normal thresholds with the population's threshold as mean and `level` as coefficient of variation."""
    import numpy as np

    sigma = np.sqrt(np.log1p(condition.level**2))
    thresholds = {}
    for name in condition.layers:
        draws = condition.generator.standard_normal(condition.network.shapes[name])
        thresholds[name] = condition.network.neurons(name).threshold * np.exp(sigma * draws - sigma**2 / 2)
    return {"thresholds": thresholds}
