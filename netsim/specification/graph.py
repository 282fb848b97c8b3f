"""Components and reachability of a directed graph, used by `Network` for its populations."""

import heapq
from collections.abc import Hashable, Iterable, Sequence
from graphlib import TopologicalSorter
from typing import TypeVar

import numpy as np

Node = TypeVar("Node", bound=Hashable)


def components(size: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the strongly connected components of the nodes 0 to `size` - 1 in topological order.

    Among components that could come next, the component with the lowest node comes first. Nodes of a component ascend.

    Examples
    --------
    >>> components(4, [(2, 0), (0, 1), (1, 0), (1, 3)])
    [[2], [0, 1], [3]]
    """
    if all(before <= after for before, after in edges):
        return [[node] for node in range(size)]
    # imported here because only graphs with loops need it
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    links = sorted(set(edges))  # scipy 1.13.0 may loop forever on duplicate links
    matrix = csr_array((np.ones(len(links), np.int8), tuple(np.array(links).T)), (size, size))
    labels = connected_components(matrix, directed=True, connection="strong")[1].tolist()
    members: dict[int, list[int]] = {}
    for node, label in enumerate(labels):
        members.setdefault(label, []).append(node)
    order = TopologicalSorter(dict.fromkeys(members, ()))
    for before, after in {(labels[node], labels[other]) for node, other in links}:
        if before != after:
            order.add(after, before)
    order.prepare()
    ready: list[tuple[int, int]] = []
    ordered = []
    while order.is_active():
        for label in order.get_ready():
            heapq.heappush(ready, (members[label][0], label))
        _, label = heapq.heappop(ready)
        ordered.append(members[label])
        order.done(label)
    return ordered


def reached(start: Node, edges: Iterable[tuple[Node, Node]]) -> set[Node]:
    """Return all nodes that edges reach from a node, including the node itself.

    Examples
    --------
    >>> sorted(reached("a", [("a", "b"), ("b", "c"), ("d", "c")]))
    ['a', 'b', 'c']
    """
    following: dict[Node, list[Node]] = {}
    for before, after in edges:
        following.setdefault(before, []).append(after)
    nodes, waiting = {start}, [start]
    while waiting:
        fresh = set(following.get(waiting.pop(), ())) - nodes
        nodes |= fresh
        waiting += fresh
    return nodes
