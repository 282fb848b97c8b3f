"""Noise on synaptic weights."""

from netsim.studies.study import PROJECTIONS, Changes, Condition, NetworkStudy


@NetworkStudy(
    "weight-noise",
    "normal noise on all synaptic weights (level: SD in units of that of the layer's weights)",
    "SD of noise / SD of weights",
    (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    scope=PROJECTIONS,
    neutral=0.0,
    order=50,
)
def weight_noise(condition: Condition) -> Changes:
    """Normal noise on the weights of each projection, `level` times as wide as these themselves.

    Where weights are excitatory or inhibitory, noise that would change their sign is cut at 0.
    """
    draw = condition.generator.standard_normal
    return condition.change_kernels(lambda kernel: kernel + condition.level * kernel.std() * draw(kernel.shape))
