"""Stimuli cut into parts that are presented one after another, here or wherever a `Distribution` has them presented."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine, Experiment
from netsim.weights.layout import Weights

Part = TypeVar("Part")
PartExperiment = Callable[[Engine, Weights, Stimuli], Experiment[Part]]
"""What is done with a part of the stimuli: presents it on the engine that runs it, and returns what came of it."""
OnPresented = Callable[[int], None]
"""Called with the number of presentations done so far."""


class Distribution(Protocol):
    """A way to have the parts of some stimuli presented; what comes of a part is the same in every way, to the bit."""

    def __call__(
        self,
        engine: Engine,
        experiment: PartExperiment[Part],
        weights: Weights,
        parts: Sequence[Stimuli],
        progress: OnPresented,
    ) -> list[Part]:
        """What `experiment` returns of each part, in their order."""


def serial(
    engine: Engine, experiment: PartExperiment[Part], weights: Weights, parts: Sequence[Stimuli], progress: OnPresented
) -> list[Part]:
    """Present one part after another on an engine of this process; see `Distribution`."""

    def all_parts() -> Experiment[list[Part]]:
        results = []
        done = 0
        for part in parts:
            results.append((yield from experiment(engine, weights, part)))
            done += len(part)
            progress(done)
        return results

    return engine.run(all_parts())


def in_parts(stimuli: Stimuli, largest: int) -> list[Stimuli]:
    """Stimuli cut into parts of `largest`, the last one of what is left."""
    everything = np.arange(len(stimuli))
    return [stimuli.pick(everything[first : first + largest]) for first in range(0, len(stimuli), largest)]
