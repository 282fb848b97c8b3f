"""Measure how much accuracy each shipped network loses by jitter, coarse weights, missing spikes and coarse time.

    python scripts/robustness.py                     # all presets, about ten minutes; writes the page
    python scripts/robustness.py rcsnn-mnist yin-yang     # print these rows only

The stimuli are test stimuli. Nothing is chosen by the result. Draws have the seeds 0, 1 and 2. Presets without trained
weights and data sets that are not there are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import typer
from command import run
from pages import markdown, put

import netsim
from netsim.analysis import save_figure, theme
from netsim.analysis.style import FULL_WIDTH
from netsim.errors import DataError

PAGE = Path(__file__).parents[1] / "docs" / "results" / "robustness.md"
SEEDS = range(3)


class Disturbance(NamedTuple):
    """A study at one level. The level is in units of a time of the network, if `unit` names one."""

    heading: str
    study: str
    level: float
    unit: str = ""


DISTURBANCES = (
    Disturbance("jitter 5 %", "spike-jitter", 0.05, "window"),
    Disturbance("jitter 10 %", "spike-jitter", 0.1, "window"),
    Disturbance("8 bits", "weight-bits", 8),
    Disturbance("6 bits", "weight-bits", 6),
    Disturbance("4 bits", "weight-bits", 4),
    Disturbance("10 % missing", "spike-deletion", 0.1),
    Disturbance("30 % missing", "spike-deletion", 0.3),
    Disturbance("T/1000", "time-step", 0.001, "duration"),
    Disturbance("T/100", "time-step", 0.01, "duration"),
)


def accuracies(model: netsim.Model, limit: int) -> dict[str, float]:
    """Return the strict accuracy (%), undisturbed and with each disturbance. Binary weights have no bits to lose."""
    network = model.network
    times = {"": 1.0, "window": network.encoder.t_max, "duration": network.duration}
    stimuli = netsim.load_splits(network).test.first(limit)
    engine = netsim.make_engine("event", network)
    percents = {"exact": 100 * netsim.evaluate(model, stimuli, engine=engine).strict_accuracy}
    for each in DISTURBANCES:
        if each.study == "weight-bits" and network.weighting.is_binary:
            continue
        level = each.level * times[each.unit]
        table = netsim.study(model, each.study, [level], SEEDS, stimuli=stimuli, engine="event")
        percents[each.heading] = 100 * float(table[table["condition"] == "disturbed"]["strict_accuracy"].mean())
    return percents


def table_of(rows: pd.DataFrame) -> str:
    """Return accuracies as a table, one row per preset."""
    headings = [each.heading for each in DISTURBANCES]
    cells = [
        [name, *("" if pd.isna(value) else f"{value:.1f}" for value in row[["exact", *headings]])]
        for name, row in rows.iterrows()
    ]
    return markdown(["preset", *(f"{heading}>" for heading in ("exact (%)", *headings))], cells)


def draw(rows: pd.DataFrame, path: Path) -> None:
    """Draw the loss of accuracy (points) by preset and disturbance."""
    headings = [each.heading for each in DISTURBANCES]
    lost = rows[headings].rsub(rows["exact"], axis=0).clip(lower=0)
    with theme():
        figure, axes = plt.subplots(figsize=(FULL_WIDTH, 0.24 * len(rows) + 0.9), layout="constrained")
        bar = {"label": "accuracy lost (points)", "extend": "max"}
        written = {"annot": True, "fmt": ".1f", "annot_kws": {"size": 7}}
        sns.heatmap(lost, vmin=0, vmax=10, cmap="Blues", ax=axes, cbar_kws=bar, **written)
        axes.set_xticks(axes.get_xticks(), headings, rotation=30, ha="right")
        axes.tick_params(length=0)
        save_figure(figure, path)


def main(
    presets: Annotated[list[str] | None, typer.Argument(help="Only these; nothing is written.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Present the first N test stimuli.")] = 1000,
) -> None:
    """Measure all presets with trained weights, or some, and write or print the table."""
    rows = {}
    for name in presets or netsim.preset_names():
        model = netsim.load_model(name)
        if model.origin != "trained":
            continue
        try:
            rows[name] = accuracies(model, limit)
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        print(name, *(f"{value:.1f}" for value in rows[name].values()), file=sys.stderr, flush=True)
    columns = ["exact", *(each.heading for each in DISTURBANCES)]
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
    if presets:
        print(table_of(table))
    else:
        draw(table, PAGE.with_suffix("") / "lost.png")
        put(PAGE, {"robustness": table_of(table)})


if __name__ == "__main__":
    run(main)
