import numpy as np
import pytest

from adt_gym import ScoredSeries
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.thresholds.chain import Chain, usual_delay


class Rounds(Feedback):
    """Every ten windows those flagged in the ten before are looked at."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return t - t % 10 + 10 if decision else None


def test_the_usual_delay_of_a_rule() -> None:
    assert [usual_delay(one, 400) for one in (feedback_of("alerts", 7), feedback_of("none"), Rounds())] == [7, 1, 5]


def test_the_chain_by_hand() -> None:
    labels = np.array([0, 1, 1, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    chain = Chain.of([ScoredSeries(np.full(10, 0.5), labels)], feedback_of(delay=2))
    assert (chain.prior, chain.end) == (0.6, 2 / 6)
    assert chain.carry == pytest.approx(max(np.corrcoef(labels[:-2], labels[2:])[0, 1], 0))
    assert chain.stays == pytest.approx(1 - 2 / 6 - 2 / 4)  # onset: two in four normal windows


def test_a_chain_of_series_that_do_not_go_together() -> None:
    often, briefly = np.arange(40) < 36, np.arange(40) % 2 == 1
    series = [ScoredSeries(np.full(40, 0.5), labels) for labels in (often, often, briefly, briefly, ~briefly)]
    for delay in (1, 4, 39, 100):
        chain = Chain.of(series, feedback_of(delay=delay))
        assert 0 <= chain.stays <= 1
        assert 0 <= chain.carry < 1
    assert Chain(prior=0.9, end=0.5, carry=0.5).stays == 0
