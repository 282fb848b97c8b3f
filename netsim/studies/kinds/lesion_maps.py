"""Maps in which no neuron fires."""

from netsim.studies.study import MAPS, Changes, Condition, NetworkStudy


@NetworkStudy(
    "lesion-maps",
    "whole maps of convolutions are silenced at random (level: fraction)",
    "silenced maps",
    tuple(tenth / 10 for tenth in range(10)),
    most=1.0,
    scope=MAPS,
    is_fraction=True,
    neutral=0.0,
    order=80,
)
def lesion_maps(condition: Condition) -> Changes:
    """Silence a random fraction `level` of the maps of each population."""
    import numpy as np

    populations = [condition.network.population(name) for name in condition.layers]
    return {"silenced": {each.name: np.broadcast_to(condition.some(each.maps), each.shape) for each in populations}}
