"""Learning of delays compared with learning of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from netsim.experiments.experiment import Condition, Control, Experiment, Results, Row, Unit, Verdict
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

    question: ClassVar[str] = "Can synaptic delays alone learn what weights learn?"
    duration: ClassVar[str] = "30 min"
    quick_duration: ClassVar[str] = "1 min"
    order: ClassVar[int] = 10
    quick: ClassVar[dict[str, Any]] = {"sizes": (30,), "epochs": 15}
    controls: ClassVar[tuple[Control, ...]] = (
        Control(
            "accuracy of delays alone minus that of weights alone",
            "comparable (MNIST and Fashion-MNIST)",
            "arXiv 2306.06237",
            False,
        ),
    )
    references: ClassVar[tuple[str, ...]] = (
        "arXiv 2306.06237, on learning delays with fixed random or ternary weights.",
        "DelGrad, Nature Communications 2025, PMC12420821, on exact gradients of delays, with Yin-Yang.",
    )

    learned: tuple[str, ...] = _LEARNED
    sizes: tuple[int, ...] = (30, 120)
    epochs: int = 100
    mean: float = 16.0
    spread: float = 8.0

    def check(self) -> None:
        """See `Experiment`."""
        from netsim.specification.checks import check_choice, check_size, require

        for each in self.learned:
            check_choice(each, _LEARNED, "learned")
        for size in self.sizes:
            check_size(size, "sizes", least=2)
        check_size(self.epochs, "epochs")
        for name in ("mean", "spread"):
            require(0 < getattr(self, name) < 1e3, name, "must be positive")

    def conditions(self) -> Sequence[Condition]:
        """See `Experiment`."""
        return [{"size": size, "learned": each} for size in self.sizes for each in self.learned]

    def measure(self, unit: Unit) -> list[Row]:
        """See `Experiment`."""
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
        """See `Experiment`."""
        from netsim.analysis.experiments.delays import draw

        return draw(table, _BIN)

    def results(self, table: pd.DataFrame) -> Results:
        """See `Experiment`."""
        from netsim.analysis.experiments.delays import summary

        return Results(("size>", "learned", "parameters>", "accuracy (%)>", "minus weights (points)>"), summary(table))

    def compared(self, table: pd.DataFrame) -> list[str]:
        """See `Experiment`."""
        from netsim.analysis.experiments.delays import gain

        difference = gain(table, max(self.sizes), "delays")
        return [f"{difference.shown('{:+.2f}')} points (Yin-Yang)" if difference.seeds else "not measured"]

    def verdict(self, table: pd.DataFrame) -> Verdict:
        """See `Experiment`."""
        from netsim.analysis.experiments.delays import gain

        size = max(self.sizes)
        difference = gain(table, size, "delays")
        if not difference.seeds:
            return Verdict("not reproduced", "Delays alone and weights alone were not both measured.")
        reason = (
            f"With size {size}, delays alone change the accuracy by {difference.shown('{:+.2f}')} points compared with"
            f" weights alone. Comparable means that the interval lies above -{_COMPARABLE:g} points."
        )
        if difference.seeds > 1 and difference.low > 0:
            return Verdict("beyond", reason)
        return Verdict("reproduced" if difference.low >= -_COMPARABLE else "not reproduced", reason)

    def model(self) -> list[str]:
        """See `Experiment`."""
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
        """See `Experiment`."""
        return [
            f"Each network learns by STiDi-BP (epochs: {self.epochs}). The accuracy is that on the test points."
            " A tie of output spikes is an error. Sizes are hidden neurons of the networks that learn weights"
            " or delays alone.",
            "Verdict, fixed before the run, at the largest size, paired by seed: *beyond* if the interval of delays"
            f" minus weights lies above 0, *reproduced* if it lies above -{_COMPARABLE:g} points, else *not reproduced*"
            " (which may also mean too few seeds).",
        ]

    def caption(self) -> str:
        """See `Experiment`."""
        return (
            "Left: accuracy by size and by what is learned; bars are 95 % intervals over seeds. Right: learned delays"
            " of the largest networks, mean over seeds."
        )

    def caveats(self) -> list[str]:
        """See `Experiment`."""
        return [
            "The published comparison of delays with weights is on MNIST and Fashion-MNIST. Ours is on Yin-Yang.",
            "Weights that stay as drawn are normal. The published networks also used ternary weights.",
            "Initial weights and the learning rate are those of the preset. They were chosen for weights, not for"
            " delays. An earlier network, in which outputs fell silent with delays alone, was replaced by the preset"
            " after a look at its results.",
        ]
