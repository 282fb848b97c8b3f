"""Simulated N-MNIST: the camera's physics, the file format, and what tonic reads of it."""

from __future__ import annotations

import importlib
import io
import json
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tonic.datasets import NMNIST
from tonic.datasets.nmnist import stabilize
from tonic.io import read_mnist_file

from netsim.data.events import EVENT_TYPE
from netsim.data.loading import load_dataset

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_nmnist.py"
DURATION = 315_000  # µs


def _load() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        return importlib.import_module("make_nmnist")


make_nmnist = _load()


def _ring() -> np.ndarray:
    y, x = np.mgrid[:28, :28] - 13.5
    return np.clip(2 - np.abs(np.hypot(y, x) - 6), 0, 1)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera of equal pixels without random events."""
    monkeypatch.setattr(make_nmnist, "NOISE_HZ", 0.0)
    monkeypatch.setattr(make_nmnist, "THRESHOLD_SPREAD", 0.0)


def test_the_same_seed_sees_the_same() -> None:
    events = make_nmnist.Camera(0).record(_ring(), 5)
    assert events.dtype == EVENT_TYPE
    assert (np.diff(events["t"]) >= 0).all()
    assert events["t"].min() >= 0
    assert events["t"].max() <= DURATION
    np.testing.assert_array_equal(make_nmnist.Camera(0).record(_ring(), 5), events)
    for other in (
        make_nmnist.Camera(1).record(_ring(), 5),
        make_nmnist.Camera(0).record(_ring(), 6),
        make_nmnist.Camera(0).record(_ring(), 5, test=True),
    ):
        assert other.tobytes() != events.tobytes()


@pytest.mark.usefixtures("quiet")
def test_an_empty_screen_is_silent() -> None:
    assert len(make_nmnist.Camera(0).record(np.zeros((28, 28)), 0)) == 0


def test_random_events_have_their_rate() -> None:
    camera = make_nmnist.Camera(0)
    events = np.concatenate([camera.record(np.zeros((28, 28)), number) for number in range(100)])
    expected = 100 * make_nmnist.NOISE_HZ * 0.315 * 34**2
    assert abs(len(events) - expected) < 5 * np.sqrt(expected)
    for name, middle in (("x", 16.5), ("y", 16.5), ("t", DURATION / 2), ("p", 0.5)):
        assert events[name].mean() == pytest.approx(middle, rel=0.06)


@pytest.mark.usefixtures("quiet")
def test_a_pixel_sends_an_event_for_each_threshold() -> None:
    """A bright bar comes over a pixel from the dark and leaves it again: as many steps up as down."""
    image = np.zeros((28, 28))
    image[:, 10:13] = 1.0
    events = make_nmnist.Camera(0).record(image, 0)
    steps = int(np.log(1.1 / 0.1) / make_nmnist.THRESHOLD)
    # in the last saccade the bar moves 7 pixels to the left, from column 16 to 18 to column 9 to 11
    row = events[(events["y"] == 16) & (events["t"] >= 210_000)]
    for x in (12, 13, 14):
        selected = row[row["x"] == x]
        assert selected["p"].tolist() == [1] * steps + [0] * steps
    assert (row[row["x"] >= 16]["p"] == 0).all()
    assert (row[row["x"] <= 11]["p"] == 1).all()


@pytest.mark.usefixtures("quiet")
def test_times_are_finer_than_the_steps() -> None:
    """The first event of a pixel that an edge passes at constant speed comes when the logarithm says."""
    image = np.zeros((28, 28))
    image[:, 14:] = 1.0
    events = make_nmnist.Camera(0).record(image, 0)
    first = events[(events["x"] == 16) & (events["y"] == 16) & (events["t"] >= 210_000)][0]
    # the pixel was bright at first, went dark in four steps, and now has one of them to go up
    intensity = np.exp(np.log(1.1) - 3 * make_nmnist.THRESHOLD) - 0.1
    # the last saccade goes 1 pixel to the left in 15 ms; the dark column 13 comes to lie on the pixel after 3
    assert first["p"] == 1
    assert first["t"] == pytest.approx(210_000 + 15_000 * (3 + intensity), abs=100)


def test_tonic_takes_the_saccades_out_again() -> None:
    events = make_nmnist.Camera(0).record(_ring(), 0)
    still = stabilize(events.copy())
    for start in (0, 105_000, 210_000):
        during = (still["t"] > start) & (still["t"] <= start + 105_000)
        assert during.sum() > 300
        assert abs(still["x"][during].mean() - 16.5) < 0.7
        assert abs(still["y"][during].mean() - 16.5) < 0.7
        assert np.hypot(still["x"] - 16.5, still["y"] - 16.5)[during].mean() == pytest.approx(6, abs=1)


@given(
    events=st.lists(
        st.tuples(st.integers(0, 33), st.integers(0, 33), st.integers(0, 2**23 - 1), st.integers(0, 1)), max_size=40
    )
)
@settings(deadline=None, max_examples=100)
def test_tonic_reads_what_was_written(events: list[tuple[int, int, int, int]]) -> None:
    recording = np.array(events, dtype=EVENT_TYPE)
    content = make_nmnist.encode_recording(recording)
    assert len(content) == 5 * len(events)
    np.testing.assert_array_equal(read_mnist_file(io.BytesIO(content), EVENT_TYPE, is_stream=True), recording)


def test_recordings_are_found_by_tonic(tmp_path: Path) -> None:
    """A few recordings, and so many links to one more that tonic does not want to download the rest."""
    images = np.stack([np.roll(_ring(), k - 2, axis=1) for k in range(5)]) * 255
    labels = np.array([7, 0, 1, 0, 9])
    folder = tmp_path / "NMNIST"
    camera = make_nmnist.Camera(3)
    messages: list[int] = []
    for part in ("Train", "Test"):
        total = make_nmnist.write_recordings(
            folder / part, images.astype(np.uint8), labels, camera, part == "Test", messages.append
        )
        assert total == sum(path.stat().st_size for path in (folder / part).rglob("*.bin")) / 5
        (folder / part / "3").mkdir()
        for number in range(make_nmnist.TONIC_NEEDS):
            os.link(folder / part / "7" / "00001.bin", folder / part / "3" / f"{number + 100:05d}.bin")
        (folder / f"{part.lower()}.zip").touch()
    assert messages == [1, 2, 3, 4, 5] * 2
    for train in (True, False):
        recordings = NMNIST(str(tmp_path), train=train)
        assert len(recordings) == make_nmnist.TONIC_NEEDS + 5
        names = [Path(file).relative_to(folder).as_posix() for file in recordings.data]
        part = "Train" if train else "Test"
        assert [names[k] for k in (0, 1, 2, -2, -1)] == [
            f"{part}/{name}.bin" for name in ("0/00002", "0/00004", "1/00003", "7/00001", "9/00005")
        ]
        events, label = recordings[1]
        assert label == 0
        np.testing.assert_array_equal(events, camera.record(images.astype(np.uint8)[3] / 255, 3, not train))


def _code(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Run the program. Return its exit code, or the message with which it ends."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return ended.value.code


def test_mistakes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "NMNIST").mkdir()
    said = f"make_nmnist: {tmp_path}/NMNIST: exists already; move it away or choose another folder"
    assert _code(monkeypatch, tmp_path) == said
    said = str(_code(monkeypatch, tmp_path / "new", "--data-dir", tmp_path))
    assert said.startswith("make_nmnist: mnist: not found in")
    assert not (tmp_path / "new").exists()
    assert _code(monkeypatch, tmp_path / "new", "--training", 9999) == 2
    assert "--training" in capsys.readouterr().err


def test_mnist_becomes_nmnist(idx_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_nmnist.main(tmp_path, training=40, test=20, seed=2, data_dir=str(idx_data))
    folder = tmp_path / "NMNIST"
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    assert json.loads((folder / "simulation.json").read_text())["seed"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["NMNIST"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "Test",
        "Train",
        "simulation.json",
        "test.zip",
        "train.zip",
    ]
    mnist = load_dataset("mnist", idx_data)
    for split, part, count in (("train", "Train", 40), ("test", "Test", 20)):
        files = sorted((folder / part).rglob("*.bin"), key=lambda path: path.name)
        assert [file.name for file in files] == [f"{number:05d}.bin" for number in range(1, count + 1)]
        assert [int(file.parent.name) for file in files] == mnist.split(split)[1][:count].tolist()
        events = np.mean([file.stat().st_size for file in files]) / 5
        assert 3500 < events < 5000  # N-MNIST's own have some 4,200
