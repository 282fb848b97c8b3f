"""docs/contribute/extending.md: its examples are one package from outside, which netsim takes without an edit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "contribute" / "extending.md"

NETWORK = """
name = "local"
duration = 128.0
encoder = { kind = "inverse", shape = [8, 8, 1], t_max = 16.0 }

[[layers]]
name = "local"
rule = "row-kernels"
maps = 4
kernel = 3
neurons = { regime = "phased", threshold = 2.0, tau = 16.0, onset = 16.0, end = 48.0, drive = 1.0, bias = true }

[[layers]]
name = "output"
rule = "dense"
size = 10
neurons = { regime = "phased", threshold = 3.0, tau = 16.0, onset = 48.0, end = 128.0, drive = 1.0, bias = true }

[learning]
rate = 0.003

[training]
dataset = "digits"
dt = 1.0
epochs = 3
batch = 10
validation = 100
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's module, installed as its package would be, and a network that uses it."""
    folder = tmp_path_factory.mktemp("outside")
    text = PAGE.read_text(encoding="utf-8")
    (folder / "outside.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", text, re.S)))
    project = next(
        tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.S) if "entry-points" in block
    )["project"]
    installed = folder / "outside-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (installed / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in points.items())
            for group, points in project["entry-points"].items()
        )
    )
    (folder / "local.toml").write_text(NETWORK)
    (folder / "read-out.toml").write_text(NETWORK.replace("rate =", 'learner = "read-out"\nfitted = false\nrate ='))
    return folder


(PROMPTED,) = re.findall(r"```pycon\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
CHECK = "import outside; outside.check(outside.RowKernels(4, 3))"
GRADIENT = """
import dataclasses, numpy as np, netsim, outside
network = outside.check(outside.RowKernels(3, 3))
# the loss has no gradient of neurons at the edges of their window, which return into it by default
network = dataclasses.replace(network, learning=dataclasses.replace(network.learning, edges="stop"))
stimuli, labels = np.random.default_rng(1).uniform(0, 16, (4, 8, 8, 1)), np.array([0, 1, 2, 0])
weights = netsim.initial_weights(network, seed=1)
learner, engine = netsim.STiDiBP(network), netsim.make_engine("event", network)
gradients = learner.learn(engine.present(netsim.Batch(stimuli, weights)), labels, weights).gradients
for place in np.random.default_rng(2).permutation(weights["own.kernel"].size)[:60]:
    losses, fired = [], []
    for step in (1e-6, -1e-6):
        changed = {name: array.copy() for name, array in weights.items()}
        changed["own.kernel"].ravel()[place] += step
        latencies = engine.present(netsim.Batch(stimuli, changed))
        losses.append(learner.loss(latencies["output"], labels).mean())
        fired.append(np.concatenate([(np.isfinite(t) & (t > t.min())).ravel() for t in list(latencies.values())[1:]]))
    if (fired[0] == fired[1]).all():
        print(gradients["own.kernel"].ravel()[place], (losses[0] - losses[1]) / 2e-6 / network.learning.sharpness)
"""
LEARNED = """
import netsim
run = netsim.open_run("read-out")
network = run.network()
first, last = netsim.initial_weights(network, seed=0), run.weights(network)
moved = {name: abs(first[f"{name}.kernel"] - last[f"{name}.kernel"]) for name in ("local", "output")}
print(moved["local"].max(), (moved["output"] > 1e-4).mean())
"""
FAMILY = """
import numpy as np, netsim, outside
neurons = netsim.Neurons(threshold=0.3, tau=8.0, family="charging", bias=True)
layers = [netsim.Layer("hidden", netsim.Dense(6), neurons=neurons, psp=netsim.PSP("triangle", rise=4.0, fall=7.0))]
layers += [netsim.Layer("output", netsim.Dense(3), neurons=neurons)]
network = netsim.Network.chain("charged", netsim.IntensityEncoder((3, 3, 1), 10.0), layers, 60.0,
                               learning=netsim.Learning(edges="pass"))
stimuli, labels = np.random.default_rng(1).uniform(0, 10, (4, 3, 3, 1)), np.array([0, 1, 2, 0])
weights = netsim.initial_weights(network, seed=1)
weights = {name: 0.3 * array + 0.2 for name, array in weights.items()}
steps = []
for name in ("event", "brian2"):
    latencies = netsim.make_engine(name, network, dt=0.5).present(netsim.Batch(stimuli, weights))
    steps.append(np.concatenate([each.ravel() for each in latencies.values()]))
print(float(np.isfinite(steps[0]).mean()), float((steps[0] == steps[1]).mean()))
learner, engine = netsim.STiDiBP(network), netsim.make_engine("event", network)
gradients = learner.learn(engine.present(netsim.Batch(stimuli, weights)), labels, weights).gradients
for name, array in weights.items():
    for place in range(array.size):
        losses = []
        for step in (1e-6, -1e-6):
            changed = {name: array.copy() for name, array in weights.items()}
            changed[name].ravel()[place] += step
            losses.append(learner.loss(engine.present(netsim.Batch(stimuli, changed))["output"], labels).mean())
        print(gradients[name].ravel()[place], (losses[0] - losses[1]) / 2e-6 / network.learning.sharpness)
"""
PROMPT = f"""
import doctest, outside
example = doctest.DocTestParser().get_doctest({PROMPTED!r}, vars(outside), "page", None, 0)
print(len(example.examples), doctest.DocTestRunner().run(example).failed)
"""
ONLY_GAPS = """
from netsim.reporting import page, pictures
gaps = {section: [name for name in names if name == "gaps"] for section, names in pictures.sections().items()}
pictures.sections = page.sections = lambda: {section: names for section, names in gaps.items() if names}
"""
"""Drawing all figures takes longer than all other commands."""
COMMANDS = (
    "netsim train local.toml --limit 500 --out run",
    "netsim train local.toml --limit 150 --engine brian2 --out brian2",
    "netsim train read-out.toml --limit 500 --out read-out",
    "netsim describe run",
    "netsim describe read-out",
    ONLY_GAPS,
    "netsim report run --out report.html --limit 20",
    "netsim plot raster run --out raster.png",
    "netsim plot kernels run --out kernels.png",
    "netsim plot --help",
    "netsim plot gaps run --limit 100 --out gaps.png",
    "netsim export run network.nir --to nir",
    "netsim export run spikes.h5 --to sonata --limit 5",
    "netsim export run spikes.lines --to lines --limit 3",
    "netsim import network.nir --out imported",
    "netsim simulate run --stimuli spikes.lines --index 1 --out simulated",
    "netsim analyse first-spike run --limit 20 --set least=2 --out first.csv",
    "netsim study --help",
    "netsim study weight-scale run --limit 100 --out studies",
    "netsim evaluate run --read-out all --json",
    *(CHECK, GRADIENT, LEARNED, FAMILY, PROMPT),
)


@pytest.fixture(scope="module")
def ended(outside: Path, in_one_process: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """How all commands and programs end, by what they are."""
    return in_one_process(outside, *COMMANDS, folder=outside)


def test_entry_points_name_all_that_the_page_adds(outside: Path) -> None:
    """Names alone, in a process that has not imported the module."""
    program = """
import sys
from netsim.seams import SEAMS
names = "row-kernels inverse read-out weight-scale late-input salt charging gaps lines ahead first-spike".split()
print(*(name for name in names if not any(name in registry for registry in SEAMS)), "outside" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": str(outside)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_connectivity_gives_the_same_spikes_on_both_engines(ended: dict[str, Any]) -> None:
    ended[CHECK].check()


def test_it_learns(ended: dict[str, Any], outside: Path) -> None:
    for command in COMMANDS[:2]:
        ended[command].check()
    metrics = pd.read_csv(outside / "run" / "metrics.csv")
    assert metrics["validation_strict_accuracy"].iloc[-1] > 0.5
    assert pd.read_csv(outside / "brian2" / "metrics.csv")["training_strict_accuracy"].iloc[-1] > 0.15


def test_its_gradient_is_that_of_finite_differences(ended: dict[str, Any]) -> None:
    gradients, differences = np.loadtxt(ended[GRADIENT].printed.splitlines(), unpack=True)
    np.testing.assert_allclose(gradients, differences, rtol=1e-3, atol=1e-7)
    assert (abs(differences) > 1e-6).sum() > 10


def test_a_family_gives_the_steps_of_brian2_and_gradients_of_finite_differences(ended: dict[str, Any]) -> None:
    assert ended[PROMPT].printed.split() == ["3", "0"]
    (fired, equal), *pairs = np.loadtxt(ended[FAMILY].printed.splitlines())
    assert fired > 0.9
    assert equal == 1
    gradients, differences = np.transpose(pairs)
    np.testing.assert_allclose(gradients, differences, rtol=1e-4, atol=1e-7)
    assert (abs(differences) > 1e-5).sum() > 20


def test_what_comes_from_outside_stands_in_record_description_and_report(ended: dict[str, Any], outside: Path) -> None:
    ended["netsim report run --out report.html --limit 20"].check()
    plugins = json.loads((outside / "run" / "run.json").read_text())["plugins"]
    assert {(each["seam"], each["name"]) for each in plugins} == {
        ("connectivity", "row-kernels"),
        ("encoder", "inverse"),
    }
    assert all(
        (each["module"], each["distribution"], each["version"]) == ("outside", "outside", "1.0") for each in plugins
    )
    described = ended["netsim describe run"].printed
    assert "Convolution with a kernel for each row" in described
    assert "row-kernels" in described
    assert "silent if $x_i = 1$" in described
    page = (outside / "report.html").read_text()
    assert "row-kernels" in page
    assert "outside 1.0" in page
    assert 'id="figure-gaps"' in page


def test_it_is_drawn_and_exported(ended: dict[str, Any], outside: Path) -> None:
    for command in COMMANDS:
        if command.startswith(("netsim plot", "netsim export", "netsim import", "netsim analyse")):
            ended[command].check()
    assert all((outside / f"{figure}.png").stat().st_size > 5000 for figure in ("raster", "kernels"))
    assert pd.read_csv(outside / "first.csv")["layer"].tolist() == ["stimulus", "local", "output"]
    assert all((outside / file).exists() for file in ("imported", "spikes.h5"))


def test_a_learner(ended: dict[str, Any], outside: Path) -> None:
    furthest, moved = map(float, ended[LEARNED].printed.split())
    assert furthest < 1e-6
    assert moved > 0.5
    assert "all others stay as they are drawn" in ended["netsim describe read-out"].printed
    assert "read-out" in json.dumps(json.loads((outside / "read-out" / "run.json").read_text())["plugins"])


def test_a_study(ended: dict[str, Any], outside: Path) -> None:
    assert "weight-scale: all weights are multiplied" in " ".join(ended["netsim study --help"].printed.split())
    table = pd.read_csv(outside / "studies" / "weight-scale.csv")
    assert table["level"].dropna().tolist() == [0.5, 0.8, 1.25, 2.0]
    assert (outside / "studies" / "weight-scale.png").exists()


def test_a_read_out(ended: dict[str, Any]) -> None:
    shown = json.loads(ended["netsim evaluate run --read-out all --json"].printed)["read_outs"]
    assert 0 < shown["ahead"] < shown["strict"]
    assert set(shown) > {"strict", "plain", "potential"}


def test_a_figure(ended: dict[str, Any], outside: Path) -> None:
    assert "gaps" in ended["netsim plot --help"].printed
    assert (outside / "gaps.png").stat().st_size > 5000


def test_a_spike_format(ended: dict[str, Any], outside: Path) -> None:
    ended["netsim simulate run --stimuli spikes.lines --index 1 --out simulated"].check()
    assert (outside / "spikes.lines").read_text().startswith("stimulus 0 ")
    assert (outside / "simulated").is_dir()
