"""A series' name is a name: the same values under any other come to the same scores, decisions and figures."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adt_gym import ScoredSeries, Series, scoring, thresholds
from adt_gym.data.sources import SourceSettings, load
from adt_gym.evaluation.compare import Row, compare
from adt_gym.evaluation.frontier import FrontierRow, over_delays, write_rows
from adt_gym.evaluation.scorers import evaluate_baselines, evaluate_scorer
from adt_gym.evaluation.split import cut
from adt_gym.experiments.servers import check_apart, read_servers
from adt_gym.report.frontier_tables import by_delay

POINTS = 240
SCORERS = ("isolation", "autoencoder", "range", "pca")
METHODS = ("static", "false_alarm_rate", "quantile", "rolling_quantile", "dspot", "persistence", "random", "never")


def values(seed: int, level: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Values of a level of their own, and labels: a scaling of another series would not fit them."""
    random = np.random.default_rng(seed)
    labels = np.isin(np.arange(POINTS) % 60, (20, 21, 22, 40 + seed))
    return random.normal(level, 1 + seed, POINTS) + 4 * (1 + seed) * labels, labels


@pytest.fixture(params=["parts", "tables", "one"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> SourceSettings:
    """Servers with a history each, a folder of tables, or a single table."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    for seed in range(3 if request.param != "one" else 1):
        test, labels = values(seed, 10 * seed)
        if request.param == "parts":
            train = np.random.default_rng(9 + seed).normal(10 * seed, 1 + seed, POINTS)
            np.savez(folder / f"web-{seed}.npz", train=train, test=test, test_label=labels)
        else:
            pd.DataFrame({"load": test, "label": labels.astype(int)}).to_csv(folder / f"web-{seed}.csv", index=False)
    return SourceSettings(str(folder), window=5)


def road(settings: SourceSettings, series: Sequence[Series], scorer: str) -> tuple[list[ScoredSeries], list[Row]]:
    """Go from the series of a source to the table of all methods."""
    split = cut(settings, series)
    made = scoring.make(scorer, window=settings.window, **({"epochs": 1} if scorer == "autoencoder" else {}))
    made.fit(split.for_scorer)
    train, test = ([made.score(*pair) for pair in pairs] for pairs in (split.learned, split.tested))
    methods = [thresholds.make(name) for name in METHODS]
    reports = [evaluate_scorer(scorer, train, test), *evaluate_baselines(train, test)]
    return [*train, *test], [*compare(methods, train, test, points=split.test), *reports]  # type: ignore[list-item]


def figures(row: object) -> dict[str, object]:
    found = {one.name: getattr(row, one.name) for one in fields(row) if one.name not in ("seconds", "detections")}
    if "values" in found:
        found["values"] = {name: value for name, value in found["values"].items() if name != "seconds"}
    return found


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_same_values_under_another_name_come_to_the_same(settings: SourceSettings, scorer: str) -> None:
    series = load(settings).series
    scored, rows = road(settings, series, scorer)
    for names in (["pump"], ["train"], ["test"], ["train-station", "train", "test", "train1", "a/test", "a/train"]):
        renamed = [replace(one, name=names[i % len(names)]) for i, one in enumerate(series)]
        others, found = road(settings, renamed, scorer)
        for one, other in zip(scored, others, strict=True):
            np.testing.assert_array_equal(one.scores, other.scores)
            np.testing.assert_array_equal(one.past, other.past)
        for row, other_row in zip(rows, found, strict=True):
            np.testing.assert_equal(figures(other_row), figures(row))
            if isinstance(row, Row):
                decided = ([one.decisions.tolist() for one in each.detections] for each in (row, other_row))
                assert next(decided) == next(decided)


def test_a_table_counts_series_of_one_name_as_several(tmp_path: Path) -> None:
    rows = [FrontierRow("static", "full", "1", 0.0, "web", 0, False, f1=f1) for f1 in (0.2, 0.6)]
    table = write_rows(tmp_path / "table.csv", rows)
    assert over_delays(table).mean.loc["static", "1"] == pytest.approx(0.4)
    (shown,) = by_delay(table, "f1", "title", "note")
    assert "mean over 2 unseen series" in str(shown.caption)


def test_servers_of_one_name_are_several(tmp_path: Path) -> None:
    for seed in range(2):
        (tmp_path / str(seed)).mkdir()
        test, labels = values(seed)
        np.savez(tmp_path / str(seed) / "web.npz", train=test[:50], test=test, test_label=labels)
    first, second = read_servers([str(tmp_path / str(seed)) for seed in range(2)], SourceSettings(""))
    assert first.name == second.name == "web"
    np.testing.assert_array_equal(second.normal.values[:, 0], values(1)[0][:50])
    check_apart([first], second)
