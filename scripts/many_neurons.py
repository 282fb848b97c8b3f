"""Measure what networks of many neurons take in one process: memory, time, and the cost of a synapse.

    python scripts/many_neurons.py                     # 10,000, 100,000 and 1,000,000 neurons, in both regimes
    python scripts/many_neurons.py --neurons 300000

Two populations of half of the neurons each, with a hundred synapses onto every neuron from anywhere in the preceding
population, and weights in single precision; the stimulus, a tenth of that number, fires everywhere. Each network has a
process of its own. The first presentation lays out the synapses as well. Times are processor times, of one presentation
alone and of one of a batch of 32, so that other jobs matter little.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from netsim.specification import Network

BATCH = 32
INDEGREE = 100


def main(
    neurons: Annotated[list[int] | None, typer.Option(min=1000, help="How many; repeatable.")] = None,
    regime: Annotated[
        Literal["phased", "free"] | None, typer.Option(hidden=True, help="Measure one network, in this process.")
    ] = None,
) -> None:
    """Measure, and print a table."""
    if regime:
        print(_measured((neurons or [10_000])[0], regime))
        return
    heads = ("drawn (s)", "first (s)", "alone (ms)", "of 32 (ms)", "per synapse (ns)", "peak (GB)")
    print(f"| neurons | synapses | regime | {' | '.join(heads)} |")
    print(f"|---:|---:|---|{'---:|' * len(heads)}")
    for count in neurons or [10_000, 100_000, 1_000_000]:
        for one in ("phased", "free"):
            command = [sys.executable, __file__, "--regime", one, "--neurons", str(count)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def _measured(count: int, regime: str) -> str:
    """A row of the table."""
    import numpy as np

    import netsim
    from netsim.numerics.limits import peak_memory

    begun = time.process_time()
    network = _network(count, regime)
    weights = {name: array.astype(np.float32) for name, array in netsim.initial_weights(network, 0).items()}
    drawn = time.process_time() - begun
    engine = netsim.make_engine("event", network, precision="single")
    stimuli = np.random.default_rng(0).uniform(0, 64, (BATCH, *network.encoder.shape))

    def seconds(presentations: int) -> float:
        """Processor time of a presentation."""
        start = time.process_time()
        engine.present(netsim.Batch(stimuli[:presentations], weights))
        return (time.process_time() - start) / presentations

    first, one = seconds(1), np.median([seconds(1) for _ in range(3)])
    seconds(BATCH)
    many = np.median([seconds(BATCH) for _ in range(3)])
    figures = (drawn, first, 1e3 * one, 1e3 * many, 1e9 * many / network.synapses, peak_memory() / 1e9)
    return f"| {count:,} | {network.synapses:,} | `{regime}` | {' | '.join(f'{each:.3g}' for each in figures)} |"


def _network(count: int, regime: str) -> Network:
    import netsim

    def neurons(onset: float) -> netsim.Neurons:
        if regime == "phased":
            return netsim.Neurons("phased", threshold=2.0, tau=64.0, onset=onset, end=onset + 128.0, drive=1.0)
        return netsim.Neurons("free", threshold=0.1, tau=64.0)

    layers = [
        netsim.Layer("first", netsim.Random(count // 2, indegree=INDEGREE, seed=1), neurons(64.0)),
        netsim.Layer("second", netsim.Random(count - count // 2, indegree=INDEGREE, seed=2), neurons(192.0)),
        netsim.Layer("output", netsim.Random(10, indegree=INDEGREE, seed=3), neurons(320.0)),
    ]
    side = round((count / 10) ** 0.5)
    return netsim.Network.chain("many", netsim.IntensityEncoder((side, side, 1), 64.0), layers, duration=448.0)


if __name__ == "__main__":
    typer.run(main)
