"""Recordings are cut into trials with first spikes relative to an event: arrays, Neo, NWB and the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import netsim
from netsim.cli import app
from netsim.errors import DataError, NetsimError, SpecificationError

TRAINS = [np.array([12.0, 3.0, 105.0, 290.0]), np.array([]), np.array([99.0, 149.5])]
EVENTS = np.array([0.0, 100.0, 200.0])
FIRST = [[3.0, np.inf, np.inf], [5.0, np.inf, 49.5], [np.inf] * 3]


@pytest.fixture
def nwb(tmp_path: Path) -> str:
    """A recording with a cue in each trial but one, whose times are in seconds."""
    pynwb = pytest.importorskip("pynwb", reason="needs pynwb, of the extra exchange")
    file = pynwb.NWBFile("a recording", "id", datetime.now(UTC))
    file.add_trial_column("cue", "time of the cue (s)")
    file.add_trial_column("side", "left or right")
    file.add_trial_column("number", "of the trial")
    for start, cue, side in ((0.0, 0.0, "left"), (0.05, 0.1, "right"), (0.15, np.nan, "left"), (0.2, 0.2, "left")):
        file.add_trial(start_time=start, stop_time=start + 0.05, cue=cue, side=side, number=7.0)
    for train in TRAINS:
        file.add_unit(spike_times=np.sort(train) / 1000)
    with pynwb.NWBHDF5IO(tmp_path / "session.nwb", "w") as stream:
        stream.write(file)
    return str(tmp_path / "session.nwb")


def blocks() -> tuple[Any, Any]:
    """A block of Neo in seconds, and its event."""
    neo = pytest.importorskip("neo", reason="needs neo, of the extra exchange")
    pq = pytest.importorskip("quantities")
    block, segment = neo.Block(), neo.Segment()
    block.segments.append(segment)
    segment.spiketrains = [neo.SpikeTrain(train / 1000 * pq.s, t_stop=1 * pq.s) for train in TRAINS]
    sides = {"side": np.array(["left", "right", "left"])}
    cue = neo.Event(EVENTS / 1000 * pq.s, labels=["a", "b", "a"], name="cue", array_annotations=sides)
    segment.events.append(cue)
    return block, cue


def test_arrays_are_cut() -> None:
    spikes = netsim.cut_trials(TRAINS, EVENTS, window=(0.0, 50.0), labels=[1, 0, 1])
    assert spikes["units"].tolist() == FIRST
    assert netsim.cut_trials(iter(TRAINS), EVENTS, window=(0.0, 50.0))["units"].tolist() == FIRST
    assert (spikes.labels.tolist(), spikes.classes) == ([1, 0, 1], ())  # type: ignore[union-attr]
    assert spikes.windows == {"units": (0.0, 50.0)}
    before = netsim.cut_trials(TRAINS[:1], EVENTS, window=(-10.0, 10.0))
    assert before["units"].tolist() == [[13.0], [15.0], [0.0 + np.inf]]
    assert before.labels is None
    turned = netsim.cut_trials(TRAINS, EVENTS, window=(0.0, 50.0), labels=[112.5, 22.5, 112.5])
    assert (turned.labels.tolist(), turned.classes) == ([1, 0, 1], ("22.5", "112.5"))  # type: ignore[union-attr]
    overlapping = netsim.cut_trials(TRAINS[:1], [0.0, 2.0], window=(0.0, 50.0))
    assert overlapping["units"].tolist() == [[3.0], [1.0]]
    table = netsim.analyse(spikes, "psth", bin_ms=10.0).table
    assert table["end_ms"].max() == 50.0


@pytest.mark.parametrize("name", ["trials.csv", "trials.csv.gz", "trials.parquet"])
def test_silent_trials_and_words_come_back_from_a_file(name: str, tmp_path: Path) -> None:
    """A trial in which no unit fires is a row with the latency inf, and labels are their words."""
    trials = netsim.cut_trials(TRAINS[::-1], EVENTS, window=(0.0, 50.0), labels=["left", "right", "left"])
    netsim.export(trials, tmp_path / name)
    back = netsim.read_spikes(tmp_path / name)
    assert back["units"].tolist() == [row[::-1] for row in FIRST]
    assert [back.classes[label] for label in back.labels] == ["left", "right", "left"]  # type: ignore[union-attr]


@pytest.mark.parametrize("hours", [0, 1, 40])
def test_rounding_decides_no_spike_at_the_borders_of_a_trial(hours: int) -> None:
    """On a grid of 0.1 ms, in seconds as in files, the begin belongs to a trial and the end does not."""
    generator = np.random.default_rng(0)
    events = 3600 * hours + 10 + 2 * np.arange(200) + generator.integers(0, 9999, 200) / 10_000
    begins = (events - 0.25).round(4)
    trains = [begins, (events + 0.15).round(4), (events + 0.05).round(4)]
    spikes = netsim.cut_trials([1000 * train for train in trains], 1000 * events, window=(-250.0, 150.0))
    assert (spikes["units"][:, 0] == 0).all()
    assert np.isinf(spikes["units"][:, 1]).all()
    np.testing.assert_allclose(spikes["units"][:, 2], 300, atol=1e-6)


def test_times_of_another_unit_or_clock_are_noticed() -> None:
    with pytest.warns(netsim.errors.DataWarning, match="recording: no unit fires in any of 2 trials; check the window"):
        netsim.cut_trials(TRAINS, [1e5, 2e5], window=(0.0, 50.0))
    seconds = [train / 1000 for train in TRAINS]
    shared = r"recording: trials of 50 ms share most of their spikes, because events are 0.\d+ ms apart \(median\)"
    with pytest.warns(netsim.errors.DataWarning, match=shared):
        netsim.cut_trials(seconds, EVENTS / 1000, window=(0.0, 50.0))


def test_neo_is_cut_like_arrays() -> None:
    block, cue = blocks()
    for recording, events, labels in (
        (block, "cue", "side"),
        (block.segments[0], cue, "side"),
        (list(block.segments[0].spiketrains), cue, "side"),
        (block, EVENTS, ["left", "right", "left"]),
        (TRAINS, cue, "side"),
    ):
        spikes = netsim.cut_trials(recording, events, (0.0, 50.0), labels)
        assert spikes["units"].tolist() == FIRST
        assert spikes.classes == ("left", "right")
        assert spikes.labels.tolist() == [0, 1, 0]  # type: ignore[union-attr]
    assert netsim.cut_trials(block, "cue", labels="labels").classes == ("a", "b")
    with pytest.raises(DataError, match="recording: has no event or epoch 'cues'; did you mean 'cue'"):
        netsim.cut_trials(block, "cues")
    with pytest.raises(DataError, match="the event has no annotation 'sides'; did you mean 'side'"):
        netsim.cut_trials(block, "cue", labels="sides")


UNIT = "carries a unit; give plain numbers, times in ms"
MASKED = np.ma.array([1.0, 2.0], mask=[True, False])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"events": []}, "recording: has no event"),
        ({"events": "cue"}, "events: must be times in ms"),
        ({"events": [0.0, np.nan]}, "events: has times that are missing"),
        ({"recording": []}, "recording: has no units"),
        ({"labels": [1]}, r"has labels of shape \(1,\) for 3 events"),
        ({"labels": [1.0, np.nan, 0.0]}, "recording: has events whose label is missing"),
        ({"labels": ["left", None, "left"]}, "recording: has events whose label is missing"),
        ({"labels": pd.Series(["a", pd.NA, "b"], dtype="string")}, "has events whose label is missing"),
        ({"recording": [each * b2.ms for each in TRAINS]}, f"recording: {UNIT}"),
        ({"events": [each * b2.ms for each in EVENTS]}, f"events: {UNIT}"),
        ({"window": [0.0 * b2.ms, 50.0 * b2.ms]}, f"window: {UNIT}"),
        ({"recording": [MASKED]}, "^recording: is a masked array.*leave masked times out"),
        ({"recording": [np.array([5000], "m8[us]")]}, r"^recording: must be times .* numbers, not timedelta64\[us\]"),
        ({"recording": [np.array([False, True])]}, "^recording: must be times in ms as numbers, not bool"),
        ({"recording": np.array([3.0, 105.0])}, "recording: must have an array of times for each unit"),
        ({"recording": [[1.0, [2.0, 3.0]]]}, "recording: must be times in ms"),
        ({"recording": 5}, "recording: must have an array of times for each unit"),
        ({"window": ("0", "50")}, r"window: must be two times in ms, .*, not \('0', '50'\)"),
        ({"window": (0.0, 50.0, 100.0)}, "window: must be two times in ms"),
        ({"window": 50.0}, "window: must be two times in ms"),
        ({"window": (5.0, 5.0)}, "window: must end after it begins, not 5 to 5 ms"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"recording": TRAINS, "events": EVENTS}
    with pytest.raises((DataError, SpecificationError), match=message):
        netsim.cut_trials(**arguments | given)


def test_neo_may_be_lists_of_events_but_not_a_single_train() -> None:
    block, cue = blocks()
    trains = block.segments[0].spiketrains
    for recording in (TRAINS, list(trains)):
        spikes = netsim.cut_trials(recording, [cue[:2], cue[2:]], (0.0, 50.0), "side")
        np.testing.assert_array_equal(spikes["units"], FIRST)
        assert (spikes.labels.tolist(), spikes.classes) == ([0, 1, 0], ("left", "right"))  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"^recording: is a single spike train; put it in a list$"):
        netsim.cut_trials(trains[0], EVENTS)


def test_labels_of_an_array_count_once_in_several_segments() -> None:
    (first, _), (second, _) = blocks(), blocks()
    first.segments.append(second.segments[0])
    spikes = netsim.cut_trials(first, "cue", (0.0, 50.0), [0, 1, 0, 1, 1, 0])
    assert spikes.labels.tolist() == [0, 1, 0, 1, 1, 0]  # type: ignore[union-attr]
    assert netsim.cut_trials(first, "cue", (0.0, 50.0), "side").presentations == 6


def _by_trial(apart_ms: float) -> Any:
    """A block of Neo with one segment per trial. The unit fires 10, 20 and 30 ms after the cue."""
    neo = pytest.importorskip("neo", reason="needs neo, of the extra exchange")
    block = neo.Block()
    for trial in range(3):
        begin = trial * apart_ms
        segment, bounds = neo.Segment(), {"t_start": begin, "t_stop": begin + 200.0, "units": "ms"}
        segment.spiketrains.append(neo.SpikeTrain([begin + 60.0 + 10.0 * trial], **bounds))
        segment.events.append(neo.Event([begin + 50.0], labels=["abc"[trial]], units="ms", name="cue"))
        block.segments.append(segment)
    return block


@pytest.mark.parametrize("apart_ms", [0.0, 100.0, 200.0, 300.0])
def test_segments_that_overlap_in_time_are_cut_each(apart_ms: float) -> None:
    spikes = netsim.cut_trials(_by_trial(apart_ms), "cue", (0.0, 100.0), "labels")
    assert spikes["units"].tolist() == [[10.0], [20.0], [30.0]]
    assert spikes.classes == ("a", "b", "c")


def test_times_for_segments_that_overlap_are_refused() -> None:
    apart, block = _by_trial(200.0), _by_trial(0.0)
    assert netsim.cut_trials(apart, [50.0, 250.0, 450.0])["units"].tolist() == [[10.0], [20.0], [30.0]]
    for events in ([50.0], block.segments[0].events[0]):
        with pytest.raises(DataError, match="recording: has segments that overlap in time; give one segment"):
            netsim.cut_trials(block, events)
    assert netsim.cut_trials(block.segments[1], [50.0])["units"].tolist() == [[20.0]]


def test_units_of_time_are_converted() -> None:
    pq = pytest.importorskip("quantities")
    trains = [train / 1000 * pq.s for train in TRAINS]
    for events in (EVENTS, EVENTS / 1000 * pq.s, [each / 1000 * pq.s for each in EVENTS]):
        window: Any
        for window in ((0.0, 50.0), [0.0, 0.05] * pq.s, (0.0 * pq.s, 50.0 * pq.ms)):
            assert netsim.cut_trials(trains, events, window)["units"].tolist() == FIRST
    with pytest.raises(DataError, match=r'events: must be times .*"mV"'):
        netsim.cut_trials(TRAINS, EVENTS * pq.mV)


def test_a_column_that_is_no_time_is_noticed(nwb: str) -> None:
    message = "no unit fires in any of 4 trials; check the window, and that events are times on the clock"
    with pytest.warns(netsim.errors.DataWarning, match=message):
        netsim.read_recording(nwb, "number", (0.0, 50.0))
    done = CliRunner().invoke(app, ["analyse", "psth", nwb, "--event", "number"], catch_exceptions=False)
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize("column", ["licks", "correct", "side"])
def test_columns_without_one_time_for_each_trial_are_refused(column: str, tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb", reason="needs pynwb, of the extra exchange")
    file = pynwb.NWBFile("a recording", "id", datetime.now(UTC))
    file.add_trial_column("licks", "times of licks (s)", index=True)
    file.add_trial_column("correct", "whether the choice is right")
    file.add_trial_column("side", "left or right")
    file.add_trial(start_time=1.0, stop_time=2.0, licks=[1.02, 1.3], correct=True, side="left")
    file.add_trial(start_time=2.0, stop_time=3.0, licks=[2.1], correct=False, side="right")
    file.add_unit(spike_times=[1.0, 1.05, 2.2])
    with pynwb.NWBHDF5IO(tmp_path / "session.nwb", "w") as stream:
        stream.write(file)
    what = "must have one value per trial" if column == "licks" else "has no times"
    arguments: list[dict[str, Any]] = [{"event": column}, {"label": column}][: 1 + (column == "licks")]
    for given in arguments:
        with pytest.raises(DataError, match=f"the column '{column}' of the trials {what}"):
            netsim.read_recording(tmp_path / "session.nwb", **given)


def test_nwb_is_read(nwb: str) -> None:
    spikes = netsim.read_recording(nwb, "cue", (0.0, 50.0), "side")
    assert spikes["units"].tolist() == FIRST  # the trial without a cue is left out
    assert spikes.classes == ("left", "right")
    assert netsim.read_recording(nwb).presentations == 4
    with pytest.raises(DataError, match="the trials have no column 'cues'; did you mean 'cue'"):
        netsim.read_recording(nwb, "cues")
    with pytest.raises(DataError, match="no such file"):
        netsim.read_recording("nowhere.nwb")


def test_files_of_neo_are_read_unless_unsafe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    neo = pytest.importorskip("neo", reason="needs neo, of the extra exchange")
    block, _ = blocks()
    path = tmp_path / "session.plx"
    path.write_bytes(b"not read by this reader")

    class Reader:
        def read_block(self) -> Any:
            return block

    monkeypatch.setattr(neo.io, "get_io", lambda name: Reader())
    assert netsim.read_recording(path, "cue", (0.0, 50.0))["units"].tolist() == FIRST
    monkeypatch.undo()
    (tmp_path / "session.mat").touch()
    with pytest.raises(DataError, match="is not read by netsim, because SciPy can crash"):
        netsim.read_recording(tmp_path / "session.mat", "cue")
    (tmp_path / "session.nosuch").touch()
    with pytest.raises(DataError, match="cannot be read as a recording"):
        netsim.read_recording(tmp_path / "session.nosuch", "cue")


def test_the_command_cuts_a_recording(nwb: str) -> None:
    runner = CliRunner()
    given = ["--event", "cue", "--window", "0", "50", "--label", "side", "--out", "psth.csv", "--out", "psth.json"]
    done = runner.invoke(app, ["analyse", "psth", nwb, *given, "--set", "bin_ms=10"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    table = pd.read_csv("psth.csv")
    assert table[table["label"].isna()]["presentations"].unique().tolist() == [3]
    trials = json.loads(Path("psth.json").read_text(encoding="utf-8"))["trials"]
    assert trials == {"event": "cue", "window": [0, 50], "label": "side"}
    for wrong, message in (
        (["psth", nwb, "--label", "side"], "--label: needs --event"),
        (["psth", nwb, "--window", "0", "9"], "--window: needs --event"),
        (["psth", "digits", "--event", "cue"], "--event: needs a recording, but digits is no file"),
        (["psth", nwb, "--event", "cue", "--dt", "1"], "--dt: has no meaning"),
    ):
        with pytest.raises(NetsimError, match=message):
            runner.invoke(app, ["analyse", *wrong], catch_exceptions=False)
