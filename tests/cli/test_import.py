"""The commands `netsim export --to nir` and `netsim import`: a network goes out and comes back as a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.data.making import make_dataset
from netsim.data.packed import write_dataset
from netsim.runs.folder import open_run
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons, Training
from netsim.training.opening import open_training

nir = pytest.importorskip("nir", reason="graphs of NIR need nir, of the extra 'exchange'")

pytestmark = pytest.mark.usefixtures("blank_figures")

Netsim = Callable[..., Any]


@pytest.fixture
def exported(netsim: Netsim, run: Path, scanned_here: None) -> Path:
    """A small run as a NIR file."""
    assert netsim("export", run, "--to", "nir", "network.nir").code == 0
    return Path("network.nir")


def test_a_run_goes_out_and_comes_back_with_the_same_spikes(
    netsim: Netsim, run: Path, no_leftovers: Callable[[Path], None], tmp_path: Path
) -> None:
    done = netsim("export", run, "--to", "nir", "deep/network.nir", "--json")
    assert done.code == 0, done.err
    result = done.json()
    assert result["files"] == ["deep/network.nir"]
    assert (result["kind"], result["weights"], result["parameters"]) == ("nir", "run", 65 * 200 + 201 * 10)
    (warning,) = done.err.splitlines()
    for words in (
        "single spikes",
        "postsynaptic potentials (ramp)",
        "(phased)",
        "decides by chance; docs/howto/nir.md has a program",
    ):
        assert words in warning
    assert nir.read("deep/network.nir").nodes["output"].output_type["output"].tolist() == [10]

    done = netsim("import", "deep/network.nir", "--out", "back", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json() == {
        "run": "back",
        "file": "deep/network.nir",
        "network": "digits",
        "parameters": 65 * 200 + 201 * 10,
        "assumed": [],
    }
    no_leftovers(tmp_path)
    back = open_run("back")
    assert back.network_file.read_text() == open_run(run).network_file.read_text()
    record = back.record()
    assert record["imported"] == str(tmp_path / "deep" / "network.nir")
    assert record["exported"]["run"] == open_run(run).record()

    for folder in (run, "back"):
        assert netsim("simulate", folder, "--limit", 20, "--out", f"spikes-{Path(folder).name}").code == 0
    ours, theirs = (pd.read_csv(f"spikes-{name}/spikes.csv") for name in ("run", "back"))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    figures = [netsim("evaluate", folder, "--json").json() for folder in (run, "back")]
    assert figures[1]["weights"] == "imported"
    for name in ("accuracy", "tie_rate", "mean_decision_latency_ms", "spikes_per_presentation"):
        assert figures[0][name] == figures[1][name]
    assert Path("back/evaluation-test.json").is_file()
    assert "| **Imported from** | " in netsim("describe", "back").out


@pytest.mark.usefixtures("scanned_here")
def test_a_preset_gives_its_run_its_name(netsim: Netsim) -> None:
    done = netsim("export", "digits", "--to", "nir", "--seed", 3, "network.nir")
    assert done.out == "network.nir: 8x8-200-10, 15,010 parameters\n"
    assert done.err.startswith(
        "digits: has no trained weights; initial weights of seed 3 are used, without a fit\nnetwork.nir: NIR has"
    )
    done = netsim("import", "network.nir")
    assert (done.out, done.err) == ("runs/digits-imported: 8x8-200-10, 15,010 parameters\n", "")
    assert open_run("runs/digits-imported").record()["seed"] == 3
    assert netsim("plot", "kernels", "runs/digits-imported").code == 0


def test_a_network_of_another_tool_is_adapted_in_its_specification(netsim: Netsim) -> None:
    generator = np.random.default_rng(0)
    nodes = {
        "input": nir.Input(np.array([64])),
        "fc": nir.Linear(generator.normal(0.1, 0.3, (10, 64))),
        "lif": nir.IF(r=np.ones(10), v_threshold=np.ones(10)),
        "output": nir.Output(np.array([10])),
    }
    nir.write("theirs.nir", nir.NIRGraph(nodes, list(pairwise(nodes))))
    done = netsim("import", "theirs.nir", "--out", "run")
    assert done.code == 0
    (note,) = done.err.splitlines()
    for words in ("theirs.nir", "another tool", "one spike per neuron", "a time step of 1 ms", "run/network.toml"):
        assert words in note
    netsim("evaluate", "run").refused("digits", "8", "64")
    specification = Path("run/network.toml")
    specification.write_text(
        specification.read_text(encoding="utf-8").replace("1,\n    64,\n", "8,\n    8,\n"), encoding="utf-8"
    )
    done = netsim("evaluate", "run", "--json")
    assert done.code == 0, done.err
    assert done.json()["spikes_per_presentation"]["fc"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("export RUN --to nir network.h5", ["network.h5", "*.nir"]),
        ("export RUN --to nir --index 1 other.nir", ["--index", "presents no stimuli"]),
        ("export RUN --to nir --split validation other.nir", ["--split", "presents no stimuli"]),
        ("export RUN --to nir --layer hidden other.nir", ["--layer", "presents no stimuli"]),
        ("simulate RUN --stimuli network.nir", ["network.nir", "cannot be read as spikes"]),
        ("import", ["FILE", "netsim import --help"]),
        ("import nosuch.nir", ["nosuch.nir", "no such file"]),
        ("import RUN/network.toml", ["network.toml", "NIR graph"]),
        ("import RUN", ["cannot be read as a NIR graph"]),
        ("import network.pynn", ["network.pynn: the format pynn can only be written; import a NIR file"]),
        ("import network.nir --out RUN", ["exists already; choose another folder (--out; in Python out=...)"]),
        ("import network.nir --out RUN/run.json/deeper", ["run.json/deeper", "cannot be created"]),
    ],
)
def test_what_is_refused(arguments: str, words: list[str], netsim: Netsim, run: Path, exported: Path) -> None:
    done = netsim(*arguments.replace("RUN", str(run)).split())
    done.refused(*words)
    assert "--resume" not in done.err
    assert sorted(os.listdir()) == ["network.nir", "run"]


def test_an_imported_run_is_not_gone_on_with(netsim: Netsim, exported: Path) -> None:
    assert netsim("import", exported, "--out", "back").code == 0
    before = Path("back/best.npz").read_bytes()
    netsim("train", "back/network.toml", "--out", "back", "--resume").refused("back", "imported", "another --out")
    netsim("plot", "learning", "back").refused("back/metrics.csv")
    assert Path("back/best.npz").read_bytes() == before


@pytest.mark.parametrize("name", ["network.nir", "network.sonata"])
@pytest.mark.usefixtures("scanned_here")
def test_an_imported_network_knows_what_it_learned_from(name: str, netsim: Netsim) -> None:
    generator = np.random.default_rng(5)
    words = np.array(["ham", "spam"])[np.arange(40) % 2]
    encoder = IntensityEncoder((2, 2, 1), 16.0)
    layers = [Layer("output", Dense(2), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True))]
    network = Network.chain("own", encoder, layers, 64.0, training=Training(epochs=1, batch=20, validation=4))
    ours, others = (make_dataset((generator.random((40, 4)), words), encoder, name="mine") for _ in range(2))
    open_training("run", network, data=ours).train()
    to = "nir" if name.endswith("nir") else "sonata-network"
    assert netsim("export", "run", "--to", to, name).code == 0
    done = netsim("import", name, "--out", "back")
    assert (done.code, done.err) == (0, "")
    assert "| **Classes of the output neurons** | 0 ham, 1 spam |" in netsim("describe", "back").out
    write_dataset(others, "mine.npz")
    done = netsim("evaluate", "back", "--json")
    assert "back: mine has changed since the training: sha256" in done.err
    assert "not saved in back" in done.err
    assert done.json()["classes"] == ["ham", "spam"]
    write_dataset(ours, "mine.npz")
    assert netsim("evaluate", "back").err == "saved in back/evaluation-test.json\n"
    # of a specification alone, or with another data set in place of the run's, there is no telling
    for subject in (("run/network.toml",), ("run", "--dataset", "mine.npz")):
        assert netsim("export", *subject, "--to", to, f"again-{name}").code == 0
        done = netsim("import", f"again-{name}", "--out", f"again-{len(subject)}")
        assert f"again-{name}: does not say by a checksum which data are" in done.err
        assert "data" not in open_run(f"again-{len(subject)}").record()
