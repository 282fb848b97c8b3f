"""Right decisions over test stimuli, for a view and for A."""

from __future__ import annotations

from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.view import View


@questions.register("accuracy")
def accuracy(explorer: Explorer, view: View, against: View, count: int) -> dict[str, int]:
    """Return how many of the first test stimuli two views decide correctly, and how many decisions differ.

    Ties are errors. Drawings and switched pixels are not part of it.
    """
    now, then = (explorer.decisions(each, count).decisions for each in (view, against))
    right, before = (int(explorer.right(decisions).sum()) for decisions in (now, then))
    return {"count": len(now.choice), "right": right, "against": before, "changed": int((~now.same(then)).sum())}
