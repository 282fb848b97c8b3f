"""Learn online: one presentation, one step of every weight that learns from it.

    python scripts/online.py rcsnn-mnist                                   # one pass
    python scripts/online.py digits --engine brian2 --presentations 3000   # the reference engine
    python scripts/online.py rcsnn-mnist --optimizer adam --rate 0.0001

Stochastic gradient descent without momentum moves the synapses that learn from a presentation, and no others. Each
presentation is decided before it is learned from: in the first pass the curve is of stimuli never seen. Written are the
curve as a table and a figure, and the weights; the test set is evaluated once, at the end.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsim.errors import NetsimError, TrainingError

if TYPE_CHECKING:
    import pandas as pd

    from netsim.data.stimuli import Stimuli
    from netsim.engines import Conversation
    from netsim.specification import Network
    from netsim.weights.layout import Weights

_MEAN_OVER = 1000
"""Presentations that a point of the curve is the mean over."""


def main(
    preset: Annotated[str, typer.Argument(help="Network and data.")],
    engine: Annotated[str, typer.Option(help="Engine.")] = "event",
    presentations: Annotated[int | None, typer.Option(min=1, help="How many; by default each stimulus once.")] = None,
    rate: Annotated[float, typer.Option(min=1e-9, max=1.0, help="Learning rate; it falls to zero in a line.")] = 0.005,
    optimizer: Annotated[str, typer.Option(help="Optimizer; sgd is without momentum.")] = "sgd",
    seed: Annotated[int, typer.Option(min=0, help="Of initial weights and order.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder that is written.")] = Path("runs/online"),
    data_dir: Annotated[Path | None, typer.Option(help="Where data sets are.")] = None,
    test: Annotated[bool, typer.Option(help="Evaluate the test set at the end.")] = True,
) -> None:
    """Learn, and print how the accuracy grows and what a presentation takes."""
    import netsim
    from netsim.files import write_text
    from netsim.measuring.evaluation import evaluate
    from netsim.weights.files import write_weights

    given = netsim.load_preset(preset)
    momentum = 0.0 if optimizer == "sgd" else given.learning.momentum
    learning = dataclasses.replace(
        given.learning, optimizer=optimizer, momentum=momentum, weight_decay=0.0, averaging=0.0
    )
    network = dataclasses.replace(given, learning=learning)
    splits = netsim.load_splits(network, None, str(data_dir) if data_dir else None)
    count = presentations or len(splits.training)
    weights, curve, milliseconds = _learn(network, splits.training, engine, count, rate, seed)
    measured = {
        name: evaluate(
            netsim.Model(network, weights), getattr(splits, name), engine=netsim.make_engine("event", network)
        ).to_dict()
        for name in ("validation", "test")[: 1 + test]
        if len(getattr(splits, name))
    }
    out.mkdir(parents=True, exist_ok=True)
    curve.to_csv(out / "online.csv", index=False)
    write_weights(weights, out / "weights.npz")
    settings = {
        "preset": preset,
        "engine": engine,
        "presentations": count,
        "rate": rate,
        "seed": seed,
        "optimizer": optimizer,
    }
    write_text(out / "online.json", json.dumps({**settings, "milliseconds": milliseconds, **measured}, indent=2) + "\n")
    _draw(curve, out / "online.png", f"{preset}, {engine}, {optimizer}, rate {rate:g}")
    for name, figures in measured.items():
        print(f"{name}: strict accuracy {figures['strict_accuracy']:.2%}")
    print(", ".join(f"{what} {value:.2f} ms" for what, value in milliseconds.items()), "a presentation (median)")


def _learn(
    network: Network, stimuli: Stimuli, engine: str, count: int, rate: float, seed: int
) -> tuple[Weights, pd.DataFrame, dict[str, float]]:
    """Weights, accuracy by presentation, and median times (ms)."""
    import numpy as np
    import pandas as pd
    from rich.progress import track

    import netsim
    from netsim import seams
    from netsim.learning.constraints import constraints_of
    from netsim.learning.gradients import are_finite
    from netsim.measuring.metrics import decide

    weights = {name: array.astype(np.float32) for name, array in netsim.initial_weights(network, seed).items()}
    learner, constraints = netsim.STiDiBP(network), constraints_of(network)
    optimizer = seams.optimizers[network.learning.optimizer].from_network(network)
    optimizer.begin(weights)
    generator = np.random.default_rng(seed)
    passes = -(-count // len(stimuli))
    order = np.concatenate([generator.permutation(len(stimuli)) for _ in range(passes)])[:count]
    right, times = np.empty(count, bool), np.empty((count, 3))

    def conversation() -> Conversation[None]:
        for number, chosen in enumerate(track(order, "presentations")):
            label = stimuli.labels[chosen : chosen + 1]
            began = time.perf_counter()
            # finite weights that move by finite steps and are held to their constraints: no need to look at all of them
            latencies = yield netsim.Batch(stimuli.latencies(np.array([chosen])), weights, weights_checked=True)
            presented = time.perf_counter()
            learned = learner.learn(latencies, label, weights)
            told = time.perf_counter()
            if not are_finite(learned.gradients):
                raise TrainingError(f"diverged at presentation {number + 1}; lower --rate (now {rate:g})")
            optimizer.step(weights, learned.gradients, rate * (1 - number / count))
            for constraint in constraints:
                constraint.enforce(weights)
            times[number] = presented - began, told - presented, time.perf_counter() - told
            right[number] = decide(latencies[network.output.name]).strictly_correct(label)[0]

    dt = network.training.dt if engine == "event" else network.training.dt or 1.0  # Brian2 has no exact times
    netsim.make_engine(engine, network, dt, "double" if dt else "single").run(conversation())
    ends = np.arange(min(_MEAN_OVER, count), count + 1, min(_MEAN_OVER, count))
    before = np.concatenate([[0], np.cumsum(right)])
    accuracy = (before[ends] - before[ends - ends[0]]) / ends[0]
    curve = pd.DataFrame({"presentations": ends, "strict_accuracy": accuracy})
    whole = np.median(times.sum(axis=1))
    medians = dict(zip(("engine", "learner", "optimizer", "all"), [*np.median(times, axis=0), whole], strict=True))
    return weights, curve, {name: float(1e3 * value) for name, value in medians.items()}


def _draw(curve: pd.DataFrame, path: Path, title: str) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = plt.subplots(figsize=(4.5, 3), layout="constrained")
    sns.lineplot(curve, x="presentations", y=100 * (1 - curve["strict_accuracy"]), ax=axes, marker="o")
    axes.set(yscale="log", xlabel="presentations", ylabel="errors (%)", title=title)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    try:
        typer.run(main)
    except NetsimError as error:
        sys.exit(f"online: {error}")
