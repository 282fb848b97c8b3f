"""The spikes of a view as a table."""

from __future__ import annotations

from netsim.exploring.asking import Reply, questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.view import View


@questions.register("table")
def table(explorer: Explorer, view: View) -> Reply:
    """Return the spikes of a view as CSV. The last columns say the index of the test stimulus and the changes."""
    spikes = explorer.show(view).spikes
    frame = spikes.table().assign(test_stimulus=view.index, changes=view.changes or "none")
    return Reply(frame.to_csv(index=False).encode(), "text/csv")
