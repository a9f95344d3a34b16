"""One policy for all feedback: it learns, from families too, and judges without JAX."""

from pathlib import Path

import bare
import numpy as np
import pytest

from adt_gym import InputError, ScoredSeries, thresholds
from adt_gym.agents.generalist import RULES, Generalist
from adt_gym.evaluation import precision_recall_f1
from adt_gym.scored_files import load_families, save_scored
from adt_gym.stream.feedback import Alerts, Full, Untold


def told_by_scores(seed: int, usual: float) -> ScoredSeries:
    """Return anomalies in runs, of which scores above the usual ones tell."""
    random = np.random.default_rng(seed)
    labels = np.repeat(random.random(60) < 0.2, 5)
    return ScoredSeries(usual + 0.1 * random.random(300) + 0.2 * labels, labels, f"series {seed}")


FAMILIES = {"low": [told_by_scores(seed, 0.1) for seed in (1, 2)], "high": [told_by_scores(3, 0.4)]}


@pytest.fixture(scope="module")
def fitted() -> Generalist:
    return Generalist(steps=30 * 4096).fit_families(FAMILIES)


@pytest.mark.parametrize("feedback", [Full(1), Full(60), Alerts(10), Untold()], ids=str)
def test_it_learns_what_scores_tell_under_any_feedback(fitted: Generalist, feedback: Full) -> None:
    method = Generalist(feedback, steps=30 * 4096).fit_families(FAMILIES)  # type: ignore[arg-type]
    assert method.policy is fitted.policy
    for usual in (0.1, 0.4):  # no fixed threshold does for both
        series = told_by_scores(7, usual)
        assert precision_recall_f1(method.detect(series).decisions, series.truth)[2] > 0.9


def test_it_is_told_every_rule_in_training() -> None:
    told = {(rule.kind, rule.delay, rule.noise) for rule in RULES}
    assert len(told) == len(RULES) == 24


def test_what_was_saved_judges_without_jax(fitted: Generalist, tmp_path: Path) -> None:
    series = told_by_scores(7, 0.1)
    fitted.save(tmp_path / "method.npz")
    save_scored(tmp_path / "series.npz", [series])
    lines = (
        "from adt_gym import thresholds, scored_files\n"
        "one = scored_files.load_scored('series.npz')[0]\n"
        "print(thresholds.load('method.npz').detect(one).decisions.astype(int).tolist())\n"
    )
    done = bare.run(lines, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(fitted.detect(series).decisions.astype(int).tolist())


def test_a_training_without_jax_says_what_it_needs(tmp_path: Path) -> None:
    lines = (
        "import numpy as np\nfrom adt_gym import ScoredSeries, thresholds\n"
        "one, other = (ScoredSeries(np.arange(9) / 9, np.arange(9) > 6, name) for name in 'ab')\n"
        "thresholds.make('generalist').fit([one, other])\n"
    )
    done = bare.run(lines, cwd=tmp_path)
    assert done.returncode == 1
    assert "training the generalist needs flax, gymnax, jax, optax and six" in done.stderr


def test_series_that_teach_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="at least two that hold both"):
        thresholds.make("generalist").fit([told_by_scores(1, 0.1)])


def test_families_are_folders(tmp_path: Path) -> None:
    for family, name in (("b", "2"), ("a", "1"), ("a", "0")):
        (tmp_path / family).mkdir(exist_ok=True)
        save_scored(tmp_path / family / f"{name}.npz", [told_by_scores(int(name), 0.1)])
    read = load_families(tmp_path)
    assert {family: [one.name for one in each] for family, each in read.items()} == {
        "a": ["series 0", "series 1"],
        "b": ["series 2"],
    }
    with pytest.raises(InputError, match="no families; put scored series there as FAMILY"):
        load_families(tmp_path / "a")
