"""Hold both engines to the oracle of the tests, and to each other, on random networks.

    python scripts/agree.py --networks 500              # exact and on a grid, against the oracle
    python scripts/agree.py --networks 100 --brian2     # and steps against Brian2
    python scripts/agree.py --first 814005 --networks 1

The networks have loops, competition, delays, signs, relays and odd shapes (`tests/random_networks.py`); the same seed
gives the same ones. Exit code 1 if an exact latency is further than 1e-6 ms from the oracle's, if more than one in
10,000 latencies on the grid is not Brian2's, or if one is off by more than a step.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated

import numpy as np
import typer


def load(name: str) -> ModuleType:
    """A module of the tests."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "tests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def differences(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> np.ndarray:
    """How far latencies of all populations are apart, those of different silence infinitely."""
    one, other = (np.concatenate([times.ravel() for times in latencies.values()]) for latencies in (ours, theirs))
    both_silent = np.isinf(one) & np.isinf(other)
    return np.abs(np.where(both_silent, 0.0, one) - np.where(both_silent, 0.0, other))


def main(
    networks: Annotated[int, typer.Option(min=1, help="How many.")] = 500,
    first: Annotated[int, typer.Option(min=0, help="Seed of the first.")] = 0,
    dt: Annotated[float, typer.Option(min=0.01, help="Grid (ms).")] = 0.7,
    brian2: Annotated[bool, typer.Option("--brian2", help="Also run each network in Brian2, on the grid.")] = False,
) -> None:
    """Compare, and print a table."""
    from netsim.cli.terminal import counting
    from netsim.engines.brian2.engine import Brian2Engine
    from netsim.engines.event.engine import EventEngine

    oracle, drawn = load("oracle"), load("random_networks")
    names = ["event, exact, and oracle", "event, on the grid, and oracle"] + ["event and Brian2"] * brian2
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    worst: dict[str, tuple[float, int]] = dict.fromkeys(names, (0.0, first))
    loops = 0
    with counting("networks", networks) as advance:
        for seed in range(first, first + networks):
            network = drawn.random_network(seed)
            batch = drawn.random_batch(network, 2, seed)
            loops += any(map(network.is_recurrent, network.projections))
            on_grid = EventEngine(network, dt=dt).present(batch)
            pairs = {}
            for name, step in zip(names, (0.0, dt), strict=False):
                expected = oracle.oracle_latencies(
                    network, batch.weights, batch.stimuli, step, batch.silenced, batch.thresholds, batch.delays
                )
                pairs[name] = (on_grid if step else EventEngine(network).present(batch), expected)
            if brian2:
                theirs = Brian2Engine(network, dt=dt, target="numpy", copies=2).present(batch)
                pairs[names[2]] = (on_grid, theirs)
            for name, (ours, theirs) in pairs.items():
                apart = differences(ours, theirs)
                found[name].append(apart)
                worst[name] = max(worst[name], (float(apart.max()), seed), key=lambda pair: pair[0])
            advance(1)
    print(f"{networks} networks, {loops} with loops\n")
    print("| pair | latencies | differ by more than 1e-6 ms | most (ms) | seed |\n|---|---|---|---|---|")
    agree = True
    for name in names:
        apart = np.concatenate(found[name])
        wrong = int((apart > 1e-6).sum())
        most, seed = worst[name]
        print(f"| {name} | {apart.size:,} | {wrong:,} | {most:.3g} | {seed} |")
        agree &= wrong == 0 or (name == "event and Brian2" and wrong <= apart.size / 10_000 and most <= dt * 1.001)
    sys.exit(not agree)


if __name__ == "__main__":
    typer.run(main)
