from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import adt_gym
from adt_gym import Series
from adt_gym.data.yahoo_like import yahoo_like
from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scripts.__main__ import app
from adt_gym.series import ScoredSeries, load_scored

PACKAGED = Path(adt_gym.__file__).parent / "data" / "yahoo_like.npz"


def score(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_packaged_scores_are_made_again(tmp_path: Path) -> None:
    result = score("yahoo_like", "--out", tmp_path / "again.npz")
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
        np.testing.assert_array_equal(scored.index, series.window_index(10))


def write_csv(path: Path, points: int = 120) -> Series:
    labels = np.isin(np.arange(points), (30, 31, 90))
    values = np.sin(np.arange(points) / 5) + 3 * labels
    rows = [f"{value:.6f},{int(label)}" for value, label in zip(values, labels, strict=True)]
    path.write_text("load,label\n" + "\n".join(rows) + "\n")
    return Series([float(row.split(",")[0]) for row in rows], labels, path.stem)


def test_the_whole_series_is_scored_by_what_its_training_part_taught(tmp_path: Path) -> None:
    series = write_csv(tmp_path / "pump.csv")
    result = score(
        tmp_path / "pump.csv", "--window", 5, "--train-until", 60, "--epochs", 2, "--seed", 3, "--out",
        tmp_path / "new" / "pump.npz",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    scored = ScoredSeries.load(tmp_path / "new" / "pump.npz")
    expected = AutoEncoder(window=5, epochs=2, seed=3, double=True).fit([series[:60]]).score(series)
    np.testing.assert_allclose(scored.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(scored.labels, series.window_labels(5))
    assert scored.meta["trained_on_points"] == 60
    assert "1 scored series, 116 windows" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pump.csv", "--out", "scores.csv"), "scores.csv: scored series are kept in .npz files"),
        (("pump.csv", "--out", "s.npz", "--train-anomalies", 500), "fewer than the 500 to train on"),
        (("missing.csv", "--out", "s.npz"), "no table at missing.csv"),
        (("nonesuch", "--out", "s.npz"), "unknown source 'nonesuch'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "pump.csv")
    result = score("--epochs", 1, "--train-anomalies", 5, *arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["pump.csv"]
