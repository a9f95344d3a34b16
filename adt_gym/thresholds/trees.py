"""Fitted trees of scikit-learn as arrays: fast on a single row, and kept in a file without pickle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

CHUNK = 1024
"""Rows that go down all trees at once: what they need in memory stays small."""


def _sums_by_levels(
    rows: Floats, feature: Ints, threshold: Floats, left: Ints, right: Ints, value: Array, roots: Ints
) -> Array:
    """Go down all trees at once with some of the rows, one level at a time."""
    sums = np.empty(len(rows))
    for first in range(0, len(rows), CHUNK):
        node = _down(rows[first : first + CHUNK], feature, threshold, left, right, roots)
        sums[first : first + CHUNK] = np.cumsum(value[node], axis=1)[:, -1]  # in order, where sum() would add in pairs
    return sums


def _down(rows: Floats, feature: Ints, threshold: Floats, left: Ints, right: Ints, roots: Ints) -> Ints:
    """Return shape ``(n, trees)``: the leaves of n rows."""
    node, here = np.tile(roots, (len(rows), 1)), np.arange(len(rows))[:, None]
    while (left[node] != node).any():
        node = np.where(rows[here, feature[node]] <= threshold[node], left[node], right[node])
    return node


def _sums(rows: Floats, feature: Ints, threshold: Floats, left: Ints, right: Ints, value: Array, roots: Ints) -> Array:
    """Go down one tree with all rows, then the next, whose nodes are then near."""
    sums = np.zeros(len(rows))
    for root in roots:
        for i in range(len(rows)):
            node = root
            while left[node] != node:
                node = left[node] if rows[i, feature[node]] <= threshold[node] else right[node]
            sums[i] += value[node]
    return sums


def _down_each(rows: Floats, feature: Ints, threshold: Floats, left: Ints, right: Ints, roots: Ints) -> Ints:
    """Return what `_down` does, tree by tree."""
    leaves = np.empty((len(rows), len(roots)), np.int32)
    for tree in range(len(roots)):
        for i in range(len(rows)):
            node = roots[tree]
            while left[node] != node:
                node = left[node] if rows[i, feature[node]] <= threshold[node] else right[node]
            leaves[i, tree] = node
    return leaves


_leaves = compiled(_sums, plain=_sums_by_levels)
_ends = compiled(_down_each, plain=_down)


@dataclass(frozen=True, eq=False)
class Trees:
    """Regression trees whose leaves are added up.

    Args:
        feature, threshold, left, right, value: Shape ``(nodes,)``: a row goes left where its feature is at most the
            threshold. A leaf leads to itself.
        roots: Shape ``(trees,)``.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Array
    roots: NDArray[np.int32]

    @classmethod
    def of_forest(cls, forest: Any) -> Self:
        """Return the trees of a fitted ``ExtraTreesRegressor`` of one output."""
        trees = [one.tree_ for one in forest.estimators_]
        return cls._joined(
            (one.feature, one.threshold, one.children_left, one.children_right, one.value[:, 0, 0] / len(trees))
            for one in trees
        )

    @classmethod
    def of_boosting(cls, model: Any) -> Self:
        """Return the trees of a ``HistGradientBoostingClassifier`` of two classes; their sum is the logit."""
        parts = []
        for (one,) in model._predictors:
            nodes, leaf = one.nodes, one.nodes["is_leaf"].astype(bool)
            left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
            parts.append((nodes["feature_idx"], nodes["num_threshold"], left, right, nodes["value"].copy()))
        parts[0][-1][:] += model._baseline_prediction.item()
        return cls._joined(parts)

    @classmethod
    def of_isolation(cls, forest: Any) -> Self:
        """Return the trees of a fitted ``IsolationForest``; a node's value is how much it adds to the path length.

        That is 1, of the root 0, and of a leaf with n rows more by the mean path length of a tree of n, 2 H(n - 1) - 2
        (n - 1) / n with H(i) = ln(i) + 0.577 (Liu, Ting and Zhou, "Isolation forest", ICDM 2008, equation 1).
        """
        parts = []
        for tree in (one.tree_ for one in forest.estimators_):
            n, leaf = tree.n_node_samples, tree.children_left < 0
            mean = 2 * (np.log(np.maximum(n - 1, 1)) + np.euler_gamma) - 2 * (n - 1) / n
            value = 1 + np.where(leaf, np.select([n <= 1, n == 2], [0.0, 1.0], mean), 0.0)
            value[0] -= 1
            parts.append((tree.feature, tree.threshold, tree.children_left, tree.children_right, value))
        return cls._joined(parts)

    @classmethod
    def _joined(cls, parts: Iterable[tuple[Any, ...]]) -> Self:
        """Put trees one after another; children are numbered within each, and below 0 under a leaf."""
        columns: list[list[Any]] = [[] for _ in range(5)]
        roots, nodes = [], 0
        for feature, threshold, left, right, value in parts:
            leaf, itself = left < 0, np.arange(len(left))
            # Rows are float32: what is at most a threshold is at most the float32 below it.
            below = threshold.astype(np.float32)
            below = np.where(below > threshold, np.nextafter(below, np.float32(-np.inf)), below)
            ways = (np.where(leaf, itself, way) + nodes for way in (left, right))
            for column, part in zip(columns, (np.where(leaf, 0, feature), below, *ways, value), strict=True):
                column.append(part)
            roots.append(nodes)
            nodes += len(left)
        feature, threshold, left, right, value = (np.concatenate(column) for column in columns)
        feature, left, right, at = (one.astype(np.int32) for one in (feature, left, right, np.array(roots)))
        return cls(feature, threshold, left, right, value.astype(np.float64), at)

    def predict(self, rows: NDArray[np.float32]) -> Array:
        """Return shape ``(n,)``: the sum over the trees for each of n rows; its bits do not depend on the others."""
        return _leaves(rows, self.feature, self.threshold, self.left, self.right, self.value, self.roots)

    def leaves(self, rows: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return shape ``(n, trees)``: the node in which each of n rows ends in each tree."""
        return _ends(rows, self.feature, self.threshold, self.left, self.right, self.roots)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return them by name, for a file."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def of_arrays(cls, values: Mapping[str, Any]) -> Self:
        """Take back what `arrays` returned, among other things.

        Raises:
            KeyError: If something is missing.
        """
        return cls(**{one.name: values[one.name] for one in fields(cls)})
