"""Reaction times: how the first output spike depends on contrast, noise, discriminability and the number of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from netsim.analysis.experiments.figures import bars, panels, style_of
from netsim.analysis.experiments.tables import Interval, by_seed, interval, percentage
from netsim.analysis.shape import Axes, DataFrame, Figure, Series
from netsim.analysis.style import FAINT, colours
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.dataset import Dataset
    from netsim.data.stimuli import Stimuli
    from netsim.specification import Network
    from netsim.spikes import Spikes

_WINDOW = 64.0
"""Encoding window (ms)."""


_STEP = 0.05
_AXES = {"contrast": "contrast", "strength": "strength of the evidence", "noise": "pixel noise, SD"}


class Laws(NamedTuple):
    """Results of networks for three laws."""

    exponent: Interval
    """Of contrast, in Piéron's law."""
    slowing: Interval
    """Latency of the weakest minus the strongest evidence (ms)."""
    gain: Interval
    """Accuracy of the weakest minus the strongest evidence (points)."""
    per_bit: Interval
    """Slope of the latency over log2 of the number of classes (ms)."""


def laws(table: DataFrame) -> Laws:
    """Fit the laws to each network."""
    most = table[table["classes"] == table["classes"].max()]
    contrast, strength = (most[most["manipulation"] == name] for name in ("contrast", "strength"))
    exponents = [pieron(group["level"], group["latency_correct"])[0] for _, group in contrast.groupby("seed")]
    weak, strong = (by_seed(strength, level=each(strength["level"])) for each in (min, max))
    return Laws(
        interval(exponents),
        interval(weak["latency"] - strong["latency"]),
        interval(100 * (weak["accuracy"] - strong["accuracy"])),
        interval([_slope(group) for _, group in _intact(table).groupby("seed")]),
    )


def pieron(levels: Series, latencies: Series) -> tuple[float, float, float]:
    """Exponent, t0 and k of t = t0 + k·S^p by least squares, the exponent from -3 to 3."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    given = np.isfinite(latencies.astype(float))
    s, t = levels[given].to_numpy(float), latencies[given].to_numpy(float)
    if len(s) < 4:
        return (np.nan, np.nan, np.nan)

    def line(p: float) -> tuple[float, float, float]:
        design = np.column_stack([np.ones_like(s), s**p])
        start, factor = np.linalg.lstsq(design, t, rcond=None)[0]
        return float(((start + factor * s**p - t) ** 2).sum()), float(start), float(factor)

    exponents = np.arange(-3 + _STEP / 2, 3, _STEP).tolist()
    near = min(exponents, key=lambda p: line(p)[0])
    bounds = (max(-3, near - _STEP), min(3, near + _STEP))
    p = float(minimize_scalar(lambda p: line(p)[0], bounds=bounds, method="bounded").x)
    return (p, *line(p)[1:])


def _intact(table: DataFrame) -> DataFrame:
    """The rows of intact images."""
    return table[(table["manipulation"] == "contrast") & (table["level"] == 1)]


def _slope(rows: DataFrame) -> float:
    import numpy as np

    if rows["classes"].nunique() < 2:
        return np.nan
    return float(np.polyfit(np.log2(rows["classes"]), rows["latency"].astype(float), 1)[0])


def diffusion(rows: DataFrame) -> tuple[np.ndarray, float]:
    """Latencies (ms) that a diffusion predicts for one network by strength, and how much variance they explain."""
    import numpy as np
    from scipy.optimize import curve_fit

    s = rows["level"].to_numpy(float)
    b = curve_fit(lambda x, b: 1 / (1 + np.exp(-2 * b * x)), s, rows["accuracy"].to_numpy(float), 2.0, bounds=(0, 50))[
        0
    ]
    shape = np.tanh(b * s) / (b * s)
    t = rows["mean_latency"].to_numpy(float)
    design = np.column_stack([shape, np.ones_like(s)])
    predicted = design @ np.linalg.lstsq(design, t, rcond=None)[0]
    return predicted, float(1 - ((predicted - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())


def diffusions(table: DataFrame) -> tuple[DataFrame, Interval]:
    """Predictions of a diffusion for all networks with the fewest classes, and the variance that they explain."""
    selected = table[(table["classes"] == table["classes"].min()) & (table["manipulation"] == "strength")]
    predicted, explained = selected.assign(predicted=float("nan")), []
    known = predicted["seed"] != predicted["seed"]
    for seed, rows in selected.groupby("seed"):
        if len(rows) > 2 and rows["mean_latency"].notna().all():
            predicted.loc[rows.index, "predicted"], share = diffusion(rows)
            explained.append(share)
            known |= predicted["seed"] == seed
    return (predicted[known] if explained else predicted), interval(explained)


def summary(table: DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: each level with the most classes, and intact images for the others."""
    most, rows = table["classes"].max(), []
    drawn = table[table["manipulation"].isin(_AXES)]
    for manipulation in _AXES:
        selected = drawn[(drawn["classes"] == most) & (drawn["manipulation"] == manipulation)]
        rows += [_summed(most, manipulation, level, group) for level, group in selected.groupby("level")]
    intact = _intact(table)
    rows += [_summed(n, "none", 1.0, group) for n, group in intact.groupby("classes") if n != most]
    return tuple(rows)


def _summed(classes: object, manipulation: str, level: float, group: DataFrame) -> tuple[str, ...]:
    difference = group["latency_error"].astype(float) - group["latency_correct"].astype(float)
    return (
        str(classes),
        manipulation,
        f"{level:g}",
        percentage(group["accuracy"]).shown("{:.1f}"),
        percentage(group["decided"]).shown("{:.1f}"),
        interval(group["latency_correct"]).shown("{:.1f}"),
        interval(difference).shown("{:+.1f}"),
        interval(group["skewness"]).shown("{:+.2f}"),
    )


def _pieron_line(axes: Axes, rows: DataFrame) -> None:
    import numpy as np

    means = rows.groupby("level")["latency_correct"].mean().reset_index()
    exponent, start, factor = pieron(means["level"], means["latency_correct"])
    levels = np.linspace(means["level"].min(), means["level"].max(), 50)
    axes.plot(levels, start + factor * levels**exponent, "--", color=FAINT, linewidth=0.9, label="Piéron's law, fitted")


def _classes(axes: Axes, table: DataFrame, colour: object) -> None:
    intact = _intact(table)
    numbers = sorted(set(intact["classes"]))
    bars(
        axes, numbers, [interval(intact.loc[intact["classes"] == n, "latency"]) for n in numbers], **style_of(0, colour)
    )
    axes.set(xlabel="number of classes", ylabel="decision latency (ms)", xscale="log", title="intact images")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()


def _draw_deadlines(axes: Axes, most: DataFrame) -> None:
    import numpy as np

    selected = most[most["manipulation"].str.startswith("deadline")]
    names = sorted(set(selected["manipulation"]))
    for name, colour, height in zip(names, colours(4)[2:], (60, 30), strict=False):
        rows = selected[selected["manipulation"] == name]
        estimates = [percentage(group["accuracy"]) for _, group in rows.groupby("level")]
        levels, means = sorted(set(rows["level"])), [each.mean for each in estimates]
        axes.plot(levels, means, color=colour, linewidth=1)
        axes.fill_between(
            levels, [e.low for e in estimates], [e.high for e in estimates], color=colour, alpha=0.25, linewidth=0
        )
        middle = float(np.interp(max(means) / 2, means, levels))
        early = middle < levels[-1] / 2  # the label is between both curves
        at, side = (middle + 8, "left") if early else (middle - 8, "right")
        axes.text(at, height, name.removeprefix("deadline, "), color=colour, ha=side, va="center")
    axes.set(xlabel="deadline (ms)", ylabel="decided correctly (%)", ylim=(0, 102))
    axes.set_title(f"{most['classes'].max()} classes")


def _diffusion(axes: Axes, table: DataFrame, colour: object) -> None:
    predictions = diffusions(table)[0]
    levels = sorted(set(predictions["level"]))
    estimates = [interval(predictions.loc[predictions["level"] == level, "mean_latency"]) for level in levels]
    bars(axes, levels, estimates, **style_of(0, colour))
    predicted = predictions.groupby("level")["predicted"].mean()
    axes.plot(predicted.index, predicted, "--", color=FAINT, linewidth=0.9)
    axes.set(xlabel=_AXES["strength"], ylabel="mean decision latency (ms)", title=f"{table['classes'].min()} classes")


@experiments.register("reaction-time")
@dataclass(frozen=True)
class ReactionTime(Experiment):
    """Train networks to classify digits, and measure when they decide on weakened, noisy and mixed images."""

    question = "Do first-spike decisions obey the laws of human reaction times?"
    duration = "8 min"
    quick_duration = "1 min"
    order = 2
    prose = Path(__file__).with_name("reaction-time.md")
    results = summarised(summary)
    quick = {"classes": (2, 4, 10), "images": 6000, "epochs": 4, "test_images": 500}

    classes: tuple[int, ...] = setting((2, 3, 4, 6, 8, 10), least=2)
    contrasts: tuple[float, ...] = setting((0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0), above=0, most=1)
    noises: tuple[float, ...] = setting((0.0, 0.1, 0.2, 0.4, 0.8), least=0, below=10)
    strengths: tuple[float, ...] = setting((0.1, 0.2, 0.4, 0.6, 0.8, 1.0), above=0, most=1)
    dataset: str = "mnist"
    hidden: int = setting(200)
    images: int = setting(12000, least=20)
    epochs: int = setting(10)
    test_images: int = setting(2000)
    rate: float = setting(0.1, above=0)

    def check(self) -> None:
        from netsim.errors import SpecificationError

        if 1.0 not in self.contrasts:
            raise SpecificationError("contrasts", "must contain 1, the intact images, which other rows refer to")

    @property
    def facts(self) -> Mapping[str, Any]:
        from netsim.experiments.networks import CHOICE

        return {"window": _WINDOW, "choice": CHOICE}

    def conditions(self) -> Sequence[Condition]:
        return [{"classes": number} for number in self.classes]

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.training import trained
        from netsim.presenting.present import present

        generator = np.random.default_rng([unit.seed, 2])
        data = self.data(unit, generator)
        network = self.network(unit.condition["classes"])
        rows: list[Row] = []
        with trained(network, unit, data=data) as model:
            test = model.splits().test.first(self.test_images)
            for manipulation, level, stimuli in self.stimuli(test, generator):
                spikes = present(model, stimuli, populations=["output"])
                rows.append({"manipulation": manipulation, "level": level, **_decided(spikes)})
                if manipulation == "contrast" and level in (min(self.contrasts), max(self.contrasts)):
                    rows += _deadlines(spikes, level)
        return rows

    def data(self, unit: Unit, generator: np.random.Generator) -> Dataset:
        """Return the images of some classes, drawn for each seed, with at most `images` for training."""
        import numpy as np

        from netsim.data.loading import load_dataset
        from netsim.data.making import make_dataset
        from netsim.errors import SpecificationError

        known = load_dataset(self.dataset, data_dir=unit.data_dir)
        if max(self.classes) > len(known.classes):
            raise SpecificationError("classes", f"must be at most {len(known.classes)}, those of {self.dataset}")
        chosen = np.random.default_rng([unit.seed, 1]).permutation(len(known.classes))[: unit.condition["classes"]]
        numbers = np.full(len(known.classes), -1)
        numbers[chosen] = np.arange(len(chosen))
        parts = []
        for images, labels, limit in (
            (known.train_images, known.train_labels, self.images),
            (known.test_images, known.test_labels, self.test_images),
        ):
            kept = np.flatnonzero(numbers[labels] >= 0)[:limit]
            parts.append((np.asarray(images)[kept], numbers[labels[kept]]))
        encoder = self.network(len(chosen)).encoder
        names = [known.classes[number] for number in chosen]
        return make_dataset(
            parts[0], encoder, parts[1], name="some-classes", classes=names, intensity_max=known.intensity_max
        )

    def stimuli(self, test: Stimuli, generator: np.random.Generator) -> Iterator[tuple[str, float, Stimuli]]:
        """Yield manipulation, level and stimuli: weaker, noisy, and mixed with an image of another class."""
        import numpy as np

        assert test.intensity_max is not None
        images, largest = np.asarray(test.images)[: len(test)].astype(float), test.intensity_max
        for contrast in self.contrasts:
            yield "contrast", contrast, replace(test, images=contrast * images)
        for noise in self.noises:
            noisy = images + noise * largest * generator.standard_normal(images.shape)
            yield "noise", noise, replace(test, images=np.clip(noisy, 0, largest))
        others = np.array([generator.choice(np.flatnonzero(test.labels != label)) for label in test.labels])
        for strength in self.strengths:
            mixed = (1 + strength) / 2 * images + (1 - strength) / 2 * images[others]
            yield "strength", strength, replace(test, images=mixed)

    def network(self, classes: int) -> Network:
        """Return a network that decides from its input alone: no neuron has a constant current."""
        from netsim.experiments.networks import stimulus_driven

        settings: dict[str, Any] = {"epochs": self.epochs, "batch": 50, "validation": self.images // 20}
        learning = {"rate": self.rate}
        return stimulus_driven("reaction-time", "free", (self.hidden,), classes, learning, **settings)

    def draw(self, table: DataFrame) -> Figure:
        most = table[table["classes"] == table["classes"].max()]
        with panels(3, 4.6, rows=2) as (figure, axes):
            blue, orange, *_ = colours(2)
            for panel, (manipulation, label) in zip(axes[0], _AXES.items(), strict=True):
                selected = most[most["manipulation"] == manipulation]
                levels = sorted(set(selected["level"]))
                for number, (column, colour, name) in enumerate(
                    (("latency_correct", blue, "correct"), ("latency_error", orange, "error"))
                ):
                    estimates = [interval(selected.loc[selected["level"] == level, column]) for level in levels]
                    bars(panel, levels, estimates, label=name, **style_of(number, colour))
                panel.set(xlabel=label, ylabel="decision latency (ms)", title=f"{most['classes'].max()} classes")
            _pieron_line(axes[0, 0], most[most["manipulation"] == "contrast"])
            _classes(axes[1, 0], table, blue)
            _draw_deadlines(axes[1, 1], most)
            _diffusion(axes[1, 2], table, blue)
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), title="decisions")
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        measured = laws(table)
        exponent, per_bit = measured.exponent.shown("{:+.2f}"), measured.per_bit.shown("{:+.2f}")
        weak = f"{measured.slowing.shown('{:+.1f}')} ms, {measured.gain.shown('{:+.1f}')} points"
        compared = [f"p = {exponent}", weak, f"{per_bit} ms per bit"]
        tests = {
            f"Piéron's law (p = {exponent})": measured.exponent.lies_below(0),
            f"slow and inaccurate weak evidence ({weak})": measured.slowing.lies_above(0)
            and measured.gain.lies_below(0),
            f"the Hick–Hyman law ({per_bit} ms per bit)": measured.per_bit.lies_above(0),
        }
        agree, fail = ([name for name, holds in tests.items() if holds is wanted] for wanted in (True, False))
        reason = " ".join(
            f"{start}: {'; '.join(names)}." for start, names in (("Holds", agree), ("Does not hold", fail)) if names
        )
        reason += f" A diffusion explains the latencies of {min(self.classes)} classes with R² = "
        return Verdict("not reproduced" if fail else "reproduced", f"{reason}{diffusions(table)[1].shown()}.", compared)


def _decided(spikes: Spikes) -> Row:
    """Return accuracy and latencies (ms) of decisions; None where there are none."""
    import numpy as np
    from scipy.stats import skew

    from netsim.measuring.metrics import decide

    decisions = decide(spikes.outputs)
    assert spikes.labels is not None
    correct, made = decisions.strictly_correct(spikes.labels), np.isfinite(decisions.latency)
    latency = decisions.latency[made]
    return {
        "accuracy": float(correct.mean()),
        "decided": float(made.mean()),
        "latency": _median(latency),
        "mean_latency": float(latency.mean()) if len(latency) else None,
        "latency_correct": _median(decisions.latency[correct]),
        "latency_error": _median(decisions.latency[made & ~correct]),
        "skewness": float(skew(latency)) if len(latency) > 2 and np.ptp(latency) > 0 else None,
    }


def _median(latency: np.ndarray) -> float | None:
    import numpy as np

    return float(np.median(latency)) if len(latency) else None


def _deadlines(spikes: Spikes, contrast: float) -> list[Row]:
    """Return the share of images that are decided, and decided correctly, up to each deadline (ms)."""
    import numpy as np

    from netsim.measuring.metrics import decide

    decisions = decide(spikes.outputs)
    assert spikes.labels is not None
    correct = decisions.strictly_correct(spikes.labels)
    rows: list[Row] = []
    for deadline in np.arange(0.0, 1.5 * _WINDOW + 1, 4.0):
        early = decisions.latency <= deadline
        shares = {"accuracy": float((correct & early).mean()), "decided": float(early.mean())}
        rows.append({"manipulation": f"deadline, contrast {contrast:g}", "level": float(deadline), **shares})
    return rows
