"""Odours: what the first spikes of receptor neurons say, over concentrations and jitter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import curve, panels, styles
from netsim.analysis.experiments.tables import Interval, grouped, interval, percentage, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.analysis.style import FAINT
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

FIRST, COUNT, EXACT, NETWORK = "first spikes", "counts", "counts without noise", "first spikes, network"
"""Codes, and the network that reads the first."""
_STEP = 0.5
"""Distance of neighbouring concentrations (decades)."""
_TOLD_APART = 0.75
"""Share of correct comparisons from which on two concentrations count as told apart."""


def of_code(table: DataFrame, code: str, **condition: float) -> DataFrame:
    """The rows of a code in a condition."""
    rows = table[table["code"] == code]
    for name, value in condition.items():
        rows = rows[rows[name] == value]
    return rows


def advantage(table: DataFrame, jitter: float, code: str, other: str, share: float) -> Interval:
    """How many decades more of concentrations a code tells apart than another, paired by seed."""
    if table["level"].nunique() < 2:
        return interval([])
    ranges = []
    for each in (code, other):
        by_seed = of_code(table, each, jitter=jitter).groupby("seed")
        ranges.append(by_seed[["level", "told_apart"]].apply(_decades, share=share))
    return interval(ranges[0] - ranges[1])


def _decades(rows: DataFrame, share: float) -> float:
    """Decades in which comparisons reach a share, with straight lines between the measured concentrations."""
    import numpy as np

    levels = np.linspace(rows["level"].min(), rows["level"].max(), 1001)
    reached = np.interp(levels, rows["level"], rows["told_apart"].astype(float)) >= share
    return float(reached.mean() * (levels[-1] - levels[0]))


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: accuracy and comparisons by condition and code."""
    for (level, jitter, code), group in grouped(table, "level", "jitter", "code"):
        shown = (percentage(group[column]) for column in ("accuracy", "told_apart"))
        yield (f"{level:+g}", f"{jitter:g}", str(code), *(each.shown("{:.1f}", missing="") for each in shown))


@experiments.register("odours")
@dataclass(frozen=True)
class Odours(Experiment):
    """Classify recorded odours, and compare neighbouring concentrations, by first spikes and by counts."""

    question = "Do first spikes of receptor neurons identify odours over more concentrations than spike counts?"
    duration = "5 min"
    quick_duration = "1 min"
    order = 5
    prose = Path(__file__).with_name("odours.md")
    results = summarised(summary)
    quick = {
        "levels": (-2.0, -1.0, 0.0, 1.0, 2.0),
        "jitters": (0.1, 1.0, 5.0),
        "trials": 8,
        "hidden": 100,
        "epochs": 10,
    }

    levels: tuple[float, ...] = setting(
        (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0), least=-6, most=6, ascending=True
    )
    jitters: tuple[float, ...] = setting((0.1, 0.3, 1.0, 2.0, 5.0), above=0, below=1e3, ascending=True)
    jitter: float = setting(1.0, least=0, below=1e3)
    fluctuation: float = setting(0.05, least=0, below=1e3)
    highest: float = setting(300.0, above=0, below=1e6)
    deactivation: float = setting(100.0, above=0, below=1e6)
    window: float = setting(100.0, above=0, below=1e6)
    trials: int = setting(20, least=2)
    hidden: int = setting(200)
    epochs: int = setting(20)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"step": _STEP, "told_apart": 100 * _TOLD_APART}

    def conditions(self) -> Sequence[Condition]:
        conditions = [{"level": level, "jitter": self.jitter} for level in self.levels]
        return conditions + [
            {"level": 0.0, "jitter": each} for each in self.jitters if {"level": 0.0, "jitter": each} not in conditions
        ]

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.decoding import latency_decoder, latency_network, linear_accuracy, spiking_accuracy
        from netsim.experiments.kinds.odours.receptors import ODOURS, RECEPTORS, Kinetics, receptor_responses

        level, jitter = unit.condition["level"], unit.condition["jitter"]
        kinetics = Kinetics(self.highest, self.deactivation, self.window)
        sensitivity = kinetics.half_activations(receptor_responses(unit.data_dir))
        generator = np.random.default_rng(unit.seed)
        odours = np.arange(ODOURS)
        learned, tested = np.repeat(odours, self.trials), np.repeat(odours, self.trials)
        training = self._responses(generator, kinetics, sensitivity[learned], level, jitter)
        test = self._responses(generator, kinetics, sensitivity[tested], level, jitter)
        stronger = self._responses(generator, kinetics, sensitivity[tested], level + _STEP, jitter)
        best = (np.arange(len(tested)), sensitivity.argmax(axis=1)[tested])
        rows: list[Row] = []
        for code in (FIRST, COUNT, EXACT):
            times = [np.minimum(each[code], self.window) for each in (training, test, stronger)]
            sign = -1 if code == FIRST else 1
            (accuracy,) = linear_accuracy((times[0], learned), (times[1], tested))
            compared = [sign * times[number][best].reshape(ODOURS, -1) for number in (2, 1)]
            rows.append({"code": code, "accuracy": accuracy, "told_apart": _higher(*compared), "earliest": None})
        rows[0]["earliest"] = float(np.median(test[FIRST].reshape(ODOURS, self.trials, -1), axis=1).min())
        network = latency_network("odours", RECEPTORS, self.hidden, ODOURS, self.window, self.epochs)
        with latency_decoder(network, unit, (training[FIRST], learned)) as model:
            accuracy = spiking_accuracy(model, (test[FIRST], tested))
        return [*rows, {"code": NETWORK, "accuracy": accuracy, "told_apart": None, "earliest": None}]

    def _responses(
        self, generator: np.random.Generator, kinetics: Any, sensitivity: np.ndarray, level: float, jitter: float
    ) -> dict[str, np.ndarray]:
        """Return the responses of trials by code; latencies (ms) are ``inf`` without a spike."""
        import numpy as np

        shared = self.fluctuation * generator.standard_normal((len(sensitivity), 1))
        x = sensitivity * 10.0 ** (level + shared)
        latencies = kinetics.latencies(x) + jitter * generator.standard_normal(x.shape)
        expected = kinetics.counts(x)
        return {
            FIRST: np.where(latencies <= self.window, np.maximum(latencies, 0.0), np.inf),
            COUNT: generator.poisson(expected).astype(float),
            EXACT: np.floor(expected),
        }

    def draw(self, table: DataFrame) -> Figure:
        jitter, step, share = self.jitter, _STEP, _TOLD_APART
        codes = list(dict.fromkeys(table["code"]))
        with panels(3, 2.6) as (figure, (left, middle, right)):
            for code, style in zip(codes, styles(len(codes)), strict=True):
                selected = of_code(table, code)
                fixed, recorded = selected[selected["jitter"] == jitter], selected[selected["level"] == 0]
                curve(left, fixed, "level", "accuracy", 100, label=code, **style)
                if fixed["told_apart"].notna().any():
                    curve(middle, fixed, "level", "told_apart", 100, **style)
                curve(right, recorded.sort_values("jitter"), "jitter", "accuracy", 100, **style)
            middle.axhline(100 * share, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
            left.set(xlabel="concentration (decades)", ylabel="odours correct (%)", ylim=(0, 102))
            middle.set(xlabel="concentration (decades)", ylabel="comparisons correct (%)", ylim=(45, 102))
            middle.set_title(f"{step:g} decades apart")
            right.set(xlabel="SD of jitter (ms)", ylabel="odours correct (%)", xscale="log", ylim=(0, 102))
            ticks = sorted(set(table.loc[table["level"] == 0, "jitter"]))
            right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            right.minorticks_off()
            figure.legend(loc="outside upper center", ncols=len(codes))
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        strict, usual = (advantage(table, self.jitter, FIRST, code, _TOLD_APART) for code in (EXACT, COUNT))
        earliest = interval(of_code(table, FIRST).groupby("seed")["earliest"].min())
        recognised = percentage(of_code(table, FIRST, level=0.0, jitter=1.0)["accuracy"])
        compared = [
            strict.shown("{:+.2f}", "decades more than counts without noise", "not measured"),
            f"{earliest.shown()} ms",
            recognised.shown("{:.1f}", "% of 110 odours", "not measured"),
        ]
        if not strict.seeds:
            return Verdict(
                "not reproduced", "No neighbouring concentrations were measured with these settings.", compared
            )
        reason = (
            f"First spikes tell neighbouring concentrations apart over {strict.shown('{:+.2f}')} decades more than"
            f" counts without noise, and over {usual.shown('{:+.2f}')} decades more than Poisson counts."
        )
        return Verdict("reproduced" if strict.lies_above(0) else "not reproduced", reason, compared)


def _higher(first: np.ndarray, second: np.ndarray) -> float:
    """Return how often a trial of one is higher than a trial of the other, over odours; ties count as half."""
    difference = first[:, :, None] - second[:, None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())
