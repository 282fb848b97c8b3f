"""Files that a user names: their entries work in commands, and a run says which files they were."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import netsim.runs.plugin_files as plugin_files
from netsim.cli import app
from netsim.errors import RunError, SpecificationError
from netsim.models.presets import load_preset
from netsim.runs.folder import RunFolder, create_run, describe_run, open_run
from netsim.runs.plugin_files import load_plugin
from netsim.seams import connectivities, families, schedules
from netsim.specification import Connections, Dense, Layer, Neurons, Shape
from netsim.specification.toml import dumps_network
from netsim.training.opening import open_training
from netsim.weights.initial import initial_weights

TEXT = """from netsim.seams import schedules

schedules.add("halves", lambda done: 0.5, __name__)
"""
HELPED = """

schedules.add("halves", rate, __name__)
"""
FAMILY = """import netsim
from netsim.specification import Family, Rates


@netsim.seams.families.register("lasting")
class Lasting(Family):
    regimes = ("free", "staggered")
    phrase = "integrators of exponential currents"

    @classmethod
    def rates(cls, neurons):
        return Rates(leak=0.0, decay=1.0 / (neurons.tau_syn or neurons.tau))
"""
RING = """from dataclasses import dataclass

from netsim import Dense
from netsim.seams import connectivities


@connectivities.register("ring")
@dataclass(frozen=True)
class Ring(Dense):
    width: float = 3.0
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "half_rate.py"
    path.write_text(TEXT)
    return path


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    _forget()


def _forget() -> None:
    for registry, entry in ((schedules, "halves"), (families, "lasting"), (connectivities, "ring")):
        registry._entries.pop(entry, None)
        registry._modules.pop(entry, None)
    for name, (path, checksums) in list(plugin_files._loaded.items()):
        for module in (name, *(Path(file).parts[0].removesuffix(".py") for file in checksums.get("imports", {}))):
            for known in [each for each in sys.modules if each.partition(".")[0] == module]:
                del sys.modules[known]
        if str(path.parent) in sys.path:
            sys.path.remove(str(path.parent))
        del plugin_files._loaded[name]
    importlib.invalidate_caches()


def _specification(tmp_path: Path) -> Path:
    text = dumps_network(load_preset("digits")).replace('schedule = "one-cycle"', 'schedule = "halves"')
    assert "halves" in text
    path = tmp_path / "own.toml"
    path.write_text(text.replace("epochs = 20", "epochs = 1"))
    return path


def test_a_run_needs_the_file_again_and_says_which(plugin: Path, tmp_path: Path) -> None:
    path = str(_specification(tmp_path))
    command = ["train", path, "--limit=40", "--out=run"]
    with pytest.raises(SpecificationError, match=r"learning.schedule: .* not 'halves'"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    CliRunner().invoke(app, [*command, f"--plugin={plugin}"], catch_exceptions=False)
    (recorded,) = RunFolder(Path("run")).record()["plugins"]
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert (recorded["module"], recorded["file"], recorded["sha256"]) == ("half_rate", str(plugin), digest)
    evaluate = ["evaluate", "run", "--json"]
    shutil.move("run/plugins", "elsewhere")
    _forget()
    with pytest.raises(RunError, match=rf"run: needs the schedule 'halves' of half_rate.*; give --plugin {plugin}"):
        CliRunner().invoke(app, evaluate, catch_exceptions=False)
    done = CliRunner().invoke(app, [*evaluate, f"--plugin={plugin}"], catch_exceptions=False)
    assert json.loads(done.stdout)["presentations"] == 360
    assert digest in CliRunner().invoke(app, ["describe", "run", f"--plugin={plugin}"]).stdout
    _forget()
    plugin.write_text(TEXT.replace("0.5", "0.4"), encoding="utf-8")
    done = CliRunner().invoke(app, [*evaluate, f"--plugin={plugin}"], catch_exceptions=False)
    assert f"{plugin} has changed since the training: sha256 {digest} then and" in done.stderr
    assert "not saved in run: a run saves only figures of the plug-ins that it was trained with" in done.stderr
    described = CliRunner().invoke(app, ["describe", "run", f"--plugin={plugin}"]).stdout
    assert "**Changed since** | " in described
    assert f"has changed since the training: sha256 {digest} then and" in described
    with pytest.raises(RunError, match=rf"run: {plugin} has changed since the training"):
        CliRunner().invoke(app, [*command, "--resume", f"--plugin={plugin}"], catch_exceptions=False)


def test_a_family_of_a_file_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "own_family.py"
    file.write_text(FAMILY)
    load_plugin(file)
    neurons = Neurons(family="lasting", tau=10.0, tau_syn=5.0)
    network = load_preset("digits").with_layers([Layer("output", Dense(10), neurons)])
    (plugin,) = open_training(tmp_path / "run", network, limit=100).folder.record()["plugins"]
    assert (plugin["seam"], plugin["name"], plugin["module"]) == ("family", "lasting", "own_family")


def _train(tmp_path: Path, plugin: Path) -> list[str]:
    command = ["train", str(_specification(tmp_path)), "--limit=40", "--out=run", f"--plugin={plugin}"]
    CliRunner().invoke(app, command, catch_exceptions=False)
    _forget()
    return ["evaluate", "run", "--json"]


def test_a_run_contains_a_copy_that_runs_only_if_it_is_named(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "shared_rate.py").write_text("rate = lambda done: 0.5")
    plugin.write_text("from netsim.seams import schedules\nfrom shared_rate import rate\n" + HELPED, encoding="utf-8")
    evaluate = _train(tmp_path, plugin)
    plugin.unlink()
    (tmp_path / "shared_rate.py").unlink()
    copy = "run/plugins/half_rate/half_rate.py"
    with pytest.raises(RunError, match=rf"the run contains a copy: read it, then give --plugin {copy}"):
        CliRunner().invoke(app, evaluate, catch_exceptions=False)
    assert "half_rate" not in sys.modules
    done = CliRunner().invoke(app, [*evaluate, f"--plugin={copy}"], catch_exceptions=False)
    assert json.loads(done.stdout)["presentations"] == 360
    assert "changed" not in done.stderr
    assert schedules["halves"](0.0) == 0.5
    _forget()
    Path(copy).write_text(TEXT + "import os\n", encoding="utf-8")  # no longer the code of the record
    with pytest.raises(RunError, match=rf"give --plugin {plugin}"):
        open_run("run").network()
    record = open_run("run").record()
    for module in ("../half_rate", "run.plugins", "__main__"):
        record["plugins"][0]["module"] = module
        Path("run/run.json").write_text(json.dumps(record), encoding="utf-8")
        with pytest.raises(RunError, match="give --plugin"):
            open_run("run").network()


def test_nothing_is_loaded_that_is_not_named(plugin: Path) -> None:
    origin = {"seam": "schedule", "name": "halves", "module": "half_rate", "file": str(plugin), "sha256": "0"}
    digits = load_preset("digits")
    create_run("run", digits, describe_run(0) | {"plugins": [origin]}, initial_weights(digits, 0))
    with pytest.raises(RunError, match="give --plugin"):
        open_training("run", digits, resume=True)
    assert "half_rate" not in sys.modules


def test_a_file_is_run_once(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_plugin(plugin) is load_plugin(plugin)
    _forget()
    monkeypatch.syspath_prepend(plugin.parent)  # as that of a script is
    loaded = load_plugin(plugin)
    assert loaded.__name__ == "half_rate"
    _forget()
    imported = importlib.import_module("half_rate")
    assert load_plugin(plugin) is imported
    assert plugin_files.file_of("half_rate")["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()


def test_a_sweep_does_not_mix_what_was_trained_with_another_file(plugin: Path, tmp_path: Path) -> None:
    _specification(tmp_path)
    sweep = "base = 'own.toml'\nlimit = 40\n[grid]\nlearning.rate = {}\n"
    (tmp_path / "sweep.toml").write_text(sweep.format("[0.001]"))
    command = ["sweep", str(tmp_path / "sweep.toml"), "--out=sweep", "--workers=1", f"--plugin={plugin}"]
    CliRunner().invoke(app, command, catch_exceptions=False)
    _forget()
    plugin.write_text(TEXT.replace("0.5", "0.4"), encoding="utf-8")
    (tmp_path / "sweep.toml").write_text(sweep.format("[0.001, 0.002]"))
    with pytest.raises(RunError, match=rf"sweep/0001: {plugin} has changed since the training: .*; restore it"):
        CliRunner().invoke(app, [*command, "--resume"], catch_exceptions=False)


def _mirrored(self: Dense, source: Shape, target: Shape) -> Connections:
    """All pairs, each with the weight of another one."""
    pre, post, _ = Dense(200).connections(source, target)
    return Connections(pre, post, (pre.max() - pre) * 200 + post)


def test_all_parameters_of_a_part_from_elsewhere_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ring.py"
    path.write_text(RING)
    ring = load_plugin(path).Ring
    digits = load_preset("digits")
    first, *others = digits.projections
    network = dataclasses.replace(digits, projections=(dataclasses.replace(first, connectivity=ring(200)), *others))
    create_run("run", network, describe_run(0), initial_weights(network, 0))
    assert "width = 3.0" in Path("run/network.toml").read_text(encoding="utf-8")
    assert RunFolder(Path("run")).record()["synapses"].keys() == {first.name}  # nobody knows how it lists them
    RunFolder(Path("run")).weights(network)
    monkeypatch.setattr(ring, "connections", _mirrored)
    with pytest.raises(RunError, match="synapses differ from those of its weights"):
        RunFolder(Path("run")).weights(RunFolder(Path("run")).network())
    _forget()
    path.write_text(RING.replace("3.0", "5.0"))
    load_plugin(path)
    result: Any = RunFolder(Path("run")).network().projections[0].connectivity
    assert result.width == 3.0


def test_what_a_file_imports_from_beside_it_belongs_to_it(tmp_path: Path) -> None:
    path, constant = tmp_path / "half_rate.py", tmp_path / "constant.py"
    path.write_text("import json\nfrom netsim.seams import schedules\nfrom constant import rate\n" + HELPED)
    constant.write_text("def rate(done):\n    from tables.first import VALUE\n    return VALUE\n")
    (tmp_path / "json").mkdir()  # is no module
    (tmp_path / "never.py").write_text("1/0")
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "__init__.py").touch()
    (tables / "first.py").write_text("VALUE = 0.5")
    command = ["train", str(_specification(tmp_path)), "--limit=40", "--out=run", f"--plugin={path}"]
    CliRunner().invoke(app, command, catch_exceptions=False)
    (recorded,) = RunFolder(Path("run")).record()["plugins"]
    digests = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in recorded["imports"]}
    assert recorded["imports"] == digests
    assert set(digests) == {"constant.py", "tables/__init__.py", "tables/first.py"}
    described = CliRunner().invoke(app, ["describe", "run"]).stdout
    assert digests["tables/first.py"] in described
    for text in ("VALUE = = 1", "VALUE = 0.25"):
        (tables / "first.py").write_text(text)
        with pytest.raises(SpecificationError, match="or a module that it imports has changed since it was loaded; re"):
            load_plugin(path)
    _forget()
    with pytest.raises(RunError, match=r"run: \S*first.py has changed since the training"):
        CliRunner().invoke(app, [*command, "--resume"], catch_exceptions=False)


def test_a_module_beside_a_file_that_python_finds_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calendar.py").touch()
    path = tmp_path / "half_rate.py"
    path.write_text("import calendar\n" + TEXT)
    with pytest.raises(SpecificationError, match="imports calendar, which exists in its folder and elsewhere"):
        load_plugin(path)
    other = tmp_path / "other"
    other.mkdir()
    for folder, name in ((tmp_path, "first"), (other, "second")):
        (folder / "shared_constants.py").write_text("VALUE = 0.5")
        (folder / f"{name}.py").write_text("import shared_constants\n" + TEXT)
    load_plugin(tmp_path / "first.py")
    with pytest.raises(SpecificationError, match="imports shared_constants, which exists in its folder and"):
        load_plugin(other / "second.py")


def test_a_file_that_registers_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half_rate.py"
    path.write_text("from netsim.seams import schedules\n\n\ndef halves(done):\n    return 0.5\n")
    with pytest.raises(SpecificationError, match=r"half_rate\.py: registers nothing; add a decorator, such as @netsim"):
        load_plugin(path)
    assert "half_rate" not in sys.modules


def test_a_script_is_known_by_its_checksum_whatever_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "lone_script.py"
    script.write_text("def never():\n    import half_written\n")
    (tmp_path / "half_written.py").write_text("VALUE = = 1")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("lone_script")
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    assert plugin_files.file_of("lone_script") == {"file": str(script), "sha256": digest}
    del sys.modules["lone_script"]


def test_nothing_stays_of_a_file_that_fails(tmp_path: Path) -> None:
    (tmp_path / "broken_part.py").write_text("VALUE = 1/0")
    path = tmp_path / "half_rate.py"
    path.write_text("import broken_part\n" + TEXT)
    finders = list(sys.meta_path)
    with pytest.raises(SpecificationError, match=r"\(ZeroDivisionError: division by zero, line 1\)"):
        load_plugin(path)
    assert sys.meta_path == finders
    assert not {"half_rate", "broken_part"} & set(sys.modules)
    (tmp_path / "broken_part.py").write_text("VALUE = 1")
    load_plugin(path)


def test_a_specification_that_was_changed_by_hand_is_not_that_of_the_run() -> None:
    digits = load_preset("digits")
    run = create_run("run", digits, describe_run(0), initial_weights(digits, 0))
    assert run.network() == digits
    text = run.network_file.read_text()
    run.network_file.write_text(text.replace("threshold = 2.0", "threshold = 1.0"))
    with pytest.raises(RunError, match=r"network.toml: differs from the trained specification \(SHA-256"):
        run.network()
    run.network_file.write_text(text)
    assert run.network() == digits


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.py", None, "cannot be read"),
        ("numpy.py", "", "has the name of another module, numpy"),
        ("json.py", "", "has the name of another module, json"),
        ("a-b.py", "", "with the name of a module"),
        ("data.txt", "", "with the name of a module"),
        ("wrong.py", "x = 1\n1/0\n", r"\(ZeroDivisionError: division by zero, line 2\)"),
        ("worse.py", "x = = 1", r"\(SyntaxError: .*line 1\)"),
        ("twice.py", TEXT.replace("halves", "cosine"), "is an entry of netsim; choose another name in twice"),
    ],
)
def test_what_cannot_be_loaded_is_refused(name: str, text: str | None, message: str, tmp_path: Path) -> None:
    assert "cosine" in schedules
    schedules["cosine"]
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(SpecificationError, match=message):
        load_plugin(path)
    assert path.stem not in plugin_files._loaded
