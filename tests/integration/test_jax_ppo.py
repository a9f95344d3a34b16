"""A baseline in gymnax's form runs on ADT-v0 as it does on gymnax's own environments."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gymnax", reason="the example runs in gymnax")

import adt_gym.jax
from adt_gym import ScoredSeries

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, easy: ScoredSeries) -> Callable[[str, int], Any]:
    """Run the example, the easy series in place of the packaged ones."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(adt_gym.jax, "make", partial(adt_gym.jax.make, series=easy))
    import jax_ppo  # type: ignore[import-not-found]

    return lambda name, steps: jax_ppo.main(name, steps)


@pytest.mark.parametrize(
    ("name", "steps", "first", "last"),
    [("CartPole-v1", 40_000, 30, 100), ("ADT-v0", 80_000, 0, 150)],
)
def test_the_example_learns_by_a_name_alone(
    train: Callable[[str, int], Any], name: str, steps: int, first: float, last: float
) -> None:
    returns = train(name, steps)
    assert float(returns[0]) <= first
    assert float(returns[-3:].mean()) > last
