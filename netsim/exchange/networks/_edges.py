"""The synapses of a projection as lists, and the time step, for formats that store each synapse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.specification import Network, Population, Projection
    from netsim.weights.layout import Weights


_STEP = 0.1  # ms; of networks that were trained in exact time


def time_step(network: Network) -> float:
    """Return the time step (ms) of a simulation of the network in other tools."""
    return network.training.dt or _STEP


def check_cell(population: Population, path: Path, cells: Sequence[str]) -> None:
    """Refuse neurons of a family that a format does not describe (see `Family.cell`)."""
    if population.integrates and population.dynamics.kind.cell not in cells:
        family = f"{population.name} has neurons of the family {population.dynamics.family}"
        other = "; export NIR instead" if population.dynamics.kind.cell else ""
        raise DataError(f"{path}: {family}, which these files do not describe{other}")


class Synapses(NamedTuple):
    """Synapses of a projection: numbers of their neurons, weights, delays (ms), and their places in the kernel."""

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    of_weight: np.ndarray


def synapses_of(network: Network, projection: Projection, weights: Weights) -> Synapses:
    """List the synapses of a projection. Synapses onto relays have the weight 1."""
    from netsim.weights.layout import ON_TIME, axonal_delay, kernel_name, synaptic_delay

    pre, post, of_weight = network.connections(projection)
    kernel = weights.get(kernel_name(projection))
    weight = np.ones(len(pre)) if kernel is None else kernel.ravel()[of_weight].astype(np.float64)
    late = synaptic_delay(projection, weights)
    if late is None:
        source = network.shapes[projection.source]
        delay = np.broadcast_to(axonal_delay(projection, weights, ON_TIME), source).ravel()[pre]
    else:
        delay = late.ravel()[of_weight]
    return Synapses(pre, post, weight, delay.astype(np.float64), of_weight)
