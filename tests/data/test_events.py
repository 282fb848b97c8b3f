"""Event streams: to tonic and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tonic.transforms as transforms
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.data.events import EVENT_TYPE, events_to_latencies, latencies_to_events
from netsim.data.making import make_dataset
from netsim.data.stimuli import EventView, SpikeStimuli, event_stimuli
from netsim.errors import DataError, DataWarning
from netsim.specification import EventEncoder, IntensityEncoder
from netsim.specification.encoders.events import SILENT

SHAPE = (4, 5, 2)
NO_TIMES = r"t must contain whole numbers of µs, as \(seconds \* 1e6\).round\(\) gives them, not"


@given(latencies=hnp.arrays(np.float64, SHAPE, elements=st.floats(0, 1e5) | st.just(np.inf)))
@settings(deadline=None, max_examples=50)
def test_latencies_come_back_to_a_microsecond(latencies: np.ndarray) -> None:
    events = latencies_to_events(latencies)
    assert events.dtype == EVENT_TYPE
    assert len(events) == np.isfinite(latencies).sum()
    assert (np.diff(events["t"]) >= 0).all()
    back = events_to_latencies(events, SHAPE)
    np.testing.assert_array_equal(np.isfinite(back), np.isfinite(latencies))
    np.testing.assert_allclose(back, latencies, rtol=0, atol=0.000501)
    np.testing.assert_array_equal(latencies_to_events(back), events)


def test_coordinates_are_those_of_an_image() -> None:
    latencies = np.full(SHAPE, np.inf)
    latencies[3, 1, 0], latencies[0, 4, 1] = 2.5, 0.001
    assert latencies_to_events(latencies).tolist() == [(4, 0, 1, 1), (1, 3, 2500, 0)]


def test_the_first_event_of_a_pixel_counts() -> None:
    events = np.array([(1, 2, 900, 0), (1, 2, 300, 0), (1, 2, 700, 0), (1, 2, 500, 1)], dtype=EVENT_TYPE)
    latencies = events_to_latencies(events, SHAPE)
    assert latencies[2, 1].tolist() == [0.3, 0.5]
    assert np.isfinite(latencies).sum() == 2
    encoder = EventEncoder(SHAPE, 20.0)
    np.testing.assert_array_equal(encoder.latencies(encoder.prepare([events])), latencies[None])


def test_tonic_bins_events_into_frames() -> None:
    generator = np.random.default_rng(0)
    latencies = np.where(generator.random(SHAPE) < 0.7, generator.uniform(0, 20, SHAPE), np.inf)
    to_frames = transforms.ToFrame(
        sensor_size=(5, 4, 2), time_window=5000, start_time=0, end_time=20_000, include_incomplete=True
    )
    frames = to_frames(latencies_to_events(latencies))
    for number, frame in enumerate(frames[:4]):
        inside = (latencies >= 5 * number) & (latencies < 5 * (number + 1))
        np.testing.assert_array_equal(frame.transpose(1, 2, 0), inside)


def test_tonic_transforms_events_on_their_way_in() -> None:
    latencies = np.arange(40.0).reshape(SHAPE)
    flipped = transforms.RandomFlipLR(sensor_size=(5, 4, 2), p=1.0)(latencies_to_events(latencies))
    np.testing.assert_array_equal(events_to_latencies(flipped, SHAPE), latencies[:, ::-1])
    later = transforms.TimeAlignment()(latencies_to_events(latencies + 7))
    np.testing.assert_array_equal(events_to_latencies(later, SHAPE), latencies)


def test_the_events_of_a_camera_are_read() -> None:
    camera = np.dtype([("t", "<u4"), ("x", "<i2"), ("y", "<i2"), ("p", bool)])
    events = np.array([(1500, 4, 3, True), (10, 0, 0, False)], dtype=camera)
    latencies = events_to_latencies(events, SHAPE)
    assert latencies[3, 4, 1] == 1.5
    assert latencies[0, 0, 0] == 0.01
    assert np.isinf(events_to_latencies(events[:0], SHAPE)).all()


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("t", np.array([0.001, 0.002]), f"{NO_TIMES} float64"),
        ("t", np.array([3.0, np.nan]), f"{NO_TIMES} float64, such as nan"),
        ("t", np.array([3.0, np.inf]), f"{NO_TIMES} float64"),
        ("t", np.array([3.0, 1e300]), f"{NO_TIMES} float64"),
        ("t", np.array([3, 2**64 - 1], np.uint64), f"{NO_TIMES} uint64"),
        ("t", np.array(["2026-11-26", "2026-11-27"], "M8[us]"), rf"{NO_TIMES} datetime64\[us\], such as 2026"),
        ("t", np.array([3, 4], "m8[us]"), rf"{NO_TIMES} timedelta64\[us\]"),
        ("t", np.array(["3", "4"]), f"{NO_TIMES} <U1, such as 3"),
        ("t", np.array([3, None]), f"{NO_TIMES} object"),
        ("t", np.array([3, 4], complex), f"{NO_TIMES} complex128"),
        ("x", np.array([0.25, 0.75]), "x must contain whole numbers from 0, not float64, such as 0.25"),
        ("y", np.array([1, 2.5]), "y must contain whole numbers from 0, not float64, such as 2.5"),
        ("x", np.array([True, False]), "x must contain whole numbers from 0, not bool"),
        ("p", np.array([0.5, 1]), "p must contain whole numbers from 0, not float64, such as 0.5"),
        ("x", np.zeros((2, 2), int), "x has 4 numbers for 2 events"),
    ],
)
def test_fields_that_hold_no_whole_numbers_are_refused(field: str, values: np.ndarray, message: str) -> None:
    columns = {name: np.zeros(2, int) for name in ("x", "y", "t", "p")} | {field: values}
    events = np.empty(2, [(name, column.dtype, column.shape[1:]) for name, column in columns.items()])
    for name, column in columns.items():
        events[name] = column
    with pytest.raises(DataError, match=f"events: {message}"):
        events_to_latencies(events, SHAPE)
    with pytest.raises(DataError, match=f"recordings, recording 0: events: {message}"):
        event_stimuli([(events, 0)], EventEncoder(SHAPE, 20.0))
    if columns[field].ndim == 1:
        with pytest.raises(DataError, match=f"training: events: {field} must contain whole numbers"):
            make_dataset([(pd.DataFrame(columns), 0)] * 3, EventEncoder(SHAPE, 20.0))


@pytest.mark.parametrize("kind", [float, np.float32, np.uint64, object])
def test_whole_numbers_of_any_type_are_taken(kind: type) -> None:
    events = np.array([(4, 3, 1500, 1), (0, 0, 10, 0)], [(name, kind) for name in ("x", "y", "t", "p")])
    latencies = events_to_latencies(events, SHAPE)
    assert latencies[3, 4, 1] == 1.5
    assert latencies[0, 0, 0] == 0.01


@pytest.mark.parametrize("latest", [0, 3])
def test_events_that_all_come_at_the_start_are_noticed(latest: int) -> None:
    events = np.array([(0, 1, 0, 0), (1, 0, latest, 1)], EVENT_TYPE)
    when = "within 0.003 ms" if latest else "at the start"
    message = f"all spikes come {when} of an encoding window of 20 ms; recordings are in µs: are these in another unit"
    for make in (event_stimuli, make_dataset):
        with pytest.warns(DataWarning, match=message) as caught:
            make([(events, 0), (events, 1), (events, 0)], EventEncoder(SHAPE, 20.0))
        assert caught[0].filename == __file__


def test_sensors_of_one_row_and_one_polarity_need_no_more_fields() -> None:
    microphone = np.dtype([("t", int), ("x", int), ("p", int)])
    events = np.array([(1500, 4, 1), (200, 4, 1), (10, 0, 1)], dtype=microphone)
    latencies = events_to_latencies(events, (1, 5, 1))
    assert latencies[0, :, 0].tolist() == [0.01, np.inf, np.inf, np.inf, 0.2]


_EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 40_000), st.integers(0, 1)))


@given(_EVENTS, st.integers(1, 3), st.booleans(), st.booleans(), st.sampled_from([0.001, 7.25, 20.0, 1000.0]))
@settings(deadline=None, max_examples=200)
def test_each_window_has_its_first_events(
    events: list[tuple[int, int, int, int]], windows: int, merged: bool, from_first: bool, t_max: float
) -> None:
    polarity, origin = ("separate", "merged")[merged], ("recording", "first-event")[from_first]
    encoder = EventEncoder((4, 5, windows * (1 if merged else 2)), t_max, windows, polarity, origin)  # type: ignore[arg-type]
    result = encoder.first_events(np.array(events, dtype=EVENT_TYPE))
    expected = np.full(encoder.shape, np.inf)
    start = min((t for _, _, t, _ in events), default=0) if from_first else 0
    for x, y, t, p in events:
        window, since = divmod(t - start, round(1000 * t_max))
        if window < windows:
            channel = window if merged else 2 * window + p
            expected[y, x, channel] = min(expected[y, x, channel], since)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, np.where(np.isinf(expected), SILENT, expected))
    latencies = encoder.latencies(result)
    np.testing.assert_array_equal(latencies, expected / 1000)
    assert (latencies[np.isfinite(latencies)] < t_max).all()


@given(events=_EVENTS)
@settings(deadline=None, max_examples=50)
def test_one_long_window_has_the_first_events_of_the_recording(events: list[tuple[int, int, int, int]]) -> None:
    recording = np.array(events, dtype=EVENT_TYPE)
    encoder = EventEncoder(SHAPE, 100.0)
    result = encoder.latencies(encoder.first_events(recording))
    np.testing.assert_array_equal(result, events_to_latencies(recording, SHAPE))


def test_times_since_long_ago_count_from_the_first_event() -> None:
    clock = np.dtype([("t", np.uint64), ("x", np.uint16), ("y", np.uint16), ("p", bool)])
    events = np.array([(1_700_000_000_005_000, 1, 2, True), (1_700_000_000_000_000, 0, 0, False)], dtype=clock)
    encoder = EventEncoder(SHAPE, 10.0, origin="first-event")
    latencies = encoder.latencies(encoder.first_events(events))
    assert latencies[2, 1, 1] == 5.0
    assert latencies[0, 0, 0] == 0.0
    assert (EventEncoder(SHAPE, 10.0).first_events(events) == SILENT).all()
    assert (encoder.first_events(events[:0]) == SILENT).all()


def test_the_shape_for_a_sensor() -> None:
    assert EventEncoder((1, 1, 3), windows=3).shape_for((34, 20, 2)) == (20, 34, 6)
    assert EventEncoder((1, 1, 3), windows=3, polarity="merged").shape_for((34, 20, 2)) == (20, 34, 3)


def _stimuli(count: int = 6) -> SpikeStimuli:
    generator = np.random.default_rng(1)
    latencies = np.where(generator.random((count, *SHAPE)) < 0.7, generator.integers(0, 20, (count, *SHAPE)), np.inf)
    return SpikeStimuli(latencies, np.arange(count) % 3, None, IntensityEncoder(SHAPE, 20.0), ("a", "b", "c"))


def test_stimuli_are_a_data_set_of_tonic() -> None:
    view = EventView(_stimuli())
    assert (len(view), view.sensor_size, view.classes) == (6, (5, 4, 2), ["a", "b", "c"])
    events, label = view[4]
    assert label == 1
    np.testing.assert_array_equal(events_to_latencies(events, SHAPE), _stimuli().latencies(np.array([4]))[0])
    assert [view[index][1] for index in range(len(view))] == [0, 1, 2, 0, 1, 2]
    late = EventView(_stimuli(), transforms.RandomFlipLR(sensor_size=view.sensor_size, p=1.0))[4][0]
    np.testing.assert_array_equal(events_to_latencies(late, SHAPE), _stimuli().latencies(np.array([4]))[0][:, ::-1])
    with pytest.raises(IndexError, match="there are 0 to 5"):
        view[6]


def test_a_description_numbers_the_time_windows_from_zero() -> None:
    shown = EventEncoder((1, 1, 3), 10.0, windows=3, polarity="merged").code_text()
    assert r"$m = 0, \dots, 2$" in shown
    assert "counted from the start of the window" in shown
    assert r"\dots" not in EventEncoder((1, 1, 2), 10.0).code_text()
