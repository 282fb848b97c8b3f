"""Compare the learner's gradients with finite differences of the loss in trained networks.

The script trains a small network on `digits` per case, with exact times. It samples weights of every population. It
compares the learner's gradient of the mean loss with central differences of the loss. In a small step hardly any spike
appears or disappears. In a large step spikes appear and disappear. Table and figure go into
docs/concepts/learning_rule.md::

    python scripts/learning_rule.py            # all cases, some minutes
    python scripts/learning_rule.py free       # print only
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import seaborn as sns
import typer
from pages import markdown, put

import netsim
from netsim.analysis import save_figure, theme

FOLDER = Path(__file__).parents[1] / "docs" / "concepts" / "learning_rule"
STEPS = {"small": 1e-4, "large": 1e-1}
"""Steps of the finite differences, in standard deviations of the weights."""
DERIVATIVES: tuple[Literal["linear"], Literal["exact"]] = ("linear", "exact")
PSPS = {"phased": 24.0, "staggered": 24.0, "free": 16.0}
"""Rise times of the plateaus (ms)."""


def network_of(regime: str, depth: int = 1, plateau: bool = False, binary: bool = False) -> netsim.Network:
    """Return `depth` hidden populations of 60 neurons and an output, in a regime."""
    psp = netsim.PSP("plateau", rise=PSPS[regime]) if plateau else netsim.PSP()
    layers = []
    for number in range(depth + 1):
        last, onset = number == depth, 16.0 + (32.0 if regime == "phased" else 12.0) * number
        if regime == "free":
            neurons = netsim.Neurons("free", 1.0, 24.0, bias=True, end=math.inf if last else 24.0)
            initial = netsim.InitialWeights(spread=0.35, bias=1.0)
        else:
            end, threshold = (256.0, 3.0) if last else (onset + 32.0, 2.0)
            neurons = netsim.Neurons(regime, threshold, 16.0, onset, end, drive=1.0, bias=True)
            initial = netsim.InitialWeights(spread=1.0)
        name = "output" if last else f"hidden{number + 1}"
        layers.append(netsim.Layer(name, netsim.Dense(10 if last else 60), neurons, psp, initial))
    return netsim.Network.chain(
        regime,
        netsim.IntensityEncoder((8, 8, 1), t_max=16.0),
        tuple(layers),
        duration=256.0,
        weighting=netsim.Weighting("binary", scale_rate=1.0) if binary else netsim.Weighting(),
        # as the page's networks learned: weights as drawn, and no output stopped at its edge
        learning=netsim.Learning(rate=0.005, sharpness=64.0 if regime == "free" else 4.0, fitted=False, edges="pass"),
        training=netsim.Training("digits", precision="double", epochs=15, batch=20, validation=180),
    )


VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    ", plateau": {"plateau": True},
    ", three hidden": {"depth": 3},
    ", binary": {"binary": True},
}
CASES = {
    f"{regime}{variant}": network_of(regime, **settings)
    for regime in PSPS
    for variant, settings in VARIANTS.items()
    if (regime, variant) != ("staggered", ", binary")
}


def trained(network: netsim.Network, limit: int | None = None) -> tuple[dict[str, np.ndarray], float]:
    """Train a network. Return the forward weights and the strict validation accuracy."""
    splits, state = netsim.load_splits(network), netsim.start_training(network, 0)
    engine = netsim.make_engine("event", network)
    engine.run(netsim.training_conversation(network, splits.training.first(limit), splits.validation, state, 0))
    assert state.best_weights is not None
    weights = netsim.forward_weights(network, state.best_weights)
    return {name: np.asarray(array, float) for name, array in weights.items()}, state.best[0]


def compare(
    network: netsim.Network, weights: dict[str, np.ndarray], presentations: int = 100, samples: int = 40
) -> pd.DataFrame:
    """Return gradients of sampled weights, from the learner with either derivative, and from finite differences.

    Columns are population, step, difference, and one per derivative. The loss is dimensionless.
    """
    stimuli = netsim.load_splits(network).test.first(presentations)
    latencies, engine = stimuli.latencies(np.arange(len(stimuli))), netsim.make_engine("event", network)
    fired, learned = engine.present(netsim.Batch(latencies, weights)), {}
    for derivative in DERIVATIVES:
        learner = netsim.STiDiBP(replace(network, learning=replace(network.learning, derivative=derivative)))
        learned[derivative] = learner.learn(fired, stimuli.labels, weights).gradients

    def loss(name: str, index: int, change: float) -> float:
        kernel = weights[name].copy()
        kernel.ravel()[index] += change
        outputs = engine.present(netsim.Batch(latencies, weights | {name: kernel}))["output"]
        return float(learner.loss(outputs, stimuli.labels).mean())

    generator, rows = np.random.default_rng(0), []
    for projection in network.weighted:
        name = f"{projection.name}.kernel"
        alive = np.flatnonzero(learned["exact"][name].ravel())
        for index in generator.permutation(alive)[:samples]:
            ours = {each: network.learning.sharpness * learned[each][name].ravel()[index] for each in DERIVATIVES}
            for step, size in STEPS.items():
                change = size * weights[name].std()
                difference = (loss(name, index, change) - loss(name, index, -change)) / (2 * change)
                rows.append({"population": projection.target, "step": step, "difference": difference} | ours)
    return pd.DataFrame(rows)


def summarised(case: str, accuracy: float, rows: pd.DataFrame) -> pd.DataFrame:
    """Return correlation and ratio (regression slope through 0 of gradient on difference) by population."""
    summary = []
    for (population, step), group in rows.groupby(["population", "step"], sort=False):
        for derivative in DERIVATIVES:
            ours, theirs = group[derivative], group["difference"]
            correlation, ratio = np.corrcoef(ours, theirs)[0, 1], (ours * theirs).sum() / np.square(theirs).sum()
            summary.append((case, accuracy, population, step, derivative, correlation, ratio, len(group)))
    columns = ["case", "accuracy", "population", "step", "derivative", "correlation", "ratio", "weights"]
    return pd.DataFrame(summary, columns=columns)


def table_of(table: pd.DataFrame) -> str:
    """Return the table of the page."""
    steps = ("linear, small step", "linear, large", "exact, small", "exact, large")
    rows = []
    for (case, accuracy, population), group in table.groupby(["case", "accuracy", "population"], sort=False):
        group = group.sort_values(["derivative", "step"], ascending=False)  # the order of the headings
        cells = [f"{alike:.3f}, ×{ratio:.2f}" for alike, ratio in group[["correlation", "ratio"]].to_numpy()]
        rows.append([case, f"{accuracy:.1%}", population, *cells])
    return markdown(("network", "accuracy", "population", *steps), rows)


def draw(samples: pd.DataFrame, path: Path) -> None:
    """Draw the learner's gradients over finite differences, one panel per case. The largest difference is 1."""
    small = samples[samples["step"] == "small"]
    largest = small.groupby(["case", "population"])["difference"].transform(lambda each: each.abs().max())
    x, y = "finite difference of the loss", "gradient by the learner"
    scaled = small.assign(**{x: small["difference"] / largest, y: small["linear"] / largest})
    with theme():
        grid = sns.relplot(
            scaled, x=x, y=y, hue="population", style="population", col="case", col_wrap=3, height=2.1, s=10
        )
        for axes in grid.axes.flat:
            axes.axline((0, 0), slope=1, color="0.6", linewidth=0.8, zorder=0)
        most = 1.1 * float(scaled[[x, y]].abs().to_numpy().max())  # an identity line needs equal axes
        grid.set_titles("{col_name}").set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
        save_figure(grid.axes.flat[0], path)


def main(cases: Annotated[list[str] | None, typer.Argument(help="Only these; nothing is written.")] = None) -> None:
    """Train, compare, and write."""
    tables, samples = [], []
    for case in cases or CASES:
        weights, accuracy = trained(CASES[case])
        samples.append(compare(CASES[case], weights).assign(case=case))
        tables.append(summarised(case, accuracy, samples[-1]))
        print(table_of(tables[-1]), flush=True)
    if not cases:
        pd.concat(tables).to_csv(FOLDER / "gradients.csv", index=False, float_format="%.6g")
        draw(pd.concat(samples), FOLDER / "gradients.png")
        put(FOLDER.with_suffix(".md"), {"gradients": table_of(pd.concat(tables))})


if __name__ == "__main__":
    typer.run(main)
