"""Provenance of a run: its record in words, and the table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from netsim.data.dataset import MEMORY
from netsim.description.document import Table, plain
from netsim.errors import DataError, DataWarning, warn_user
from netsim.runs.folder import RunFolder
from netsim.runs.plugins import changed_plugins

if TYPE_CHECKING:
    import pandas as pd


_MOST_CLASSES = 100
"""Largest number of listed class names."""


class Fact(NamedTuple):
    """A name with its value. `is_code` marks values that are shown literally."""

    name: str
    value: str
    is_code: bool = False


UNREADABLE = Fact("metrics", "not readable")
"""Fact of damaged metrics, about which `training_facts` has warned."""


def provenance_table(run: RunFolder) -> Table:
    """Return seed, data, versions, revision, machine, command, plug-ins and training of a run."""
    record = run.record()
    facts = record_facts(record)
    if changed := changed_plugins(record.get("plugins", [])):
        facts.append(Fact("changed since", changed))
    facts += training_facts(lambda: metrics_of(run), planned=run.network().training.epochs)
    data = {"data_dir": "data folder", "limit": "limit of stimuli"}
    facts += [Fact(name, str(record[key])) for key, name in data.items() if record.get(key) is not None]
    return Table("H", "Provenance", tuple((plain(fact.name.capitalize()), plain(fact.value)) for fact in facts))


def metrics_of(run: RunFolder) -> pd.DataFrame:
    """Return the metrics of a run, or raise DataError."""
    # imported here, because the import is slow and presets have no metrics
    from netsim.analysis.learning_tables import metrics_table

    return metrics_table(run.metrics)


def training_facts(read: Callable[[], pd.DataFrame], epoch: int | None = None, planned: int = 0) -> list[Fact]:
    """Return facts of a training of `planned` epochs from its metrics. Warn if the metrics are damaged.

    `epoch`, counted from 1, is the epoch of the weights. The default is the best. The metrics of a running training may
    be newer or older than the weights.
    """
    from netsim.analysis.learning_tables import best_epoch

    try:
        table = read()
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):  # no epoch has ended
            return [Fact("metrics", str(error))]
        warn_user(str(error), DataWarning)
        return [UNREADABLE]
    chosen = epoch or int(table["epoch"].iloc[best_epoch(table)])
    facts = [Fact("epochs", f"{len(table):,}" + (f" of {planned:,} planned" if len(table) < planned else ""))]
    if "validation_strict_accuracy" in table:
        accuracy = table.loc[table["epoch"] == chosen, "validation_strict_accuracy"]
        known = "not written yet" if accuracy.empty else f"{accuracy.iloc[0]:.2%} (a tie is an error)"
        facts += [
            Fact("best epoch", f"{chosen}, chosen by the validation stimuli"),
            Fact("its validation accuracy", known),
        ]
    else:
        facts.append(Fact("weights", f"of epoch {chosen}; there were no validation stimuli to choose one by"))
    if "training_seconds" in table:
        seconds = float(table.filter(["training_seconds", "validation_seconds"]).sum().sum())
        facts.append(Fact("duration", f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"))
    return facts


def record_facts(record: Mapping[str, Any]) -> list[Fact]:
    """Return seed, versions, revision, command and machine, from `netsim.runs.folder.describe_run`.

    The record may come from a file, so any content becomes text.
    """
    command = record.get("command")
    revision = _shown(record.get("git_revision"), "none, not run from a checkout")
    changed = ", with changes on top" if revision.endswith("+") else ""
    facts = [
        Fact("command", shlex.join(map(str, command)) if isinstance(command, list) else _shown(command), True),
        Fact("date", _shown(record.get("started"))),
    ]
    optional = {
        "imported": "imported from",
        "seed": "seed",
        "training": "stimuli learned from",
        "validation": "stimuli to choose the epoch by",
        "pretrained_sha256": "checksum of the weights it began with",
    }
    facts += [Fact(name, str(record[key])) for key, name in optional.items() if key in record]
    if "parent" in record:
        facts.append(Fact("begins with the weights of", _listed(record["parent"])))
    before = record.get("learned_before")
    facts += [
        Fact("data that those weights had learned from", _listed(seen))
        for seen in (before if isinstance(before, list) else ())
    ]
    facts += _data_facts(record.get("data"))
    if isinstance(synapses := record.get("synapses"), Mapping):
        facts += [Fact(f"SHA-256 of the synapses of {name}", _shown(each), True) for name, each in synapses.items()]
    facts += [
        Fact("netsim", _shown(record.get("netsim"))),
        Fact(f"git revision{changed}", revision.removesuffix("+"), True),
        Fact("machine", _listed(record.get("machine"))),
        Fact("libraries", _listed(record.get("versions"))),
    ]
    resumed = record.get("resumed")
    for entry in resumed if isinstance(resumed, list) else ():
        facts.append(Fact("resumed", _resumed(entry)))
    extended = record.get("extended")
    for entry in extended if isinstance(extended, list) else ():
        facts.append(Fact("extended", _extended(entry)))
    if plugins := record.get("plugins"):
        listed = "; ".join(map(_plugin, plugins)) if isinstance(plugins, list) else _shown(plugins)
        facts.append(Fact("plug-ins", listed))
    return facts


def _resumed(entry: Any) -> str:
    """Describe a resumption of the training, from `netsim.runs.folder.RunFolder.note_resumed`."""
    if not isinstance(entry, Mapping):
        return _shown(entry)
    version = f"netsim {_shown(entry.get('netsim'))}, git revision {_shown(entry.get('git_revision'))}"
    libraries, machine = (_listed(entry.get(key)) for key in ("versions", "machine"))
    return f"in epoch {_shown(entry.get('epoch'))}, {_shown(entry.get('started'))}: {version}; {libraries}; {machine}"


def _extended(entry: Any) -> str:
    """Describe an extension of the training, from `netsim.runs.folder.RunFolder.extend`."""
    epochs = entry.get("epochs") if isinstance(entry, Mapping) else None
    if not (isinstance(entry, Mapping) and isinstance(epochs, list) and len(epochs) == 2):
        return _shown(entry)
    like = "as trained from the start" if entry.get("exact") else "not as trained from the start"
    return f"from {epochs[0]} to {epochs[1]} epochs, {_shown(entry.get('started'))}: {like}"


def _data_facts(data: Any) -> list[Fact]:
    """Describe the data set of a run, from `netsim.data.dataset.described`. Empty if it was not recorded."""
    if not isinstance(data, Mapping):
        return []
    origin = "of samples given in Python" if data.get("origin") == MEMORY else f"from {_shown(data.get('origin'))}"
    facts = [
        Fact("data set", f"{_shown(data.get('name'))}, {origin}"),
        Fact("SHA-256 of its stimuli and labels", _shown(data.get("sha256")), True),
    ]
    facts.append(Fact("its sizes", _listed(data.get("sizes"))))
    names = data.get("classes")
    if isinstance(names, list) and names != [str(number) for number in range(len(names))]:
        shown = [f"{number} {name}" for number, name in enumerate(names[:_MOST_CLASSES])]
        more = [f"and {len(names) - len(shown):,} more"] if len(names) > len(shown) else []
        facts.append(Fact("classes of the output neurons", ", ".join([*shown, *more])))
    return facts


def _plugin(origin: Any) -> str:
    """Describe the origin of a plug-in, from `netsim.registry.Origin` in a record."""
    if not isinstance(origin, Mapping):
        return _shown(origin)
    package = " ".join(str(origin[key]) for key in ("distribution", "version") if origin.get(key))
    file = f"{origin['file']} of SHA-256 {_shown(origin.get('sha256'))}" if origin.get("file") else ""
    imports = origin.get("imports")
    beside = f"which imports {_listed(imports)} (SHA-256)" if imports else ""
    parts = [*filter(None, [package]), _shown(origin.get("module")), *filter(None, [file, beside])]
    how = ", handed in from Python" if origin.get("handed_in") else ""
    return f"{_shown(origin.get('seam'))} {_shown(origin.get('name'))} of {', '.join(parts)}{how}"


def _listed(content: Any) -> str:
    """Return keys and values of a mapping in one line."""
    if not isinstance(content, Mapping):
        return _shown(content)
    return ", ".join(f"{key} {_shown(value, 'missing')}" for key, value in content.items())


def _shown(value: Any, missing: str = "not recorded") -> str:
    return missing if value is None else str(value)
