"""Layers as the kernels of the event engine see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from netsim.engines.event import grid_products
from netsim.engines.event.kernels import Constants
from netsim.numerics.threads import over_elements
from netsim.numerics.vectors import lanes_of
from netsim.specification import Network, Neurons, Population, Projection, Shape, Window
from netsim.specification.grid import TOLERANCE, breakpoint_steps, population_steps
from netsim.weights.layout import Weights, bias_name, kernel_name


class Blocks(NamedTuple):
    """What a sweep adds up, in blocks of neighbouring maps; the last block is filled up with silent ones.

    Attributes
    ----------
    kernel : ndarray, shape (blocks, inputs of a field, lanes)
    bias : ndarray, shape (blocks, lanes)
    start : ndarray, shape (rows, columns, blocks, lanes)
    """

    kernel: np.ndarray
    bias: np.ndarray
    start: np.ndarray


@dataclass(frozen=True)
class Arranged:
    """A layer as the kernels see it: one clock, one precision, every layer a convolution.

    A dense layer is a kernel of 1 on one position whose channels are its inputs.

    Attributes
    ----------
    constants : Constants
    source, shape : tuple of int
        (height, width, channels) of the layer below and of the layer.
    kernel : ndarray, shape (inputs of a field, maps)
    bias : ndarray, shape (maps,)
    start : ndarray, shape (rows, columns, maps), or None
        Potentials to begin with. As nothing leaks, a neuron with a lower threshold is one that begins nearer to it.
    rounded : Rounded, or None
        The synapses in single precision, if a phased layer on a grid is to begin with those.
    """

    constants: Constants
    source: Shape
    shape: Shape
    kernel: np.ndarray
    bias: np.ndarray
    start: np.ndarray | None = None
    rounded: grid_products.Rounded | None = None

    @cached_property
    def missing(self) -> np.ndarray:
        """What neurons miss to threshold at the gate without any presynaptic spike: of `shape`, or (1, 1, maps)."""
        missing = self.constants.threshold - self.bias * self.constants.gate
        return missing.reshape(1, 1, -1) if self.start is None else missing - self.start

    @cached_property
    def blocks(self) -> Blocks:
        """The layer in blocks, as it is swept."""
        return _in_blocks(self.kernel, self.bias, self.shape, self.start)


def arrange(
    network: Network,
    projection: Projection,
    window: Window,
    weights: Weights,
    dt: float,
    dtype: np.dtype,
    thresholds: np.ndarray | None = None,
) -> Arranged:
    """Prepare a population with one projection onto it, with times in ms if `dt` is 0 and else in steps."""
    population = network.population(projection.target)
    neurons = population.dynamics
    times = clock_times(network, population, dt)
    delays: Sequence[float] = [delay for delay, _ in projection.psp.kernel]
    if dt:
        delays = breakpoint_steps(network, projection, dt)
    real = dtype.type
    constants = Constants(
        threshold=real(times.threshold),
        drive=real(neurons.drive),
        onset=real(times.onset),
        gate=real(times.gate),
        end=real(times.end),
        whole_steps=bool(dt),
        delays=np.array(delays, dtype=dtype),
        changes=np.array([change for _, change in projection.psp.kernel], dtype=dtype),
        size=window.size,
        stride=window.stride,
        padding=window.padding,
    )
    kernel = np.ascontiguousarray(weights[kernel_name(projection)], dtype=dtype)
    kernel = kernel.reshape(-1, kernel.shape[-1])
    bias = biases(population, weights, dtype, kernel.shape[-1])
    start = None
    if thresholds is not None:
        start = head_start(neurons, times.threshold, thresholds, dtype).reshape(window.shape)
    rows, columns, _ = window.shape
    worthwhile = rows * columns >= grid_products.LEAST_POSITIONS and times.end <= grid_products.MOST_STEPS
    rounded = grid_products.rounded(kernel) if neurons.gated and dt and worthwhile else None
    arranged = Arranged(constants, window.source, window.shape, kernel, bias, start, rounded)
    if not neurons.gated:
        _ = arranged.blocks  # now, by all threads; later they would wait for one of them
    return arranged


class ClockTimes(NamedTuple):
    """Threshold, in units of ``tau·v``, and times of a population on the kernels' clock: in ms, or in steps."""

    threshold: float
    onset: float
    gate: float
    end: float


def clock_times(network: Network, population: Population, dt: float) -> ClockTimes:
    """What the kernels take a population's threshold and times for, in ms if `dt` is 0 and else in steps."""
    neurons = population.dynamics
    threshold = neurons.threshold * neurons.tau
    if not dt:
        return ClockTimes(threshold, neurons.onset, neurons.gate, network.window_end(population))
    steps = population_steps(network, population, dt)
    return ClockTimes(threshold * (1 - TOLERANCE) / dt, steps.onset, steps.gate, steps.end)


def biases(population: Population, weights: Weights, dtype: np.dtype, count: int) -> np.ndarray:
    """Constant currents of so many maps or neurons."""
    if not population.has_bias:
        return np.zeros(count, dtype)
    own = weights[bias_name(population)]
    return np.ascontiguousarray(np.tile(own, count // own.size) if count != own.size else own, dtype=dtype)


def head_start(neurons: Neurons, threshold: float, thresholds: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Potentials to begin with that stand for neurons' own thresholds, as nothing leaks."""
    return ((neurons.threshold - thresholds) * (threshold / neurons.threshold)).astype(dtype)


def _in_blocks(kernel: np.ndarray, bias: np.ndarray, shape: Shape, start: np.ndarray | None) -> Blocks:
    """A layer in blocks."""
    lanes = lanes_of(kernel.itemsize)
    inputs, maps = kernel.shape
    count = -(-maps // lanes)
    kernels = np.empty((count, inputs, lanes), kernel.dtype)

    def fill(blocks: slice) -> None:
        for block in range(blocks.start, blocks.stop):
            part = kernel[:, block * lanes : (block + 1) * lanes]
            kernels[block, :, : part.shape[1]] = part
            kernels[block, :, part.shape[1] :] = 0

    over_elements(count, fill, inputs * lanes)
    biases = np.zeros(count * lanes, bias.dtype)
    biases[:maps] = bias
    starts = np.full((*shape[:2], count * lanes), -np.inf, bias.dtype)
    starts[..., :maps] = 0.0 if start is None else start
    return Blocks(kernels, biases.reshape(-1, lanes), starts.reshape(*shape[:2], -1, lanes))
