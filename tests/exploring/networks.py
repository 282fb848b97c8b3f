"""Small networks with maps, relays and a loop, and their stimuli."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import netsim
from netsim.data.stimuli import Stimuli

Explored = tuple[netsim.Network, Stimuli]


def network(encoder: Any, **settings: Any) -> netsim.Network:
    """Maps, relays, and a loop of two populations."""
    neurons = netsim.Neurons(regime="phased", threshold=1.0, tau=16.0, onset=16.0, end=48.0, drive=1.0, bias=True)
    later = dataclasses.replace(neurons, onset=48.0, end=96.0)
    last = dataclasses.replace(neurons, onset=96.0, end=144.0)
    populations = [
        netsim.Population("maps", (6, 6, 3), neurons=neurons),
        netsim.Population("pooled", (3, 3, 3), neurons=None),
        netsim.Population("loop", (12,), neurons=later),
        netsim.Population("output", (4,), neurons=last),
    ]
    projections = [
        netsim.Projection("stimulus", "maps", netsim.Convolution(3, 3)),
        netsim.Projection("maps", "pooled", netsim.Pooling(2)),
        netsim.Projection("pooled", "loop", netsim.Dense()),
        netsim.Projection("loop", "loop", netsim.Dense()),
        netsim.Projection("loop", "output", netsim.Dense()),
    ]
    return netsim.Network("looped", encoder, tuple(populations), tuple(projections), duration=144.0, **settings)


def images() -> Explored:
    """Images of 8 x 8 pixels."""
    encoder = netsim.IntensityEncoder((8, 8, 1), t_max=16.0)
    shown = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
    return network(encoder), Stimuli(shown, np.arange(6) % 4, 255, encoder)


def recordings() -> Explored:
    """Recordings of events with two polarities."""
    encoder = netsim.EventEncoder((8, 8, 2), t_max=16.0)
    times = np.random.default_rng(0).integers(0, 16_000, (3, 8, 8, 2)).astype(np.int32)
    return network(encoder), Stimuli(times, np.array([0, 1, 2]), None, encoder)
