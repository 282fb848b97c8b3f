"""Train the rows of the results table from scratch, test each once, and print the table.

    python scripts/reproduce.py                      # all rows, seed 0
    python scripts/reproduce.py rcsnn-mnist --seed 0 --seed 1 --seed 2
    python scripts/reproduce.py rcsnn-nmnist --data-dir DIR  # after scripts/make_nmnist.py DIR --training 60000
    python scripts/reproduce.py --ship               # for maintainers: also RESULTS.md and the package's weights
    python scripts/reproduce.py --evaluate           # for maintainers: evaluate the package's weights, RESULTS.md

The script tests exactly the weights that are shipped. They come from the best validation epoch, or from the last epoch
without validation. Weights are rounded to half precision. In a binary network they are reduced to signs and scales.
Interrupted rows continue where they stopped. `scripts/ablations.py` runs ablations.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from ablations import ablations_table
from command import run
from pages import markdown, put
from run_records import RUNS, VALIDATION, Result, read_records, training_record

import netsim
from netsim.errors import RunError
from netsim.files import write_json, write_text
from netsim.runs.folder import is_run
from netsim.seams import read_outs
from netsim.specification.summary import architecture
from netsim.weights.packing import read_packed, write_packed

ROOT = Path(__file__).resolve().parents[1]
TRAINED, PAGE = ROOT / "models" / "trained", ROOT / "RESULTS.md"
PAPER = {
    "rcsnn-mnist": "99.2",
    "bcsnn-mnist": "≈ 98.6",
    "rcsnn-fashion": "92.8",
    "bcsnn-fashion": "≈ 92.0",
    "rcsnn-mnist-free": "99.2",
    "rcsnn-fashion-free": "92.8",
    "rcsnn-fashion-free-clock": "92.8",
    "bcsnn-mnist-free": "≈ 98.6",
    "bcsnn-fashion-free": "≈ 92.0",
    **dict.fromkeys(
        ("deep-fashion", "deep-fashion-binary", "deep-fashion-free", "deep-mnist", "deep-mnist-binary"), "–"
    ),
    **dict.fromkeys(("deep-cifar10", "deep-cifar10-free"), "– (JPEG copies)"),
    "mlp-mnist": "(S4NN 97.4)",
    "mlp-fashion": "(S4NN 88.0)",
    "sparse-mnist": "(S4NN 97.4)",
    "ei-mnist": "(S4NN 97.4)",
    "yin-yang": "–",
    "leaky-yin-yang": "–",
    "leaky-mnist": "(fast&deep 97.1)",
    "rcsnn-nmnist": "–",
    "spoken-digits": "–",
}
"""Rows, and accuracies of the paper (%)."""


def check_data(rows: Iterable[str], data_dir: str | None) -> None:
    """Raise DataError early if the data set of any row is missing, not after hours of training."""
    encoders = {network.training.dataset: network.encoder for network in map(netsim.load_preset, rows)}
    for name, encoder in encoders.items():
        netsim.load_dataset(name, data_dir, encoder, as_needed=True)


def run_row(preset: str, seed: int, runs: Path, options: list[str]) -> None:
    """Train one row with one seed, and test the weights to ship once."""
    folder, network = runs / f"{preset}-seed{seed}", netsim.load_preset(preset)
    if is_run(folder) and netsim.open_run(folder).network() != network:
        raise RunError(f"{folder}: was made with other settings of {preset}; move it away")
    if (folder / "result.json").exists():
        return
    resume = ["--resume"] if is_run(folder) else []
    _netsim("train", preset, "--seed", str(seed), "--out", str(folder), *options, *resume)
    run, packed = netsim.open_run(folder), folder / "packed.npz"
    write_packed(network, run.weights(network), packed)
    test = netsim.load_splits(network, None, options[1] if options else None).test
    model, engine = netsim.Model(network, read_packed(network, packed)), netsim.make_engine("event", network)
    evaluation = netsim.evaluate(model, test, engine=engine, read_outs=list(read_outs))
    run.write_json("result.json", {"preset": preset, **training_record(run), "test": evaluation.to_dict()})


def _netsim(*args: str) -> str:
    return subprocess.run([sys.executable, "-m", "netsim", *args], check=True, stdout=subprocess.PIPE, text=True).stdout


def evaluate_shipped(preset: str, options: list[str]) -> None:
    """Present the test set to the shipped weights of a row, and store the results of all read-outs."""
    figures = _netsim("evaluate", preset, "--read-out", "all", "--json", *options)
    write_text(TRAINED / "evaluations" / f"{preset}.json", figures)


def ship(runs: Path) -> None:
    """Copy the records of finished runs, and the weights of seed 0, into the package."""
    for path in sorted(runs.glob("*/result.json")):
        result, name = json.loads(path.read_text("utf-8")), path.parent.name
        if result["record"]["seed"] == 0:
            shutil.copyfile(path.parent / "packed.npz", TRAINED / f"{result['preset']}.npz")
            write_json(TRAINED / "evaluations" / f"{result['preset']}.json", result["test"])
        shutil.copyfile(path, TRAINED / "records" / f"{name}.json")
        shutil.copyfile(netsim.open_run(path.parent).metrics, TRAINED / "metrics" / f"{name}.csv")
    for path in sorted(runs.glob("ablations/*/result.json")):
        shutil.copyfile(path, TRAINED / "ablations" / f"{path.parent.name}.json")


def by_row(results: list[Result]) -> list[tuple[str, list[Result]]]:
    """Group results by row."""
    return [(name, runs) for name in PAPER if (runs := [each for each in results if each["preset"] == name])]


def results_table(results: list[Result]) -> str:
    """Return test accuracies and accuracies of the paper, one line per row, and mark rows without validation."""

    def cells(name: str, runs: list[Result]) -> list[str]:
        def mean(figure: Callable[[Result], float]) -> float:
            return statistics.mean(map(figure, runs))

        network, test = netsim.load_preset(name), [result["test"] for result in runs]
        strict = [100 * figures["strict_accuracy"] for figures in test]
        spread = f" ± {statistics.stdev(strict):.2f}" if len(strict) > 1 else ""
        has_validation = all(VALIDATION in result for result in runs)
        validated = f"{100 * mean(lambda result: result[VALIDATION]):.2f}" if has_validation else "–"
        latency = mean(lambda result: result["test"]["mean_decision_latency_ms"])
        rates = [f"{100 * statistics.mean(each[rate] for each in test):.2f}" for rate in ("tie_rate", "silent_rate")]
        seeds = ", ".join(str(result["record"]["seed"]) for result in runs)
        accuracy = f"**{statistics.mean(strict):.2f}{spread}**"
        return [
            *(name, architecture(network), PAPER[name], accuracy, seeds, validated),
            *(f"{latency:.0f} of {network.duration:.0f}", *rates),
        ]

    headings = ("preset", "network", "paper (%)", "test, strict (%)", "seeds", "validation (%)", "decision (ms)")
    table = markdown((*headings, "ties (%)", "silent (%)"), [cells(*row) for row in by_row(results)])
    all_learned = [name for name, runs in by_row(results) if not any(VALIDATION in result for result in runs)]
    if all_learned:
        table += (
            f"\n\n{', '.join(all_learned)} learned from all training images.\nSettings were chosen with some images set"
            " aside, or taken from other rows. The weights of the last epoch were tested."
        )
    return table


def made_table(results: list[Result]) -> str:
    """Return the table of commands and settings of each row."""

    def cells(preset: str, result: Result) -> list[object]:
        record, seed = result["record"], result["record"]["seed"]
        revisions = dict.fromkeys(each["git_revision"] or "none" for each in (record, *record.get("resumed", [])))
        short = ", ".join(each[:10] + "+" * each.endswith("+") for each in revisions)
        command = f"`python scripts/reproduce.py {preset} --seed {seed}`"
        return [preset, seed, command, result["epochs"], result["best_epoch"], f"{result['minutes']:.0f}", short]

    rows = [cells(name, result) for name, runs in by_row(results) for result in runs]
    return markdown(("preset", "seed", "command", "epochs", "epoch kept", "minutes", "revision"), rows)


def machines(results: list[Result]) -> str:
    """Return the machines of the rows."""
    lines = {
        f"- {record['machine']['cores']} cores of {record['machine']['processor']}, Python"
        f" {record['versions']['python']}, numpy {record['versions']['numpy']}, numba {record['versions']['numba']}"
        for record in (result["record"] for result in results)
    }
    return "\n".join(sorted(lines))


def decisions_table(evaluations: dict[str, Result]) -> str:
    """Return decision latencies of the shipped networks, and accuracies by read-out."""

    def cells(name: str, result: Result) -> list[str]:
        times = (result["median_decision_latency_ms"], result["decision_latency_iqr_ms"], 100 * result["onset_rate"])
        return [name, *(f"{x:.1f}" for x in times), *(f"{100 * result['read_outs'][each]:.2f}" for each in read_outs)]

    headings = ("preset", "median (ms)", "IQR (ms)", "at the onset (%)", *(f"{name} (%)" for name in read_outs))
    return markdown(headings, [cells(name, evaluations[name]) for name in PAPER if name in evaluations])


def activity_table(results: list[Result]) -> str:
    """Return spikes by layer, and synaptic operations."""

    def cells(name: str, test: Result) -> list[str]:
        spikes = ", ".join(f"{layer} {each:,.0f}" for layer, each in test["spikes_per_presentation"].items())
        return [name, spikes, f"{sum(test['synaptic_operations_per_presentation'].values()) / 1e6:.2f} M"]

    rows = [cells(name, runs[0]["test"]) for name, runs in by_row(results)]
    return markdown(("preset", "spikes", "operations"), rows)


def costs_table(results: list[Result]) -> str:
    """Return the costs of each network with such a record, one line per row."""

    def rows() -> Iterator[list[str]]:
        for name, runs in by_row(results):
            for costs in [result["test"]["costs"] for result in runs if "costs" in result["test"]][:1]:
                yield [
                    *(name, f"{costs['footprint_bytes'] / 1e6:.2f}", f"{100 * costs['connection_sparsity']:.4f}"),
                    *(f"{100 * costs['activation_sparsity']:.1f}", f"{costs['spikes_per_neuron']:.3f}"),
                    *(f"{costs[f'{kind}_operations'] / 1e6:.2f}" for kind in ("dense", "effective")),
                    *(f"{costs[kind]:,.0f}" for kind in ("energy_nj", "dense_energy_nj")),
                ]

    headings = (
        *("preset", "footprint (MB)", "connection sparsity (%)", "activation sparsity (%)", "spikes per neuron"),
        *("dense operations (M)", "effective operations (M)", "energy (nJ)", "dense energy (nJ)"),
    )
    return markdown(headings, rows())


def write_page(page: Path = PAGE) -> None:
    """Write all tables from the records of the runs into RESULTS.md."""
    results, ablations = read_records(TRAINED / "records"), read_records(TRAINED / "ablations")
    shipped = {path.stem: json.loads(path.read_text("utf-8")) for path in (TRAINED / "evaluations").glob("*.json")}
    sections = {
        "results": results_table(results),
        "machines": machines(results + ablations),
        "made": made_table(results),
        "decisions": decisions_table(shipped),
        "activity": activity_table(results),
        "costs": costs_table(results),
        "ablations": ablations_table(ablations),
    }
    put(page, sections)


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Presets to train; by default all rows.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeatable.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are kept.")] = RUNS,
    data_dir: Annotated[str | None, typer.Option(help="Where the data sets lie.")] = None,
    to_ship: Annotated[bool, typer.Option("--ship", help="Write RESULTS.md and the package's weights.")] = False,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="Measure the package's weights.")] = False,
) -> None:
    """Train, test and tabulate."""
    unknown = sorted(set(rows or []) - set(PAPER))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; rows are {', '.join(PAPER)}")
    if evaluate and (seed or to_ship):
        raise typer.BadParameter("--evaluate trains nothing; leave out --seed and --ship")
    options = ["--data-dir", data_dir] if data_dir else []
    if evaluate:
        for row in rows or [name for name in PAPER if (TRAINED / f"{name}.npz").exists()]:
            evaluate_shipped(row, options)
        write_page()
        return
    check_data(rows or PAPER, data_dir)
    for row in rows or PAPER:
        for number in seed or [0]:
            run_row(row, number, runs, options)
    if to_ship:
        ship(runs)
        write_page()
    print(results_table(read_records(runs, "*/result.json")))


if __name__ == "__main__":
    run(main)
