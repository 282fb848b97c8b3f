"""Neurons that never fire."""

from netsim.studies.study import HIDDEN, Changes, Condition, NetworkStudy


@NetworkStudy(
    "lesion-neurons",
    "neurons are silenced at random (level: fraction)",
    "silenced neurons",
    tuple(tenth / 10 for tenth in range(10)),
    most=1.0,
    scope=HIDDEN,
    is_fraction=True,
    neutral=0.0,
    order=70,
)
def lesion_neurons(condition: Condition) -> Changes:
    """The fraction `level` of the neurons of each population, chosen at random, is silent."""
    populations = [condition.network.population(name) for name in condition.layers]
    return {"silenced": {one.name: condition.some(one.size).reshape(one.shape) for one in populations}}
