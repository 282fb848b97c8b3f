"""Learning of delays compared with learning of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import bars, panels, styles
from netsim.analysis.experiments.tables import Interval, accuracy, gain, grouped, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.analysis.style import INK
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    from netsim.specification import Network

_LEARNED = ("weights", "delays", "both")
POINTS = "yin-yang"
_LONGEST, _BIN = 64.0, 4.0
"""Longest delay, and width of the bins of their histogram (ms)."""
PUBLISHED = {243: 96.7, 453: 98.2, 963: 96.0, 1603: 98.1}
"""Accuracies (%) on points by learned parameters, counted as ours.

DelGrad with 30 hidden neurons, with weights alone and with delays of synapses, and fast&deep with 120, all from
published spike times of outputs. EventProp with 200 (recalled).
"""
_COMPARABLE = 2.0
"""Difference of accuracy (percentage points) within which delays and weights count as comparable."""


_BASE = {"learned": "weights"}


def gain_over_weights(table: DataFrame, dataset: str, size: int, learned: str) -> Interval:
    """How much higher (points) the accuracy is than with weights alone, paired by seed."""
    return gain(table, _BASE, dataset=dataset, size=size, learned=learned)


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: parameters, accuracy, and the difference from weights alone."""
    for (dataset, size, learned), group in grouped(table, "dataset", "size", "learned"):
        shown = accuracy(table, dataset=dataset, size=size, learned=learned).shown()
        more = "" if learned == "weights" else gain_over_weights(table, dataset, size, learned).shown("{:+.2f}")
        yield (str(dataset), str(size), str(learned), f"{group['parameters'].iloc[0]:,}", shown, more)


def _sizes(table: DataFrame, dataset: str) -> list[int]:
    return sorted(set(table.loc[table["dataset"] == dataset, "size"]))


@experiments.register("delays")
@dataclass(frozen=True)
class LearnedDelays(Experiment):
    """Train weights, delays or both, with equal numbers of learned parameters."""

    question = "Can synaptic delays alone learn what weights learn?"
    duration = "15 min"
    quick_duration = "1 min"
    order = 10
    prose = Path(__file__).with_name("delays.md")
    results = summarised(summary)
    quick = {"sizes": (30,), "epochs": 15, "images": 3000, "image_epochs": 3, "test_images": 1000}

    datasets: tuple[str, ...] = (POINTS, "mnist")
    learned: tuple[str, ...] = setting(_LEARNED, choices=_LEARNED)
    sizes: tuple[int, ...] = setting((30, 120), least=2)
    epochs: int = setting(100)
    image_size: int = setting(100, least=2)
    images: int = setting(6000, least=20)
    image_epochs: int = setting(4)
    test_images: int = setting(10000)
    mean: float = setting(16.0, above=0, below=1e3)
    spread: float = setting(8.0, above=0, below=1e3)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"longest": _LONGEST, "comparable": _COMPARABLE}

    def conditions(self) -> Sequence[Condition]:
        return [
            {"dataset": dataset, "size": size, "learned": each}
            for dataset in self.datasets
            for size in (self.sizes if dataset == POINTS else (self.image_size,))
            for each in self.learned
        ]

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.training import trained
        from netsim.measuring.evaluation import evaluate
        from netsim.specification.summary import summarise

        network = self.network(**unit.condition)
        with trained(network, unit, **({} if unit.condition["dataset"] == POINTS else {"limit": self.images})) as model:
            accuracy = evaluate(model, limit=self.test_images).strict_accuracy
            delays = [array.ravel() for name, array in model.weights.items() if name.endswith(".delay")]
        known: Row = {"accuracy": accuracy, "parameters": summarise(network)["parameters"]}
        if not delays:
            return [{**known, "delay_ms": None, "share": None}]
        counts, edges = np.histogram(np.concatenate(delays), np.arange(0.0, _LONGEST + _BIN, _BIN))
        return [
            {**known, "delay_ms": float(edge), "share": float(count / counts.sum())}
            for edge, count in zip(edges, counts, strict=False)
        ]

    def network(self, dataset: str, size: int, learned: str) -> Network:
        """Return a network of `size` hidden neurons, or half as many if both weights and delays are learned."""
        from netsim.experiments.networks import stimulus_driven
        from netsim.models.presets import load_preset
        from netsim.specification import Delays, Dense

        settings: dict[str, Any] = {"epochs": self.image_epochs, "batch": 50, "validation": self.images // 20}
        if dataset == POINTS:
            base = load_preset("yin-yang")
            base = replace(base, training=replace(base.training, epochs=self.epochs))
        else:
            base = stimulus_driven("delays", "free", (size,), 10, dataset=dataset, **settings)
        delay: Any = Delays("synapse", mean=self.mean, spread=self.spread, longest=_LONGEST, learned=True)
        more: dict[str, Any] = {"plastic": learned != "delays"} | ({} if learned == "weights" else {"delay": delay})
        hidden, output = base.layers() or ()
        count = max(1, size // 2) if learned == "both" else size
        layers = (replace(hidden, connectivity=Dense(count), **more), replace(output, **more))
        return base.with_layers(layers)

    def draw(self, table: DataFrame) -> Figure:
        width, published = _BIN, {POINTS: PUBLISHED}
        datasets, kinds = list(dict.fromkeys(table["dataset"])), list(dict.fromkeys(table["learned"]))
        with panels(1 + len(datasets), 2.5) as (figure, (left, *others)):
            for learned, style in zip(kinds, styles(len(kinds)), strict=True):
                for axes, dataset in zip(others, datasets, strict=True):
                    chosen = table[(table["dataset"] == dataset) & (table["learned"] == learned)]
                    sizes = _sizes(chosen, dataset)
                    counts = [chosen.loc[chosen["size"] == size, "parameters"].iloc[0] for size in sizes]
                    estimates = [accuracy(table, dataset=dataset, size=size, learned=learned) for size in sizes]
                    label = learned if dataset == datasets[0] else None
                    bars(left, counts, estimates, label=label, **style)
                    largest = chosen[chosen["size"] == max(sizes, default=0)].dropna(subset="share")
                    shares = largest.groupby("delay_ms")["share"].mean()
                    if len(shares):
                        edges = [*shares.index, shares.index[-1] + width]
                        axes.stairs(100 * shares.to_numpy(), edges, color=style["color"], linewidth=1.2)
            for dataset in datasets:
                most = table.loc[table["dataset"] == dataset, "parameters"].max()
                left.text(most, 100.5, dataset, ha="center", va="bottom", fontsize="small")
                stars = published.get(dataset, {})
                left.plot([*stars], [*stars.values()], "*", color="white", markeredgecolor=INK, markersize=7, zorder=3)
            left.set(xlabel="learned parameters", ylabel="test accuracy (%)", xscale="log")
            left.margins(x=0.15)
            for axes, dataset in zip(others, datasets, strict=True):
                axes.set(xlabel="learned delay (ms)", ylabel="synapses (%)", ylim=(0, None))
                axes.set_title(f"{dataset}, size {_sizes(table, dataset)[-1]}")
            figure.legend(loc="outside upper center", ncols=len(kinds), title="learned")
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        sizes = table.groupby("dataset", sort=False)["size"].max().items()
        gains = {str(each): gain_over_weights(table, str(each), int(size), "delays") for each, size in sizes}
        shown = {each: found.shown("{:+.2f}", "points", "not measured") for each, found in gains.items()}
        compared = ["; ".join(f"{dataset}: {text}" for dataset, text in shown.items())]
        if not gains or not all(each.seeds for each in gains.values()):
            return Verdict("not reproduced", "Delays alone and weights alone were not both measured.", compared)
        changes = " and ".join(f"{each.shown('{:+.2f}')} points ({dataset})" for dataset, each in gains.items())
        reason = (
            f"In the largest networks, delays alone change the accuracy by {changes} compared with weights alone."
            f" Comparable means that the interval lies above -{_COMPARABLE:g} points."
        )
        if all(each.seeds > 1 and each.lies_above(0) for each in gains.values()):
            return Verdict("beyond", reason, compared)
        comparable = all(each.lies_above(-_COMPARABLE) for each in gains.values())
        return Verdict("reproduced" if comparable else "not reproduced", reason, compared)
