from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("stable_baselines3", reason="the example uses the replay buffer of Stable-Baselines3")


def test_the_example_learns(assert_learns: Callable[[str, int], Any]) -> None:
    assert_learns("cleanrl_dqn", 6_000)
