"""Learn online, with one step of the weights per presentation.

    python scripts/online.py rcsnn-mnist                                   # one pass
    python scripts/online.py digits --engine brian2 --presentations 3000   # the reference engine
    python scripts/online.py rcsnn-mnist --optimizer adam --rate 0.0001

Stochastic gradient descent without momentum changes only the synapses that learn from a presentation. Each decision
precedes learning from its presentation. In the first pass, the curve therefore shows unseen stimuli.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Annotated

import numpy as np
import typer

import netsim
from netsim.engines import Conversation
from netsim.errors import NetsimError, TrainingError
from netsim.learning.constraints import constraints_of
from netsim.learning.gradients import are_finite
from netsim.seams import optimizers

SHOWN = 1000
"""Presentations per mean value of the curve."""


def main(
    preset: Annotated[str, typer.Argument(help="Network and data.")],
    engine: Annotated[str, typer.Option(help="Engine.")] = "event",
    presentations: Annotated[int | None, typer.Option(min=1, help="How many; by default each stimulus once.")] = None,
    rate: Annotated[float, typer.Option(help="Learning rate; it falls to zero in a line.")] = 0.005,
    optimizer: Annotated[str, typer.Option(help="Optimizer; sgd is without momentum.")] = "sgd",
    seed: Annotated[int, typer.Option(min=0, help="Of initial weights and order.")] = 0,
    test: Annotated[bool, typer.Option(help="Evaluate the test set at the end.")] = True,
) -> None:
    """Learn, and print the course of the accuracy and the time per presentation."""
    network = netsim.load_preset(preset)
    momentum = 0.0 if optimizer == "sgd" else network.learning.momentum
    learning = dataclasses.replace(
        network.learning, optimizer=optimizer, momentum=momentum, weight_decay=0.0, averaging=0.0
    )
    network = dataclasses.replace(network, learning=learning)
    splits = netsim.load_splits(network)
    weights = {name: array.astype(np.float32) for name, array in netsim.initial_weights(network, seed).items()}
    count = presentations or len(splits.training)
    dt = network.training.dt if engine == "event" else network.training.dt or 1.0  # Brian2 has no exact times
    made = netsim.make_engine(engine, network, dt, "double" if dt else "single")
    times = made.run(learn(network, splits.training, weights, count, rate, seed))
    for name in ("validation", "test")[: 1 + test]:
        if stimuli := getattr(splits, name):
            measured = netsim.evaluate(
                netsim.Model(network, weights), stimuli, engine=netsim.make_engine("event", network)
            )
            print(f"{name}: strict accuracy {measured.strict_accuracy:.2%}")
    medians = [f"{what} {1000 * each:.2f} ms" for what, each in zip(("engine", "learning"), times, strict=True)]
    print(f"{', '.join(medians)} a presentation (median)")


def learn(
    network: netsim.Network,
    stimuli: netsim.Stimuli,
    weights: dict[str, np.ndarray],
    count: int,
    rate: float,
    seed: int,
) -> Conversation[np.ndarray]:
    """Present stimuli in sequence and learn from each. Return the median times (s) of engine and learning."""
    learner, constraints = netsim.STiDiBP(network), constraints_of(network)
    optimizer = optimizers[network.learning.optimizer].from_network(network)
    optimizer.begin(weights)
    generator = np.random.default_rng(seed)
    order = np.concatenate([generator.permutation(len(stimuli)) for _ in range(-(-count // len(stimuli)))])
    right, times = np.empty(count, bool), np.empty((count, 2))
    for number, chosen in enumerate(order[:count]):
        labels, began = stimuli.labels[[chosen]], time.perf_counter()
        # finite weights stay finite with finite steps and constraints, so they need no check
        latencies = yield netsim.Batch(stimuli.latencies(order[[number]]), weights, weights_checked=True)
        presented = time.perf_counter()
        learned = learner.learn(latencies, labels, weights)
        if not are_finite(learned.gradients):
            raise TrainingError(f"diverged at presentation {number + 1}; lower --rate (now {rate:g})")
        optimizer.step(weights, learned.gradients, rate * (1 - number / count))
        for constraint in constraints:
            constraint.enforce(weights)
        times[number] = presented - began, time.perf_counter() - presented
        right[number] = netsim.decide(latencies[network.output.name]).strictly_correct(labels)[0]
        if (number + 1) % min(SHOWN, count) == 0:
            print(f"{number + 1:,} presentations: {right[number + 1 - min(SHOWN, count) : number + 1].mean():.2%}")
    return np.median(times, axis=0)


if __name__ == "__main__":
    try:
        typer.run(main)
    except NetsimError as error:
        sys.exit(f"online: {error}")
