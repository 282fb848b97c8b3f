"""The raster of a view and of A as a figure."""

from __future__ import annotations

import io
import textwrap
from typing import Literal

from netsim.exploring.asking import Reply, questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.view import View

_KINDS = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


@questions.register("figure")
def figure(explorer: Explorer, view: View, format: Literal["png", "svg", "pdf"], against: View | None = None) -> Reply:
    """Return the raster of a view, in the style of all figures. Spikes of A that differ are grey.

    The title says the changes, and what A is.
    """
    import matplotlib.pyplot as plt

    from netsim.analysis import raster
    from netsim.analysis.style import plain, theme

    shown = explorer.show(view)
    other = None if against is None or against == view else explorer.show(against).spikes.table()
    lines = [f"{explorer.name}, test stimulus {view.index}: {view.changes or 'unchanged'}"]
    if against is not None:
        lines.append(f"A (grey): test stimulus {against.index}, {against.changes or 'unchanged'}")
    with theme():
        presentation = int(shown.spikes.indices[0])
        axes = raster(shown.spikes.table(), shown.network, presentation, explorer.stimuli.classes or (), against=other)
        axes.set_title("")
        title = "\n".join(textwrap.fill(plain(line), 90) for line in lines)
        drawn = axes.get_figure(root=True)
        assert drawn is not None
        drawn.suptitle(title, fontsize=7)
        stream = io.BytesIO()
        drawn.savefig(stream, format=format, dpi=200)
        plt.close(drawn)
    return Reply(stream.getvalue(), _KINDS[format])
