"""Every registered scorer: points pushed one by one score as all at once, and what is learned can be kept."""

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from statsmodels.tsa.arima.model import ARIMA as StatsModel

from adt_gym import InputError, Monitor, Series, scoring, thresholds
from adt_gym.scoring.stream import ScoreStream
from adt_gym.scoring.votes import Action, Explanation
from adt_gym.stream.state import restore, state_of

WINDOW = 5
OPTIONS: dict[str, dict[str, Any]] = {
    "autoencoder": {"epochs": 2, "candidates": 1},
    **{name: {"epochs": 2} for name in ("dense", "lstm", "deep-tanh", "deep-leaky", "forecast")},
    "isolation": {"trees": 20},
    "ensemble": {
        "members": ["isolation", "arima", "forecast", "pca"],
        "folds": 2,
        "options": {"forecast": {"epochs": 2}},
    },
}
NAMES = [*scoring.names(), *(f"pyod:{one}" for one in ("ECOD", "COPOD", "KNN", "HBOS", "IForest"))]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def waves(n: int, seed: int, spikes: tuple[int, ...] = (), breaks: tuple[int, ...] = (), metrics: int = 2) -> Series:
    """Return noisy waves of 24 hours; spikes are labelled, and before a break half a day is missing."""
    rng = np.random.default_rng(seed)
    hours = np.arange(n) + 12 * np.searchsorted(breaks, np.arange(n), side="right")
    values = np.sin(2 * np.pi * hours[:, None] / 24 + np.arange(metrics)) + 0.1 * rng.standard_normal((n, metrics))
    labels = np.isin(np.arange(n), spikes)
    values[labels] += 6
    index = np.datetime64("2024-01-01", "h") + hours
    return Series(values, labels, f"waves_{seed}", index, breaks=np.array(breaks, dtype=np.intp))


TRAIN = waves(240, 0, (40, 41, 200))
PAST = waves(130, 1, (70,), (50,))
JUDGED = waves(90, 2, (30, 75), (40, 43, 60))
"""Of the parts between its breaks one is shorter than a window."""


@cache
def fitted(name: str) -> scoring.Scorer:
    return scoring.make(name, window=WINDOW, **OPTIONS.get(name, {})).fit([TRAIN])


def pushed(stream: ScoreStream, series: Series, rows: range | None = None) -> list[float]:
    """Push the points, and say where time is missing; return the scores."""
    assert series.index is not None
    found = []
    for t in rows or range(len(series)):
        if t in series.breaks:
            stream.gap()
        score = stream.push(series.values[t], series.index[t])
        found += [] if score is None else [score]
    return found


def batch(scorer: scoring.Scorer, past: Series | None) -> NDArray[np.float32]:
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning, "series .* the members of the ensemble agree")
        return scorer.score(JUDGED, past).raw


@pytest.mark.parametrize("past", [None, TRAIN, PAST], ids=["no past", "the training series", "its past"])
@pytest.mark.parametrize("name", NAMES)
def test_pushed_one_by_one_the_scores_are_those_of_the_batch(name: str, past: Series | None) -> None:
    scorer = fitted(name)
    stream, scored = scorer.start(past), batch(scorer, past)
    assert len(scored) == len(JUDGED.window_starts(WINDOW))
    spread = float(np.quantile(scored, 0.9) - scored.min())
    np.testing.assert_allclose(pushed(stream, JUDGED), scored, rtol=0, atol=1e-6 * spread)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_calibrated_as_the_batch_is(name: str) -> None:
    scorer = fitted(name)
    for past in (None, PAST):
        stream, scored = scorer.start(past), scorer.score(JUDGED, past)
        np.testing.assert_array_equal(stream.past, scored.past)
        assert stream.past.dtype == np.float32
        assert (stream.scaling is None) == (scored.scaling is None) == (name == "ensemble")
        if stream.scaling is not None:
            np.testing.assert_array_equal(stream.scaling(scored.raw).astype(np.float32), scored.scores)
        assert [stream.scaled(raw) for raw in scored.raw.tolist()] == scored.scores.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_score_needs_so_many_points_and_no_more(name: str) -> None:
    scorer, calm = fitted(name), waves(60, 3)
    whole, part = scorer.start(PAST), scorer.start(PAST)
    expected = pushed(whole, calm)[-1]
    if whole.needs is None:
        assert name in ("arima", "ensemble")
        return
    assert pushed(part, calm, range(60 - whole.needs, 60))[-1] == pytest.approx(expected, rel=1e-12)
    assert len(pushed(scorer.start(PAST), calm, range(WINDOW - 1))) == 0
    assert len(pushed(scorer.start(PAST), calm, range(WINDOW))) == 1


@pytest.mark.parametrize("name", NAMES)
def test_in_the_middle_the_state_goes_on_bit_for_bit(name: str) -> None:
    scorer, calm = fitted(name), waves(40, 3)
    for stop in (2, 4, 23):
        whole, first, second = (scorer.start(PAST) for _ in range(3))
        expected = pushed(whole, calm)
        before = pushed(first, calm, range(stop))
        kept = json.loads(json.dumps(state_of(first)))
        pushed(second, waves(17, 5))  # what it has seen before does not count
        restore(second, kept)
        assert before + pushed(second, calm, range(stop, 40)) == expected
    other = fitted("range").start() if name == "arima" else fitted("arima").start()
    with pytest.raises(InputError, match="is not the state of"):
        restore(other, {"points": []})


@pytest.mark.parametrize("name", NAMES)
def test_two_streams_do_not_touch_each_other(name: str) -> None:
    scorer, one, other = fitted(name), waves(30, 3), waves(30, 4)
    alone = [pushed(scorer.start(PAST), series) for series in (one, other)]
    streams = scorer.start(PAST), scorer.start(PAST)
    together: tuple[list[float], list[float]] = ([], [])
    for t in range(30):
        for found, stream, series in zip(together, streams, (one, other), strict=True):
            found.extend(pushed(stream, series, range(t, t + 1)))
    assert list(together) == alone


# Files


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_scorer_scores_bit_for_bit(name: str, tmp_path: Path) -> None:
    scorer = fitted(name)
    scorer.save(tmp_path / "scorer.npz")
    loaded = scoring.load(tmp_path / "scorer.npz")
    assert type(loaded) is type(scorer)
    assert (loaded.label, json.dumps(loaded.describe())) == (scorer.label, json.dumps(scorer.describe()))
    for past in (None, TRAIN, PAST):
        np.testing.assert_array_equal(batch(loaded, past), batch(scorer, past))
        assert pushed(loaded.start(past), JUDGED) == pushed(scorer.start(past), JUDGED)
    with np.load(tmp_path / "scorer.npz", allow_pickle=False) as arrays:
        assert all(arrays[one].dtype != object for one in arrays)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_fitted_or_no_npz_file_is_not_kept(name: str, tmp_path: Path) -> None:
    new = scoring.make(name, window=WINDOW, **OPTIONS.get(name, {}))
    with pytest.raises(InputError, match="is not fitted: call fit"):
        new.save(tmp_path / "scorer.npz")
    with pytest.raises(InputError, match=r"scorer\.pkl: scorers are kept in \.npz files"):
        fitted(name).save(tmp_path / "scorer.pkl")
    assert not any(tmp_path.iterdir())


def test_a_damaged_file_a_method_and_a_scorer_of_another_class_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scorer.npz"
    fitted("pca").save(path)
    with pytest.raises(InputError, match=r"it holds a adt_gym\.scoring\.pca:PrincipalComponents"):
        type(fitted("nearest")).load(path)  # type: ignore[attr-defined]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"scorer\.npz is not a scorer"):
        scoring.load(path)
    thresholds.make("always").save(tmp_path / "method.npz")
    with pytest.raises(InputError, match="no scorer is registered as"):
        scoring.load(tmp_path / "method.npz")
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        scoring.load(tmp_path / "missing.npz")


def test_a_models_past_is_found_again_by_its_values_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = scoring.make("arima", window=WINDOW).fit([TRAIN, PAST])
    expected = batch(scorer, PAST)
    scorer.save(tmp_path / "scorer.npz")
    loaded = scoring.load(tmp_path / "scorer.npz")
    monkeypatch.setattr(type(loaded), "_fit_models", lambda *_: pytest.fail("fitted anew"))
    np.testing.assert_array_equal(batch(loaded, replace(PAST, name="other")), expected)
    with pytest.raises(InputError, match=r"a model of each of 2 series; give .* the past of the series"):
        loaded.start()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name(name: str) -> None:
    scorer = fitted(name)
    for past in (TRAIN, PAST):
        other = scorer.score(replace(JUDGED, name=TRAIN.name), replace(past, name="nobody"))
        np.testing.assert_array_equal(other.scores, scorer.score(JUDGED, past).scores)


# What is wrong with a point


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_point_is_refused_and_changes_nothing(name: str) -> None:
    calm = waves(20, 3)
    assert calm.index is not None
    expected, stream = pushed(fitted(name).start(PAST), calm), fitted(name).start(PAST)
    found = pushed(stream, calm, range(10))
    bad: list[tuple[Any, str]] = [
        ([1.0], r"a point has shape \(1,\), the scorer knows 2 columns"),
        ([[1.0, 2.0]], r"a point has shape \(1, 2\)"),
        ([1.0, np.nan], r"a point is not finite: \[1.0, nan\]; leave it out, and call gap"),
        ([1.0, -np.inf], "is not finite"),
        (["high", "low"], "a point must be numbers"),
    ]
    for point, message in bad:
        with pytest.raises(InputError, match=message) as error:
            stream.push(point, calm.index[10])
        assert "\n" not in str(error.value)
    assert found + pushed(stream, calm, range(10, 20)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_begins_after_fit_and_with_a_past_of_its_own_kind(name: str) -> None:
    with pytest.raises(InputError, match="is not fitted: call fit"):
        scoring.make(name, window=WINDOW, **OPTIONS.get(name, {})).start()
    with pytest.raises(InputError, match="has 3 columns, the scorer knows 2"):
        fitted(name).start(waves(40, 0, metrics=3))
    with pytest.raises(InputError, match="4 points, fewer than one window of 5"):
        fitted(name).start(PAST[:4])


def test_one_metric_may_come_as_a_number_and_huge_values_as_they_are() -> None:
    scorer = scoring.make("range", window=2).fit([waves(50, 0, metrics=1)])
    stream = scorer.start()
    assert [stream.push(x) is None for x in (0.5, 0.7)] == [True, False]
    assert stream.push(1e300) == scorer.score(Series([0.7, 1e300])).raw[0]


def test_prophet_wants_the_time_of_a_point() -> None:
    stream = fitted("prophet").start(PAST)
    with pytest.raises(InputError, match="'a point' has no times"):
        stream.push([0.0, 0.0])
    with pytest.raises(InputError, match="'noon' is no time"):
        stream.push([0.0, 0.0], "noon")
    assert stream.push([0.0, 0.0], "2024-03-01T12:00") is None


# What they are held against


@pytest.mark.parametrize("order", [(1, 1, 1), (2, 0, 0), (3, 2, 2), (0, 1, 1), (0, 0, 0)])
def test_arimas_residuals_are_those_of_statsmodels(order: tuple[int, int, int]) -> None:
    scorer = scoring.make("arima", window=1, order=order).fit([TRAIN])
    stream, normal = scorer.start(TRAIN), np.where(TRAIN.labels[:, None], np.nan, TRAIN.values)  # type: ignore[index]
    sizes = np.zeros(len(JUDGED))
    for past, judged in zip(normal.T, JUDGED.values.T, strict=True):
        scale = np.nanstd(past)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of starting values
            model = StatsModel((past - past[0]) / scale, order=order).fit(cov_type="none")
        residuals = [np.abs(model.apply((part - past[0]) / scale).resid) for part in np.split(judged, JUDGED.breaks)]
        for one in residuals:
            one[: max(order[1], 1)] = 0
        learned = np.where(np.isnan(past), np.nan, model.resid)
        learned[: max(order[1], 1)] = 0
        sizes += np.concatenate(residuals) / np.nanstd(learned) / 2
    np.testing.assert_allclose(pushed(stream, JUDGED), sizes, rtol=1e-3, atol=1e-3)  # the optimizer stops anywhere near


@pytest.mark.parametrize("method", ["ECOD", "COPOD"])
def test_a_rank_is_that_among_the_learned_windows_and_itself(method: str) -> None:
    from pyod.models import copod, ecod

    scorer = fitted(f"pyod:{method}")
    rows = scorer._learned  # type: ignore[attr-defined]
    reference = (ecod.ECOD if method == "ECOD" else copod.COPOD)().fit(rows.astype(np.float64))
    judged = np.random.default_rng(0).random((40, rows.shape[1]), dtype=np.float32) * 1.4 - 0.2
    expected = [reference.decision_function(row[None].astype(np.float64))[0] for row in judged]
    np.testing.assert_allclose(scorer._judge(judged), expected, rtol=1e-6)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_detector_that_ranks_windows_among_later_ones_is_refused() -> None:
    with pytest.raises(InputError, match="pyod:SOS scores a window by those that are scored with it"):
        scoring.make("pyod:SOS", window=WINDOW).fit([TRAIN])


def test_a_detector_that_no_file_can_hold_is_not_saved(tmp_path: Path) -> None:
    scorer = scoring.make("pyod:Sampling", window=WINDOW, options={"random_state": None}).fit([TRAIN])
    with pytest.raises(InputError, match="scores otherwise when it is fitted anew"):
        scorer.save(tmp_path / "scorer.npz")


# The ensemble at work


def test_a_monitor_says_which_members_object_and_what_to_do() -> None:
    scorer = fitted("ensemble")
    said = scorer.judge(JUDGED, PAST)  # type: ignore[attr-defined]
    stream, seen = scorer.start(PAST), []
    assert stream.why is None
    for t in range(len(JUDGED)):
        if t in JUDGED.breaks:
            stream.gap()
        if stream.push(JUDGED.values[t]) is None:
            assert stream.why is None
            continue
        assert isinstance(stream.why, Explanation)
        seen.append(stream.why)
    assert [one.action for one in seen] == said.actions().tolist()
    assert {one.action for one in seen} >= {Action.NONE, Action.STOP}
    for t, one in enumerate(seen):
        assert [v.flagged for v in one.verdicts] == said.flags[t].tolist()
        assert [v.score for v in one.verdicts] == pytest.approx(said.scores[t].tolist(), abs=1e-5)
    assert re.fullmatch(r"STOP: isolation 0\.\d{3} > 0\.\d{3}, arima .*", str(max(seen, key=lambda one: one.action)))


@pytest.mark.parametrize("name", ["ensemble", "arima", "prophet", "autoencoder"])
def test_a_monitor_saved_in_the_middle_goes_on(name: str, tmp_path: Path) -> None:
    calm = waves(30, 3)
    assert calm.index is not None

    def run(between: Callable[[Monitor], Monitor]) -> list[Any]:
        monitor, found = Monitor(fitted(name), thresholds.make("persistence"), PAST), []
        for t in range(30):
            if t == 12:
                monitor.gap()
            found.append(monitor.push(calm.index[t], calm.values[t]))  # type: ignore[index]
            if found[-1] is not None:
                monitor.tell(found[-1].t, t % 7 == 0)
            if t == 17:
                monitor = between(monitor)
        return found

    def kept(monitor: Monitor) -> Monitor:
        monitor.save(tmp_path / "monitor.npz")
        return Monitor.load(tmp_path / "monitor.npz")

    judged = run(lambda monitor: monitor)
    assert run(kept) == judged
    assert [t for t in range(30) if judged[t] is None] == [0, 1, 2, 3, 12, 13, 14, 15]
