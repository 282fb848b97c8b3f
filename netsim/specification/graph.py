"""Which nodes of a directed graph a loop joins, and what is reached from where; `Network` asks for its populations."""

import heapq
from collections.abc import Hashable, Iterable, Sequence
from graphlib import TopologicalSorter
from typing import TypeVar

import numpy as np

Node = TypeVar("Node", bound=Hashable)


def components(size: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Strongly connected components of the nodes 0 to `size` - 1, those before others that lead to them.

    Of components that could come next, the one with the lowest number does; within one, nodes are in order.

    Examples
    --------
    >>> components(4, [(2, 0), (0, 1), (1, 0), (1, 3)])
    [[2], [0, 1], [3]]
    """
    if all(before <= after for before, after in edges):
        return [[node] for node in range(size)]
    # imported here: a graph without a loop does not need it
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    links = sorted(set(edges))  # over one that is there twice, scipy 1.13.0 may never come to an end
    matrix = csr_array((np.ones(len(links), np.int8), tuple(np.array(links).T)), (size, size))
    labels = connected_components(matrix, directed=True, connection="strong")[1].tolist()
    members: dict[int, list[int]] = {}
    for node, label in enumerate(labels):
        members.setdefault(label, []).append(node)
    order = TopologicalSorter(dict.fromkeys(members, ()))
    for before, after in {(labels[one], labels[other]) for one, other in links}:
        if before != after:
            order.add(after, before)
    order.prepare()
    ready: list[tuple[int, int]] = []
    found = []
    while order.is_active():
        for label in order.get_ready():
            heapq.heappush(ready, (members[label][0], label))
        _, label = heapq.heappop(ready)
        found.append(members[label])
        order.done(label)
    return found


def reached(start: Node, edges: Iterable[tuple[Node, Node]]) -> set[Node]:
    """All nodes to which edges lead from one, which is among them.

    Examples
    --------
    >>> sorted(reached("a", [("a", "b"), ("b", "c"), ("d", "c")]))
    ['a', 'b', 'c']
    """
    following: dict[Node, list[Node]] = {}
    for before, after in edges:
        following.setdefault(before, []).append(after)
    found, waiting = {start}, [start]
    while waiting:
        fresh = set(following.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return found
