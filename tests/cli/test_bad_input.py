"""Bad input: one line that names thing and remedy, an exit code that is not 0, and nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Netsim = Callable[..., Any]


def test_a_misspelt_path_is_told_what_lies_beside_it(netsim: Netsim, run: Path, digits_toml: str) -> None:
    Path("runs").mkdir()
    run.rename("runs/order")
    Path("runs/order.toml").write_text(digits_toml, encoding="utf-8")
    netsim("evaluate", "runs/ordr").refused("runs/ordr: does not exist; did you mean 'order'?")
    netsim("train", "runs/zzz").refused("runs/zzz: does not exist; known are order, order.toml")
    Path("empty").mkdir()
    netsim("evaluate", "runs/ordr/").refused("did you mean 'order'?")
    netsim("evaluate", "empty/run").refused("empty/run: does not exist; empty contains no run folders or TOML files")


def test_a_training_whose_stimuli_are_refused_leaves_nothing(netsim: Netsim) -> None:
    import netsim as package

    times = np.random.default_rng(0).uniform(0, 50, (60, 4))
    encoder = package.LatencyEncoder((1, 4, 1), t_max=50.0)
    package.write_dataset(package.make_dataset((times, np.arange(60) % 3), encoder, name="mine"), "mine.npz")
    settings = package.Training(dataset="mine.npz", validation=5, epochs=1)
    layers = [package.Layer("output", package.Dense(3))]
    for t_max in (0.05, 50.0):
        encoder = package.LatencyEncoder((1, 4, 1), t_max=t_max)
        package.write_network(package.Network.chain("mine", encoder, layers, 100.0, training=settings), "mine.toml")
        done = netsim("train", "mine.toml", "--out", "mine")
        if t_max < 50:
            done.refused("mine training: sample 0: latencies: go up to", "lengthen encoder.t_max")
            assert not Path("mine").exists()
    assert done.code == 0


def test_a_truncated_data_set_is_not_found(netsim: Netsim) -> None:
    import netsim as package

    package.write_dataset(package.load_dataset("digits"), "whole.npz")
    assert netsim("data", "whole.npz").code == 0
    Path("cut.npz").write_bytes(Path("whole.npz").read_bytes()[:5000])
    done = netsim("data", "cut.npz")
    assert done.code == 1
    assert "cut.npz: is not found" in done.err
    assert "is not a readable .npz of plain arrays" in done.err


def test_a_run_of_another_version_says_so(netsim: Netsim, run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"netsim": "99.0"}))
    file = run / "network.toml"
    file.write_text(file.read_text().replace("[learning]", "[learning]\nfuture = 3"))
    netsim("evaluate", "run").refused("learning.future", "made by netsim 99.0, this is")


def test_a_run_begun_in_python_is_resumed_there(netsim: Netsim, run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"command": ["study.py"]}))
    netsim("train", "digits", "--out", "run", "--resume").refused(
        "other options", "netsim.open_training(..., resume=True)"
    )


def test_a_run_that_was_moved_is_resumed_where_it_is(netsim: Netsim, run: Path) -> None:
    run.rename("moved")
    done = netsim("train", "digits", "--out", "moved", "--resume")
    done.refused("other options", "--limit=300", "--out moved --resume")
    assert "--out run" not in done.err


def test_a_pooling_neuron_has_no_potential(netsim: Netsim, digits_toml: str, tmp_path: Path) -> None:
    pool = '[[layers]]\nname = "pool"\nrule = "pooling"\n\n[[layers]]'
    Path("pooled.toml").write_text(digits_toml.replace("[[layers]]", pool, 1), encoding="utf-8")
    done = netsim("simulate", "pooled.toml", "--record", "pool:0")
    assert done.code == 1
    assert "has relays, as pooling does" in done.err.splitlines()[-1]


def test_a_wrong_specification_is_named_with_its_file(netsim: Netsim, digits_toml: str) -> None:
    Path("own.toml").write_text(digits_toml.replace("rate =", "rte =", 1), encoding="utf-8")
    netsim("train", "own.toml").refused("own.toml", "learning.rte", "did you mean 'learning.rate'")
    Path("own.toml").write_text(digits_toml.replace("dt = 1.0", "dt = 17.0", 1), encoding="utf-8")
    netsim("train", "own.toml").refused("own.toml", "training.dt", "encoding window")
    assert os.listdir() == ["own.toml"]


def test_a_folder_or_bytes_in_place_of_a_specification(netsim: Netsim) -> None:
    Path("folder.toml").mkdir()
    netsim("train", "folder.toml").refused("folder.toml", "is not a run folder")
    Path("bytes.toml").write_bytes(b"\xff\xfe\x00")
    netsim("train", "bytes.toml").refused("bytes.toml", "is not TOML")


def test_counts_that_differ_and_too_few_images(netsim: Netsim, idx_folder: Callable[..., Path]) -> None:
    damaged = idx_folder("damaged") / "train-images-idx3-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-5])
    netsim("train", "digits", "--dataset", "damaged").refused("train-images-idx3-ubyte", "download it again")
    idx_folder("counts", labels=299)
    netsim("train", "digits", "--dataset", "counts").refused("300 train images", "299 train labels")
    idx_folder("few", train=100)
    netsim("train", "digits", "--dataset", "few").refused("validation", "180 of 100", "at most 99")


def test_data_of_another_shape(netsim: Netsim, idx_folder: Callable[..., Path], digits_toml: str) -> None:
    idx_folder("images")
    Path("own.toml").write_text(
        digits_toml.replace("8,\n    8,", "9,\n    8,").replace("[8, 8, 1]", "[9, 8, 1]"), encoding="utf-8"
    )
    netsim("train", "own.toml", "--dataset", "images").refused("images", "(8, 8, 1)", "(9, 8, 1)", "encoder.shape")


def _arrays(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "best.npz") as archive:
        return dict(archive)


def _nan(run: Path) -> None:
    arrays = _arrays(run)
    arrays["hidden.kernel"][0, 0] = np.nan
    np.savez(run / "best.npz", allow_pickle=True, **arrays)


def _reshape(run: Path) -> None:
    arrays = _arrays(run)
    np.savez(run / "best.npz", allow_pickle=True, **(arrays | {"hidden.kernel": arrays["hidden.kernel"][:-1]}))


def _rename(run: Path) -> None:
    arrays = _arrays(run)
    arrays["hiden.kernel"] = arrays.pop("hidden.kernel")
    np.savez(run / "best.npz", allow_pickle=True, **arrays)


def _folder(run: Path) -> None:
    (run / "best.npz").unlink()
    (run / "best.npz").mkdir()


def _half(name: str) -> Callable[[Path], None]:
    def cut(run: Path) -> None:
        whole = (run / name).read_bytes()
        (run / name).write_bytes(whole[: len(whole) // 2])

    return cut


def _write(name: str, text: str) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        (run / name).write_text(text)

    return write


def _unlink(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


DAMAGES: list[tuple[Callable[[Path], None], list[str]]] = [
    (_nan, ["best.npz", "hidden.kernel", "contains NaN"]),
    (_reshape, ["best.npz", "hidden.kernel", "(63, 200)", "(64, 200)"]),
    (_rename, ["best.npz", "hiden.kernel", "hidden.kernel"]),
    (_folder, ["best.npz", "cannot be read"]),
    (_half("best.npz"), ["best.npz", "plain arrays"]),
    (_unlink("best.npz"), ["best.npz", "--resume"]),
    (_write("run.json", "{"), ["run.json", "not JSON"]),
    (_write("run.json", "[1]"), ["run.json", "seed is"]),
    (_unlink("run.json"), ["run.json", "cannot be read"]),
    (_write("network.toml", "a = ["), ["network.toml", "is not TOML"]),
    (_write("network.toml", ""), ["network.toml", "layers"]),
    (_unlink("network.toml"), ["not a run folder", "network.toml"]),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_damaged_runs(damage: Callable[[Path], None], words: list[str], netsim: Netsim, run: Path) -> None:
    damage(run)
    before = sorted(os.listdir(run))
    netsim("evaluate", run).refused(*words)
    assert sorted(os.listdir(run)) == before


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(netsim: Netsim, run: Path) -> None:
    best, command = (run / "best.npz").read_bytes(), ("train", "digits", "--epochs", 2, "--limit", 300, "--out", run)
    _half("checkpoint.npz")(run)
    done = netsim(*command, "--resume")
    assert done.code == 0
    named, *epochs = done.err.splitlines()
    assert named.startswith("netsim: ")
    assert named.endswith("going on from the one before: epoch 2, batch 1")
    for word in ("checkpoint.npz", "plain arrays"):
        assert word in named
    assert [line.split(":")[0] for line in epochs] == ["epoch 2"]
    assert (run / "best.npz").read_bytes() == best
    for name in ("checkpoint.npz", "checkpoint-previous.npz"):
        _write(name, "")(run)
    before = {path: path.read_bytes() for path in run.iterdir()}
    netsim(*command, "--resume").refused("checkpoint.npz", "plain arrays", "start again")
    assert {path: path.read_bytes() for path in run.iterdir()} == before


def test_what_checkpoints_hold_comes_back(netsim: Netsim, run: Path) -> None:
    names = ("best.npz", "metrics.csv")
    before = {name: (run / name).read_bytes() for name in names}
    for name in names:
        (run / name).unlink()
    assert netsim("train", "digits", "--epochs", 2, "--limit", 300, "--out", run, "--resume").code == 0
    assert {name: (run / name).read_bytes() for name in names} == before


def test_a_full_output(netsim: Netsim, run: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "netsim", "models"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode != 0
    assert done.stderr.splitlines() == ["netsim: output: No space left on device"]


def test_a_closed_pipe_is_no_error_to_report() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "netsim", "models", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdout is not None
    program.stdout.close()
    _, errors = program.communicate()
    assert program.returncode != 0
    assert errors == b""
