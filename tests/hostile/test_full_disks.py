"""Of what is written as several files, none is left when the disk fills up between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from netsim.data.making import make_dataset
from netsim.errors import RunError
from netsim.exchange import export_network
from netsim.models.presets import load_preset
from netsim.specification import IntensityEncoder
from netsim.weights.initial import initial_weights

ENCODER = IntensityEncoder((8, 8, 1), 16.0)


def _drawn(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    for _ in range(count // 50):
        yield generator.integers(0, 256, (50, 64)).astype(np.uint8), np.arange(50) % 10


def _stream(folder: Path) -> None:
    make_dataset(_drawn(400), ENCODER, test=_drawn(1000), name="drawn", file=folder / "drawn.npz")


def _sonata(folder: Path) -> None:
    pytest.importorskip("libsonata", reason="networks of SONATA need libsonata, of the extra 'exchange'")
    network = load_preset("digits")
    weights = {name: array.astype(float) for name, array in initial_weights(network, 0).items()}
    export_network("sonata-network", network, weights, folder / "digits.sonata")


@pytest.mark.parametrize(
    ("write", "size"),
    [
        (_stream, 20_000),  # within the first file
        (_stream, 40_000),  # training samples are there, test samples are not
        (_stream, 80_000),  # both are, the file of them is not
        (_sonata, 2_000),
        (_sonata, 100_000),  # nodes are there, edges would not be
        (_sonata, 1_000_000),
    ],
)
def test_no_half_of_a_set_is_left(
    write: Callable[[Path], None],
    size: int,
    tmp_path: Path,
    largest_file: Callable[[int], AbstractContextManager[None]],
) -> None:
    with largest_file(size), pytest.raises(RunError, match=r"cannot be written \(File too large\)"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path)
    (written,) = tmp_path.iterdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with largest_file(size), pytest.raises(RunError):
        write(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before, written
