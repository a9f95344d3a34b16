import numpy as np
import pytest

from adt_gym.metrics.ranks import average_ranks, critical_difference
from adt_gym.series import InputError

Q = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
"""Demsar (2006), table 5a: the critical values of Nemenyi's test at 5%, by the number of classifiers."""


@pytest.mark.parametrize("methods", Q)
def test_the_critical_difference_is_that_of_the_paper(methods: int) -> None:
    expected = Q[methods] * (methods * (methods + 1) / (6 * 14)) ** 0.5
    assert critical_difference(methods, 14) == pytest.approx(expected, rel=5e-4)


def test_the_example_of_the_paper() -> None:
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


def test_equal_values_share_their_ranks() -> None:
    ranks = average_ranks([[0.9, 0.5, 0.5, 0.1], [0.2, 0.8, 0.4, 0.2]])
    assert ranks.tolist() == [(1 + 3.5) / 2, (2.5 + 1) / 2, (2.5 + 2) / 2, (4 + 3.5) / 2]


def test_bad_arguments_are_refused() -> None:
    for values in ([0.1, 0.2], [[0.1, np.nan]], [[]]):
        with pytest.raises(InputError, match="ranks: values must be finite"):
            average_ranks(values)
    for arguments in ((1, 5), (3, 0), (3, 5, 1.0)):
        with pytest.raises(InputError, match="critical difference"):
            critical_difference(*arguments)
