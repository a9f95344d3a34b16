import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier

from adt_gym.thresholds import trees as module
from adt_gym.thresholds.trees import Trees

Rows = NDArray[np.float32]


def drawn(n: int, seed: int) -> tuple[Rows, NDArray[np.bool_]]:
    """Rows of four features, some of them of few values, and labels that depend on them."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, 4)).astype(np.float32)
    rows[:, 1] = rows[:, 1].round(1)
    rows[:, 2] = rows[:, 2] > 0
    return rows, rows[:, 0] * rows[:, 1] + rows[:, 2] + 0.3 * random.normal(size=n) > 0.5


@pytest.fixture(params=["numba", "numpy"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numba":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(module, "_leaves", module._leaves.__wrapped__)  # type: ignore[attr-defined]


def at_thresholds(trees: Trees) -> Rows:
    """Return rows that stand on thresholds, and a float32 beside them."""
    inner = trees.left != trees.right
    on = np.repeat(trees.threshold[inner][:500, None], 4, axis=1)
    return np.concatenate((on, np.nextafter(on, np.float32(9)), np.nextafter(on, np.float32(-9))))


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("leaf", [1, 30])
def test_a_forest_says_what_it_said(leaf: int) -> None:
    rows, labels = drawn(800, 0)
    forest = ExtraTreesRegressor(20, min_samples_leaf=leaf, random_state=1).fit(rows, labels.astype(float))
    trees = Trees.of_forest(forest)
    for unseen in (drawn(3000, 1)[0], at_thresholds(trees)):
        np.testing.assert_allclose(trees.predict(unseen), forest.predict(unseen), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("share", [0.5, 0.02])
def test_boosted_trees_say_what_they_said(share: float) -> None:
    rows, labels = drawn(800, 0)
    labels &= np.random.default_rng(5).random(800) < share
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=15, early_stopping=False).fit(rows, labels)
    trees = Trees.of_boosting(model)
    for unseen in (drawn(3000, 1)[0], at_thresholds(trees)):
        np.testing.assert_allclose(trees.predict(unseen), model.decision_function(unseen), rtol=0, atol=1e-12)
        chances = 1 / (1 + np.exp(-trees.predict(unseen)))
        np.testing.assert_allclose(chances, model.predict_proba(unseen)[:, 1], rtol=0, atol=1e-12)


def test_a_row_alone_gets_the_same_bits_compiled_or_not() -> None:
    rows, labels = drawn(2500, 2)
    trees = Trees.of_forest(ExtraTreesRegressor(30, min_samples_leaf=5, random_state=0).fit(rows, labels.astype(float)))
    together = trees.predict(rows)
    np.testing.assert_array_equal([trees.predict(row[None])[0] for row in rows], together)
    plain = module._leaves.__wrapped__  # type: ignore[attr-defined]
    nodes = trees.arrays().values()
    np.testing.assert_array_equal(plain(rows, *nodes), together)
    np.testing.assert_array_equal([plain(row[None], *nodes)[0] for row in rows[:100]], together[:100])


def test_arrays_and_back() -> None:
    rows, labels = drawn(300, 3)
    trees = Trees.of_forest(ExtraTreesRegressor(3, random_state=0).fit(rows, labels.astype(float)))
    again = Trees.of_arrays({**trees.arrays(), "other": 1})
    np.testing.assert_array_equal(again.predict(rows), trees.predict(rows))
    with pytest.raises(KeyError, match="roots"):
        Trees.of_arrays({name: one for name, one in trees.arrays().items() if name != "roots"})
