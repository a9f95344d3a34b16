import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adt_gym.files import TEMPORARY
from adt_gym.folders import WORK, Folder, check_file, is_whole, own_file, own_folder, run_name
from adt_gym.written import LOG

NAMES = ("config.json", "table.csv")
MOVES = """
import os, signal, sys
from pathlib import Path
from adt_gym.folders import own_folder
with own_folder(sys.argv[1], "run") as own:
    with own.part("whole") as part:
        for name in ("a.csv", "b.csv", "c.csv"):
            (part / name).write_text("new")
    replace, moved = os.replace, []
    def dying(source, target):
        if Path(target).name == "b.csv":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
    os.replace = dying
    own.move_in({"whole": ""})
"""

HALF = """
import os, signal, sys
from adt_gym.folders import own_folder
with own_folder(sys.argv[1], "run") as own, own.part("seed-1") as part:
    (part / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LOG
    }


def fill(folder: Folder, files: dict[str, str]) -> None:
    with folder.part("whole") as part:
        for name, text in files.items():
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_text(text)
    folder.move_in({"whole": ""})


def write_run(path: Path, text: str = "new", kind: str = "run") -> None:
    with own_folder(path, kind, NAMES) as folder:
        fill(folder, {"config.json": text, "seed-1/table.csv": text})


# What is ours


def test_a_folder_is_filled_at_the_end_and_holds_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    with own_folder(run, "run") as folder, folder.part("whole") as part:
        (part / "config.json").write_text("{}")
        inode = (part / "config.json").stat().st_ino
        assert not (run / "config.json").exists()
    with own_folder(run, "run") as folder:
        folder.move_in({"whole": ""})
    assert {path.name for path in run.iterdir()} == {"config.json", LOG}
    assert (run / "config.json").stat().st_ino == inode, "files are moved, not copied"


def test_made_again_ours_is_replaced_and_all_else_is_kept(tmp_path: Path) -> None:
    run = tmp_path / "one"
    write_run(run, "old")
    (run / "notes.md").write_text("mine")
    (run / "seed-1" / "thoughts.txt").write_text("mine")
    with own_folder(run, "run", NAMES) as folder:
        fill(folder, {"config.json": "new"})
    assert contents(run) == {"config.json": "new", "notes.md": "mine", "seed-1/thoughts.txt": "mine"}
    write_run(run, "third")
    with own_folder(run, "run", NAMES) as folder:
        fill(folder, {"config.json": "new"})
    (run / "seed-1" / "thoughts.txt").unlink()
    write_run(run)
    with own_folder(run, "run", NAMES) as folder:
        fill(folder, {"config.json": "new"})
    assert not (run / "seed-1").exists(), "a folder of ours that is empty goes too"


@pytest.mark.parametrize("file", ["config.json", "thesis.tex", ".git/HEAD", "runs/one/config.json"])
def test_no_file_makes_a_folder_ours_but_the_log(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("years of work")
    with pytest.raises(FileExistsError, match=r"did not make it .* move it away or choose another name \(--out\)"):
        write_run(tmp_path)
    assert contents(tmp_path) == {file: "years of work"}
    assert not (tmp_path / LOG).exists()


@pytest.mark.parametrize("text", ["", "mine\n", "[]\n", '{"adt_gym": "run"}\n', '"run"\n'])
def test_a_log_is_known_by_what_it_says(tmp_path: Path, text: str) -> None:
    (tmp_path / LOG).write_text(text)
    with pytest.raises(FileExistsError, match="not a log of ours"):
        write_run(tmp_path)
    assert (tmp_path / LOG).read_text() == text


def test_the_folder_of_another_command_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "one", kind="sweep")
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match="a folder of adt sweep, not of adt run"):
        write_run(tmp_path / "one")
    assert contents(tmp_path) == before


def test_a_default_folder_does_not_take_the_results_of_something_else(tmp_path: Path) -> None:
    for about in ("a/server.csv", "a/server.csv"):
        with own_folder(tmp_path / "server", "run", about=about, given=False) as folder:
            fill(folder, {"table.csv": about})
    with (
        pytest.raises(FileExistsError, match=r"results of a/server\.csv, not of b/server\.csv"),
        own_folder(tmp_path / "server", "run", about="b/server.csv", given=False),
    ):
        pass
    with own_folder(tmp_path / "server", "run", about="b/server.csv") as folder:
        fill(folder, {"table.csv": "b"})
    assert contents(tmp_path / "server") == {"table.csv": "b"}


@pytest.mark.parametrize("how", ["new", "changed", "linked", "folder", "linked folder"])
def test_what_is_not_as_we_wrote_it_is_refused_before_any_work(tmp_path: Path, how: str) -> None:
    run, mine = tmp_path / "one", tmp_path / "mine"
    write_run(run, "old")
    mine.mkdir()
    (mine / "table.csv").write_text("old")
    name = "table.csv" if how == "new" else "seed-1/table.csv"
    if how in ("new", "changed"):
        (run / name).write_text("mine")
    elif how == "linked":
        (run / name).unlink()
        (run / name).symlink_to(mine / "table.csv")
    elif how == "folder":
        (run / name).unlink()
        (run / name).mkdir()
    else:
        (run / name).unlink()
        (run / "seed-1").rmdir()
        (run / "seed-1").symlink_to(mine)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match="move it away"), own_folder(run, "run", [name]):
        pytest.fail("work was begun")
    with own_folder(run, "run") as folder, pytest.raises(FileExistsError, match="move it away"):
        fill(folder, {name: "new"})
    assert {name: text for name, text in contents(tmp_path).items() if WORK not in name} == before


def test_a_forged_log_reaches_nothing_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    write_run(tmp_path / "one")
    digest = "5a1b36c3a1ecd0dff1db1cbe9d5a8f4d1b5a0b0b0c0f0e0d0c0b0a0908070605"
    with (tmp_path / "one" / LOG).open("a") as file:
        for name in ("../mine.txt", str(tmp_path / "mine.txt")):
            file.write(f'{{"file": "{name}", "sha256": "{digest}", "by": "run"}}\n')
        file.write('{"moving": {"..": ""}, "names": []}\n')
    with own_folder(tmp_path / "one", "run") as folder:
        assert set(folder.log.files) == {"config.json", "seed-1/table.csv"}
        assert folder.log.moving == {}


def test_what_another_command_of_ours_wrote_there_is_kept(tmp_path: Path) -> None:
    write_run(tmp_path / "one")
    with own_file(tmp_path / "one" / "report.html", "report") as temporary:
        temporary.write_text("page")
    write_run(tmp_path / "one", "third")
    assert contents(tmp_path / "one")["report.html"] == "page"
    with own_file(tmp_path / "one" / "report.html", "report") as temporary:
        temporary.write_text("another")
    assert contents(tmp_path / "one")["report.html"] == "another"


# One file


def test_a_file_of_ours_is_replaced_and_one_of_the_users_is_not(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with own_file(tmp_path / "new" / "x.npz", "score") as temporary:
            temporary.write_text(text)
            inode = temporary.stat().st_ino
        assert (tmp_path / "new" / "x.npz").stat().st_ino == inode, "it is moved, not copied"
    assert contents(tmp_path) == {"new/x.npz": "two"}
    for name in ("x.npz", "mine.npz"):
        (tmp_path / "new" / name).write_text("mine")
        with (
            pytest.raises(FileExistsError, match="move it away"),
            own_file(tmp_path / "new" / name, "score") as temporary,
        ):
            pytest.fail("work was begun")
    assert contents(tmp_path) == {"new/x.npz": "mine", "new/mine.npz": "mine"}


def test_a_file_that_came_while_ours_was_made_is_kept(tmp_path: Path) -> None:
    def be_late() -> None:
        with own_file(tmp_path / "x.npz", "score") as temporary:
            temporary.write_text("ours")
            (tmp_path / "x.npz").write_text("mine")

    with pytest.raises(FileExistsError):
        be_late()
    assert contents(tmp_path) == {"x.npz": "mine"}


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere.npz").symlink_to("missing/x.npz")
    for path in (tmp_path, tmp_path / "file" / "x.npz", tmp_path / "nowhere.npz", tmp_path / ("a" * 256)):
        with pytest.raises(OSError, match=r"folder|link|too long"):
            check_file(path, "score")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "nowhere.npz"}


def test_a_failure_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), own_file(tmp_path / "a" / "b" / "x.npz", "score"):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), own_folder(tmp_path / "c" / "d", "run") as folder, folder.part("x"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


# Links and names


def test_a_link_to_a_folder_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far")
    write_run(tmp_path / "link")
    write_run(tmp_path / "link", "again")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "far")["config.json"] == "again"


@pytest.mark.parametrize("target", ["missing", "file"])
def test_a_link_to_nowhere_or_to_a_file_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match=r"link that leads nowhere|not a folder"):
        write_run(tmp_path / "link")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}
    assert (tmp_path / "file").read_text() == "mine"


def test_the_folder_that_one_is_in_may_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("old", "new"):
        write_run(Path(), text)
    assert contents(tmp_path) == {"config.json": "new", "seed-1/table.csv": "new"}


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    for text in ("old", "new"):
        write_run(tmp_path / ("a" * 255), text)
    with pytest.raises(OSError, match="too long"):
        write_run(tmp_path / ("a" * 256))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("server.1.csv", "server.1"),
        ("data/server.2.csv", "server.2"),
        (".h.csv", "h"),
        ("..csv", "unnamed"),
        ("kubernetes", "kubernetes"),
        ("/", "unnamed"),
        ("folder.d", "folder.d"),
        (".", "here"),
        ("folder.d/..", "here"),
    ],
)
def test_a_run_is_called_by_the_whole_name_of_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str
) -> None:
    (tmp_path / "here" / "folder.d").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert run_name(source) == name


# Other processes


def test_two_processes_do_not_write_in_one_folder(tmp_path: Path) -> None:
    with own_folder(tmp_path / "one", "run") as folder:
        with pytest.raises(FileExistsError, match="another process is writing in"):
            write_run(tmp_path / "one")
        fill(folder, {"config.json": "first"})
    write_run(tmp_path / "one", "second")
    assert contents(tmp_path / "one")["config.json"] == "second"


def test_a_move_that_was_killed_is_told_and_finished_by_the_next(tmp_path: Path) -> None:
    with own_folder(tmp_path / "one", "run") as folder:
        fill(folder, {"a.csv": "old", "b.csv": "old", "stale.csv": "old"})
    killed = subprocess.run([sys.executable, "-c", MOVES, str(tmp_path / "one")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "one" / "a.csv").read_text() == "new"
    assert (tmp_path / "one" / "b.csv").read_text() == "old"
    assert not is_whole(tmp_path / "one")
    with own_folder(tmp_path / "one", "run"):
        assert contents(tmp_path / "one") == {"a.csv": "new", "b.csv": "new", "c.csv": "new"}
    assert is_whole(tmp_path / "one")


def test_only_finished_parts_outlive_their_process(tmp_path: Path) -> None:
    with own_folder(tmp_path / "one", "run") as folder:
        with folder.part("seed-0") as part:
            (part / "table.csv").write_text("kept")
        (folder.path / f"{TEMPORARY}of-another-machine-1").touch()
    killed = subprocess.run([sys.executable, "-c", HALF, str(tmp_path / "one")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "one").glob(f"{TEMPORARY}*/half"))) == 1
    with own_folder(tmp_path / "one", "run") as folder:
        assert os.listdir(folder.work) == ["seed-0"]
        assert {path.name for path in folder.path.iterdir()} == {LOG, WORK, f"{TEMPORARY}of-another-machine-1"}
        folder.move_in({"seed-0": ""})
        assert (tmp_path / "one" / "table.csv").read_text() == "kept"
    assert not (tmp_path / "one" / WORK).exists()


def test_a_line_that_was_cut_off_does_not_spoil_the_log(tmp_path: Path) -> None:
    write_run(tmp_path / "one")
    with (tmp_path / "one" / LOG).open("a") as file:
        file.write('{"file": "half')
    with own_folder(tmp_path / "one", "run") as folder, folder.writing("more.csv") as temporary:
        temporary.write_text("more")
    with own_folder(tmp_path / "one", "run", ["config.json", "more.csv"]) as folder:
        assert {"config.json", "more.csv"} <= set(folder.log.files)


# What a kill, a user or a forger may do between two runs


@pytest.mark.parametrize("name", ["notes.md", ".notes.md", "ideas/notes.md", ".ideas/notes.md"])
def test_what_the_user_keeps_among_what_is_unfinished_is_refused(tmp_path: Path, name: str) -> None:
    with own_folder(tmp_path / "run", "run") as folder, folder.part("whole") as part:
        (part / "a.csv").write_text("new")
    mine = tmp_path / "run" / WORK / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with (
        pytest.raises(FileExistsError, match=f"{name.split('/')[0]} exists and adt did not write it"),
        own_folder(tmp_path / "run", "run") as folder,
    ):
        folder.move_in({"whole": ""})
    assert mine.read_text() == "mine"
    mine.unlink()
    if mine.parent.name != WORK:
        mine.parent.rmdir()
    with own_folder(tmp_path / "run", "run") as folder:
        folder.move_in({"whole": ""})
    assert contents(tmp_path / "run") == {"a.csv": "new"}


def test_a_scratch_folder_is_gone_at_the_end_also_of_a_failure(tmp_path: Path) -> None:
    with own_folder(tmp_path / "run", "run") as folder:
        with folder.scratch() as scratch:
            (scratch / "a.npz").touch()
        with pytest.raises(KeyboardInterrupt), folder.scratch():
            raise KeyboardInterrupt
        assert {path.name for path in folder.path.iterdir()} == {LOG}


def killed_in_the_move(run: Path) -> None:
    subprocess.run([sys.executable, "-c", MOVES, str(run)], check=False)
    assert {path.name for path in run.iterdir()} == {LOG, WORK, "a.csv"}


def test_what_the_user_wrote_into_a_half_moved_folder_is_kept(tmp_path: Path) -> None:
    killed_in_the_move(tmp_path / "run")
    (tmp_path / "run" / "a.csv").write_text("new, and my notes")
    with own_folder(tmp_path / "run", "run"):
        pass
    assert contents(tmp_path / "run") == {"a.csv": "new, and my notes", "b.csv": "new", "c.csv": "new"}
    with (
        pytest.raises(FileExistsError, match=r"a\.csv exists and adt did not write it"),
        own_folder(tmp_path / "run", "run", ["a.csv"]),
    ):
        pass


def test_a_file_that_was_removed_from_a_half_moved_folder_stops_nothing(tmp_path: Path) -> None:
    killed_in_the_move(tmp_path / "run")
    (tmp_path / "run" / "a.csv").unlink()
    with own_folder(tmp_path / "run", "run", ["a.csv"]) as folder:
        fill(folder, {"a.csv": "third"})
    assert contents(tmp_path / "run")["a.csv"] == "third"


def test_a_part_that_was_never_moved_is_made_again(tmp_path: Path) -> None:
    with own_folder(tmp_path / "run", "run") as folder, folder.part("whole") as part:
        (part / "a.csv").write_text("old")
    with own_folder(tmp_path / "run", "run") as folder:
        fill(folder, {"a.csv": "new"})
    assert contents(tmp_path / "run") == {"a.csv": "new"}
    assert not (tmp_path / "run" / WORK).exists()


def test_links_in_the_place_of_our_files_lead_to_nothing_written(tmp_path: Path) -> None:
    home, run = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    (home / ".ssh").write_text("key")
    write_run(run)
    (run / WORK).symlink_to(home)
    with pytest.raises(FileExistsError, match="is a link"), own_folder(run, "run", NAMES):
        pass
    (run / WORK).unlink()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / LOG).symlink_to(home / ".ssh")
    with pytest.raises(FileExistsError, match="not a log of ours but a link"), own_file(tmp_path / "folder/x", "score"):
        pass
    assert contents(home) == {".ssh": "key"}


@pytest.mark.parametrize("target", ["", "link"])
def test_a_forged_move_replaces_nothing_of_the_users(tmp_path: Path, target: str) -> None:
    run, victim = tmp_path / "run", tmp_path / "victim"
    write_run(run)
    victim.mkdir()
    for place in (run, victim):
        (place / "notes.md").write_text("mine")
    (run / "link").symlink_to(victim)
    (run / WORK / "p").mkdir(parents=True)
    (run / WORK / "p" / "notes.md").write_text("attacker")
    name = f"{target}/notes.md".lstrip("/")
    with (run / LOG).open("a") as file:
        file.write(json.dumps({"part": "p"}) + "\n")
        file.write(json.dumps({"moving": {"p": target}, "names": [name]}) + "\n")
    with pytest.raises(FileExistsError, match=r"notes\.md"), own_folder(run, "run"):
        pass
    assert (run / "notes.md").read_text() == (victim / "notes.md").read_text() == "mine"


@pytest.mark.parametrize(
    "line", ["[" * 200_000, '{"moving": {"a": "\\ud800"}, "names": ["\\ud800"]}', "5", '{"file": 5}']
)
def test_lines_that_are_none_are_passed_over_and_a_first_one_refused(tmp_path: Path, line: str) -> None:
    write_run(tmp_path / "run")
    with (tmp_path / "run" / LOG).open("a") as file:
        file.write(line + "\n")
    write_run(tmp_path / "run", "again")
    (tmp_path / "run" / LOG).write_text(line + "\n")
    with pytest.raises(FileExistsError, match="is not a log of ours"), own_folder(tmp_path / "run", "run"):
        pass


def test_a_file_of_another_command_of_ours_is_kept(tmp_path: Path) -> None:
    write_run(tmp_path / "run", "settings")
    with pytest.raises(FileExistsError, match="belongs to what another adt command wrote"):
        check_file(tmp_path / "run" / "config.json", "evaluate")
    with own_file(tmp_path / "run" / "report.html", "report") as path:
        path.write_text("page")
    check_file(tmp_path / "run" / "report.html", "report")


def test_a_home_that_only_a_shell_knows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileExistsError, match="only a shell reads ~"), own_folder("~", "run"):
        pass
    assert not list(tmp_path.iterdir())
