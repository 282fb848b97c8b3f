"""The command ``simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsim.cli import options
from netsim.cli.terminal import counting, new_table, print_json, print_table, say
from netsim.errors import SpecificationError

if TYPE_CHECKING:
    from netsim.measuring.simulation import Simulation
    from netsim.runs.model import Model
    from netsim.specification import Network

_ROWS_SHOWN = 20


def simulate(
    model: options.ModelArgument,
    index: options.Index = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="Present the first N stimuli; writes tables and no figures."),
    ] = None,
    stimuli_file: Annotated[
        Path | None,
        typer.Option("--stimuli", metavar="FILE", help="Present the spikes of a file, as netsim export writes them."),
    ] = None,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    record: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="LAYER:NEURON", help="Record a neuron's potential; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where files go; by default RUN/simulation, or simulation-PRESET."),
    ] = None,
    seed: options.InitialSeed = 0,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Present single stimuli: spikes as a table, potentials, and a raster of each."""
    from netsim.exchange import read_stimuli
    from netsim.measuring.simulation import simulate as simulate_network

    chosen, network = options.model_of(model, seed, engine=engine, dt=dt, dataset=dataset)
    if stimuli_file is None:
        source, where = {"dataset": network.training.dataset, "split": split}, f"the {split} split"
        stimuli = options.split_of(chosen, network, split, data_dir)
    elif dataset or data_dir:
        raise SpecificationError("--stimuli", "stands in place of a data set; leave out --dataset and --data-dir")
    else:
        source, where = {"stimuli": str(stimuli_file)}, str(stimuli_file)
        stimuli = read_stimuli(stimuli_file, network.encoder.shape).stimuli(network.encoder)
    indices = options.chosen_indices(index, limit, len(stimuli), where)
    recorded = [options.recorded_neuron(text, "--record") for text in record or []]
    simulator = options.build(network.training.engine, network, network.training.dt, record=recorded)
    folder = out or (chosen.run.path / "simulation" if chosen.run else Path(f"simulation-{network.name}"))
    options.make_folder(folder)
    options.note_initial_weights(model, chosen, seed)
    with options.distributed_over(scheduler, workers) as distribution, counting("simulating", len(indices)) as advance:
        simulation = simulate_network(simulator, chosen.weights, stimuli, indices, advance, distribution)
    result = simulation_record(model, chosen, network, source, seed, simulation)
    files = _write_files(simulation, folder, result, drawn=[] if limit else indices)
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
            "" if latency is None else f"{latency:.3f} ms",
            f"{row['spikes']:,}",
        )
    print_table(table)
    if len(indices) > _ROWS_SHOWN:
        say(f"and {len(indices) - _ROWS_SHOWN:,} more")
    for file in files:
        say(file)


def simulation_record(
    model: str, chosen: Model, network: Network, source: dict[str, str], seed: int, simulation: Simulation
) -> dict[str, Any]:
    """What was simulated, to the letter; `source` says where the stimuli came from."""
    from netsim.runs.folder import describe_run
    from netsim.specification.toml import network_to_dict

    return describe_run(
        seed,
        subject=model,
        weights=chosen.origin,
        **source,
        engine=network.training.engine,
        dt_ms=simulation.dt,
        presentations=simulation.to_dict(),
        network=network_to_dict(network),
    )


def _write_files(simulation: Simulation, folder: Path, record: dict[str, Any], drawn: list[int]) -> list[str]:
    """Write the record, tables and figures of a simulation; returns the names of the files."""
    import matplotlib

    from netsim.files import write_json

    matplotlib.use("agg")
    from netsim.analysis.simulation_files import write_simulation

    write_json(folder / "simulation.json", record)
    return [str(folder / "simulation.json"), *map(str, write_simulation(simulation, folder, drawn))]
