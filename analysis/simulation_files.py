"""The files of a simulation: spike and potential tables, a raster and a figure of potentials a presentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from netsim.analysis.figures.potentials import potential_figure
from netsim.analysis.figures.raster import raster
from netsim.analysis.style import save_figure
from netsim.analysis.tables import potential_table, spike_table, write_table
from netsim.measuring.simulation import Simulation


def write_simulation(simulation: Simulation, folder: Path, drawn: Sequence[int]) -> list[Path]:
    """Write ``spikes.csv``, ``raster-<index>.png`` and, if potentials were recorded, theirs.

    Parameters
    ----------
    simulation : Simulation
    folder : Path
        Must exist.
    drawn : sequence of int
        Which of the stimuli get figures.

    Returns
    -------
    list of Path
        What was written.
    """
    files = [folder / "spikes.csv"]
    spikes = spike_table(simulation.network, simulation.latencies, simulation.labels, simulation.indices)
    write_table(spikes, files[0])
    potentials = None
    if simulation.potentials:
        potentials = potential_table(simulation.potentials, simulation.indices)
        files.append(folder / "potentials.csv")
        write_table(potentials, files[-1])
    for index in drawn:
        files.append(folder / f"raster-{index}.png")
        _save(raster(spikes, simulation.network, index, simulation.classes), files[-1])
        if potentials is not None:
            files.append(folder / f"potentials-{index}.png")
            _save(potential_figure(potentials, simulation.network, spikes, index), files[-1])
    return files


def _save(axes: Axes, path: Path) -> None:
    save_figure(axes, path)
    figure = axes.get_figure(root=True)
    if figure is not None:
        plt.close(figure)
