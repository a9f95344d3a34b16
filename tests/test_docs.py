"""What the pages show runs as it stands."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adt_gym import Monitor, data, metrics, scoring, thresholds
from adt_gym.evaluation.compare import evaluate

DOCS = Path(__file__).parents[1] / "docs"
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All that docs/extending.md defines, registered for one test."""
    for one in (thresholds, scoring, metrics, data):
        monkeypatch.setattr(one.registry, "_entries", dict(one.registry._entries))
    names: dict[str, Any] = {"__name__": "extending"}
    for block in CODE.findall((DOCS / "extending.md").read_text()):
        exec(compile(block, "docs/extending.md", "exec"), names)
    return names


def test_each_takes_less_than_forty_lines() -> None:
    blocks = CODE.findall((DOCS / "extending.md").read_text())
    assert len(blocks) == 5
    assert max(len(block.splitlines()) for block in blocks) < 40


def test_what_is_added_is_used_like_what_comes_with_the_package(extended: dict[str, Any], tmp_path: Path) -> None:
    (series,) = data.load("pump", points=1200)
    assert series.labels is not None
    assert series.labels.sum() == 4 * 9
    scorer = scoring.make("jump", window=5).fit([series[:600]])
    train, test = scorer.score(series[:600], series[:600]), scorer.score(series[600:], series[:600])
    steps = np.abs(np.diff(series.values[600:605, 0])) / np.diff(series.values[:600, 0]).std()
    assert test.raw[0] == pytest.approx(steps.max(), rel=1e-5)
    method = thresholds.make("hysteresis", low=0.2).fit([train])
    row = evaluate(method, [train], [test])
    decisions, high = [], thresholds.make("static").fit([train]).threshold  # type: ignore[attr-defined]
    for score in test.scores.tolist():
        decisions.append(score > (min(0.2, high) if decisions and decisions[-1] else high))
    assert row.detections[0].decisions.tolist() == decisions
    assert row.found_at_once == 1.0
    method.save(tmp_path / "method.npz")
    scorer.save(tmp_path / "scorer.npz")  # type: ignore[attr-defined]
    monitor = Monitor(scoring.load(tmp_path / "scorer.npz"), thresholds.load(tmp_path / "method.npz"), series[:600])
    pushed = [monitor.push(None, point) for point in series.values[600:]]
    assert [one.decision for one in pushed if one] == decisions
