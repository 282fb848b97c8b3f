"""Revival of neurons that hardly fire."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from netsim.learning.protocol import Constraint
from netsim.numerics.draws import Purpose, generator_for
from netsim.specification import Network
from netsim.training.checkpoint import TrainingState
from netsim.weights.binary import log_scales
from netsim.weights.incoming import Incoming
from netsim.weights.initial import draw
from netsim.weights.layout import bias_name, kernel_name, log_scale_name


def revive(network: Network, constraints: Sequence[Constraint], state: TrainingState, seed: int) -> None:
    """Redraw the incoming weights of maps and dense neurons that hardly fired in this epoch, and reset biases."""
    threshold = network.learning.revive_below * state.totals.presentations
    generator = generator_for(Purpose.REVIVAL, seed, state.epoch)
    redrawn: list[tuple[str, Any]] = []  # name and indices of the redrawn values
    silent: dict[str, np.ndarray] = {}  # maps or neurons, by population
    for population in network.integrating[:-1]:
        name = population.name
        if name not in state.totals.fired or not all(projection.plastic for projection in network.incoming(name)):
            continue
        silent[name] = np.flatnonzero(state.totals.fired[name] < threshold)
        if population.has_bias and silent[name].size:
            biases = state.fitted.get("biases", {})
            bias = biases.get(bias_name(population), network.initial_bias(population))
            state.weights[bias_name(population)][silent[name]] = bias
            redrawn.append((bias_name(population), silent[name]))
    for projection in network.canonical:
        if projection.target not in silent or not silent[projection.target].size:
            continue
        kernel, incoming_weights = state.weights[kernel_name(projection)], Incoming(network, projection)
        receivers = incoming_weights.in_maps(silent[projection.target])
        chosen_weights = incoming_weights.of(receivers)
        scale = state.fitted.get("scales", {}).get(kernel_name(projection), 1.0)
        kernel[chosen_weights] = draw(network, projection, generator, chosen_weights) * scale
        redrawn.append((kernel_name(projection), chosen_weights))
        if log_scale_name(projection) in state.weights and not network.weighting.shares_scale:
            scales = log_scales(network, projection, kernel)[receivers]
            state.weights[log_scale_name(projection)][receivers] = scales
            redrawn.append((log_scale_name(projection), receivers))
    for constraint in constraints if redrawn else ():
        constraint.enforce(state.weights)
    if state.mean is not None:
        for array, where in redrawn:
            state.mean[array][where] = state.weights[array][where]
