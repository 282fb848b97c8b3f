"""NWB files: valid, readable without netsim, and stimuli from those of other tools."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError, DataWarning
from netsim.exchange import export, read_stimuli
from netsim.specification import LatencyEncoder
from netsim.spikes import Conditions, LayerSpikes, Spikes

pynwb = pytest.importorskip("pynwb", reason="NWB needs pynwb, of the extra 'exchange'")
h5py = pytest.importorskip("h5py")


@pytest.fixture
def file(simulation: Spikes) -> Path:
    export(simulation, "spikes.nwb", "nwb", record={"weights": "trained"})
    return Path("spikes.nwb")


def test_it_is_valid(file: Path) -> None:
    assert pynwb.validate(path=str(file)) == []


def test_the_inspector_finds_nothing_that_matters(file: Path) -> None:
    inspector = pytest.importorskip("nwbinspector", reason="NWB is inspected by nwbinspector, of the extra 'test'")
    result = list(inspector.inspect_nwbfile(nwbfile_path=str(file)))
    important = inspector.Importance.BEST_PRACTICE_SUGGESTION
    assert [message for message in result if message.importance.value > important.value] == []
    # whose laboratory it is only the user knows; neo does not read files with keywords
    assert {"check_experimenter_exists", "check_institution", "check_keywords"} == {
        message.check_function_name for message in result if "binary" not in message.check_function_name
    }


def test_units_and_trials_are_those_of_the_network(file: Path, simulation: Spikes) -> None:
    with pynwb.NWBHDF5IO(str(file), "r") as stream:
        content = stream.read()
        units, trials = content.units.to_dataframe(), content.trials.to_dataframe()
        assert json.loads(content.scratch["simulation"].data) == {"weights": "trained"}
    assert len(units) == sum(layer[0].size for layer in simulation.values())
    assert list(trials.columns) == ["start_time", "stop_time", "presentation", "label", "decision", "tied", "correct"]
    assert trials["presentation"].tolist() == [7, 3, 0, 12]
    assert trials["label"].tolist() == [1, 0, 2, 1]
    np.testing.assert_allclose(trials["stop_time"] - trials["start_time"], 0.0643)
    spikes = 0
    for layer, latencies in zip(["stimulus", "conv", "pool", "hidden", "output"], simulation.values(), strict=True):
        selected = units[units["layer"] == layer]
        for unit in selected.itertuples():
            index = (unit.y, unit.x, unit.map) if latencies.ndim == 4 else (unit.map,)
            assert latencies.ndim == 4 or (unit.y, unit.x) == (-1, -1)
            times = latencies[(slice(None), *index)]
            fired = np.isfinite(times)
            expected = trials["start_time"].to_numpy()[fired] + times[fired] / 1000
            np.testing.assert_allclose(unit.spike_times, expected, rtol=0, atol=1e-12)
            spikes += len(unit.spike_times)
        assert selected["neuron"].tolist() == list(range(latencies[0].size))
    assert spikes == sum(np.isfinite(layer).sum() for layer in simulation.values())


def test_neo_reads_it(file: Path, simulation: Spikes) -> None:
    """Neo needs the interval in which each unit is observed, and stumbles over keywords."""
    io = pytest.importorskip("neo.io", reason="NWB is read by neo too, of the extra 'exchange'")
    (block,) = io.NWBIO(str(file), "r").read_all_blocks()
    (segment,) = block.segments
    duration = simulation.network.duration / 1000
    starts = np.arange(4) * duration
    expected = np.concatenate([layer.reshape(4, -1).T / 1000 + starts for layer in simulation.values()])
    assert len(segment.spiketrains) == len(expected)
    for train, times in zip(segment.spiketrains, expected, strict=True):
        assert (train.t_start.item(), train.t_stop.item()) == (0.0, pytest.approx(4 * duration))
        np.testing.assert_allclose(train.magnitude, times[np.isfinite(times)], rtol=0, atol=1e-12)


def _foreign(trials: list[tuple[float, float]], trains: list[list[float]], **columns: list[int]) -> Path:
    """A file as pynwb's own tutorials make it."""
    content = pynwb.NWBFile("some recording", "identifier", datetime(2024, 5, 1, tzinfo=UTC))
    for name in columns:
        content.add_unit_column(name, name)
    for number, train in enumerate(trains):
        content.add_unit(spike_times=np.array(train), **{name: values[number] for name, values in columns.items()})
    for start, stop in trials:
        content.add_trial(start_time=start, stop_time=stop)
    with pynwb.NWBHDF5IO("foreign.nwb", "w") as stream:
        stream.write(content)
    return Path("foreign.nwb")


def test_units_of_another_tool_are_taken_as_they_come() -> None:
    trials = [(1.0, 1.5), (2.0, 2.5)]
    trains = [[0.3, 1.01, 1.2], [1.7, 2.5], [2.004, 2.1], []]  # between trials nothing counts
    back = read_stimuli(_foreign(trials, trains), (2, 2, 1))
    expected = np.array([[10.0, np.inf, np.inf, np.inf], [np.inf, np.inf, 4.0, np.inf]])
    np.testing.assert_allclose(back.latencies.reshape(2, 4), expected)
    assert back.labels is None
    assert back.indices.tolist() == [0, 1]
    message = "foreign.nwb: 2 of 7 spikes are not the first of their neuron in a presentation, and are left out; "
    message += "3 of 7 spikes are in no presentation, and are left out"
    with pytest.warns(DataWarning, match=f"^{message}$"):
        back.stimuli(LatencyEncoder((2, 2, 1), t_max=50.0))


def test_spikes_are_those_of_their_trials_in_whatever_order_trials_are() -> None:
    back = read_stimuli(_foreign([(2.0, 2.5), (0.0, 0.5), (1.0, 1.5)], [[0.03, 1.01, 2.02]]), (1, 1, 1))
    np.testing.assert_allclose(back.latencies.ravel(), [20.0, 30.0, 10.0])


def test_units_with_places_are_put_there() -> None:
    back = read_stimuli(_foreign([(0.0, 1.0)], [[0.005], [0.006]], y=[0, 0], x=[1, 0]), (1, 2, 1))
    np.testing.assert_allclose(back.latencies.ravel(), [6.0, 5.0])


TWO = [[0.1], [0.2]]


@pytest.mark.parametrize(
    ("trials", "trains", "columns", "message"),
    [
        ([(0.0, 1.0)], [[0.1]], {}, "has 1 units, but a layer of shape .* has 2 neurons"),
        ([(0.0, 1.0)], [[-0.1], [0.2]], {}, "negative times"),
        ([(0.0, 1.0)], [[np.nan], [0.2]], {}, "NaN"),
        ([(0.0, 1.0), (0.5, 2.0)], [[0.1], [0.2]], {}, "overlap"),
        ([(1.0, 0.5)], [[0.1], [0.2]], {}, "stop before they start"),
        ([], [[0.1], [0.2]], {}, "has no trials"),
        ([(0.0, 1.0)], [], {}, "has no units"),
        ([(0.0, 1.0)], TWO, {"neuron": [0, 2]}, "neuron ranges from 0 to 2.*only 0 to 1; correct the numbers$"),
        ([(0.0, 1.0)], TWO, {"y": [0, 0], "x": [0, -1]}, "x ranges from -1 to 0"),
        ([(0.0, 1.0)], TWO, {"y": [0, 0]}, "does not identify the neurons"),
    ],
)
def test_what_is_refused(
    trials: list[tuple[float, float]], trains: list[list[float]], columns: dict[str, list[int]], message: str
) -> None:
    with pytest.raises(DataError, match=f"foreign.nwb: .*{message}"):
        read_stimuli(_foreign(trials, trains, **columns), (1, 2, 1))


def test_an_index_that_does_not_fit_is_noticed(file: Path) -> None:
    with h5py.File(file, "r+") as content:
        content["units/spike_times_index"][3] = 10**6
    with pytest.raises(DataError, match="is damaged: spike_times_index"):
        read_stimuli(file, (4, 5, 2))


def test_an_index_is_of_whole_numbers(file: Path) -> None:
    with h5py.File(file, "r+") as content:
        index = content["units/spike_times_index"]
        attributes, numbers = dict(index.attrs), index[:].astype(float)
        del content["units/spike_times_index"]
        numbers[3] += 0.25
        content["units/spike_times_index"] = numbers
        content["units/spike_times_index"].attrs.update(attributes)
    with pytest.raises(DataError, match="spike_times_index must contain integers"):
        read_stimuli(file, (4, 5, 2))


TIE = (5.0, 5.0, np.inf)


@pytest.mark.parametrize(
    ("first", "second", "fourth", "decisions", "tied", "correct"),
    [
        (
            TIE,
            (2.0, 3.0, 4.0),
            (9.0, 8.0, 7.0),
            [0, 0, -1, 2],
            [True, False, False, False],
            [False, True, False, False],
        ),
        (TIE, TIE, (9.0, 8.0, 8.0), [0, 0, -1, 1], [True, True, False, True], [False] * 4),  # with the label, too
    ],
)
def test_trials_say_what_was_decided(
    first: Any,
    second: Any,
    fourth: Any,
    decisions: list[int],
    tied: list[bool],
    correct: list[bool],
    simulation: Spikes,
) -> None:
    outputs = simulation["output"].copy()
    outputs[0], outputs[1], outputs[3] = first, second, fourth
    layer = LayerSpikes.of_latencies("output", outputs)
    decided = dataclasses.replace(simulation, load=lambda name: layer if name == "output" else simulation.load(name))
    export(decided, "spikes.nwb", "nwb")
    with pynwb.NWBHDF5IO("spikes.nwb", mode="r") as stream:
        trials = stream.read().trials.to_dataframe()
    assert trials["label"].tolist() == [1, 0, 2, 1]
    assert trials["decision"].tolist() == decisions
    assert trials["tied"].tolist() == tied
    assert trials["correct"].tolist() == correct


@pytest.mark.parametrize(("dt", "resolution"), [(0.5, 5e-4), (0.0, 1e-12)])
def test_the_resolution_of_times_is_in_seconds(dt: float, resolution: float, simulation: Spikes) -> None:
    export(dataclasses.replace(simulation, conditions=Conditions("event", dt)), "spikes.nwb", "nwb")
    with h5py.File("spikes.nwb") as file:
        assert file["units/spike_times"].attrs["resolution"] == pytest.approx(resolution)
