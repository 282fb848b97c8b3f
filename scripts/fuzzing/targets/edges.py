"""Lists of edges."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, content_of
from fuzzing.targets._target import Target
from netsim.specification import EdgeList


def _edge_seeds() -> list[Parts]:
    return [
        {"csv": b"pre,post,weight\n0,1,0.5\n2,0,-0.5\n5,3,1e-3\n2,0,7\n"},
        {
            "csv": b"post, weight, pre\n"
            + b"".join(b"%d,%d,%d\n" % (number % 4, number, number % 6) for number in range(40))
        },
    ]


def _sonata_edge_seeds() -> list[Parts]:
    import h5py

    def write(path: Path, weights: bool) -> None:
        with h5py.File(path, "w") as file:
            group = file.create_group("edges/mine")
            group["source_node_id"], group["target_node_id"] = np.arange(24) % 6, np.arange(24, dtype=np.uint64) % 4
            group["edge_type_id"] = np.zeros(24, np.int64)
            if weights:
                group["0/syn_weight"] = np.linspace(-1, 1, 24)
                group["edge_group_id"], group["edge_group_index"] = np.zeros(24, np.int64), np.arange(24)[::-1]

    return [{"edges.h5": content_of(partial(write, weights=weights))} for weights in (True, False)]


def _read_edges(path: Path) -> object:
    rule, source, target = EdgeList(4, str(path)), (6,), (4,)
    rule.check(source, target)
    pre, post, _ = rule.connections(source, target)
    assert 0 <= pre.min() <= pre.max() < 6
    assert 0 <= post.min() <= post.max() < 4
    weights = rule.known_weights(source, target)
    assert weights is None or (np.isfinite(weights).all() and weights.shape == pre.shape)
    return pre


TARGETS = {
    "edges": Target(_edge_seeds, _read_edges, "edges.csv"),
    "edges sonata": Target(_sonata_edge_seeds, _read_edges, "edges.h5"),
}
