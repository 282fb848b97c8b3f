"""The commands that present stimuli: ``evaluate``, ``compare`` and ``simulate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from netsim.cli import options
from netsim.cli.terminal import counting, fail, new_table, note, print_json, print_table
from netsim.errors import RunError
from netsim.seams import read_outs

if TYPE_CHECKING:
    from netsim.measuring.costs import Costs
    from netsim.measuring.evaluation import Evaluation
    from netsim.specification import Network

_ROWS_SHOWN = 20


def evaluate(
    model: options.ModelArgument,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    limit: options.Limit = None,
    read_out: Annotated[
        list[str] | None,
        Option(metavar="NAME|all", help="Read decisions in this way, see above; repeatable; by default strict."),
    ] = None,
    costs: Annotated[bool, Option("--costs", help="Show costs too: footprint, sparsity, operations, energy.")] = False,
    seed: options.InitialSeed = 0,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Measure accuracy, decision latency and spikes. By default the first output spike decides.

    The figures of a run on all stimuli of a split are saved in its folder, as evaluation-SPLIT.json, with epoch and
    checksum of the weights. A training that changes these weights removes the file.

    Read-outs:

    {read_outs}
    """
    from netsim.measuring.evaluation import evaluate as evaluate_network
    from netsim.runs.folder import WEIGHTS_SHA256
    from netsim.runs.plugins import changed_plugins

    names = list(read_outs) if "all" in (read_out or []) else read_out or ["strict"]
    for name in names:
        read_outs.require(name, "--read-out")
    chosen, network = options.model_of(model, seed, engine=engine, dt=dt, dataset=dataset)
    options.check_split(split)
    splits = options.splits_of(chosen, network, data_dir, as_needed=limit is not None)
    whole = splits.of(split, network.training.validation)
    stimuli = options.first_of(whole, limit)
    simulator = options.build(network.training.engine, network, network.training.dt)
    options.note_initial_weights(model, chosen, seed)
    with options.distributed_over(scheduler, workers) as distribution, counting("evaluating", len(stimuli)) as advance:
        how: dict[str, Any] = {"read_outs": names, "workers": distribution, "progress": advance}
        result = evaluate_network(replace(chosen, network=network), stimuli, engine=simulator, **how)
    settings = network.training
    source: dict[str, Any] = {"subject": model, "weights": chosen.origin, "dataset": settings.dataset, "split": split}
    if chosen.run is not None:
        source |= {"epoch": chosen.epoch, WEIGHTS_SHA256: chosen.sha256}
    figures = source | {"engine": settings.engine, "dt_ms": settings.dt} | result.to_dict()
    if as_json:
        print_json(figures)
    else:
        print_evaluation(model, network, figures, result, costs)
    for line in result.advice:
        note(f"netsim: {line}; netsim check {model} shows more")
    if chosen.run is None:
        return
    if chosen.change_of(splits.dataset, network):
        note(f"not saved in {chosen.run.path}: a run saves only figures on its own data")
    elif changed_plugins(chosen.run.record().get("plugins", [])):
        note(f"not saved in {chosen.run.path}: a run saves only figures of the plug-ins that it was trained with")
    elif network == chosen.network and len(stimuli) == len(whole):
        try:
            note(f"saved in {chosen.run.write_json(f'evaluation-{split}.json', figures)}")
        except RunError as error:
            note(f"not saved: {error}")
    else:
        note(f"not saved in {chosen.run.path}: a run saves only figures on a whole split with its own settings")


def print_evaluation(model: str, network: Network, figures: dict[str, Any], result: Evaluation, costs: bool) -> None:
    """Show an evaluation as tables."""
    from netsim.measuring.metrics import latency_text

    grid = f"dt = {figures['dt_ms']} ms" if figures["dt_ms"] else "exact times"
    print(
        f"{model}: {result.presentations:,} {figures['split']} stimuli of {figures['dataset']},"
        f" engine {figures['engine']}, {grid}, {result.seconds:.1f} s"
    )
    table = new_table("figure", "value>")
    table.add_row("strict accuracy (ties are errors)", f"{result.strict_accuracy:.2%}")
    low, high = result.interval
    table.add_row("its 95 % confidence interval", f"{low:.2%} to {high:.2%}")
    table.add_row("accuracy (ties go to the lowest neuron number)", f"{result.accuracy:.2%}")
    table.add_row("ties", f"{result.tie_rate:.2%}")
    table.add_row("no output spike", f"{result.silent_rate:.2%}")
    table.add_row("mean decision latency", latency_text(result.mean_decision_latency_ms))
    table.add_row("median decision latency", latency_text(result.median_decision_latency_ms))
    table.add_row("interquartile range of decision latencies", latency_text(result.decision_latency_iqr_ms))
    table.add_row("decisions at the onset of the output window", f"{result.onset_rate:.2%}")
    print_table(table)
    if list(result.read_outs) != ["strict"]:
        table = new_table("read-out", "accuracy>", "decides")
        for name, accuracy in result.read_outs.items():
            table.add_row(name, f"{accuracy:.2%}", read_outs[name].summary)
        print_table(table)
    table = new_table("layer", "spikes per presentation>", "synaptic operations per presentation>")
    operations = result.operations_onto(network)
    for name, spikes in result.spikes_per_presentation.items():
        table.add_row(name, f"{spikes:,.1f}", f"{operations[name]:,.0f}" if name in operations else "")
    print_table(table)
    if costs:
        _print_costs(result.costs)


def _print_costs(costs: Costs) -> None:
    from netsim.measuring.costs import CAVEAT, shown

    table = new_table("costs, as NeuroBench defines them", "value>", "", fold=2)
    for figure in shown(costs):
        table.add_row(*figure)
    print_table(table)
    print(f"Energies are {CAVEAT}.")


def compare(
    model: options.ModelArgument,
    limit: Annotated[int, Option(min=1, metavar="N", help="Present the first N test stimuli.")] = 100,
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    dt: Annotated[
        float | None, Option(metavar="MS", help="Time grid in ms; by default that of the preset or run, or 1.")
    ] = None,
    seed: options.InitialSeed = 0,
    as_json: options.Json = False,
) -> None:
    """Present the same stimuli on two engines, and compare the spikes. The exit code is 1 if they disagree.

    The engines are event and brian2, or event and the engine of a plug-in that the run was trained with.

    They agree if three conditions hold. 99.99 % of neurons and presentations have the same step, silence included. No
    step differs by more than one. All stimuli and decisions are the same.

    To compare two networks, use ``netsim analyse comparison A --against B``.
    """
    from netsim.measuring.comparison import REQUIRED
    from netsim.measuring.comparison import compare as compare_engines
    from netsim.seams import engines

    chosen, network = options.model_of(model, seed, remedy="compare it there by netsim.compare", dataset=dataset)
    step = dt if dt is not None else network.training.dt or 1.0
    stimuli = options.split_of(chosen, network, "test", data_dir, limit)
    trained_with = network.training.engine
    names = ["event", "brian2" if engines.is_own(trained_with) else trained_with]
    both = " and ".join(names)
    first, second = (options.build(name, network, step) for name in names)
    options.note_initial_weights(model, chosen, seed)
    with counting("comparing", len(stimuli)) as advance:
        both_engines = first, second
        result = compare_engines(replace(chosen, network=network), stimuli, engines=both_engines, progress=advance)
    if as_json:
        print_json({"subject": model, "weights": chosen.origin, "engines": names, **result.to_dict()})
    else:
        table = new_table("layer", "same step>")
        for name, share in result.by_layer.items():
            table.add_row(name, f"{share:.4%}")
        table.add_row("all", f"{result.agreement:.4%}", end_section=True)
        print_table(table)
        print(
            f"engines {both}, {result.presentations} presentations, dt = {step} ms:"
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
    model: options.ModelArgument,
    index: options.Index = None,
    limit: Annotated[
        int | None, Option(min=1, metavar="N", help="Present the first N stimuli; write tables, no figures.")
    ] = None,
    stimuli_file: options.StimuliFile = None,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    record: Annotated[
        list[str] | None, Option(metavar="LAYER:NEURON", help="Record a neuron's potential; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, Option(metavar="DIR", help="Where files go; by default RUN/simulation, or simulation-PRESET.")
    ] = None,
    seed: options.InitialSeed = 0,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Present stimuli, and write their spikes and potentials as tables and rasters."""
    from netsim.measuring.metrics import latency_text, presentation_records
    from netsim.spikes.presenting import present

    chosen, network = options.model_of(model, seed, engine=engine, dt=dt, dataset=dataset)
    stimuli, source, where = options.stimuli_of(chosen, network, stimuli_file, split, dataset, data_dir)
    indices = options.chosen_indices(index, limit, len(stimuli), where)
    stimuli = options.ready(stimuli, indices)
    recorded = [options.recorded_neuron(text, "--record") for text in record or []]
    simulator = options.build(network.training.engine, network, network.training.dt, record=recorded)
    folder = out or (chosen.run.subfolder("simulation") if chosen.run else Path(f"simulation-{network.name}"))
    options.make_folder(folder)
    options.note_initial_weights(model, chosen, seed)
    with options.distributed_over(scheduler, workers) as distribution, counting("simulating", len(indices)) as advance:
        how: dict[str, Any] = {"engine": simulator, "workers": distribution, "progress": advance}
        spikes = present(replace(chosen, network=network), stimuli, index=indices, **how)
    rows = presentation_records(spikes)
    more: dict[str, Any] = {"dt_ms": spikes.dt, "classes": list(spikes.classes), "presentations": rows}
    result = options.record_of(model, chosen, network, source, seed, **more)
    from netsim.analysis.simulation_files import write_simulation

    drawn = [] if limit else indices
    files = [str(path) for path in write_simulation(spikes, folder, drawn, result)]
    if as_json:
        print_json(result | {"files": files})
        return
    table = new_table("stimulus>", "label>", "decision>", "decision latency>", "spikes>")
    for row in result["presentations"][:_ROWS_SHOWN]:
        latency = row["decision_latency_ms"]
        table.add_row(
            str(row["index"]),
            "" if row["label"] is None else str(row["label"]),
            "silent" if row["decision"] is None else str(row["decision"]) + (" (tied)" if row["tied"] else ""),
            "" if latency is None else latency_text(latency, 3),
            f"{row['spikes']:,}",
        )
    print_table(table)
    if len(indices) > _ROWS_SHOWN:
        print(f"and {len(indices) - _ROWS_SHOWN:,} more")
    print(*files, sep="\n")
