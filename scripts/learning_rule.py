"""How good the learner's steps are: its gradients beside finite differences of the loss, on networks that it trained.

Trains small networks on `digits` at exact times, one for each case, and compares for sampled weights of every
population the gradient of the mean loss, as the learner gives it, with central differences of that loss: of a small
step, within which hardly a spike appears or vanishes, and of a large one, within which they do. Writes table and
figure of docs/learning_rule.md::

    python scripts/learning_rule.py            # all cases, some minutes
    python scripts/learning_rule.py --case free
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

import netsim
from netsim.analysis import save_figure, theme
from netsim.analysis.style import colours

FOLDER = Path(__file__).parents[1] / "docs" / "learning_rule"
STEPS = {"small": 1e-4, "large": 1e-1}
"""Steps of finite differences, in standard deviations of the weights."""
DERIVATIVES: tuple[Literal["linear", "exact"], ...] = ("linear", "exact")


def _layers(regime: str, depth: int, psp: netsim.PSP) -> list[netsim.Layer]:
    """So many hidden populations and an output, in a regime."""
    layers = []
    for number in range(depth + 1):
        last, size = number == depth, 10 if number == depth else 60
        initial = netsim.InitialWeights(spread=1.0)
        if regime == "free":
            end = {} if last else {"end": 24.0}
            neurons = netsim.Neurons("free", threshold=1.0, tau=24.0, bias=True, **end)
            initial = netsim.InitialWeights(spread=0.35, bias=1.0)
        else:
            onset = 16.0 + (32.0 if regime == "phased" else 12.0) * number
            times = {"onset": onset, "end": 256.0 if last else onset + 32.0, "drive": 1.0}
            neurons = netsim.Neurons(regime, threshold=3.0 if last else 2.0, tau=16.0, bias=True, **times)
        name = "output" if last else f"hidden{number + 1}"
        layers.append(netsim.Layer(name, netsim.Dense(size), neurons, psp, initial))
    return layers


def _network(
    name: str, regime: str, depth: int = 1, psp: netsim.PSP | None = None, binary: bool = False
) -> netsim.Network:
    """A network of a case, with settings that it learns by."""
    sharpness = 64.0 if regime == "free" else 4.0
    return netsim.Network.chain(
        name,
        netsim.IntensityEncoder((8, 8, 1), t_max=16.0),
        _layers(regime, depth, psp or netsim.PSP()),
        duration=256.0,
        weighting=netsim.Weighting(kind="binary" if binary else "real", scale_rate=1.0 if binary else 0.0),
        learning=netsim.Learning(rate=0.005, sharpness=sharpness),
        training=netsim.Training("digits", precision="double", epochs=15, batch=20, validation=180),
    )


CASES = {
    "phased": _network("phased", "phased"),
    "phased, plateau": _network("phased-plateau", "phased", psp=netsim.PSP("plateau", rise=24.0)),
    "phased, three hidden": _network("phased-deep", "phased", depth=3),
    "phased, binary": _network("phased-binary", "phased", binary=True),
    "staggered": _network("staggered", "staggered"),
    "staggered, plateau": _network("staggered-plateau", "staggered", psp=netsim.PSP("plateau", rise=24.0)),
    "staggered, three hidden": _network("staggered-deep", "staggered", depth=3),
    "free": _network("free", "free"),
    "free, plateau": _network("free-plateau", "free", psp=netsim.PSP("plateau", rise=16.0)),
    "free, three hidden": _network("free-deep", "free", depth=3),
    "free, binary": _network("free-binary", "free", binary=True),
}


def trained(network: netsim.Network, seed: int = 0, limit: int | None = None) -> tuple[dict[str, np.ndarray], float]:
    """The weights that feed forward after a training, and strict validation accuracy."""
    splits = netsim.load_splits(network)
    state = netsim.start_training(network, seed)
    engine = netsim.make_engine("event", network)
    engine.run(netsim.training_conversation(network, splits.training.first(limit), splits.validation, state, seed))
    assert state.best_weights is not None
    return netsim.forward_weights(network, state.best_weights), state.best[0]


def compare(network: netsim.Network, weights: dict[str, np.ndarray], presentations: int, samples: int) -> pd.DataFrame:
    """Gradients of sampled weights by the learner, with either derivative, and by finite differences of the loss.

    Returns
    -------
    DataFrame
        Columns population, step, difference, and one for each derivative; the loss is dimensionless.
    """
    stimuli = netsim.load_splits(network).test.first(presentations)
    latencies, engine = stimuli.latencies(np.arange(len(stimuli))), netsim.make_engine("event", network)
    weights = {name: np.asarray(array, float) for name, array in weights.items()}
    learners = {
        name: netsim.STiDiBP(
            dataclasses.replace(network, learning=dataclasses.replace(network.learning, derivative=name))
        )
        for name in DERIVATIVES
    }
    fired = engine.present(netsim.Batch(latencies, weights))
    gradients = {name: learner.learn(fired, stimuli.labels, weights).gradients for name, learner in learners.items()}

    def loss(changed: dict[str, np.ndarray]) -> float:
        outputs = engine.present(netsim.Batch(latencies, changed))["output"]
        return float(learners["linear"].loss(outputs, stimuli.labels).mean())

    generator, rows = np.random.default_rng(0), []
    for projection in network.weighted:
        name = f"{projection.name}.kernel"
        kernel = weights[name]
        alive = np.flatnonzero(gradients["exact"][name].ravel())
        for index in generator.permutation(alive)[:samples]:
            for step, size in STEPS.items():
                losses = []
                for sign in (1, -1):
                    moved = kernel.copy()
                    moved.ravel()[index] += sign * size * kernel.std()
                    losses.append(loss(weights | {name: moved}))
                found = {one: network.learning.sharpness * gradients[one][name].ravel()[index] for one in DERIVATIVES}
                difference = (losses[0] - losses[1]) / (2 * size * kernel.std())
                rows.append({"population": projection.target, "step": step, "difference": difference} | found)
    return pd.DataFrame(rows)


def summarised(case: str, accuracy: float, rows: pd.DataFrame) -> pd.DataFrame:
    """Correlation, and ratio (the slope through 0 of the learner's gradient over the difference), by population."""
    found = []
    for (population, step), group in rows.groupby(["population", "step"], sort=False):
        for derivative in DERIVATIVES:
            ours, theirs = group[derivative], group["difference"]
            correlation = float(np.corrcoef(ours, theirs)[0, 1])
            ratio = float((ours * theirs).sum() / np.square(theirs).sum())
            found.append({
                "case": case, "accuracy": accuracy, "population": population, "step": step, "derivative": derivative,
                "correlation": correlation, "ratio": ratio, "weights": len(group),
            })  # fmt: skip
    return pd.DataFrame(found)


def markdown(table: pd.DataFrame) -> str:
    """The table of the page: correlation and ratio of the first hidden population and the output."""
    lines = [
        "| network | accuracy | population | linear, small step | linear, large | exact, small | exact, large |",
        "|---|---|---|---|---|---|---|",
    ]
    for (case, accuracy, population), group in table.groupby(["case", "accuracy", "population"], sort=False):
        cells = []
        for derivative in DERIVATIVES:
            for step in STEPS:
                (row,) = group[(group["derivative"] == derivative) & (group["step"] == step)].itertuples()
                cells.append(f"{row.correlation:.3f}, ×{row.ratio:.2f}")
        lines.append(f"| {case} | {accuracy:.1%} | {population} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def figure(samples: dict[str, pd.DataFrame]) -> plt.Figure:
    """The learner's gradients over finite differences, a panel for each case, by population."""
    with theme():
        columns = 3
        rows = -(-len(samples) // columns)
        size = (180 / 25.4, 2.1 * rows)
        drawn, panels = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
        for axes in panels.ravel()[len(samples) :]:
            axes.set_axis_off()
        names = ["output", *(f"hidden{number}" for number in (1, 2, 3))]
        looks = dict(zip(names, zip("so^D", colours(4), strict=True), strict=True))
        for axes, (case, table) in zip(panels.ravel(), samples.items(), strict=False):
            chosen = table[table["step"] == "small"]
            for population, group in chosen.groupby("population", sort=False):
                (marker, colour), largest = looks[str(population)], group["difference"].abs().max()
                ours, theirs = group["linear"] / largest, group["difference"] / largest
                axes.plot(theirs, ours, marker, color=colour, markersize=2.5)
            axes.axline((0, 0), slope=1, color="0.6", linewidth=0.8, zorder=0)
            axes.set(title=case, xlim=(-1.15, 1.15))
        marks = [Line2D([], [], marker=marker, color=colour, linestyle="") for marker, colour in looks.values()]
        drawn.legend(marks, list(looks), loc="outside upper right", ncols=4)
        drawn.supxlabel("finite difference of the loss (largest = 1)", fontsize=8)
        drawn.supylabel("gradient by the learner, linear derivative (same unit)", fontsize=8)
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, compare, and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these; nothing is written")
    parser.add_argument("--presentations", type=int, default=100)
    parser.add_argument("--samples", type=int, default=40, help="weights of each population")
    chosen = parser.parse_args(arguments)
    tables, samples = [], {}
    for case in chosen.case or CASES:
        weights, accuracy = trained(CASES[case])
        samples[case] = compare(CASES[case], weights, chosen.presentations, chosen.samples)
        tables.append(summarised(case, accuracy, samples[case]))
        print(markdown(tables[-1]), flush=True)
    if chosen.case:
        return
    table = pd.concat(tables)
    FOLDER.mkdir(exist_ok=True)
    table.to_csv(FOLDER / "gradients.csv", index=False, float_format="%.6g")
    save_figure(figure(samples), FOLDER / "gradients.png")
    page = FOLDER.with_suffix(".md")
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- gradients -->\n")
    _, _, after = rest.partition("<!-- end -->")
    page.write_text(f"{before}<!-- gradients -->\n{markdown(table)}<!-- end -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
