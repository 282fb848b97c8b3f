"""Engines present stimuli to a network and return first-spike latencies, independently of learning."""

from collections.abc import Sequence

from netsim.engines.protocol import Batch, Engine, Latencies, Potential, Recorded, check_record
from netsim.seams import engines
from netsim.specification import Network
from netsim.specification.checks import check_choice


def make_engine(
    name: str, network: Network, dt: float = 0.0, precision: str = "double", record: Sequence[Recorded] = ()
) -> Engine:
    """Make an engine by name.

    Parameters
    ----------
    name : str
        ``event``, ``brian2``, or another registered name.
    network : Network
    dt : float
        Time step of the grid (ms), or 0 for exact times, which the engine ``brian2`` does not support. Latencies of
        stimuli, delays and breakpoints of PSPs move to the nearest step, halves up. Onsets, gates and ends move to the
        first step at or after them.
    precision : {"single", "double"}
        Precision of the event engine.
    record : sequence of Recorded
        Neurons whose potentials are recorded.

    Returns
    -------
    Engine

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
    """Make the engine of a network's ``training``, on its time grid, in double precision.

    See `make_engine` for parameters and errors.

    Examples
    --------
    >>> import netsim
    >>> from netsim.engines import engine_of
    >>> engine_of(netsim.load_preset("digits"))
    EventEngine('digits', dt=1.0, precision='double')
    """
    return make_engine(network.training.engine, network, network.training.dt, record=record)
