"""Synapses that a file lists."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from netsim.reprs import short_repr
from netsim.seams import connectivities
from netsim.specification.checks import require
from netsim.specification.connectivity._edge_files import Edges, checksum, read_edges
from netsim.specification.connectivity._per_synapse import PerSynapse
from netsim.specification.connectivity._protocol import Shape
from netsim.specification.connectivity._sized import Sized


@connectivities.register("edge-list")
@dataclass(frozen=True)
class EdgeList(Sized, PerSynapse):
    """The synapses that a file lists; each has a weight of its own, which begins as the file says if it has weights.

    A file ``.csv`` has the columns ``pre`` and ``post``, numbers of neurons from 0 on, and if it has weights,
    ``weight``, with these names in its first line, and no others. Any other is a SONATA file of edges in HDF5, with
    ``source_node_id``, ``target_node_id`` and, if it has weights, ``syn_weight``. Neurons of maps are numbered row by
    row, channels last. Two neurons may have several synapses.

    Parameters
    ----------
    size : int, optional
        Number of neurons; by default as many as the target has.
    file : str
        A relative path counts from the current folder. A network that is read from a file finds it beside that file,
        too.
    population : str
        Of edges, in a SONATA file that has several.
    sha256 : str
        Checksum of the file, by default that of the file as it is found; another one is refused, so that a network is
        always the same.

    Raises
    ------
    SpecificationError
        If the file is missing, damaged, changed or lists neurons that there are not.

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
    file: str = field(default="", compare=False)  # the checksum says which one it is
    population: str = ""
    sha256: str = ""

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.file), "file", "is missing; give the name of a CSV or SONATA file of edges")
        object.__setattr__(self, "file", str(Path(self.file).absolute()))
        found = checksum(self.file)
        changed = f"{self.file} has another SHA-256 ({found[:12]}...) than this network was made with"
        remedy = f"{self.sha256[:12]}...; bring that file back, or remove sha256 to take this one"
        require(self.sha256 in ("", found), "file", f"{changed} ({remedy})")
        object.__setattr__(self, "sha256", found)

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target of another size, and numbers beyond the neurons that there are."""
        super().check(source, target)
        edges = self._edges()
        for numbers, shape, end in ((edges.pre, source, "source"), (edges.post, target, "target")):
            neurons, least, most = math.prod(shape), int(numbers.min()), int(numbers.max())
            beyond = f"has {end} neurons from {least} to {most}, but there are 0 to {neurons - 1}"
            require(least >= 0 and most < neurons, "file", f"{self.file} {beyond}")

    def about(self, source: Shape, target: Shape) -> float:
        """As many as the file lists."""
        return float(self._edges().pre.size)

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Those of the file, sorted."""
        edges, order = self._edges(), self._order()
        return edges.pre[order].astype(np.int32), edges.post[order].astype(np.int32)

    def known_weights(self, source: Shape, target: Shape) -> np.ndarray | None:
        """Those of the file, if it has any."""
        weights = self._edges().weight
        return None if weights is None else weights[self._order()]

    def _edges(self) -> Edges:
        return read_edges(self.file, self.population, self.sha256)

    def _order(self) -> np.ndarray:
        edges = self._edges()
        return np.lexsort((edges.post, edges.pre))

    def pattern(self) -> str:
        """What stands in the table of connectivity."""
        of = f" (`{self.population}`)" if self.population else ""
        return f"List of synapses `{Path(self.file).name}`{of}, SHA-256 {self.sha256[:12]}..."

    def notation(self, target: Shape) -> str:
        """Number of neurons, and that they are connected by a list."""
        return f"{math.prod(target)}(list)"
