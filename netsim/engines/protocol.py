"""The interface of engines: batches, and the checks that all engines share."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from threading import get_ident
from typing import Any, NamedTuple, Protocol

import numpy as np

from netsim.errors import DataError, FormerWarning, RunError, SpecificationError, warn_user
from netsim.numerics.compilation import compiled, is_compiled_for
from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.specification.checks import check_array, check_kind, check_unmasked
from netsim.spikes.latencies import Latencies, Potential, Recorded
from netsim.weights.layout import Weights, check_delays, check_thresholds


@dataclass(frozen=True, eq=False)  # comparing arrays yields no truth value
class Batch:
    """Presentations that share their weights.

    Parameters
    ----------
    stimuli : ndarray of float, shape (presentations, height, width, channels)
        Latencies of the stimulus (ms), ``inf`` for silence. An engine with a time grid moves them to the nearest step.
        It drops spikes that move to the end of the presentation.
    weights : dict of ndarray
        Forward weights (`netsim.weights.binary.forward_weights`).
    silenced : dict of ndarray of bool, optional
        Neurons that cannot fire, by population. The shape is the population's, with or without a first axis of
        presentations.
    thresholds : dict of ndarray of float, optional
        Individual thresholds of neurons that replace the common threshold, by population, in its shape.
    delays : dict of ndarray of float, optional
        Additional axonal delays (ms) of presynaptic neurons, by projection with weights, in the shape of the source.
        They add to the projection's own delay, and to delays of single synapses. On a grid, the sum of an axon's delay
        and its addition is rounded to the nearest step. The delay of a synapse is rounded separately.
    weights_checked : bool, optional
        Whether the caller guarantees finite weights, delays that are not negative, and the signs of the projections.
        The event engine then checks only names, shapes and floating-point type. Checking all values takes some 40 % of
        the presentation of a single image.

    Examples
    --------
    >>> import netsim
    >>> stimulus = np.full((1, 8, 8, 1), 3.0)
    >>> batch = Batch(stimulus, netsim.load_model("digits").weights, silenced={"hidden": np.arange(200) < 100})
    """

    stimuli: np.ndarray
    weights: Weights
    silenced: dict[str, np.ndarray] = field(default_factory=dict)
    thresholds: dict[str, np.ndarray] = field(default_factory=dict)
    delays: dict[str, np.ndarray] = field(default_factory=dict)
    weights_checked: bool = False

    __repr__ = short_repr

    def __post_init__(self) -> None:
        for name in ("weights", "silenced", "thresholds", "delays"):
            if not isinstance(given := getattr(self, name), Mapping):
                raise DataError(f"{name}: must be a dict of arrays by name, not {type(given).__name__}")


class Engine(Protocol):
    """The protocol of engines.

    An engine that solves the equation of the specification has the attribute ``solves_equation = True``. Only then are
    read-outs of potentials possible, which follow from latencies.

    Attributes
    ----------
    network : Network
    dt : float
        Time step of the grid (ms), or 0 for exact times.
    potentials : list of Potential
        Potentials of the recorded neurons during the last batch.
    """

    network: Network
    potentials: list[Potential]

    @property
    def dt(self) -> float:
        """Time step of the grid (ms), or 0 for exact times."""

    def present(self, batch: Batch) -> Latencies:
        """Present one batch and return its latencies."""


def solves_equation(engine: Engine) -> bool:
    """Return whether an engine solves the equation of the specification."""
    return bool(getattr(engine, "solves_equation", False))


class EngineEntry(NamedTuple):
    """The entry of an engine in `netsim.seams.engines`. Its module imports slow libraries only in `make`.

    Attributes
    ----------
    make : callable
        Called with a network and the keywords `dt`, `precision` and `record`, like `netsim.engines.make_engine`.
    phrase : str
        The engine in words, for the model description.
    exact : bool
        Whether it supports exact times, without a grid.
    """

    make: Callable[..., Engine]
    phrase: str
    exact: bool


_PRESENTING: dict[int, list[int]] = {}
"""Presenting engines by identity, each with its thread."""


@contextmanager
def presenting_alone(engine: Engine) -> Iterator[None]:
    """Raise RunError for an engine that is already presenting, in another thread or within its own presentation."""
    holder = [get_ident()]
    if _PRESENTING.setdefault(id(engine), holder) is not holder:  # atomic between threads
        raise RunError(f"{engine!r}: is presenting already; make an engine for each thread")
    try:
        yield
    finally:
        del _PRESENTING[id(engine)]


def _forget_other_threads() -> None:
    """Clear the table in a forked process, which has only the forking thread."""
    for engine, (thread,) in list(_PRESENTING.items()):
        if thread != get_ident():
            del _PRESENTING[engine]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


class RunsConversations:
    """The former method ``run`` of engines, for one more version."""

    def run(self, conversation: Any) -> Any:
        """Present each batch that a generator yields, send it the latencies, and return what it returns.

        Deprecated since 0.4: call ``present`` in a loop, and `netsim.run_training` for a training.
        """
        if callable(conversation):  # of `netsim.training_conversation`, which warns itself
            return conversation(self)
        warn_user("engine.run: is a former name; call engine.present for each batch", FormerWarning)
        with closing(conversation):
            try:
                batch = next(conversation)
                while True:
                    batch = conversation.send(self.present(batch))  # type: ignore[attr-defined]
            except StopIteration as stop:
                return stop.value


def check_record(network: Network, record: Sequence[Recorded]) -> None:
    """Refuse to record a neuron that does not exist or has no potential."""
    if not isinstance(record, Sequence) or isinstance(record, str | Recorded):
        need = f"must be a sequence of netsim.Recorded, not {type(record).__name__}"
        raise SpecificationError("record", f'{need}; give [netsim.Recorded("hidden", 3)]')
    for each in record:
        if not (isinstance(each, tuple | list) and len(each) == 2 and isinstance(each[1], int | np.integer)):
            raise SpecificationError(f"record {each!r}", 'must be neurons, such as netsim.Recorded("hidden", 3)')
        name, neuron = each
        network.neurons(name)
        size = network.population(name).size
        if not 0 <= neuron < size:
            raise SpecificationError(f"neuron {name}:{neuron}", f"does not exist; {name} has 0 to {size - 1}")


def checked_batch(network: Network, batch: Batch, values_later: bool = False) -> Batch:
    """Return a batch that fits the network, with a first axis of presentations for silenced neurons.

    With `values_later`, `copy_stimuli` checks the values of stimuli, if it supports their type. Raise
    SpecificationError if a population or projection does not exist, or has no thresholds or no weights. Raise DataError
    if an array has another shape, or contains invalid latencies, thresholds or delays.
    """
    check_kind(batch, Batch, "batch", "such as netsim.Batch(stimuli, weights)")
    _check_shape(network, batch.stimuli)
    if not (values_later and is_compiled_for(batch.stimuli.dtype)):
        _check_latencies(network, batch.stimuli)
    check_thresholds(network, batch.thresholds)
    check_delays(network, batch.delays)
    silenced = {}
    for name, given in batch.silenced.items():
        check_unmasked(given, f"silenced: {name}")
        shape = network.population(name).shape
        try:
            neurons = np.asarray(given)
        except ValueError as error:
            raise DataError(f"silenced: {name} contains lists of different lengths; give a value per neuron") from error
        if neurons.dtype != bool and not np.isin(neurons, (False, True)).all():
            raise DataError(f"silenced: {name} contains other values than True and False; give one of them per neuron")
        every = (len(batch.stimuli), *shape)
        if neurons.shape not in (shape, every):
            raise DataError(f"silenced: {name} has shape {neurons.shape}, but {shape} is needed")
        silenced[name] = np.broadcast_to(neurons.astype(bool, copy=False), every)
    return replace(batch, silenced=silenced) if silenced else batch


def copy_stimuli(network: Network, stimuli: np.ndarray, part: slice, copy: np.ndarray) -> None:
    """Copy a part of stimuli to the same part of a C-ordered float array. Raise DataError for invalid latencies.

    One pass copies and checks in the time of either, and releases the GIL. For types without compiled loops, the
    function only copies, because `checked_batch` has checked them.
    """
    if not is_compiled_for(stimuli.dtype):
        copy[part] = stimuli[part] + stimuli.dtype.type(0.0)
        return
    values, duration = stimuli[part].reshape(-1), stimuli.dtype.type(network.duration)
    if _copy_latencies(values, duration, copy[part].reshape(-1)) != values.size:
        _check_latencies(network, stimuli)  # checks all, so that the first part does not decide


def _check_shape(network: Network, stimuli: np.ndarray) -> None:
    check_array(stimuli, "stimuli:")
    if stimuli.shape[1:] != network.encoder.shape:
        raise DataError(f"stimuli: have shape {stimuli.shape[1:]}, {network.name} needs {network.encoder.shape}")


def _check_latencies(network: Network, stimuli: np.ndarray) -> None:
    """Refuse values that are neither silent nor before the end of the presentation."""
    if ((stimuli >= 0) & ((stimuli < network.duration) | (stimuli == np.inf))).all():
        return
    if np.isnan(stimuli).any():
        raise DataError("stimuli: contain NaN; use inf for silence")
    if (stimuli < 0).any():
        raise DataError("stimuli: contain negative latencies; time starts at 0 ms with the presentation")
    late = f"contain latencies at or after the end of the presentation ({network.duration} ms)"
    raise DataError(f"stimuli: {late}; use inf for silence, or choose a longer duration")


@compiled
def _copy_latencies(values: np.ndarray, duration: float, copy: np.ndarray) -> int:
    """Copy values, and count the valid latencies. A negative zero becomes a zero, because loops sort times by bits."""
    # a loop with an early exit would not be vectorised
    count, zero = 0, values.dtype.type(0.0)
    for k in range(len(values)):
        count += (values[k] >= 0) & ((values[k] < duration) | (values[k] == np.inf))
        copy[k] = values[k] + zero
    return count
