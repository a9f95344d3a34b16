"""`adt leaderboard` and `adt zoo`: what they replace, and what they say when something is missing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from adt_gym.scripts.__main__ import app

ENTRIES = Path(__file__).parents[2] / "docs" / "leaderboard"


@pytest.mark.parametrize(
    "words", [("leaderboard", "page", "--board", str(ENTRIES), "--out"), ("zoo", "film", "--out")], ids=["page", "film"]
)
def test_what_adt_did_not_write_stays(words: tuple[str, ...], tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    result = CliRunner().invoke(app, [*words, str(mine)])
    assert result.exit_code == 2
    assert "mine.txt exists and adt did not write it" in result.output.replace("\n", "")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("mine.txt", "mine")]


def test_hyper_parameters_of_ones_own_stay(tmp_path: Path) -> None:
    mine = tmp_path / "dqn.yml"
    mine.write_text("mine: 1")
    result = CliRunner().invoke(app, ["zoo", "tune", "dqn", "--files", str(tmp_path)])
    assert result.exit_code == 2
    assert mine.read_text() == "mine: 1"


def test_a_page_is_made_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for _ in range(2):
        result = CliRunner().invoke(app, ["leaderboard", "page", "--board", str(ENTRIES), "--out", str(page)])
        assert result.exit_code == 0, result.output
    assert page.read_text() == (ENTRIES.parent / "leaderboard.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["leaderboard"], "no entries in docs/leaderboard: they are in docs/leaderboard of a checkout"),
        (["leaderboard", "page"], "no entries in docs/leaderboard"),
        (["zoo", "train", "--algorithm", "nope"], "unknown algorithm 'nope'; known: dqn"),
        (["zoo", "train", "--condition", "nope"], "unknown condition 'nope'; known: full-1"),
        (["zoo", "train", "--algorithm", "dqn"], "no hyper-parameters at zoo/hyperparams/dqn.yml"),
        (["zoo", "tune", "nope"], "unknown algorithm 'nope'; known: dqn"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_left(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert said in result.output
    assert not list(tmp_path.iterdir())
