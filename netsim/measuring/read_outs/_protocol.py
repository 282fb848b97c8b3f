"""Interface of read-outs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from netsim.engines import Engine
from netsim.engines.protocol import solves_equation
from netsim.errors import SpecificationError
from netsim.measuring.potentials import output_potentials
from netsim.reprs import short_repr
from netsim.seams import read_outs
from netsim.specification import Network
from netsim.specification.grid import TOLERANCE, population_times
from netsim.spikes import Conditions
from netsim.weights.layout import Weights


@dataclass(frozen=True, eq=False)  # comparing arrays yields no truth value
class Outputs:
    """Output population in some presentations, as the input of read-outs.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Forward weights.
    all_latencies : mapping of ndarray
        Latencies (ms, ``inf`` = silent) by population, including ``stimulus``.
    dt : float
        Time grid of the latencies (ms), or 0 for exact times.

    Examples
    --------
    >>> import netsim
    >>> from netsim.measuring.read_outs import Outputs
    >>> model = netsim.load_model("digits")
    >>> spikes = netsim.present(model, limit=40)
    >>> Outputs(model.network, model.weights, spikes).potentials_at_deadline().shape
    (40, 10)
    """

    network: Network
    weights: Weights = field(repr=False)
    all_latencies: Mapping[str, np.ndarray] = field(repr=False)
    dt: float = 0.0

    __repr__ = short_repr

    @property
    def latencies(self) -> np.ndarray:
        """Latencies of the output neurons (ms), shape (presentations, neurons), ``inf`` = silent."""
        return self.all_latencies[self.network.output.name]

    @cached_property
    def silent(self) -> np.ndarray:
        """Presentations without an output spike, bool."""
        return np.isinf(self.latencies).all(axis=1)

    @cached_property
    def first(self) -> np.ndarray:
        """Neurons that fired first, bool, shape (presentations, neurons): several in a tie, none in silence."""
        return (self.latencies == self.latencies.min(axis=1, keepdims=True)) & ~self.silent[:, None]

    def potentials(self, times: np.ndarray) -> np.ndarray:
        """Return potentials of the output neurons at a time per presentation (ms), shape (presentations, neurons).

        Spikes do not reset the potential.
        """
        return output_potentials(self.network, self.weights, self.all_latencies, times, self.dt)

    def potentials_at_deadline(self) -> np.ndarray:
        """Return potentials of the output neurons at the end of the output window, or of the presentation."""
        end = population_times(self.network, self.network.output, self.dt).end
        return self.potentials(np.full(len(self.latencies), end))

    def highest(self, potentials: np.ndarray) -> np.ndarray:
        """Return the neuron with the highest potential, bool. Ties within rounding go to the lowest number."""
        margin = TOLERANCE * self.network.output.dynamics.threshold
        top = potentials.max(axis=1, keepdims=True)
        return lowest(potentials >= np.where(np.isfinite(top), top - margin, top))

    def some(self, chosen: np.ndarray) -> "Outputs":
        """Return the outputs in chosen presentations."""
        return replace(self, all_latencies={name: times[chosen] for name, times in self.all_latencies.items()})


def lowest(chosen: np.ndarray) -> np.ndarray:
    """Keep only the lowest number among the chosen neurons of each presentation, bool."""
    return chosen & (np.cumsum(chosen, axis=1) == 1)


Decide = Callable[[Outputs], np.ndarray]


@dataclass(frozen=True)
class ReadOut:
    """A read-out. As a decorator, it registers a function from `Outputs` to decisions.

    The function returns an array of bool, shape (presentations, neurons). A decision is correct if it includes the
    label's neuron, and wrong if it is empty.

    Parameters
    ----------
    name : str
    summary : str
        Rule in one line, without a capital and a full stop.
    of_potentials : bool
        Whether the rule needs potentials, and thus an engine that solves the equation of the network.

    Examples
    --------
    >>> from netsim.seams import read_outs
    >>> read_outs["plain"].summary
    'the first output spike decides; ties go to the lowest neuron number'
    """

    name: str
    summary: str
    of_potentials: bool = False
    decide: Decide | None = None

    __repr__ = short_repr

    def __call__(self, decide: Decide) -> Decide:
        """Register the read-out with its function."""
        read_outs.add(self.name, replace(self, decide=decide), decide.__module__)
        return decide

    def check(self, engine: Engine) -> None:
        """Raise SpecificationError for an engine that does not provide the potentials."""
        if not solves_equation(engine):
            self._check(f"{type(engine).__name__} does not declare that it solves the network's equation")

    def check_spikes(self, conditions: Conditions | None) -> None:
        """Raise SpecificationError for spikes that do not determine the potentials."""
        if conditions is None or not conditions.solves_equation:
            self._check("the engine of these spikes does not declare that it solves the network's equation")
        elif conditions.disturbance is not None:
            self._check("disturbed spikes do not determine them")

    def _check(self, reason: str) -> None:
        if self.of_potentials:
            others = " or ".join(name for name, each in read_outs.items() if not each.of_potentials)
            raise SpecificationError(f"read-out {self.name!r}", f"needs potentials, but {reason}; choose {others}")

    def correct(self, outputs: Outputs, labels: np.ndarray) -> np.ndarray:
        """Return whether each decision is correct, bool, shape (presentations,).

        Raises SpecificationError if the function returns another array.
        """
        assert self.decide is not None
        decided = self.decide(outputs)
        shape = outputs.latencies.shape
        if not isinstance(decided, np.ndarray) or decided.dtype != bool or decided.shape != shape:
            given = (
                f"{decided.dtype} of shape {decided.shape}"
                if isinstance(decided, np.ndarray)
                else type(decided).__name__
            )
            need = f"must return an array of bool of shape {shape}, presentations and output neurons, not {given}"
            raise SpecificationError(f"read-out {self.name!r}", need)
        return decided[np.arange(len(labels)), labels]
