from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference

from adt_gym.evaluation.scorers import evaluate_baselines, evaluate_scorer, shares_found, static_threshold
from adt_gym.report.curves import training_curves
from adt_gym.scoring.training import Epoch
from adt_gym.series import InputError, ScoredSeries


def scored(seed: int, windows: int = 200, anomalous: bool = True) -> ScoredSeries:
    rng = np.random.default_rng(seed)
    labels = (rng.random(windows) < 0.2) & anomalous
    return ScoredSeries(np.clip(rng.random(windows) * 0.7 + 0.3 * labels, 0, 1), labels, f"s{seed}")


def test_the_report_is_scikit_learns() -> None:
    train, test = [scored(0)], [scored(1), scored(2, 50)]
    report = evaluate_scorer("x", train, test)
    labels = np.concatenate([one.labels for one in test])
    scores = np.concatenate([one.scores for one in test])
    flagged = scores > report.threshold
    binary = reference.precision_recall_fscore_support(labels, flagged, average="binary")[:3]
    macro = reference.precision_recall_fscore_support(labels, flagged, average="macro")[:3]
    assert (report.precision, report.recall, report.f1) == pytest.approx(binary)
    assert (report.macro_precision, report.macro_recall, report.macro_f1) == pytest.approx(macro)
    assert report.accuracy == pytest.approx(reference.accuracy_score(labels, flagged))
    assert report.auroc == pytest.approx(reference.roc_auc_score(labels, scores))
    assert (report.tp, report.fp, report.fn, report.tn) == (
        (labels & flagged).sum(),
        (~labels & flagged).sum(),
        (labels & ~flagged).sum(),
        (~labels & ~flagged).sum(),
    )


def test_the_threshold_is_the_best_on_training_labels_or_a_quantile_without_them() -> None:
    train = [scored(0)]
    chosen = static_threshold(train)
    f1 = [reference.f1_score(train[0].labels, train[0].scores > d) for d in np.append(train[0].scores, chosen)]
    assert f1[-1] == max(f1)
    unlabelled = [scored(0, anomalous=False)]
    assert static_threshold(unlabelled) == pytest.approx(np.quantile(unlabelled[0].scores, 0.99))


def test_auroc_is_none_where_the_test_has_one_kind_of_windows() -> None:
    assert evaluate_scorer("x", [scored(0)], [scored(1, anomalous=False)]).auroc is None
    with pytest.raises(InputError, match="no test series"):
        evaluate_scorer("x", [scored(0)], [])


def test_the_baselines_stand_beside_every_scorer_and_say_who_saw_labels() -> None:
    first = ScoredSeries(np.full(4, 0.5), [False, True, True, False], "a")
    second = ScoredSeries(np.full(3, 0.5), [True, True, False], "b")
    train = [scored(0)]
    copy, random, always, never = evaluate_baselines(train, [first, second])
    assert (copy.method, copy.saw_labels) == ("persistence(1)", True)
    assert (copy.tp, copy.fp, copy.fn, copy.tn) == (2, 2, 2, 1)  # copied: 0 0 1 1 and 0 1 1
    assert (random.method, random.saw_labels, random.tp + random.fp + random.fn + random.tn) == ("random", False, 7)
    assert (always.method, always.saw_labels) == ("always", False)
    assert (always.precision, always.recall) == (pytest.approx(4 / 7), 1)
    assert (never.method, never.saw_labels) == ("never", False)
    assert (never.recall, never.accuracy) == (0, pytest.approx(3 / 7))
    assert {copy.threshold, always.threshold, never.auroc} == {None}


def test_shares_found_by_hand() -> None:
    kinds = np.array(["", "a", "", "", "b", "b"])
    decisions = np.array([True, False, False, True, True])  # windows of 2 points
    assert shares_found(kinds, decisions, 2) == {"a": 0.5, "b": 1.0}
    with pytest.raises(InputError, match="cannot come from 6 points"):
        shares_found(kinds, decisions, 3)


def test_curves_are_drawn_where_parts_are_missing(tmp_path: Path) -> None:
    curve = [Epoch(1, 0.2, None), Epoch(2, 0.1, None, 0.3, 0.5, None, 0.4)]
    training_curves(tmp_path / "curves.png", {"dense": curve, "lstm": curve[:1]})
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 1
