"""The figures of a report: drawn for wide and narrow pages, kept as files, embedded as data."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from netsim.analysis.gallery import Choice, Source, draw_figure, figures
from netsim.analysis.style import COLUMN_WIDTH, save_figure, theme
from netsim.errors import DataError
from netsim.specification.traits import shares_weights

_LARGEST_SVG = 400_000  # bytes, beyond which the PNG is embedded
_PIXELS_PER_INCH = 96  # of CSS


@dataclass(frozen=True)
class Picture:
    """A figure, which its `kind` names, as a page shows it."""

    kind: str
    title: str
    caption: str
    alt: str
    """What it shows, for who does not see it."""
    uri: str = ""
    """The picture itself as a ``data:`` URI; empty if the figure could not be drawn."""
    width: int = 0
    height: int = 0
    """In CSS pixels, as `width`."""
    narrow: str = ""
    """A second picture for narrow screens; empty if the first one is narrow enough."""
    reason: str = ""
    """Why it could not be drawn."""

    @property
    def is_wide(self) -> bool:
        """Whether it needs the width of the page."""
        return figures[self.kind].width > COLUMN_WIDTH


def sections() -> dict[str, list[str]]:
    """Names of the figures that reports show, by the section that shows them."""
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
    """Draw every figure, keep it in `folder` as PNG and SVG, and make a picture of it, or of why it cannot be drawn.

    Of figures as wide as a page the folder also gets a ``NAME-column``. Those of a single presentation show stimulus
    `index`; of those of many `limit` is the most. `step` is told the name of the figure that comes next.
    """
    if not 0 <= index < len(source.stimuli):
        raise DataError(f"stimulus {index}: does not exist; there are 0 to {len(source.stimuli) - 1}")
    pictures = []
    for name in (name for names in sections().values() for name in names):
        if figures[name].of_training and source.metrics is None:
            continue
        step(name)
        pictures.append(_picture(name, source, folder, index, limit))
    return pictures


def in_rows(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Put two pictures of a column's width beside each other where they follow one another."""
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
    named = {"index": index, "count": presented, "layer": first.name, "weights": weights}
    title, caption = plot.title.format(**named), plot.caption.format(**named)
    alt = f"{title}: {plot.summary}"
    choice = Choice(index=index, limit=presented)
    try:
        uri, width, height = _drawn(name, source, choice, folder / name)
        narrow = ""
        if plot.width > COLUMN_WIDTH:
            narrow, _, _ = _drawn(name, source, replace(choice, width=COLUMN_WIDTH), folder / f"{name}-column")
    except DataError as error:
        return Picture(name, title, caption, alt, reason=str(error))
    except Exception as error:  # one figure of somebody else's does not take the others with it
        if figures.is_own(name):
            raise
        return Picture(name, title, caption, alt, reason=f"{figures.origin(name).module} fails: {error!r}")
    return Picture(name, title, caption, alt, uri, width, height, narrow)


def _drawn(name: str, source: Source, choice: Choice, path: Path) -> tuple[str, int, int]:
    """Draw and save a figure; gives its data URI, and width and height in CSS pixels."""
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
    """An SVG with letters as outlines, which looks the same where the fonts are missing."""
    stream = io.BytesIO()
    with theme(), plt.rc_context({"svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", dpi=300, metadata={"Date": None})
    return stream.getvalue()
