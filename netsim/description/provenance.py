"""The table of where a run comes from: its record in words."""

from __future__ import annotations

from netsim.description.document import Table, plain
from netsim.runs.folder import RunFolder


def provenance_table(run: RunFolder) -> Table:
    """Seed, data, versions, revision, machine, command and course of a run.

    Parameters
    ----------
    run : RunFolder

    Raises
    ------
    RunError
        If the record of the run is missing or damaged.
    """
    # with the analysis of its metrics, which takes its time to import
    from netsim.report.tables import Fact, record_facts, training_facts

    record = run.record()
    facts = [*record_facts(record), *training_facts(run.metrics)]
    data = {"data_dir": "data folder", "limit": "limit of stimuli"}
    facts += [Fact(name, str(record[key])) for key, name in data.items() if record.get(key) is not None]
    return Table("H", "Provenance", tuple((plain(fact.name.capitalize()), plain(fact.value)) for fact in facts))
