"""Files that are none, links, signals of a cluster, and words that mean something to a terminal."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

import netsim as api
from netsim.analysis import metrics_table, read_sweep_table, write_table
from netsim.cli import terminal
from netsim.data.idx import read_idx
from netsim.data.packed import read_dataset
from netsim.errors import DataError, NetsimError
from netsim.runs.model import load_model
from netsim.specification.connectivity import EdgeList
from netsim.sweeps.plan import read_plan
from netsim.training import session as training

Netsim = Callable[..., Any]


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes and devices")
def test_tables_are_regular_files_of_a_bounded_size() -> None:
    os.mkfifo("pipe")
    Path("endless").symlink_to("/dev/zero")
    with open("sparse", "wb") as sparse:
        sparse.truncate(3 * 10**9)
    for read in (metrics_table, read_sweep_table):
        for name in ("pipe", "endless"):
            with pytest.raises(DataError, match=f"{name}: is not a regular file"):
                read(name)
        with pytest.raises(DataError, match="sparse: is larger than"):
            read("sparse")


def _stimuli(path: str) -> object:
    return api.read_stimuli(path, (8, 8, 1))


def _edges(path: str) -> object:
    return EdgeList(2, path).known_weights((4,), (2,))


@contextmanager
def _limited_memory(resource: ModuleType) -> Iterator[None]:
    """Of 500 MB more than there are now."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 500 * 10**6, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


READERS: dict[str, tuple[Callable[[str], object], ...]] = {
    ".csv": (metrics_table, read_sweep_table, api.read_spikes, _stimuli, _edges),
    ".csv.gz": (api.read_spikes, _stimuli),
    ".parquet": (api.read_spikes, _stimuli),
    ".h5": (api.read_spikes, _stimuli, _edges),
    ".nwb": (api.read_spikes, _stimuli),
    ".nird": (_stimuli,),
    ".nir": (api.import_network,),
    ".toml": (api.read_network, read_plan),
    ".npz": (read_dataset, lambda path: api.read_weights(api.load_preset("digits"), path)),
    ".gz": (lambda path: read_idx(Path(path)),),
    ".py": (api.load_plugin,),
}


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes and devices")
@pytest.mark.parametrize("suffix", READERS)
def test_files_that_never_end_are_not_read(suffix: str) -> None:
    pytest.importorskip("h5py")
    os.mkfifo(f"pipe{suffix}")
    Path(f"endless{suffix}").symlink_to("/dev/zero")
    for read in READERS[suffix]:
        for name in ("pipe", "endless"):
            with pytest.raises(NetsimError, match=r"is not a regular file|dev/zero: must be a file with"):
                read(f"{name}{suffix}")


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory")
@pytest.mark.parametrize("suffix", READERS)
def test_large_files_of_nothing_take_no_memory(suffix: str, resource: ModuleType) -> None:
    """Of 3 GB, if it is more than any such file has; a checksum of them would take long."""
    pytest.importorskip("h5py")
    with open(f"sparse{suffix}", "wb") as sparse:
        sparse.truncate(2**19 if _edges in READERS[suffix] and suffix == ".h5" else 3 * 10**9)
    for read in READERS[suffix]:
        if (read, suffix) != (_edges, ".csv"):
            with pytest.raises(NetsimError, match=f"sparse{suffix}"), _limited_memory(resource):
                read(f"sparse{suffix}")


@pytest.mark.parametrize(
    ("read", "heading"),
    [(api.read_spikes, "presentation,neuron,latency_ms"), (_stimuli, "presentation"), (_edges, "pre,post")],
)
def test_a_cell_that_never_ends_takes_no_memory(read: Callable[[str], object], heading: str) -> None:
    with open("cell.csv", "wb") as file:
        file.write(f"{heading}\n0,".encode())
        file.truncate(3 * 10**6)
    with pytest.raises(NetsimError, match="has a line of more than 1048576 bytes"):
        read("cell.csv")


@pytest.mark.skipif(os.name != "posix", reason="makes links")
def test_nothing_is_written_through_a_linked_folder_of_a_run(netsim: Netsim, run: Path) -> None:
    Path("elsewhere").mkdir()
    for name in ("figures", "simulation", "studies", "report-figures", "analysis"):
        (run / name).symlink_to(Path("elsewhere").resolve())
    for command in ("plot raster run", "simulate run", "study early-readout run --limit 20", "report run --limit 20"):
        netsim(*command.split()).refused("is a link; remove it, or choose another folder with --out")
    assert os.listdir("elsewhere") == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_cluster_stops_a_training_as_ctrl_c_does(name: str, netsim: Netsim) -> None:
    if not hasattr(signal, name):
        pytest.skip("is no signal here")
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # tests that nohup runs ignore SIGHUP
    former, count = signal.getsignal(number), training._accumulate
    command = ["train", "digits", "--epochs", "2", "--limit", "200", "--out", "run"]

    def stopping(*arguments: Any) -> None:
        count(*arguments)
        signal.raise_signal(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_accumulate", stopping)
        done = netsim(*command)
    assert done.code == 130
    assert done.err.splitlines()[-1].startswith("netsim: run: interrupted; the last checkpoint is kept. Continue with:")
    assert signal.getsignal(number) is former is signal.SIG_DFL
    with pytest.MonkeyPatch.context() as patch:
        signal.signal(number, signal.SIG_IGN)  # as nohup has it
        try:
            patch.setattr(training, "_accumulate", stopping)
            assert netsim(*command, "--resume").code == 0
        finally:
            signal.signal(number, before)


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = terminal.new_table("name")
    for name in ("[/x]", "[red]a[/red]", ":smile:"):
        table.add_row(name)
    terminal.print_table(table)
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("[/x]", "[red]a[/red]", ":smile:"))


def test_epochs_have_an_end(netsim: Netsim) -> None:
    netsim("train", "digits", "--epochs", 2**63).refused("--epochs: must be at most 1,000,000")


def test_a_terminal_without_unicode_and_one_that_is_closed() -> None:
    program = "import sys; sys.argv[0] = 'netsim'; from netsim.cli import main; main()"
    command = [sys.executable, "-P", "-c", program, "describe", "digits"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "NETSIM_THREADS": "1"}
    completed = subprocess.run(command, capture_output=True, text=True, env=ascii_only, timeout=300)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.isascii()
    if os.name == "posix":
        closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, timeout=300)
        assert (closed.returncode, closed.stderr) == (0, b"")


def test_a_spreadsheet_runs_no_cell() -> None:
    words = ["=1+1", "+a", "-a", "@a", "\ta", "plain", "a=b", None]
    write_table(pd.DataFrame({"word": words, "number": range(-4, 4)}), "table.csv")
    lines = Path("table.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.rsplit(",", 1)[0].strip('"') for line in lines] == [
        "'=1+1",
        "'+a",
        "'-a",
        "'@a",
        "'\ta",
        "plain",
        "a=b",
        "",
    ]
    assert lines[0].endswith(",-4")


def test_signed_numbers_are_no_formulas() -> None:
    write_table(pd.DataFrame({"orientation": ["-45", "+22.5", "-45+A1", "-"]}), "words.csv")
    written = Path("words.csv").read_text(encoding="utf-8")
    assert written.split() == ["orientation", "-45", "+22.5", "'-45+A1", "'-"]


@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_a_spreadsheet_runs_no_word_of_any_type(kind: str) -> None:
    words = pd.Series(["=1+1", "'=1+1", "a", "=1+1", None], dtype=kind)
    table = pd.DataFrame({"number": [-1, 2, 3, 4, 5], "@word": words, "whole": pd.Categorical([-1] * 5)})
    before = table.copy()
    write_table(table, "table.csv")
    assert Path("table.csv").read_text(encoding="utf-8").splitlines() == [
        "number,'@word,whole",
        "-1,'=1+1,-1",
        "2,'=1+1,-1",
        "3,a,-1",
        "4,'=1+1,-1",
        "5,,-1",
    ]
    pd.testing.assert_frame_equal(table, before)


def test_the_name_of_a_strangers_layer_is_no_formula(netsim: Netsim) -> None:
    rows = "".join(f"{presentation},{presentation % 2},=cmd|calc,{presentation},1.5\n" for presentation in range(4))
    Path("spikes.csv").write_text(f"presentation,label,layer,neuron,latency_ms\n{rows}", encoding="utf-8")
    done = netsim("analyse", "latencies", "spikes.csv", "--out", "counts.csv")
    assert done.code == 0, done.err
    shown = Path("counts.csv").read_text(encoding="utf-8")
    assert "'=cmd|calc" in shown
    assert ",=cmd" not in shown
    assert "\n=cmd" not in shown


def test_a_checksum_is_of_the_weights_that_were_read(run: Path) -> None:
    """A training may put others in their place while a report is made."""
    read = load_model("run").sha256
    assert read == hashlib.sha256((run / "best.npz").read_bytes()).hexdigest()
    assert load_model("digits").sha256 is None
    shipped = load_model("mlp-mnist")
    assert shipped.sha256 is not None
    assert len(shipped.sha256) == 64


def test_a_report_tells_of_the_epoch_whose_weights_it_measured(
    netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a training goes on: between the reading of the weights and of the metrics a better epoch ends."""
    before = load_model("run")
    assert before.sha256 is not None
    measured = metrics_table(run / "metrics.csv")

    def training(*arguments: object) -> list[object]:
        better = measured.assign(epoch=measured["epoch"] + len(measured), validation_strict_accuracy=1.0)
        write_table(pd.concat([measured, better]), run / "metrics.csv")
        api.write_weights(api.initial_weights(before.network, 7), run / "best.npz", 3)
        return []

    monkeypatch.setattr("netsim.reporting.making.draw_pictures", training)
    assert netsim("report", run, "--limit", 20).code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert before.sha256 in page
    assert "The training continued during the measurement" in page
    assert f"{before.epoch}, chosen by the validation stimuli" in page
    accuracy = measured.loc[measured["epoch"] == before.epoch, "validation_strict_accuracy"].item()
    assert f"{accuracy:.2%} (a tie is an error)" in page
    monkeypatch.setattr("netsim.reporting.making.draw_pictures", lambda *arguments: [])
    write_table(measured, run / "metrics.csv")  # of the moment when the weights are written and the metrics not yet
    assert netsim("report", run, "--limit", 20).code == 0
    assert "3, chosen by the validation stimuli" in (page := (run / "report.html").read_text(encoding="utf-8"))
    assert "not written yet" in page


def test_weights_of_a_run_that_says_no_epoch_are_read(run: Path) -> None:
    """As runs of earlier versions."""
    epoch, network = load_model("run").epoch, load_model("run").network
    assert epoch in (1, 2)
    api.write_weights(api.open_run("run").weights(network), run / "best.npz")
    assert load_model("run").epoch is None
    api.write_weights(api.open_run("run").weights(network), run / "best.npz", -1)
    with pytest.raises(DataError, match="epoch is not the number of an epoch"):
        load_model("run")


def test_a_training_with_a_wrong_number_of_threads_leaves_no_folder(
    netsim: Netsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSIM_THREADS", "many")
    netsim("train", "digits", "--limit", 20, "--out", "run").refused("NETSIM_THREADS: must be a number of threads")
    assert os.listdir() == []


def test_a_thread_that_cannot_begin_is_want_of_memory(netsim: Netsim, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("netsim.measuring.evaluation.decide", full)
    done = netsim("evaluate", "digits", "--limit", 20)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("netsim: not enough memory; use a smaller network, --limit, --workers")
