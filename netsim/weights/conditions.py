"""Checks of thresholds and delays that hold for a single batch or presentation."""

from collections.abc import Mapping

import numpy as np

from netsim.errors import DataError
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
    """Refuse unknown projections, negative delays, and delays that do not have the shape of their source."""
    for name, values in delays.items():
        _check_values("delays", name, values, network.shapes[network.projection(name).source])
        if not (values >= 0).all():
            raise DataError(f"delays: {name} contains negative delays; a spike cannot arrive before it is sent")


def _check_values(what: str, name: str, values: np.ndarray, shape: Shape) -> None:
    check_array(values, f"{what}: {name}")
    if values.shape != shape:
        raise DataError(f"{what}: {name} has shape {values.shape}, {shape} is needed")
    if not np.isfinite(values).all():
        raise DataError(f"{what}: {name} contains NaN or infinity; use finite numbers")
