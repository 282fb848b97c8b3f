"""When the layers of a network can fire, and in which colours they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.analysis.style import INK, colours

if TYPE_CHECKING:
    from netsim.specification import Network

Colour = tuple[float, float, float]


def firing_window(network: Network, position: int) -> tuple[float, float]:
    """When the neurons of a layer can fire (ms); `position` 0 is the stimulus, whose window is the encoding's."""
    from netsim.specification import Pooling

    while position > 0 and isinstance(network.layers[position - 1], Pooling):
        position -= 1
    if position == 0:
        return 0.0, network.encoder.t_max
    layer = network.layers[position - 1]
    assert not isinstance(layer, Pooling)
    return layer.neurons.onset, network.window_end(layer)


def layer_colours(network: Network) -> list[Colour]:
    """Grey for the stimulus, one colour for each weighted layer; pooling has that of the layer it reads."""
    from matplotlib.colors import to_rgb

    from netsim.specification import Pooling

    fresh = iter(colours(len(network.weighted_layers)))
    hues: list[Colour] = [to_rgb(INK)]
    for layer in network.layers:
        hues.append(hues[-1] if isinstance(layer, Pooling) else next(fresh))
    return hues
