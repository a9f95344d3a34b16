import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.files import TEMPORARY, remove_leftovers, replacing, seal, temporary_in, unsealed, visible

LEAVE = "import sys\nfrom adt_gym.files import replacing\nwith replacing(sys.argv[1]) as t:\n    t.touch()\n    "
KILLED = LEAVE + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
WAITS = LEAVE + "print('ready', flush=True); input()"


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# Replacing


def test_a_file_is_moved_to_its_place_and_not_copied(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".txt"
        assert not (tmp_path / "a.txt").exists()
        inode = temporary.stat().st_ino
    assert (tmp_path / "a.txt").stat().st_ino == inode
    assert hidden(tmp_path) == []


def test_no_reader_sees_a_part_of_a_file(tmp_path: Path) -> None:
    path, size, stop = tmp_path / "a.bin", 4_000_000, threading.Event()
    path.write_bytes(bytes(size))
    seen: set[tuple[int, int]] = set()

    def read() -> None:
        while not stop.is_set():
            content = path.read_bytes()
            seen.add((len(content), len(set(content[:: size // 100]))))

    reader = threading.Thread(target=read)
    reader.start()
    for byte in range(1, 30):
        with replacing(path) as temporary:
            temporary.write_bytes(bytes([byte]) * size)
    stop.set()
    reader.join()
    assert seen == {(size, 1)}


def test_a_failure_leaves_the_file_that_was_there_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def fail() -> None:
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_where_a_link_leads_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link.txt").symlink_to("far/a.txt")
    with replacing(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "far" / "a.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "a." + "b" * 250, "é" * 124 + ".npz"])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as temporary:
        temporary.write_text("new")
        assert len(os.fsencode(temporary.name)) <= 255
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "dead.txt")], check=False)
    living = [sys.executable, "-c", WAITS, str(tmp_path / "living.txt")]
    with subprocess.Popen(living, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (tmp_path / f"{TEMPORARY}of-another-machine-1").touch()
        assert len(hidden(tmp_path)) == 2, "the living one has removed what the dead one left"
        temporary_in(tmp_path)
        assert len(hidden(tmp_path)) == 2
        process.communicate(b"\n")
    assert (tmp_path / "living.txt").exists()


def test_a_process_number_that_is_given_again_does_not_keep_a_leftover(tmp_path: Path) -> None:
    ours = temporary_in(tmp_path)
    ours.touch()
    host, process, _, _ = ours.name.removeprefix(TEMPORARY).split("-")
    (tmp_path / f"{TEMPORARY}{host}-{process}-abc-0").touch()
    remove_leftovers(tmp_path)
    assert hidden(tmp_path) == [ours.name]


def test_what_is_hidden_is_not_found(tmp_path: Path) -> None:
    for name in ("b.npz", "a.npz", ".c.npz", ".work/d.npz", "e/f.npz", "e/.g.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in visible(tmp_path, "**/*.npz")] == [
        "a.npz",
        "b.npz",
        "e/f.npz",
    ]


# Checksums


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "a.npz"
    np.savez(path, numbers=np.arange(5.0), text=np.array("words"))
    seal(path)
    return path


def test_a_sealed_archive_is_still_one(sealed: Path, tmp_path: Path) -> None:
    with np.load(sealed) as direct, np.load(unsealed(sealed)) as checked:
        np.testing.assert_array_equal(direct["numbers"], checked["numbers"])
    assert zipfile.ZipFile(sealed).testzip() is None
    torch.save({"a": torch.ones(3)}, tmp_path / "b.pt")
    seal(tmp_path / "b.pt")
    assert torch.equal(torch.load(unsealed(tmp_path / "b.pt"), weights_only=True)["a"], torch.ones(3))


@given(st.data())
def test_damage_of_any_byte_is_found(sealed: Path, data: st.DataObject) -> None:
    content = bytearray(sealed.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    damaged = sealed.with_name("damaged.npz")
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        unsealed(damaged)


@given(st.integers(0, 2000))
def test_a_file_that_was_cut_off_is_found(sealed: Path, length: int) -> None:
    damaged = sealed.with_name("cut.npz")
    damaged.write_bytes(sealed.read_bytes()[: min(length, sealed.stat().st_size - 1)])
    with pytest.raises(ValueError, match="damaged"):
        unsealed(damaged)


def test_what_is_no_archive_cannot_be_sealed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ValueError, match="no zip archive"):
        seal(tmp_path / "a.txt")
