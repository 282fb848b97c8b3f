"""Layers of a network as bands above one another: when they can fire, and their colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netsim.analysis.shape import Axes, DataFrame
from netsim.analysis.style import INK, colours
from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.specification import Network, Shape

Colour = tuple[float, float, float]


def check_layers(frame: DataFrame, network: Network) -> None:
    """Raise DataError if a spike table has layers that the network lacks."""
    unknown = set(frame["layer"].unique()) - set(network.shapes)
    if unknown:
        raise DataError(f"table: has the layer {', '.join(sorted(unknown))}, which {network.name} does not have")


def draw_bands(axes: Axes, network: Network, gap: float, alpha: float) -> Iterator[tuple[str, Shape, float, Colour]]:
    """Draw a band of height 1 per layer, shaded while it can fire. Yield name, shape, bottom and colour."""
    axes.set_yticks([position * (1 + gap) + 0.5 for position in range(len(network.shapes))], list(network.shapes))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    hues = _layer_colours(network)
    for position, (name, shape) in enumerate(network.shapes.items()):
        bottom, hue = position * (1 + gap), hues[name]
        window = network.firing_window(name)
        axes.fill_between(window, bottom, bottom + 1, color=hue, alpha=alpha, linewidth=0, zorder=1)
        yield name, shape, bottom, hue


def _layer_colours(network: Network) -> dict[str, Colour]:
    """Grey for the stimulus, a colour for each integrating population. A relay has the colour of its source."""
    from matplotlib.colors import to_rgb

    hues: dict[str, Colour] = {name: to_rgb(INK) for name in network.shapes}
    for population, colour in zip(network.integrating, colours(len(network.integrating)), strict=True):
        hues[population.name] = colour
    for population in network.in_order:
        if not population.integrates:
            hues[population.name] = hues[network.incoming(population.name)[0].source]
    return hues
