"""When the layers of a network can fire, and in which colours they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.analysis.style import INK, colours
from netsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from netsim.specification import Network

Colour = tuple[float, float, float]


def check_layers(frame: pd.DataFrame, network: Network) -> None:
    """Refuse a spike table with layers that the network does not have.

    Raises
    ------
    DataError
    """
    unknown = set(frame["layer"].unique()) - set(network.shapes)
    if unknown:
        raise DataError(f"table: holds the layer {', '.join(sorted(unknown))}, which {network.name} does not have")


def firing_window(network: Network, name: str) -> tuple[float, float]:
    """When neurons can fire (ms): those of the stimulus while it is encoded, relays with those that they read."""
    for projection in network.incoming(name):
        population = network.population(name)
        if population.integrates:
            return population.dynamics.onset, network.window_end(population)
        return firing_window(network, projection.source)
    return 0.0, network.encoder.t_max


def layer_colours(network: Network) -> dict[str, Colour]:
    """Grey for the stimulus, one colour for each population that integrates; relays have that of what they read."""
    from matplotlib.colors import to_rgb

    hues: dict[str, Colour] = {name: to_rgb(INK) for name in network.shapes}
    for population, colour in zip(network.integrating, colours(len(network.integrating)), strict=True):
        hues[population.name] = colour
    for population in network.populations:
        if not population.integrates:
            hues[population.name] = hues[network.incoming(population.name)[0].source]
    return hues
