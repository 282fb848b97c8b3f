"""The choice of faster loops of families. `netsim.engines.event.loop` serves everything else."""

from collections.abc import Callable
from typing import ClassVar, Protocol

import numpy as np

from netsim.engines.event.clock import Clock
from netsim.engines.event.closed_form import ClosedForm, ClosedFormSum
from netsim.engines.event.competition import is_decided_by_times
from netsim.engines.event.component import ComponentStage
from netsim.engines.event.flow import FlowSweep
from netsim.engines.event.flow_component import FlowComponentStage
from netsim.engines.event.line_component import LineComponentStage
from netsim.engines.event.sparse import SparseStage
from netsim.engines.event.sweep import Sweep
from netsim.engines.event.windows import FirstSpikes
from netsim.specification import Population
from netsim.weights.layout import Weights


class Stage(Protocol):
    """The algorithm for the first spikes of a population, with data prepared once for all batches.

    A stage with `ranks` orders simultaneous spikes of competing neurons by potential (`Dynamics.rank`).
    """

    ranks: ClassVar[bool]

    def __init__(self, clock: Clock, population: Population) -> None: ...

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """Return a function that computes first spikes. Thresholds have the shape of the population."""


Component = tuple[Population, ...]
Choose = Callable[[Clock, Component], type[Stage] | type[ComponentStage] | None]
"""Return the loop for a component, or None for the generic loop."""


def _looped(clock: Clock, component: Component) -> bool:
    return any(map(clock.network.is_recurrent, clock.network.incoming(component[0].name)))


def _piecewise_linear(clock: Clock, component: Component) -> type[Stage] | type[ComponentStage]:
    """Return a closed form for gated neurons, else a sweep over windows or lists of synapses, or a loop over spikes."""
    population = component[0]
    projection, *others = clock.network.incoming(population.name)
    window = None if others or projection.is_delayed_per("synapse") else clock.network.window(projection)
    stage: type[Stage]
    if population.dynamics.gated:
        stage = ClosedFormSum if window is None else ClosedForm
    else:
        stage = SparseStage if window is None else Sweep
    decided = is_decided_by_times(clock, population, stage.ranks)
    return stage if decided and not _looped(clock, component) else LineComponentStage


def _exponential(clock: Clock, component: Component) -> type[Stage] | type[ComponentStage]:
    """Return a sweep over windows and dense projections, or a loop over spikes."""
    population = component[0]
    decided = is_decided_by_times(clock, population, FlowSweep.ranks) and not _looped(clock, component)
    return FlowSweep if decided and FlowSweep.suits(clock.network, population) else FlowComponentStage


STAGES: dict[str, Choose] = {"piecewise-linear": _piecewise_linear, "exponential": _exponential}
"""Choices of loops, by `Family.kernels`."""
