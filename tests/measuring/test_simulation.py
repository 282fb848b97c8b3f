"""Presentations looked at closely: latencies and potentials belong to the stimuli that were chosen."""

from __future__ import annotations

import numpy as np

from netsim.analysis import potential_table
from netsim.engines import Batch, Recorded, make_engine
from netsim.measuring.simulation import simulate
from netsim.runs.model import load_model


def test_potentials_are_those_of_their_presentation_however_many_there_are() -> None:
    """Fifty are presented at a time; each has the trace that it has alone."""
    model = load_model("digits")
    stimuli, neuron = model.splits().test, Recorded("output", 3)
    indices = list(range(100, 220))
    engine = make_engine("event", model.network, record=[neuron])
    found = simulate(engine, model.weights, stimuli, indices)
    assert [trace.presentation for trace in found.potentials] == list(range(120))
    table = potential_table(found.potentials, found.indices)
    assert table["presentation"].unique().tolist() == indices
    for at in (0, 49, 50, 119):
        latencies = engine.present(Batch(stimuli.latencies(np.array([indices[at]])), model.weights))
        (alone,) = engine.potentials
        for layer, whole in zip(latencies, found.latencies, strict=True):
            np.testing.assert_array_equal(layer[0], whole[at])
        np.testing.assert_array_equal(found.potentials[at].time, alone.time)
        np.testing.assert_array_equal(found.potentials[at].potential, alone.potential)


def test_labels_are_those_of_the_chosen_stimuli_in_their_order() -> None:
    model = load_model("digits")
    stimuli, chosen = model.splits().test, [7, 3, 3, 12]
    found = simulate(make_engine("event", model.network), model.weights, stimuli, chosen)
    assert found.labels is not None
    assert found.labels.tolist() == stimuli.labels[chosen].tolist()
    assert [row["index"] for row in found.to_dict()] == chosen
    np.testing.assert_array_equal(found.latencies[0], stimuli.latencies(np.array(chosen)))
