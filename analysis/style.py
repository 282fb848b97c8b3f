"""The look of all figures, and how they are saved. Matplotlib and seaborn are imported when something is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.patches import Rectangle

PALETTE = "colorblind"
INK = "0.15"
FAINT = "0.45"
FORMATS = ("png", "svg", "pdf")
COLUMN_WIDTH = 85 / 25.4
"""Width of a figure in one column of a journal (inches)."""
FULL_WIDTH = 180 / 25.4
"""Width of a figure across a page (inches)."""
WIDTHS = {"column": COLUMN_WIDTH, "full": FULL_WIDTH}
"""Widths by the names that the command line has for them (inches)."""


@contextmanager
def theme() -> Iterator[None]:
    """Matplotlib and seaborn settings of the figures, for the length of a ``with`` block.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from netsim import analysis
    >>> with analysis.theme():
    ...     figure, axes = plt.subplots()
    ...     analysis.save_figure(figure, "themed.png")
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from cycler import cycler

    settings: dict[str, Any] = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper", font_scale=0.85),  # 8 points, as journals ask for
        "legend.title_fontsize": 7.5,
        "axes.titlelocation": "left",
        "axes.titlesize": 8.5,
        "axes.prop_cycle": cycler(color=sns.color_palette(PALETTE)),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 120,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "netsim",
    }
    with plt.style.context(settings):
        yield


def colours(count: int) -> list[tuple[float, float, float]]:
    """Colours that people who are colour-blind can tell apart."""
    import seaborn as sns

    return [tuple(colour) for colour in sns.color_palette(PALETTE, count)]


@contextmanager
def drawing(ax: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """The given Axes, or those of a new figure of this size (inches), to be drawn into under the theme."""
    import matplotlib.pyplot as plt

    with theme():
        yield ax or plt.subplots(figsize=(width, height), layout="constrained")[1]


def is_narrow(axes: Axes) -> bool:
    """Whether Axes lie in a figure of about a column's width, so that a legend has to be stacked."""
    return axes.bbox.width / axes.figure.dpi < 4.0  # inches


def check_suffix(path: Path) -> str:
    """The format that a file's suffix names; refuses one that figures are not saved in."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise DataError(f"{path}: figures are saved as {', '.join(FORMATS)}; choose one of these suffixes")
    return suffix


def legend_above(axes: Axes, left: float, columns: int, **options: Any) -> None:
    """A legend that stands on the Axes, from `left` (in their widths) on."""
    axes.legend(loc="lower left", bbox_to_anchor=(left, 1.0), ncols=columns, borderpad=0.2, **options)


def colour_bar(axes: Axes, image: AxesImage, left: float, width: float, label: str, **options: Any) -> None:
    """A scale of colours to the right of the Axes, from `left` (in their widths) on."""
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((left, 0.0, width, 1.0)), label=label, **options)
    bar.outline.set_linewidth(0.5)


def note_beside(axes: Axes, y: float, text: str, x: float = 1.01) -> None:
    """A small text to the right of the Axes."""
    place = axes.get_yaxis_transform()
    axes.text(x, y, text, transform=place, fontsize=7, color=FAINT, verticalalignment="center")


def note_at(axes: Axes, text: str, point: tuple[float, float], offset: tuple[float, float], **options: Any) -> None:
    """A small text at some points of type from a point of the Axes."""
    looks: dict[str, Any] = {"fontsize": 7, "color": FAINT} | options
    axes.annotate(text, point, xytext=offset, textcoords="offset points", **looks)


def outline(left: float, top: float, width: float, height: float) -> Rectangle:
    """The thin frame of a picture."""
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), width, height, fill=False, edgecolor=FAINT, linewidth=0.4, clip_on=False)


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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from netsim import analysis
    >>> figure, axes = plt.subplots()
    >>> analysis.save_figure(figure, "figure.svg")
    """
    from matplotlib.axes import Axes

    from netsim.files import write_atomically

    path = Path(path)
    file_format = check_suffix(path)
    part = figure.get_figure() if isinstance(figure, Axes) else figure
    assert part is not None, "Axes were taken out of their figure"
    whole = part.figure
    # no date, so that the same figure gives the same file
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format)
    # a layout that keeps everything inside keeps the width of a column too
    box = None if whole.get_layout_engine() is not None else "tight"
    with theme():
        write_atomically(
            path, lambda stream: whole.savefig(stream, format=file_format, dpi=dpi, metadata=metadata, bbox_inches=box)
        )
