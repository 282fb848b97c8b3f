"""What figures drew when `drawn.json` was written, down to sizes and limits.

Other tests compare the content of figures with numbers that are computed in another way. This comparison notices a
change of layout, which has no other definition. To accept a change, run the tests with NETSIM_REDRAW=1 and
`--numprocesses 0`, and look at the figures that `git diff` names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STORED = Path(__file__).with_name("drawn.json")


def numbers(values: Any) -> list[float]:
    """Return finite numbers: all of a few, and sums of many that depend on their order."""
    flat = np.asarray(values, float).ravel()
    flat = np.where(np.isfinite(flat), flat, -1e6)
    if len(flat) > 12:
        weights = 1.0 + np.arange(len(flat)) % 97 / 97
        flat = np.array([len(flat), flat.sum(), (flat**2).sum(), (flat * weights).sum(), flat[0], flat[-1]])
    return [float(f"{value:.6g}") for value in flat]


def parts(axes: Axes) -> Iterator[tuple[str, Any]]:
    """Yield what an axes shows, in coordinates of its data."""
    yield "words", [axes.get_title(), axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
    yield "scales", [axes.get_xscale(), axes.get_yscale()]
    yield "limits", numbers([*axes.get_xlim(), *axes.get_ylim()])
    for line in axes.lines:
        yield "line", [*numbers(line.get_xydata()), *numbers([line.get_linewidth(), line.get_markersize()])]
    for each in axes.collections:
        yield "offsets", numbers(np.ma.filled(each.get_offsets(), np.nan))
        yield "paths", numbers([vertex for path in each.get_paths() for vertex in np.asarray(path.vertices)[:40]])
        yield "colours", numbers(np.array(each.get_facecolor()))
        if (array := each.get_array()) is not None:
            yield "values", numbers(np.ma.filled(array, np.nan))
    for patch in axes.patches:
        yield "patch", numbers(patch.get_path().vertices) + numbers(patch.get_facecolor())
    for image in axes.images:
        yield "image", numbers(np.ma.filled(np.asanyarray(image.get_array()), np.nan)) + numbers(image.get_extent())
    yield "texts", [text.get_text() for text in axes.texts]
    yield "places", numbers([text.get_position() for text in axes.texts])
    if legend := axes.get_legend():
        yield "legend", [text.get_text() for text in legend.get_texts()]


def drawn(figure: Figure) -> list[list[Any]]:
    """Return all that a figure shows."""
    shown: list[list[Any]] = [["size", numbers(figure.get_size_inches())]]
    for axes in figure.axes:
        shown += [list(each) for each in parts(axes)]
    return shown


def near(one: Any, other: Any) -> bool:
    """Return whether words are equal and numbers as good as equal."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(near, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return one == pytest.approx(other, rel=1e-4, abs=1e-6)
    return bool(one == other)


def check_drawn(name: str, figure: Figure) -> None:
    """Assert that a figure shows what it showed when its content was stored."""
    stored, shown = json.loads(STORED.read_text()), drawn(figure)
    if os.environ.get("NETSIM_REDRAW"):
        stored[name] = shown
        rows = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(stored.items())]
        STORED.write_text("{\n" + ",\n".join(rows) + "\n}\n")
        return
    assert [each[0] for each in shown] == [each[0] for each in stored[name]]
    for now, before in zip(shown, stored[name], strict=True):
        assert near(now, before), f"{name} drew {before}, and draws {now}"
