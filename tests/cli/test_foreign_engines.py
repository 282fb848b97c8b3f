"""Runs that another engine than netsim's own simulated: their figures are its figures, or say whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netsim.engines.protocol import EngineEntry
from netsim.files import file_sha256
from netsim.runs.folder import RunFolder
from netsim.seams import engines

Netsim = Callable[..., Any]


class _Made:
    """An engine of a plug-in, whose networks fire as on the event engine, and how often it was made."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, network: Any, **settings: Any) -> Any:
        self.count += 1
        return engines["event"].make(network, **settings)


@pytest.fixture
def made(run: Path, monkeypatch: pytest.MonkeyPatch) -> _Made:
    """The run is one of the engine ``leaky``."""
    made = _Made()
    monkeypatch.setitem(engines._entries, "leaky", EngineEntry(made, "leaky neurons", exact=True))
    monkeypatch.setitem(engines._modules, "leaky", "leaky_engine")
    file = run / "network.toml"
    assert RunFolder(run).network().training.engine == "event"
    lines = file.read_text(encoding="utf-8").replace('engine = "event"\n', "")
    file.write_text(lines.replace("[training]\n", '[training]\nengine = "leaky"\n'), encoding="utf-8")
    record = run / "run.json"
    begun = json.loads(record.read_text(encoding="utf-8")) | {"specification_sha256": file_sha256(file)}
    record.write_text(json.dumps(begun), encoding="utf-8")
    return made


@pytest.fixture
def handed(run: Path) -> Path:
    """The run was handed an engine in Python."""
    record = run / "run.json"
    origin = {"seam": "engine", "name": "Mine", "module": "mine", "handed_in": True}
    record.write_text(json.dumps(json.loads(record.read_text(encoding="utf-8")) | {"plugins": [origin]}))
    return run


@pytest.fixture(autouse=True)
def _no_pictures(only_pictures: Callable[..., None]) -> None:
    only_pictures()


def test_compare_names_its_engines_and_takes_the_one_of_the_run(netsim: Netsim, run: Path, made: _Made) -> None:
    done = netsim("compare", run, "--limit", 3, "--json")
    assert (done.code, done.json()["engines"], made.count) == (0, ["event", "leaky"], 1)
    assert "engines event and leaky, 3 presentations" in netsim("compare", run, "--limit", 3).out


def test_compare_refuses_an_engine_from_python(netsim: Netsim, handed: Path) -> None:
    netsim("compare", handed).refused("'Mine' of mine", "netsim.compare")


def test_a_report_measures_with_the_engine_of_the_run(netsim: Netsim, run: Path, made: _Made) -> None:
    done = netsim("report", run, "--limit", 5, "--json")
    assert (done.code, done.err, done.json()["engine"]) == (0, "", "leaky")
    assert made.count > 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "stand-in that the learner uses" in page
    done = netsim("report", run, "--limit", 5, "--engine", "event")
    assert "trained with the engine 'leaky' of leaky_engine, and is measured with the engine event" in done.err


def test_a_report_refuses_an_engine_from_python_unless_another_is_named(netsim: Netsim, handed: Path) -> None:
    netsim("report", handed).refused("'Mine' of mine", "--engine event")
    assert not (handed / "report.html").exists()
    done = netsim("report", handed, "--limit", 5, "--engine", "event")
    assert done.code == 0
    assert "is measured with the engine event" in done.err
    assert "is measured with the engine event" in (handed / "report.html").read_text(encoding="utf-8")


def test_the_refusal_names_the_plug_in_and_its_engine(
    netsim: Netsim, handed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netsim("evaluate", handed).refused("add --plugin FILE.py --engine NAME", "other neurons, other spikes")
    monkeypatch.setitem(engines._entries, "mine", EngineEntry(engines["event"].make, "mine", exact=True))
    monkeypatch.setitem(engines._modules, "mine", "mine")
    netsim("evaluate", handed).refused("choose another engine with --engine mine")
    assert netsim("evaluate", handed, "--engine", "mine", "--limit", 5).code == 0
