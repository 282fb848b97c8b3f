"""Fully connected networks that several experiments train, in each regime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netsim.specification import Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Training

WINDOW = 64.0
"""Encoding window (ms): a pixel of intensity x fires at (1 - x)·WINDOW."""

RULE: dict[str, Any] = {"derivative": "linear", "edges": "stop"}
"""Choices of the learning rule in all experiments. The recipes were chosen with them."""


@dataclass(frozen=True)
class Recipe:
    """How networks of a regime learn.

    See `CHOICE` for how they were chosen.
    """

    rate: float
    sharpness: float


CHOICE = (
    "Rate and sharpness of each regime are the best of 12 trials: six rates from 0.001 to 0.3, and a sharpness of 4 or"
    " 16. The measure was the accuracy on 2,000 held-out training images, as a mean of networks with one and two hidden"
    " layers, 6,000 images, 4 epochs and one seed. Test images had no part in this choice."
)
"""A caveat of all experiments with these recipes. ``scripts/recipes.py`` repeats the choice."""

RECIPES = {"free": Recipe(0.1, 16.0), "staggered": Recipe(0.01, 16.0), "phased": Recipe(0.003, 4.0)}
"""By regime: all layers at once, each layer from its onset on, layers in turn."""


def stimulus_driven(
    name: str,
    regime: str,
    hidden: tuple[int, ...],
    outputs: int,
    learning: dict[str, Any] | None = None,
    shape: tuple[int, int, int] = (28, 28, 1),
    **training: Any,
) -> Network:
    """Return a fully connected network without constant currents but the drive of its regime.

    Parameters
    ----------
    name : str
    regime : {"free", "staggered", "phased"}
    hidden : tuple of int
        Neurons of each hidden layer.
    outputs : int
    learning : dict, optional
        Settings of `netsim.Learning` that differ from the recipe of the regime.
    shape : tuple of int
        Rows, columns and channels of the images.
    **training
        Settings of `netsim.Training`.
    """
    sizes = {**{f"hidden{number}": size for number, size in enumerate(hidden, 1)}, "output": outputs}
    layers = tuple(
        Layer(layer, Dense(size), _neurons(regime, number, layer == "output"))
        for number, (layer, size) in enumerate(sizes.items())
    )
    ends = [layer.neurons.end for layer in layers if layer.neurons is not None]
    recipe = RECIPES[regime]
    return Network.chain(
        name,
        IntensityEncoder(shape, WINDOW),
        layers,
        duration=max(ends),
        learning=Learning(**{"rate": recipe.rate, "sharpness": recipe.sharpness, **RULE, **(learning or {})}),
        training=Training(**training),
    )


def _neurons(regime: str, number: int, last: bool) -> Neurons:
    """Return the neurons of layer `number`, counted from 0."""
    if regime == "free":
        return Neurons(regime, 1.0, 1.5 * WINDOW, end=(4 if last else 3) * WINDOW)
    spacing = 2.0 if regime == "phased" else 0.5
    onset = WINDOW * (1 + spacing * number) if regime == "phased" else WINDOW * spacing * (1 + number)
    lasts = 5 if last or regime == "staggered" else 2
    return Neurons(regime, 3.0 if last else 2.0, WINDOW, onset=onset, end=onset + lasts * WINDOW, drive=1.0)
