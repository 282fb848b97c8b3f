"""Synapses listed in a file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from netsim.reprs import short_repr
from netsim.seams import connectivities
from netsim.specification.checks import path_in, require
from netsim.specification.connectivity._edge_files import Edges, checksum, read_edges
from netsim.specification.connectivity._per_synapse import PerSynapse
from netsim.specification.connectivity._protocol import Shape, Sized


@connectivities.register("edge-list")
@dataclass(frozen=True)
class EdgeList(Sized, PerSynapse):
    """Read synapses from a file. Each has its own weight, which starts at the weight in the file if there is one.

    A ``.csv`` file has the columns ``pre`` and ``post`` (numbers of neurons, from 0) and optionally ``weight``. Its
    first line has these names, and no others are allowed. netsim reads any other file as SONATA edges in HDF5, with
    ``source_node_id``, ``target_node_id`` and optionally ``syn_weight``. Neurons of maps are numbered row by row,
    channels last. Two neurons may have several synapses.

    Parameters
    ----------
    size : int, optional
        Number of neurons. By default that of the target.
    file : str
        Path of the file, relative to the current folder. A network that is read from a file also looks next to that
        file.
    population : str
        Population of edges, for a SONATA file with several.
    sha256 : str
        Checksum of the file. By default, netsim computes it. A file with another checksum is refused, so that a network
        always stays the same.

    Raises
    ------
    SpecificationError
        If the file is missing, damaged or changed, or lists neurons that do not exist.

    References
    ----------
    Dai et al. (2020), The SONATA data format for efficient description of large-scale network models,
    doi:10.1371/journal.pcbi.1007696.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("edges.csv").write_text("pre,post,weight\\n0,1,0.5\\n2,0,-0.5\\n")
    >>> rule = EdgeList(2, "edges.csv")
    >>> rule.known_weights((3,), (2,))
    array([ 0.5, -0.5])
    """

    phrase: ClassVar[str] = "synapses from a list"
    files: ClassVar[Mapping[str, str]] = MappingProxyType({"file": "sha256"})
    file: str = field(default="", compare=False)  # the checksum identifies the file
    population: str = ""
    sha256: str = ""

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.file), "file", "is missing; give the name of a CSV or SONATA file of edges")
        object.__setattr__(self, "file", str(path_in(self.file, "file").absolute()))
        actual = checksum(self.file)
        changed = f"{self.file} has another SHA-256 ({actual[:12]}...) than this network was made with"
        remedy = f"{self.sha256[:12]}...; bring that file back, or remove sha256 to take this one"
        require(self.sha256 in ("", actual), "file", f"{changed} ({remedy})")
        object.__setattr__(self, "sha256", actual)

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target of another size, and numbers of neurons that do not exist."""
        super().check(source, target)
        edges = self._edges()
        for numbers, shape, end in ((edges.pre, source, "source"), (edges.post, target, "target")):
            neurons, least, most = math.prod(shape), int(numbers.min()), int(numbers.max())
            beyond = f"has {end} neurons from {least} to {most}, but there are 0 to {neurons - 1}; correct them"
            require(least >= 0 and most < neurons, "file", f"{self.file} {beyond}")

    def about(self, source: Shape, target: Shape) -> float:
        """Return the number of edges in the file."""
        return float(self._edges().pre.size)

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Return the edges of the file, sorted."""
        edges, order = self._edges(), self._order()
        return edges.pre[order].astype(np.int32), edges.post[order].astype(np.int32)

    def known_weights(self, source: Shape, target: Shape) -> np.ndarray | None:
        """Return the weights of the file, or None."""
        weights = self._edges().weight
        return None if weights is None else weights[self._order()]

    def _edges(self) -> Edges:
        return read_edges(self.file, self.population, self.sha256)

    def _order(self) -> np.ndarray:
        edges = self._edges()
        return np.lexsort((edges.post, edges.pre))

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        of = f" (`{self.population}`)" if self.population else ""
        return f"List of synapses `{Path(self.file).name}`{of}, SHA-256 {self.sha256[:12]}..."

    def notation(self, target: Shape) -> str:
        """Return the number of neurons with a mark for a list."""
        return f"{math.prod(target)}(list)"
