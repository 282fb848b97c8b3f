"""Backward masking: accuracy on a target image that a noise mask follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import bars, panels, styles
from netsim.analysis.experiments.tables import Interval, interval, of_seeds, rows_of_text
from netsim.analysis.shape import DataFrame, Figure, Series
from netsim.analysis.style import FAINT
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.stimuli import Stimuli
    from netsim.runs.model import Model
    from netsim.specification import Network

LATERAL = "free, lateral excitation"
_NETWORKS = ("free", "staggered", "phased", LATERAL)
_MAP = (10, 20, 1)
"""Rows, columns and channels of the hidden layer, where neurons have neighbours."""
_RADIUS = 2.0


_PUBLISHED = (40.0, 60.0)
_REACHED = 0.95
_EFFECT = 5.0
"""Points of accuracy that a mask costs at least, where an asymptote has a meaning."""


def _curves(table: DataFrame, network: str, strength: float) -> DataFrame:
    """Accuracy (%): a row for each seed, a column for each asynchrony."""
    selected = table[(table["network"] == network) & (table["strength"] == strength)]
    return 100 * selected.pivot(index="seed", columns="asynchrony", values="accuracy")


def _unmasked(table: DataFrame, network: str, column: str = "accuracy", scale: float = 100) -> Series:
    return of_seeds(table, column, scale, network=network, strength=0.0)


def rise(table: DataFrame, network: str, strength: float) -> Interval:
    """How much higher (points) the accuracy is at the longest than at the shortest asynchrony."""
    curves = _curves(table, network, strength)
    return interval(curves.iloc[:, -1] - curves.iloc[:, 0] if len(curves) else [])


def dip(table: DataFrame, network: str, strength: float) -> tuple[float, Interval]:
    """The asynchrony with the lowest mean accuracy but the shortest, and its accuracy minus that of the shortest.

    The interval is corrected for the number of asynchronies.
    """
    curves = _curves(table, network, strength)
    if curves.shape[1] < 2:
        return (float("nan"), interval([]))
    differences = curves.iloc[:, 1:].sub(curves.iloc[:, 0], axis=0)
    lowest: Any = differences.mean().idxmin()
    return (float(lowest), interval(differences[lowest], 1 - 0.05 / differences.shape[1]))


def asymptote(table: DataFrame, network: str, strength: float) -> Interval:
    """The asynchrony (ms) from which on a mask costs at most a twentieth of what it costs at worst.

    It is interpolated between the measured ones. Networks that the mask costs little have none.
    """
    import numpy as np

    curves, unmasked = _curves(table, network, strength), _unmasked(table, network)
    times, reached = curves.columns.to_numpy(float), []
    for free, values in zip(unmasked.loc[curves.index].to_numpy(float), curves.to_numpy(float), strict=True):
        lowest = float(values.min())
        goal = lowest + _REACHED * (free - lowest)
        below = np.flatnonzero(values < goal)
        if free - lowest >= _EFFECT and len(below) and below[-1] + 1 < len(values):
            ends = slice(below[-1], below[-1] + 2)
            reached.append(float(np.interp(goal, values[ends], times[ends])))
    return interval(reached)


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: the ends and the lowest point of each curve, and where it reaches its asymptote."""
    for network in dict.fromkeys(table["network"]):
        for strength in sorted(set(table["strength"]) - {0.0}):
            curves = _curves(table, network, strength)
            points = (_unmasked(table, network), curves.iloc[:, 0], curves.min(axis=1), curves.iloc[:, -1])
            yield (
                str(network),
                f"{strength:g}",
                *(interval(point).of_fraction(100).shown("{:.1f}") for point in points),
                asymptote(table, network, strength).shown("{:.0f}"),
                interval(_unmasked(table, network, "latency", 1)).shown("{:.0f}"),
            )


@experiments.register("masking")
@dataclass(frozen=True)
class Masking(Experiment):
    """Train networks on intact images, and mask the test images after a delay."""

    question = "When does a mask no longer disturb a decision by first spikes?"
    duration = "15 min"
    quick_duration = "2 min"
    order = 3
    prose = Path(__file__).with_name("masking.md")
    results = summarised(summary)
    quick = {"images": 6000, "epochs": 4, "test_images": 250, "asynchronies": (0.0, 10.0, 20.0, 40.0, 60.0, 110.0)}

    networks: tuple[str, ...] = setting(_NETWORKS, choices=_NETWORKS)
    asynchronies: tuple[float, ...] = setting(
        (0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 110.0), least=0, below=1e4, ascending=True
    )
    strengths: tuple[float, ...] = setting((0.5, 1.0), above=0, most=1)
    lateral: float = setting(4.0, above=0, below=1e3)
    dataset: str = "mnist"
    images: int = setting(12000, least=20)
    epochs: int = setting(10)
    test_images: int = setting(1000)

    @property
    def facts(self) -> Mapping[str, Any]:
        from netsim.experiments.networks import CHOICE

        return {"map": _MAP, "radius": _RADIUS, "choice": CHOICE}

    def conditions(self) -> Sequence[Condition]:
        return [{"network": name} for name in self.networks]

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.training import trained
        from netsim.measuring.metrics import decide
        from netsim.presenting.present import present

        name = unit.condition["network"]
        rows: list[Row] = []
        with trained(self.network(name), unit, limit=self.images) as model:
            test = model.splits().test.first(self.test_images)
            shown = _with_lateral(model, self.lateral) if name == LATERAL else model
            for strength, asynchrony, stimuli in self.stimuli(test, model.network.duration, unit.seed):
                decisions = decide(present(shown, stimuli, populations=["output"]).outputs)
                made = decisions.latency[np.isfinite(decisions.latency)]
                rows.append(
                    {
                        "strength": strength,
                        "asynchrony": asynchrony,
                        "accuracy": float(decisions.strictly_correct(stimuli.labels).mean()),
                        "latency": float(np.median(made)) if len(made) else None,
                    }
                )
        return rows

    def stimuli(self, test: Stimuli, duration: float, seed: int) -> list[tuple[float, float | None, Stimuli]]:
        """Return strength, asynchrony and stimuli, first without a mask (strength 0)."""
        import numpy as np

        from netsim.data.stimuli import SpikeStimuli

        target = test.latencies(np.arange(len(test)))
        noise = np.random.default_rng([seed, 3]).random(target.shape)
        conditions: list[tuple[float, float | None, np.ndarray]] = [(0.0, None, target)]
        for strength in self.strengths:
            mask = (1 - strength * noise) * test.encoder.t_max
            conditions += [(strength, late, np.minimum(target, mask + late)) for late in self.asynchronies]
        return [
            (
                strength,
                late,
                SpikeStimuli(np.where(times < duration, times, np.inf), test.labels, None, test.encoder, test.classes),
            )
            for strength, late, times in conditions
        ]

    def network(self, name: str) -> Network:
        """Return the network that learns; lateral excitation is added afterwards."""
        from netsim.experiments.networks import stimulus_driven

        regime = "free" if name == LATERAL else name
        settings: dict[str, Any] = {"dataset": self.dataset, "epochs": self.epochs, "validation": self.images // 20}
        return stimulus_driven("masking", regime, (_MAP[0] * _MAP[1],), 10, batch=50, **settings)

    def draw(self, table: DataFrame) -> Figure:
        networks, strengths = list(dict.fromkeys(table["network"])), sorted(set(table["strength"]) - {0.0})
        with panels(len(networks), 2.4, sharey=True, squeeze=False) as (figure, (shown,)):
            for axes, network in zip(shown, networks, strict=True):
                axes.axvspan(*_PUBLISHED, color="0.9", zorder=0, label="published asymptote")
                for strength, style in zip(strengths, styles(len(strengths)), strict=True):
                    curves = _curves(table, network, strength)
                    estimates = [interval(curves[late]).of_fraction(100) for late in curves]
                    bars(
                        axes,
                        curves.columns.to_numpy(float).tolist(),
                        estimates,
                        label=f"mask strength {strength:g}",
                        **style,
                    )
                unmasked, latency = _unmasked(table, network).mean(), _unmasked(table, network, "latency", 1).mean()
                axes.axhline(unmasked, color=FAINT, linestyle="--", linewidth=0.8, label="without a mask")
                if latency <= table["asynchrony"].max():
                    axes.axvline(latency, color=FAINT, linestyle=":", linewidth=0.9, label="unmasked decision")
                axes.set(xlabel="onset asynchrony (ms)", ylim=(0, 102), title=network)
            shown[0].set(ylabel="test accuracy (%)")
            handles, labels = shown[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        return figure

    def _compared(self, table: DataFrame) -> list[str]:
        """Return our values of the controls."""
        strong = max(self.strengths)
        rises = [f"{name}: {rise(table, name, strong).shown('{:+.1f}')}" for name in self.networks if name != LATERAL]
        at, shape = asymptote(table, "free", strong), [dip(table, LATERAL, each) for each in self.strengths]
        dips = [
            f"strength {strength:g}: "
            + (
                f"{estimate.shown('{:+.1f}')} points at {late:g} ms"
                if estimate.low < estimate.high
                else "no change in any network"
            )
            for strength, (late, estimate) in zip(self.strengths, shape, strict=True)
            if estimate.seeds
        ]
        return [
            f"{'; '.join(rises) or 'not measured'} points",
            at.shown("{:.0f}", "ms", "not measured"),
            "; ".join(dips) or "not measured",
        ]

    def verdict(self, table: DataFrame) -> Verdict:
        compared = self._compared(table)
        strong = max(self.strengths)
        regimes = [name for name in self.networks if name != LATERAL]
        is_a = {
            name: rise(table, name, strong).lies_above(0) and not dip(table, name, strong)[1].lies_below(0)
            for name in regimes
        }
        is_b = {each: dip(table, LATERAL, each)[1].lies_below(0) for each in self.strengths}
        outcomes = [f"{name} is {'' if holds else 'not '}of type A" for name, holds in is_a.items()]
        outcomes += [
            f"with lateral excitation, masks of strength {each:g} give {'a' if holds else 'no'} U-shaped curve"
            for each, holds in is_b.items()
            if LATERAL in self.networks
        ]
        both = bool(is_a) and all(is_a.values()) and LATERAL in self.networks and any(is_b.values())
        reason = f"{'; '.join(outcomes)}."
        return Verdict("reproduced" if both else "not reproduced", f"{reason[0].upper()}{reason[1:]}", compared)


def _with_lateral(model: Model, weight: float) -> Model:
    """Return a model whose hidden neurons lie on a map and excite their neighbours."""
    import numpy as np

    from netsim.specification import Distance, Projection
    from netsim.weights.initial import initial_weights

    network, hidden = model.network, "hidden1"
    first, *others = network.populations
    lateral = Projection(hidden, hidden, Distance(radius=_RADIUS), sign="excitatory", name="lateral")
    changed = replace(
        network, populations=(replace(first, shape=_MAP), *others), projections=(*network.projections, lateral)
    )
    weights = {
        name: model.weights[name] if name in model.weights else np.full_like(drawn, weight)
        for name, drawn in initial_weights(changed, 0).items()
    }
    return replace(model, network=changed, weights=weights)
