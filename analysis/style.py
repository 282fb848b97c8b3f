"""The look of all figures, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsim.errors import DataError
from netsim.files import write_atomically

PALETTE = "colorblind"
INK = "0.15"
FAINT = "0.45"
FORMATS = ("png", "svg", "pdf")


@contextmanager
def theme() -> Iterator[None]:
    """Matplotlib and seaborn settings of the figures, for the length of a ``with`` block."""
    settings: dict[str, Any] = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper"),
        "axes.titlelocation": "left",
        "axes.titlesize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 120,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "savefig.bbox": "tight",
        "svg.fonttype": "none",
        "svg.hashsalt": "netsim",
    }
    with plt.style.context(settings):
        yield


def colours(count: int) -> list[tuple[float, float, float]]:
    """Colours that people who are colour-blind can tell apart."""
    return [tuple(colour) for colour in sns.color_palette(PALETTE, count)]


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given Axes, or those of a new figure of this size (inches)."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def save_figure(figure: Figure | Axes, path: str | Path, dpi: int = 300) -> None:
    """Save a figure as PNG, SVG or PDF, by the suffix of its name; it appears whole or not at all.

    Parameters
    ----------
    figure : Figure or Axes
        Axes stand for the figure that they lie in.
    path : str or Path
    dpi : int
        Resolution of PNG, and of the dense layers of dots in SVG and PDF.

    Raises
    ------
    DataError
        If the suffix is another one.
    RunError
        If the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise DataError(f"{path}: figures are saved as {', '.join(FORMATS)}; choose one of these suffixes")
    part = figure.get_figure() if isinstance(figure, Axes) else figure
    assert part is not None, "Axes were taken out of their figure"
    whole = part.figure
    # no date, so that the same figure gives the same file
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with theme():
        write_atomically(path, lambda stream: whole.savefig(stream, format=kind, dpi=dpi, metadata=metadata))
