"""Why a neuron fired: its potential, its receptive field, and its causal input spikes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from netsim.engines import Recorded
from netsim.engines.event.potentials import Cause, arrivals_at, causes_of, potential_traces
from netsim.exploring.asking import number, questions
from netsim.exploring.explorer import Explorer, Shown
from netsim.exploring.questions.spikes import reduced
from netsim.exploring.view import View
from netsim.specification import STIMULUS

_CAUSES = 2000
"""Causal spikes that are sent, the largest first."""
_PSPS, _PSP_SAMPLES = 5, 24
"""Largest causes whose effect on the potential is sent over time, and samples of it."""


@questions.register("causes")
def causes(explorer: Explorer, view: View, layer: str, neuron: int) -> dict[str, Any]:
    """Return the potential of a neuron, its receptive field, and the input spikes that built it, largest first.

    Causes are read at the spike, or at the end of the firing window of a silent neuron. The receptive field is the
    weights of all its synapses. Relays have no potential: their causes are their inputs, the earliest first.
    """
    chosen, shown = explorer.neuron(layer, neuron), explorer.show(view)
    latency = shown.latency(chosen)
    answer: dict[str, Any] = {"layer": layer, "neuron": neuron, "latency": number(latency), "potential": None}
    answer |= {"window": [number(each) for each in shown.network.firing_window(layer)], "threshold": None}
    answer |= {"causes": [], "fields": [], "psps": []}
    if layer == STIMULUS:
        return answer
    if _is_lesioned(shown, chosen):
        answer |= {"lesioned": True, "otherwise": number(_latency_without_lesion(explorer, view, shown, chosen))}
    if shown.network.population(layer).integrates:
        return answer | _of_potential(shown, chosen, latency, view.grid(explorer.network))
    arrived = arrivals_at(shown.network, shown.batch, shown.spikes, chosen, view.grid(explorer.network))
    return answer | {"causes": [_cause(*arrived, None)], "rest": None}


def _of_potential(shown: Shown, neuron: Recorded, latency: float, dt: float) -> dict[str, Any]:
    """Return potential, causes, receptive fields and largest postsynaptic potentials of a neuron that integrates."""
    network, batch = shown.network, shown.batch
    time = latency if math.isfinite(latency) else network.firing_window(neuron.layer)[1]

    def inputs(time: float) -> list[Cause]:
        return causes_of(network, batch, shown.spikes, neuron, time, dt)

    (trace,) = potential_traces(network, batch, shown.spikes, [neuron], dt)
    reached, total = float(np.interp(time, trace.time, trace.potential)), 0.0
    listed, fields, largest = [], [], []
    for each in inputs(time):
        chosen = np.flatnonzero(each.potentials)
        chosen = chosen[np.argsort(-np.abs(each.potentials[chosen]), kind="stable")]
        total += float(each.potentials.sum())
        listed.append(_cause(each.source, each.neurons[chosen], each.arrivals[chosen], each.potentials[chosen]))
        largest += [(abs(each.potentials[k]), each.source, k, each.arrivals[k]) for k in chosen[:_PSPS].tolist()]
        weights = [float(f"{weight:.4g}") for weight in each.weights]
        fields.append({"source": each.source, "neurons": each.neurons.tolist(), "weights": weights})
    largest = sorted(largest, reverse=True)[:_PSPS]
    psps: list[dict[str, Any]] = [{"source": source, "points": [[], []]} for _, source, *_ in largest]
    for at in np.linspace(min((arrival for *_, arrival in largest), default=time), time, _PSP_SAMPLES):
        parts = {each.source: each.potentials for each in inputs(at)}
        for psp, (_, source, k, _) in zip(psps, largest, strict=True):
            psp["points"][0].append(float(at))
            psp["points"][1].append(float(parts[source][k]))
    thresholds = batch.thresholds.get(neuron.layer)
    threshold = network.neurons(neuron.layer).threshold if thresholds is None else thresholds.ravel()[neuron.neuron]
    return {
        "causes": listed,
        "fields": fields,
        "psps": psps,
        "potential": [part.tolist() for part in reduced(trace.time, trace.potential)],
        "threshold": float(threshold),
        "reached": reached,
        "rest": reached - total,  # constant current and drive
    }


def _is_lesioned(shown: Shown, neuron: Recorded) -> bool:
    silenced = shown.batch.silenced.get(neuron.layer)
    if silenced is None:
        return False
    return bool(np.broadcast_to(silenced, (1, *shown.network.shapes[neuron.layer])).ravel()[neuron.neuron])


def _latency_without_lesion(explorer: Explorer, view: View, shown: Shown, neuron: Recorded) -> float:
    """Return the latency that a lesioned neuron has if it alone is restored."""
    shape = (1, *shown.network.shapes[neuron.layer])
    mask = np.broadcast_to(shown.batch.silenced[neuron.layer], shape).copy()
    mask.reshape(-1)[neuron.neuron] = False
    batch = replace(shown.batch, silenced={**shown.batch.silenced, neuron.layer: mask})
    return float(explorer.present_batch(view, batch, neuron.layer).ravel()[neuron.neuron])


def _cause(source: str, neurons: np.ndarray, times: np.ndarray, potentials: np.ndarray | None) -> dict[str, Any]:
    return {
        "source": source,
        "neurons": neurons[:_CAUSES].tolist(),
        "times": times[:_CAUSES].tolist(),
        "potentials": None if potentials is None else potentials[:_CAUSES].tolist(),
        "count": len(neurons),
    }
