"""Networks that a unit of an experiment trains and then throws away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netsim.experiments.experiment import Unit
from netsim.runs.model import Model
from netsim.specification import Network
from netsim.training.training import train


@contextmanager
def trained(network: Network, unit: Unit, **options: Any) -> Iterator[Model]:
    """Train a network with the seed and the data folder of a unit, in a folder that vanishes afterwards.

    Parameters
    ----------
    network : Network
    unit : Unit
    **options
        Further arguments of `netsim.train`, such as ``limit``.

    Yields
    ------
    Model
    """
    with tempfile.TemporaryDirectory(prefix="netsim-") as folder:
        yield train(network, Path(folder) / "run", seed=unit.seed, data_dir=unit.data_dir, **options)
