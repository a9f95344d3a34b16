"""What every command makes of a source: the options, the block that is printed, the cut in pieces."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from adt_gym import data
from adt_gym.data.sources import SourceSettings, load
from adt_gym.evaluation.split import cut as split
from adt_gym.experiments.servers import Scoring, read_servers, score
from adt_gym.report.source import in_options
from adt_gym.scripts import commands
from adt_gym.scripts.__main__ import app
from adt_gym.series import InputError, ScoredSeries, Series

READERS = ("run", "score", "compare-scorers", "frontier")
POINTS = 600
LABEL = np.isin(np.arange(POINTS) % 60, (40, 41, 42)).astype(int)


def pump(**columns: object) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=POINTS, freq="min"),
            "flow": random.normal(0, 1, POINTS) + 6 * LABEL,
            "label": LABEL,
        }
    )
    return frame.assign(**columns)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table of one series."""
    monkeypatch.chdir(tmp_path)
    pump().to_csv("pump.csv", index=False)
    return tmp_path


def command(name: str, *words: object) -> Result:
    """Call a command that reads a source, quickly."""
    quick = {"run": ("--episodes", 5), "score": ("--out", "scores.npz"), "compare-scorers": ("--scorer", "isolation")}
    given = [*map(str, words)]
    if name == "frontier":
        given = ["--train", *given, "--seeds", "1", "--jobs", "1", "--episodes", "3"]
    scorer = () if name == "compare-scorers" else ("--scorer", "isolation")
    return CliRunner().invoke(app, [name, *given, *map(str, quick.get(name, ())), *scorer])


# Options


@pytest.mark.parametrize("name", READERS)
def test_all_commands_take_the_same_options(name: str) -> None:
    taken = {one for each in commands.load(name).params for one in each.opts}
    options = {f"--{one.name.replace('_', '-')}" for one in fields(SourceSettings) if one.name != "source"}
    assert options <= taken


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--delimiter", ""), "--delimiter is empty"),
        (("--label-column", ""), "--label-column is empty"),
        (("--drop-columns", "pump"), "pump.csv has no column 'pump'"),
        (("--decimal", ";"), "--decimal ';': the decimal mark is '.' or ','"),
        (("--train-until", 200, "--train-share", 0.5), "give one of the two"),
        (("--delimiter", ";"), "give --delimiter ','"),
        (("--windows", "nowhere.json"), "no anomalous windows at nowhere.json|no anomaly windows at nowhere.json"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused_by_every_command(
    here: Path, name: str, words: tuple[object, ...], message: str
) -> None:
    result = command(name, "pump.csv", *words)
    assert result.exit_code == 2, result.output + repr(result.exception)
    (line,) = result.stderr.splitlines()
    assert re.search(message, line)
    assert not list(here.rglob("*.npz"))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "words",
    [
        ("--window", 0),
        ("--train-anomalies", 0),
        ("--max-gap", -1),
        *(("--train-share", share) for share in (0, 1, "nan")),
    ],
    ids=str,
)  # fmt: skip
def test_numbers_out_of_range_are_refused_by_every_command(here: Path, name: str, words: tuple[object, ...]) -> None:
    result = command(name, "pump.csv", *words)
    assert result.exit_code == 2
    assert words[0] in result.stderr


def test_an_option_that_means_nothing_for_a_source_is_refused(here: Path) -> None:
    for source in ("yahoo_like", "kubernetes"):
        with pytest.raises(InputError, match=f"value_columns= means nothing for {source}"):
            load(SourceSettings(source, value_columns=("flow",)))
    np.savez("server.npz", train=np.zeros(30), test=np.arange(30.0), test_label=np.arange(30) % 7 == 0)
    with pytest.raises(InputError, match=r"time_column= means nothing for server\.npz"):
        load(SourceSettings("server.npz", time_column="time"))
    with pytest.raises(InputError, match="source is empty"):
        load(SourceSettings(""))


def test_a_data_set_of_ones_own_that_needs_no_root_is_a_source(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def own(points: int = 60) -> list[Series]:
        return [Series(np.arange(points, dtype=float), np.arange(points) % 9 == 0, "own")]

    monkeypatch.setattr(data.registry, "_entries", dict(data.registry._entries))
    data.register("own", own)
    assert len(load(SourceSettings("own")).series[0]) == 60
    with pytest.raises(InputError, match="time_column= means nothing for own"):
        load(SourceSettings("own", time_column="time"))


def test_messages_name_the_options_of_the_command_line() -> None:
    assert in_options("give delimiter='\\t', or raise max_gap=2, or name value_columns=") == (
        "give --delimiter '\\t', or raise --max-gap 2, or name --value-columns"
    )
    assert in_options("column 'max_gap' in /data/max_gap.csv: label_column or windows") == (
        "column 'max_gap' in /data/max_gap.csv: --label-column or windows"
    )


def test_several_sources_of_a_frontier_are_read_with_one_set_of_options(here: Path) -> None:
    for name in ("a", "b"):
        pump(noise=np.arange(POINTS) % 7).to_csv(f"{name}.csv", index=False, sep=";")
    options = SourceSettings("", delimiter=";", drop_columns=("noise",), window=5, train_share=0.3)
    servers = read_servers(["a.csv", "b.csv"], options)
    assert [server.judged.columns for server in servers] == [("flow",)] * 2
    assert [len(server.normal) for server in servers] == [180, 180]
    scores = score(Scoring(servers[0], "isolation", None, 0, here / "cache", options.window))
    assert len(scores) == POINTS - 180 - 5 + 1


# The block


@pytest.mark.parametrize("name", ["run", "score", "compare-scorers"])
def test_what_a_table_was_taken_for_is_printed_first_and_kept(here: Path, name: str) -> None:
    wide = pump(host="web-1", id=range(POINTS), load="1,5", flat=3, outlier=LABEL)
    wide["load"] = [f"{i % 7},5" for i in range(POINTS)]
    wide.to_csv("pump.csv", index=False)
    result = command(name, "pump.csv", "--train-anomalies", 40)
    assert result.exit_code == 0, result.output + repr(result.exception)
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[:5] == [
        "pump.csv: 1 series, 600 points",
        "time      time",
        "label     label: 1 is anomalous (5.00% of the points are anomalous)",
        "metrics   flow, load (decimal comma)",
        "not used  outlier (a label, beside 'label'), host (text), id (row numbers), flat (constant)",
    ]
    if name != "score":
        (config,) = Path("runs").rglob("config.json")
        kept = json.loads(config.read_text())["source"]["columns"]
        assert (kept["time"], kept["label"], kept["metrics"]) == (["time"], "label", ["flow", "load"])
        assert kept["unused"]["host"] == "text"


def test_other_sources_have_a_short_block(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(SourceSettings("yahoo_like"))
    np.savez("server.npz", train=np.zeros((30, 2)), test=np.ones((30, 2)), test_label=np.arange(30) % 7 == 0)
    summary = load(SourceSettings("server.npz")).summary
    assert (summary.series, summary.points, summary.columns.metrics) == (2, 60, ("value_0", "value_1"))


@pytest.mark.parametrize("name", ["train", "training", "train-7"])
def test_a_table_may_be_called_train(here: Path, name: str) -> None:
    Path("pump.csv").rename(f"{name}.csv")
    settings = SourceSettings(f"{name}.csv")
    cut = split(settings, load(settings).series)
    assert (len(cut.train), len(cut.test), cut.history) == (1, 1, [])


@pytest.mark.parametrize("names", [("train", "test", "pump"), ("train", "train1", "train-station"), ("test", "a", "b")])
def test_what_is_called_train_or_test_is_ordinary_data(here: Path, names: tuple[str, ...]) -> None:
    tables = [pump(flow=pump()["flow"] + i) for i in range(3)]
    Path("fleet").mkdir()
    for name, frame in zip(names, tables, strict=True):
        frame.to_csv(f"fleet/{name}.csv", index=False)
    pd.concat([frame.assign(key=name) for name, frame in zip(names, tables, strict=True)]).to_csv("k.csv", index=False)
    for settings in (SourceSettings("fleet"), SourceSettings("k.csv", key_column="key")):
        series = load(settings).series
        cut = split(settings, series)
        assert {one.name.rpartition("/")[2] for one in series} == set(names)
        assert (len(cut.train), len(cut.test), cut.history) == (3, 3, [])
    np.savez("train.npz", train=np.zeros(300), test=np.arange(300.0), test_label=np.arange(300) % 97 == 90)
    settings = SourceSettings("train.npz")
    cut = split(settings, load(settings).series)
    assert [one.values.max() for one in cut.history] == [0]
    assert [one.values[0, 0] for one in cut.train] == [0]
    assert {one.name for one in (*cut.history, *cut.train, *cut.test)} == {"train"}


def test_a_folder_ignores_hidden_files_and_holds_one_kind(here: Path) -> None:
    Path("fleet").mkdir()
    arrays = {"train": np.zeros(30), "test": np.arange(30.0), "test_label": np.arange(30) % 7 == 0}
    np.savez("fleet/a.npz", **arrays)
    Path("fleet/.b.npz").write_text("junk")
    assert [one.name for one in load(SourceSettings("fleet")).series] == ["a", "a"]
    Path("fleet/c.csv").write_text("junk")
    with pytest.raises(InputError, match=r"both a\.npz and c\.csv"):
        load(SourceSettings("fleet"))


# Gaps


def gappy(*cuts: int) -> pd.DataFrame:
    """The pump with an hour missing before each of these rows."""
    late = np.isin(np.arange(POINTS), cuts).cumsum()
    return pump(time=pump()["time"] + pd.to_timedelta(late, "h"))


@pytest.mark.filterwarnings("ignore:gaps in time")
def test_both_parts_know_their_gaps_unless_they_are_allowed(here: Path) -> None:
    gappy(100, 330, 335).to_csv("pump.csv", index=False)
    settings = SourceSettings("pump.csv", train_until="200")
    cut = split(settings, load(settings).series)
    assert [one.breaks.tolist() for one in (*cut.train, *cut.test)] == [[100], [130, 135]]
    settings = SourceSettings("pump.csv", train_until="200", allow_gaps=True)
    cut = split(settings, load(settings).series)
    assert [one.breaks.tolist() for one in (*cut.train, *cut.test)] == [[], []]


@pytest.mark.filterwarnings("ignore:gaps in time")
def test_where_every_window_spans_a_gap_the_remedy_works(here: Path) -> None:
    gappy(*range(8, POINTS, 8)).to_csv("pump.csv", index=False)
    result = command("compare-scorers", "pump.csv", "--train-until", 200)
    assert result.exit_code == 2
    assert "each of its windows of 10 points spans a gap" in result.stderr
    assert "--allow-gaps" in result.stderr
    assert command("compare-scorers", "pump.csv", "--allow-gaps").exit_code == 0


@pytest.mark.filterwarnings("ignore:gaps in time")
def test_scores_are_those_of_the_windows_that_span_no_gap(here: Path) -> None:
    gappy(100, 330).to_csv("pump.csv", index=False)
    result = command("score", "pump.csv", "--train-until", 200)
    assert result.exit_code == 0, result.output + repr(result.exception)
    scored = ScoredSeries.load("scores.npz")
    (series,) = load(SourceSettings("pump.csv")).series
    ends = [row for row in range(9, POINTS) if not any(row - 9 < cut <= row for cut in (100, 330))]
    np.testing.assert_array_equal(scored.index, series.index[ends])
    np.testing.assert_array_equal(scored.labels, [series.labels[row - 9 : row + 1].any() for row in ends])
    trained = scored[: scored.meta["trained_on_points"] - 9]
    assert len(trained) == sum(row < 200 for row in ends)
    assert trained.index[-1] == series.index[199]


@pytest.mark.filterwarnings("ignore:gaps in time")
def test_a_run_over_a_gap(here: Path) -> None:
    gappy(100, 330).to_csv("pump.csv", index=False)
    result = command("run", "pump.csv", "--train-until", 200)
    assert result.exit_code == 0, result.output + repr(result.exception)
    assert "gaps      2 in time, 18 windows that span one left out" in result.output
    windows = (130 - 9) + (270 - 9)
    assert f"pump: {windows:,} windows that no training saw" in result.output


@pytest.mark.parametrize("until", ["2024-10-27T02:30", "2024-10-27T03:00"])
@pytest.mark.filterwarnings("ignore:rows of an hour")
def test_the_training_part_ends_at_the_first_such_time_in_the_hour_that_repeats(here: Path, until: str) -> None:
    start = pd.Timestamp("2024-10-26 21:00", tz="Europe/Berlin")
    local = pd.date_range(start, periods=POINTS, freq="min").tz_localize(None)
    pump(time=local).to_csv("pump.csv", index=False)
    settings = SourceSettings("pump.csv", train_until=until)
    (first,) = split(settings, load(settings).series).train
    assert len(first) == int(np.argmax(local >= pd.Timestamp(until)))
