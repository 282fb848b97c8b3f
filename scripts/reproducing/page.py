"""RESULTS.md: tables made of the records of the runs."""

from __future__ import annotations

import statistics
from typing import Any

from netsim.measuring.costs import CAVEAT
from netsim.models.presets import load_preset
from netsim.seams import read_outs
from netsim.specification.summary import architecture
from reproducing.ablations import ABLATIONS, EPOCHS, IMAGES, SEED
from reproducing.rows import PAPER

_VALIDATION = "validation_strict_accuracy"


def _rows(results: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(name, found) for name in PAPER if (found := [r for r in results if r["preset"] == name])]


def results_table(results: list[dict[str, Any]]) -> str:
    """Test accuracies beside the paper's, one line per row."""
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
        validated = [100 * result[_VALIDATION] for result in found if _VALIDATION in result]
        validation = f"{statistics.mean(validated):.2f}" if len(validated) == len(found) else "–"
        latency = statistics.mean(result["test"]["mean_decision_latency_ms"] for result in found)
        ties = statistics.mean(100 * result["test"]["tie_rate"] for result in found)
        silent = statistics.mean(100 * result["test"]["silent_rate"] for result in found)
        seeds = ", ".join(str(result["record"]["seed"]) for result in found)
        lines.append(
            f"| {name} | {architecture(load_preset(name))} | {PAPER[name]} | **{mean}** | {seeds} | {validation}"
            f" | {latency:.0f} of {load_preset(name).duration:.0f} | {ties:.2f} | {silent:.2f} |"
        )
    return "\n".join(lines)


def _short(revision: str | None) -> str:
    """The first digits of a revision, and the ``+`` of one with changes."""
    return "none" if revision is None else revision[:10] + ("+" if revision.endswith("+") else "")


def _learned_from_all(names: list[str]) -> list[str]:
    return [
        f"{', '.join(names)} learned from all training images. The number of epochs and all other settings were",
        "chosen with some images set aside. The weights of the last epoch of the final training were tested.",
        "",
    ]


def results_page(
    results: list[dict[str, Any]], ablations: list[dict[str, Any]], evaluations: dict[str, dict[str, Any]]
) -> str:
    """RESULTS.md: the table, how each row was made, its decisions and activity, and the ablations."""
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
        for record in (result["record"] for result in (*results, *ablations))
    }
    all_learned = [name for name, found in _rows(results) if not any(_VALIDATION in result for result in found)]
    return "\n".join(
        [
            "# Results",
            "",
            "`scripts/reproduce.py` makes this page from the records of the runs.",
            "",
            "- The first output spike decides. In the strict accuracy a tie is an error.",
            "- The epoch is chosen on 5,000 training images that were set aside, unless noted below. yin-yang uses",
            "  1,000 validation points, and rcsnn-nmnist 2,000 recordings.",
            "- The test set was presented once per run, at exact times, with the shipped weights (half precision, or",
            "  bits). There is one exception: rcsnn-fashion-free was tested before (93.72 %) and after its biases were",
            "  stored in single precision.",
            "- `scripts/make_nmnist.py DIR --training 60000` simulates the recordings of rcsnn-nmnist. Add",
            "  `--data-dir DIR` to its command.",
            "- The paper is Mirsadeghi et al. (2023), doi:10.1007/s00521-023-08567-0. S4NN is Kheradpisheh and",
            "  Masquelier (2020), a fully connected network of the same family.",
            "",
            results_table(results),
            "",
            *(_learned_from_all(all_learned) if all_learned else []),
            "## How each was made",
            "",
            *(f"- {machine}" for machine in sorted(machines)),
            "",
            "Minutes are wall-clock times on a machine that other jobs shared.",
            "",
            "| preset | seed | command | epochs | epoch kept | minutes | revision |",
            "|---|---|---|---|---|---|---|",
            *made,
            "",
            "## Decisions",
            "",
            "The table shows the shipped weights (seed 0) on the test set at exact times:",
            "`netsim evaluate PRESET --read-out all`. Half of the decisions come within the interquartile range (IQR).",
            "*At the onset* counts decisions of outputs above threshold when their window opens: their time reflects",
            "the schedule. In rows with `free` in their names, and in `yin-yang`, the window is open from the start.",
            "`docs/accuracy.md` defines the read-outs and lists published results for each.",
            "",
            decisions_table(evaluations),
            "",
            "## Activity",
            "",
            "Spikes per presentation by layer, and all synaptic operations: weighted synapses that carried a spike.",
            "",
            "| preset | spikes | operations |",
            "|---|---|---|",
            *activity,
            "",
            "## Costs",
            "",
            "The definitions are NeuroBench's, with one step per presentation, for seed 0. `docs/measures.md` explains",
            f"the measures, and `netsim evaluate PRESET` prints them. Energies are {CAVEAT}.",
            "",
            costs_table(results),
            "",
            "## Ablations",
            "",
            f"Fashion-MNIST with a fixed budget: 16C5-P2-32C5-P2-200-10, {IMAGES:,} training images, {EPOCHS}"
            f" epochs, seed {SEED}.",
            "`python scripts/reproduce.py --ablations` trains them, and `scripts/reproducing/ablations.py` contains",
            "the settings. Accuracies are on the 5,000 validation images. The test images were not used. Each row is",
            "one seed, so differences of less than about one point mean little.",
            "",
            "In the regime `phased` the linear derivative is exact, so there is nothing to compare.",
            "",
            ablations_table(ablations),
            "",
        ]
    )


def decisions_table(evaluations: dict[str, dict[str, Any]]) -> str:
    """When the shipped networks decide, and how well by each read-out, a line per row that was evaluated."""
    names = list(read_outs)
    lines = [
        f"| preset | median (ms) | IQR (ms) | at the onset (%) | {' | '.join(f'{name} (%)' for name in names)} |",
        "|---|---|---|---|" + "---|" * len(names),
    ]
    for preset in PAPER:
        if preset in evaluations:
            measured = evaluations[preset]
            accuracies = " | ".join(f"{100 * measured['read_outs'][name]:.2f}" for name in names)
            lines.append(
                f"| {preset} | {measured['median_decision_latency_ms']:.1f} | {measured['decision_latency_iqr_ms']:.1f}"
                f" | {100 * measured['onset_rate']:.1f} | {accuracies} |"
            )
    return "\n".join(lines)


def costs_table(results: list[dict[str, Any]]) -> str:
    """What each network costs, a line per row whose record tells it."""
    lines = [
        "| preset | footprint (MB) | connection sparsity (%) | activation sparsity (%) | spikes a neuron"
        " | dense operations (M) | effective operations (M) | energy (nJ) | dense energy (nJ) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in _rows(results):
        for costs in (result["test"]["costs"] for result in found if "costs" in result["test"]):
            lines.append(
                f"| {name} | {costs['footprint_bytes'] / 1e6:.2f} | {100 * costs['connection_sparsity']:.4f}"
                f" | {100 * costs['activation_sparsity']:.1f} | {costs['spikes_per_neuron']:.3f}"
                f" | {costs['dense_operations'] / 1e6:.2f} | {costs['effective_operations'] / 1e6:.2f}"
                f" | {costs['energy_nj']:,.0f} | {costs['dense_energy_nj']:,.0f} |"
            )
            break
    return "\n".join(lines)


def ablations_table(ablations: list[dict[str, Any]]) -> str:
    """Validation accuracies of the ablations, a line each, in the order in which they are defined."""
    known = {record["name"]: record for record in ablations}
    lines = [
        "| setting | validation, strict (%) | training, last epoch (%) | ties (%) | decision (ms)"
        " | spikes per presentation |",
        "|---|---|---|---|---|---|",
    ]
    for name in ABLATIONS:
        if name not in known:
            continue
        record = known[name]
        measured = record["validation"]
        what = record["what"] if record["what"] != "regime" else f"**{record['regime']}**"
        lines.append(
            f"| {what} | {100 * measured['strict_accuracy']:.1f} | {100 * record['training_strict_accuracy']:.1f}"
            f" | {100 * measured['tie_rate']:.2f} | {measured['mean_decision_latency_ms']:.0f}"
            f" | {sum(measured['spikes_per_presentation'].values()):,.0f} |"
        )
    return "\n".join(lines)
