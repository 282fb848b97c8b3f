"""Train the rows of the results table from nothing, test each once, and print the table.

    python scripts/reproduce.py                      # all rows, seed 0
    python scripts/reproduce.py rcsnn-mnist --seed 0 --seed 1 --seed 2
    python scripts/reproduce.py --ship               # for maintainers: also RESULTS.md and the package's weights

What is tested is what is shipped: the weights of the best validation epoch, rounded to half precision or,
in a binary network, reduced to signs and scales. An interrupted row goes on where it stopped.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from netsim.analysis import metrics_table
from netsim.analysis.tables import records
from netsim.engines import make_engine
from netsim.errors import NetsimError, RunError
from netsim.evaluation import evaluate
from netsim.files import write_atomically, write_text
from netsim.models.presets import load_preset
from netsim.packing import read_packed, write_packed
from netsim.runs import RunFolder, is_run, open_run
from netsim.stimuli import load_splits
from netsim.summary import architecture
from netsim.training_runs import training_figures

REPOSITORY = Path(__file__).resolve().parents[1]
TRAINED = REPOSITORY / "models" / "trained"
RECORDS = TRAINED / "records"
"""What each run that counts says of itself; RESULTS.md is made of these."""
PAPER = {
    "rcsnn-mnist": "99.2",
    "bcsnn-mnist": "≈ 98.6",
    "rcsnn-fashion": "92.8",
    "bcsnn-fashion": "≈ 92.0",
    "rcsnn-mnist-free": "99.2",
    "rcsnn-fashion-free": "92.8",
    "mlp-mnist": "(S4NN 97.4)",
    "mlp-fashion": "(S4NN 88.0)",
}


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Presets to train; by default all rows.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeatable.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are kept.")] = REPOSITORY / "runs" / "reproduce",
    data_dir: Annotated[str | None, typer.Option(help="Where the data sets lie.")] = None,
    ship: Annotated[
        bool, typer.Option("--ship", help="Write RESULTS.md, and the weights of seed 0 into the package.")
    ] = False,
) -> None:
    """Train, test and tabulate."""
    unknown = sorted(set(rows or []) - set(PAPER))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; rows are {', '.join(PAPER)}")
    for row in rows or PAPER:
        for number in seed or [0]:
            run_row(row, number, runs, data_dir)
    if ship:
        for path in sorted(runs.glob("*/result.json")):
            result = json.loads(path.read_text())
            if result["record"]["seed"] == 0:
                write_atomically(TRAINED / f"{result['preset']}.npz", partial(_copy, path.parent / "packed.npz"))
            write_text(RECORDS / f"{path.parent.name}.json", path.read_text())
        write_text(REPOSITORY / "RESULTS.md", results_page(_read(RECORDS.glob("*.json"))))
    print(results_table(_read(runs.glob("*/result.json"))))


def run_row(preset: str, seed: int, runs: Path, data_dir: str | None) -> None:
    """Train one row with one seed, and test once what would be shipped of it."""
    folder = runs / f"{preset}-seed{seed}"
    network = load_preset(preset)
    if is_run(folder) and open_run(folder).network() != network:
        raise RunError(f"{folder}: was made with other settings of {preset}; move it away")
    if (folder / "result.json").exists():
        return
    options = ["--data-dir", data_dir] if data_dir else []
    resume = ["--resume"] if is_run(folder) else []
    command = [sys.executable, "-m", "netsim", "train", preset, "--seed", str(seed), "--out", str(folder)]
    subprocess.run([*command, *options, *resume], check=True)
    run = open_run(folder)
    packed = folder / "packed.npz"
    write_packed(network, run.weights(network), packed)
    test = load_splits(network, None, data_dir).test
    measured = evaluate(make_engine("event", network), read_packed(network, packed), test)
    run.write_json("result.json", {"preset": preset, **_trained(run), "test": measured.to_dict()})


def _read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(paths)]


def _copy(source: Path, stream: BinaryIO) -> None:
    stream.write(source.read_bytes())


def _trained(run: RunFolder) -> dict[str, Any]:
    """What the run's own files say of its training."""
    figures = training_figures(records(metrics_table(run.metrics)))
    record = run.record()
    return {
        "record": {key: record[key] for key in ("seed", "git_revision", "machine", "versions")},
        **{key: figures[key] for key in ("epochs", "best_epoch", "validation_strict_accuracy")},
        "minutes": figures["seconds"] / 60,
    }


def _rows(results: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(name, found) for name in PAPER if (found := [r for r in results if r["preset"] == name])]


def results_table(results: list[dict[str, Any]]) -> str:
    """Test accuracies beside the paper's, a line a row."""
    lines = [
        "| preset | network | paper (%) | test, strict (%) | seeds | validation (%) | decision (ms) | ties (%)"
        " | silent (%) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in _rows(results):
        strict = [100 * result["test"]["strict_accuracy"] for result in found]
        mean = f"{statistics.mean(strict):.2f}"
        if len(strict) > 1:
            mean += f" ± {statistics.stdev(strict):.2f}"
        validation = statistics.mean(100 * result["validation_strict_accuracy"] for result in found)
        latency = statistics.mean(result["test"]["mean_decision_latency_ms"] for result in found)
        ties = statistics.mean(100 * result["test"]["tie_rate"] for result in found)
        silent = statistics.mean(100 * result["test"]["silent_rate"] for result in found)
        seeds = ", ".join(str(result["record"]["seed"]) for result in found)
        lines.append(
            f"| {name} | {architecture(load_preset(name))} | {PAPER[name]} | **{mean}** | {seeds} | {validation:.2f}"
            f" | {latency:.0f} of {load_preset(name).duration:.0f} | {ties:.2f} | {silent:.2f} |"
        )
    return "\n".join(lines)


def _short(revision: str | None) -> str:
    """The first digits of a revision, and the ``+`` of one with changes."""
    return "none" if revision is None else revision[:10] + ("+" if revision.endswith("+") else "")


def results_page(results: list[dict[str, Any]]) -> str:
    """RESULTS.md: the table, how each row was made, and its activity."""
    made = [
        f"| {result['preset']} | {result['record']['seed']} | `python scripts/reproduce.py {result['preset']}"
        f" --seed {result['record']['seed']}` | {result['epochs']} | {result['best_epoch']} | {result['minutes']:.0f}"
        f" | {_short(result['record']['git_revision'])} |"
        for _, found in _rows(results)
        for result in found
    ]
    activity = [
        f"| {name} | "
        + ", ".join(f"{layer} {spikes:,.0f}" for layer, spikes in found[0]["test"]["spikes_per_presentation"].items())
        + f" | {sum(found[0]['test']['synaptic_operations_per_presentation'].values()) / 1e6:.2f} M |"
        for name, found in _rows(results)
    ]
    machines = {
        f"{record['machine']['cores']} cores of {record['machine']['processor']},"
        f" Python {record['versions']['python']}, numpy {record['versions']['numpy']},"
        f" numba {record['versions']['numba']}"
        for record in (result["record"] for result in results)
    }
    return "\n".join(
        [
            "# Results",
            "",
            "Made by `scripts/reproduce.py` from the records of the runs. The first output spike decides; in the",
            "strict accuracy a tie is an error. The epoch is chosen on 5,000 training images set aside; the test",
            "images were presented once per run, with the weights as they are shipped (half precision, or bits), at",
            "exact times. The paper is Mirsadeghi et al. (2023), doi:10.1007/s00521-023-08567-0; S4NN is",
            "Kheradpisheh and Masquelier (2020), a fully connected network of the same family.",
            "",
            results_table(results),
            "",
            "## How each was made",
            "",
            *(f"- {machine}" for machine in sorted(machines)),
            "",
            "Minutes are wall-clock times on a machine that other jobs shared.",
            "",
            "| preset | seed | command | epochs | best epoch | minutes | revision |",
            "|---|---|---|---|---|---|---|",
            *made,
            "",
            "## Activity",
            "",
            "Spikes per presentation by layer, and synaptic operations in all: weighted synapses that carried a spike.",
            "",
            "| preset | spikes | operations |",
            "|---|---|---|",
            *activity,
            "",
        ]
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except (NetsimError, subprocess.CalledProcessError) as error:
        sys.exit(f"reproduce: {error}")
