from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from adt_gym.thresholds.dinkelbach import Problem, solve

N, KINDS, DISCOUNT = 2, 3, 0.9


def tiny(seed: int, flags_matter: bool = True) -> Problem:
    random = np.random.default_rng(seed)
    following = random.dirichlet(np.full(N, 0.5), (2, N * KINDS))
    if not flags_matter:
        following[1] = following[0]
    return Problem(
        chance=random.dirichlet(np.ones(KINDS), N),
        anomalous=random.uniform(0, 1, (N, KINDS)) ** 2,
        following=(csr_array(following[0]), csr_array(following[1])),
        start=0,
        discount=DISCOUNT,
    )


def f1_of(problem: Problem, flagged: Any) -> float:
    """Return the F1 of a policy by following the share of series in each situation, window by window."""
    share, found, spent = [1.0, 0.0], 0.0, 0.0
    rows = [one.toarray() for one in problem.following]
    for t in range(400):
        after = [0.0, 0.0]
        for n, kind in product(range(N), range(KINDS)):
            weight, p, flag = share[n] * problem.chance[n, kind], problem.anomalous[n, kind], flagged[n][kind]
            found += DISCOUNT**t * weight * p * flag
            spent += DISCOUNT**t * weight * (flag + p)
            for m in range(N):
                after[m] += weight * rows[flag][n * KINDS + kind, m]
        share = after
    return float(2 * found / spent)


@pytest.mark.parametrize("seed", range(4))
def test_its_f1_is_the_best_of_all_policies(seed: int) -> None:
    problem = tiny(seed)
    everyone = [np.reshape(flags, (N, KINDS)) for flags in product((0, 1), repeat=N * KINDS)]
    reached = [f1_of(problem, flagged) for flagged in everyone]
    solution = solve(problem)
    assert solution.f1 == pytest.approx(max(reached), abs=1e-9)
    assert f1_of(problem, (solution.advantage > 0).astype(int)) == pytest.approx(max(reached), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_flags_advantage_is_that_of_looking_far_ahead(seed: int) -> None:
    problem = tiny(seed)
    solution = solve(problem)
    rows = [one.toarray() for one in problem.following]

    def worth(ahead: NDArray[np.float64], n: int, kind: int, flag: int) -> float:
        p, f1 = problem.anomalous[n, kind], solution.f1
        now = p * (2 - 2 * f1) + (1 - p) * -f1 if flag else p * -f1
        return float(now + DISCOUNT * rows[flag][n * KINDS + kind] @ ahead)

    ahead = np.zeros(N)
    for _ in range(400):
        ahead = np.array([
            sum(problem.chance[n, kind] * max(worth(ahead, n, kind, flag) for flag in (0, 1)) for kind in range(KINDS))
            for n in range(N)
        ])  # fmt: skip
    for n, kind in product(range(N), range(KINDS)):
        advantage = worth(ahead, n, kind, 1) - worth(ahead, n, kind, 0)
        assert solution.advantage[n, kind] == pytest.approx(advantage, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_where_flags_change_nothing_the_cut_is_half_the_f1(seed: int) -> None:
    problem = tiny(seed, flags_matter=False)
    solution = solve(problem)
    np.testing.assert_array_equal(solution.advantage > 0, problem.anomalous > solution.f1 / 2)
    assert 0 < (solution.advantage > 0).mean() < 1
