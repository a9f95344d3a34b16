"""The back-test beside the service, which share their loop, and beside `replay`, which does not."""

import csv
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from streams import MINUTE, PAST, START, values
from typer.testing import CliRunner

from adt_gym import Series, scoring, thresholds
from adt_gym.live.backtest import Task, Told, backtest
from adt_gym.live.config import Config, parse
from adt_gym.live.points import Shard
from adt_gym.live.service import watch
from adt_gym.live.state import State
from adt_gym.scripts.__main__ import app
from adt_gym.spreadsheet import read_csv
from adt_gym.stream.feedback import feedback_of
from adt_gym.stream.replay import replay

POINTS, WINDOW = PAST + 200, 5
CONFIG = f"""
[service]
listen = "127.0.0.1:0"
[source]
kind = "file"
path = "points.csv"
past = "{PAST}m"
min_past = 50
[model]
window = {WINDOW}
label_delay = 3
[alerts]
keep_firing = "2m"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Config:
    """Three series of two metrics in a file, and what is true of them."""
    with (tmp_path / "points.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time", "series", "cpu", "memory"])
        each = [values(i, POINTS, 2) for i in range(3)]
        for i in range(POINTS):
            for name, given in zip("abc", each, strict=True):
                table.writerow([START // 1000 + 60 * i, name, *map(repr, given[i].tolist())])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["series", "start", "end", "verdict"])
        for start in range(PAST + 20, POINTS, 60):
            table.writerow(["*", *(START // 1000 + 60 * at for at in (start, start + 5)), "true"])
    (tmp_path / "watch.toml").write_text(CONFIG)
    return parse(CONFIG, folder=tmp_path)


def test_the_service_and_the_back_test_decide_the_same(rules: Config) -> None:
    watch(rules, Shard(), lambda address: None, Event())
    outcome = backtest(Task(rules, Told(), None, None))
    assert sorted(one.key for one in outcome.series) == [f'points{{series="{name}"}}' for name in "abc"]
    with State(rules.path("adt-watch.sqlite")) as state:
        for row in state.series():
            judged = [kept for kept in state.points(row.id) if kept.t is not None]
            (history,) = [one for one in outcome.series if one.key == row.found.key]
            assert history.times.tolist() == [kept.time for kept in judged]
            assert history.votes.tolist() == [kept.votes for kept in judged]
            assert history.scores.tolist() == [kept.score for kept in judged]
            assert history.thresholds.tolist() == [kept.threshold for kept in judged]
        assert [one.body() for one in reversed(state.alerts())] == [one.body() for one in outcome.alerts]
    assert outcome.alerts
    assert outcome.told == 0


@pytest.mark.parametrize("kind", ["alerts", "full", "none"])
@pytest.mark.parametrize("method", ["pretrained", "persistence"])
def test_labels_are_told_as_in_the_comparison(rules: Config, method: str, kind: str) -> None:
    rules = replace(rules, model=replace(rules.model, method=method, feedback=kind))
    outcome = backtest(Task(rules, Told(rules.path("labels.csv"), kind, 3), None, None))
    events = np.zeros(POINTS, bool)
    for start in range(PAST + 20, POINTS, 60):
        events[start : start + 6] = True
    told = 0
    for i, one in enumerate(outcome.series):
        times = np.array([START + k * MINUTE for k in range(POINTS)], "M8[ms]")
        given = values(i, POINTS, 2)
        past = Series(given[:PAST], index=times[:PAST])
        scorer = scoring.make("pca", window=WINDOW, scaling="tail").fit([past])
        judged = slice(PAST - WINDOW + 1, None)  # the first window ends with the first point after the past
        scored = scorer.score(Series(given[judged], events[judged], index=times[judged]), past)
        feedback = feedback_of(kind, 3)
        expected = replay(thresholds.make(method, feedback=kind, delay=3), scored, feedback)
        np.testing.assert_array_equal(one.labels, scored.labels)
        np.testing.assert_allclose(one.scores, scored.scores, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(one.votes > 0, expected.decisions)
        told += {"none": 0, "full": len(scored) - 3, "alerts": int(expected.decisions[:-3].sum())}[kind]
    assert outcome.told == told


def test_shards_come_to_what_one_comes_to(rules: Config) -> None:
    whole = backtest(Task(rules, Told(), None, None))
    parts = [backtest(Task(rules, Told(), None, None, Shard(number, 2))) for number in (1, 2)]
    assert sorted(one.key for part in parts for one in part.series) == sorted(one.key for one in whole.series)
    assert sorted(one.id for part in parts for one in part.alerts) == sorted(one.id for one in whole.alerts)
    assert all(part.series for part in parts)


def test_a_stretch_of_time_is_what_a_service_started_then_would_have_judged(rules: Config) -> None:
    start, end = START + (PAST + 30) * MINUTE, START + (PAST + 90) * MINUTE
    outcome = backtest(Task(rules, Told(), start, end))
    for one in outcome.series:
        assert one.times.tolist() == list(range(start, end, MINUTE))


def test_the_command_leaves_alerts_series_hours_and_with_labels_the_truth(rules: Config, tmp_path: Path) -> None:
    command = ["backtest", str(tmp_path / "watch.toml"), "--labels", str(tmp_path / "labels.csv"), "--label-delay", "3"]
    out = tmp_path / "out"
    result = CliRunner().invoke(app, [*command, "--shards", "2", "--jobs", "1", "--out", str(out)])
    assert result.exit_code == 0, result.output
    outcome = backtest(Task(rules, Told(tmp_path / "labels.csv", "alerts", 3), None, None))
    fired = sorted((one for one in outcome.alerts if one.fired is not None), key=lambda one: (one.started, one.id))
    assert f"would have fired {len(fired)} alerts" in result.output
    with (out / "alerts.csv").open(newline="") as file:
        assert [row["series"] for row in csv.DictReader(file) if row["fired"]] == [one.key for one in fired]
    with (out / "hours.csv").open(newline="") as file:
        assert sum(int(row["alerts"]) for row in csv.DictReader(file)) == len(fired)
    with (out / "series.csv").open(newline="") as file:
        assert sum(int(row["alerts"]) for row in csv.DictReader(file)) == len(fired)
    with (out / "table.csv").open(newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert [*rows] == ["adt watch", "persistence(3)", "always", "never", "random", "static (test labels)"]
    flags = np.concatenate([one.votes > 0 for one in outcome.series])
    truth = np.concatenate([one.labels for one in outcome.series if one.labels is not None])
    assert float(rows["adt watch"]["precision"]) == pytest.approx((flags & truth).sum() / flags.sum())
    assert float(rows["adt watch"]["recall"]) == pytest.approx((flags & truth).sum() / truth.sum())
    assert (out / "report.html").stat().st_size > 10_000
    assert json.loads((out / "config.json").read_text())["settings"]["told"]["delay"] == 3
    again = CliRunner().invoke(app, [*command, "--shards", "2", "--jobs", "1", "--out", str(out)])
    assert "2 of 2 cells were finished before" in again.output


def test_without_labels_there_is_a_page_and_no_truth(rules: Config, tmp_path: Path) -> None:
    config, out = tmp_path / "watch.toml", tmp_path / "out"
    config.write_text(CONFIG + '[[sinks]]\nkind = "webhook"\nurl = "http://127.0.0.1:1/a-secret"\n')
    for words in (["--labels", str(tmp_path / "labels.csv")], []):
        result = CliRunner().invoke(app, ["backtest", str(config), "--out", str(out), *words])
        assert result.exit_code == 0, result.output
        page = (out / "report.html").read_text(encoding="utf-8")
        assert ("Truth table" in page) == (out / "table.csv").exists() == bool(words)
        assert "a-secret" not in page + (out / "config.json").read_text()
    with (out / "alerts.csv").open(newline="") as file:
        alerts = list(csv.DictReader(file))
    assert page.count("data-alert=") == len(alerts) > 0
    assert all(set(row["metrics"].split()) <= {"cpu", "memory"} for row in alerts)
    (out / "report.html").unlink()
    assert CliRunner().invoke(app, ["report", str(out)]).exit_code == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page


def test_on_ray_the_same_files_come_of_it(rules: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    for out, words in (("here", ["--jobs", "1"]), ("there", ["--ray", "local", "--jobs", "1"])):
        command = ["backtest", str(tmp_path / "watch.toml"), "--labels", str(tmp_path / "labels.csv"), "--shards", "2"]
        result = CliRunner().invoke(app, [*command, *words, "--out", str(tmp_path / out)])
        assert result.exit_code == 0, result.output
    one, other = ({path.name: path for path in (tmp_path / out).glob("*.*")} for out in ("here", "there"))
    assert set(one) == set(other) >= {"alerts.csv", "scores-test.npz", "detections.npz", "table.csv"}
    for name in ("alerts.csv", "series.csv", "hours.csv"):
        assert one[name].read_bytes() == other[name].read_bytes()
    tables = [[row[:-1] for row in read_csv(each["table.csv"])[1]] for each in (one, other)]  # but for the seconds
    assert tables[0] == tables[1]
    for name in ("scores-test.npz", "detections.npz"):
        with np.load(one[name]) as arrays, np.load(other[name]) as others:
            assert arrays.files == others.files
            for array in arrays.files:
                np.testing.assert_array_equal(arrays[array], others[array])


def test_what_cannot_be_back_tested_is_said(rules: Config, tmp_path: Path) -> None:
    config, run = tmp_path / "watch.toml", CliRunner()
    for text, words, says in (
        (CONFIG, ["--labels", str(tmp_path / "none.csv")], "none.csv is not there"),
        ('[source]\nkind = "stdin"\n', [], "name a --file"),
        ('[[series]]\nname = "a"\nquery = "b"\n', [], "say with --start since when"),
        (CONFIG, ["--start", "yesterday"], "is no time"),
    ):
        config.write_text(text)
        result = run.invoke(app, ["backtest", str(config), "--out", str(tmp_path / "out"), *words])
        assert result.exit_code != 0
        assert says in (result.output + str(result.exception))
    assert not (tmp_path / "out").exists()


def test_where_nothing_is_judged_or_fires_it_says_so(rules: Config, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        command = ["backtest", str(tmp_path / "watch.toml"), "--out", str(tmp_path / "out"), *words]
        found = CliRunner().invoke(app, command)
        assert found.exit_code == 0, found.output
        return " ".join(found.output.split())

    assert "no point is there" in said("--start", "2030-01-01T00:00:00Z", "--end", "2030-01-02T00:00:00Z")
    (tmp_path / "watch.toml").write_text(CONFIG.replace("[source]", '[source]\nstep = "20s"'))
    assert "is source.step the time between two of them?" in said()
    (tmp_path / "watch.toml").write_text(CONFIG.replace("[model]", '[model]\nmethod = "never"'))
    assert "would have fired 0 alerts" in said()


def test_no_secret_of_the_config_is_in_the_results(rules: Config, tmp_path: Path) -> None:
    more = '[[sinks]]\nkind = "webhook"\nurl = "https://hooks/hunter2"\n'
    more += '[labels]\nalertmanager = "http://me:hunter2@alerts:9093/hunter2"\n'
    source = '[source]\nurl = "http://me:hunter2@metrics:9090/?token=hunter2"'
    (tmp_path / "watch.toml").write_text(CONFIG.replace("[source]", source) + more)
    found = CliRunner().invoke(app, ["backtest", str(tmp_path / "watch.toml"), "--out", str(tmp_path / "out")])
    assert found.exit_code == 0, found.output
    files = [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
    assert not [one.name for one in files if b"hunter2" in one.read_bytes()]
    assert "http://metrics:9090" in (tmp_path / "out" / "config.json").read_text()
