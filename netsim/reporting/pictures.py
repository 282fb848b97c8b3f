"""The figures of a report, drawn for wide and narrow pages, saved as files and embedded as data."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from netsim.analysis.gallery import Choice, Source, draw_figure, figures
from netsim.analysis.style import COLUMN_WIDTH, missing_letters, save_figure, theme
from netsim.errors import DataError
from netsim.specification.phrases import counted
from netsim.specification.traits import shares_weights

_LARGEST_SVG = 400_000  # bytes; larger figures are embedded as PNG
_PIXELS_PER_INCH = 96  # CSS pixels


@dataclass(frozen=True)
class Picture:
    """A figure of the given `kind` as a page shows it."""

    kind: str
    title: str
    caption: str
    alt: str
    """Text for readers who cannot see the picture."""
    uri: str = ""
    """The picture as a ``data:`` URI; empty if the figure could not be drawn."""
    width: int = 0
    height: int = 0
    """Height in CSS pixels, the unit of `width`."""
    narrow: str = ""
    """A second picture for narrow screens; empty if the first is narrow enough."""
    reason: str = ""
    """Reason why it could not be drawn."""

    @property
    def is_wide(self) -> bool:
        """True if the picture needs the width of the page."""
        return figures[self.kind].width > COLUMN_WIDTH


def sections() -> dict[str, list[str]]:
    """Return names of the figures in reports, by section."""
    names: dict[str, list[str]] = {}
    for plot in sorted(figures.values(), key=lambda plot: plot.rank):
        if plot.section:
            names.setdefault(plot.section, []).append(plot.name)
    return names


def draw_pictures(
    source: Source,
    folder: Path,
    index: int = 0,
    limit: int | None = None,
    step: Callable[[str], None] = lambda name: None,
) -> list[Picture]:
    """Draw every figure, save it in `folder` as PNG and SVG, and return pictures, or reasons why there are none.

    Figures as wide as a page are also saved as ``NAME-column``. `index` is the stimulus of figures of one presentation,
    and `limit` the largest number of presentations in others. `step` is called with the name of each figure before it
    is drawn. Figures of an earlier report in `folder` are removed.
    """
    if not 0 <= index < len(source.stimuli):
        raise DataError(f"stimulus {index}: does not exist; there are 0 to {len(source.stimuli) - 1}")
    pictures = []
    for name in (name for names in sections().values() for name in names):
        if figures[name].of_training and source.metrics is None:
            continue
        if figures[name].samples not in ("", source.network.encoder.samples):
            continue
        step(name)
        pictures.append(_picture(name, source, folder, index, limit))
    drawn = {picture.kind for picture in pictures if not picture.reason}
    for name in set(figures) - drawn:  # of an earlier report
        for suffix in ("png", "svg"):
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
            (folder / f"{name}-column.{suffix}").unlink(missing_ok=True)
    return pictures


def in_rows(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Put consecutive pictures of a column's width next to each other."""
    rows: list[list[Picture]] = []
    for picture in pictures:
        if rows and len(rows[-1]) == 1 and not rows[-1][0].is_wide and not picture.is_wide:
            rows[-1].append(picture)
        else:
            rows.append([picture])
    return rows


def _picture(name: str, source: Source, folder: Path, index: int, limit: int | None) -> Picture:
    plot = figures[name]
    presented = min(filter(None, (plot.presentations, limit, len(source.stimuli))))
    first = source.network.weighted[0]
    weights = "Kernels" if shares_weights(source.network, first) else "Receptive fields"
    named = {
        "index": index,
        "count": presented,
        "presentations": counted(presented, "presentation"),
        "layer": first.name,
        "weights": weights,
    }
    choice = Choice(index=index, limit=presented)
    title = caption = alt = plot.title
    try:
        title, caption = plot.title.format(**named), plot.caption.format(**named)
        alt = f"{title}: {plot.summary}"
        uri, width, height = _drawn(name, source, choice, folder / name)
        narrow = ""
        if plot.width > COLUMN_WIDTH:
            narrow, _, _ = _drawn(name, source, replace(choice, width=COLUMN_WIDTH), folder / f"{name}-column")
    except DataError as error:
        return Picture(name, title, caption, alt, reason=str(error))
    except Exception as error:  # a failing figure of a plug-in does not affect the others
        if figures.is_own(name):
            raise
        return Picture(name, title, caption, alt, reason=f"{figures.origin(name).module} fails: {error!r}")
    return Picture(name, title, caption, alt, uri, width, height, narrow)


def _drawn(name: str, source: Source, choice: Choice, path: Path) -> tuple[str, int, int]:
    """Draw and save a figure. Return its data URI, and width and height in CSS pixels."""
    figure = draw_figure(name, source, choice).figure
    png, svg = (path.with_name(f"{path.name}.{suffix}") for suffix in ("png", "svg"))
    try:
        for file in (png, svg):
            save_figure(figure, file)
        drawing = _outlined(figure)
        width, height = (round(_PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
    finally:
        plt.close(figure)
    is_light = len(drawing) <= _LARGEST_SVG
    media_type, content = ("image/svg+xml", drawing) if is_light else ("image/png", png.read_bytes())
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}", width, height


def _outlined(figure: Figure) -> bytes:
    """Return an SVG with letters as outlines, which does not depend on installed fonts."""
    stream = io.BytesIO()
    with theme(), missing_letters(), plt.rc_context({"svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", dpi=300, metadata={"Date": None})
    return stream.getvalue()
