"""Write the files of a simulation: tables and figures of spikes and potentials."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from netsim.analysis.figures.potentials import potential_figure
from netsim.analysis.figures.raster import raster
from netsim.analysis.style import save_figure
from netsim.files import write_json, write_together
from netsim.spikes import Spikes
from netsim.spikes.files import write_table
from netsim.spikes.table import potential_table


def write_simulation(spikes: Spikes, folder: Path, drawn: Sequence[int], record: Mapping[str, Any]) -> list[Path]:
    """Write all files of a simulation, or none if an error occurs.

    The files are ``simulation.json``, ``spikes.csv`` and ``raster-<index>.png`` for each index in `drawn`, and
    ``potentials.csv`` and ``potentials-<index>.png`` if potentials were recorded.
    """
    return write_together(folder, lambda hidden: _fill(spikes, hidden, drawn, record))


def _fill(spikes: Spikes, folder: Path, drawn: Sequence[int], record: Mapping[str, Any]) -> list[Path]:
    network, table = spikes.network, spikes.table()
    tables = {"spikes": table}
    if spikes.potentials:
        tables["potentials"] = potential_table(spikes.potentials, spikes.indices)
    files = [folder / "simulation.json"]
    write_json(files[0], record)
    for name, each in tables.items():
        files.append(folder / f"{name}.csv")
        write_table(each, files[-1])
    for index in drawn:
        figures = {"raster": raster(table, network, index, spikes.classes)}
        if "potentials" in tables:
            figures["potentials"] = potential_figure(tables["potentials"], network, table, index)
        for name, axes in figures.items():
            files.append(folder / f"{name}-{index}.png")
            save_figure(axes, files[-1])
            plt.close(axes.get_figure(root=True))
    return files
