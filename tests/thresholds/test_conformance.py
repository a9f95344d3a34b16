"""What every method must do under every feedback rule: one suite for all that is registered.

A new method needs nothing here, or a line in `OPTIONS` if its training is slow.
"""

import inspect
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from own_rules import MondayMornings, Visits

from adt_gym.scoring.scaling import quantile
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.feedback import KINDS, Feedback, feedback_of
from adt_gym.stream.replay import replay
from adt_gym.stream.state import restore, state_of
from adt_gym.stream.stream import Session, ToldMethod
from adt_gym.thresholds import NEEDS, PAST, SEES, Method, load, make, names, registry

OWN = "mean of the normal"
METHODS = [*names(), "pythresh:IQR", OWN]

OPTIONS: dict[str, dict[str, Any]] = {
    "rolling_quantile": {"windows": 50},
    "spot": {"q": 0.02, "level": 0.9},
    "dspot": {"q": 0.02, "level": 0.9},
    "online_fdr": {"delta": 0.5},
    "nonparametric": {"windows": 50, "span": 5},
    "best_pythresh": {"methods": ("IQR", "MAD")},
    "belief": {"trees": 10},
    "probing": {"trees": 10},
    "boosting": {"trees": 10},
    "feedback_forest": {"trees": 5},
    "paper": {"episodes": 300},
    "generalist": {"steps": 20 * 4096},
}
"""Options beside feedback, delay, noise and seed: what makes a training short, and memories that the series fill."""

MAY_USE_PAST = ("step_control", "hedge", "belief", "remembering", "probing", "ours", "pretrained")
"""Their training chooses whether they are calibrated on the past."""

RULES: dict[str, Feedback] = {
    f"{kind}-{delay}-{noise}": feedback_of(kind, delay, noise)
    for kind in ("full", "alerts")
    for delay in (1, 3, 10)
    for noise in (0.0, 0.1)
}
RULES["none"] = feedback_of("none")
RULES["mondays"] = MondayMornings(datetime(2026, 1, 7), timedelta(hours=12), noise=0.1)
RULES["visits"] = Visits(noise=0.1)

SEED, WINDOWS = 7, 120


class MeanNormal(ToldMethod):
    """A user's own method, registered by this test: its threshold is the mean of the scores told to be normal."""

    name = OWN
    fitted: ClassVar = ("usual",)

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        self.usual = float(np.mean(np.concatenate([one.scores[~one.labels] for one in train])))
        return self

    def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Session:
        return Means(self.usual)


class Means(Session):
    state: ClassVar = ("_scores", "_told")

    def __init__(self, usual: float):
        self._usual, self._scores, self._told = usual, list[float](), dict[int, bool]()

    def threshold(self, score: float) -> float:
        known = range(len(self._scores))
        normal = [self._scores[t] for t in known if self._told.get(t) is False]
        return float(np.mean(normal)) if normal else self._usual

    def judged(self, score: float, decision: bool) -> None:
        self._scores.append(score)

    def tell(self, t: int, label: bool) -> None:
        self._told[t] = bool(label)


@pytest.fixture(autouse=True, scope="module")
def own_method() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entries", dict(registry._entries))
        registry.register(OWN, MeanNormal, tags={SEES, NEEDS})
        yield


def stream(seed: int, windows: int = WINDOWS) -> ScoredSeries:
    """Return anomalies in runs, of which scores that drift do not tell all, and a past."""
    random = np.random.default_rng(seed)
    past = random.exponential(1, 200).astype(np.float32)
    labels = np.repeat(random.random(windows // 8) < 0.3, 8)
    raw = np.sin(np.arange(windows) / 15) + random.exponential(1, windows) + 2 * labels
    return ScoredSeries.scaled(raw, quantile(past), labels, f"stream_{seed}", past=past)


TRAIN = [stream(seed, 240) for seed in (1, 2, 3)]


def options_of(name: str) -> set[str]:
    return set(inspect.signature(registry[name].load()).parameters)


def made(name: str, rule: str) -> Method:
    told = RULES[rule]
    given: dict[str, Any] = {"feedback": told, "seed": SEED}
    if type(told) is KINDS.get(told.kind):
        given |= {"feedback": told.kind, "delay": told.delay, "noise": told.noise}
    return make(name, **{k: v for k, v in given.items() if k in options_of(name)}, **OPTIONS.get(name, {}))


@cache
def _fitted(name: str, rule: str) -> Method:
    method = made(name, rule)
    assert method.fit(TRAIN) is method
    return method


def fitted(name: str, rule: str) -> Method:
    """Return the method as it is made for a rule; one fit does for all rules where it is made for none."""
    return _fitted(name, rule if "feedback" in options_of(name) else "none")


class Loop:
    """A session on one series, and the labels that a rule releases: the stream in plain words."""

    def __init__(self, method: Method, series: ScoredSeries, rule: Feedback):
        self.method, self.series, self.rule = method, series, rule
        self.scores = (series.raw if method.raw else series.scores).tolist()
        wrong = np.random.default_rng(method.seed).random(len(series)) < rule.noise
        self.told = [bool(label) != bool(flip) for label, flip in zip(series.labels, wrong, strict=True)]
        self.due: dict[int | None, list[int]] = defaultdict(list)
        self.session, self.thresholds, self.decisions = self.start(), list[float](), list[bool]()

    def start(self) -> Session:
        return self.method.start(self.series.past_scores(self.method.raw), None, self.series.scaling)

    def step(self) -> None:
        t = len(self.thresholds)
        for window in self.due.pop(t, []):
            self.session.tell(window, self.told[window])
        self.judge()
        self.due[self.rule.told_at(t, self.decisions[t])].append(t)

    def judge(self) -> None:
        score = self.scores[len(self.thresholds)]
        threshold = self.session.threshold(score)
        self.thresholds.append(threshold if self.method.raw else float(np.float32(threshold)))
        self.decisions.append(score > self.thresholds[-1])
        self.session.judged(score, self.decisions[-1])

    def run(self, windows: int = WINDOWS) -> Self:
        while len(self.thresholds) < windows:
            self.step()
        return self

    def known(self, t: int) -> list[int]:
        """Return the windows whose labels are told before window t is judged."""
        due = [self.rule.told_at(window, self.decisions[window]) for window in range(t)]
        return [window for window, at in enumerate(due) if at is not None and at <= t]


def same(one: Detection, other: Detection) -> None:
    np.testing.assert_array_equal(one.thresholds, other.thresholds)
    np.testing.assert_array_equal(one.decisions, other.decisions)


def detect_is_the_loop(method: Method, rule: Feedback, path: Path) -> None:
    series = stream(5)
    if method.sees_labels:
        rule = method.feedback
    loop = Loop(method, series, rule).run()
    for detection in (method.detect(series), replay(method, series, rule, method.seed)):
        same(detection, (Detection.at_raw if method.raw else Detection.at)(loop.thresholds, series))
        assert detection.decisions.tolist() == loop.decisions
        assert detection.thresholds.dtype == np.float32
        assert ((detection.thresholds >= 0) & (detection.thresholds <= 1)).all()
        np.testing.assert_array_equal(detection.labels, series.labels)
        assert detection.name == series.name


def later_scores_and_untold_labels_change_nothing(method: Method, rule: Feedback, path: Path) -> None:
    series, other, index = stream(5), stream(6), np.arange(WINDOWS)
    before = method.detect(series).thresholds
    loop = Loop(method, series, rule).run()
    for t in (0, 11, 44, 83, WINDOWS - 1):
        raw = np.where(index > t, other.raw[::-1], series.raw)
        labels = np.where(np.isin(index, loop.known(t)), series.labels, ~series.labels)
        changed = ScoredSeries.scaled(raw, series.scaling, labels, "changed", past=series.past)
        np.testing.assert_array_equal(method.detect(changed).thresholds[: t + 1], before[: t + 1])


def it_is_the_same_after_saving(method: Method, rule: Feedback, path: Path) -> None:
    if type(method.feedback) is not KINDS.get(method.feedback.kind):
        with pytest.raises(InputError, match="a rule of your own, which a file cannot hold"):
            method.save(path)
        return
    method.save(path)
    again = load(path)
    assert (again.name, again.sees_labels, again.seed) == (method.name, method.sees_labels, method.seed)
    for series in (stream(5), replace(stream(5), past=np.empty(0))):
        same(again.detect(series), method.detect(series))
    with np.load(path, allow_pickle=False) as arrays:
        assert [arrays[key].dtype.hasobject for key in arrays] == [False] * len(arrays)
    content = path.read_bytes()
    broken = bytearray(content)
    broken[len(content) // 2] ^= 1
    for damaged in (bytes(broken), content[: len(content) // 2], b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"^.*$"):
            load(path)


def two_sessions_do_not_touch_each_other(method: Method, rule: Feedback, path: Path) -> None:
    alone = [Loop(method, stream(seed), rule).run().thresholds for seed in (5, 6)]
    together = [Loop(method, stream(seed), rule) for seed in (5, 6)]
    for _ in range(WINDOWS):
        for loop in together:
            loop.step()
    assert [loop.thresholds for loop in together] == alone


def labels_are_told_in_any_order(method: Method, rule: Feedback, path: Path) -> None:
    random, series = np.random.default_rng(0), stream(5)
    tells = defaultdict(list)  # in heaps, up to 48 windows late; of some windows none
    for t in range(WINDOWS):
        tells[8 * (t // 8 + int(random.integers(1, 7)))].append((t, bool(series.labels[t])))

    def thresholds(tell: Callable[[Session, list[tuple[int, bool]]], None]) -> list[float]:
        loop = Loop(method, series, rule)
        for t in range(WINDOWS):
            tell(loop.session, tells[t])
            loop.judge()
        return loop.thresholds

    def in_order(session: Session, labels: list[tuple[int, bool]]) -> None:
        for t, label in labels:
            session.tell(t, label)

    def shuffled(session: Session, labels: list[tuple[int, bool]]) -> None:
        in_order(session, [labels[i] for i in random.permutation(len(labels))])

    def corrected(session: Session, labels: list[tuple[int, bool]]) -> None:
        shuffled(session, [(t, not label) for t, label in labels])
        shuffled(session, labels)

    def early(session: Session, labels: list[tuple[int, bool]]) -> None:
        in_order(session, [(t + 50, label) for t, label in labels])

    expected = thresholds(in_order)
    assert thresholds(shuffled) == expected
    assert thresholds(corrected) == expected
    assert np.isfinite(thresholds(early)).all() or method.raw


def it_goes_on_from_a_kept_state(method: Method, rule: Feedback, path: Path) -> None:
    whole, parted = Loop(method, stream(5), rule).run(), Loop(method, stream(5), rule)
    for windows in range(5, WINDOWS + 1, 5):
        kept = json.dumps(state_of(parted.run(windows).session))
        parted.session = parted.start()
        restore(parted.session, json.loads(kept))
    assert parted.thresholds == whole.thresholds
    assert json.dumps(state_of(parted.session)) == json.dumps(state_of(whole.session))


CHECKS = (
    detect_is_the_loop,
    later_scores_and_untold_labels_change_nothing,
    it_is_the_same_after_saving,
    two_sessions_do_not_touch_each_other,
    labels_are_told_in_any_order,
    it_goes_on_from_a_kept_state,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_under_every_rule(name: str, rule: str, check: Callable[..., None], tmp_path: Path) -> None:
    check(fitted(name, rule), RULES[rule], tmp_path / "method.npz")


@pytest.mark.parametrize("name", METHODS)
def test_tags_are_true(name: str) -> None:
    tags, method, series = registry[name].tags, fitted(name, "full-1-0.0"), stream(5)
    detection = method.detect(series)
    assert method.sees_labels == (SEES in tags)
    others = method.detect(replace(series, labels=~series.labels)).decisions
    assert np.array_equal(others, detection.decisions) == (SEES not in tags)
    other = method.detect(replace(series, past=series.past + 1)).thresholds
    assert name in MAY_USE_PAST or np.array_equal(other, detection.thresholds) == (PAST not in tags)
    if NEEDS in tags:
        with pytest.raises(InputError, match=r"not fitted: call fit\(\) first"):
            made(name, "full-1-0.0").detect(series)
    else:
        unlabelled = [replace(one, labels=np.zeros(len(one), bool)) for one in TRAIN]
        same(made(name, "full-1-0.0").fit(unlabelled).detect(series), detection)


class Hindsight(MeanNormal):
    def detect(self, series: ScoredSeries) -> Detection:
        return Detection.at(np.append(series.scores[1:], 0.5), series)


class Peeking(MeanNormal):
    def detect(self, series: ScoredSeries) -> Detection:
        return Detection.at(np.where(series.labels, 0.0, 1.0), series)


class Unsaved(MeanNormal):
    def _fitted(self) -> dict[str, Any]:
        return {"usual": 0.5}


class Shared(MeanNormal):
    def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Session:
        if not hasattr(self, "_session"):
            self._session = Means(self.usual)
        return self._session


class FirstWord(MeanNormal):
    def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Session:
        class Deaf(Means):
            def tell(self, t: int, label: bool) -> None:
                self._told.setdefault(t, label)

        return Deaf(self.usual)


class Forgetful(MeanNormal):
    def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Session:
        class Stateless(Means):
            state = ()

        return Stateless(self.usual)


@pytest.mark.parametrize(
    ("check", "wrong"),
    list(zip(CHECKS, (Hindsight, Peeking, Unsaved, Shared, FirstWord, Forgetful), strict=True)),
    ids=lambda one: one.__name__,
)
def test_the_suite_catches(check: Callable[..., None], wrong: type[Method], tmp_path: Path) -> None:
    registry.register(wrong.__name__, wrong)
    with pytest.raises(AssertionError):
        check(wrong().fit(TRAIN), RULES["full-1-0.0"], tmp_path / "method.npz")
