"""Each figure of `digits` is as it was, down to sizes and limits."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pytest

import netsim
from netsim.seams import analyses, figures
from tests.drawn import check_drawn

OTHER = {"learning", "sound", "comparison"}  # need a run, sounds, or another model


@pytest.mark.parametrize("name", sorted({*figures, *analyses} - OTHER))
def test_a_figure_is_as_it_was(name: str) -> None:
    if name in figures:
        check_drawn(name, netsim.plot("digits", name).figure)
    else:
        fewer: dict[str, Any] = {"shuffles": 20} if name in ("decoding", "information") else {}
        check_drawn(name, netsim.analyse("digits", name, limit=150, **fewer).figure())
    plt.close("all")
