"""Postsynaptic potentials that are fitted to the response of Brian2 networks whose response is known."""

from __future__ import annotations

import dataclasses
import warnings
from functools import cache
from typing import Any

import brian2 as b2
import matplotlib.pyplot as plt
import numpy as np
import pytest

import netsim
from netsim.calibration.response import PSPFit, _fit
from netsim.engines.brian2.own import OwnBrian2Engine
from netsim.errors import DataError, SpecificationError

LEAKY = """
dv/dt = (current + bias - v)/tau : 1
dcurrent/dt = -current/tau_s : 1
bias : 1
"""
TAU, TAU_S, DT = 10.0, 4.0, 0.25


@pytest.fixture(autouse=True)
def _step(brian2_compiles_nothing: None) -> None:
    b2.defaultclock.dt = DT * b2.ms


def _engine(delay: float = 0.0, connected: bool = True, unit: float = 1.0) -> OwnBrian2Engine:
    """Leaky neurons with exponential synapses, the second projection with a delay (ms)."""
    tau, tau_s = TAU * b2.ms, TAU_S * b2.ms
    common = {"threshold": "v > 1", "refractory": "True", "method": "exact", "namespace": {"tau": tau, "tau_s": tau_s}}
    groups = {"stimulus": b2.SpikeGeneratorGroup(4, [], [] * b2.ms)}
    groups |= {name: b2.NeuronGroup(size, LEAKY, **common) for name, size in (("hidden", 3), ("output", 2))}
    strength = f"{unit if connected else 0.0}*w"
    first = b2.Synapses(groups["stimulus"], groups["hidden"], "w : 1", on_pre=f"current_post += {strength}")
    second = b2.Synapses(groups["hidden"], groups["output"], "w : 1", on_pre=f"current_post += {strength}",
                         delay=delay * b2.ms)  # fmt: skip
    first.connect()
    second.connect()
    neurons = netsim.Neurons("free", threshold=1.0, tau=5.0, bias=True)
    layers = [netsim.Layer("hidden", netsim.Dense(3), neurons), netsim.Layer("output", netsim.Dense(2), neurons)]
    network = netsim.Network.chain("leaky", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 60.0)
    simulation = b2.Network(*groups.values(), first, second)
    biases = {"hidden": "bias", "output": "bias"}
    return netsim.brian2_engine(network, simulation, groups, {"hidden": first, "output": second}, biases)


def _expected(since: np.ndarray) -> np.ndarray:
    """The response of a leaky membrane to an exponential current of time constant TAU_S, which begins at 0 ms."""
    since = np.maximum(since, 0)
    return TAU_S / (TAU - TAU_S) * (np.exp(-since / TAU) - np.exp(-since / TAU_S))


@cache
def _fit_of_delayed() -> PSPFit:
    """The fit that several tests look at; Brian2 takes longest."""
    return netsim.fit_psp(_engine(delay=5.0))


def test_the_response_is_that_of_the_equations() -> None:
    fit = _fit_of_delayed()
    first, second = fit.responses
    np.testing.assert_allclose(first.potential, _expected(first.time - DT), atol=1e-6)
    np.testing.assert_allclose(second.potential, _expected(second.time - 5.0 - DT), atol=1e-6)
    for response in (first, second):
        assert response.error < 0.05
        assert fit.network.projection(response.projection).psp == response.psp
        slopes = np.cumsum([change for _, change in response.psp.kernel])
        assert abs(slopes[-1]) < 1e-9  # it stays level after the last breakpoint
    assert second.psp.kernel[0][0] >= 4.0
    assert "hidden: peak 0.2171 per weight of 1 at 6.25 ms" in repr(fit)
    assert "largest error" in fit._repr_html_()


def test_a_delay_counts_once() -> None:
    """The response begins with the delay of the synapses, whatever the network says of it."""
    engine = _engine(delay=5.0)
    late = tuple(dataclasses.replace(each, delay=5.0 * (each.name == "output")) for each in engine.network.projections)
    engine.network = dataclasses.replace(engine.network, projections=late)
    network = netsim.fit_psp(engine).network
    assert network.projections == _fit_of_delayed().network.projections


def test_more_breakpoints_fit_better() -> None:
    (few,) = netsim.fit_psp(_own(recurrent=False), 3).responses
    assert len(few.psp.kernel) == 3
    assert few.error > _fit_of_delayed().responses[0].error


def test_a_stand_in_of_what_is_piecewise_linear_is_exact() -> None:
    triangle = netsim.PSP("triangle", rise=4.0, fall=9.0)
    time = np.arange(0, 40, 0.25)
    psp = _fit(time, triangle.potential(time), 3)
    np.testing.assert_allclose(psp.potential(time), triangle.potential(time), atol=0.02)


def test_the_operating_point_is_where_it_is_asked_for() -> None:
    """In a linear neuron it makes no difference, up to the spike that it leads to."""
    engine = _engine()
    weights = netsim.initial_weights(engine.network, 0)
    for name, array in weights.items():
        array[:] = 1.05 if name.endswith("bias") else 0
    at_rest, driven = _fit_of_delayed(), netsim.fit_psp(engine, weights=weights)
    shown = driven.responses[0]
    assert TAU < shown.time[-1] < 60 - DT
    np.testing.assert_allclose(shown.potential, at_rest.responses[0].potential[: shown.time.size], atol=1e-6)
    weights["hidden.bias"][:] = 50
    with pytest.raises(DataError, match=r"^hidden: the potential of hidden is cut off .*start below threshold"):
        netsim.fit_psp(engine, weights=weights)


def test_what_does_not_respond_is_named() -> None:
    with pytest.raises(DataError, match=r"^hidden: the potential of hidden does not respond to a spike"):
        netsim.fit_psp(_engine(connected=False))
    with pytest.raises(SpecificationError, match=r"^breakpoints: must be an integer >= 2, not 1$"):
        netsim.fit_psp(_engine(), 1)


def test_the_fit_is_drawn() -> None:
    fit = _fit_of_delayed()
    panels = fit.figure().axes
    assert [axes.get_title(loc="left") for axes in panels] == ["hidden", "output"]
    assert panels[-1].get_xlabel() == "time after the presynaptic spike (ms)"
    np.testing.assert_array_equal(panels[0].lines[1].get_ydata(), fit.responses[0].fitted)
    plt.close("all")


def test_the_unit_is_printed_and_does_not_change_the_fit() -> None:
    """A weight of 1 A would make the neuron fire at once, and that of 1 fA is lost in rounding at first."""
    peaks = {}
    for unit in (b2.amp, b2.nA, 1e-15 * b2.amp):
        pixels = b2.SpikeGeneratorGroup(4, [], [] * b2.ms)
        equations = "dv/dt = (10*nS * (-70*mV - v) + I) / (200*pF) : volt\ndI/dt = -I / (5*ms) : amp"
        cells = b2.NeuronGroup(2, equations, threshold="v > -50*mV", refractory="True", method="exact")
        cells.v = -70 * b2.mV
        synapses = b2.Synapses(pixels, cells, "w : amp", on_pre="I_post += w")
        synapses.connect()
        layers = [netsim.Layer("cells", netsim.Dense(2))]
        network = netsim.Network.chain("leaky", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 40.0)
        simulation, groups = b2.Network(pixels, cells, synapses), {"stimulus": pixels, "cells": cells}
        engine = netsim.brian2_engine(network, simulation, groups, {"cells": (synapses, "w", unit)})
        fit = netsim.fit_psp(engine)
        peaks[float(unit)] = float(fit.responses[0].potential.max()) / float(unit)
        if unit is b2.nA:
            assert "V per nA at 9.5 ms" in repr(fit)
    assert list(peaks.values()) == pytest.approx([peaks[1e-9]] * 3, rel=1e-3)


def test_unequal_effects_of_both_signs_are_reported() -> None:
    """With conductances, a negative weight acts by its own distance to the reversal potential."""
    equations = "dv/dt = (g_e*(4 - v) + g_i*(E_i - v) - v)/(20*ms) : 1\ng_e : 1\ng_i : 1"
    for reversal, equal in ((-1.0, False), (-4.0, True)):
        pixels = b2.SpikeGeneratorGroup(4, [], [] * b2.ms)
        namespace = {"E_i": reversal}
        cells = b2.NeuronGroup(2, equations, threshold="v > 1", refractory="True", method="euler", namespace=namespace)
        on_pre = "g_e_post += clip(w, 0, inf)\ng_i_post += clip(-w, 0, inf)"
        synapses = b2.Synapses(pixels, cells, "w : 1", on_pre=on_pre)
        synapses.connect()
        layers = [netsim.Layer("cells", netsim.Dense(2))]
        network = netsim.Network.chain("own", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 40.0)
        groups = {"stimulus": pixels, "cells": cells}
        engine = netsim.brian2_engine(network, b2.Network(pixels, cells, synapses), groups, {"cells": synapses})
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            netsim.fit_psp(engine)
        texts = [str(each.message) for each in warned if "negative weight" in str(each.message)]
        assert len(texts) == (not equal)
        assert equal or "with 0.25 times the effect of a positive one" in texts[0]
        assert equal or "scale one of both in your equations, by 4, or" in texts[0]


def _own(recurrent: bool, **first: Any) -> OwnBrian2Engine:
    common = {"threshold": "v > 1", "refractory": "True", "method": "exact"}
    equations = LEAKY.replace("tau_s", f"({TAU_S}*ms)").replace("/tau :", f"/({TAU}*ms) :")
    groups = {"stimulus": b2.SpikeGeneratorGroup(4, [], [] * b2.ms), "cells": b2.NeuronGroup(3, equations, **common)}
    synapses = {"cells": b2.Synapses(groups["stimulus"], groups["cells"], "w : 1", on_pre="current_post += w")}
    projections = [netsim.Projection("stimulus", "cells", netsim.Dense(), **first)]
    if recurrent:
        synapses["loop"] = b2.Synapses(groups["cells"], groups["cells"], "w : 1", on_pre="current_post += w")
        projections.append(netsim.Projection("cells", "cells", netsim.Dense(), name="loop"))
    for each in synapses.values():
        each.connect()
    populations = (netsim.Population("cells", (3,)),)
    encoder = netsim.IntensityEncoder((2, 2, 1), 10.0)
    network = netsim.Network("own", encoder, populations, tuple(projections), 60.0)
    return netsim.brian2_engine(network, b2.Network(*groups.values(), *synapses.values()), groups, synapses)


def test_inhibitory_synapses_are_measured() -> None:
    (response,) = netsim.fit_psp(_own(recurrent=False, sign="inhibitory")).responses
    np.testing.assert_allclose(response.potential, _expected(response.time - DT), atol=2e-3)


def test_a_synapse_between_two_neurons_of_a_loop_is_measured() -> None:
    """The first one connects a neuron to itself, which a spike resets."""
    _, response = netsim.fit_psp(_own(recurrent=True)).responses
    assert response.projection == "loop"
    peak = response.potential.max()
    assert peak == pytest.approx(_expected(np.arange(0, 40, 0.1)).max(), rel=0.02)
