"""The tempotron: the number of random spike patterns that one neuron can classify by firing or silence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import bars, beside, panels, styles
from netsim.analysis.experiments.tables import Interval, grouped, interval, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

    from netsim.specification import Network, PSPShape

_RISE, _FALL = 8.0, 32.0
"""Rise and fall of the postsynaptic potentials (ms)."""
_SHAPES = ("triangle", "plateau", "ramp")
_REFERENCE = 500.0
"""Window of the published simulations (ms)."""
_ABOUT_THREE = (2.5, 3.5)
"""Capacities that round to the published value."""


def capacities(table: DataFrame) -> DataFrame:
    """The largest learned load of each condition and seed, 0 if none was learned."""
    by = ["shape", "window", "step", "seed"]
    learned = table.assign(capacity=table["load"].where(table["solved"].astype(bool), 0.0))
    return learned.groupby(by, sort=False)["capacity"].max().reset_index()


def capacity(table: DataFrame, shape: str, window: float, step: float = 0.0) -> Interval:
    """The capacity of a condition over seeds."""
    measured = capacities(table)
    chosen = (measured["shape"] == shape) & (measured["window"] == window) & (measured["step"] == step)
    return interval(measured.loc[chosen, "capacity"])


def growth(table: DataFrame, shape: str) -> Interval:
    """How much the capacity grows from the shortest to the longest window, paired by seed."""
    measured = capacities(table)
    chosen = measured[(measured["shape"] == shape) & (measured["step"] == 0)]
    if chosen["window"].nunique() < 2:
        return interval([])
    by_window = chosen.pivot(index="seed", columns="window", values="capacity")
    return interval(by_window[by_window.columns.max()] - by_window[by_window.columns.min()])


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: the capacity of each condition, and the share of decisions that the engine confirms."""
    for (shape, window, step), group in grouped(table, "shape", "window", "step"):
        confirmed = group["confirmed"].dropna().astype(float)
        yield (
            str(shape),
            f"{window:g}",
            f"{step:g}" if step else "exact",
            capacity(table, shape, window, step).shown(),
            f"{confirmed.min():.2%}" if len(confirmed) else "",
        )


@experiments.register("tempotron")
@dataclass(frozen=True)
class Tempotron(Experiment):
    """Train one neuron with the tempotron rule on more and more patterns, until it fails."""

    question = "How many random patterns of first spikes can one neuron classify?"
    duration = "15 min"
    quick_duration = "1 min"
    order = 1
    prose = Path(__file__).with_name("tempotron.md")
    results = summarised(summary)
    quick = {"afferents": 100, "epochs": 1000, "windows": (250.0, 500.0), "steps": (16.0, 64.0)}

    afferents: int = setting(300, least=2)
    shapes: tuple[str, ...] = setting(_SHAPES, choices=_SHAPES)
    windows: tuple[float, ...] = setting((250.0, 500.0, 1000.0), above=0, below=1e6, ascending=True)
    steps: tuple[float, ...] = setting((1.0, 8.0, 16.0, 32.0, 64.0), above=0, below=1e6, ascending=True)
    loads: tuple[float, ...] = setting(
        tuple(0.25 * quarter for quarter in range(2, 21)), above=0, below=1e6, ascending=True
    )
    epochs: int = setting(3000)
    rate: float = setting(0.002, above=0)
    momentum: float = setting(0.9, least=0, below=1)

    def check(self) -> None:
        from netsim.specification.checks import require

        require(self.loads[0] * self.afferents >= 1, "loads", "must make at least one pattern")
        for condition in self.conditions():
            psp, tau, _ = _response(condition["shape"], condition["window"])
            network = self.network(psp, tau, condition["window"], _end(**condition))
            if condition["step"]:
                network.check_dt(condition["step"], "steps")

    @property
    def facts(self) -> Mapping[str, Any]:
        spacing = min((b - a for a, b in zip(self.loads, self.loads[1:], strict=False)), default=0.0)
        return {
            "rise": _RISE,
            "fall": _FALL,
            "published_window": _REFERENCE,
            "about_three": _ABOUT_THREE,
            "reference": self.reference,
            "spacing": spacing,
        }

    def conditions(self) -> Sequence[Condition]:
        exact = [{"shape": shape, "window": window, "step": 0.0} for shape in self.shapes for window in self.windows]
        shape, window = self.shapes[0], self.reference
        return exact + [{"shape": shape, "window": window, "step": step} for step in self.steps]

    @property
    def reference(self) -> float:
        """The window (ms) for comparison with the control: the closest to the published window."""
        return min(self.windows, key=lambda window: abs(window - _REFERENCE))

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.kinds.tempotron.rule import arrivals, learn_epoch

        window, step = unit.condition["window"], unit.condition["step"]
        psp, tau, _ = _response(unit.condition["shape"], window)
        generator = np.random.default_rng(unit.seed)
        most = round(self.loads[-1] * self.afferents)
        latencies = window * generator.random((most, self.afferents))
        labels = generator.random(most) < 0.5
        weights = generator.normal(0.0, 0.05, self.afferents)
        kernel = [(_on_grid(delay, step), change / tau) for delay, change in psp.kernel]
        latencies, end = _on_grid(latencies, step), _end(**unit.condition)
        pieces = arrivals(latencies, kernel, end)
        network, rows, solved = self.network(psp, tau, window, end), [], True
        for load in self.loads:
            row: Row = {"load": load, "solved": False, "epochs": None, "confirmed": None}
            rows.append(row)
            if not solved:
                continue
            count, moved = round(load * self.afferents), np.zeros(self.afferents)
            for epoch in range(self.epochs):
                order = generator.permutation(count)
                errors = learn_epoch(
                    *pieces, latencies, labels, np.array(kernel), order, weights, moved, self.rate, self.momentum
                )
                if not errors:
                    fired = _fires(network, weights, latencies[:count], step)
                    row |= {"solved": True, "epochs": epoch + 1, "confirmed": float((fired == labels[:count]).mean())}
                    break
            solved = row["solved"]
        return rows

    def network(self, psp: PSPShape, tau: float, window: float, end: float) -> Network:
        """Return the network of one neuron for the engine."""
        from netsim.specification import Dense, LatencyEncoder, Layer, Network, Neurons

        neurons = Neurons("free", threshold=1.0, tau=tau)
        return Network.chain(
            "tempotron",
            LatencyEncoder((1, 1, self.afferents), window),
            (Layer("output", Dense(1), neurons, psp=psp),),
            duration=end,
        )

    def draw(self, table: DataFrame) -> Figure:
        shape, window, published = self.shapes[0], self.reference, _ABOUT_THREE
        exact = table[table["step"] == 0]
        shapes, windows = list(dict.fromkeys(exact["shape"])), sorted(set(exact["window"]))
        steps = sorted(set(table["step"]) - {0.0})
        with panels(3, 2.5) as (figure, (left, middle, right)):
            left.axvspan(*published, color="0.9", zorder=0)
            for axes in (middle, right):
                axes.axhspan(*published, color="0.9", zorder=0)
            for number, (each, style) in enumerate(zip(shapes, styles(len(shapes)), strict=True)):
                chosen = exact[(exact["shape"] == each) & (exact["window"] == window)]
                success = chosen.assign(solved=chosen["solved"].astype(float)).groupby("load")["solved"].mean()
                left.plot(success.index, 100 * success, label=each, **style)
                estimates = [capacity(table, each, width) for width in windows]
                factor = 1.03 ** beside(number, len(shapes), 1)
                bars(middle, [width * factor for width in windows], estimates, **style)
                if each == shape and steps:
                    bars(right, steps, [capacity(table, shape, window, step) for step in steps], **style)
                    reference = capacity(table, shape, window)
                    right.axhline(reference.mean, color=style["color"], linestyle="--", linewidth=0.8)
            left.set(xlabel="patterns per synapse", ylabel="seeds learned (%)", ylim=(-4, 104))
            middle.set(xlabel="window (ms)", ylabel="patterns per synapse", xscale="log")
            right.set(xlabel="time step (ms)", ylabel="patterns per synapse", xscale="log")
            for axes, ticks in ((middle, windows), (right, steps)):
                axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
                axes.minorticks_off()
                axes.set_ylim(bottom=0)
            left.fill_between([], [], color="0.9", label="published, about 3")
            middle.set_title("exact times")
            right.set_title(f"{shape}, {window:g} ms")
            figure.legend(loc="outside upper center", ncols=len(shapes) + 1, title="postsynaptic potential")
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        low, high = _ABOUT_THREE
        reached, grown = capacity(table, self.shapes[0], self.reference), growth(table, self.shapes[0])
        change = f"{grown.shown('{:+.2f}')} from the shortest to the longest window" if grown.seeds else "not measured"
        compared = [reached.shown(), change]
        shrinks = grown.seeds > 1 and grown.high < 0
        reason = (
            f"Within {self.epochs:,} epochs one neuron learns {reached.shown()} patterns per synapse ({self.shapes[0]},"
            f" window {self.reference:g} ms). The published capacity is about 3, so values from {low} to {high} agree."
        )
        if grown.seeds:
            trend = "shrinks" if shrinks else "grows" if grown.low > 0 else "does not change significantly"
            reason += f" From the shortest to the longest window the capacity {trend} ({grown.shown('{:+.2f}')})."
        if reached.lies_above(high):
            return Verdict("beyond", reason, compared)
        return Verdict("not reproduced" if reached.lies_below(low) or shrinks else "reproduced", reason, compared)


def _response(shape: str, window: float) -> tuple[PSPShape, float, float]:
    """Return a PSP, the time constant (ms) that scales its peak to 1, and its duration (ms)."""
    from netsim.specification import PSP

    if shape == "triangle":
        return PSP("triangle", rise=_RISE, fall=_FALL), _RISE, _RISE + _FALL
    if shape == "plateau":
        return PSP("plateau", rise=_RISE), _RISE, _RISE
    return PSP("ramp"), window, 0.0


def _on_grid(times: Any, step: float) -> Any:
    """Round times to the nearest step, halves up, like the engines. Exact times stay."""
    import numpy as np

    return step * np.floor(times / step + 0.5) if step else times


def _end(shape: str, window: float, step: float) -> float:
    """Return the end of a presentation (ms): after the last potential, and on a grid after the last latency."""
    end = window + _response(shape, window)[2]
    return max(step * math.ceil(end / step), _on_grid(window, step) + step) if step else end


def _fires(network: Network, weights: np.ndarray, latencies: np.ndarray, step: float) -> np.ndarray:
    """Return for each pattern whether the neuron fires in netsim's event engine."""
    import numpy as np

    from netsim.engines import Batch, make_engine

    engine = make_engine("event", network, step)
    stimuli = latencies.reshape(len(latencies), 1, 1, -1)
    spikes: np.ndarray = engine.present(Batch(stimuli, {"output.kernel": weights.reshape(-1, 1)}))["output"]
    return np.isfinite(spikes.reshape(len(latencies)))
