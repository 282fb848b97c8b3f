"""The next test stimulus with a wrong or a close decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from netsim.exploring.asking import questions
from netsim.exploring.explorer import MOST, Explorer
from netsim.exploring.view import View, disturbs_stimulus


@questions.register("search")
def search(
    explorer: Explorer, view: View, which: Literal["wrong", "close"], label: int | None = None, again: bool = False
) -> dict[str, Any]:
    """Return the next test stimulus with a wrong decision, or the one with the next smallest lead.

    The search covers the first test stimuli, or those of one label among them, with the changes of the view, except
    drawings, switched pixels and noise on stimuli, because the draws of noise depend on the stimuli that are presented
    together. The first search for a close decision finds the smallest lead, and a search `again` the next one. `index`
    is None if there is no such decision. `rank` counts from 1.
    """
    quiet = {name: level for name, level in view.studies.items() if not disturbs_stimulus(name)}
    still = replace(view, noise=0.0, seed=view.seed if quiet else 0, studies=quiet)
    decisions, lead = explorer.decisions(still, MOST)
    labels = explorer.stimuli.labels[: len(lead)]
    among = np.ones(len(lead), bool) if label is None else labels == label
    if which == "wrong":
        indices = np.flatnonzero(among & (labels >= 0) & ~explorer.right(decisions))
        after = int(np.searchsorted(indices, view.index, side="right"))
    else:
        indices = np.argsort(lead, kind="stable")
        indices = indices[(among & np.isfinite(lead))[indices]]
        here = np.flatnonzero(indices == view.index)
        after = int(here[0]) + 1 if again and len(here) else 0
    rank = after % len(indices) if len(indices) else 0
    answer: dict[str, Any] = {"which": which, "searched": int(among.sum()), "count": len(indices), "rank": rank + 1}
    return answer | {"index": int(indices[rank]) if len(indices) else None}
