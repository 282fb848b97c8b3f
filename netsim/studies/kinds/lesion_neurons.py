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
    """Silence a random fraction `level` of the neurons of each population."""
    populations = [condition.network.population(name) for name in condition.layers]
    return {"silenced": {each.name: condition.some(each.size).reshape(each.shape) for each in populations}}
