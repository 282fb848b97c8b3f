"""Features that STDP learns from first spikes without labels, read out linearly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsim.analysis.experiments.figures import bars, panels, styles
from netsim.analysis.experiments.tables import accuracy, gain, rows_of_text
from netsim.analysis.shape import Axes, DataFrame, Figure
from netsim.analysis.style import FAINT, INK, colour_bar
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

PUBLISHED = 98.4
"""Accuracy (%) on MNIST, as a review states it."""
USER = (96.49, 96.62)
"""Accuracies (%) that a user of SpykeTorch reports, of the best epoch on the test images."""


_READ_OUTS = ("first layer", "second layer", "both layers")


SHUFFLED = {"kernels": "shuffled"}


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: accuracy of each read-out, and what learning adds to shuffled kernels."""
    measured = table[table["kernels"] != "weight"]
    groups: Any = measured.groupby(["learned", "kernels", "read_out"], sort=False)
    for learned, kernels, read_out in groups.groups:
        condition = {"learned": learned, "kernels": kernels, "read_out": read_out}
        more = gain(table, SHUFFLED, **condition).shown("{:+.2f}") if kernels == "learned" else ""
        estimate = accuracy(table, **condition)
        shown = f"{estimate.mean:.2f}" if kernels == "none" else estimate.shown()  # no seed changes cells
        yield (str(learned), str(kernels), str(read_out), shown, more)


def _kernels(axes: Axes, rows: DataFrame) -> None:
    """Draw kernels as tiles, on-cells white and off-cells black."""
    import numpy as np

    axes.set_title("kernels of the first layer")
    axes.axis("off")
    if not len(rows):
        return
    weights = rows.sort_values(["map", "row", "column"])["weight"].to_numpy(float)
    count, side = int(rows["map"].max()) + 1, int(rows["row"].max()) + 1
    kernels = weights.reshape(count, side, side)
    columns = int(np.ceil(np.sqrt(2 * count)))
    sheet = np.full((-(-count // columns) * (side + 1) - 1, columns * (side + 1) - 1), np.nan)
    for number, kernel in enumerate(kernels):
        top, start = number // columns * (side + 1), number % columns * (side + 1)
        sheet[top : top + side, start : start + side] = kernel
    image = axes.imshow(sheet, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    colour_bar(axes, image, 1.04, 0.04, "weights, on minus off")


@experiments.register("stdp")
@dataclass(frozen=True)
class DeepSTDP(Experiment):
    """Train two convolutional layers by STDP, and read their first spikes out linearly."""

    question = "How well do features that STDP learns from first spikes distinguish digits?"
    duration = "80 min"
    quick_duration = "2 min"
    order = 7
    prose = Path(__file__).with_name("stdp.md")
    results = summarised(summary)
    quick = {"learned": (200, 1000), "images": 4000, "test_images": 1000}

    learned: tuple[int, ...] = setting((1000, 8000))
    maps: tuple[int, ...] = setting((30, 100))
    thresholds: tuple[float, ...] = setting((12.0, 8.0), above=0, below=1e6)
    dataset: str = "mnist"
    images: int = setting(60000, least=20)
    test_images: int = setting(10000, least=20)
    penalty: float = setting(10.0, above=0, below=1e6)

    def check(self) -> None:
        from netsim.specification.checks import require

        for name in ("maps", "thresholds"):
            require(len(getattr(self, name)) == 2, name, "must be two, one for each layer")

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"published": PUBLISHED, "user": USER}

    def conditions(self) -> Sequence[Condition]:
        return [{"learned": count} for count in self.learned]

    @property
    def judged(self) -> Condition:
        """The measurement of the verdict."""
        return {"learned": max(self.learned), "kernels": "learned", "read_out": "both layers"}

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.data.loading import load_dataset
        from netsim.experiments.kinds.stdp.stages import Stages, linear_accuracy

        stages = Stages(self.maps, self.thresholds)
        data = load_dataset(self.dataset, data_dir=unit.data_dir)
        training = stages.encoded(data.train_images[: self.images], data.intensity_max)
        test = stages.encoded(data.test_images[: self.test_images], data.intensity_max)
        labels = (data.train_labels[: self.images], data.test_labels[: self.test_images])
        stages.learn(training[: unit.condition["learned"]], unit.seed)
        rows: list[Row] = []
        for kernels, weights in (("learned", stages.weights), ("shuffled", stages.shuffled(training, unit.seed))):
            parts = [stages.features(each, weights) for each in (training, test)]
            for name, layers in (("first layer", (0,)), ("second layer", (1,)), ("both layers", (0, 1))):
                first, second = (np.concatenate([part[layer] for layer in layers], axis=1) for part in parts)
                accuracy = linear_accuracy(first, labels[0], second, labels[1], self.penalty)
                rows.append({"kernels": kernels, "read_out": name, "accuracy": accuracy})
        first, second = (stages.values(each).reshape(len(each), -1) for each in (training, test))
        accuracy = linear_accuracy(first, labels[0], second, labels[1], self.penalty)
        rows.append({"kernels": "none", "read_out": "on- and off-cells", "accuracy": accuracy})
        if unit.seed == 0 and unit.condition["learned"] == max(self.learned):
            kernel = stages.weights[0]["conv.kernel"]
            rows += [
                {"kernels": "weight", "map": int(m), "row": int(y), "column": int(x), "weight": float(value)}
                for (y, x, m), value in np.ndenumerate(kernel[:, :, 0] - kernel[:, :, 1])
            ]
        return rows

    def draw(self, table: DataFrame) -> Figure:
        counts = sorted(set(table["learned"]))
        with panels(2, 2.9) as (figure, (left, right)):
            _kernels(left, table[table["kernels"] == "weight"])
            right.axhspan(*USER, color="0.9", zorder=0, label="a user of SpykeTorch")
            for read_out, style in zip(_READ_OUTS, styles(3), strict=True):
                for kernels, line, filled in (("learned", "-", {}), ("shuffled", "--", {"markerfacecolor": "white"})):
                    accuracies = [
                        accuracy(table, learned=count, kernels=kernels, read_out=read_out) for count in counts
                    ]
                    label = read_out if kernels == "learned" else None
                    bars(right, counts, accuracies, label=label, **{**style, "linestyle": line, **filled})
            right.plot(
                [],
                [],
                "o--",
                color=FAINT,
                markersize=3.5,
                markerfacecolor="white",
                linewidth=1,
                label="weights shuffled",
            )
            cells = accuracy(table, learned=counts[-1], kernels="none").mean
            right.axhline(cells, color=FAINT, linestyle=":", linewidth=0.9, label="on- and off-cells")
            right.plot(counts[-1], PUBLISHED, "*", color="white", markeredgecolor=INK, markersize=8, label="published")
            right.set(xlabel="images that STDP learned from", ylabel="test accuracy (%)", xscale="log")
            right.set_xticks(counts, [f"{count:,}" for count in counts])
            right.minorticks_off()
            right.margins(x=0.15)
            figure.legend(loc="outside upper center", ncols=3)
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        reached, more = accuracy(table, **self.judged), gain(table, SHUFFLED, **self.judged)
        compared = 2 * [reached.shown(unit="%")]
        reason = (
            f"First spikes of both layers, read out linearly, reach {reached.shown()} %. {PUBLISHED:g} % were"
            f" published. Learned kernels are {more.shown('{:+.2f}')} points better than the same weights shuffled."
        )
        if not more.lies_above(0) or reached.lies_below(PUBLISHED):
            return Verdict("not reproduced", reason, compared)
        return Verdict("beyond" if reached.lies_above(PUBLISHED) else "reproduced", reason, compared)
