"""Compare spikes and trained weights of small networks with those of the last decision, or decide anew.

    python scripts/freeze.py              # what differs; exit code 1 if anything does
    python scripts/freeze.py --write      # for maintainers: what is computed now is right

A network for each regime and PSP, with every connectivity in turn; latencies of the engine `event`, exact and on a
grid, and of `brian2`; weights after two epochs in single and in double precision, real and binary ones.
`tests/frozen.npz` holds the values, so that a difference can be looked at: what is off by how much, and where.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, make_engine
from netsim.files import write_atomically
from netsim.specification import (
    PSP,
    Connectivity,
    Convolution,
    Delays,
    Dense,
    Distance,
    IntensityEncoder,
    Learning,
    LocallyConnected,
    Network,
    Neurons,
    OneToOne,
    Pooling,
    Population,
    PopulationWinners,
    Projection,
    Random,
    Training,
    Weighting,
)
from netsim.training.loop import start_training, training_conversation
from netsim.weights.initial import initial_weights

FROZEN = Path(__file__).parents[1] / "tests" / "frozen.npz"
DT = 0.5
"""Of the grid (ms)."""
BOUNDS = {"latencies": 1e-6, "double": 1e-6, "single": 1e-4}
"""How far latencies (ms) and weights may be off, on other processors and with other versions of numpy and numba.

Sums are rounded in another order there. In single precision weights are learned by SGD, for Adam divides gradients that
are nothing but rounding by their own size.
"""

_PSPS = {
    "ramp": PSP(),
    "plateau": PSP("plateau", rise=7.3),
    "triangle": PSP("triangle", rise=5.2, fall=9.1),
    "breakpoints": PSP("breakpoints", breakpoints=((0.0, 0.0), (3.1, 1.0), (8.7, 0.4))),
}
_RULES: list[Connectivity] = [
    Random(probability=0.4, seed=1),
    Random(indegree=9, seed=2),
    Distance(sigma=1.0, seed=3),
    LocallyConnected(None, 3),
    OneToOne(),
    Dense(),
]


def networks() -> dict[str, Network]:
    """A network of each regime and PSP, with maps, pooling, a loop, winners, delays and signs, by a name."""
    made = {}
    for number, (regime, psp) in enumerate(
        (regime, psp) for regime in ("phased", "staggered", "free") for psp in _PSPS
    ):
        made[f"{regime} {psp}"] = _network(regime, _PSPS[psp], number)
    return made


def _network(regime: str, psp: PSP, number: int) -> Network:
    def neurons(depth: int) -> Neurons:
        if regime == "free":
            return Neurons(threshold=0.5, tau=10.0, end=70.0, bias=True)
        return Neurons(regime, 0.5, tau=10.0, onset=15.3 * depth, end=15.3 * depth + 18.0, drive=0.3, bias=True)

    rule = _RULES[number % len(_RULES)]
    shape = (2, 2, 2) if isinstance(rule, LocallyConnected) else (4, 4, 2)
    winners = PopulationWinners(math.prod(shape) * 3 // 8) if number % 2 else None
    delays = (0.0, 1.3, Delays(mean=2.0, spread=1.0), Delays("synapse", 2.0, 1.0))[number % 4]
    looped = number % 3 == 0
    populations = (
        Population("maps", (4, 4, 2), neurons(1)),
        Population("pool", (2, 2, 2), None),
        Population("local", shape, neurons(2), winners=winners),
        Population("inhibitory", (5,), neurons(2 if looped else 3)),
        Population("output", (3,), neurons(3 if looped else 4)),
    )
    projections = [
        Projection("stimulus", "maps", Convolution(2, 3, padding=1), psp=psp),
        Projection("maps", "pool", Pooling(2)),
        Projection("maps", "local", rule, psp=psp, delay=delays),
        Projection("pool", "output", Dense(), psp=psp),
        Projection("local", "output", Dense(), psp=psp),
    ]
    if looped:
        projections += [
            Projection("local", "inhibitory", Dense(), psp=psp, sign="excitatory"),
            Projection("inhibitory", "local", Dense(), psp=psp, sign="inhibitory", name="back", delay=0.7),
        ]
    else:
        projections += [
            Projection("local", "inhibitory", Dense(), psp=psp, sign="excitatory"),
            Projection("inhibitory", "output", Dense(), psp=psp, sign="inhibitory", name="on"),
        ]
    encoder = IntensityEncoder((4, 4, 1), 20.0)
    training = Training(epochs=2, batch=20, validation=20)
    return Network(regime, encoder, populations, tuple(projections), 90.0, training=training)


def _uncompiled() -> None:
    """Let Brian2 run its numpy code, which gives the same steps and need not be compiled for each network."""
    import brian2

    brian2.prefs.codegen.target = "numpy"


def numbers() -> Iterator[tuple[str, np.ndarray]]:
    """All values, by a name that says of what they are, and in its first word by which of `BOUNDS` they are held."""
    _uncompiled()
    generator = np.random.default_rng(7)
    stimuli = generator.uniform(0.0, 20.0, (6, 4, 4, 1))
    stimuli[generator.uniform(size=stimuli.shape) < 0.3] = np.inf
    for number, (name, network) in enumerate(networks().items()):
        batch = Batch(stimuli, initial_weights(network, number))
        engines = [("event", 0.0), ("event", DT)] + [("brian2", DT)] * (number in (0, 5, 10))
        for engine, dt in engines:
            latencies = make_engine(engine, network, dt).present(batch)
            times = [latencies[population.name].ravel() for population in network.populations]
            yield f"latencies {name} {engine} {dt}", np.concatenate(times)
    for name in ("phased ramp", "staggered plateau", "free triangle"):
        yield f"double {name}", _trained(networks()[name], "double", Learning(derivative="exact", rate=0.01))
        yield f"single {name}", _trained(networks()[name], "single", Learning(optimizer="sgd", rate=0.05))
        yield f"double {name} binary", _trained(_binary(networks()[name]), "double", Learning(rate=0.01))


def _binary(network: Network) -> Network:
    """The same with weights that are signs times a scale, and so have none given."""
    projections = tuple(dataclasses.replace(one, sign="any") for one in network.projections)
    return dataclasses.replace(network, projections=projections, weighting=Weighting("binary"))


def _trained(network: Network, precision: Literal["single", "double"], learning: Learning) -> np.ndarray:
    """All weights after training with noisy images, of which each label has its own."""
    settings = dataclasses.replace(network.training, precision=precision)
    network = dataclasses.replace(network, training=settings, learning=learning)
    generator = np.random.default_rng(5)
    patterns = generator.integers(0, 256, (3, *network.encoder.shape))
    labels = generator.integers(0, 3, 120)
    images = np.clip(patterns[labels] + generator.integers(-40, 41, (120, *network.encoder.shape)), 0, 255)
    training, validation = (
        Stimuli(images[part].astype(np.uint8), labels[part], 255, network.encoder)
        for part in (slice(100), slice(100, 120))
    )
    engine = make_engine("event", network, precision=precision)
    state = start_training(network, 0)
    state = engine.run(training_conversation(network, training, validation, state, 0))
    return np.concatenate([state.weights[name].ravel() for name in sorted(state.weights)]).astype(float)


def differences(frozen: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> list[str]:
    """What differs by more than `BOUNDS`, a line each."""
    lines = [f"{name}: is in one of the two only" for name in sorted(frozen.keys() ^ found.keys())]
    for name in sorted(frozen.keys() & found.keys()):
        before, now = frozen[name], found[name]
        if before.shape != now.shape:
            lines.append(f"{name}: {before.size} values before, {now.size} now")
            continue
        same = (before == now) | (np.abs(np.where(np.isinf(before), 0.0, before) - now) <= BOUNDS[name.split()[0]])
        if not same.all():
            first = int(np.flatnonzero(~same)[0])
            count = f"{np.count_nonzero(~same)} of {same.size} values"
            lines.append(f"{name}: {count}; value {first} was {before[first]}, is {now[first]}")
    return lines


def read() -> dict[str, np.ndarray]:
    """The values of the last decision."""
    with np.load(FROZEN) as file:
        return dict(file)


def main(write: Annotated[bool, typer.Option("--write", help="Keep what is computed now.")] = False) -> None:
    """Compare or write."""
    found = dict(numbers())
    if write:
        write_atomically(FROZEN, lambda stream: np.savez_compressed(stream, allow_pickle=False, **found))
        return
    lines = differences(read(), found)
    print("\n".join(lines) or "all values are as they were")
    raise typer.Exit(bool(lines))


if __name__ == "__main__":
    typer.run(main)
