"""Decisions over the plane of stimuli."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.errors import DataError
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.view import View
from netsim.measuring.metrics import decide

_SIDE, _PARTS = 64, 16
"""Points along each side of the picture of the plane, and parts of it, between which other questions are answered."""


@questions.register("plane")
def plane(explorer: Explorer, view: View, part: int = 0) -> dict[str, Any]:
    """Return the decision at points of the unit square, for every 16th row from `part`, and the square's side."""
    if not explorer.has_plane:
        raise DataError("plane: only networks of the data set yin-yang have one")
    if part >= _PARTS:
        raise DataError(f"plane: parts are 0 to {_PARTS - 1}")
    along = np.linspace(0, 1, _SIDE)
    x, y = (each.ravel() for each in np.meshgrid(along, along[part::_PARTS]))
    points = np.stack([x, y, 1 - x, 1 - y], axis=1).reshape(-1, 1, 1, 4)
    stimuli = Stimuli(points, np.zeros(len(points), np.int64), 1.0, explorer.network.encoder)
    outputs = explorer.present_outputs(replace(view, switched=(), engine="event"), stimuli)
    return {"side": _SIDE, "part": part, "parts": _PARTS, "choice": decide(outputs).choice.tolist()}
