"""The figures of a report: drawn for wide and narrow pages, kept as files, embedded as data."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from netsim.analysis.gallery import KINDS, Choice, Source, draw
from netsim.analysis.kinds import FIGURE_KINDS
from netsim.analysis.style import COLUMN_WIDTH, save_figure, theme
from netsim.errors import DataError
from netsim.specification.traits import shares_weights

_LARGEST_SVG = 400_000  # bytes, beyond which the PNG is embedded
_PIXELS_PER_INCH = 96  # of CSS


@dataclass(frozen=True)
class Picture:
    """A figure as a page shows it.

    Attributes
    ----------
    kind, title, caption : str
        The kind is one of `netsim.analysis.kinds.FIGURE_KINDS`.
    alt : str
        What it shows, for who does not see it.
    uri : str
        The picture itself as a ``data:`` URI; empty if the figure could not be drawn.
    width, height : int
        In CSS pixels.
    narrow : str
        A second picture for narrow screens; empty if the first one is narrow enough.
    reason : str
        Why it could not be drawn.
    """

    kind: str
    title: str
    caption: str
    alt: str
    uri: str = ""
    width: int = 0
    height: int = 0
    narrow: str = ""
    reason: str = ""

    @property
    def is_wide(self) -> bool:
        """Whether it needs the width of the page."""
        return KINDS[self.kind].width > COLUMN_WIDTH


@dataclass(frozen=True)
class _Text:
    """Title and caption; a caption can name the `index` of a stimulus, the number of presentations and a layer."""

    title: str
    caption: str


SECTIONS: dict[str, tuple[str, ...]] = {
    "Decisions": ("confusion", "decision-time", "errors"),
    "A single presentation": ("raster", "potentials"),
    "Activity": ("latencies", "group-raster", "spikes"),
    "Learning": ("learning", "displacements", "kernels"),
}
"""Kinds of figures by the section that shows them."""

_TEXTS = {
    "confusion": _Text(
        "Confusion matrix",
        "Labels against decisions in {count:,} presentations; the last column counts those without an output spike.",
    ),
    "decision-time": _Text(
        "Accuracy against decision time",
        "What if the network is read out at a time t? A presentation is right if its first output spike came by t"
        " and is the label's alone. The band is the 95% confidence interval. {count:,} presentations.",
    ),
    "errors": _Text(
        "The most confident errors",
        "The confidence is the time from the first to the second output spike. A stimulus is drawn as it was"
        " presented: the darker, the earlier. {count:,} presentations.",
    ),
    "raster": _Text(
        "Raster",
        "Every spike of presentation {index}, layer above layer; within a band neurons are stacked map by map. The"
        " time in which a layer can fire is shaded. Disc: decision; circle: label.",
    ),
    "potentials": _Text(
        "Potentials",
        "Output neurons that fire first in presentation {index}, and the label's. Dashed: threshold while the neurons"
        " can fire; dotted: onset; disc: spike; ticks at the bottom: breakpoints, where a postsynaptic potential"
        " changes its slope.",
    ),
    "latencies": _Text(
        "Latencies",
        "The population rate of each layer, scaled to its peak; beside it the median latency, the peak (spikes a"
        " second and neuron) and the share of neurons that fire in a presentation. {count:,} presentations.",
    ),
    "group-raster": _Text(
        "Raster of the output layer",
        "A row a presentation, {count:,} in all, sorted by label. Where the label's neuron comes first, nothing"
        " orange lies in its row.",
    ),
    "spikes": _Text(
        "Spikes per layer",
        "Mean and 90% range over {count:,} presentations, beside the number of neurons in the layer.",
    ),
    "learning": _Text(
        "Learning curves",
        "Errors (a tie is one), those of training with dropout and augmentation, and the mean fraction of neurons"
        " that stay silent in a training presentation.",
    ),
    "displacements": _Text(
        "Displacements",
        "When output neurons fired, against when they should have. On the diagonal nothing is left to learn."
        " {count:,} presentations.",
    ),
    "kernels": _Text("{weights}", "The weights onto {layer} that feed forward."),
}


def draw_pictures(
    source: Source,
    folder: Path,
    index: int = 0,
    limit: int | None = None,
    step: Callable[[str], None] = lambda kind: None,
) -> list[Picture]:
    """Draw every figure, keep it in `folder` as PNG and SVG, and make a picture of it.

    A figure that cannot be drawn leaves a picture with the reason.

    Parameters
    ----------
    source : Source
        Without metrics there are no learning curves.
    folder : Path
        ``KIND.png`` and ``KIND.svg`` appear in it, and ``KIND-column`` of those as wide as a page.
    index : int
        The stimulus of the figures of a single presentation.
    limit : int, optional
        Present the first stimuli only; by default as many as each figure needs.
    step : callable
        Is told which kind of figure comes next.

    Raises
    ------
    DataError
        If there is no stimulus `index`.
    RunError
        If a file cannot be written.
    """
    if not 0 <= index < len(source.stimuli):
        raise DataError(f"stimulus {index}: does not exist; there are 0 to {len(source.stimuli) - 1}")
    pictures = []
    for kind in (kind for kinds in SECTIONS.values() for kind in kinds):
        if kind == "learning" and source.metrics is None:
            continue
        step(kind)
        pictures.append(_picture(kind, source, folder, index, limit))
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


def _picture(kind: str, source: Source, folder: Path, index: int, limit: int | None) -> Picture:
    presented = min(filter(None, (KINDS[kind].presentations, limit, len(source.stimuli))))
    first = source.network.weighted[0]
    weights = "Kernels" if shares_weights(source.network, first) else "Receptive fields"
    title, caption = (
        text.format(index=index, count=presented, layer=first.name, weights=weights)
        for text in (_TEXTS[kind].title, _TEXTS[kind].caption)
    )
    alt = f"{title}: {FIGURE_KINDS[kind]}"
    choice = Choice(index=index, limit=presented)
    try:
        uri, width, height = _drawn(kind, source, choice, folder / kind)
        narrow = ""
        if KINDS[kind].width > COLUMN_WIDTH:
            choice = Choice(index=index, limit=presented, width=COLUMN_WIDTH)
            narrow, _, _ = _drawn(kind, source, choice, folder / f"{kind}-column")
    except DataError as error:
        return Picture(kind, title, caption, alt, reason=str(error))
    return Picture(kind, title, caption, alt, uri, width, height, narrow)


def _drawn(kind: str, source: Source, choice: Choice, path: Path) -> tuple[str, int, int]:
    """Draw and save a figure; gives its data URI, and width and height in CSS pixels."""
    figure = draw(kind, source, choice).figure
    png, svg = (path.with_name(f"{path.name}.{suffix}") for suffix in ("png", "svg"))
    try:
        for file in (png, svg):
            save_figure(figure, file)
        drawing = _outlined(figure)
        width, height = (round(_PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
    finally:
        plt.close(figure)
    if len(drawing) > _LARGEST_SVG:
        return _data_uri("image/png", png.read_bytes()), width, height
    return _data_uri("image/svg+xml", drawing), width, height


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _outlined(figure: Figure) -> bytes:
    """An SVG with letters as outlines, which looks the same where the fonts are missing."""
    stream = io.BytesIO()
    with theme(), plt.rc_context({"svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", dpi=300, metadata={"Date": None})
    return stream.getvalue()
