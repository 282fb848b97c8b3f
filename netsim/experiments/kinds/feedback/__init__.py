"""Feedback alignment: what lower layers learn if errors pass back through other weights than spikes do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import bars, beside, panels, styles
from netsim.analysis.experiments.tables import Interval, accuracy, gain, interval, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.analysis.style import FAINT
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.stimuli import Stimuli
    from netsim.specification import Network
    from netsim.training.checkpoint import TrainingState

EXACT, FROZEN, RANDOM = "exact", "frozen", "random"
_KINDS = (EXACT, RANDOM, "sign", "direct", FROZEN)
_PROBED = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
"""Numbers of batches after which angles are measured."""
_PROBES = 500
"""Stimuli that an angle is measured with."""
_AS_EFFECTIVE = 1.0
"""Points of accuracy within which feedback counts as as effective as the exact gradient."""


def minus(table: DataFrame, dataset: str, depth: int, feedback: str, other: str) -> Interval:
    """Accuracy (points) with a feedback minus that with another, paired by seed."""
    return gain(table, {"feedback": other}, dataset=dataset, depth=depth, feedback=feedback)


def _lowest(table: DataFrame, dataset: str, depth: int, feedback: str) -> DataFrame:
    """Angles of the lowest layer: a row for each seed, a column for each number of batches."""
    selected = table[(table["dataset"] == dataset) & (table["depth"] == depth) & (table["feedback"] == feedback)]
    lowest = selected[selected["layer"] == 1]
    return lowest.assign(angle=lowest["angle"].astype(float)).pivot(index="seed", columns="batches", values="angle")


def angle(table: DataFrame, dataset: str, depth: int, feedback: str, probe: int) -> Interval:
    """The angle (°) of the lowest layer, at the first probe (0) or the last (-1)."""
    angles = _lowest(table, dataset, depth, feedback)
    return interval(angles.iloc[:, probe] if angles.size else [])


def turned(table: DataFrame, dataset: str, depth: int, feedback: str) -> Interval:
    """How much the angle (°) of the lowest layer changes from the first to the last probe."""
    angles = _lowest(table, dataset, depth, feedback)
    return interval(angles.iloc[:, -1] - angles.iloc[:, 0] if angles.size else [])


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: accuracy, differences from exact feedback and from frozen layers, and angles."""
    groups: Any = table.groupby(["dataset", "depth", "feedback"], sort=False)
    for dataset, depth, feedback in groups.groups:
        condition = (table, dataset, depth, feedback)
        differences = (
            "" if feedback == other else minus(*condition, other).shown("{:+.2f}") for other in ("exact", "frozen")
        )
        angles = (angle(*condition, probe) for probe in (0, -1))
        yield (
            str(dataset),
            str(depth),
            str(feedback),
            accuracy(table, dataset=dataset, depth=depth, feedback=feedback).shown(),
            *differences,
            *(each.shown("{:.0f}", missing="") for each in angles),
        )


@experiments.register("feedback")
@dataclass(frozen=True)
class FeedbackAlignment(Experiment):
    """Train networks whose displacements pass back through exact, random, sign or direct weights, or not at all."""

    question = "Do lower layers learn from first spikes without the transport of weights?"
    duration = "30 min"
    quick_duration = "1 min"
    order = 9
    prose = Path(__file__).with_name("feedback.md")
    results = summarised(summary)
    quick = {
        "datasets": ("mnist",),
        "depths": (1, 3),
        "width": 100,
        "images": 4000,
        "validation": 500,
        "epochs": 3,
        "test_images": 1000,
    }

    datasets: tuple[str, ...] = ("mnist", "fashion-mnist")
    depths: tuple[int, ...] = setting((1, 2, 4))
    kinds: tuple[str, ...] = setting(_KINDS, choices=_KINDS)
    width: int = setting(200)
    images: int = setting(20000, least=20)
    validation: int = setting(1000)
    epochs: int = setting(5)
    test_images: int = setting(10000)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"probes": _PROBES, "as_effective": _AS_EFFECTIVE}

    def conditions(self) -> Sequence[Condition]:
        return [
            {"dataset": dataset, "depth": depth, "feedback": kind}
            for dataset in self.datasets
            for depth in self.depths
            for kind in self.kinds
        ]

    def measure(self, unit: Unit) -> list[Row]:
        from netsim.data.stimuli import load_splits
        from netsim.engines import make_engine
        from netsim.measuring.evaluation import evaluate
        from netsim.runs.model import Model
        from netsim.training.callbacks import Callbacks
        from netsim.training.loop import run_training
        from netsim.training.starting import start_training

        network = self.network(unit)
        splits = load_splits(network, data_dir=unit.data_dir)
        training, validation = splits.training.first(self.images), splits.validation
        state = start_training(network, unit.seed)
        batches = -(-len(training) // network.training.batch)
        angles: list[Row] = []

        def probe(*_: object) -> None:
            if unit.condition["feedback"] in (EXACT, FROZEN):
                return
            done = state.epoch * batches + state.batch
            if (done in _PROBED or done == self.epochs * batches) and not any(row["batches"] == done for row in angles):
                angles.extend(_angles(network, state, validation.first(_PROBES), done))

        engine = make_engine("event", network, precision=network.training.precision)
        run_training(
            engine,
            network,
            training,
            validation,
            state,
            unit.seed,
            callbacks=Callbacks(on_batch=probe, on_warning=lambda text: None),  # some conditions learn badly
        )
        assert state.best_weights is not None
        model = Model(network, state.best_weights)
        accuracy = evaluate(model, splits.test.first(self.test_images)).strict_accuracy
        return [{"accuracy": accuracy, **row} for row in angles or [{"batches": None, "layer": None, "angle": None}]]

    def network(self, unit: Unit) -> Network:
        """Return the network of a condition; random weights are drawn for each seed."""
        from netsim.experiments.networks import stimulus_driven
        from netsim.specification import DirectFeedback, RandomFeedback, SignFeedback

        kind, depth = unit.condition["feedback"], unit.condition["depth"]
        settings: dict[str, Any] = {"epochs": self.epochs, "batch": 50, "validation": self.validation}
        base = stimulus_driven(
            "feedback", "phased", (self.width,) * depth, 10, dataset=unit.condition["dataset"], **settings
        )
        layers = base.layers()
        assert layers is not None
        feedback = {RANDOM: RandomFeedback(unit.seed), "sign": SignFeedback(), "direct": DirectFeedback(unit.seed)}
        changed = [layers[0], *(replace(layer, feedback=feedback.get(kind)) for layer in layers[1:])]
        if kind == FROZEN:
            changed = [*(replace(layer, plastic=False) for layer in layers[:-1]), layers[-1]]
        return base.with_layers(changed)

    def draw(self, table: DataFrame) -> Figure:
        datasets, kinds = list(dict.fromkeys(table["dataset"])), list(dict.fromkeys(table["feedback"]))
        depths = sorted(set(table["depth"]))
        with panels(len(datasets) + 1, 2.6) as (figure, (*left, right)):
            for number, (kind, style) in enumerate(zip(kinds, styles(len(kinds)), strict=True)):
                shift = beside(number, len(kinds), 0.05)
                for axes, dataset in zip(left, datasets, strict=True):
                    accuracies = [accuracy(table, dataset=dataset, depth=depth, feedback=kind) for depth in depths]
                    label = kind if dataset == datasets[0] else None
                    bars(axes, [position + shift for position in range(len(depths))], accuracies, label=label, **style)
                angles = _lowest(table, datasets[0], depths[-1], kind)
                if angles.size:
                    bars(
                        right,
                        angles.columns.to_numpy(float).tolist(),
                        [interval(angles[batches]) for batches in angles],
                        **style,
                    )
            for axes, dataset in zip(left, datasets, strict=True):
                axes.set(xlabel="hidden layers", ylabel="test accuracy (%)", title=dataset)
                axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
                axes.margins(x=0.15)
            right.axhline(90, color=FAINT, linestyle=":", linewidth=0.9)
            right.set(xlabel="batches", ylabel="angle to exact gradient (°)", xscale="log", ylim=(0, None))
            right.set_title(f"{datasets[0]}, {depths[-1]} hidden, lowest layer")
            figure.legend(loc="outside upper center", ncols=len(kinds), title="feedback")
        return figure

    def _compared(self, table: DataFrame) -> list[str]:
        """Return our values of the controls."""
        dataset = self.datasets[0]
        texts = []
        for kind, other in ((RANDOM, EXACT), (RANDOM, ""), ("direct", EXACT)):
            estimates = {
                depth: minus(table, dataset, depth, kind, other) if other else angle(table, dataset, depth, kind, -1)
                for depth in self.depths
            }
            unit, form = ("points", "{:+.2f}") if other else ("°", "{:.0f}")
            parts = [f"{depth} hidden: {each.shown(form, unit)}" for depth, each in estimates.items() if each.seeds]
            texts.append("; ".join(parts) or "not measured")
        return texts

    def verdict(self, table: DataFrame) -> Verdict:
        compared = self._compared(table)
        outcomes, holds = [], []
        for dataset in self.datasets:
            for depth in self.depths:
                exact, frozen = (minus(table, dataset, depth, RANDOM, other) for other in (EXACT, FROZEN))
                last, turn = angle(table, dataset, depth, RANDOM, -1), turned(table, dataset, depth, RANDOM)
                if not (exact.seeds and frozen.seeds and last.seeds):
                    continue
                tests = {
                    "aligned": last.lies_below(90) and turn.lies_below(0),
                    "better than frozen": frozen.lies_above(0),
                    "as effective": exact.lies_above(-_AS_EFFECTIVE),
                }
                holds.append(all(tests.values()))
                failed = [name for name, held in tests.items() if not held]
                outcomes.append(
                    f"{dataset}, {depth} hidden: {'not ' + ', not '.join(failed) if failed else 'all hold'}"
                )
        if not outcomes:
            return Verdict("not reproduced", "Random, exact and frozen were not all measured.", compared)
        reason = f"Random feedback by data set and depth: {'; '.join(outcomes)}."
        return Verdict("reproduced" if all(holds) else "not reproduced", reason, compared)


def _angles(network: Network, state: TrainingState, stimuli: Stimuli, done: int) -> list[Row]:
    """Return the angle (°) between the gradients by the network's feedback and by the exact one, for each layer."""
    import numpy as np

    from netsim.engines import Batch, make_engine
    from netsim.learning.learners.stidi_bp import STiDiBP
    from netsim.weights.layout import kernel_name

    layers = network.layers()
    assert layers is not None
    exact = network.with_layers([replace(layer, feedback=None) for layer in layers])
    weights = {name: np.asarray(array, float) for name, array in state.weights.items()}
    latencies = make_engine("event", network).present(Batch(stimuli.latencies(np.arange(len(stimuli))), weights))
    gradients = [STiDiBP(each).learn(latencies, stimuli.labels, weights).gradients for each in (network, exact)]
    rows: list[Row] = []
    for number, projection in enumerate(network.projections[:-1], 1):
        ours, theirs = (np.asarray(each[kernel_name(projection)], float).ravel() for each in gradients)
        rows.append({"batches": done, "layer": number, "angle": _angle(ours, theirs)})
    return rows


def _angle(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the angle (°) between two vectors; None if one is 0."""
    import numpy as np

    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.degrees(np.arccos(np.clip(first @ second / norms, -1, 1)))) if norms else None
