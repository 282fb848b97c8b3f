"""Causal pieces: whether their number at initialization predicts what a network learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import bars, panels, reaches, style_of, styles
from netsim.analysis.experiments.tables import Interval, grouped, interval, percentage, rows_of_text
from netsim.analysis.shape import DataFrame, Figure, Series
from netsim.analysis.style import FAINT
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    from netsim.specification import Network

_STRONG = 0.5
"""Rank correlation from which on an effect counts as strong."""
PIECES, FIRING = "pieces", "firing"
"""Columns that predict: causal pieces of an output neuron, and the share of hidden neurons that fire."""


_PREDICTORS = {"pieces": "causal\npieces", "firing": "neurons\nthat fire"}


def _correlations(table: DataFrame, column: str) -> Series:
    """Spearman's rank correlation of a column and accuracy, of each seed; missing where one of them is constant."""
    by_seed = table.groupby("seed")[[column, "accuracy"]]
    correlations: Series = by_seed.apply(lambda rows: rows[column].rank().corr(rows["accuracy"].rank()))
    return correlations


def correlation(table: DataFrame, column: str) -> Interval:
    """Spearman's rank correlation of a column and accuracy over initializations, as a mean over seeds."""
    estimate = interval(_correlations(table, column))
    low, high = max(estimate.low, -1.0), min(estimate.high, 1.0)
    return estimate._replace(low=low, high=high) if estimate.seeds > 1 else estimate


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: pieces, activity and accuracy of each initialization."""
    for (mean, spread), group in grouped(table, "mean", "spread"):
        pieces, firing = interval(group["pieces"]).shown("{:.0f}"), percentage(group["firing"]).shown("{:.0f}")
        yield (f"{mean:g}", f"{spread:g}", pieces, firing, percentage(group["accuracy"]).shown("{:.1f}"))


@experiments.register("causal-pieces")
@dataclass(frozen=True)
class CausalPieces(Experiment):
    """Draw initial weights from many distributions, count causal pieces, and train."""

    question = "Does the number of causal pieces at initialization predict what a network learns?"
    duration = "15 min"
    quick_duration = "1 min"
    order = 12
    prose = Path(__file__).with_name("causal-pieces.md")
    results = summarised(summary)
    quick = {"means": (0.0, 2.0), "spreads": (0.1, 0.4, 1.6, 6.4), "size": 30, "epochs": 10}

    means: tuple[float, ...] = setting((-1.0, 0.0, 2.0), above=-1e3, below=1e3, ascending=True)
    spreads: tuple[float, ...] = setting((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4), above=0, below=1e3, ascending=True)
    size: int = setting(60)
    epochs: int = setting(60)
    stimuli: int = setting(2000, least=2)
    bias: bool = True

    def check(self) -> None:
        from netsim.specification.checks import require

        require(len(self.means) * len(self.spreads) > 2, "spreads", "must make at least three initializations")

    @property
    def facts(self) -> Mapping[str, Any]:
        biases = "Biases begin at 1, so that every neuron would fire after 96 ms without input."
        current = " and a bias current, with which networks fire whatever their weights are."
        return {
            "biases": biases if self.bias else "Neurons have no bias, so that they fire by their input alone.",
            "current": current if self.bias else ".",
            "strong": _STRONG,
        }

    def conditions(self) -> Sequence[Condition]:
        return [{"mean": mean, "spread": spread} for mean in self.means for spread in self.spreads]

    def measure(self, unit: Unit) -> list[Row]:
        import warnings

        from netsim.analysis.kinds.causal_pieces import causal_pieces
        from netsim.experiments.training import trained
        from netsim.measuring.evaluation import evaluate
        from netsim.runs.model import Model
        from netsim.weights.initial import initial_weights

        network = self.network(unit.condition["mean"], unit.condition["spread"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # poor initializations are intended
            with trained(network, unit) as model:
                accuracy = evaluate(model).strict_accuracy
                training = model.splits().training.first(self.stimuli)
        drawn = Model(network, initial_weights(network, unit.seed))
        table = causal_pieces(drawn, training)
        layers = table[table["neuron"].isna()].set_index("layer")
        hidden, output = (layers.loc[name].to_dict() for name in ("hidden", "output"))
        return [
            {
                PIECES: float(output["pieces"]),
                "hidden_pieces": float(hidden["pieces"]),
                "patterns": int(hidden["patterns"]),
                FIRING: float(hidden["spikes"]) / len(training),
                "accuracy": accuracy,
            }
        ]

    def network(self, mean: float, spread: float) -> Network:
        """Return the preset yin-yang with other initial weights and `size` hidden neurons."""
        from netsim.models.presets import load_preset
        from netsim.specification import Dense

        base = load_preset("yin-yang")
        hidden, output = base.layers() or ()
        bias = hidden.initial.bias if self.bias else 0.0
        initial = replace(hidden.initial, mean=mean, spread=spread, bias=bias)
        assert hidden.neurons is not None
        assert output.neurons is not None
        layers = (
            replace(
                hidden, connectivity=Dense(self.size), initial=initial, neurons=replace(hidden.neurons, bias=self.bias)
            ),
            replace(output, initial=initial, neurons=replace(output.neurons, bias=self.bias)),
        )
        return replace(base.with_layers(layers), training=replace(base.training, epochs=self.epochs))

    def draw(self, table: DataFrame) -> Figure:
        from matplotlib.ticker import LogLocator, NullLocator

        means = sorted(set(table["mean"]))
        with panels(3, 2.6, gridspec_kw={"width_ratios": (3, 3, 2)}) as (figure, (left, middle, right)):
            for mean, style in zip(means, styles(len(means)), strict=True):
                by_spread: Any = table[table["mean"] == mean].groupby("spread")
                accuracy = [percentage(rows["accuracy"]) for _, rows in by_spread]
                style |= {"linestyle": "none"}
                for panel, column, estimated in ((left, "pieces", interval), (middle, "firing", percentage)):
                    estimates = [estimated(rows[column]) for _, rows in by_spread]
                    across = reaches(estimates)
                    label = f"{mean:g}" if panel is left else None
                    bars(panel, [each.mean for each in estimates], accuracy, xerr=across, label=label, **style)
            left.set(xlabel="causal pieces per output neuron", ylabel="test accuracy (%)")
            if table["pieces"].min() > 0:
                left.set_xscale("log")
                few = table["pieces"].max() < 100 * table["pieces"].min()
                left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
                left.xaxis.set_major_formatter("{x:g}")
                left.xaxis.set_minor_locator(NullLocator())
            middle.set(xlabel="hidden neurons that fire (%)", ylabel="test accuracy (%)")
            for position, column in enumerate(_PREDICTORS):
                of_seeds = _correlations(table, column)
                right.plot([position - 0.15] * len(of_seeds), of_seeds, "o", color=FAINT, markersize=2.5)
                bars(right, [position + 0.1], [correlation(table, column)], **style_of(0, "0.15"))
            right.axhline(0.5, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
            right.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
            right.set_xticks(range(len(_PREDICTORS)), list(_PREDICTORS.values()))
            right.set(ylabel="rank correlation with accuracy", ylim=(-1.05, 1.05), xlim=(-0.5, 1.5))
            figure.legend(loc="outside upper center", ncols=len(means), title="mean of initial weights")
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        estimate, rival = correlation(table, PIECES), correlation(table, FIRING)
        compared = [f"rank correlation {estimate.shown('{:+.2f}')}" if estimate.seeds else "not measured"]
        if not estimate.seeds:
            return Verdict(
                "not reproduced", "All initializations have the same number of pieces or the same accuracy.", compared
            )
        firing = f"is {rival.shown('{:+.2f}')}" if rival.seeds else "is not defined, because all fire alike"
        reason = (
            f"Over {table.groupby(['mean', 'spread']).ngroups} initializations, the rank correlation of causal pieces"
            f" and accuracy is {estimate.shown('{:+.2f}')}. Strong means at least {_STRONG:g}. The rank correlation of"
            f" the share of hidden neurons that fire and accuracy {firing}."
        )
        return Verdict("reproduced" if estimate.lies_above(_STRONG) else "not reproduced", reason, compared)
