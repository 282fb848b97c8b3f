"""Leaving one speaker out trains a network for each speaker, and prints a row for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

import netsim

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def speakers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("speakers")
    monkeypatch.setattr(module, "SPEAKERS", ("anna", "bert"))
    return module


@pytest.fixture
def network(tmp_path: Path) -> Path:
    encoder = netsim.MelEncoder((2, 4, 1), 20.0, (5.0,), frame=8.0)
    neurons = netsim.Neurons("phased", threshold=1.0, tau=20.0, onset=20.0, end=60.0, drive=1.0, bias=True)
    training = netsim.Training("spoken-digits", epochs=1, batch=4, validation=2)
    layers = [netsim.Layer("output", netsim.Dense(2), neurons)]
    path = tmp_path / "heard.toml"
    netsim.write_network(netsim.Network.chain("heard", encoder, layers, 60.0, training=training), path)
    return path


def test_every_speaker_is_left_out_once(
    speakers: Any, network: Path, tmp_path: Path, invoke: Callable[..., Any]
) -> None:
    folder = tmp_path / "spoken-digits"
    folder.mkdir()
    for digit, speaker, take in np.ndindex(2, 2, 4):
        wave = np.sin(2 * np.pi * (400 + 1500 * digit) * np.arange(320) / 8000)
        path = folder / f"{digit}_{('anna', 'bert')[speaker]}_{take}.wav"
        wavfile.write(path, 8000, (20_000 * wave).astype(np.int16))
    command = [str(network), "--data-dir", str(tmp_path), "--out", str(tmp_path / "runs")]
    done = invoke(speakers.main, command)
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:] if "--" not in row] == [
        "| anna",
        "| bert",
        "| mean ± sd of speakers",
    ]
    for speaker in ("anna", "bert"):
        record = netsim.open_run(tmp_path / "runs" / f"heard-{speaker}-seed0").record()
        assert record["data"]["sizes"] == {"train": 8, "test": 8}
    again = invoke(speakers.main, command)  # trained runs are only tested
    assert again.stdout == done.stdout
