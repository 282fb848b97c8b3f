"""What a price on spikes buys: accuracy against the operations of a presentation, on a fixed budget.

    python scripts/sparsity.py                       # three seeds of each price; trained runs are kept and not repeated
    python scripts/sparsity.py --page docs/sparsity  # also the table and the figure of the documentation

Networks and budget are those of the ablations (scripts/reproducing/ablations.py); accuracies are of the validation
stimuli, no test stimulus is seen.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from reproducing.ablations import IMAGES, base
from reproducing.records import REPOSITORY

from netsim.errors import NetsimError
from netsim.runs.model import Model

if TYPE_CHECKING:
    import pandas as pd

PRICES = {"phased": (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3), "free": (0.0, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5)}
"""By regime. The loss of softmax targets is over their sharpness, which is 64 times as large in `free`."""


def main(
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeatable.")] = None,
    regime: Annotated[list[str] | None, typer.Option(help="Regime; repeatable.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are kept.")] = REPOSITORY / "runs" / "sparsity",
    page: Annotated[Path | None, typer.Option(help="Folder for activity.csv and activity.png.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Where the data sets lie.")] = None,
) -> None:
    """Train what is missing, and tabulate."""
    import pandas as pd

    from netsim.files import write_text

    if unknown := sorted(set(regime or []) - set(PRICES)):
        raise typer.BadParameter(f"{', '.join(unknown)}; regimes are {', '.join(PRICES)}")
    rows = [
        {"regime": one, "activity": price, "seed": number, **_measured(one, price, number, runs, data_dir)}
        for one in regime or PRICES
        for price in PRICES[one]
        for number in seed or [0, 1, 2]
    ]
    table = pd.DataFrame(rows)
    print(table.groupby(["regime", "activity"]).mean().drop(columns="seed").to_string(float_format="{:.4f}".format))
    if page is not None:
        page.mkdir(parents=True, exist_ok=True)
        write_text(page / "activity.csv", table.to_csv(index=False))
        _draw(table, page / "activity.png")


def _measured(regime: str, price: float, seed: int, runs: Path, data_dir: str | None) -> dict[str, float]:
    """Accuracy on validation, and costs of a presentation, after training if need be."""
    from netsim.data.stimuli import load_splits
    from netsim.engines import make_engine
    from netsim.measuring.evaluation import evaluate
    from netsim.runs.folder import is_run
    from netsim.training.opening import open_training

    network = base(regime)
    network = replace(network, name=f"sparsity-{regime}", learning=replace(network.learning, activity=price))
    folder = runs / f"{regime}-{price:g}-{seed}"
    run = open_training(folder, network, seed, IMAGES, data_dir, resume=is_run(folder))
    print(f"{regime}, activity = {price:g}, seed {seed}", file=sys.stderr)
    run.train()
    measured = evaluate(
        Model(network, run.folder.weights(network)),
        load_splits(network, None, data_dir).validation,
        engine=make_engine("event", network),
    )
    return {
        "validation_strict_accuracy": measured.strict_accuracy,
        "spikes_per_neuron": measured.costs.spikes_per_neuron,
        "effective_operations": measured.costs.effective_operations,
    }


def _draw(table: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    from netsim.analysis import save_figure, theme

    means = table.groupby(["regime", "activity"], sort=False).mean().reset_index()
    means, table = (
        each.assign(operations=each["effective_operations"] / 1e6, accuracy=100 * each["validation_strict_accuracy"])
        for each in (means, table)
    )
    with theme():
        axes = plt.subplots(figsize=(4.5, 2.8), layout="constrained")[1]
        sns.lineplot(
            means, x="operations", y="accuracy", hue="regime", style="regime", markers=True, sort=False, ax=axes
        )
        sns.scatterplot(table, x="operations", y="accuracy", hue="regime", s=8, legend=False, ax=axes)
        axes.set(xlabel="operations per presentation (10⁶)", ylabel="validation accuracy (%)")
    save_figure(axes, path)


if __name__ == "__main__":
    try:
        typer.run(main)
    except NetsimError as error:
        sys.exit(f"sparsity: {error}")
