"""Run folders: everything needed to document a run, to resume it, and to use its weights.

A run folder contains

- ``network.toml``: the specification with all options applied
- ``run.json``: seed, versions, revision, command and machine
- ``metrics.csv``: one line per epoch
- ``best.npz``: weights of the best epoch by validation, or of the last epoch without validation
- ``checkpoint.npz``: weights, optimizer and position at the last checkpoint, and the best weights so far
- ``checkpoint-previous.npz``: the checkpoint before, in case the last is damaged
- ``data``: data that came from Python
- ``plugins``: copies of plug-in files, and of the files that they import
"""

import csv
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from netsim import __version__
from netsim.data.dataset import Dataset
from netsim.data.packed import write_dataset
from netsim.errors import DataError, NetsimError, RunError, SpecificationError
from netsim.files import Digest, file_sha256, make_folder, read_text, write_bytes, write_json, write_text
from netsim.numerics.threads import blas_kernels
from netsim.reprs import html_table
from netsim.runs.plugin_copies import copies_of
from netsim.runs.plugins import are_plugins, changed_plugins, check_plugins, plugins_of
from netsim.specification import Network
from netsim.specification.toml import dumps_network, read_network
from netsim.weights.files import read_weights_of_epoch, write_weights
from netsim.weights.layout import Weights
from netsim.weights.synapses import has_drawn_synapses, synapse_checksums

_LIBRARIES = ("brian2", "numpy", "numba", "scipy", "tonic", "pandas", "seaborn", "scikit-learn")
_LARGEST_RECORD = 10_000_000  # bytes
LARGEST_METRICS = 1_000_000_000
"""Bytes of a file of metrics that is read."""
_SURROUNDINGS = ("started", "netsim", "git_revision", "versions", "machine")
WEIGHTS_SHA256 = "weights_sha256"
"""Key of the checksum of the weights in a saved evaluation."""
LOCK = ".lock"
"""Name of the lock file in a folder."""


class RunFolder:
    """The files of a run. The process that writes to the folder locks it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.network_file = path / "network.toml"
        self.record_file = path / "run.json"
        self.metrics = path / "metrics.csv"
        self.best = path / "best.npz"
        self.checkpoint = path / "checkpoint.npz"
        self.previous_checkpoint = path / "checkpoint-previous.npz"
        self.lock_file = path / LOCK
        self.data = path / "data"
        self.plugins = path / "plugins"
        self._check_lock: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def _repr_html_(self) -> str:
        try:
            facts = {"network": self.network().name} | self.record()
        except NetsimError as error:
            return html_table(str(self.path), [("damaged", error)])
        keys = ("network", "seed", "limit", "training", "validation", "started", "netsim", "git_revision")
        return html_table(str(self.path), [(key, facts[key]) for key in keys if facts.get(key) is not None])

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the run for this process, see `lock_folder`. Meanwhile, each write calls `check_lock`."""
        with lock_folder(self.path) as self._check_lock:
            try:
                yield
            finally:
                self._check_lock = None

    def check_lock(self) -> None:
        """Raise RunError if this process has locked the run and another folder has replaced it."""
        if self._check_lock is not None:
            self._check_lock()

    def network(self) -> Network:
        """Read the specification of the run.

        Returns
        -------
        Network

        Raises
        ------
        RunError
            If a plug-in of the run cannot be loaded, or the file was changed by hand.
        SpecificationError
            If the file is damaged.
        """
        try:
            record = self.record()
        except RunError:  # `record` itself raises it where the record is needed
            record = {}
        check_plugins(record.get("plugins", []), str(self.path), self.plugins)
        digest = hashlib.sha256()
        try:
            network = read_network(self.network_file, digest)
        except SpecificationError as error:
            made_by = record.get("netsim", __version__)
            if made_by == __version__:
                raise
            other = f"{error.message}; the run was made by netsim {made_by}, this is {__version__}"
            raise SpecificationError(error.field, other) from error
        wanted = [record.get("specification_sha256"), *(each.get("former") for each in record.get("extended", []))]
        if wanted[0] is not None and digest.hexdigest() not in wanted:
            changed = f"{self.network_file}: differs from the trained specification (SHA-256 in its record)"
            raise RunError(f"{changed}; restore it, or copy it and train it as a new run")
        return network

    def record(self) -> dict[str, Any]:
        """Read the record from `describe_run`. Raises RunError if ``run.json`` is missing or damaged."""
        try:
            record = json.loads(read_text(self.record_file, _LARGEST_RECORD))
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(f"{self.record_file}: cannot be read ({reason}); is {self.path} a run folder?") from error
        except (ValueError, RecursionError) as error:
            raise RunError(
                f"{self.record_file}: is not JSON ({error}); restore a copy, or start again in another folder"
            ) from error
        except DataError as error:
            raise RunError(f"{error}; a record of a run is a small file") from error
        wrong = _wrong_entries(record if isinstance(record, dict) else {})
        if wrong:
            raise RunError(
                f"{self.record_file}: is not the record of a run ({wrong[0]} is missing or wrong); restore it"
            )
        return dict(record)

    def weights(self, network: Network) -> Weights:
        """Read the weights of the best epoch so far.

        Returns
        -------
        dict of ndarray

        Raises
        ------
        DataError, RunError
            If there are no weights, or they are damaged.
        """
        return self.weights_of_epoch(network)[0]

    def weights_of_epoch(self, network: Network, digest: Digest | None = None) -> tuple[Weights, int | None]:
        """Read `weights` and their epoch, see `read_weights_of_epoch`. `netsim.files.read_arrays` explains `digest`."""
        self.check_synapses(network)
        if not self.best.exists():
            raise RunError(f"{self.path}: has no best.npz, the weights of its best epoch; continue with --resume")
        return read_weights_of_epoch(network, self.best, digest)

    def check_synapses(self, network: Network) -> None:
        """Raise RunError if the network's synapses differ from the synapses of the run's weights."""
        record = self.record()
        listed = record.get("synapses")
        if listed is None and has_drawn_synapses(network):
            former = "was made by a version that drew other synapses and did not record them"
            raise RunError(f"{self.path}: {former}; train it again")
        now = synapse_checksums(network) if listed else {}
        if any(now.get(name) != checksum for name, checksum in (listed or {}).items()):
            causes = changed_versions(record) or changed_plugins(record.get("plugins", []))
            causes = causes or "a connectivity that lists different synapses each time, or another state of netsim"
            raise RunError(
                f"{self.path}: the network's synapses differ from those of its weights ({causes}); train it again"
            )

    def note_resumed(self, epoch: int) -> None:
        """Record that a training was resumed: its epoch (from 1), machine and versions."""
        record, now = self.record(), describe_run(0)
        entry = {"epoch": epoch} | {key: now[key] for key in _SURROUNDINGS}
        self.write_json(self.record_file.name, {**record, "resumed": [*record.get("resumed", []), entry]})

    def extend(self, former: Network, network: Network, exact: bool) -> None:
        """Record that a training is extended from the epochs of the former network, and write the new specification.

        `exact` says whether the weights are those of a longer training from the start. If the process dies between both
        files, the earlier specification is still accepted.
        """
        record, now, text = self.record(), describe_run(0), dumps_network(network)
        entry = {"epochs": [former.training.epochs, network.training.epochs], "exact": exact}
        entry |= {"former": file_sha256(self.network_file), "command": now["command"]}
        entry |= {key: now[key] for key in _SURROUNDINGS}
        extended = [*record.get("extended", []), entry]
        self.check_lock()
        write_json(self.record_file, {**record, "specification_sha256": _sha256(text), "extended": extended})
        self.check_lock()
        write_text(self.network_file, text)

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the metrics of all epochs so far."""
        if not rows:
            return
        self.check_lock()
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.metrics, text.getvalue())

    def write_json(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file of the run."""
        self.check_lock()
        write_json(self.path / name, content)
        return self.path / name

    def remove_stale_evaluations(self) -> list[str]:
        """Remove saved evaluations of other weights than the current ones. Return a line for each."""
        lines = []
        for path in sorted(self.path.glob("evaluation-*.json")):
            try:
                saved = json.loads(read_text(path, _LARGEST_RECORD))
            except (OSError, ValueError, RecursionError, DataError):
                saved = None
            if not isinstance(saved, dict) or saved.get(WEIGHTS_SHA256) != file_sha256(self.best):
                self.check_lock()
                path.unlink(missing_ok=True)
                lines.append(f"{path}: removed, because training has changed the weights; evaluate the run again")
        return lines

    def data_dir(self) -> str | None:
        """Return the folder of the run's data: its own data, or the folder given for its training."""
        return str(self.data) if self.data.is_dir() else self.record().get("data_dir")

    def write_data(self, data: Dataset, name: str) -> None:
        """Write a data set into the run, as the file that the network's ``training.dataset`` names."""
        folder = self.subfolder(self.data.name)
        folder.mkdir(exist_ok=True)
        write_dataset(data, folder / name)

    def subfolder(self, name: str) -> Path:
        """Return a folder in the run, which may not exist yet. Raises RunError for a link, which leaves the run."""
        folder = self.path / name
        if folder.is_symlink():
            raise RunError(f"{folder}: is a link; remove it, or choose another folder with --out")
        return folder


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _wrong_entries(record: Mapping[str, Any]) -> list[str]:
    """Return the names of missing or wrong entries in a record, among the entries that netsim reads."""

    def is_count(value: Any) -> bool:
        return type(value) is int and value >= 0

    command, limit = record.get("command", []), record.get("limit")
    fits = {
        "seed": is_count(record.get("seed")),
        "limit": limit is None or is_count(limit),
        "data_dir": isinstance(record.get("data_dir"), str | None),
        "data": isinstance(data := record.get("data", {}), dict) and isinstance(data.get("sizes", {}), dict),
        "plugins": are_plugins(record.get("plugins", [])),
        "synapses": isinstance(record.get("synapses", {}), dict),
        "resumed": isinstance(resumed := record.get("resumed", []), list)
        and all(isinstance(entry, dict) for entry in resumed),
        "extended": isinstance(extended := record.get("extended", []), list)
        and all(isinstance(entry, dict) and isinstance(entry.get("command"), list) for entry in extended),
        "learned_before": isinstance(before := record.get("learned_before", []), list)
        and all(isinstance(seen, dict) and is_count(seen.get("validation")) and "dataset" in seen for seen in before),
        "command": isinstance(command, list) and all(isinstance(word, str) for word in command),
    }
    return [name for name, is_right in fits.items() if not is_right]


@contextmanager
def lock_folder(path: Path) -> Iterator[Callable[[], None]]:
    """Lock a folder for this process. Raises RunError if another process uses it, or it is not writable.

    Yields a function to call before each write. It raises RunError if the folder was moved or replaced, because a lock
    follows the folder but writes follow its name.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
        held = os.stat(path / LOCK)
    except Timeout as error:
        raise RunError(f"{path}: is in use by another process; wait for it or choose another --out") from error
    except (OSError, NotImplementedError) as error:  # NotImplementedError: the drive has no locks
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(f"{path}: cannot be written ({reason}); make it writable, or choose another --out") from error
    try:

        def check() -> None:
            try:
                is_same = os.path.samestat(held, os.stat(path / LOCK))
            except OSError:
                is_same = False
            if not is_same:
                moved = "was moved, replaced or unlocked during the run, so netsim stopped writing there"
                raise RunError(f"{path}: {moved}; continue at its new path with --resume")

        yield check
    finally:
        lock.release()


def is_run(path: str | Path) -> bool:
    """True if a path is a run folder."""
    return (Path(path) / "network.toml").is_file()


def open_run(path: str | Path) -> RunFolder:
    """Open an existing run folder.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    RunFolder

    Raises
    ------
    RunError
        If `path` is not a run folder.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.train("digits", "runs/opened", limit=100)
    >>> netsim.open_run("runs/opened").network().name
    'digits'
    """
    if not is_run(path):
        raise RunError(f"{path}: is not a run folder (it has no network.toml); choose a folder of netsim train")
    return RunFolder(Path(path))


@contextmanager
def new_run(
    path: str | Path, network: Network, record: Mapping[str, Any], is_trained: bool = True
) -> Iterator[RunFolder]:
    """Create a run folder with specification and record (see `describe_run`), to which the caller may add files.

    The record also lists plug-ins of the network. ``network.toml`` is written last.

    Raises RunError if `path` exists and is not an empty folder, or cannot be written. Incomplete runs are removed.
    """
    run = RunFolder(Path(path))
    is_new = not run.path.exists()
    check_free(path, is_trained)
    try:
        run.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be created ({error.strerror}); choose another --out") from error
    with run.lock():
        check_free(path, is_trained)  # again, because another process may have been faster
        try:
            plugins = record["plugins"] if "plugins" in record else plugins_of(network)
            copies = copies_of(plugins, run.subfolder(run.plugins.name))
            listed, text = synapse_checksums(network), dumps_network(network)
            # the user edits the file of an import, because the other tool did not export everything
            checksum = {} if "imported" in record else {"specification_sha256": _sha256(text)}
            of_synapses = {"synapses": listed} if listed else {}
            write_json(run.record_file, {"plugins": plugins, **checksum, **of_synapses, **record})
            for file, content in copies.items():
                make_folder(file.parent)
                write_bytes(file, content)
            yield run
            write_text(run.network_file, text)
        except BaseException:
            for file in (run.network_file, run.best, run.record_file, run.lock_file):
                file.unlink(missing_ok=True)
            for folder in (run.data, run.plugins):
                shutil.rmtree(folder, ignore_errors=True)
            if is_new:
                run.path.rmdir()
            raise


def create_run(
    path: str | Path, network: Network, record: Mapping[str, Any], weights: Weights | None = None
) -> RunFolder:
    """Create a `new_run`, with weights if there is no training."""
    with new_run(path, network, record, is_trained=weights is None) as run:
        if weights is not None:
            write_weights(weights, run.best)
    return run


def is_free(path: str | Path) -> bool:
    """True if a path is absent, an empty folder, or the rest of an incomplete run."""
    path = Path(path)
    return not path.exists() or (path.is_dir() and _half_made(os.listdir(path)))


def check_free(path: str | Path, is_trained: bool = True) -> None:
    """Raise RunError unless the path is free. The message suggests to resume if `is_trained`."""
    if not is_free(path):
        resumes = is_trained and Path(path).is_dir()
        resume = ", or continue in it (--resume; in Python resume=True)" if resumes else ""
        raise RunError(f"{path}: exists already; choose another folder (--out; in Python out=...) or delete it{resume}")


def _half_made(names: Sequence[str]) -> bool:
    """True if all files are written before ``network.toml``, the last file of a new run. The record is the first."""
    later = {"best.npz", "data", "plugins"}
    whole = {LOCK, "run.json", *later}
    known = all(name in whole or name.startswith((".run.", ".best.", ".network.")) for name in names)
    return known and (later.isdisjoint(names) or "run.json" in names)


def this_command() -> list[str]:
    """Return the words of the command that runs this program."""
    program = Path(sys.argv[0]).name
    return ["netsim" if program == "__main__.py" else program, *sys.argv[1:]]


def describe_run(seed: int, **settings: Any) -> dict[str, Any]:
    """Return the record of a run: seed, settings, command, versions, revision and machine."""
    from netsim.numerics.vectors import has_avx512  # loads the compiler, which most readers of runs do not need

    return {
        "seed": seed,
        "command": this_command(),
        **settings,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "netsim": __version__,
        "git_revision": _git_revision(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES},
        "machine": {
            "system": platform.system(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "blas": ", ".join(blas_kernels()),
            "avx512": has_avx512(),
        },
    }


def changed_versions(record: Mapping[str, Any]) -> str:
    """List the versions in a record that have changed, in one line. Empty if none has changed."""
    former = record.get("versions")
    if not isinstance(former, Mapping):
        return ""
    now = describe_run(0)
    versions = [("netsim", record.get("netsim"), now["netsim"])]
    versions += [(name, former.get(name), version) for name, version in now["versions"].items()]
    return ", ".join(
        f"{name} {then} then and {today or 'none'} now" for name, then, today in versions if then not in (None, today)
    )


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git_revision() -> str | None:
    """Return the revision of netsim's checkout, with ``+`` for local changes. None outside a checkout."""
    folder = Path(__file__).resolve().parent
    try:
        _git(folder, "ls-files", "--error-unmatch", Path(__file__).name)  # fails in another project's checkout
        return _git(folder, "rev-parse", "HEAD") + ("+" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10).stdout.strip()
