"""Figure of fitted postsynaptic potentials: the response of a neuron, and its piecewise-linear fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from netsim.analysis.style import COLUMN_WIDTH, FAINT, plain, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def psp_fits(
    names: Sequence[str],
    times: Sequence[np.ndarray],
    responses: Sequence[np.ndarray],
    fits: Sequence[np.ndarray],
    units: Sequence[str],
) -> Figure:
    """Draw responses and their fits over time, one panel per projection.

    Parameters
    ----------
    names : sequence of str
        Names of the projections.
    times, responses, fits : sequence of ndarray, shape (samples,)
        Times after the presynaptic spike (ms), and potentials per weight.
    units : sequence of str
        Units of the potentials, such as ``V per pA``; empty without units.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    with theme():
        size = (COLUMN_WIDTH, 1.7 * len(names))
        figure, panels = plt.subplots(len(names), squeeze=False, sharex=True, figsize=size, layout="constrained")
        curves = zip(panels[:, 0], names, times, responses, fits, units, strict=True)
        for axes, name, time, response, fit, unit in curves:
            axes.plot(time, response, color=FAINT, linewidth=2.5, label="response")
            axes.plot(time, fit, linewidth=1.0, label="piecewise-linear stand-in")
            axes.set(ylabel=f"potential ({unit})" if unit else "potential per weight", title=plain(name))
        panels[0, 0].legend()
        panels[-1, 0].set(xlabel="time after the presynaptic spike (ms)")
    return figure
