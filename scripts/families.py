"""Compare neuron families at equal architecture: accuracy, spikes, and robustness to jitter of the stimulus.

    python scripts/families.py --seed 0 --seed 1 --seed 2            # a minute of a processor

The networks learn the digits. They have the same populations, encoder, learning settings and epochs, and differ in
their neurons alone. Validation stimuli choose the epoch. The test stimuli are presented at the end, with and without
jitter.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from command import run
from pages import markdown

import netsim

JITTERS = (0.05, 0.1, 0.2)
"""Standard deviations of the jitter, as shares of the encoding window."""
WINDOW = 16.0
"""Encoding window (ms)."""
FAMILIES = {
    "piecewise-linear": netsim.Neurons("free", threshold=1.0, tau=WINDOW, bias=True),
    "leaky, equal time constants": netsim.Neurons("free", threshold=0.25, tau=WINDOW, bias=True, family="leaky"),
    "leaky, tau_syn = tau/2": netsim.Neurons(
        "free", threshold=0.25, tau=WINDOW, bias=True, family="leaky", tau_syn=WINDOW / 2
    ),
}


def network_of(neurons: netsim.Neurons, hidden: int, epochs: int) -> netsim.Network:
    """Return a network of two dense layers."""
    layers = [netsim.Layer(name, netsim.Dense(size), neurons) for name, size in (("hidden", hidden), ("output", 10))]
    return netsim.Network.chain(
        "families",
        netsim.IntensityEncoder((8, 8, 1), WINDOW),
        layers,
        8 * WINDOW,
        learning=netsim.Learning(sharpness=24.0, schedule="cosine"),
        training=netsim.Training("digits", epochs=epochs, batch=20, validation=180, precision="double"),
    )


def figures(network: netsim.Network, seed: int, folder: Path) -> list[float]:
    """Train a network. Return accuracy (%), hidden spikes (%), latency (windows), and accuracies with jitter (%)."""
    model = netsim.train(network, seed=seed, out=folder)
    evaluation = netsim.evaluate(model)
    fired = evaluation.spikes_per_presentation["hidden"] / network.population("hidden").size
    jittered = netsim.study(model, "spike-jitter", [share * WINDOW for share in JITTERS], [seed])
    means = jittered[jittered["condition"] == "disturbed"].groupby("level")["strict_accuracy"].mean()
    latency = evaluation.median_decision_latency_ms / WINDOW
    return [100 * evaluation.strict_accuracy, 100 * fired, latency, *(100 * means.sort_index())]


def main(
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeatable. The default is 0.")] = None,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden neurons.")] = 200,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 15,
) -> None:
    """Train all families with each seed, and print a table of means and standard deviations over seeds."""
    rows = []
    for family, neurons in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            network = network_of(neurons, hidden, epochs)
            runs = np.array([figures(network, number, Path(folder, str(number))) for number in seed or [0]])
        rows.append([family, *map(_mean, runs.T, (1, 0, 2, *[1] * len(JITTERS)))])
    headings = ["neurons", "strict (%)>", "hidden that fire (%)>", "decision (windows)>"]
    print(markdown([*headings, *(f"jitter {share:g} (%)>" for share in JITTERS)], rows))


def _mean(values: np.ndarray, digits: int) -> str:
    mean = f"{values.mean():.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


if __name__ == "__main__":
    run(main)
