"""Layers at once against layers in turn: what waiting for the layer before costs a network of first spikes."""

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

    from netsim.data.stimuli import Stimuli
    from netsim.runs.model import Model
    from netsim.specification import Network
    from netsim.spikes import Spikes

_REGIMES = ("free", "staggered", "phased")
_NAMES = {"free": "at once", "staggered": "staggered", "phased": "in turn"}
TRANSFER = "in turn, run at once"
_SOURCE = "Koopman et al. 2025, arXiv 2408.05098 (abstract)"
_COMPETITIVE = 1.0
"""Points of accuracy within which networks count as competitive."""


@experiments.register("at-once")
@dataclass(frozen=True)
class AtOnce(Experiment):
    """Train the same architecture in three regimes, and compare accuracy, spikes, operations and latency."""

    question = "What is gained if all layers run at the same time instead of in turn?"
    duration = "30 min"
    quick_duration = "1 min"
    order = 11
    quick = {"hidden": (200, 200), "images": 6000, "epochs": 4, "test_images": 1000}
    controls = (
        Control("spikes, at once over in turn", "up to 50 % fewer", _SOURCE, True),
        Control("time of a decision, at once over in turn", "up to 2 times faster", _SOURCE, True),
        Control("accuracy, at once minus in turn", "competitive, or up to 10 points higher", _SOURCE, True),
        Control("accuracy of layers trained in turn that run at once", "poor", _SOURCE, True),
    )
    references = (
        "R. Koopman, A. Yousefzadeh, M. Shahsavari, G. Tang, M. Sifalakis, Exploring the limitations of layer"
        " synchronization in spiking neural networks, Transactions on Machine Learning Research, 2025,"
        " arXiv 2408.05098.",
    )

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
        from netsim.spikes.presenting import present

        latencies = test.latencies(np.arange(len(test)))
        if deviation:
            generator = np.random.default_rng([unit.seed, 11])
            latencies = jitter(latencies, generator, deviation, model.network.duration)
        stimuli = SpikeStimuli(latencies, test.labels, None, test.encoder, test.classes)
        return _costs(model, present(model, stimuli))

    def network(self, regime: str) -> Network:
        """Return the network of a regime."""
        from netsim.experiments.networks import stimulus_driven

        settings: dict[str, Any] = {
            "dataset": self.dataset,
            "epochs": self.epochs,
            "batch": 50,
            "validation": self.images // 20,
        }
        return stimulus_driven("at-once", regime, self.hidden, 10, **settings)

    def draw(self, table: pd.DataFrame) -> Figure:
        from netsim.analysis.experiments.at_once import draw

        return draw(table)

    def results(self, table: pd.DataFrame) -> Results:
        from netsim.analysis.experiments.at_once import summary

        headings = ("layers", "accuracy (%)>", "decision (ms)>", "spikes to decision>", "all spikes>")
        more = ("operations to decision>", f"accuracy, jitter {max(self.jitters):g} ms (%)>")
        return Results((*headings, *more), summary(table))

    def compared(self, table: pd.DataFrame) -> list[str]:
        from netsim.analysis.experiments.at_once import difference, ratio, still

        transfer = still(table, TRANSFER, "accuracy", 100)
        return [
            f"{ratio(table, 'spikes_to_decision').shown()} (to decision), {ratio(table, 'spikes').shown()} (all)",
            ratio(table, "latency").shown(),
            f"{difference(table).shown('{:+.2f}')} points",
            f"{transfer.shown('{:.1f}')} %",
        ]

    def verdict(self, table: pd.DataFrame) -> Verdict:
        from netsim.analysis.experiments.at_once import difference, ratio

        spikes, latency, accuracy = ratio(table, "spikes_to_decision"), ratio(table, "latency"), difference(table)
        if not accuracy.seeds:
            return Verdict("not reproduced", "At once and in turn were not both measured.")
        holds = (spikes.lies_below(1), latency.lies_below(1), accuracy.lies_above(-_COMPETITIVE))
        reason = (
            f"At once, a decision needs {spikes.shown()} times the spikes and {latency.shown()} times the time of"
            f" layers in turn. Its accuracy differs by {accuracy.shown('{:+.2f}')} points; competitive means that the"
            f" interval lies above -{_COMPETITIVE:g} point."
        )
        return Verdict("reproduced" if all(holds) else "not reproduced", reason)

    def model(self) -> list[str]:
        sizes = ", ".join(map(str, self.hidden))
        return [
            f"A feed-forward network of 784 inputs, hidden layers of {sizes} neurons and 10 outputs. Neurons do not"
            " leak, and fire at most once. Postsynaptic potentials are ramps. No neuron has a learned constant"
            " current.",
            "At once: all layers integrate and may fire from the start. Staggered: a layer may fire from an onset on,"
            " half an encoding window after that of the layer before, helped by a drive. In turn: a layer integrates"
            " until its onset, when all neurons of the layer before have had their window, and then fires.",
        ]

    def protocol(self) -> list[str]:
        return [
            f"All networks learn from the same {self.images:,} images of {self.dataset} (epochs: {self.epochs}) by"
            " STiDi-BP. Rate and sharpness are those of the regime.",
            "The first output spike decides. Spikes to decision are those of all neurons and inputs up to that time."
            " Operations are synapses of neurons that fired, as far as the spike came before the decision. Medians"
            " (latency) and means (spikes, operations) over test images.",
            f"{TRANSFER.capitalize()}: the network that learned in turn, with its weights and thresholds, without"
            " onsets and drive.",
            "Jitter is normal, with the SD that the figure shows, of all input spikes; none comes before 0 ms.",
            "Verdict, fixed before the run, paired by seed: *reproduced* if the intervals of at once over in turn lie"
            " below 1 for spikes to decision and for the time of a decision, and that of the difference of accuracies"
            f" lies above -{_COMPETITIVE:g} point; else *not reproduced*.",
        ]

    def caption(self) -> str:
        return (
            "Left: accuracy against spikes up to the decision. Middle: accuracy against the time of the decision."
            " Right: accuracy against jitter of the input spikes. Large symbols and bars are means and 95 % intervals"
            " over seeds, small symbols single seeds."
        )

    def caveats(self) -> list[str]:
        from netsim.experiments.networks import CHOICE

        return [
            "The published networks may spike more than once, leak, and see event data, too. Published values are the"
            " largest gains, not means.",
            "The time of layers in turn is that of their schedule, two encoding windows a layer, which could be"
            " shorter. Part of the gain in time follows from this choice.",
            CHOICE,
            "The largest jitter was added after a first run with up to 16 ms.",
            "Thresholds differ between regimes (1, or 2 and 3 with a drive), as in the presets of netsim.",
        ]


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
