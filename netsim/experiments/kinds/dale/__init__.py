"""Dale's law: the cost of fixed signs in deep first-spike networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.analysis.experiments.figures import bars, beside, curve, panels, styles
from netsim.analysis.experiments.tables import accuracy, gain, grouped, interval, percentage, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.analysis.style import FAINT, INK
from netsim.errors import SpecificationError
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    from netsim.runs.model import Model
    from netsim.specification import Network

FREE = "none"
"""Name of the condition without fixed signs."""
_PUBLISHED = {(4, FREE): (0.9787, 0.9791), (4, "75/25"): (0.9769, 0.9778), (8, "75/25"): (0.9700, 0.9700)}
"""Published accuracies, lowest and highest, by depth and constraint."""


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: accuracy, its cost against the networks without a constraint, activity and balance."""
    for (depth, constraint), group in grouped(table, "depth", "constraint"):
        cost = gain(table, {"constraint": constraint}, depth=depth, constraint=FREE)
        hidden = group[group["layer"] <= depth].groupby("seed")[["firing", "inhibition"]].mean()
        yield (
            str(depth),
            str(constraint),
            accuracy(table, depth=depth, constraint=constraint).shown(),
            "" if constraint == FREE else cost.shown("{:+.2f}"),
            percentage(hidden["firing"]).shown("{:.0f}"),
            interval(hidden["inhibition"]).shown(),
        )


@experiments.register("dale")
@dataclass(frozen=True)
class Dale(Experiment):
    """Train networks with and without fixed signs, by depth."""

    question = "What does Dale's law cost a deep network of first spikes, by depth?"
    duration = "40 min"
    quick_duration = "1 min"
    order = 8
    prose = Path(__file__).with_name("dale.md")
    results = summarised(summary)
    quick = {"depths": (2, 4), "images": 5000, "epochs": 2, "test_images": 2000}

    constraints: tuple[str, ...] = (FREE, "75/25", "50/50")
    depths: tuple[int, ...] = setting((2, 4, 8))
    dataset: str = "mnist"
    width: int = setting(400)
    images: int = setting(60000, least=12)
    epochs: int = setting(5)
    test_images: int = setting(10000)
    rate: float = setting(0.001, above=0)
    window: float = setting(64.0, above=0)

    def check(self) -> None:
        for constraint in self.constraints:
            inhibitory_share(constraint)

    def conditions(self) -> Sequence[Condition]:
        return [{"depth": depth, "constraint": each} for depth in self.depths for each in self.constraints]

    def measure(self, unit: Unit) -> list[Row]:
        from netsim.experiments.training import trained
        from netsim.measuring.evaluation import evaluate

        depth, constraint = unit.condition["depth"], unit.condition["constraint"]
        network = self.network(depth, inhibitory_share(constraint))
        with trained(network, unit, limit=self.images) as model:
            evaluation = evaluate(model, limit=self.test_images)
            balance = _balance(model, min(500, self.test_images))
        spikes = evaluation.spikes_per_presentation
        return [
            {
                "layer": number,
                "accuracy": evaluation.strict_accuracy,
                "firing": spikes[population.name] / population.shape[0],
                "inhibition": balance[population.name],
            }
            for number, population in enumerate(network.populations, 1)
        ]

    def network(self, depth: int, inhibitory: float | None) -> Network:
        """Return a network of `depth` hidden layers, whose neurons have a sign unless `inhibitory` is None."""
        from netsim.experiments.networks import RULE
        from netsim.specification import Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Training

        span, layers = self.window, []
        for number in range(depth):
            onset = span * (1 + 2 * number)
            neurons = Neurons("phased", 2.0, span, onset=onset, end=onset + 2 * span, drive=1.0, bias=True)
            layers.append(Layer(f"hidden{number + 1}", Dense(self.width), neurons, inhibitory=inhibitory))
        onset = span * (1 + 2 * depth)
        end = onset + 5 * span
        neurons = Neurons("phased", 3.0, span, onset=onset, end=end, drive=1.0, bias=True)
        layers.append(Layer("output", Dense(10), neurons))
        return Network.chain(
            "dale",
            IntensityEncoder((28, 28, 1), span),
            tuple(layers),
            duration=end,
            learning=Learning(rate=self.rate, sharpness=4.0, label_smoothing=0.05, averaging=0.999, **RULE),
            training=Training(dataset=self.dataset, epochs=self.epochs, validation=self.images // 12),
        )

    def draw(self, table: DataFrame) -> Figure:
        from matplotlib.ticker import MaxNLocator

        deepest = table["depth"].max()
        constraints = list(dict.fromkeys(table["constraint"]))
        depths = sorted(set(table["depth"]))
        with panels(3, 2.5) as (figure, (left, middle, right)):
            for number, (constraint, style) in enumerate(zip(constraints, styles(len(constraints)), strict=True)):
                shift = beside(number, len(constraints), 0.12)
                accuracies = [accuracy(table, depth=depth, constraint=constraint) for depth in depths]
                bars(left, [depth + shift for depth in depths], accuracies, label=constraint, **style)
                for (depth, other), bounds in _PUBLISHED.items():
                    if other == constraint and depth in depths:
                        value = 50 * sum(bounds)
                        look = {"color": style["color"], "markersize": 8, "markeredgecolor": INK}
                        left.plot(depth + shift, value, "*", **look, zorder=4)
                selected = table[(table["depth"] == deepest) & (table["constraint"] == constraint)]
                for axes, column, scale in ((middle, "firing", 100), (right, "inhibition", 1)):
                    curve(axes, selected.assign(layer=selected["layer"] + shift), "layer", column, scale, **style)
            right.axhline(1, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
            left.set(xlabel="hidden layers", ylabel="test accuracy (%)", xticks=depths)
            middle.set(xlabel="layer", ylabel="neurons that fire (%)", ylim=(0, 105))
            right.set(xlabel="layer", ylabel="inhibition / excitation")
            for axes in (middle, right):
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
                axes.set_title(f"{deepest} hidden layers")
            star = left.plot([], [], "*", color="white", markeredgecolor=INK, markersize=8)
            handles, labels = left.get_legend_handles_labels()
            figure.legend(
                [*handles, *star],
                [*labels, "published"],
                loc="outside upper center",
                ncols=len(labels) + 1,
                title="excitatory/inhibitory neurons (%)",
            )
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        estimates = {key: accuracy(table, depth=key[0], constraint=key[1]) for key in _PUBLISHED}
        cost = gain(table, {"constraint": "75/25"}, depth=4, constraint=FREE).shown("{:.2f}", "points", "not measured")
        compared = [*(each.shown(unit="%", missing="not measured") for each in estimates.values()), cost]
        below, beyond, reasons = [], [], []
        for (depth, constraint), reached in estimates.items():
            if not reached.seeds:
                continue
            low, high = (100 * bound for bound in _PUBLISHED[depth, constraint])
            below.append(reached.lies_below(low))
            beyond.append(reached.lies_above(high))
            word = "below" if below[-1] else "above" if beyond[-1] else "compatible with"
            reasons.append(
                f"with {depth} layers and the constraint {constraint}, {reached.shown()} % is {word}"
                f" {_range(low, high)} %"
            )
        if not reasons:
            return Verdict("not reproduced", "No published condition was measured with these settings.", compared)
        reason = "; ".join(reasons)
        reason = f"{reason[0].upper()}{reason[1:]}."
        return Verdict("not reproduced" if any(below) else "beyond" if all(beyond) else "reproduced", reason, compared)


def inhibitory_share(constraint: str) -> float | None:
    """Parse the fraction of inhibitory neurons from a text such as ``75/25``. None without a constraint."""
    if constraint == FREE:
        return None
    parts = constraint.split("/")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts) or sum(map(int, parts)) != 100:
        raise SpecificationError("constraints", f"must be {FREE!r} or percentages such as '75/25', not {constraint!r}")
    return int(parts[1]) / 100


def _range(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"


def _balance(model: Model, limit: int) -> dict[str, float | None]:
    """Return the ratio of inhibitory to excitatory input until the onset, by population, or None without excitation."""
    import numpy as np

    from netsim.presenting.present import present
    from netsim.weights.layout import kernel_name

    network, ratios = model.network, {}
    spikes = present(model, limit=limit)
    for population in network.populations:
        (projection,) = network.incoming(population.name)
        source = spikes[projection.source].reshape(spikes.presentations, -1)
        kernel = model.weights[kernel_name(projection)]
        potential = projection.psp.potential(population.dynamics.gate - source)
        positive = float((potential @ np.maximum(kernel, 0)).sum())
        negative = float((potential @ np.maximum(-kernel, 0)).sum())
        ratios[population.name] = negative / positive if positive > 0 else None
    return ratios
