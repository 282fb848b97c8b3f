"""Noise on synaptic weights."""

from netsim.studies.study import PROJECTIONS, Changes, Condition, NetworkStudy


@NetworkStudy(
    "weight-noise",
    "normal noise on all synaptic weights (level: SD relative to the SD of the layer's weights)",
    "SD of noise / SD of weights",
    (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    scope=PROJECTIONS,
    neutral=0.0,
    order=50,
)
def weight_noise(condition: Condition) -> Changes:
    """Add normal noise to the weights of each projection, with SD `level` times the SD of the weights.

    Excitatory and inhibitory weights are cut at 0 if noise would reverse their sign.
    """
    draw = condition.generator.standard_normal
    return condition.change_kernels(lambda kernel: kernel + condition.level * kernel.std() * draw(kernel.shape))
