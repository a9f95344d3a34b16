from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adt_gym import Detection, ScoredSeries
from adt_gym.evaluation.frontier import FrontierRow, over_delays, panel, read_rows, settings_of, write_rows
from adt_gym.experiments.unseen import Cell, measure
from adt_gym.registry import Entry
from adt_gym.series import InputError
from adt_gym.stream.feedback import feedback_of
from adt_gym.stream.stream import Method
from adt_gym.thresholds import SEES, registry
from adt_gym.thresholds.evidence import Evidence


def row(
    method: str, feedback: str, delay: str, f1: float, series: str = "a", seed: int = 0, **more: float
) -> FrontierRow:
    saw = feedback != "none" and method not in ("static", "always")
    return FrontierRow(method, feedback, delay, more.pop("label_noise", 0.0), series, seed, saw, "", f1=f1, **more)


@pytest.fixture
def rows() -> list[FrontierRow]:
    found = []
    for seed, series, shift in ((0, "a", 0.1), (0, "b", -0.1), (1, "a", 0.3), (1, "b", 0.1)):
        here = {"series": series, "seed": seed}
        for delay, full, alerts, copy in (("1", 0.6, 0.6, 0.5), ("10", 0.5, 0.4, 0.2)):
            found.append(row("ours", "full", delay, full + shift, **here))
            found.append(row("ours", "full", delay, full + shift - 0.06, label_noise=0.1, **here))
            found.append(row("ours", "alerts", delay, alerts + shift, **here))
            found.append(row(f"persistence({delay})", "full", delay, copy, **here))
            found += [row("static", feedback, delay, 0.4, **here) for feedback in ("full", "alerts")]
        found += [row("ours", "none", "never", 0.3, **here), row("static", "none", "never", 0.4, **here)]
    return found


def test_a_row_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, decisions = np.zeros((2, 40), dtype=bool)
    for start, stop in ((2, 5), (10, 16), (20, 32), (36, 38)):
        labels[start:stop] = True
    decisions[[2, 3, 7, 11, 29, 30, 33, 34]] = True  # found after 0, 1 and 9 windows; one missed; two false alarms
    hours = np.datetime64("2020-01-01") + np.arange(40) * np.timedelta64(1, "h")
    scored = ScoredSeries(np.full(40, 0.5), labels, "pump", hours)
    given = type("Given", (Method,), {"name": "ours", "sees_labels": True, "detail": "belief"})
    given.detect = lambda self, series: Detection(1 - decisions.astype(np.float32), decisions, labels, "pump")
    monkeypatch.setattr(registry, "_entries", {"given": Entry(given, frozenset({SEES}))})
    monkeypatch.setattr(Evidence, "fit", lambda self, train: self)
    cell = Cell((), (scored,), ("given",), (feedback_of("alerts", 7, 0.1),), seed=3, episodes=1, deadline=5)
    (found,) = measure(cell).rows
    precision, recall, in_time = 5 / 8, 5 / 23, 2 / 4
    assert found == FrontierRow(
        "ours", "alerts", "7", 0.1, "pump", 3, True, "belief",
        precision=precision,
        recall=pytest.approx(recall),
        f1=pytest.approx(2 * 5 / (8 + 23)),
        composite_f1=pytest.approx(2 * precision * in_time / (precision + in_time)),
        event_recall=3 / 4,
        detection_delay=1,
        missed_events=1,
        false_alarms_per_day=pytest.approx(2 / (17 / 24)),
        false_alarms_per_1000=pytest.approx(1000 * 3 / 40),
        alarms_per_1000=pytest.approx(1000 * 8 / 40),
        alarms_per_day=pytest.approx(5 / (40 / 24)),  # flagged: 2-3, 7, 11, 29-30, 33-34
        seconds=found.seconds,
        learned=found.learned,
    )  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path, rows: list[FrontierRow]) -> None:
    rows.append(FrontierRow("dspot", "full", "1", 0.0, "NA", 0, False, "no tail, 'sorry'"))
    written = write_rows(tmp_path / "table.csv", rows)
    pd.testing.assert_frame_equal(read_rows(tmp_path / "table.csv"), written.astype({"missed_events": float}))


@pytest.mark.parametrize("content", ["", "method,f1\nours,1\n", "a file of something else"])
def test_another_table_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(InputError, match=r"table\.csv is not the table of a frontier"):
        read_rows(tmp_path / "table.csv")


def test_a_table_of_before_says_how_to_make_it_anew(tmp_path: Path, rows: list[FrontierRow]) -> None:
    write_rows(tmp_path / "table.csv", rows).drop(columns="composite_f1").to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(InputError, match="has no composite_f1; make it again with `adt frontier`"):
        read_rows(tmp_path / "table.csv")


def test_labels_that_never_come_stand_last_in_every_panel(tmp_path: Path, rows: list[FrontierRow]) -> None:
    table = write_rows(tmp_path / "table.csv", reversed(rows))
    assert set(settings_of(table)) == {("full", 0.0), ("full", 0.1), ("alerts", 0.0)}
    for feedback, noise in settings_of(table):
        assert list(over_delays(panel(table, feedback, noise)).mean.columns) == ["1", "10", "never"]
    full = over_delays(panel(table, "full", 0.0))
    assert list(full.mean.index) == ["static", "ours", "persistence(d)"]
    assert full.mean.loc["persistence(d)"].tolist() == pytest.approx([0.5, 0.2, float("nan")], nan_ok=True)


def test_a_method_that_is_only_called_like_a_copy_is_none(tmp_path: Path, rows: list[FrontierRow]) -> None:
    table = write_rows(tmp_path / "table.csv", [*rows, row("persistence(mine)", "full", "1", 0.9)])
    assert over_delays(panel(table, "full", 0.0)).mean.loc["persistence(mine)", "1"] == 0.9


def test_the_mean_is_over_series_and_the_deviation_over_seeds(tmp_path: Path, rows: list[FrontierRow]) -> None:
    full = over_delays(panel(write_rows(tmp_path / "table.csv", rows), "full", 0.0))
    assert full.mean.loc["ours"].tolist() == pytest.approx([0.7, 0.6, 0.3])
    assert full.deviation.loc["ours"].tolist() == pytest.approx([0.2 / 2**0.5] * 2 + [0.0])  # 0.6 and 0.8 at delay 1


def test_a_method_that_fails_on_a_series_has_no_mean(tmp_path: Path, rows: list[FrontierRow]) -> None:
    broken = [replace(one, f1=float("nan")) if one.method == "static" and one.series == "b" else one for one in rows]
    full = over_delays(panel(write_rows(tmp_path / "table.csv", broken), "full", 0.0)).mean
    assert full.loc["static"].isna().all()
    assert full.loc["ours"].notna().all()


def test_a_detection_delay_is_over_the_series_with_a_found_event(tmp_path: Path) -> None:
    rows = [
        row("ours", "full", "1", 0.5, series, detection_delay=delay)
        for series, delay in (("a", 4), ("b", float("nan")))
    ]
    table = write_rows(tmp_path / "table.csv", rows)
    assert over_delays(panel(table, "full", 0.0), "detection_delay").mean.loc["ours", "1"] == 4
