"""A check of activity: firing of each population, late arrivals, and remedies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.measuring.health import Finding, Health, PopulationHealth, ProjectionHealth, advise, is_late
from netsim.measuring.metrics import latency_text
from netsim.reprs import html_table, limited
from netsim.specification import InitialWeights, Network, Population, Projection
from netsim.specification.phrases import counted
from netsim.weights.layout import Weights, kernel_name

if TYPE_CHECKING:
    import pandas as pd

_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Check:
    """Results of a check. Notebooks show the table, and `advice` lists the remedies.

    Attributes
    ----------
    network : str
    presentations : int
    dt : float
        Time step of the grid (ms), or 0 for exact times.
    populations : tuple of PopulationHealth
        Populations that integrate.
    projections : tuple of ProjectionHealth
        Projections with weights.
    tie_rate, silent_rate, onset_rate : float
        Fractions of presentations with several first output spikes, without output spikes, and decided at the onset of
        the output window.
    findings : tuple of Finding
        Problems: kind, population or projection, and text.
    proposed : dict of InitialWeights
        Distributions close to the fitted initial weights, by projection, for a specification.

    Examples
    --------
    >>> import netsim
    >>> check = netsim.check("digits")
    >>> check
    Check of 'digits', 100 presentations: no problem found
    >>> list(check.table()["population"])
    ['hidden', 'output']
    """

    network: str
    presentations: int
    dt: float
    populations: tuple[PopulationHealth, ...]
    projections: tuple[ProjectionHealth, ...]
    tie_rate: float
    silent_rate: float
    onset_rate: float
    findings: tuple[Finding, ...] = ()
    proposed: Mapping[str, InitialWeights] = field(default_factory=dict)

    @property
    def advice(self) -> list[str]:
        """Problem and remedy of each finding, one line each."""
        return [finding.text for finding in self.findings]

    def __repr__(self) -> str:
        head = f"Check of {self.network!r}, {counted(self.presentations, 'presentation')}"
        return limited([f"{head}:", *(f"  {line}" for line in self.advice)] if self.advice else [f"{head}: {NOTHING}"])

    def _repr_html_(self) -> str:
        heading = ("population", "silent", "at onset", "too late", "median latency")
        rows = [
            (
                health.population,
                f"{health.silent:.0%}",
                f"{health.at_onset:.0%}",
                f"{health.too_late:.0%}",
                latency_text(health.median_ms),
            )
            for health in self.populations
        ]
        return html_table(f"{self.network}: {'; '.join(self.advice) or NOTHING}", rows, heading)

    def table(self) -> pd.DataFrame:
        """Return one row per population, with the columns of `PopulationHealth`."""
        from netsim.spikes.table import rows_table

        return rows_table(self.populations, PopulationHealth._fields)

    def arrival_table(self) -> pd.DataFrame:
        """Return one row per projection, with the columns of `ProjectionHealth`."""
        from netsim.spikes.table import rows_table

        return rows_table(self.projections, ProjectionHealth._fields)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, NaN as None, ready for JSON."""
        named = {name: getattr(self, name) for name in ("network", "presentations")} | {"dt_ms": self.dt}
        rates = {name: getattr(self, name) for name in ("tie_rate", "silent_rate", "onset_rate")}
        parts = {name: list(map(_plain, getattr(self, name))) for name in ("populations", "projections")}
        proposed = {name: {"spread": each.spread, "bias": each.bias} for name, each in self.proposed.items()}
        return {**named, **parts, **rates, "findings": list(map(_plain, self.findings)), "proposed": proposed}


NOTHING = "no problem found"


def _plain(row: Any) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in row._asdict().items()}  # NaN differs from itself


def check_latencies(network: Network, weights: Weights, latencies: Mapping[str, np.ndarray], dt: float) -> Check:
    """Check the latencies of a network with given weights.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Forward weights.
    latencies : mapping of ndarray
        Latencies (ms) of the stimulus and all populations, ``inf`` for silence.
    dt : float
        Time step of the latencies (ms), or 0 for exact times.

    Returns
    -------
    Check
    """
    health = Health(network, dt)
    batch = health.measure(latencies, weights)
    populations = []
    for population in network.integrating:
        name = population.name
        shares = batch.silent[name], batch.onset[name], batch.late[name]
        sums = _sums_of_weights(network, population, weights)
        signs = population.signs
        inhibitory = None if signs is None else float((signs < 0).mean())
        populations.append(PopulationHealth(name, *shares, *_quartiles(latencies[name]), *sums, inhibitory))
    projections = [_arrivals(health, projection, latencies, weights) for projection in network.weighted]
    decisions = batch.decisions
    return Check(
        network.name,
        len(decisions.choice),
        dt,
        tuple(populations),
        tuple(projections),
        tie_rate=float(decisions.tied.mean()),
        silent_rate=float((decisions.choice < 0).mean()),
        onset_rate=float(health.at_onset(decisions).mean()),
        findings=tuple(advise(network, batch, populations, projections, health.at_onset(decisions), dt)),
    )


def _quartiles(latencies: np.ndarray) -> tuple[float, float, float]:
    fired = latencies[latencies < np.inf]
    if not fired.size:
        return np.nan, np.nan, np.nan
    first, second, third = np.quantile(fired, _QUARTILES).tolist()
    return first, second, third


def _sums_of_weights(network: Network, population: Population, weights: Weights) -> tuple[float, float]:
    """Return mean sums of positive and of negative weights per neuron."""
    sums = np.zeros(2)
    for projection in network.incoming(population.name):
        kernel = weights[kernel_name(projection)]
        sums += np.array([kernel[kernel > 0].sum(), kernel[kernel < 0].sum()]) / network.receivers(projection)
    return float(sums[0]), float(sums[1])


def _arrivals(
    health: Health, projection: Projection, latencies: Mapping[str, np.ndarray], weights: Weights
) -> ProjectionHealth:
    """Count the spikes that arrive at synapses, and late arrivals."""
    until, sent = health.until(projection), latencies[projection.source]
    assert until is not None
    single = health.synaptic(projection, weights)
    fan_out = projection.connectivity.fan_out(*health.network.ends(projection)).ravel()
    count, late = float((sent < np.inf).sum(axis=0).ravel() @ fan_out), 0.0
    if single is None:
        deadline = until - health.delays(projection, weights)
        late = float(is_late(sent, deadline).sum(axis=0).ravel() @ fan_out)
    else:
        pre, delays = single
        for each in sent.reshape(len(sent), -1):  # one presentation at a time bounds memory
            late += np.count_nonzero(is_late(each[pre], until - delays))
    share = late / count if count else np.nan
    return ProjectionHealth(projection.name, projection.source, projection.target, count / max(len(sent), 1), share)
