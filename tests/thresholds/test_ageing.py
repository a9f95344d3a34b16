import numpy as np
import pytest

from adt_gym import ScoredSeries
from adt_gym.thresholds.ageing import Ageing, life_table


def labelled(text: str) -> ScoredSeries:
    labels = np.array([one == "1" for one in text])
    return ScoredSeries(np.full(len(labels), 0.5), labels, text)


def test_ends_over_windows_at_risk_by_hand() -> None:
    # Up to 2 windows: 2 + 2 + 2 + 1 at risk, one end (of the event of 1); over 2 and up to 5: 1 + 3 + 3, one end (of
    # that of 3; that of 5 is not seen to end); from there on: 4 at risk, one end (of that of 9).
    found = life_table([3, 5, 9, 1], [True, False, True, True], [2, 5])
    np.testing.assert_allclose(found, [1.5 / 8, 1.5 / 8, 1.5 / 5])


def test_the_chain_of_two_series() -> None:
    one, other = labelled("0001100010000"), labelled("00000111111")
    chain = Ageing.of([one, other, labelled("000")])
    assert chain.onset == pytest.approx((2 / 10 + 1 / 5) / 2)
    # Lengths 1, 2 and 6 (not seen to end): a tenth is over by 2, six tenths by 6 ("higher" of the order statistics).
    assert chain.ages == (2.0, 4.0)
    np.testing.assert_allclose(chain.ends, [2.5 / 6, 0.5 / 5, 0.5 / 1])


def test_where_all_events_are_as_long_there_still_are_three_phases() -> None:
    chain = Ageing.of([labelled("0011100"), labelled("0001110")])
    assert chain.ages == (3.0, 1.0)
    assert len(chain.ends) == 3


def test_steps_and_what_they_come_to() -> None:
    chain = Ageing(0.01, (0.1, 0.2, 0.05), (4.0, 10.0))
    np.testing.assert_allclose(chain.step.sum(axis=1), 1)
    np.testing.assert_allclose(chain.step[1], [0.1, 0.9 * 0.75, 0.9 * 0.25, 0])
    np.testing.assert_allclose(chain.step[0, :2], [0.99, 0.01])
    np.testing.assert_allclose(np.linalg.matrix_power(chain.step, 10_000)[2], chain.stationary, atol=1e-9)
