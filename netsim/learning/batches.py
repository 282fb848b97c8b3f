"""Checks of a batch before a learner learns from it: shapes, labels, precision, and synapses in the unit of times."""

from collections.abc import Mapping, Sequence

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.learning.channels import Channel, Synapses
from netsim.specification import STIMULUS, Network, Shape
from netsim.specification.grid import nearest_steps
from netsim.weights.layout import Delayed, Weights, axonal_delays, check_shapes, have_shapes


def check_batch(
    network: Network,
    latencies: Mapping[str, np.ndarray],
    weights: Weights,
    shapes: Mapping[str, Shape],
    weight_shapes: Mapping[str, Shape],
) -> None:
    """Refuse arrays of other shapes, because compiled loops do not check bounds.

    `shapes` of populations and `weight_shapes` are those of the network.
    """
    if not have_shapes(weights, weight_shapes):
        check_shapes(network, weights, "weights")
    given = {name: np.shape(times) for name, times in latencies.items()}
    count = given.get(STIMULUS, ())[:1]
    for name, shape in shapes.items():
        if not count or given.get(name) != (*count, *shape):
            found = given.get(name, "missing")
            raise DataError(f"latencies: {name} must have the shape {(*count, *shape)}, not {found}")


def checked_labels(labels: np.ndarray, presentations: int, outputs: int) -> np.ndarray:
    """Return the labels of some presentations. A negative label would count from the last output neuron."""
    labels = np.asarray(labels)
    one_each = labels.dtype.kind in "iu" and labels.shape == (presentations,) and labels.size > 0
    if not one_each or not 0 <= labels.min() <= labels.max() < outputs:
        raise DataError(f"labels: must be from 0 to {outputs - 1}, one per presentation, to learn from")
    return labels


def check_steps(network: Network, dtype: np.dtype) -> None:
    """Refuse a grid with too many steps for the precision."""
    dt, most = network.training.dt, 2 ** (np.finfo(dtype).nmant + 1)
    if dt and network.duration / dt > most:
        many = f"cuts a presentation into more than {most:,} steps, too many for weights in {dtype} to learn"
        raise SpecificationError("training.dt", f"{dt} ms {many}; choose a larger step, or double precision")


def synapses_of(
    network: Network, channels: Sequence[Channel], weights: Weights, delays: Delayed
) -> dict[str, Synapses]:
    """Return the synapses of each projection, with the delays that the engine of the training uses."""
    dt, axons, none = network.training.dt, axonal_delays(network, weights, delays), np.empty(0)

    def in_unit(delay: np.ndarray | None) -> np.ndarray | None:
        return nearest_steps(delay, dt) if dt and delay is not None else delay

    return {
        channel.name: Synapses(
            weights.get(channel.kernel, none),
            in_unit(weights[channel.delay]) if channel.delayed_each else None,
            in_unit(axons.get(channel.name)),
        )
        for channel in channels
    }
