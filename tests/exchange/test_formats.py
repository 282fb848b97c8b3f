"""Formats of another package: offered by help, written, and read, by their entry points alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netsim
from netsim.errors import DataError

SPIKES = '''
"""Spikes as JSON."""

import json

import numpy as np

from netsim.exchange import SpikeFormat
from netsim.exchange.presentations import Presentations, choose_layer
from netsim.exchange.trains import chosen_layers


def write(simulation, path, layers, record):
    path.write_text(json.dumps({name: times.tolist() for name, times in chosen_layers(simulation, layers).items()}))


def read(path, layer, shape):
    content = json.loads(path.read_text())
    latencies = np.array(content[choose_layer(path, layer, list(content))])
    return Presentations(latencies, None, np.arange(len(latencies)))


spikes = SpikeFormat("latencies as JSON", (".json",), write, read)
'''
NETWORKS = '''
"""Networks as TOML, and their weights beside them."""

import numpy as np

from netsim.exchange import Imported, NetworkFormat
from netsim.seams import network_formats
from netsim.specification.toml import dumps_network, loads_toml, network_from_dict


def write(network, weights, path, record):
    path.write_text(dumps_network(network))
    np.savez(path.with_suffix(".npz"), **weights)


def read(path):
    with np.load(path.with_suffix(".npz")) as weights:
        return Imported(network_from_dict(loads_toml(path.read_text(), path.name)), dict(weights), assumed=("all",))


network_formats.add(
    "plain",
    NetworkFormat(
        "a table",
        (".plain",),
        write,
        read,
        packages=("numpy",),
        title="PLAIN",
        without_primitive=lambda network: ["spikes"],
    ),
    __name__,
)
'''
POINTS = """
[netsim.spike_format]
json = other_spikes:spikes
heavy = other_heavy:spikes

[netsim.network_format]
plain = other_networks
"""
HEAVY = SPIKES.replace('(".json",), write, read', '(".heavy",), write, read, ("no_such_package",)')


COMMANDS = (
    "netsim export --help",
    "netsim export digits --to json --limit 2 --layer stimulus spikes.json --json",
    "netsim simulate digits --stimuli spikes.json --limit 2 --out out --json",
    "netsim import --help",
    "netsim export digits --to plain network.plain",
    "netsim import network.plain --out back --json",
    "netsim export digits --to heavy spikes.heavy",
    "netsim export digits --to pdf spikes.pdf",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands run."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def ended(made: Path, tmp_path_factory: pytest.TempPathFactory, in_one_process: Callable[..., Any]) -> list[Any]:
    """How all commands end where another package is installed."""
    folder = tmp_path_factory.mktemp("other") / "site"
    (folder / "other-1.0.dist-info").mkdir(parents=True)
    (folder / "other-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "other-1.0.dist-info" / "entry_points.txt").write_text(POINTS)
    for name, text in {"spikes": SPIKES, "networks": NETWORKS, "heavy": HEAVY}.items():
        (folder / f"other_{name}.py").write_text(text)
    return [*in_one_process(folder, *COMMANDS, folder=made).values()]


def test_spikes(ended: list[Any], made: Path) -> None:
    shown, exported, simulated = ended[:3]
    assert "• json: latencies as JSON (.json)" in shown.printed
    assert json.loads(exported.printed)["kind"] == "json"
    simulated.check()
    times = json.loads((made / "spikes.json").read_text(encoding="utf-8"))["stimulus"]
    fired = sum(time < float("inf") for row in times for line in row for (time,) in line)
    written = (made / "out/spikes.csv").read_text(encoding="utf-8").splitlines()
    assert sum(",stimulus," in line for line in written) == fired > 0


def test_networks(ended: list[Any]) -> None:
    shown, exported, imported = ended[3:6]
    assert "• plain: a table (.plain)" in shown.printed
    assert "pynn" not in shown.printed  # only writes
    exported.check()
    assert "network.plain: PLAIN has no primitives for spikes; other tools will not see them" in exported.err
    answer = json.loads(imported.printed)
    assert (answer["network"], answer["assumed"]) == ("digits", ["all"])


def test_what_they_need_is_named(ended: list[Any]) -> None:
    missing, unknown = ended[6:]
    message = "netsim: spikes.heavy: the format heavy needs no_such_package; pip install no_such_package\n"
    assert missing.err == message
    known = "known are nwb, sonata, neo, nirdata, csv, parquet, heavy, json, nir, sonata-network, pynn, plain"
    assert known in unknown.err


def test_formats_are_light() -> None:
    """Help lists them: what takes long to import waits for the first file."""
    command = (
        "import sys; from netsim.seams import network_formats, spike_formats;"
        "assert len([*spike_formats.values(), *network_formats.values()]) >= 6;"
        "assert not {'pynwb', 'h5py', 'neo', 'nir', 'pandas', 'pyarrow', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", command], check=True)


def test_old_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.exchange.formats.version", lambda name: "1.0.4")
    message = r"needs nir>=1\.0\.8, not 1\.0\.4; pip install 'nir>=1\.0\.8'"
    with pytest.raises(DataError, match=message):
        netsim.export("digits", "digits.nir")
    assert not Path("digits.nir").exists()
