"""Causal pieces: whether their number at initialization predicts what a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netsim.experiments.experiment import Condition, Control, Experiment, Results, Row, Unit, Verdict
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from netsim.specification import Network

_STRONG = 0.5
"""Rank correlation from which on an effect counts as strong."""
PIECES, FIRING = "pieces", "firing"
"""Columns that predict: causal pieces of an output neuron, and the share of hidden neurons that fire."""


@experiments.register("causal-pieces")
@dataclass(frozen=True)
class CausalPieces(Experiment):
    """Draw initial weights from many distributions, count causal pieces, and train."""

    question = "Does the number of causal pieces at initialization predict what a network learns?"
    duration = "15 min"
    quick_duration = "1 min"
    order = 12
    quick = {"means": (0.0, 2.0), "spreads": (0.1, 0.4, 1.6, 6.4), "size": 30, "epochs": 10}
    controls = (
        Control(
            "causal pieces on the training set against success of training, over initializations",
            "strongly correlated",
            "Dold and Petersen 2025, arXiv 2504.14015 (abstract)",
            True,
        ),
    )
    references = (
        "D. Dold, P. C. Petersen, Causal pieces: analysing and improving spiking neural networks piece by piece, 2025,"
        " arXiv 2504.14015.",
    )

    means: tuple[float, ...] = setting((-1.0, 0.0, 2.0), above=-1e3, below=1e3, ascending=True)
    spreads: tuple[float, ...] = setting((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4), above=0, below=1e3, ascending=True)
    size: int = setting(60)
    epochs: int = setting(60)
    stimuli: int = setting(2000, least=2)
    bias: bool = True

    def check(self) -> None:
        from netsim.specification.checks import require

        require(len(self.means) * len(self.spreads) > 2, "spreads", "must make at least three initializations")

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
                hidden,
                connectivity=Dense(self.size),
                initial=initial,
                neurons=replace(hidden.neurons, bias=self.bias),
            ),
            replace(output, initial=initial, neurons=replace(output.neurons, bias=self.bias)),
        )
        return replace(base.with_layers(layers), training=replace(base.training, epochs=self.epochs))

    def draw(self, table: pd.DataFrame) -> Figure:
        from netsim.analysis.experiments.causal_pieces import draw

        return draw(table)

    def results(self, table: pd.DataFrame) -> Results:
        from netsim.analysis.experiments.causal_pieces import summary

        headings = ("mean of weights>", "spread>", "pieces per output neuron>", "hidden neurons that fire (%)>")
        return Results((*headings, "accuracy (%)>"), summary(table))

    def compared(self, table: pd.DataFrame) -> list[str]:
        from netsim.analysis.experiments.causal_pieces import correlation

        estimate = correlation(table, PIECES)
        return [f"rank correlation {estimate.shown('{:+.2f}')}" if estimate.seeds else "not measured"]

    def verdict(self, table: pd.DataFrame) -> Verdict:
        from netsim.analysis.experiments.causal_pieces import correlation

        estimate, rival = correlation(table, PIECES), correlation(table, FIRING)
        if not estimate.seeds:
            return Verdict("not reproduced", "All initializations have the same number of pieces or the same accuracy.")
        firing = f"is {rival.shown('{:+.2f}')}" if rival.seeds else "is not defined, because all fire alike"
        reason = (
            f"Over {table.groupby(['mean', 'spread']).ngroups} initializations, the rank correlation of causal pieces"
            f" and accuracy is {estimate.shown('{:+.2f}')}. Strong means at least {_STRONG:g}. The rank correlation of"
            f" the share of hidden neurons that fire and accuracy {firing}."
        )
        return Verdict("reproduced" if estimate.lies_above(_STRONG) else "not reproduced", reason)

    def model(self) -> list[str]:
        return [
            f"The preset yin-yang: a network for the Yin-Yang points, with 4 inputs, {self.size} hidden neurons and 3"
            " outputs. All neurons run at once, do not leak, and fire at most once. Postsynaptic potentials are ramps.",
            "Initial weights are normal. Their mean is in units of one over the number of inputs, and their spread (SD)"
            " in units of one over its square root. The preset has a mean of 0 and a spread of 0.7.",
            "Biases begin at 1, so that every neuron would fire after 96 ms without input."
            if self.bias
            else "Neurons have no bias, so that they fire by their input alone.",
        ]

    def protocol(self) -> list[str]:
        return [
            f"For each distribution of initial weights, causal pieces are counted before training, on the first"
            f" {self.stimuli:,} training points. The causal set of a spike contains the input spikes that came before"
            " it. Its causal path contains also their causal sets. Points with the same causal path of an output neuron"
            " are in one piece. The count is a mean over output neurons. netsim analyse causal-pieces counts in the"
            " same way.",
            f"Then the network learns by STiDi-BP (epochs: {self.epochs}). The accuracy is that on the test points. A"
            " tie of output spikes is an error.",
            "For each seed, Spearman's rank correlation of pieces and accuracy is computed over distributions. The"
            " interval is over seeds. The share of hidden neurons that fire is a rival that needs no causal pieces.",
            "Verdict, fixed before the run: *reproduced* if the interval of the rank correlation lies above"
            f" {_STRONG:g}, else *not reproduced*. The abstract of the publication calls"
            " the correlation strong and gives no value.",
        ]

    def caption(self) -> str:
        return (
            "Left: accuracy after training against causal pieces per output neuron before training; each mark is one"
            " distribution of initial weights, mean over seeds with 95 % intervals of both. Middle: the same against"
            " the share of hidden neurons that fire before training. Right: rank correlations of each seed, with mean"
            " and 95 % interval; the dotted line is the criterion."
        )

    def caveats(self) -> list[str]:
        return [
            "The published neurons have exponential synapses. Ours have ramps"
            + (" and a bias current, with which networks fire whatever their weights are." if self.bias else "."),
            f"The number of pieces cannot exceed the number of points ({self.stimuli:,}). Near this bound it no longer"
            " distinguishes initializations.",
            "A correlation over initializations is no cause: distributions differ also in potentials and in gradients."
            " The learning rate is the same for all.",
            "Means and spreads are a grid around the preset, chosen before the first run. The epochs of the quick run"
            " were reduced from 15 to 10 after the first seed, to save time.",
        ]
