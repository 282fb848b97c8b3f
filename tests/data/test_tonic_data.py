"""Event data sets of tonic: found, converted once, kept; and what is refused. Nothing ever reaches for a network."""

from __future__ import annotations

import json
import os
import socket
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tonic.datasets
from tonic.dataset import Dataset as TonicDataset

from netsim.cli import main
from netsim.data.events import EVENT_TYPE
from netsim.data.loading import load_dataset, where
from netsim.data.stimuli import EventView, event_stimuli, load_splits
from netsim.errors import DataError, DataWarning, RunError
from netsim.models.presets import load_preset
from netsim.seams import datasets
from netsim.specification import Dense, Encoder, EventEncoder, IntensityEncoder, Layer, Network, Training
from netsim.specification.encoders.events import SILENT
from netsim.specification.toml import write_network

ENCODER = EventEncoder((35, 35, 2), 10.0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def _cache(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "events").glob("*.npy"))


def test_a_data_set_of_tonic_is_read(poker: Path) -> None:
    data = load_dataset("tonic:POKERDVS", poker, ENCODER)
    assert data.name == "tonic:POKERDVS"
    assert data.origin == str(poker / "POKERDVS")
    assert data.classes == ("cl", "he", "di", "sp")
    assert data.intensity_max is None
    assert (data.train_images.shape, data.test_images.shape) == ((24, 35, 35, 2), (20, 35, 35, 2))
    assert "24 training and 20 test recordings of 35x35x2, 4 classes" in repr(data)
    for split in ("train", "test"):
        # the same recordings, in another order
        recordings = tonic.datasets.POKERDVS(str(poker), train=split == "train")
        expected = {(ENCODER.first_events(events).tobytes(), label) for events, label in recordings}
        images, labels = data.split(split)
        result = [(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)]
        assert set(result) == expected
        assert len(result) == len(expected)
        assert (np.diff(labels) < 0).sum() > 2  # not class by class, as they lie in folders


def test_what_was_converted_is_kept(poker: Path, tmp_path: Path) -> None:
    messages: list[tuple[str, int, int]] = []

    def load(encoder: Encoder) -> Any:
        messages.clear()
        return load_dataset("tonic:POKERDVS", poker, encoder, lambda *news: messages.append(news))

    first = load(ENCODER)
    assert messages[0] == ("converting tonic:POKERDVS training", 1, 24)
    assert messages[-1] == ("converting tonic:POKERDVS test", 20, 20)
    files = _cache(tmp_path)
    assert len(files) == 4
    again = load(ENCODER)
    assert messages == []
    assert again.sha256 == first.sha256
    assert isinstance(again.train_images, np.memmap)
    load(EventEncoder((35, 35, 1), 10.0, polarity="merged"))
    assert len(messages) == 44
    assert len(_cache(tmp_path)) == 8

    (damaged,) = (tmp_path / "cache" / "events" / name for name in files if "training" in name and "labels" not in name)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert load(ENCODER).sha256 == first.sha256
    assert len(messages) > 0

    changed = next((poker / "POKERDVS" / "pips_test" / "he").iterdir())
    events = np.load(changed)
    np.save(changed, events[10:])
    assert load(ENCODER).sha256 != first.sha256


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_cache_that_cannot_be_written(poker: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(RunError, match=r"cannot be written .*; set XDG_CACHE_HOME"):
        load_dataset("tonic:POKERDVS", poker, ENCODER)


def test_a_cache_in_the_way(poker: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunError, match=r"cannot be written .*; set XDG_CACHE_HOME"):
        load_dataset("tonic:POKERDVS", poker, ENCODER)


def test_splits_of_a_network(poker: Path) -> None:
    network = Network.chain("net", ENCODER, (Layer("output", Dense(4)),), 20.0)
    splits = load_splits(network, "tonic:POKERDVS", str(poker))
    assert (len(splits.training), len(splits.validation)) == (22, 2)  # a tenth of 24 recordings
    network = Network.chain("net", IntensityEncoder((35, 35, 2), 10.0), (Layer("output", Dense(4)),), 20.0)
    with pytest.raises(
        DataError, match=r'tonic:POKERDVS: contains recordings; the network needs encoder.kind = "events"'
    ):
        load_splits(network, "tonic:POKERDVS", str(poker))
    network = Network.chain("net", EventEncoder((8, 8, 1), 10.0), (Layer("output", Dense(10)),), 20.0)
    with pytest.raises(
        DataError, match=r'digits: contains images; net needs encoder.kind = "intensity" or "on-off" for them'
    ):
        load_splits(network, "digits")


def test_the_encoder_must_fit_the_sensor(poker: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"35x35 pixels and polarities: 2.* they need encoder.shape = \[35, 35, 6\]"):
        load_dataset("tonic:POKERDVS", poker, EventEncoder((35, 35, 3), 10.0, windows=3))
    with pytest.raises(DataError, match="give the encoder"):
        load_dataset("tonic:POKERDVS", poker)
    assert _cache(tmp_path) == []


def test_windows_that_hold_nothing_are_refused(poker: Path, tmp_path: Path) -> None:
    for file in poker.rglob("*.npy"):
        np.save(file, np.load(file) + [10**9, 0, 0, 0])
    with pytest.raises(
        DataError, match=r"no recording has an event in the encoder's 1 x 10 ms; .*origin to \"first-ev"
    ):
        load_dataset("tonic:POKERDVS", poker, ENCODER)
    assert _cache(tmp_path) == []
    data = load_dataset("tonic:POKERDVS", poker, EventEncoder((35, 35, 2), 10.0, origin="first-event"))
    assert (data.train_images != SILENT).any(axis=(1, 2, 3)).all()


def test_what_is_silent_or_late_is_counted(poker: Path, tmp_path: Path) -> None:
    """It is said whenever the data set is loaded, not only when it is converted."""
    files = sorted((poker / "POKERDVS" / "pips_train").rglob("*.npy"))
    for file in files[:10]:
        np.save(file, np.load(file) + [10**6, 0, 0, 0])
    lengths = [len(np.load(file)) for file in files]
    late = sum(int((np.load(file)[:, 0] >= 10_000).sum()) for file in files)
    for _ in range(2):
        with pytest.warns(DataWarning) as said:
            load_dataset("tonic:POKERDVS", poker, ENCODER)
        (text,) = [str(warning.message) for warning in said if "training" in str(warning.message)]
        assert text.startswith(
            "tonic:POKERDVS training: 10 of 24 recordings have no event in the encoder's 1 x 10 ms and are silent;"
            f" {late:,} of {sum(lengths):,} events come after these, in "
        )
        assert 'set encoder.origin to "first-event"' in text
    (tally,) = [path for path in (tmp_path / "cache" / "events").glob("*.json") if "training" in path.name]
    tally.write_text("[1")
    with pytest.warns(DataWarning, match="10 of 24 recordings"):
        load_dataset("tonic:POKERDVS", poker, ENCODER)


def test_no_more_is_converted_than_needed(
    poker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network.chain("net", ENCODER, (Layer("output", Dense(4)),), 20.0, training=Training(validation=4))
    write_network(network, tmp_path / "net.toml")
    converted: list[int] = []
    original = EventEncoder.first_and_late

    def counted(encoder: EventEncoder, events: np.ndarray) -> tuple[np.ndarray, int]:
        converted.append(1)
        return original(encoder, events)

    monkeypatch.setattr(EventEncoder, "first_and_late", counted)
    options = ["--dataset", "tonic:POKERDVS", "--data-dir", str(poker)]

    def run(*arguments: str) -> int:
        converted.clear()
        monkeypatch.setattr(sys, "argv", ["netsim", *arguments, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return len(converted)

    file = str(tmp_path / "net.toml")
    assert run("evaluate", file, "--limit", "5", "--json") == 5
    few = json.loads(capsys.readouterr().out)
    assert run("simulate", file, "--index", "3", "--index", "11", "--json") == 2
    assert run("export", file, str(tmp_path / "a.csv"), "--to", "csv", "--limit", "3") == 3
    assert "recordings, and are left out" in capsys.readouterr().err
    assert _cache(tmp_path) == []
    assert run("evaluate", file, "--json") == 44
    assert len(_cache(tmp_path)) == 4
    assert run("evaluate", file, "--limit", "5", "--json") == 0
    again = json.loads(capsys.readouterr().out.split("\n}\n")[1] + "}")
    assert again | {"seconds": 0} == few | {"seconds": 0}


def test_slices_with_absolute_times_are_silent(tmp_path: Path) -> None:
    from tonic import SlicedDataset, slicers

    test = load_splits(load_preset("digits")).test.first(30)
    slices = SlicedDataset(EventView(test), slicers.SliceByTime(time_window=6000), metadata_path=str(tmp_path / "cut"))
    with pytest.warns(DataWarning, match="recordings: 30 of 60 recordings have no event in the encoder's 1 x 6 ms"):
        event_stimuli(slices, EventEncoder((8, 8, 1), 6.0, polarity="merged"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        event_stimuli(slices, EventEncoder((8, 8, 1), 6.0, polarity="merged", origin="first-event"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read by tonic"),
        (b"\x93NUMPY\x01\x00", "cannot be read by tonic"),
        (b"PK\x03\x04 no archive", "cannot be read by tonic"),
    ],
)
def test_damaged_files_are_named(poker: Path, content: bytes, message: str) -> None:
    (poker / "POKERDVS" / "pips_train" / "cl" / "0.npy").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset("tonic:POKERDVS", poker, ENCODER)
    assert str(poker) in str(caught.value)


def test_events_outside_the_sensor_are_refused(poker: Path) -> None:
    np.save(poker / "POKERDVS" / "pips_train" / "cl" / "0.npy", np.array([[5, 35, 0, 0]]))
    with pytest.raises(DataError, match="recording 0: events: x goes from 35 to 35, but only 0 to 34 fits"):
        load_dataset("tonic:POKERDVS", poker, ENCODER)


@pytest.mark.parametrize("name", [name.removeprefix("tonic:") for name in datasets["tonic"].names()])
def test_what_is_not_there_is_not_downloaded(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError) as caught:
        load_dataset(f"tonic:{name}", tmp_path / "data", ENCODER)
    message = str(caught.value)
    assert message.startswith(f"tonic:{name}: tonic sees no complete data set in {tmp_path / 'data'}/")
    assert f"from tonic.datasets import {name}; {name}('DIR'" in message
    assert [location.found for location in where(f"tonic:{name}", tmp_path / "data")] == [False]
    assert list((tmp_path / "data").rglob("*")) == []
    assert capfd.readouterr().out == ""


def test_half_a_data_set_is_not_there(poker: Path) -> None:
    assert [location.found for location in where("tonic:POKERDVS", poker)] == [True]
    next((poker / "POKERDVS" / "pips_test" / "sp").iterdir()).unlink()
    with pytest.raises(DataError, match="tonic sees no complete data set in"):
        load_dataset("tonic:POKERDVS", poker, ENCODER)


def test_the_users_own_places(poker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"in .*cache/POKERDVS; netsim lets tonic download nothing"):
        load_dataset("tonic:POKERDVS", None, ENCODER)
    monkeypatch.setenv("NETSIM_DATA", str(poker))
    assert load_dataset("tonic:POKERDVS", None, ENCODER).origin == str(poker / "POKERDVS")
    with pytest.raises(DataError, match="nowhere: no such folder; name the folder with the files of tonic:POK"):
        load_dataset("tonic:POKERDVS", poker / "nowhere", ENCODER)


def test_spoken_digits_have_one_row_of_pixels(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "SHD"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part in ("train", "test"):
        with h5py.File(folder / f"shd_{part}.h5", "w") as file:
            for name, kind in (("times", np.float16), ("units", np.uint16)):
                file.create_dataset(f"spikes/{name}", (6,), dtype=h5py.vlen_dtype(kind))
                for number in range(6):
                    values = generator.uniform(0, 1, 30) if name == "times" else generator.integers(0, 700, 30)
                    file[f"spikes/{name}"][number] = values.astype(kind)
            file["labels"] = np.arange(6) % 2
            file["extra/keys"] = np.array([b"zero", b"eins"])
            file["extra/speaker"] = np.zeros(6)
        (folder / f"shd_{part}.h5.zip").touch()
    data = load_dataset("tonic:SHD", tmp_path / "data", EventEncoder((1, 700, 2), 500.0, windows=2))
    assert data.classes == ("zero", "eins")
    assert data.shape == (1, 700, 2)
    assert sorted(data.train_labels) == [0, 0, 0, 1, 1, 1]
    fired = (data.train_images != SILENT).sum(axis=(1, 2))
    assert (fired > 5).all()
    assert (fired.sum(axis=1) <= 30).all()


def _register(monkeypatch: pytest.MonkeyPatch, count: int, **changes: Any) -> Callable[[], Any]:
    """Add a data set without splits to tonic's, whose recording k has one event at (k, 0)."""

    class OWN(TonicDataset):
        sensor_size = (20, 2, 1)
        classes = {"b": 1, "a": 0}  # noqa: RUF012

        def __init__(self, save_to: str, transform: Any = None) -> None:
            super().__init__(save_to, transform=transform)
            self.targets = [k % 2 for k in range(count)]

        def __len__(self) -> int:
            return count

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            events = np.array([(index, 0, 1000, 0)], dtype=EVENT_TYPE)
            return events, self.targets[index]

    for name, value in changes.items():
        setattr(OWN, name, value)
    monkeypatch.setattr(tonic.datasets, "OWN", OWN, raising=False)
    encoder = EventEncoder((2, 20, 1), 10.0)
    return lambda: load_dataset("tonic:OWN", None, encoder)


def test_without_splits_a_fifth_is_kept_for_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _register(monkeypatch, 20)()
    assert (len(data.train_images), len(data.test_images)) == (16, 4)
    assert data.classes == ("a", "b")
    pixels = [np.argmin(images[:, 0, :, 0], axis=1) for images in (data.train_images, data.test_images)]
    assert sorted(np.concatenate(pixels)) == list(range(20))
    for values, labels in zip(pixels, (data.train_labels, data.test_labels), strict=True):
        np.testing.assert_array_equal(values % 2, labels)
    assert pixels[1].tolist() == [3, 13, 1, 16]  # the split must never change


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (0, {}, "tonic:OWN: has no recordings in"),
        (1, {}, "contains one recording"),
        (4, {"__getitem__": lambda self, index: (np.zeros(1, EVENT_TYPE), "1-2")}, "its label is '1-2', but a"),
        (4, {"__getitem__": lambda self, index: (np.zeros(1, EVENT_TYPE), np.zeros(2))}, "its label is array"),
        (4, {"__getitem__": lambda self, index: ({"events": 1}, 0)}, "yields dict, but events"),
        (4, {"__getitem__": lambda self, index: (np.zeros((1, 4)), 0)}, "recording 3: events: lack the field x, y, t"),
        (4, {"__getitem__": lambda self, index: (np.zeros(1, EVENT_TYPE), -1)}, "train recordings have no labels"),
        (4, {"__getitem__": lambda self, index: [][index]}, "cannot be read .IndexError"),
        (4, {"__getitem__": lambda self, index: __import__("aedat_" + "none")}, "needs the library aedat_none"),
    ],
)
def test_what_yields_no_labelled_events_is_refused(
    count: int, changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = _register(monkeypatch, count, **changes)
    with pytest.raises(DataError, match=message) as caught:
        load()
    assert "tonic:OWN" in str(caught.value) or "OWN" in str(caught.value)


_MODULE = """
import numpy as np
from tonic.dataset import Dataset

class Clicks(Dataset):
    sensor_size = (20, 2, 1)

    def __init__(self, save_to, transform=None):
        super().__init__(save_to, transform=transform)

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return np.array([(index, 0, 1000, 0)], [(name, int) for name in "xytp"]), index % 2

class Needs(Clicks):
    def __init__(self, save_to, more):
        super().__init__(save_to)
"""


def test_a_class_of_ones_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_clicks.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    encoder = EventEncoder((2, 20, 1), 10.0)
    data = load_dataset("tonic:my_clicks:Clicks", None, encoder)
    assert (len(data.train_images), len(data.test_images)) == (8, 2)
    for name, message in (
        ("tonic:my_clicks:Needs", "my_clicks has no class Needs of recordings; it must be a tonic.dataset.Dataset"),
        ("tonic:my_clicks:Absent", "my_clicks has no class Absent of recordings"),
        ("tonic:no_such_clicks:Clicks", "cannot import no_such_clicks .*; install the module, or put its folder on"),
    ):
        with pytest.raises(DataError, match=message):
            load_dataset(name, None, encoder)


def test_labels_without_names_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _register(monkeypatch, 20, classes=None)().classes == ("0", "1")
    assert _register(monkeypatch, 20, classes=["only one"])().classes == ("0", "1")
    assert _register(monkeypatch, 20, classes=["0 - zero", "1 - one"])().classes == ("zero", "one")


def test_tonic_is_not_imported_for_images() -> None:
    """Tonic takes a second to import, and more where torch is installed."""
    import subprocess

    code = "import sys, netsim.data.stimuli, netsim.cli; print('tonic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
