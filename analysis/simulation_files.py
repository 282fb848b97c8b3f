"""The files of a simulation: spike and potential tables, a raster and a figure of potentials per presentation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from netsim.analysis.figures.potentials import potential_figure
from netsim.analysis.figures.raster import raster
from netsim.analysis.style import save_figure
from netsim.analysis.tables import potential_table, spike_table, write_table
from netsim.files import write_json, write_together
from netsim.measuring.simulation import Simulation


def write_simulation(
    simulation: Simulation, folder: Path, drawn: Sequence[int], record: Mapping[str, Any]
) -> list[Path]:
    """Write ``simulation.json``, ``spikes.csv``, ``raster-<index>.png`` of the `drawn` stimuli, and potentials alike.

    All of them or none.
    """
    return write_together(folder, lambda hidden: _fill(simulation, hidden, drawn, record))


def _fill(simulation: Simulation, folder: Path, drawn: Sequence[int], record: Mapping[str, Any]) -> list[Path]:
    network = simulation.network
    spikes = spike_table(network, simulation.latencies, simulation.labels, simulation.indices)
    tables = {"spikes": spikes}
    if simulation.potentials:
        tables["potentials"] = potential_table(simulation.potentials, simulation.indices)
    files = [folder / "simulation.json"]
    write_json(files[0], record)
    for name, table in tables.items():
        files.append(folder / f"{name}.csv")
        write_table(table, files[-1])
    for index in drawn:
        figures = {"raster": raster(spikes, network, index, simulation.classes)}
        if "potentials" in tables:
            figures["potentials"] = potential_figure(tables["potentials"], network, spikes, index)
        for name, axes in figures.items():
            files.append(folder / f"{name}-{index}.png")
            save_figure(axes, files[-1])
            plt.close(axes.get_figure(root=True))
    return files
