from pathlib import Path

import pytest

from adt_gym.files import replacing_folder

MARKER = "config.json"


def write_run(path: Path, text: str) -> None:
    with replacing_folder(path, MARKER) as temporary:
        (temporary / MARKER).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_appears_whole_and_under_its_own_name(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    with replacing_folder(run, MARKER) as temporary:
        assert not any(temporary.iterdir())
        (temporary / MARKER).write_text("{}")
        assert not run.exists()
    assert contents(tmp_path) == {"runs/one/config.json": "{}"}
    assert list(run.parent.iterdir()) == [run]


def test_our_own_folder_is_replaced_with_nothing_of_the_old_one_left(tmp_path: Path) -> None:
    run = tmp_path / "one"
    write_run(run, "old")
    (run / "extra.csv").touch()
    write_run(run, "new")
    assert contents(tmp_path) == {"one/config.json": "new"}


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_run(tmp_path / "one", "new")
    assert contents(tmp_path) == {"one/config.json": "new"}


@pytest.mark.parametrize("foreign", ["one/thesis.tex", "one"])
def test_what_is_not_ours_is_not_replaced(tmp_path: Path, foreign: str) -> None:
    file = tmp_path / foreign
    file.parent.mkdir(exist_ok=True)
    file.write_text("years of work")
    with pytest.raises(FileExistsError, match=r"one exists and holds no config\.json"):
        write_run(tmp_path / "one", "new")
    assert contents(tmp_path) == {foreign: "years of work"}


@pytest.mark.parametrize("old", ["old", None])
def test_a_failure_leaves_no_trace(tmp_path: Path, old: str | None) -> None:
    if old is not None:
        write_run(tmp_path / "one", old)

    def fail() -> None:
        with replacing_folder(tmp_path / "one", MARKER) as temporary:
            (temporary / MARKER).write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(tmp_path) == ({} if old is None else {"one/config.json": old})
    assert len(list(tmp_path.iterdir())) == (0 if old is None else 1)
