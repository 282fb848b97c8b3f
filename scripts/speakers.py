"""Leave one speaker out: train a preset of spoken digits on five speakers, test it on the sixth, for each speaker.

    python scripts/speakers.py                              # six trainings
    python scripts/speakers.py NETWORK.toml --seed 1 --out DIR

The test sounds are all recordings of one speaker. The network learns from the other speakers, and the settings are
those of the network. Interrupted trainings continue. Finished trainings are only tested.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
from pathlib import Path
from typing import Annotated

import typer
from pages import markdown

import netsim
from netsim.data.datasets.spoken_digits import SPEAKERS
from netsim.errors import NetsimError
from netsim.measuring.evaluation import Evaluation


def measured(network: netsim.Network, speaker: str, seed: int, folder: Path, data_dir: str | None) -> Evaluation:
    """Train a network on the other speakers, and return its figures on all recordings of a speaker."""
    held_out = dataclasses.replace(
        network, training=dataclasses.replace(network.training, dataset=f"spoken-digits:speaker={speaker}")
    )
    model = netsim.train(held_out, folder, seed=seed, data_dir=data_dir, resume=True)
    return netsim.evaluate(model)


def main(
    network: Annotated[str, typer.Argument(help="A preset or a TOML file.")] = "spoken-digits",
    seed: Annotated[int, typer.Option(help="Seed of all trainings.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs; by default those of the network.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/speakers"),
    data_dir: Annotated[str | None, typer.Option(help="Folder of the recordings.")] = None,
) -> None:
    """Print the accuracy for each speaker, and mean and standard deviation over speakers."""
    base = netsim.load_model(network).network
    if epochs is not None:
        base = dataclasses.replace(base, training=dataclasses.replace(base.training, epochs=epochs))
    accuracies, rows = [], []
    for speaker in SPEAKERS:
        figures = measured(base, speaker, seed, out / f"{base.name}-{speaker}-seed{seed}", data_dir)
        accuracies.append(100 * figures.strict_accuracy)
        rows.append([speaker, f"{figures.presentations:,}", f"{accuracies[-1]:.2f}"])
        print(f"{speaker}: {accuracies[-1]:.2f} %", file=sys.stderr)
    spread = f"{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}"
    print(markdown(["speaker", "recordings>", "strict (%)>"], [*rows, ["mean ± sd of speakers", "", spread]]))


if __name__ == "__main__":
    try:
        typer.run(main)
    except NetsimError as error:
        sys.exit(f"speakers: {error}")
