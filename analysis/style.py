"""The style of all figures, and how they are saved. Matplotlib and seaborn are imported on first use."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.errors import DataError, SpecificationError, warn_user

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.patches import Rectangle

PALETTE = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161"),
    *("#332288", "#949494", "#56b4e9", "#882255"),
)
"""Default colours, which colour-blind readers can tell apart.

The first six are from seaborn's ``colorblind``. Its other colours, pink and yellow, are too pale for lines on white.
"""
Palette = str | Sequence[Any] | None
"""The name of a seaborn palette, or colours; None is the current palette if the user set one, else `PALETTE`."""
_MARKERS = "osD^vP*X<>"
INK = "0.15"
FAINT = "0.45"
FORMATS = ("png", "svg", "pdf")
COLUMN_WIDTH = 85 / 25.4
"""Width of a figure in one column of a journal (inches)."""
FULL_WIDTH = 180 / 25.4
"""Width of a figure across a page (inches)."""
WIDTHS = {"column": COLUMN_WIDTH, "page": FULL_WIDTH, "full": FULL_WIDTH}
"""Widths by their names (inches). ``full`` is the earlier name of ``page``."""
_NARROWEST, _WIDEST = 1.0, 20.0  # inches


def inches(width: float | str, field: str = "width") -> float:
    """Return a width in inches: ``"column"``, ``"page"``, or a number of inches. 0 is the default of the figure.

    Raises
    ------
    SpecificationError
        If the width has another name, or is below 1 or above 20 inches.
    """
    if isinstance(width, str):
        if width not in WIDTHS:
            raise SpecificationError(f"{field} {width}", "must be column (85 mm) or page (180 mm)")
        return WIDTHS[width]
    if width != 0 and not _NARROWEST <= width <= _WIDEST:
        lengths = f'from {_NARROWEST:g} to {_WIDEST:g}, or "column" (85 mm) or "page" (180 mm)'
        raise SpecificationError(field, f"is in inches and must be {lengths}, not {width!r}")
    return width


@contextmanager
def theme(palette: Palette = None) -> Iterator[None]:
    """Apply the style of netsim's figures within a ``with`` block.

    A ``matplotlibrc`` changes the style only if the environment variable ``MATPLOTLIBRC`` names it.

    Parameters
    ----------
    palette : str or sequence of colours, optional
        A palette of seaborn. The default is the current palette if the user set one, for example with
        ``seaborn.set_palette``, otherwise colours that colour-blind readers can tell apart.

    Yields
    ------
    None

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from netsim.analysis import theme
    >>> with theme("Set2"):
    ...     figure, axes = plt.subplots()
    >>> plt.close(figure)
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    settings: dict[str, Any] = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper", font_scale=0.85),  # 8 points, as journals require
        "legend.title_fontsize": 7.5,
        "axes.formatter.limits": (-5, 9),  # a power of ten above an axis would hide what is written there
        "axes.titlelocation": "left",
        "axes.titlesize": 8.5,
        "axes.prop_cycle": _cycle(palette),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 120,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "netsim",
    }
    with plt.style.context([settings, *_asked_for()], after_reset=True):
        yield


@contextmanager
def missing_letters() -> Iterator[None]:
    """Join matplotlib's warnings of letters that a font lacks in one, with the remedy."""
    letters: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph ")
        yield
    for each in caught:
        found = re.match(r"Glyph (\d+) .* missing from", str(each.message))
        if found is None:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        else:
            letters.append(chr(int(found[1])))
    if letters:
        distinct = "".join(dict.fromkeys(letters))
        remedy = "install one, and set font.family in matplotlib's rcParams or in a file that MATPLOTLIBRC names"
        warn_user(f"figures: the font lacks the letters {distinct} and shows boxes; {remedy}")


def _asked_for() -> list[Path]:
    """Return the settings file that ``MATPLOTLIBRC`` names, directly or by its folder."""
    given = os.environ.get("MATPLOTLIBRC", "")
    return [path for path in (Path(given), Path(given, "matplotlibrc")) if given and path.is_file()]


def _cycle(palette: Palette) -> Any:
    """Return the colour cycle of a palette. The cycle of a settings file does not count as set by the user."""
    import matplotlib
    import matplotlib.pyplot as plt
    import seaborn as sns
    from cycler import cycler

    if palette is None:
        current = plt.rcParams["axes.prop_cycle"]
        if current not in [settings["axes.prop_cycle"] for settings in (plt.rcParamsDefault, matplotlib.rcParamsOrig)]:
            return current
        palette = PALETTE
    try:
        return cycler(color=sns.color_palette(palette))
    except (ValueError, TypeError) as error:
        raise DataError(f"palette {palette!r}: is not a palette of seaborn ({error})") from error


def colours(count: int) -> list[tuple[float, float, float]]:
    """Return `count` colours of the current palette. A shorter palette repeats."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import to_rgb

    known = [to_rgb(each["color"]) for each in plt.rcParams["axes.prop_cycle"] if "color" in each]
    return [known[position % len(known)] for position in range(count)]


def layer_colours(names: Sequence[str]) -> list[tuple[float, float, float]]:
    """Return the colours of layers in network order. As in rasters, the stimulus is dark and takes no colour."""
    from matplotlib.colors import to_rgb

    from netsim.specification import STIMULUS

    hues = iter(colours(len(names)))
    return [to_rgb(INK) if name == STIMULUS else next(hues) for name in names]


def markers(count: int) -> str:
    """Return `count` markers. After the last marker the first follows."""
    return (_MARKERS * count)[:count]


@contextmanager
def drawing(ax: Axes | None, width: float, height: float, palette: Palette = None) -> Iterator[Axes]:
    """Yield the given Axes with this palette, or new Axes of this size (inches) in netsim's style.

    Given Axes keep their style, fonts and sizes.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        with theme(palette):
            figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
            try:
                yield axes
            except BaseException:
                plt.close(figure)
                raise
    else:
        with plt.rc_context({"axes.prop_cycle": _cycle(palette)}):
            yield ax


def plain(name: object) -> str:
    r"""Escape ``$``, so that matplotlib does not read the name as mathematics."""
    return str(name).replace("$", r"\$")


def in_legend(name: object) -> str:
    """Escape a name for a legend. Matplotlib leaves out names with a leading underscore, so a space precedes it."""
    text = plain(name)
    return f" {text}" if text.startswith("_") else text


def is_narrow(axes: Axes) -> bool:
    """Return whether the Axes are about as wide as a column, so that a legend has to be stacked."""
    return axes.bbox.width / axes.figure.dpi < 4.0  # inches


def font_size(setting: str) -> float:
    """Return the size (points) of a matplotlib setting such as ``legend.fontsize``."""
    import matplotlib.pyplot as plt
    from matplotlib.font_manager import FontProperties

    settings: Any = plt.rcParams
    return float(FontProperties(size=settings[setting]).get_size_in_points())


def is_tiny(axes: Axes) -> bool:
    """Return whether the Axes are at most about 60 mm wide, so that only essential text is legible."""
    return axes.bbox.width / axes.figure.dpi < 2.5  # inches


def check_suffix(path: Path) -> str:
    """Return the format that the suffix names, or raise DataError."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise DataError(f"{path}: figures are saved as {', '.join(FORMATS)}; choose one of these suffixes")
    return suffix


def legend_above(axes: Axes, left: float, columns: int, **options: Any) -> None:
    """Add a legend above the Axes. It begins at `left` (in widths of the Axes)."""
    axes.legend(loc="lower left", bbox_to_anchor=(left, 1.0), ncols=columns, borderpad=0.2, **options)


def panel_above(axes: Axes, height: float, gap: float = 0.12) -> Axes:
    """Add a panel above the Axes with the same x axis.

    Height and gap are in inches, so that a layout engine keeps exactly this room.
    """
    from matplotlib.figure import Figure
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    figure = axes.figure
    assert isinstance(figure, Figure)
    inches = figure.dpi_scale_trans + ScaledTranslation(0, 1, axes.transAxes)  # type: ignore[arg-type]
    transform = blended_transform_factory(axes.transAxes, inches)
    panel = axes.inset_axes((0.0, gap, 1.0, height), transform=transform, sharex=axes)
    panel.tick_params(axis="x", labelbottom=False)
    return panel


def colour_bar(axes: Axes, image: AxesImage, left: float, width: float, label: str, **options: Any) -> None:
    """Add a colour bar to the right of the Axes. It begins at `left` (in widths of the Axes)."""
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((left, 0.0, width, 1.0)), label=label, **options)
    bar.outline.set_linewidth(0.5)


def note_beside(axes: Axes, y: float, text: str, x: float = 1.01) -> None:
    """Add a small text to the right of the Axes."""
    transform = axes.get_yaxis_transform()
    axes.text(x, y, text, transform=transform, fontsize="small", color=FAINT, verticalalignment="center")


def note_at(axes: Axes, text: str, point: tuple[float, float], offset: tuple[float, float], **options: Any) -> None:
    """Add a small text at an offset (points) from a point of the Axes."""
    looks: dict[str, Any] = {"fontsize": "small", "color": FAINT} | options
    axes.annotate(text, point, xytext=offset, textcoords="offset points", **looks)


def outline(left: float, top: float, width: float, height: float) -> Rectangle:
    """Return the thin frame of a picture."""
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), width, height, fill=False, edgecolor=FAINT, linewidth=0.4, clip_on=False)


def save_figure(figure: Figure | Axes, path: str | Path, dpi: int = 300) -> None:
    """Save a figure as PNG, SVG or PDF. The suffix of the path decides. A failed write leaves no partial file.

    Parameters
    ----------
    figure : Figure or Axes
        For Axes the whole figure is saved.
    path : str or Path
    dpi : int
        Resolution of PNG, and of rasterized dots in SVG and PDF (dots per inch).

    Raises
    ------
    DataError
        If the suffix is not supported.
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
    # without a date, equal figures give equal files
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format)
    # a layout engine keeps everything inside the figure, and the width stays that of the column
    box = None if whole.get_layout_engine() is not None else "tight"
    with theme(), missing_letters():
        write_atomically(
            path, lambda stream: whole.savefig(stream, format=file_format, dpi=dpi, metadata=metadata, bbox_inches=box)
        )
