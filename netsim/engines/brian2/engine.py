"""The engine that runs the Brian2 network of a specification, step by step."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from netsim.engines import Batch, Potential, Recorded
from netsim.engines.brian2.clock_driven import ClockDriven, Presenting, Stepper, quiet_brian2
from netsim.engines.protocol import check_record
from netsim.models.machine_code import Target, code_object_class
from netsim.models.model import NetworkModel
from netsim.models.network import build_network
from netsim.specification import Network
from netsim.specification.checks import check_size

# Simultaneous presentations share the overhead of each step, but need synapses for all copies
SYNAPSES_SIDE_BY_SIDE = 4_000_000


class Brian2Engine(ClockDriven):
    """Present stimuli to the Brian2 network of a specification. Wrong parameters raise a SpecificationError.

    Parameters
    ----------
    network : Network
    dt : float
        Time step (ms). Latencies of stimuli, delays and breakpoints of PSPs move to the nearest step, halves up.
        Onsets, gates and ends move to the first step at or after them.
    record : sequence of Recorded
        Neurons whose potentials are recorded.
    target : {"cython", "numpy"}, optional
        Target of Brian2's code generation. By default, its preferences decide: Cython with a working C compiler, else
        numpy.
    copies : int, optional
        Number of simultaneous presentations, which makes small networks faster. The default is a training batch,
        limited by the number of synapses.
    """

    solves_equation = True

    def __init__(
        self,
        network: Network,
        dt: float,
        record: Sequence[Recorded] = (),
        target: Target | None = None,
        copies: int | None = None,
    ) -> None:
        self.dt = network.check_dt(dt)
        check_record(network, record)
        if copies is None:
            copies = max(1, min(network.training.batch, SYNAPSES_SIDE_BY_SIDE // network.synapses))
        check_size(copies, "copies")
        with quiet_brian2():
            code_object_class(target)
        self.network = network
        self.record = tuple(record)
        self.potentials: list[Potential] = []
        self.copies = copies
        self._target = target
        self._with_delays = False
        self._model: NetworkModel | None = None
        self._stepper: Stepper | None = None

    def __getstate__(self) -> dict[str, Any]:
        # for another process, which builds its own Brian2 network
        return vars(self) | {"_model": None, "_stepper": None, "_with_delays": False, "potentials": []}

    def __repr__(self) -> str:
        return f"Brian2Engine({self.network.name!r}, dt={self.dt:g})"

    def model_for(self, batch: Batch) -> NetworkModel:
        """Return the Brian2 network. Build it at the first use, and again for the first batch that delays spikes."""
        if self._model is None or (batch.delays and not self._with_delays):
            self._with_delays = bool(batch.delays)
            self._model = build_network(
                self.network, dt=self.dt, target=self._target, copies=self.copies, with_delays=self._with_delays
            )
            self._model.windows.watch(recorded.layer for recorded in self.record)
            self._stepper = None
        return self._model

    def prepared(self, model: Presenting) -> AbstractContextManager[Stepper]:
        """Return the network, which is prepared once, because nobody else changes its objects."""
        if self._stepper is None:
            model.network.add(*model.operations())
            self._stepper = Stepper(model.network, model.namespace)
        return nullcontext(self._stepper)
