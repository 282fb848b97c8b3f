"""Files of edges: SONATA (HDF5) and CSV."""

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from netsim.errors import DataError, SpecificationError, warn_user
from netsim.files import LARGEST_TABLE, bounded_lines, file_sha256, open_regular
from netsim.specification.checks import require, whole_numbers

if TYPE_CHECKING:
    import h5py

_COLUMNS = {"pre": np.int64, "post": np.int64, "weight": np.float64}


class Edges(NamedTuple):
    """Edges in the order of the file: presynaptic and postsynaptic neurons, and weights or None."""

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray | None
    has_delays: bool = False


def checksum(file: str) -> str:
    """Return the SHA-256 of a file. Raise a SpecificationError if it cannot be read."""
    try:
        return file_sha256(Path(file))
    except FileNotFoundError:
        remedy = "bring it back, or put it next to the file of the network"
        raise SpecificationError("file", f"{file} does not exist; {remedy}") from None
    except OSError as error:
        raise SpecificationError("file", f"{file} cannot be read ({error.strerror}); check its permissions") from error
    except DataError as error:
        raise SpecificationError("file", str(error)) from error


@lru_cache(maxsize=2)  # read for shapes, indices and weights
def read_edges(file: str, population: str, sha256: str) -> Edges:
    """Return the edges of a file with a checksum. Raise a SpecificationError if the file is damaged or has changed.

    `population` chooses among several populations of a SONATA file.
    """
    path = Path(file)
    read: Callable[[Path, str], Edges] = _read_csv if path.suffix.lower() == ".csv" else _read_sonata
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            edges = read(path, population)
    except SpecificationError:
        raise
    except DataError as error:
        raise SpecificationError("file", str(error)) from error
    except Exception as error:  # a damaged file can raise any exception in a library
        if found := re.search(r"requires (\d+) columns but (\d+) were found at row (\d+)", str(error)):
            line = f"{file} has {found[2]} values in line {int(found[3]) + 1}, but {found[1]} columns"
            raise SpecificationError("file", f"{line}; write decimals with a point") from error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SpecificationError(
            "file", f"{file} cannot be read as a list of edges ({reason}); write it again"
        ) from error
    require(checksum(file) == sha256, "file", f"{file} changed while it was read; try again")
    require(edges.pre.size > 0, "file", f"{file} has no edges; list at least one")
    alike = edges.pre.shape == edges.post.shape and edges.pre.ndim == 1
    alike = alike and (edges.weight is None or edges.weight.shape == edges.pre.shape)
    require(alike, "file", f"{file} has columns of different lengths; write it again")
    if edges.weight is not None:
        require(
            bool(np.isfinite(edges.weight).all()), "file", f"{file} has weights that are NaN or infinite; correct them"
        )
    if edges.has_delays:
        remedy = "give the projection delay = { per = 'synapse' } and write them into its weights as PROJECTION.delay"
        warn_user(f"{file}: delays of edges are not read; {remedy}")
    return edges


def _read_csv(path: Path, population: str) -> Edges:
    require(not population, "population", "has no meaning for a .csv file; remove it")
    with open_regular(path, LARGEST_TABLE) as file:
        stream = bounded_lines(path, file)
        heading = stream.readline(1000).decode("utf-8-sig").strip()
        names = [name.strip().strip('"') for name in heading.split(",")]
        need = "needs a line with the names pre, post and, if there are weights, weight above its columns"
        require({"pre", "post"} <= set(names), "file", f"{path} {need}, not {heading!r}")
        others = [name for column, name in enumerate(names) if name not in _COLUMNS or name in names[:column]]
        listed = ", ".join(map(repr, others))
        require(not others, "file", f"{path} has other columns than pre, post and weight: {listed}; leave them out")
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # earlier versions of numpy truncate fractions
            table = np.loadtxt(
                stream,
                [(name, _COLUMNS[name]) for name in names],
                delimiter=",",
                ndmin=1,
                encoding="utf-8",
            )
    return Edges(table["pre"], table["post"], table["weight"] if "weight" in names else None)


def _read_sonata(path: Path, population: str) -> Edges:
    try:
        import h5py
    except ImportError:
        install = "pip install 'netsim-snn[exchange]'"
        raise SpecificationError("file", f"{path} is a SONATA file, which needs the package h5py; {install}") from None
    from netsim.hdf5 import check_hdf5

    check_hdf5(path)
    require(h5py.is_hdf5(path), "file", f"{path} is neither CSV nor HDF5; write the edges as .csv or SONATA")
    with h5py.File(path, "r") as file:
        require(isinstance(file.get("edges"), h5py.Group), "file", f"{path} has no group /edges, as SONATA files have")
        names = list(file["edges"])
        known = ", ".join(names)
        require(bool(population) or len(names) == 1, "population", f"is missing; {path} has {known}")
        chosen = population or names[0]
        require(chosen in names, "population", f"{chosen!r} is not in {path}, which has {known}")
        group = file["edges"][chosen]
        pre, post = (_whole(group, f"{end}_node_id", path) for end in ("source", "target"))
        given = [f"{number}/{name}" for number in _groups(group) for name in ("delay", "conduction_delay")]
        delayed = any(name in group and bool(group[name][:].any()) for name in given)
        return Edges(pre, post, _sonata_weights(group, path), delayed)


def _whole(group: "h5py.Group", name: str, path: Path) -> np.ndarray:
    """Return the whole numbers of a dataset."""
    given = group[name][:]
    numbers = whole_numbers(given)
    require(numbers is not None, "file", f"{path} has {name} of {given.dtype} that are not whole numbers; use integers")
    assert numbers is not None
    return numbers


def _groups(group: "h5py.Group") -> list[str]:
    """Return the names of the groups of attributes of edges."""
    return [name for name in group if name.isdecimal()]


def _sonata_weights(group: "h5py.Group", path: Path) -> np.ndarray | None:
    """Return the attribute ``syn_weight`` of all edges. Edges with weights must belong to one group."""
    groups = _groups(group)
    with_weights = [name for name in groups if "syn_weight" in group[name]]
    if not with_weights:
        return None
    require(len(groups) == 1, "file", f"{path} has edges of {len(groups)} groups; write them as one group")
    weights = group[with_weights[0]]["syn_weight"][:].astype(np.float64)
    if "edge_group_index" in group:
        index = _whole(group, "edge_group_index", path)
        inside = index.size == 0 or (index.min() >= 0 and index.max() < weights.size)
        require(inside, "file", f"{path} has an edge_group_index beyond syn_weight; correct it")
        weights = weights[index]
    return weights
