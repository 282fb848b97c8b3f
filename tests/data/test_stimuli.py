"""Stimuli: picked without copies, sent to other processes, and exchanged with tonic."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tonic
import tonic.transforms as transforms
from hypothesis import given, settings
from hypothesis import strategies as st
from tonic.slicers import SliceByTime

from netsim.data.augmentation import augment
from netsim.data.events import EVENT_TYPE
from netsim.data.stimuli import EventView, SpikeStimuli, Stimuli, event_stimuli
from netsim.errors import DataError
from netsim.specification import EventEncoder, IntensityEncoder

ENCODER = EventEncoder((4, 5, 2), 20.0)


def _recordings(count: int = 6) -> list[tuple[np.ndarray, int]]:
    generator = np.random.default_rng(0)
    recordings = []
    for number in range(count):
        events = np.zeros(30, dtype=EVENT_TYPE)
        for name, end in (("x", 5), ("y", 4), ("t", 20_000), ("p", 2)):
            events[name] = generator.integers(0, end, 30)
        recordings.append((np.sort(events, order="t"), number % 3))
    return recordings


def test_recordings_become_stimuli() -> None:
    stimuli = event_stimuli(_recordings(), ENCODER, ("a", "b", "c"))
    assert len(stimuli) == 6
    assert stimuli.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert stimuli.classes == ("a", "b", "c")
    expected = [ENCODER.latencies(ENCODER.first_events(events)) for events, _ in _recordings()]
    np.testing.assert_array_equal(stimuli.latencies(np.array([4, 0])), [expected[4], expected[0]])


@given(first=st.lists(st.integers(0, 7), min_size=1, max_size=8), count=st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_picks_of_picks(first: list[int], count: int) -> None:
    images = np.arange(8 * 12, dtype=np.uint8).reshape(8, 3, 4, 1)
    stimuli = Stimuli(images, np.arange(8), 255, IntensityEncoder((3, 4, 1), 10.0))
    picked = stimuli.pick(np.array(first)).first(count)
    assert len(picked) == min(len(first), count)
    assert picked.labels.tolist() == first[:count]
    everything = np.arange(len(picked))
    np.testing.assert_array_equal(picked.latencies(everything), stimuli.latencies(np.array(first[:count])))
    assert np.shares_memory(picked.images, images)
    sent = pickle.loads(pickle.dumps(picked))
    assert len(sent.images) == len(picked)
    np.testing.assert_array_equal(sent.latencies(everything), picked.latencies(everything))
    np.testing.assert_array_equal(sent.labels, picked.labels)


def test_stimuli_in_a_file_are_read_as_they_are_needed(tmp_path: Path) -> None:
    times = np.lib.format.open_memmap(tmp_path / "times.npy", "w+", np.int32, (5, 4, 5, 2))
    times[:] = np.arange(5)[:, None, None, None] * 1000
    stimuli = Stimuli(times, np.arange(5), None, ENCODER).pick(np.array([3, 1]))
    assert isinstance(stimuli.images, np.memmap)
    latencies = stimuli.latencies(np.array([0]))
    assert not isinstance(latencies, np.memmap)
    assert (latencies == 3.0).all()
    assert isinstance(pickle.loads(pickle.dumps(stimuli)).images, np.ndarray)
    assert len(pickle.dumps(stimuli)) < 1000


def test_a_sample_that_cannot_be_encoded_is_named_by_its_number_in_the_file() -> None:
    images = np.full((8, 2, 2, 1), 0.5)
    images[5, 0, 0] = np.nan
    encoder = IntensityEncoder((2, 2, 1), 16.0)
    picked = Stimuli(images, np.zeros(8, int), 1.0, encoder).pick(np.array([7, 2, 5]))
    with pytest.raises(DataError, match=r"^sample 5: images: contain NaN"):
        picked.latencies(np.arange(3))
    with pytest.raises(DataError, match=r"^intensity_max: must be positive"):
        Stimuli(images, np.zeros(8, int), 0.0, encoder).latencies(np.arange(3))


def test_tonics_transforms_on_the_way_in() -> None:
    class Flipped:
        sensor_size = (5, 4, 2)
        flip = transforms.RandomFlipLR(sensor_size=sensor_size, p=1.0)

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            events, label = _recordings()[index]
            return self.flip(events.copy()), label

    plain, flipped = event_stimuli(_recordings(), ENCODER), event_stimuli(Flipped(), ENCODER)
    chosen = np.arange(6)
    np.testing.assert_array_equal(flipped.latencies(chosen), plain.latencies(chosen)[:, :, ::-1])
    with pytest.raises(DataError, match=r"recordings: .* they need encoder.shape = \[4, 5, 2\], not \[5, 4, 2\]"):
        event_stimuli(Flipped(), EventEncoder((5, 4, 2)))


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_tonics_caches_hold_stimuli(cache: str, tmp_path: Path) -> None:
    stimuli = event_stimuli(_recordings(), ENCODER)
    view = EventView(stimuli)
    cached = (
        tonic.MemoryCachedDataset(view) if cache == "memory" else tonic.DiskCachedDataset(view, str(tmp_path / "c"))
    )
    for _ in range(2):
        back = event_stimuli(cached, ENCODER)
        np.testing.assert_array_equal(back.labels, stimuli.labels)
        np.testing.assert_array_equal(back.latencies(np.arange(6)), stimuli.latencies(np.arange(6)))


def test_tonics_slices_are_time_windows(tmp_path: Path) -> None:
    """Slices of 10 ms that tonic makes are what the encoder calls time windows."""
    slices = tonic.SlicedDataset(_recordings(), SliceByTime(10_000), metadata_path=str(tmp_path))
    stimuli_of_slices = event_stimuli(slices, EventEncoder((4, 5, 2), 10.0, origin="first-event"))
    windows = event_stimuli(
        [(events, label) for events, label in _recordings()],
        EventEncoder((4, 5, 4), 10.0, windows=2, origin="first-event"),
    )
    assert len(stimuli_of_slices) >= 6
    # tonic's slices begin with the first event of the recording, and so does the first window
    first = windows.latencies(np.arange(6))[..., :2]
    starts = [k for k in range(len(stimuli_of_slices)) if slices.slice_dataset_map[k][1] == 0]
    np.testing.assert_array_equal(stimuli_of_slices.latencies(np.array(starts)), first)


def test_augmentation_moves_all_polarities_and_windows_together() -> None:
    stimuli = event_stimuli(_recordings(), ENCODER).latencies(np.arange(6))
    moved = augment(stimuli, np.random.default_rng(1), flips=True)
    mirrored = [np.array_equal(after, before[:, ::-1]) for after, before in zip(moved, stimuli, strict=True)]
    same = [np.array_equal(after, before) for after, before in zip(moved, stimuli, strict=True)]
    assert np.logical_xor(mirrored, same).all()
    assert any(mirrored)
    assert any(same)


def test_spikes_are_presented_as_they_are(random_stimuli: Callable[..., Stimuli]) -> None:
    stimuli = random_stimuli(IntensityEncoder((4, 5, 2), 20.0), 6, 3)
    latencies = stimuli.latencies(np.arange(6))
    spikes = SpikeStimuli(latencies, stimuli.labels, None, stimuli.encoder)
    again = event_stimuli(EventView(spikes), EventEncoder((4, 5, 2), 20.001))
    np.testing.assert_allclose(again.latencies(np.arange(6)), latencies, rtol=0, atol=0.000501)
