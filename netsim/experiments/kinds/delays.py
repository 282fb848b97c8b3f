"""Learning of delays compared with learning of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from netsim.experiments.experiment import Condition, Control, Experiment, Results, Row, Unit, Verdict
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from netsim.specification import Network

_LEARNED = ("weights", "delays", "both")
_LONGEST, _BIN = 64.0, 4.0
"""Longest delay, and width of the bins of their histogram (ms)."""
_COMPARABLE = 2.0
"""Difference of accuracy (percentage points) within which delays and weights count as comparable."""


@experiments.register("delays")
@dataclass(frozen=True)
class LearnedDelays(Experiment):
    """Train weights, delays or both, with equal numbers of learned parameters."""

    question = "Can synaptic delays alone learn what weights learn?"
    duration = "30 min"
    quick_duration = "1 min"
    order = 10
    quick = {"sizes": (30,), "epochs": 15}
    controls = (
        Control(
            "accuracy of delays alone minus that of weights alone",
            "comparable (MNIST and Fashion-MNIST)",
            "Grappolini and Subramoney 2023, arXiv 2306.06237 (abstract)",
            True,
        ),
    )
    references = (
        "E. W. Grappolini, A. Subramoney, Beyond weights: deep learning in spiking neural networks with pure"
        " synaptic-delay training, International Conference on Neuromorphic Systems, 2023, arXiv 2306.06237.",
        "DelGrad, Nature Communications 2025, PMC12420821, on exact gradients of delays, with Yin-Yang.",
    )

    learned: tuple[str, ...] = setting(_LEARNED, choices=_LEARNED)
    sizes: tuple[int, ...] = setting((30, 120), least=2)
    epochs: int = setting(100)
    mean: float = setting(16.0, above=0, below=1e3)
    spread: float = setting(8.0, above=0, below=1e3)

    def conditions(self) -> Sequence[Condition]:
        return [{"size": size, "learned": each} for size in self.sizes for each in self.learned]

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.training import trained
        from netsim.measuring.evaluation import evaluate
        from netsim.specification.summary import summarise

        network = self.network(unit.condition["size"], unit.condition["learned"])
        with trained(network, unit) as model:
            accuracy = evaluate(model).strict_accuracy
            delays = [array.ravel() for name, array in model.weights.items() if name.endswith(".delay")]
        known: Row = {"accuracy": accuracy, "parameters": summarise(network)["parameters"]}
        if not delays:
            return [{**known, "delay_ms": None, "share": None}]
        counts, edges = np.histogram(np.concatenate(delays), np.arange(0.0, _LONGEST + _BIN, _BIN))
        return [
            {**known, "delay_ms": float(edge), "share": float(count / counts.sum())}
            for edge, count in zip(edges, counts, strict=False)
        ]

    def network(self, size: int, learned: str) -> Network:
        """Return a network of `size` hidden neurons, or half as many if both weights and delays are learned."""
        from netsim.models.presets import load_preset
        from netsim.specification import Delays, Dense

        base = load_preset("yin-yang")
        delay: Any = Delays("synapse", mean=self.mean, spread=self.spread, longest=_LONGEST, learned=True)
        more: dict[str, Any] = {"plastic": learned != "delays"} | ({} if learned == "weights" else {"delay": delay})
        hidden, output = base.layers() or ()
        count = max(1, size // 2) if learned == "both" else size
        layers = (replace(hidden, connectivity=Dense(count), **more), replace(output, **more))
        training = replace(base.training, epochs=self.epochs)
        return replace(base.with_layers(layers), training=training)

    def draw(self, table: pd.DataFrame) -> Figure:
        from netsim.analysis.experiments.delays import draw

        return draw(table, _BIN)

    def results(self, table: pd.DataFrame) -> Results:
        from netsim.analysis.experiments.delays import summary

        return Results(("size>", "learned", "parameters>", "accuracy (%)>", "minus weights (points)>"), summary(table))

    def compared(self, table: pd.DataFrame) -> list[str]:
        from netsim.analysis.experiments.delays import gain_over_weights

        difference = gain_over_weights(table, max(self.sizes), "delays")
        return [difference.shown("{:+.2f}", "points (Yin-Yang)", "not measured")]

    def verdict(self, table: pd.DataFrame) -> Verdict:
        from netsim.analysis.experiments.delays import gain_over_weights

        size = max(self.sizes)
        difference = gain_over_weights(table, size, "delays")
        if not difference.seeds:
            return Verdict("not reproduced", "Delays alone and weights alone were not both measured.")
        reason = (
            f"With size {size}, delays alone change the accuracy by {difference.shown('{:+.2f}')} points compared with"
            f" weights alone. Comparable means that the interval lies above -{_COMPARABLE:g} points."
        )
        if difference.seeds > 1 and difference.lies_above(0):
            return Verdict("beyond", reason)
        return Verdict("reproduced" if difference.lies_above(-_COMPARABLE) else "not reproduced", reason)

    def model(self) -> list[str]:
        return [
            "The preset yin-yang: a feed-forward network for the Yin-Yang points, with 4 inputs, one hidden layer and 3"
            " outputs. All neurons run at once, do not leak, and fire at most once. Postsynaptic potentials are ramps."
            " Biases are always learned.",
            "Weights: weights are learned, and there are no delays. Delays: weights stay as drawn, and each synapse"
            " learns its delay. Both: each synapse learns weight and delay, with half as many hidden neurons, so that"
            " the number of parameters is about the same.",
            f"Delays begin at {self.mean:g} ± {self.spread:g} ms (mean, SD) and stay within 0 to {_LONGEST:g} ms, the"
            " encoding window.",
        ]

    def protocol(self) -> list[str]:
        return [
            f"Each network learns by STiDi-BP (epochs: {self.epochs}). The accuracy is that on the test points."
            " A tie of output spikes is an error. Sizes are hidden neurons of the networks that learn weights"
            " or delays alone.",
            "Verdict, fixed before the run, at the largest size, paired by seed: *beyond* if the interval of delays"
            f" minus weights lies above 0, *reproduced* if it lies above -{_COMPARABLE:g} points, else *not reproduced*"
            " (which may also mean too few seeds).",
        ]

    def caption(self) -> str:
        return (
            "Left: accuracy by size and by what is learned; bars are 95 % intervals over seeds. Right: learned delays"
            " of the largest networks, mean over seeds."
        )

    def caveats(self) -> list[str]:
        return [
            "The published comparison of delays with weights is on MNIST and Fashion-MNIST. Ours is on Yin-Yang.",
            "Weights that stay as drawn are normal. The published networks also used ternary weights.",
            "Initial weights and the learning rate are those of the preset. They were chosen for weights, not for"
            " delays. An earlier network, in which outputs fell silent with delays alone, was replaced by the preset"
            " after a look at its results.",
        ]
