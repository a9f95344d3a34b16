import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from inline import in_this_process
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score
from typer.testing import CliRunner, Result

import adt_gym
from adt_gym import Series, scoring
from adt_gym.data.yahoo_like import yahoo_like
from adt_gym.experiments.shares import Share, on_ray, score_share
from adt_gym.scored_files import load_scored
from adt_gym.scoring import SIMPLE
from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scripts.__main__ import app
from adt_gym.series import InputError, ScoredSeries

PACKAGED = Path(adt_gym.__file__).parent / "data" / "yahoo_like.npz"


def score(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_packaged_scores_are_made_again(tmp_path: Path) -> None:
    result = score("yahoo_like", "--out", tmp_path / "again.npz", "--cache", tmp_path / "cache")
    assert result.exit_code == 0, result.output
    made, packaged = load_scored(tmp_path / "again.npz"), load_scored(PACKAGED)
    assert len(made) == len(packaged) == 67
    for one, other in zip(made, packaged, strict=True):
        assert (one.name, one.meta) == (other.name, other.meta)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.index, other.index)
        np.testing.assert_allclose(one.scores, other.scores, rtol=0, atol=1e-3, err_msg=one.name)
    assert (tmp_path / "again.npz").stat().st_size < 500_000


def test_the_packaged_file_is_small_and_belongs_to_the_packaged_series() -> None:
    assert PACKAGED.stat().st_size < 500_000
    for scored, series in zip(load_scored(PACKAGED), yahoo_like(), strict=True):
        assert scored.name == series.name
        np.testing.assert_array_equal(scored.labels, series.window_labels(10))
        assert series.index is not None
        np.testing.assert_array_equal(scored.index, series.index[9:])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table of one series."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "pump.csv")
    return tmp_path


def write_csv(path: Path, points: int = 120, height: float = 3) -> Series:
    labels = np.isin(np.arange(points), (30, 31, 90))
    values = np.sin(np.arange(points) / 5) + height * labels
    rows = [f"{value:.6f},{int(label)}" for value, label in zip(values, labels, strict=True)]
    path.write_text("load,label\n" + "\n".join(rows) + "\n")
    return Series([float(row.split(",")[0]) for row in rows], labels, path.stem)


def test_the_whole_series_is_scored_by_what_its_training_part_taught(tmp_path: Path) -> None:
    series = write_csv(tmp_path / "pump.csv")
    result = score(
        tmp_path / "pump.csv", "--window", 5, "--train-until", 60, "--epochs", 2, "--seed", 3, "--out",
        tmp_path / "new" / "pump.npz", "--cache", tmp_path / "cache",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    scored = ScoredSeries.load(tmp_path / "new" / "pump.npz")
    expected = AutoEncoder(window=5, epochs=2, seed=3, double=True).fit([series[:60]]).score(series)
    np.testing.assert_allclose(scored.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(scored.labels, series.window_labels(5))
    assert scored.meta["trained_on_points"] == 60
    assert "1 scored series, 116 windows" in result.output


@pytest.mark.parametrize(("options", "points"), [((), 60), (("--train-share", 0.25), 30), (("--train-until", 80), 80)])
def test_what_nobody_has_labelled_is_scored_and_no_table_says_what_for(
    here: Path, options: tuple[object, ...], points: int
) -> None:
    write_csv(here / "pump.csv")
    rows = (line.split(",")[0] for line in (here / "pump.csv").read_text().splitlines())
    (here / "dark.csv").write_text("\n".join(rows) + "\n")
    series = Series(np.loadtxt(here / "dark.csv", skiprows=1), name="dark")
    result = score("dark.csv", "--scorer", "pca", "--window", 5, *options, "--out", "dark.npz")
    assert result.exit_code == 0, result.output
    scored = ScoredSeries.load("dark.npz")
    scorer = scoring.make("pca", window=5).fit([series[:points]])
    np.testing.assert_array_equal(scored.scores, scorer.score(series, series[:points]).scores)
    assert scored.labels is None
    assert scored.meta["trained_on_points"] == points
    assert "label     none" in result.output
    assert "persistence" not in result.output
    assert "no labels are known" in result.output


@pytest.mark.parametrize("name", ["run", "compare-scorers"])
def test_without_labels_there_is_nothing_to_evaluate_on(here: Path, name: str) -> None:
    (here / "pump.csv").write_text("load\n" + "\n".join(f"{np.sin(i):.6f}" for i in range(120)) + "\n")
    result = CliRunner().invoke(app, [name, "pump.csv"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line == (
        "Error: pump.csv has no labels, so that there is nothing to evaluate on: name their column (--label-column) or "
        "give a file of anomalous windows (--windows)"
    )
    assert [path.name for path in here.iterdir()] == ["pump.csv"]


def test_the_table_holds_what_every_scorer_must_be_held_against(here: Path) -> None:
    output = score("pump.csv", "--train-until", 60, "--epochs", 1, "--out", "one.npz").output
    saw = {
        line.split()[0]: line.split()[1]
        for line in output.splitlines()
        if len(line.split()) == 11 and line[0] == " " != line[1]
    }
    assert saw == {"persistence(1)": "yes"} | dict.fromkeys(("autoencoder", *SIMPLE, "random", "always", "never"), "no")


@pytest.mark.parametrize("gap", [False, True], ids=["no gap", "a gap"])
def test_windows_that_cross_the_cut_neither_teach_nor_count(here: Path, gap: bool) -> None:
    window, cut, row = 8, 60, np.arange(120)
    labels = np.isin(row, (30, 31, 60, 61, 90))
    values = np.sin(row / 5) + np.select([row < 50, labels], [3 * labels, -1])
    times = pd.date_range("2020-01-01", periods=120, freq="h") + pd.Timedelta(days=3) * (gap & (row >= 45))
    table = pd.DataFrame({"when": times, "load": values, "label": labels.astype(int)})
    table.to_csv("pump.csv", index=False)
    result = score(
        "pump.csv", "--scorer", "isolation", "--window", window, "--train-until", cut, "--time-column", "when",
        "--all", "--out", "one.npz",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (scored,) = load_scored("one.npz")
    last = np.searchsorted(times, scored.index)  # the row of each window's last point
    train, test, crossing = last < cut, last - window + 1 >= cut, (last >= cut) & (last - window + 1 < cut)
    assert (train.sum(), test.sum(), crossing.sum()) == (53 - 7 * gap, 53, 7)

    def best_threshold(some: NDArray[np.bool_]) -> float:
        """Return the middle between the lowest score flagged at the best F1 and the next lower one."""
        scores, truth = scored.scores[some], scored.labels[some]
        *_, lowest = max((f1_score(truth, scores >= cut), cut) for cut in scores)
        return float(lowest + max(scores[scores < lowest])) / 2

    threshold, truth = best_threshold(train), scored.labels[test]
    assert f"{threshold:.3f}" != f"{best_threshold(train | crossing):.3f}", "they would have taught something else"
    flagged = scored.scores[test] > threshold
    rows = [line.split() for line in result.output.splitlines()]
    leading, counts = ({row[0]: row[1:] for row in rows if len(row) == cells} for cells in (11, 9))
    assert f"pump: {len(truth)} windows that no training saw" in result.output
    assert leading["isolation"][-2] == f"{threshold:.3f}"
    before = np.append(False, truth[:-1])
    for method, decisions in (("isolation", flagged), ("persistence(1)", before), ("always", np.ones(53, dtype=bool))):
        tn, fp, fn, tp = confusion_matrix(truth, decisions).ravel().tolist()
        assert counts[method][:4] == [str(count) for count in (tp, fp, fn, tn)]
        assert leading[method][2] == f"{f1_score(truth, decisions):.3f}"


@pytest.mark.parametrize("scorer", ["autoencoder", "isolation"])
def test_the_second_time_the_scores_come_from_the_cache(
    here: Path, monkeypatch: pytest.MonkeyPatch, scorer: str
) -> None:
    epochs = ("--epochs", 1) if scorer == "autoencoder" else ()
    asked = ("pump.csv", "--scorer", scorer, "--train-until", 60, *epochs)
    first = score(*asked, "--out", "one.npz")
    assert "come from the cache" not in first.output
    with monkeypatch.context() as patched:
        patched.setattr("adt_gym.experiments.scorers.fit", lambda *_: pytest.fail("fitted again"))
        second = score(*asked, "--out", "two.npz")
        assert second.exit_code == 0, second.output
    assert "come from the cache" in second.output
    assert Path("one.npz").read_bytes() == Path("two.npz").read_bytes()
    write_csv(here / "pump.csv", height=4)
    assert "come from the cache" not in score(*asked, "--out", "three.npz").output


def test_the_seed_makes_the_generated_series(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def load(name: str, **options: object) -> list[Series]:
        asked.append(options)
        return [write_csv(here / "kubernetes.csv")]

    monkeypatch.setattr("adt_gym.data.load", load)
    for seed in (0, 3):
        assert score("kubernetes", "--scorer", "isolation", "--seed", seed, "--out", "one.npz").exit_code == 0
    assert asked == [{"seed": 0}, {"seed": 3}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pump.csv", "--out", "scores.csv"), "scores.csv: scored series are kept in .npz files"),
        (("pump.csv", "--out", "s.npz", "--train-anomalies", 500), "fewer than the 500 to train on"),
        (("missing.csv", "--out", "s.npz"), "no table at missing.csv"),
        (("nonesuch", "--out", "s.npz"), "unknown source 'nonesuch'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(here: Path, arguments: tuple[object, ...], message: str) -> None:
    result = score("--epochs", 1, "--train-anomalies", 5, *arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert [path.name for path in here.iterdir()] == ["pump.csv"]


def test_on_ray_the_same_scores_come_of_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more series than shards, each with a past of its own, and from there into the cache."""
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    random = np.random.default_rng(0)
    Path("fleet").mkdir()
    for name in "abcde":
        arrays = {"train": random.normal(size=(200, 2)), "test": random.normal(size=(150, 2))}
        np.savez(f"fleet/{name}.npz", **arrays, test_label=np.arange(150) % 50 < 5)
    words = ("fleet", "--epochs", 1)
    assert score(*words, "--out", "here.npz", "--cache", "one").exit_code == 0
    result = score(*words, "--out", "there.npz", "--cache", "other", "--ray", "local", "--shards", 3)
    assert result.exit_code == 0, result.output + repr(result.exception)
    assert Path("here.npz").read_bytes() == Path("there.npz").read_bytes()
    assert "from the cache" in score(*words, "--out", "again.npz", "--cache", "other", "--ray", "nowhere:1").output


def test_what_cannot_be_scored_there_is_said_as_here(tmp_path: Path) -> None:
    series = Series(np.sin(np.arange(60.0)), name="pump")
    scoring.make("pca", window=10).fit([series]).save(tmp_path / "scorer.npz")
    short = Share(0, (tmp_path / "scorer.npz").read_bytes(), ((series[:5], None),))
    for share, says in ((Share(0, b"none", ()), "scorer.npz"), (short, "has 5 points, fewer than one window of 10")):
        error = score_share(share)
        assert isinstance(error, InputError)
        assert says in str(error)


def test_what_is_warned_of_there_is_heard_here(monkeypatch: pytest.MonkeyPatch) -> None:
    series = Series(np.sin(np.arange(60.0)), name="pump")
    scorer = scoring.make("pca", window=10).fit([series])
    monkeypatch.setattr(type(scorer), "score", lambda *_: warnings.warn("the members disagree", stacklevel=2))
    monkeypatch.setattr("adt_gym.experiments.shares.ray_tasks", lambda work, jobs, _: in_this_process(work, jobs))
    with on_ray("local", 1, 2) as score_there, pytest.warns(UserWarning, match="the members disagree"):
        assert score_there(scorer, [(series, None)] * 3) == [None] * 3
