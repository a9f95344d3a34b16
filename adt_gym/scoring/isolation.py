"""Isolation forest: a window's score is how few random cuts set it apart."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings
from adt_gym.scoring.rows import Floats, Rows


@dataclass(frozen=True)
class IsolationSettings(DetectorSettings):
    """Settings of the isolation forest, beside those of `DetectorSettings`.

    Args:
        trees: Of the forest.
    """

    trees: int = 100


class Isolation(DetectorScorer):
    """scikit-learn's isolation forest over flattened windows, its trees kept as arrays of nodes.

    A row goes from a node to its left child if the row's value of the node's feature is at most the node's threshold,
    else to its right one; a leaf is its own child, so that all rows take as many steps as the deepest one.

    Reference: F. T. Liu, K. M. Ting and Z.-H. Zhou, "Isolation Forest", ICDM 2008; equations 1 and 2.

    Args:
        settings: Fields of `IsolationSettings`.
    """

    name = "isolation"
    Settings: ClassVar[type[ScorerSettings]] = IsolationSettings
    fitted = (*DetectorScorer.fitted, "_roots", "_features", "_cuts", "_children", "_lengths", "_deepest", "_usual")

    def _fit_rows(self, rows: Rows) -> None:
        from sklearn.ensemble import IsolationForest

        forest = IsolationForest(n_estimators=self.settings.trees, random_state=self.settings.seed).fit(rows)
        trees = [one.tree_ for one in forest.estimators_]
        self._roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
        nodes = np.arange(sum(tree.node_count for tree in trees))
        children = np.concatenate([[one.children_left, one.children_right] for one in trees], axis=1)
        inner = children[0] >= 0
        offsets = np.repeat(self._roots, [tree.node_count for tree in trees])
        self._children = np.where(inner, children + offsets, nodes)
        self._features = np.where(inner, np.concatenate([tree.feature for tree in trees]), 0)
        self._cuts = np.concatenate([tree.threshold for tree in trees])
        depths = np.zeros(len(nodes))
        for node in np.flatnonzero(inner):  # parents come before their children
            depths[self._children[:, node]] = depths[node] + 1
        self._lengths = depths + _usual_length(np.concatenate([tree.n_node_samples for tree in trees]))
        self._deepest, self._usual = int(depths.max()), float(_usual_length(forest.max_samples_))

    def _judge(self, rows: Rows) -> Floats:
        which, at = np.arange(len(rows))[:, None], np.tile(self._roots, (len(rows), 1))
        for _ in range(self._deepest):
            at = self._children[(rows[which, self._features[at]] > self._cuts[at]).astype(np.intp), at]
        found: Floats = 2 ** (-self._lengths[at].mean(axis=1) / (self._usual or 1.0))
        return found


def _usual_length(samples: ArrayLike) -> Floats:
    """Return c(n), the mean length of a path through a random tree of so many samples."""
    n = np.maximum(np.asarray(samples, dtype=np.float64), 2.0)
    return np.where(
        np.asarray(samples) > 2, 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n, np.asarray(samples) == 2
    )
