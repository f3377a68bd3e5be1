"""Records that links connect, directly or through others."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["connect"]


def connect(edges: NDArray[np.int64]) -> dict[int, int]:
    """Number the components of a graph.

    Args:
        edges: pairs of node numbers, as rows of two.

    Returns:
        Every node that an edge touches, in order, with the smallest node of its component: the same for any order of the edges.
    """
    parents: dict[int, int] = {}

    def root(node: int) -> int:
        parent = parents.setdefault(node, node)
        while parent != node:
            grandparent = parents[parent]
            parents[node] = grandparent
            node, parent = parent, grandparent
        return node

    pairs: Iterable[list[int]] = edges.tolist()
    for one, two in pairs:
        first, second = root(one), root(two)
        # The smaller number is the root, so that it names the component.
        if first < second:
            parents[second] = first
        elif second < first:
            parents[first] = second
    return {node: root(node) for node in sorted(parents)}
