"""Data sets of sounds: folders of WAV files, patterns of file names, and the spoken digits."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from matplotlib.axes import Axes
from scipy.io import wavfile

from netsim.analysis import plot
from netsim.data.loading import listed_datasets, load_dataset, where
from netsim.data.source import split_name
from netsim.data.stimuli import load_splits
from netsim.errors import DataError, DataWarning
from netsim.runs.model import load_model
from netsim.specification import Dense, Layer, MelEncoder, Network, Neurons, Training

REAL_DATA = os.environ.get("NETSIM_DATA")  # before the tests' own places take over
ENCODER = MelEncoder((2, 4, 1), 20.0, (5.0,), frame=8.0)
SPEAKERS = ("anna", "bert")
Write = Callable[..., Path]


def _tone(frequency: float, rate: int = 8000, channels: int = 1) -> np.ndarray:
    wave = (20_000 * np.sin(2 * np.pi * frequency * np.arange(320) / rate)).astype(np.int16)
    return wave if channels == 1 else np.stack([wave] * channels, axis=1)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a WAV file of a tone."""

    def make(name: str, frequency: float = 500.0, rate: int = 8000, channels: int = 1) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(path, rate, _tone(frequency, rate, channels))
        return path

    return make


@pytest.fixture
def by_class(write: Write, tmp_path: Path) -> Path:
    for number in range(5):
        write(f"sounds/low/{number}.wav", 300 + number)
        write(f"sounds/high/{number}.WAV", 2000 + number)
    (tmp_path / "sounds" / "notes.txt").write_text("not a sound")
    return tmp_path / "sounds"


@pytest.fixture
def by_name(write: Write, tmp_path: Path) -> Path:
    for digit in range(2):
        for speaker in SPEAKERS:
            for take in range(6):
                write(f"named/{digit}_{speaker}_{take}.wav", 300 + 1500 * digit + take)
    return tmp_path / "named"


def test_a_folder_for_each_class(by_class: Path) -> None:
    data = load_dataset(by_class, encoder=ENCODER)
    assert (data.name, data.classes, data.samples) == ("sounds", ("high", "low"), "sounds")
    assert (len(data.train_images), len(data.test_images)) == (8, 2)
    assert sorted(data.test_labels.tolist()) == [0, 1]
    assert data.reference == str(by_class.resolve())
    assert "10 classes" not in repr(data)
    assert load_dataset(data.reference, encoder=ENCODER).sha256 == data.sha256
    (place,) = where(str(by_class))
    assert place.found


def test_a_pattern_and_a_selection_of_test_sounds(by_name: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = "{class}_{speaker}_{take}.wav"
    data = load_dataset(f"{by_name}/{pattern}:speaker=bert", encoder=ENCODER)
    assert (len(data.train_images), len(data.test_images), data.classes) == (12, 12, ("0", "1"))
    takes = load_dataset(f"{by_name}/{pattern}:take=0,5", encoder=ENCODER)
    assert (len(takes.train_images), len(takes.test_images)) == (16, 8)
    monkeypatch.chdir(by_name)
    relative = load_dataset(f"{pattern}:speaker=bert", encoder=ENCODER)
    assert relative.sha256 == data.sha256
    assert relative.reference == f"{by_name.resolve()}/{pattern}:speaker=bert"
    monkeypatch.chdir("/")
    assert load_dataset(relative.reference, encoder=ENCODER).sha256 == data.sha256


def test_the_class_may_be_a_folder_of_a_pattern(by_class: Path) -> None:
    data = load_dataset(f"{by_class}/{{class}}/{{number}}.wav:number=0,1", encoder=ENCODER)
    assert (len(data.train_images), len(data.test_images)) == (6, 4)


def test_the_order_is_fixed_and_mixes_classes(by_name: Path) -> None:
    labels = load_dataset(f"{by_name}/{{class}}_{{who}}_{{}}.wav:who=bert", encoder=ENCODER).train_labels
    assert 0 < labels[:6].sum() < 6


def test_names_with_and_without_a_selection() -> None:
    assert split_name("a/{class}.wav:who=x,y") == ("a/{class}.wav", ("who", ("x", "y")))
    for plain in ("a/b", "C:/b", "tonic:NMNIST", "a:b=c/d"):
        assert split_name(plain) == (plain, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; record or download it again"),
        (b"ID3 no sound at all, but something else", "is not a WAV file .*; convert it to PCM WAV"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", "is not a WAV file"),
        (b"RIFF\x04\0\0\0WAVE", "is not a WAV file"),
    ],
)
def test_files_that_are_no_sounds(by_class: Path, content: bytes, message: str) -> None:
    (by_class / "low" / "0.wav").write_bytes(content)
    with pytest.raises(DataError, match=rf"low.0\.wav: {message}"):
        load_dataset(by_class, encoder=ENCODER)


def test_sounds_that_do_not_fit(by_class: Path, write: Write) -> None:
    write("sounds/low/0.wav", rate=16_000)
    message = (
        r"has a sampling rate of 16000 Hz, and the encoder needs 8000 Hz; resample it, or set encoder.rate = 16000"
    )
    with pytest.raises(DataError, match=message):
        load_dataset(by_class, encoder=ENCODER)
    write("sounds/low/0.wav", channels=2)
    with pytest.raises(DataError, match=r"has 2 channels, and one is needed; mix it down to one"):
        load_dataset(by_class, encoder=ENCODER)
    wavfile.write(by_class / "low" / "0.wav", 8000, np.zeros(0, np.int16))
    with pytest.raises(DataError, match=r"0\.wav: (contains no samples|is not a WAV file)"):
        load_dataset(by_class, encoder=ENCODER)


def test_the_list_of_data_sets_knows_selections(by_name: Path) -> None:
    pattern = f"{by_name}/{{class}}_{{speaker}}_{{}}.wav"
    for selection, note in (("speaker=anna", ""), ("speaker=x", "no sound has speaker = x"), ("n=1", "has no field n")):
        (place,) = where(f"{pattern}:{selection}")
        assert place.found == (not note)
        assert place.note.startswith(note)


def test_files_beside_the_folders_of_classes_are_noticed(by_class: Path) -> None:
    (by_class / "loose.wav").write_bytes(b"")
    with pytest.warns(DataWarning, match=r"are not read \(1, such as loose.wav\); move each into the folder"):
        load_dataset(str(by_class), encoder=ENCODER)


def test_a_folder_without_classes(by_name: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"named: has no WAV file with a class, .*write .*named/{class}_{}\.wav"):
        load_dataset(by_name, encoder=ENCODER)
    with pytest.raises(DataError, match="has no WAV file with a class"):
        load_dataset(f"{tmp_path}/nowhere/{{class}}_{{}}.wav", encoder=ENCODER)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("who=anna", "has no field who; fields are speaker"),
        ("speaker=ann", "no sound has speaker = ann; did you mean 'anna'"),
        ("speaker=anna,bert", "all sounds are test sounds; select fewer values of speaker"),
    ],
)
def test_selections_that_select_nothing(by_name: Path, selection: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(f"{by_name}/{{class}}_{{speaker}}_{{}}.wav:{selection}", encoder=ENCODER)
    with pytest.raises(DataError, match="has no field a; name fields in the pattern"):
        load_dataset(f"{by_name}/{{class}}_{{}}.wav:a=b", encoder=ENCODER)
    with pytest.raises(DataError, match=r"is not a pattern of file names .*name each field once"):
        load_dataset(f"{by_name}/{{class}}_{{class}}.wav", encoder=ENCODER)


def test_the_encoder_decides(by_class: Path) -> None:
    with pytest.raises(DataError, match="contains sounds; give the encoder"):
        load_dataset(by_class)
    with pytest.raises(DataError, match=r'contains sounds; the network needs encoder.kind = "mel" for them'):
        load_dataset(by_class, encoder=load_model("digits").network.encoder)


@pytest.mark.parametrize("form", ["archive", "folder", "sub-folder"])
def test_spoken_digits_in_an_archive_or_a_folder(by_name: Path, tmp_path: Path, form: str) -> None:
    base = tmp_path / "base"
    own = base / "spoken-digits"
    own.mkdir(parents=True)
    if form == "archive":
        with tarfile.open(own / "recordings.tar.gz", "w:gz") as archive:
            archive.add(by_name, "recordings")
    else:
        by_name.rename(own / "recordings" if form == "sub-folder" else own / "x")
        if form == "folder":
            for path in (own / "x").iterdir():
                path.rename(own / path.name)
    data = load_dataset("spoken-digits", base, ENCODER)
    assert (len(data.train_images), len(data.test_images)) == (4, 20)  # takes 0 to 4 are the official test
    assert data.classes == ("0", "1")
    other = load_dataset("spoken-digits:speaker=anna", base, ENCODER)
    assert (len(other.train_images), len(other.test_images)) == (12, 12)
    assert other.reference == "spoken-digits:speaker=anna"


def test_spoken_digits_that_are_missing_or_damaged(tmp_path: Path) -> None:
    assert "spoken-digits" in listed_datasets()
    with pytest.raises(DataError, match=r"spoken-digits: not found in .*download the folder recordings from https"):
        load_dataset("spoken-digits", tmp_path, ENCODER)
    with pytest.raises(DataError, match="needs a field and its values after the colon, as in spoken-digits:speaker="):
        load_dataset("spoken-digits:anna", tmp_path, ENCODER)
    archive = tmp_path / "recordings.tar.gz"
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"recordings\.tar\.gz: cannot be read \(.*\); download it again"):
        load_dataset("spoken-digits", tmp_path, ENCODER)
    with tarfile.open(archive, "w:gz") as empty:
        empty.addfile(tarfile.TarInfo("README"), io.BytesIO())
    with pytest.raises(DataError, match="contains no recordings with names such as"):
        load_dataset("spoken-digits", tmp_path, ENCODER)


def test_the_real_recordings() -> None:
    if not REAL_DATA or not where("spoken-digits", REAL_DATA)[0].found:
        pytest.skip("needs spoken-digits/recordings.tar.gz in the folder of NETSIM_DATA")
    data = load_dataset("spoken-digits", REAL_DATA, ENCODER)
    assert (len(data.train_images), len(data.test_images)) == (2700, 300)
    assert np.bincount(data.test_labels).tolist() == [30] * 10
    assert data.classes == tuple("0123456789")


def _network(dataset: str) -> Network:
    neurons = Neurons("phased", threshold=1.0, tau=20.0, onset=20.0, end=60.0, drive=1.0, bias=True)
    training = Training(dataset, epochs=2, batch=4, validation=2)
    return Network.chain("heard", ENCODER, [Layer("output", Dense(2), neurons)], 60.0, training=training)


def test_the_figure_has_every_spike_of_the_encoder(by_class: Path) -> None:
    network = _network(str(by_class))
    stimuli = load_splits(network).test
    drawn = plot(network, "sound", presentation=1)
    coded = stimuli.latencies(np.array([1]))[0]
    assert len(drawn.table) == np.isfinite(coded).sum() > 0
    windows, bands = drawn.table["window"].to_numpy(), drawn.table["band"].to_numpy()
    np.testing.assert_array_equal(coded[windows, bands, 0], drawn.table["latency_ms"])
    np.testing.assert_array_equal(20.0 * windows + coded[windows, bands, 0], drawn.table["sound_ms"])
    (axes,) = drawn.figure.axes
    panel = cast(Axes, axes.child_axes[0])
    assert axes.get_xlabel() == "time in the sound (ms)"
    assert panel.get_title(loc="left") == f"presentation 1, label {stimuli.classes[stimuli.labels[1]]}"
    assert axes.get_xlim() == panel.get_xlim() == (0, 40)


def test_the_figure_needs_a_sound_that_exists(by_class: Path) -> None:
    with pytest.raises(DataError, match="digits: presents images, and the figure sound shows sounds"):
        plot("digits", "sound")
    with pytest.raises(DataError, match="stimulus 2: does not exist; there are 0 to 1"):
        plot(_network(str(by_class)), "sound", presentation=2)


def test_a_network_learns_sounds(by_class: Path, tmp_path: Path) -> None:
    import netsim

    model = netsim.train(_network(str(by_class)), tmp_path / "run", seed=0)
    assert model.run is not None
    assert model.run.record()["data"]["samples"] == "sounds"
    assert netsim.evaluate(model).presentations == 2
    assert re.search("sounds at 8000 Hz", netsim.to_markdown(netsim.describe(model.network)))
    assert netsim.check(model.network, limit=4)
