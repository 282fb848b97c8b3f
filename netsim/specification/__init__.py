"""What a network is: the one definition that every engine, the learner and the analysis read.

Times are in ms, potentials and weights are dimensionless. The equation of every neuron, with times
counted from the start of the presentation, is ::

    v' = (I(t)·[t < gate] + drive·[t >= onset]) / tau,     v(0) = 0
    I(t) = bias + Σ_i w_i Σ_k c_k·[t >= t_i + d_k]

with one spike at the first ``t`` in ``[onset, end)`` at which ``v >= threshold``. The pairs
``(d_k, c_k)`` are the breakpoints of the postsynaptic potential (`PSP`).
"""

from netsim.specification.layers import (
    Convolution,
    Dense,
    Encoder,
    InitialWeights,
    Layer,
    Pooling,
    Shape,
    WeightedLayer,
)
from netsim.specification.network import Network
from netsim.specification.neurons import PSP, REGIMES, Neurons, Regime
from netsim.specification.settings import Learning, Training, Weighting

__all__ = [
    "PSP",
    "REGIMES",
    "Convolution",
    "Dense",
    "Encoder",
    "InitialWeights",
    "Layer",
    "Learning",
    "Network",
    "Neurons",
    "Pooling",
    "Regime",
    "Shape",
    "Training",
    "WeightedLayer",
    "Weighting",
]
