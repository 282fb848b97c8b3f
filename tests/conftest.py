"""What several test folders share."""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import settings

from netsim.data.stimuli import Stimuli
from netsim.files import open_regular
from netsim.registry import Registry
from netsim.runs import plugin_files
from netsim.seams import SEAMS
from netsim.specification import Connections, Connectivity, Encoder, Network, Shape

matplotlib.use("agg")
# how long an example takes says more about what else the machine does; the same examples are taken each time, so that
# no test fails by chance, and others in `scripts/nightly.sh`, whose profile the command line names
settings.register_profile("netsim", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None)
settings.load_profile("netsim")


_DATA = Path(os.environ["NETSIM_DATA"]).resolve() if os.environ.get("NETSIM_DATA") else None


_SAFE_PATH = os.environ.get("PYTHONSAFEPATH")


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled modules in a run of several processes, because each of their programs imports hundreds."""
    if config.getoption("numprocesses", None):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the tests and modules that stay from the collector, which Brian2 calls in each of its runs."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="module")
def _spared() -> None:
    """Spare what the tests of other modules loaded from the collector too, such as compiled functions."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in an empty folder of its own, and remembers nothing for the user."""
    monkeypatch.chdir(tmp_path)
    chosen = tmp_path.parent / f"{tmp_path.name}-settings"
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: chosen / name)


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """What a command sets for the processes that it starts is not that of the next test, nor of a shared fixture's."""
    before = dict(os.environ)
    if not _SAFE_PATH:
        os.environ.pop("PYTHONSAFEPATH", None)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    """Figures that a test leaves open are closed after it: others count those that a command leaves."""
    yield
    plt.close("all")


@pytest.fixture(autouse=True)
def _own_names() -> Iterator[None]:
    """What a test registers, a program of a page or a plug-in file, is not offered in the next one's messages."""
    before = [set(registry._entries) for registry in SEAMS]
    loaded = dict(plugin_files._loaded)
    yield
    plugin_files._loaded.clear()  # a worker of a later sweep would look for a file that is gone
    plugin_files._loaded.update(loaded)
    for registry, names in zip(SEAMS, before, strict=True):
        for name in set(registry._entries) - names:
            if not registry.is_own(name):
                del registry._entries[name], registry._modules[name]


@pytest.fixture(scope="session")
def resource() -> ModuleType:
    """The module of limits on what a process may take, where the system has it."""
    try:
        import resource
    except ImportError:
        pytest.skip("needs limits on what a process may take")
    return resource


@pytest.fixture
def largest_file(resource: ModuleType) -> Callable[[int], AbstractContextManager[None]]:
    """A limit on the size of files, in bytes, which stands for the end of the disk."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limited


_IN_ONE_PROCESS = """
import contextlib, io, json, shlex, sys, traceback
from netsim.__main__ import main
ends = {}
for command in sys.argv[1:]:
    code = 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        sys.argv = shlex.split(command) if command.startswith("netsim ") else ["-c"]
        try:
            main() if sys.argv[0] == "netsim" else exec(command, {})
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            code = 1
            traceback.print_exc()
    ends[command] = code, out.getvalue(), err.getvalue()
print(json.dumps(ends))
"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command or a program ended."""

    code: int
    out: str
    err: str

    def check(self) -> None:
        """Fail if it failed."""
        assert self.code == 0, self.err

    @property
    def printed(self) -> str:
        """What it printed, if it succeeded."""
        self.check()
        return self.out


@pytest.fixture(scope="session")
def in_one_process() -> Callable[..., dict[str, Ended]]:
    """A function that runs commands and programs with other packages installed; starting takes longer than most."""

    def run(packages: Path, *commands: str, folder: Path | None = None) -> dict[str, Ended]:
        environment = os.environ | {"PYTHONPATH": str(packages), "COLUMNS": "200"}
        command = [sys.executable, "-c", _IN_ONE_PROCESS, *commands]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {given: Ended(*end) for given, end in json.loads(done.stdout.splitlines()[-1]).items()}

    return run


_NOBODY = """
import os, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for folder in sys.argv[1:]:
    try:
        os.listdir(folder)
    except PermissionError:
        sys.exit(folder)
"""


@pytest.fixture
def others_read() -> Callable[..., None]:
    """A function that skips a test of the superuser if the other user cannot read some packages."""

    def check(*packages: str) -> None:
        specs = map(importlib.util.find_spec, packages)
        folders = [folder for spec in specs if spec for folder in spec.submodule_search_locations or ()]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            closed = subprocess.run([sys.executable, "-c", _NOBODY, *folders], capture_output=True, text=True).stderr
            if closed:
                pytest.skip(f"another user cannot read {closed.strip()}; clone into a folder that others may enter")

    return check


_ANSWERS = 120  # seconds in which a forked process ends, unless it waits for ever


@pytest.fixture
def forked(tmp_path: Path) -> Callable[[Callable[[], object]], str]:
    """A function that calls another one in a forked process, and returns what that printed, or what it raised."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")

    def call(work: Callable[[], object]) -> str:
        answer = tmp_path / "answer"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
            child = os.fork()
        if not child:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest-timeout handles it
            signal.alarm(_ANSWERS)
            try:
                answer.write_text(str(work()))
            except BaseException as error:
                answer.write_text(f"{type(error).__name__}: {error}")
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, "the forked process came to no end"
        return answer.read_text()

    return call


@pytest.fixture
def brian2_compiles_nothing() -> Iterator[None]:
    """Brian2 runs by numpy, for its compiler takes longer than most tests; what a test sets of it is put back."""
    import brian2

    target, dt = brian2.prefs.codegen.target, brian2.defaultclock.dt
    brian2.prefs.codegen.target = "numpy"
    yield
    brian2.prefs.codegen.target = target
    brian2.defaultclock.dt = dt


@pytest.fixture
def scanned_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 files are checked in this process, because another one takes longer to start than most tests."""
    with suppress(ImportError):
        from netsim import hdf5
        from netsim.exchange import hdf5 as exchanged

        def scan(path: Path) -> None:
            with open_regular(path):
                hdf5.scan(path)

        for module in (hdf5, exchanged):
            monkeypatch.setattr(module, "check_hdf5", scan)


@pytest.fixture
def only_pictures(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that names the figures of reports; drawing all takes seconds."""

    def choose(*names: str) -> None:
        for module in ("pictures", "page"):
            monkeypatch.setattr(f"netsim.reporting.{module}.sections", lambda: {"Figures": list(names)})

    return choose


@pytest.fixture
def idx_data() -> Path:
    """The folder that NETSIM_DATA names, with MNIST and Fashion-MNIST."""
    if _DATA is None or not (_DATA / "mnist").is_dir():
        pytest.skip("needs NETSIM_DATA, the folder that holds mnist/ and fashion-mnist/ as IDX files")
    return _DATA


def _module(name: str) -> ModuleType:
    """A module of the folder of tests."""
    spec = importlib.util.spec_from_file_location(f"netsim_{name}", Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The module ``tests/oracle.py``: the neuron equation solved without the engines."""
    module = _module("oracle")
    module.SOLVERS["leaky"] = _module("leaky_oracle")
    module.SOLVERS["quadratic"] = module.SOLVERS["non-leaky"] = _module("family_oracle")
    return module


@pytest.fixture(scope="session")
def drawn() -> ModuleType:
    """The module ``tests/random_networks.py``."""
    return _module("random_networks")


@dataclasses.dataclass(frozen=True)
class Unwindowed(Connectivity):
    """Another rule's shapes and index arrays alone, so that the sparse kernels are taken."""

    rule: Connectivity

    def target_shape(self, source: Shape) -> Shape:
        return self.rule.target_shape(source)

    def check(self, source: Shape, target: Shape) -> None:
        self.rule.check(source, target)

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        return self.rule.weight_shape(source, target)

    def connections(self, source: Shape, target: Shape) -> Connections:
        return self.rule.connections(source, target)


@pytest.fixture(scope="session")
def without_windows() -> Callable[[Network], Network]:
    """A function that gives the same network with sparse kernels only."""

    def make(network: Network) -> Network:
        projections = tuple(
            dataclasses.replace(projection, connectivity=Unwindowed(projection.connectivity))
            for projection in network.projections
        )
        return dataclasses.replace(network, projections=projections)

    return make


@pytest.fixture
def random_stimuli() -> Callable[..., Stimuli]:
    """A function that makes labelled random images for an encoder; each label has a pattern of its own."""

    def make(encoder: Encoder, count: int, classes: int, seed: int = 0) -> Stimuli:
        generator = np.random.default_rng(seed)
        patterns = np.random.default_rng(99).integers(0, 256, (classes, *encoder.shape))
        labels = generator.integers(0, classes, count)
        noise = generator.integers(-40, 41, (count, *encoder.shape))
        images = np.clip(patterns[labels] + noise, 0, 255).astype(np.uint8)
        return Stimuli(images, labels, 255, encoder)

    return make


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that registers an entry as another package would, for one test."""

    def add(registry: Registry[Any], name: str, entry: Any) -> None:
        monkeypatch.setitem(registry._entries, name, entry)
        monkeypatch.setitem(registry._modules, name, entry.__module__)

    return add


@pytest.fixture
def poker(tmp_path: Path) -> Path:
    """A folder with a small POKERDVS, as tonic unpacks it: 24 training and 20 test recordings of 4 cards.

    The cards have their events in different columns: 0 to 8, 9 to 17, 18 to 26 and 26 to 34.
    """
    base = tmp_path / "data"
    generator = np.random.default_rng(0)
    for part, count in (("train", 24), ("test", 20)):
        for number in range(count):
            card = number % 4
            folder = base / "POKERDVS" / f"pips_{part}" / ("cl", "he", "di", "sp")[card]
            folder.mkdir(parents=True, exist_ok=True)
            t = np.sort(generator.integers(0, 30_000, 50))
            x = generator.integers(0, 9, 50) + (0, 9, 18, 26)[card]
            y, p = generator.integers(0, 35, 50), generator.integers(0, 2, 50)
            np.save(folder / f"{number}.npy", np.column_stack([t, x, y, p]))
        (base / "POKERDVS" / f"pips_{part}.tar.gz").touch()
    return base


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that installs a package of one module, which adds an entry to a seam by its entry point."""
    installed: list[tuple[Registry[Any], str, str]] = []

    def add(registry: Registry[Any], name: str, code: str) -> None:
        folder, module = tmp_path_factory.mktemp("packages"), f"own_{name.replace('-', '_')}"
        info = folder / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[netsim.{registry.seam.replace(' ', '_')}]\n{name} = {module}\n")
        (folder / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(folder)
        registry.__dict__.pop("_points", None)
        installed.append((registry, name, module))

    yield add
    for registry, name, module in installed:
        for cached in (registry._entries, registry._modules, registry.__dict__, sys.modules):
            for key in (name, module, "_points"):
                cached.pop(key, None)
