"""Presentations: latencies and potentials belong to the stimuli that were chosen."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.analysis import potential_table
from netsim.engines import Batch, Recorded, make_engine
from netsim.errors import DataError
from netsim.measuring.metrics import presentation_records
from netsim.presenting.present import present
from netsim.runs.model import load_model


def test_potentials_are_those_of_their_presentation_however_many_there_are() -> None:
    """Two hundred are presented at a time; each has the trace that it has alone."""
    model = load_model("digits")
    stimuli, neuron = model.splits().test, Recorded("output", 3)
    indices = list(range(100, 350))
    engine = make_engine("event", model.network, record=[neuron])
    spikes = present(model, stimuli, index=indices, engine=engine)
    assert [trace.presentation for trace in spikes.potentials] == list(range(250))
    table = potential_table(spikes.potentials, spikes.indices)
    assert table["presentation"].unique().tolist() == indices
    for at in (0, 199, 200, 249):
        latencies = engine.present(Batch(stimuli.latencies(np.array([indices[at]])), model.weights))
        (alone,) = engine.potentials
        for name, times in latencies.items():
            np.testing.assert_array_equal(times[0], spikes[name][at])
        np.testing.assert_array_equal(spikes.potentials[at].time, alone.time)
        np.testing.assert_array_equal(spikes.potentials[at].potential, alone.potential)


def test_labels_are_those_of_the_chosen_stimuli_in_their_order() -> None:
    model = load_model("digits")
    stimuli, chosen = model.splits().test, [7, 3, 3, 12]
    spikes = present(model, stimuli, index=chosen)
    assert spikes.labels is not None
    assert spikes.labels.tolist() == stimuli.labels[chosen].tolist()
    assert [row["index"] for row in presentation_records(spikes)] == chosen
    np.testing.assert_array_equal(spikes["stimulus"], stimuli.latencies(np.array(chosen)))


def test_some_populations_and_presentations_only() -> None:
    spikes = present("digits", index=range(10), populations=["hidden", "output"])
    assert list(spikes) == ["hidden", "output"]
    some = spikes.pick(np.array([4, 1]))
    assert some.indices.tolist() == [4, 1]
    np.testing.assert_array_equal(some["hidden"], spikes["hidden"][[4, 1]])
    assert spikes.windows["output"] == spikes.network.firing_window("output")


def test_potentials_follow_the_presentations_that_are_picked() -> None:
    model = load_model("digits")
    engine = make_engine("event", model.network, record=[Recorded("output", 3), Recorded("hidden", 0)])
    spikes = present(model, index=range(4), engine=engine)
    for chosen, at in (([-1], [3]), ([1, 1], [1, 1]), (np.array([True, False, True, False]), [0, 2])):
        picked = spikes.pick(np.asarray(chosen)).potentials
        assert sorted((each.presentation, each.layer) for each in picked) == [
            (number, layer) for number in range(len(at)) for layer in ("hidden", "output")
        ]
        for each in picked:
            (whole,) = (
                one
                for one in spikes.potentials
                if one.presentation == at[each.presentation] and one.layer == each.layer
            )
            assert each.time is whole.time
    with pytest.raises(DataError, match="there are 4"):
        spikes.pick(np.array([4]))
