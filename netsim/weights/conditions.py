"""Checks of thresholds and delays that hold for a single batch or presentation."""

from collections.abc import Mapping

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.specification import Network, Shape
from netsim.specification.checks import check_array


def check_thresholds(network: Network, thresholds: Mapping[str, np.ndarray]) -> None:
    """Refuse unknown populations, and thresholds that are not positive or have another shape."""
    for name, values in thresholds.items():
        network.neurons(name)
        _check_values("thresholds", name, values, network.shapes[name])
        if not (values > 0).all():
            raise DataError(f"thresholds: {name} contains values that are not positive; use positive thresholds")


def check_delays(network: Network, delays: Mapping[str, np.ndarray]) -> None:
    """Refuse unknown projections, projections onto relays, negative delays, and another shape than the source's."""
    for name, values in delays.items():
        if name in network.shapes and name not in {projection.name for projection in network.projections}:
            raise SpecificationError(f"delays: {name!r}", f"is a population; name a projection{_onward(network, name)}")
        projection = network.projection(name)
        network.neurons(projection.target)
        ends = f"; it is the projection from {projection.source} to {projection.target}{_onward(network, name)}"
        _check_values("delays", name, values, network.shapes[projection.source], ends)
        if not (values >= 0).all():
            raise DataError(f"delays: {name} contains negative delays; a spike cannot arrive before it is sent")


def _onward(network: Network, population: str) -> str:
    """Name the weighted projections out of a population or the stimulus. Return an empty text if there are none."""
    onward = " and ".join(
        projection.name for projection in network.outgoing(population) if network.weight_shape(projection)
    )
    return f"; delays out of {population} are those of {onward}" if onward else ""


def _check_values(what: str, name: str, values: np.ndarray, shape: Shape, note: str = "") -> None:
    check_array(values, f"{what}: {name}")
    if values.shape != shape:
        raise DataError(f"{what}: {name} has shape {values.shape}, {shape} is needed{note}")
    if not np.isfinite(values).all():
        raise DataError(f"{what}: {name} contains NaN or infinity; use finite numbers")
