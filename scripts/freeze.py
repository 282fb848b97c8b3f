"""Compare spikes and trained weights of small networks with frozen values, or freeze them again.

    python scripts/freeze.py              # lists differences; exit code 1 if there are any
    python scripts/freeze.py --write      # for maintainers: freeze the current values

There is a network for each regime and PSP, with every connectivity in turn. Values are latencies of the engine `event`,
exact and on a grid, and of `brian2`. Further values are weights after two epochs in single and double precision, both
real and binary. `tests/frozen.npz` contains the values, so that size and place of a difference can be examined.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import netsim
from netsim.files import write_atomically

FROZEN = Path(__file__).parents[1] / "tests" / "frozen.npz"
DT = 0.5
"""Time step of the grid (ms)."""
BOUNDS = {"latencies": 1e-6, "double": 1e-6, "single": 1e-4}
"""Tolerances of latencies (ms) and weights for other processors and other versions of numpy and numba.

Sums may be rounded in another order there. Single-precision networks learn by SGD, because Adam would amplify gradients
that consist only of rounding errors.
"""

PSPS = {
    "ramp": netsim.PSP(),
    "plateau": netsim.PSP("plateau", rise=7.3),
    "triangle": netsim.PSP("triangle", rise=5.2, fall=9.1),
    "breakpoints": netsim.PSP("breakpoints", breakpoints=((0.0, 0.0), (3.1, 1.0), (8.7, 0.4))),
}
RULES = (
    *(netsim.Random(probability=0.4, seed=1), netsim.Random(indegree=9, seed=2), netsim.Distance(sigma=1.0, seed=3)),
    *(netsim.LocallyConnected(None, 3), netsim.OneToOne(), netsim.Dense()),
)


def networks() -> dict[str, netsim.Network]:
    """Return networks by name: each regime and PSP, with maps, pooling, a loop, winners, delays and signs."""
    combinations = itertools.product(("phased", "staggered", "free"), PSPS)
    return {f"{regime} {psp}": _network(regime, PSPS[psp], n) for n, (regime, psp) in enumerate(combinations)}


def _network(regime: str, psp: netsim.PSPShape, number: int) -> netsim.Network:
    def neurons(depth: int) -> netsim.Neurons:
        if regime == "free":
            return netsim.Neurons(threshold=0.5, tau=10.0, end=70.0, bias=True)
        return netsim.Neurons(regime, 0.5, tau=10.0, onset=15.3 * depth, end=15.3 * depth + 18.0, drive=0.3, bias=True)

    rule = RULES[number % len(RULES)]
    shape = (2, 2, 2) if isinstance(rule, netsim.LocallyConnected) else (4, 4, 2)
    winners = netsim.PopulationWinners(math.prod(shape) * 3 // 8) if number % 2 else None
    delay = (0.0, 1.3, netsim.Delays(mean=2.0, spread=1.0), netsim.Delays("synapse", 2.0, 1.0))[number % 4]
    looped = number % 3 == 0
    populations = (
        netsim.Population("maps", (4, 4, 2), neurons(1)),
        netsim.Population("pool", (2, 2, 2), None),
        netsim.Population("rule", shape, neurons(2), winners=winners),
        netsim.Population("stopping", (5,), neurons(2 if looped else 3)),
        netsim.Population("output", (3,), neurons(3 if looped else 4)),
    )
    back: dict[str, Any] = {"target": "output", "name": "on"}
    if looped:
        back = {"target": "rule", "name": "back", "delay": 0.7}
    projections = (
        netsim.Projection("stimulus", "maps", netsim.Convolution(2, 3, padding=1), psp=psp),
        netsim.Projection("maps", "pool", netsim.Pooling(2)),
        netsim.Projection("maps", "rule", rule, psp=psp, delay=delay),
        netsim.Projection("pool", "output", netsim.Dense(), psp=psp),
        netsim.Projection("rule", "output", netsim.Dense(), psp=psp),
        netsim.Projection("rule", "stopping", netsim.Dense(), psp=psp, sign="excitatory"),
        netsim.Projection("stopping", connectivity=netsim.Dense(), psp=psp, sign="inhibitory", **back),
    )
    encoder, training = netsim.IntensityEncoder((4, 4, 1), 20.0), netsim.Training(epochs=2, batch=20, validation=20)
    return netsim.Network(regime, encoder, populations, projections, 90.0, training=training)


def numbers(beginnings: tuple[str, ...] = ("",)) -> Iterator[tuple[str, np.ndarray]]:
    """Yield values whose names begin in one of these ways. The first word of a name is the key in `BOUNDS`."""
    import brian2

    brian2.prefs.codegen.target = "numpy"  # the same steps without compilation for each network
    generator = np.random.default_rng(7)
    stimuli = generator.uniform(0.0, 20.0, (6, 4, 4, 1))
    stimuli[generator.uniform(size=stimuli.shape) < 0.3] = np.inf
    for number, (name, network) in enumerate(networks().items()):
        batch = netsim.Batch(stimuli, netsim.initial_weights(network, number))
        for engine, dt in [("event", 0.0), ("event", DT)] + [("brian2", DT)] * (number in (0, 5, 10)):
            values = f"latencies {name} {engine} {dt}"
            if not values.startswith(beginnings):
                continue
            latencies = netsim.make_engine(engine, network, dt).present(batch)
            times = [latencies[population.name].ravel() for population in network.populations]
            yield values, np.concatenate(times)
    for name in ("phased ramp", "staggered plateau", "free triangle"):
        network = networks()[name]
        # binary weights, which are signs times a scale, cannot be given
        unsigned = tuple(replace(projection, sign="any") for projection in network.projections)
        binary = replace(network, projections=unsigned, weighting=netsim.Weighting("binary"))
        for values, trained, learning in (
            (f"double {name}", network, _learning(derivative="exact", rate=0.01)),
            (f"single {name}", network, _learning(optimizer="sgd", rate=0.05)),
            (f"double {name} binary", binary, _learning(rate=0.01)),
        ):
            if values.startswith(beginnings):
                yield values, _trained(trained, values.split()[0], learning)


def _learning(**settings: Any) -> netsim.Learning:
    """Return settings of a training that starts with drawn weights, as in presets."""
    as_in_presets: dict[str, Any] = {"derivative": "linear", "fitted": False, "edges": "pass"}
    return netsim.Learning(**(as_in_presets | settings))


def _trained(network: netsim.Network, precision: Any, learning: netsim.Learning) -> np.ndarray:
    """Return all weights after training with noisy images of one pattern per label."""
    network = replace(network, training=replace(network.training, precision=precision), learning=learning)
    generator, shape = np.random.default_rng(5), network.encoder.shape
    patterns, labels = generator.integers(0, 256, (3, *shape)), generator.integers(0, 3, 120)
    images = np.clip(patterns[labels] + generator.integers(-40, 41, (120, *shape)), 0, 255).astype(np.uint8)
    training, validation = (
        netsim.Stimuli(images[part], labels[part], 255, network.encoder) for part in (slice(100), slice(100, 120))
    )
    engine, state = netsim.make_engine("event", network, precision=precision), netsim.start_training(network, 0)
    state = netsim.run_training(engine, network, training, validation, state, 0)
    return np.concatenate([state.weights[name].ravel() for name in sorted(state.weights)]).astype(float)


def differences(frozen: dict[str, np.ndarray], computed: dict[str, np.ndarray]) -> list[str]:
    """List differences beyond `BOUNDS`, one line each."""
    lines = [f"{name}: is in one of the two only" for name in sorted(frozen.keys() ^ computed.keys())]
    for name in sorted(frozen.keys() & computed.keys()):
        before, now = frozen[name], computed[name]
        if before.shape != now.shape:
            lines.append(f"{name}: {before.size} values before, {now.size} now")
            continue
        same = np.isclose(before, now, rtol=0.0, atol=BOUNDS[name.split()[0]])
        if not same.all():
            first = int(np.flatnonzero(~same)[0])
            count = f"{np.count_nonzero(~same)} of {same.size} values"
            lines.append(f"{name}: {count}; value {first} was {before[first]}, is {now[first]}")
    return lines


def agreement(frozen: dict[str, np.ndarray], computed: dict[str, np.ndarray]) -> Iterator[str]:
    """Yield a line for each tolerance: how many values are equal to the bit, and the largest difference of others."""
    for kind in BOUNDS:
        names = [name for name in frozen if name.split()[0] == kind]
        if names:
            before, now = (np.concatenate([values[name] for name in names]) for values in (frozen, computed))
            changed = before != now
            largest = np.abs(before[changed] - now[changed]).max(initial=0.0)
            equal = f"{kind}: {before.size - changed.sum():,} of {before.size:,} values are equal to the bit"
            yield equal + f"; the largest difference is {largest:.1e}" * bool(changed.any())


def read(beginnings: tuple[str, ...] = ("",)) -> dict[str, np.ndarray]:
    """Read frozen values whose names begin in one of these ways."""
    with np.load(FROZEN) as file:
        return {name: file[name] for name in file if name.startswith(beginnings)}


def main(write: Annotated[bool, typer.Option("--write", help="Keep what is computed now.")] = False) -> None:
    """Compare or write."""
    computed = dict(numbers())
    if write:
        write_atomically(FROZEN, lambda stream: np.savez_compressed(stream, allow_pickle=False, **computed))
        return
    lines = differences(read(), computed)
    print("\n".join(lines or ["all values are as they were", *agreement(read(), computed)]))
    raise typer.Exit(bool(lines))


if __name__ == "__main__":
    typer.run(main)
