"""Measure what a layer thinned to a tenth of its synapses takes, beside the dense one, and what many synapses need.

    python scripts/thinning.py                 # dense and thinned in turn, in both regimes
    python scripts/thinning.py --many          # ten million synapses, simulated and trained: peak memory

Times are processor times of `Engine.present` with one thread, of networks of a single layer: with the checks of the
batch, what is laid out of the weights, and all else that a presentation takes. A network is presented several batches
in a row, as in every run, before it is the other one's turn.
"""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from netsim.specification import Connectivity, Network

PIXELS, BATCH, BATCHES = 784, 64, 8
CASES = ((400, 0.2), (1000, 0.2), (4000, 0.2), (4000, 1.0))
"""Neurons, and the share of pixels that fire."""


def main(
    repetitions: Annotated[int, typer.Option(min=1, help="Pairs of series of batches.")] = 15,
    many: Annotated[bool, typer.Option("--many", help="Ten million synapses in place of the table.")] = False,
) -> None:
    """Measure, and print a table."""
    os.environ["NETSIM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    if many:
        _train_many()
    else:
        _compare(repetitions)


def _compare(repetitions: int) -> None:
    import numpy as np

    import netsim
    from netsim.engines.event.engine import EventEngine

    print("| neurons | pixels that fire | regime | precision | dense (ms) | 10 % (ms) | ratio |")
    print("|---:|---:|---|---|---:|---:|---:|")
    for size, active in CASES:
        generator = np.random.default_rng(0)
        stimuli = np.where(
            generator.random((BATCH, PIXELS)) < active, generator.uniform(0, 64, (BATCH, PIXELS)), np.inf
        )
        for regime in ("phased", "free"):
            for precision in ("double", "single"):
                calls: list[tuple[EventEngine, netsim.Batch, list[float]]] = []
                for rule in (netsim.Dense(size), netsim.Random(size, 0.1, seed=1)):
                    network = _network(rule, regime)
                    engine = EventEngine(network, precision=precision)
                    weights = netsim.initial_weights(network, 0)
                    batch = netsim.Batch(stimuli.reshape(-1, 28, 28, 1), weights)
                    engine.present(batch)
                    calls.append((engine, batch, []))
                for _ in range(repetitions):
                    for engine, batch, times in calls:
                        engine.present(batch)  # the other network has left the cache by then
                        start = time.process_time()
                        for _ in range(BATCHES):
                            engine.present(batch)
                        times.append(1000 * (time.process_time() - start) / (BATCH * BATCHES))
                dense, thinned = (np.array(times) for _, _, times in calls)
                ratio = float(np.median(thinned / dense))
                print(
                    f"| {size:,} | {active:.0%} | `{regime}` | {precision} | {np.median(dense):.3f} |"
                    f" {np.median(thinned):.3f} | {ratio:.2f} |",
                    flush=True,
                )


def _network(rule: Connectivity, regime: str) -> Network:
    import netsim

    neurons = (
        netsim.Neurons("phased", threshold=2.0, tau=64.0, onset=64.0, end=192.0, drive=1.0)
        if regime == "phased"
        else netsim.Neurons("free", threshold=0.1, tau=64.0)
    )
    layers = [netsim.Layer("output", rule, neurons)]
    return netsim.Network.chain("layer", netsim.IntensityEncoder((28, 28, 1), 64.0), layers, duration=512.0)


def _train_many() -> None:
    import numpy as np

    import netsim
    from netsim.learning.optimizers.adam import Adam

    encoder = netsim.IntensityEncoder((28, 28, 1), 64.0)
    neurons = [netsim.Neurons("phased", 2.0, 64.0, onset, onset + 128.0, drive=1.0) for onset in (64.0, 192.0, 320.0)]
    layers = [
        netsim.Layer("first", netsim.Random(10_000, 0.1, seed=1), neurons[0]),
        netsim.Layer("second", netsim.Random(9_200, 0.1, seed=2), neurons[1]),
        netsim.Layer("output", netsim.Dense(10), neurons[2]),
    ]
    network = netsim.Network.chain("many", encoder, layers, duration=448.0)
    generator = np.random.default_rng(0)
    weights = {name: array.astype(np.float32) for name, array in netsim.initial_weights(network, 0).items()}
    engine, learner = netsim.make_engine("event", network, precision="single"), netsim.STiDiBP(network)
    optimizer = Adam.from_network(network)
    optimizer.begin(weights)
    for _ in range(3):
        stimuli, labels = generator.uniform(0, 64, (100, 28, 28, 1)), generator.integers(0, 10, 100)
        latencies = engine.present(netsim.Batch(stimuli, weights))
        optimizer.step(weights, learner.learn(latencies, labels, weights).gradients, 1e-3)
        shares = ", ".join(
            f"{np.isfinite(times).mean():.0%}" for name, times in latencies.items() if name != "stimulus"
        )
        print(f"{network.synapses:,} synapses, a batch of 100; of the layers fire {shares}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    typer.run(main)
