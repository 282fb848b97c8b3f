"""Deprecated functions, to be removed in the next version."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netsim.analysis.gallery import Choice, Drawn, Source, draw_figure
from netsim.data.stimuli import Stimuli
from netsim.deprecation import warn
from netsim.engines import Engine
from netsim.exchange import export
from netsim.reporting.page import Report
from netsim.reporting.page import write_report as write
from netsim.runs.model import Model
from netsim.specification import Network
from netsim.spikes import Spikes
from netsim.spikes.batches import OnPresented
from netsim.spikes.presenting import present
from netsim.weights.layout import Weights


def simulate(
    engine: Engine,
    weights: Weights,
    stimuli: Stimuli,
    indices: Sequence[int],
    progress: OnPresented = lambda done: None,
    distribution: Any = None,
) -> Spikes:
    """Present chosen stimuli. Deprecated, use `netsim.present`."""
    warn("netsim.simulate", "netsim.present(model, stimuli, index=indices)")
    how: dict[str, Any] = {"workers": distribution, "progress": lambda done, total: progress(done)}
    return present(Model(engine.network, weights), stimuli, index=indices, engine=engine, **how)


def export_network(
    to: str, network: Network, weights: Weights, path: str | Path, record: Mapping[str, Any] | None = None
) -> None:
    """Write a network with its weights. Deprecated, use `netsim.export`."""
    warn("netsim.export_network", "netsim.export(model, path)")
    export(Model(network, weights), path, to, record=record)


def draw(name: str, source: Source | Model, choice: Choice | None = None) -> Drawn:
    """Draw a figure. Deprecated, use `netsim.plot`."""
    warn("netsim.draw", "netsim.plot(model, name)")
    return draw_figure(name, source if isinstance(source, Source) else Source.of(source), choice or Choice())


def write_report(report: Report, path: Path) -> None:
    """Write a `Report`. Deprecated, use `netsim.report`."""
    warn("netsim.write_report", "netsim.report(model, path)")
    write(report, path)
