"""What a read-out is, and what it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from netsim.engines import Engine
from netsim.errors import SpecificationError
from netsim.measuring.potentials import output_potentials
from netsim.reprs import short_repr
from netsim.seams import read_outs
from netsim.specification import Network
from netsim.specification.grid import TOLERANCE, population_times
from netsim.spikes import Conditions
from netsim.weights.layout import Weights


@dataclass(frozen=True)
class Outputs:
    """What the output population did in some presentations.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    all_latencies : mapping of ndarray
        By the name of the population, ``stimulus`` among them (ms); ``inf`` is silent.
    dt : float
        The time grid (ms) that the latencies are on; 0 is none.

    Examples
    --------
    >>> import netsim
    >>> from netsim.measuring.read_outs import Outputs
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network)
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(40)), model.weights))
    >>> Outputs(model.network, model.weights, latencies).potentials_at_deadline().shape
    (40, 10)
    """

    network: Network
    weights: Weights = field(repr=False)
    all_latencies: Mapping[str, np.ndarray] = field(repr=False)
    dt: float = 0.0

    __repr__ = short_repr

    @property
    def latencies(self) -> np.ndarray:
        """Latencies of the output neurons (ms), shape (presentations, neurons); ``inf`` is silent."""
        return self.all_latencies[self.network.output.name]

    @cached_property
    def silent(self) -> np.ndarray:
        """Presentations without an output spike, bool."""
        return np.isinf(self.latencies).all(axis=1)

    @cached_property
    def first(self) -> np.ndarray:
        """Which neurons fired first, bool, shape (presentations, neurons): several in a tie, none in silence."""
        return (self.latencies == self.latencies.min(axis=1, keepdims=True)) & ~self.silent[:, None]

    def potentials(self, times: np.ndarray) -> np.ndarray:
        """Potentials of the output neurons at a time of each presentation (ms), shape (presentations, neurons).

        They go on after a spike as the equation says.
        """
        return output_potentials(self.network, self.weights, self.all_latencies, times, self.dt)

    def potentials_at_deadline(self) -> np.ndarray:
        """Potentials of the output neurons at the end of the output window, or of the presentation."""
        end = population_times(self.network, self.network.output, self.dt).end
        return self.potentials(np.full(len(self.latencies), end))

    def highest(self, potentials: np.ndarray) -> np.ndarray:
        """Which neuron has the highest potential, bool; of those equal but for rounding, the lowest number."""
        margin = TOLERANCE * self.network.output.dynamics.threshold
        top = potentials.max(axis=1, keepdims=True)
        return lowest(potentials >= np.where(np.isfinite(top), top - margin, top))

    def some(self, chosen: np.ndarray) -> "Outputs":
        """The same of chosen presentations."""
        return replace(self, all_latencies={name: times[chosen] for name, times in self.all_latencies.items()})


def lowest(chosen: np.ndarray) -> np.ndarray:
    """The one with the lowest number of those chosen in each presentation, bool."""
    return chosen & (np.cumsum(chosen, axis=1) == 1)


Decide = Callable[[Outputs], np.ndarray]


@dataclass(frozen=True)
class ReadOut:
    """A read-out; as a decorator it registers the function that reads, from `Outputs` to those that are decided for.

    The function returns an array of bool, shape (presentations, neurons). A decision is right if the label's neuron is
    among those decided for; a decision for none is wrong.

    Parameters
    ----------
    name : str
    summary : str
        Who is decided for, in one line without a capital and a full stop.
    of_potentials : bool
        Whether it needs potentials, and with them an engine that solves the equation of the network.

    Examples
    --------
    >>> from netsim.seams import read_outs
    >>> read_outs["plain"].summary
    'the first output spike; of several, that of the lowest number'
    """

    name: str
    summary: str
    of_potentials: bool = False
    decide: Decide | None = None

    __repr__ = short_repr

    def __call__(self, decide: Decide) -> Decide:
        """Register the read-out with what reads."""
        read_outs.add(self.name, replace(self, decide=decide), decide.__module__)
        return decide

    def check(self, engine: Engine) -> None:
        """Refuse, by a SpecificationError, an engine whose potentials are not known."""
        if not getattr(engine, "solves_equation", False):
            self._check(f"{type(engine).__name__} does not say that it solves the network's equation")

    def check_spikes(self, conditions: Conditions | None) -> None:
        """Refuse, by a SpecificationError, spikes that do not determine potentials."""
        if conditions is None or not conditions.solves_equation:
            self._check("the engine of these spikes does not say that it solves the network's equation")
        elif conditions.disturbance is not None:
            self._check("disturbed spikes do not determine them")

    def _check(self, reason: str) -> None:
        if self.of_potentials:
            others = " or ".join(name for name, one in read_outs.items() if not one.of_potentials)
            raise SpecificationError(f"read-out {self.name!r}", f"needs potentials, and {reason}; take {others}")

    def correct(self, outputs: Outputs, labels: np.ndarray) -> np.ndarray:
        """Whether each decision is right, bool, shape (presentations,).

        Raises SpecificationError if the function that reads gives another array.
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
            need = f"must give an array of bool of shape {shape}, presentations and output neurons, not {given}"
            raise SpecificationError(f"read-out {self.name!r}", need)
        return decided[np.arange(len(labels)), labels]
