"""Engines present stimuli to a network and return first-spike latencies. They know nothing of learning.

A *conversation* is a generator that yields a `Batch` and is sent the latencies of all populations in return;
what it returns in the end, the engine's `run` returns. So the same conversation runs on every engine, and a
clock-driven engine can hold the whole conversation inside one long simulation.
"""

from collections.abc import Sequence

from netsim.engines.protocol import Batch, Conversation, Engine, Latencies, Potential, Recorded, check_record
from netsim.seams import engines
from netsim.specification import Network
from netsim.specification.checks import check_choice


def make_engine(
    name: str, network: Network, dt: float = 0.0, precision: str = "double", record: Sequence[Recorded] = ()
) -> Engine:
    """An engine by name.

    Parameters
    ----------
    name : str
        ``event``, ``brian2``, or another that is registered.
    network : Network
    dt : float
        Time grid (ms); 0 for exact times, which the engine ``brian2`` does not have. Latencies of stimuli, delays and
        breakpoints of PSPs move to the nearest step, halves up; onsets, gates and ends to the first step at or after
        them.
    precision : {"single", "double"}
        Arithmetic of the event engine.
    record : sequence of Recorded
        Neurons whose potentials are kept.

    Raises
    ------
    SpecificationError
        If the engine is unknown, `dt` does not fit, or a recorded neuron does not exist.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> engine = netsim.make_engine("event", model.network)
    >>> stimuli = netsim.load_splits(model.network).test.latencies(range(5))
    >>> engine.present(netsim.Batch(stimuli, model.weights))["output"].shape
    (5, 10)
    """
    check_record(network, record)
    check_choice(name, tuple(engines), "engine")
    check_choice(precision, ("single", "double"), "precision")
    return engines[name].make(network, dt=dt, precision=precision, record=record)


def engine_of(network: Network, record: Sequence[Recorded] = ()) -> Engine:
    """The engine that a network's ``training`` names, on its time grid, in double precision.

    Parameters and errors are those of `make_engine`.

    Examples
    --------
    >>> import netsim
    >>> from netsim.engines import engine_of
    >>> engine_of(netsim.load_preset("digits"))
    EventEngine('digits', dt=1.0, precision='double')
    """
    return make_engine(network.training.engine, network, network.training.dt, record=record)
