"""Layers at once against layers in turn: what waiting for the layer before costs a network of first spikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import bars, curve, panels, styles
from netsim.analysis.experiments.tables import Interval, accuracy, gain, interval, mean, of_seeds, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli
    from netsim.runs.model import Model
    from netsim.specification import Network
    from netsim.spikes import Spikes

_REGIMES = ("free", "staggered", "phased")
_NAMES = {"free": "at once", "staggered": "staggered", "phased": "in turn"}
TRANSFER = "in turn, run at once"
_COMPETITIVE = 1.0
"""Points of accuracy within which networks count as competitive."""


_BASE, _OTHER = "in turn", "at once"


def still(table: DataFrame, run: str, column: str, scale: float = 1.0) -> Interval:
    """The mean of a column without jitter over seeds."""
    return mean(table, column, scale, run=run, jitter=0.0)


def ratio(table: DataFrame, column: str) -> Interval:
    """At once over in turn, paired by seed."""
    other, base = (of_seeds(table, column, run=run, jitter=0.0) for run in (_OTHER, _BASE))
    return interval(other / base)


def difference(table: DataFrame) -> Interval:
    """Accuracy (points) at once minus in turn, paired by seed."""
    return gain(table, {"run": _BASE}, run=_OTHER, jitter=0.0)


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: accuracy, time, spikes and operations of each kind of run."""
    for run in dict.fromkeys(table["run"]):
        jittered = accuracy(table, run=run, jitter=table["jitter"].max())
        yield (
            str(run),
            still(table, run, "accuracy", 100).shown(),
            still(table, run, "latency").shown("{:.0f}"),
            still(table, run, "spikes_to_decision").shown("{:.0f}"),
            still(table, run, "spikes").shown("{:.0f}"),
            still(table, run, "operations_to_decision").shown("{:,.0f}"),
            jittered.shown("{:.1f}"),
        )


@experiments.register("at-once")
@dataclass(frozen=True)
class AtOnce(Experiment):
    """Train the same architecture in three regimes, and compare accuracy, spikes, operations and latency."""

    question = "What is gained if all layers run at the same time instead of in turn?"
    duration = "30 min"
    quick_duration = "1 min"
    order = 11
    prose = Path(__file__).with_name("at-once.md")
    results = summarised(summary)
    quick = {"hidden": (200, 200), "images": 6000, "epochs": 4, "test_images": 1000}

    regimes: tuple[str, ...] = setting(_REGIMES, choices=_REGIMES)
    hidden: tuple[int, ...] = setting((400, 400))
    jitters: tuple[float, ...] = setting((0.0, 4.0, 8.0, 16.0, 32.0), least=0, below=1e4)
    dataset: str = "mnist"
    images: int = setting(30000, least=20)
    epochs: int = setting(5)
    test_images: int = setting(10000)

    def check(self) -> None:
        from netsim.specification.checks import require

        require(self.jitters[0] == 0, "jitters", "must begin with 0")

    @property
    def facts(self) -> Mapping[str, Any]:
        from netsim.experiments.networks import CHOICE

        words = {"sizes": ", ".join(map(str, self.hidden)), "transfer": TRANSFER.capitalize(), "choice": CHOICE}
        return {**words, "competitive": _COMPETITIVE, "largest": max(self.jitters)}

    def conditions(self) -> Sequence[Condition]:
        return [{"regime": regime} for regime in self.regimes]

    def measure(self, unit: Unit) -> list[Row]:
        from netsim.experiments.training import trained

        regime = unit.condition["regime"]
        rows: list[Row] = []
        with trained(self.network(regime), unit, limit=self.images) as model:
            test = model.splits().test.first(self.test_images)
            runs = {_NAMES[regime]: model} | ({TRANSFER: _at_once(model)} if regime == "phased" else {})
            for name, run in runs.items():
                for each in self.jitters:
                    rows.append({"run": name, "jitter": each, **self._measured(run, test, each, unit)})
        return rows

    def _measured(self, model: Model, test: Stimuli, deviation: float, unit: Unit) -> Row:
        """Return accuracy, latency and costs of test images, with normal jitter of their spikes."""
        import numpy as np

        from netsim.data.augmentation import jitter
        from netsim.data.stimuli import SpikeStimuli
        from netsim.presenting.present import present

        latencies = test.latencies(np.arange(len(test)))
        if deviation:
            generator = np.random.default_rng([unit.seed, 11])
            latencies = jitter(latencies, generator, deviation, model.network.duration)
        stimuli = SpikeStimuli(latencies, test.labels, None, test.encoder, test.classes)
        return _costs(model, present(model, stimuli))

    def network(self, regime: str) -> Network:
        """Return the network of a regime."""
        from netsim.experiments.networks import stimulus_driven

        settings: dict[str, Any] = {"dataset": self.dataset, "epochs": self.epochs, "validation": self.images // 20}
        return stimulus_driven("at-once", regime, self.hidden, 10, batch=50, **settings)

    def draw(self, table: DataFrame) -> Figure:
        runs = list(dict.fromkeys(table["run"]))
        with panels(3, 2.6) as (figure, (left, middle, right)):
            for run, style in zip(runs, styles(len(runs)), strict=True):
                height = still(table, run, "accuracy", 100)
                for axes, column in ((left, "spikes_to_decision"), (middle, "latency")):
                    estimate = still(table, run, column)
                    axes.plot(
                        *(of_seeds(table, *each, run=run, jitter=0.0) for each in ((column,), ("accuracy", 100))),
                        **{**style, "linestyle": "", "markersize": 2, "alpha": 0.6},
                    )
                    across = estimate.high - estimate.mean if estimate.seeds > 1 else 0.0
                    bars(axes, [estimate.mean], [height], xerr=across, **{**style, "markersize": 6})
                curve(
                    right,
                    table[table["run"] == run].sort_values("jitter"),
                    "jitter",
                    "accuracy",
                    100,
                    label=run,
                    **style,
                )
            left.set(xlabel="spikes to decision", ylabel="test accuracy (%)")
            middle.set(xlabel="time of decision (ms)", ylabel="test accuracy (%)")
            right.set(xlabel="jitter of input spikes, SD (ms)", ylabel="test accuracy (%)")
            figure.legend(loc="outside upper center", ncols=len(runs), title="layers")
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        spikes, latency, change = ratio(table, "spikes_to_decision"), ratio(table, "latency"), difference(table)
        compared = (
            f"{spikes.shown()} (to decision), {ratio(table, 'spikes').shown()} (all)",
            latency.shown(),
            f"{change.shown('{:+.2f}')} points",
            f"{still(table, TRANSFER, 'accuracy', 100).shown('{:.1f}')} %",
        )
        if not change.seeds:
            return Verdict("not reproduced", "At once and in turn were not both measured.", compared)
        holds = (spikes.lies_below(1), latency.lies_below(1), change.lies_above(-_COMPETITIVE))
        reason = (
            f"At once, a decision needs {spikes.shown()} times the spikes and {latency.shown()} times the time of"
            f" layers in turn. Its accuracy differs by {change.shown('{:+.2f}')} points; competitive means that the"
            f" interval lies above -{_COMPETITIVE:g} point."
        )
        return Verdict("reproduced" if all(holds) else "not reproduced", reason, compared)


def _at_once(model: Model) -> Model:
    """Return the same weights, with neurons that may fire from the start and have no drive."""
    network = model.network
    populations = tuple(
        replace(each, neurons=replace(each.neurons, regime="free", onset=0.0, drive=0.0, end=network.duration))
        for each in network.populations
        if each.neurons is not None
    )
    return replace(model, network=replace(network, populations=populations))


def _costs(model: Model, spikes: Spikes) -> Row:
    """Return accuracy, latency, spikes and operations, all of them and those up to the decision."""
    import numpy as np

    from netsim.measuring.metrics import decide
    from netsim.weights.layout import kernel_name

    network, decisions = model.network, decide(spikes.outputs)
    assert spikes.labels is not None
    fan_out = {each.source: model.weights[kernel_name(each)].shape[1] for each in network.weighted}
    made = decisions.latency[np.isfinite(decisions.latency)]
    row: Row = {
        "accuracy": float(decisions.strictly_correct(spikes.labels).mean()),
        "latency": float(np.median(made)) if len(made) else None,
        **dict.fromkeys(("spikes", "spikes_to_decision", "operations", "operations_to_decision"), 0.0),
    }
    for name in network.shapes:
        times = spikes[name].reshape(len(decisions.latency), -1)
        for suffix, counted in (("", np.isfinite(times)), ("_to_decision", times <= decisions.latency[:, None])):
            count = float((counted & np.isfinite(times)).sum(axis=1).mean())
            row[f"spikes{suffix}"] += count
            row[f"operations{suffix}"] += count * fan_out.get(name, 0)
    return row
