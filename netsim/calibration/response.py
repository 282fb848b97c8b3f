"""The response of a neuron's potential to one spike, and its piecewise-linear approximation for the learner."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize

from netsim.analysis.style import COLUMN_WIDTH, FAINT, plain, theme
from netsim.engines.brian2.own import OwnBrian2Engine
from netsim.engines.protocol import Batch, Recorded
from netsim.errors import DataError, warn_user
from netsim.reprs import html_table, limited, short_repr
from netsim.specification import PSP, Network, Projection, PSPShape
from netsim.specification.checks import check_kind, whole
from netsim.weights.layout import Weights, check_weights, kernel_name, weight_shapes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP = 1e-3
"""First weight of the measured synapse, added to the operating point."""
_TRIALS = 10
_UNEQUAL = 0.1
"""Largest relative difference between the effects of a positive and a negative weight that is not reported."""
_VISIBLE = 1e-7
"""Least response that is measured, as a share of the potential; rounding is far below."""


@dataclass(frozen=True, eq=False)  # comparing arrays yields no truth value
class Response:
    """Response of a neuron's potential to one spike, and its approximation.

    Attributes
    ----------
    projection : str
    time : ndarray of float, shape (samples,)
        Time since the presynaptic spike (ms).
    potential : ndarray of float, shape (samples,)
        Potential per weight, in the unit of the potential.
    psp : PSPShape
        Piecewise-linear approximation.
    tau : float
        Membrane time constant (ms), the time unit of the slopes.
    unit : str
        Unit that `potential` is in, such as ``V per pA``; empty without units.
    """

    projection: str
    time: np.ndarray
    potential: np.ndarray
    psp: PSPShape
    tau: float
    unit: str = ""

    __repr__ = short_repr

    @property
    def fitted(self) -> np.ndarray:
        """Potential of the approximation at the same times."""
        return self.psp.potential(self.time) / self.tau

    @property
    def error(self) -> float:
        """Largest difference, relative to the largest absolute value of the response."""
        return float(np.abs(self.fitted - self.potential).max() / np.abs(self.potential).max())


@dataclass(frozen=True)
class PSPFit:
    """Approximations for all projections, and the network with them. Notebooks show the table.

    Attributes
    ----------
    network : Network
    responses : tuple of Response
    """

    network: Network
    responses: tuple[Response, ...]

    def __repr__(self) -> str:
        lines = [
            f"  {each.projection}: peak {peak} at {time:g} ms, largest error {each.error:.1%} of the peak"
            for each, time, peak in self._peaks()
        ]
        return limited([f"PSPFit of {self.network.name!r}:", *lines])

    def _repr_html_(self) -> str:
        rows = [(each.projection, peak, f"{time:g}", f"{each.error:.1%}") for each, time, peak in self._peaks()]
        return html_table(self.network.name, rows, ("projection", "peak", "at (ms)", "largest error"))

    def figure(self) -> "Figure":
        """Draw responses and approximations over time.

        Returns
        -------
        matplotlib.figure.Figure
        """
        import matplotlib.pyplot as plt

        with theme():
            size = (COLUMN_WIDTH, 1.7 * len(self.responses))
            figure, panels = plt.subplots(
                len(self.responses), squeeze=False, sharex=True, figsize=size, layout="constrained"
            )
            for axes, each in zip(panels[:, 0], self.responses, strict=True):
                axes.plot(each.time, each.potential, color=FAINT, linewidth=2.5, label="response")
                axes.plot(each.time, each.fitted, linewidth=1.0, label="piecewise-linear stand-in")
                label = f"potential ({each.unit})" if each.unit else "potential per weight"
                axes.set(ylabel=label, title=plain(each.projection))
            panels[0, 0].legend()
            panels[-1, 0].set(xlabel="time after the presynaptic spike (ms)")
        return figure

    def _peaks(self) -> Iterator[tuple[Response, float, str]]:
        for each in self.responses:
            peak = int(np.abs(each.potential).argmax())
            yield each, float(each.time[peak]), f"{each.potential[peak]:.4g} {each.unit or 'per weight of 1'}"


def fit_psp(engine: OwnBrian2Engine, breakpoints: int = 8, weights: Weights | None = None) -> PSPFit:
    """Fit piecewise-linear postsynaptic potentials to the response of a Brian2 network.

    For each projection, one presynaptic neuron fires at the start of a presentation without a stimulus. The response is
    the change that one weak synapse causes in the potential of a postsynaptic neuron, divided by its weight. The
    approximation has slopes that change at `breakpoints` times, fitted by least squares. It is constant after the last.

    If the neuron's equations are linear below threshold, the response is independent of the potential, and only the
    approximation causes errors. Otherwise, as with conductances, the fit is valid at the operating point only.

    The slope of the approximation at a spike is not the slope of the potential. So the network of the fit learns with
    ``derivative="linear"``.

    Parameters
    ----------
    engine : OwnBrian2Engine
        From `netsim.brian2_engine`, whose `potentials` define the recorded variables.
    breakpoints : int
        Number of breakpoints, at least 2.
    weights : dict of ndarray, optional
        Operating point: weights and biases of all neurons during the measurement. The default is 0.

    Returns
    -------
    PSPFit

    Raises
    ------
    DataError
        If a potential does not respond, or neurons fire too early at the operating point.
    SpecificationError
        If there are too few breakpoints, or the engine is not from `brian2_engine`.

    Warns
    -----
    UserWarning
        If negative weights are more or less effective than positive ones, as with conductances.

    References
    ----------
    The response of potential to a weak synaptic event as the kernel of a neuron: Gerstner, Kistler, Naud and Paninski
    (2014), Neuronal Dynamics, chapter 6.

    Examples
    --------
    >>> import brian2 as b2
    >>> import netsim
    >>> b2.defaultclock.dt = 0.1 * b2.ms
    >>> pixels = b2.SpikeGeneratorGroup(4, [], [] * b2.ms)
    >>> leaky = "dv/dt = -v/(20*ms) : 1"
    >>> cells = b2.NeuronGroup(2, leaky, threshold="v > 1", refractory="True", method="exact")
    >>> synapses = b2.Synapses(pixels, cells, "w : 1", on_pre="v_post += w")
    >>> synapses.connect()
    >>> layers = [netsim.Layer("cells", netsim.Dense(2))]
    >>> network = netsim.Network.chain("own", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 40.0)
    >>> groups = {"stimulus": pixels, "cells": cells}
    >>> engine = netsim.brian2_engine(network, b2.Network(pixels, cells, synapses), groups, {"cells": synapses})
    >>> fit = netsim.fit_psp(engine)
    >>> [response.projection for response in fit.responses]
    ['cells']
    """
    breakpoints = whole(breakpoints, "breakpoints", least=2)
    check_kind(engine, OwnBrian2Engine, "engine", "from netsim.brian2_engine")
    network = engine.network
    if weights is None:
        weights = {name: np.zeros(shape) for name, shape in weight_shapes(network).items()}
    weights = check_weights(network, weights, "weights")
    responses = tuple(_respond(engine, projection, weights, breakpoints) for projection in network.weighted)
    fitted = {response.projection: response.psp for response in responses}
    projections = tuple(
        # the response begins with the delay of the synapses
        dataclasses.replace(each, psp=fitted[each.name], delay=0.0) if each.name in fitted else each
        for each in network.projections
    )
    learning = dataclasses.replace(network.learning, derivative="linear")
    return PSPFit(dataclasses.replace(network, projections=projections, learning=learning), responses)


class _Probe(NamedTuple):
    """A synapse: the numbers of its neurons, and of its weight in the flat kernel."""

    pre: int
    post: int
    weight: int


def _respond(engine: OwnBrian2Engine, projection: Projection, weights: Weights, breakpoints: int) -> Response:
    """Present with and without the synapse, and fit the difference."""
    where = f"{projection.name}: the potential of {projection.target}"
    tau = engine.network.neurons(projection.target).tau
    probe = _probed(engine.network, projection)
    time, without = _trace(engine, projection, probe, weights, 0.0)
    signs, step = engine.network.weight_signs(projection), STEP
    if signs is not None and np.broadcast_to(signs, weights[kernel_name(projection)].shape).ravel()[probe.weight] < 0:
        step = -STEP
    for _ in range(_TRIALS):
        _, potential = _trace(engine, projection, probe, weights, step)
        shared = min(len(potential), len(without))
        response = potential[:shared] - without[:shared]
        if len(potential) < len(without):  # so strong that it makes the neuron fire
            step /= 1e3
        elif np.abs(response).max() > _VISIBLE * (np.abs(without).max() or 1.0):
            break
        else:
            step *= 1e3
    if shared < 2 * breakpoints:
        remedy = "let neurons start below threshold (such as group.v = E_L), or choose weaker weights or biases"
        raise DataError(f"{where} is cut off by a spike at {time[shared - 1]:g} ms; {remedy}")
    if not response.any():
        raise DataError(f"{where} does not respond to a spike; check potentials in netsim.brian2_engine")
    time, response = time[:shared], response / step
    if signs is None:
        _compare_signs(where, response, _trace(engine, projection, probe, weights, -step)[1], without, step)
    unit = engine.model.unit_of_response(projection)
    return Response(projection.name, time, response, _fit(time, response * tau, breakpoints), tau, unit)


def _compare_signs(where: str, response: np.ndarray, weaker: np.ndarray, without: np.ndarray, step: float) -> None:
    """Warn if a weaker synapse does not lower the potential as a stronger one raises it, as with conductances."""
    shared = min(len(response), len(weaker), len(without))
    lowered = (without[:shared] - weaker[:shared]) / step
    raised = response[:shared]
    size = float(raised @ raised)
    ratio = float(lowered @ raised) / size if size > 0 else 1.0
    if abs(ratio - 1) <= _UNEQUAL:
        return
    fact = f"{where} responds to a negative weight with {ratio:.2g} times the effect of a positive one"
    scale = f"scale one of both in your equations, by {1 / ratio:.2g}" if ratio > 0 else "check the sign of its effect"
    warn_user(f"{fact}, and the learner takes both for equal; {scale}, or measure at other weights")


def _trace(
    engine: OwnBrian2Engine, projection: Projection, probe: _Probe, weights: Weights, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return times (ms) and potential of a neuron until it fires, if the probed synapse is stronger by `step`."""
    network = engine.network
    kernel = weights[kernel_name(projection)].copy()
    kernel.ravel()[probe.weight] += step
    recorder = OwnBrian2Engine(network, engine.model, [Recorded(projection.target, probe.post)])
    engine.model.also = {projection.source: np.array([probe.pre], np.int32)}
    try:
        silent = np.full((1, *network.encoder.shape), np.inf)
        latencies = recorder.present(Batch(silent, weights | {kernel_name(projection): kernel}))
    finally:
        engine.model.also = {}
    (trace,) = recorder.potentials
    before = trace.time <= latencies[projection.target].reshape(-1)[probe.post]
    return trace.time[before], trace.potential[before]


def _probed(network: Network, projection: Projection) -> _Probe:
    """Return the synapse to measure: the first one between two neurons.

    The source is made to fire, so a synapse of a neuron onto itself shows no response.
    """
    pre, post, index = network.connections(projection)
    apart = np.flatnonzero(pre != post) if projection.source == projection.target else np.arange(len(pre))
    if not len(apart):
        itself = "connects neurons to themselves only, whose response a spike of theirs hides"
        raise DataError(f"{projection.name}: {itself}; give its psp, and fit the network without it")
    return _Probe(*(int(each[apart[0]]) for each in (pre, post, index)))


def _fit(time: np.ndarray, response: np.ndarray, breakpoints: int) -> PSPShape:
    """Fit changes of slope and times of breakpoints by least squares."""
    start = max(0, int(np.argmax(np.abs(response) > 1e-6 * np.abs(response).max())) - 1)
    first, last = float(time[start]), float(time[-1])
    # initial guess: density of breakpoints by the square root of curvature
    curvature = np.sqrt(np.abs(np.gradient(np.gradient(response, time), time))) + 1e-3 * np.ptp(response) ** 0.5
    share = np.cumsum(np.where(time >= first, curvature, 0.0))
    knots = np.interp(np.linspace(0, 1, breakpoints + 1)[:-1] + 0.5 / breakpoints, share / share[-1], time)
    knots[0] = first

    def placed(logs: np.ndarray) -> np.ndarray:
        gaps = np.exp(np.clip(logs, -20, 20))
        return first + np.concatenate([[0.0], np.cumsum(gaps)])

    def solved(knots: np.ndarray) -> tuple[np.ndarray, float]:
        hinges = np.maximum(time[:, None] - knots, 0.0)
        free = hinges[:, :-1] - hinges[:, -1:]  # slopes add up to 0, constant after the last breakpoint
        changes, *_ = np.linalg.lstsq(free, response, rcond=None)
        return np.append(changes, -changes.sum()), float(np.square(free @ changes - response).mean())

    gaps = np.maximum(np.diff(knots), float(time[1]))
    solution = minimize(
        lambda logs: solved(placed(logs))[1] / np.square(response).mean() + 1e3 * max(0.0, placed(logs)[-1] - last),
        np.log(gaps),
        method="Nelder-Mead",
        options={"maxiter": 400 * breakpoints, "maxfev": 400 * breakpoints, "xatol": 1e-3, "fatol": 1e-9},
    )
    knots = placed(solution.x)
    changes, _ = solved(knots)
    pairs = zip(knots.tolist(), changes.tolist(), strict=True)
    return PSP("breakpoints", breakpoints=tuple((round(delay, 6), change) for delay, change in pairs))
