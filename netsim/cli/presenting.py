"""The commands that present stimuli: ``evaluate``, ``compare`` and ``simulate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netsim.analysis.simulation_files import write_simulation
from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import counting, fail, new_table, note, print_json, print_table
from netsim.errors import RunError
from netsim.files import make_folder
from netsim.measuring.comparison import REQUIRED
from netsim.measuring.comparison import compare as compare_engines
from netsim.measuring.costs import CAVEAT, shown
from netsim.measuring.evaluation import Evaluation
from netsim.measuring.evaluation import evaluate as evaluate_model
from netsim.measuring.metrics import latency_text, presentation_records
from netsim.presenting.present import present
from netsim.runs.folder import WEIGHTS_SHA256
from netsim.runs.plugins import changed_plugins
from netsim.seams import read_outs
from netsim.specification import Network

_ROWS_SHOWN = 20


def evaluate(given: Given, model: str, costs: bool = False, as_json: bool = False) -> None:
    """The figures of a run on all stimuli of a split are saved in its folder, as evaluation-SPLIT.json, with epoch and
    checksum of the weights. A training that changes these weights removes the file.

    Parameters
    ----------
    costs : bool
        Show costs too: footprint, sparsity, operations, energy.
    """
    names = given.get("read_outs", ["strict"])
    names = list(read_outs) if "all" in names else names
    for name in names:
        read_outs.require(name, "--read-out")
    opened, limit, split = options.open_model(given, model), given.get("limit"), given.get("split", "test")
    splits = options.splits_of(opened, few=limit is not None)
    whole = splits.of(split, opened.network.training.validation)
    stimuli = options.first_of(whole, limit)
    engine = options.build(opened)
    options.note_initial_weights(given, model, opened)
    with given.call(options.distributed_over) as workers, counting("evaluating", len(stimuli)) as advance:
        how: dict[str, Any] = {"engine": engine, "read_outs": names, "workers": workers, "progress": advance}
        result = evaluate_model(opened, stimuli, **how)
    settings = opened.network.training
    figures: dict[str, Any] = {"subject": model, "weights": opened.origin, "dataset": settings.dataset, "split": split}
    if opened.run is not None:
        figures |= {"epoch": opened.epoch, WEIGHTS_SHA256: opened.sha256}
    figures |= {"engine": settings.engine, "dt_ms": settings.dt} | result.to_dict()
    if as_json:
        print_json(figures)
    else:
        print_evaluation(model, opened.network, figures, result, costs)
    for line in result.advice:
        note(f"netsim: {line}; netsim check {model} shows more")
    if opened.run is None:
        return
    if opened.change_of(splits.dataset):
        note(f"not saved in {opened.run.path}: a run saves only figures on its own data")
    elif changed_plugins(opened.run.record().get("plugins", [])):
        note(f"not saved in {opened.run.path}: a run saves only figures of the plug-ins that it was trained with")
    elif opened.network == opened.run.network() and len(stimuli) == len(whole):
        try:
            note(f"saved in {opened.run.write_json(f'evaluation-{split}.json', figures)}")
        except RunError as error:
            note(f"not saved: {error}")
    else:
        note(f"not saved in {opened.run.path}: a run saves only figures on a whole split with its own settings")


def print_evaluation(model: str, network: Network, figures: dict[str, Any], result: Evaluation, costs: bool) -> None:
    """Show an evaluation as tables."""
    grid = f"dt = {figures['dt_ms']} ms" if figures["dt_ms"] else "exact times"
    print(
        f"{model}: {result.presentations:,} {figures['split']} stimuli of {figures['dataset']},"
        f" engine {figures['engine']}, {grid}, {result.seconds:.1f} s"
    )
    low, high = result.interval
    rows = {
        "strict accuracy (ties are errors)": f"{result.strict_accuracy:.2%}",
        "its 95 % confidence interval": f"{low:.2%} to {high:.2%}",
        "accuracy (ties go to the lowest neuron number)": f"{result.accuracy:.2%}",
        "ties": f"{result.tie_rate:.2%}",
        "no output spike": f"{result.silent_rate:.2%}",
        "mean decision latency": latency_text(result.mean_decision_latency_ms),
        "median decision latency": latency_text(result.median_decision_latency_ms),
        "interquartile range of decision latencies": latency_text(result.decision_latency_iqr_ms),
        "decisions at the onset of the output window": f"{result.onset_rate:.2%}",
    }
    print_table(new_table("figure", "value>"), rows.items())
    if list(result.read_outs) != ["strict"]:
        accuracies = [(name, f"{value:.2%}", read_outs[name].summary) for name, value in result.read_outs.items()]
        print_table(new_table("read-out", "accuracy>", "decides"), accuracies)
    operations = {name: f"{count:,.0f}" for name, count in result.operations_onto(network).items()}
    print_table(
        new_table("layer", "spikes per presentation>", "synaptic operations per presentation>"),
        [(name, f"{count:,.1f}", operations.get(name, "")) for name, count in result.spikes_per_presentation.items()],
    )
    if costs:
        print_table(new_table("costs, as NeuroBench defines them", "value>", "", fold=2), shown(result.costs))
        print(f"Energies are {CAVEAT}.")


def compare(given: Given, model: str, limit: int = 100, as_json: bool = False) -> None:
    """The exit code is 1 if the engines disagree. To compare two networks, use netsim analyse comparison A --against B.

    Parameters
    ----------
    limit : int
        Present the first N test stimuli.
    """
    opened = options.open_model(given, model, "compare it there by netsim.compare")
    stimuli = options.split_of(opened, limit=limit)
    options.note_initial_weights(given, model, opened)
    with counting("comparing", len(stimuli)) as advance:
        result = given.call(compare_engines, model=opened, stimuli=stimuli, progress=advance)
    if as_json:
        print_json({"subject": model, "weights": opened.origin, **result.to_dict()})
    both, table = " and ".join(result.engines), new_table("layer", "same step>")
    if not as_json:
        print_table(
            table,
            [*((name, f"{share:.4%}") for name, share in result.by_layer.items()), ("all", f"{result.agreement:.4%}")],
        )
        print(
            f"engines {both}, {result.presentations} presentations, dt = {result.dt} ms:"
            f" same decision in {result.same_decisions:.2%},"
            f" largest difference {result.largest_difference_steps:g} steps"
        )
    if not result.agrees:
        fail(
            f"the engines {both} disagree: {result.agreement:.4%} of neurons and presentations have the same"
            f" step ({REQUIRED:.2%} is required), the largest difference is {result.largest_difference_steps:g} steps"
            f" (1 is allowed), {result.same_decisions:.2%} of decisions and {result.by_layer['stimulus']:.2%} of the"
            " stimulus are the same"
        )


def simulate(
    given: Given, model: str, record: Sequence[str] = (), out: Path | None = None, as_json: bool = False
) -> None:
    """Spikes and potentials are written as tables, and stimuli that --index chooses also as rasters.

    Parameters
    ----------
    record : LAYER:NEURON
        Record a neuron's potential; repeatable.
    out : DIR
        Where files go; by default RUN/simulation, or simulation-PRESET.
    """
    opened = options.open_model(given, model)
    stimuli, source, indices = given.call(options.chosen_stimuli, given=given, model=opened)
    engine = options.build(opened, [options.recorded_neuron(text, "--record") for text in record])
    folder = out or (opened.run.subfolder("simulation") if opened.run else Path(f"simulation-{opened.network.name}"))
    make_folder(folder)
    options.note_initial_weights(given, model, opened)
    with given.call(options.distributed_over) as workers, counting("simulating", len(indices)) as advance:
        spikes = present(opened, stimuli, index=indices, engine=engine, workers=workers, progress=advance)
    more: dict[str, Any] = {
        "dt_ms": spikes.dt,
        "classes": list(spikes.classes),
        "presentations": presentation_records(spikes),
    }
    result = options.record_of(given, model, opened, source, **more)
    files = [str(path) for path in write_simulation(spikes, folder, [] if "limit" in given else indices, result)]
    if as_json:
        print_json(result | {"files": files})
        return
    rows = [
        (
            str(row["index"]),
            "" if row["label"] is None else str(row["label"]),
            "silent" if row["decision"] is None else str(row["decision"]) + (" (tied)" if row["tied"] else ""),
            "" if row["decision_latency_ms"] is None else latency_text(row["decision_latency_ms"], 3),
            f"{row['spikes']:,}",
        )
        for row in result["presentations"][:_ROWS_SHOWN]
    ]
    print_table(new_table("stimulus>", "label>", "decision>", "decision latency>", "spikes>"), rows)
    if len(indices) > _ROWS_SHOWN:
        print(f"and {len(indices) - _ROWS_SHOWN:,} more")
    print(*files, sep="\n")
