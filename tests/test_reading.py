import json
import math
import os
import resource
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from adt_gym.checks import InputError
from adt_gym.reading import MAX_DEPTH, MAX_JSON, SMALL_NPZ, as_dataclass, open_npz, parse_json, read_json

GIGABYTE = 1 << 30


@pytest.fixture
def little_memory() -> Any:
    """Let the test have a gigabyte more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GIGABYTE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


# JSON


def test_json_is_read(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, True, "é😀"], "b": {}}
    (tmp_path / "x.json").write_text(json.dumps(value))
    assert read_json(tmp_path / "x.json", "a thing") == value


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"{]", b"\x00", b"\xff\xfe{}", b"\x80", b"nonsense", b'{"a": NaN}', b"[Infinity]", b"[-Infinity]",
        b"1e999", b"[-1e999]", b'"\\ud800"', b'{"\\udfff": 1}', b'{"a": {"b": ["\\ud83d x"]}}', b"9" * 5000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b"[" * 10**6, b'{"a":' * 10**5 + b"1" + b"}" * 10**5,
        b"[" + b"0," * MAX_JSON + b"0]",
    ],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
@pytest.mark.usefixtures("little_memory")
def test_hostile_json_is_one_line_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"^.*x\.json is not the config\.json of a run: [^\n]+$"):
        read_json(tmp_path / "x.json", "the config.json of a run")


def test_measurements_may_be_nan_but_never_infinite() -> None:
    assert math.isnan(parse_json("[NaN]", "it is bad", nan=True)[0])
    for text in ("[Infinity]", "[1e999]"):
        with pytest.raises(InputError, match="it is bad"):
            parse_json(text, "it is bad", nan=True)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: None], ids=["fifo", "folder", "nothing"])
@pytest.mark.parametrize("read", [read_json, lambda *given: open_npz(*given).__enter__()], ids=["json", "npz"])
def test_what_is_no_file_is_named_at_once(
    tmp_path: Path, make: Callable[[Path], object], read: Callable[..., object]
) -> None:
    make(tmp_path / "x")
    with pytest.raises(FileNotFoundError, match="x, a thing, is not there or is no file"):
        read(tmp_path / "x", "a thing")


# Settings


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    n: int = 1


@dataclass(frozen=True)
class Outer:
    n: int
    x: float = 0.5
    on: bool = False
    word: str = "a"
    maybe: int | None = None
    widths: tuple[int, ...] = ()
    pair: tuple[str, int] = ("a", 1)
    rows: list[Inner] = field(default_factory=list)
    by_name: Mapping[str, float] = field(default_factory=dict)
    inner: Inner = Inner()
    colour: Colour = Colour.RED
    kind: Literal["full", "none"] = "full"
    either: str | tuple[float, ...] = "a"
    anything: Any = None
    made: int = field(init=False, default=7)

    def __post_init__(self) -> None:
        if self.n < 0:
            raise InputError(f"n must be at least 0, got {self.n}")


def test_settings_have_the_types_of_their_class() -> None:
    given = {
        "n": 2, "x": 1, "on": True, "maybe": 3, "widths": [4, 5], "pair": ["b", 2], "rows": [{"n": 3}, {}],
        "by_name": {"a": 1}, "inner": {"n": 4}, "colour": "red", "kind": "none", "either": [1, 2],
        "anything": {"a": []},
    }  # fmt: skip
    expected = Outer(
        2, 1.0, True, "a", 3, (4, 5), ("b", 2), [Inner(3), Inner()], {"a": 1.0}, Inner(4), Colour.RED, "none",
        (1.0, 2.0), {"a": []},
    )  # fmt: skip
    assert as_dataclass(Outer, given, "bad") == expected
    assert as_dataclass(Outer, {"n": 2, "either": "b", "maybe": None}, "bad") == Outer(2, either="b")


WRONG = [
    ("n", 2.0), ("n", True), ("n", "2"), ("n", None), ("n", [2]), ("n", {}), ("n", 10**40), ("n", -1),
    ("x", "1"), ("x", True), ("x", None), ("x", 10**400), ("on", 1), ("on", "true"), ("word", 1), ("word", None),
    ("maybe", 1.5), ("maybe", "no"), ("widths", 4), ("widths", ["a"]), ("widths", {"0": 1}), ("pair", ["a"]),
    ("pair", [1, "a"]), ("rows", [1]), ("rows", [{"n": "a"}]), ("rows", [{"m": 1}]), ("by_name", []),
    ("by_name", {"a": "b"}), ("inner", 1), ("inner", {"n": 1.5}), ("colour", "blue"), ("colour", 1),
    ("kind", "some"), ("kind", []), ("either", 1), ("made", 7), ("unheard_of", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_a_field_of_another_type_is_named(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"^run is bad: {name}[^\n]* (must|unknown)[^\n]*$"):
        as_dataclass(Outer, {"n": 1, name: value}, "run is bad")


@pytest.mark.parametrize("value", [None, [], "a", 3, {}], ids=str)
def test_what_are_no_settings_or_lack_one(value: Any) -> None:
    with pytest.raises(InputError, match=r"^run is bad: (it must be an object|n is missing)"):
        as_dataclass(Outer, value, "run is bad")


# Arrays


def test_arrays_are_read(tmp_path: Path) -> None:
    given = {
        "a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.empty((0, 4)), "d": np.eye(3).T,
        "e": np.array(["2020-01-01"], "datetime64[s]"), "f": np.zeros(10**6, dtype=bool),
    }  # fmt: skip
    for name, save in (("x.npz", np.savez), ("y.npz", np.savez_compressed)):
        save(tmp_path / name, **given)
        with open_npz(tmp_path / name, "a file of things") as arrays:
            assert sorted(arrays) == sorted(given)
            for key, value in given.items():
                np.testing.assert_array_equal(arrays[key], value)


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def write_member(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scores.npy", content)


CLAIMS = {
    "10 GB": header("(2684354560,)"),
    "10^15 numbers": header("(10**15,)".replace("10**15", str(10**15))) + b"\0" * 8,
    "more than 2^64": header(f"({2**40}, {2**40})"),
    "fewer bytes": header("(4,)") + b"\0" * 15,
    "more bytes": header("(4,)") + b"\0" * 17,
    "nothing, often": header(f"({10**12},)", "<U0"),
    "a wide text": header("()", "<U999999999"),
    "below nothing": header("(-4, -1)") + b"\0" * 16,
    "objects": header("(2,)", "|O") + b"\0" * 16,
    "nested": header("(" * 500 + ")" * 500),
    "no shape": header("'a'"),
    "no type": header("(4,)", "elephant") + b"\0" * 16,
    "no header": b"\x93NUMPY\x01\x00",
    "a version": b"\x93NUMPY\x07\x00" + header("(4,)")[8:] + b"\0" * 16,
    "no array": b"scores",
    "empty": b"",
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.usefixtures("little_memory")
def test_what_an_array_claims_is_never_believed(tmp_path: Path, claim: str) -> None:
    write_member(tmp_path / "x.npz", CLAIMS[claim])
    with (
        pytest.raises(InputError, match=r"^.*x\.npz is not a file of things: [^\n]+$"),
        open_npz(tmp_path / "x.npz", "a file of things") as arrays,
    ):
        arrays["scores"]


def test_a_small_file_cannot_unpack_to_a_huge_one(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, scores=np.broadcast_to(np.float32(0), SMALL_NPZ // 4))
    assert path.stat().st_size < SMALL_NPZ // 500
    with pytest.raises(InputError, match="too many for a file of its size"), open_npz(path, "a file of things"):
        pass


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)], ids=repr)
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with (
        pytest.raises(InputError, match=r"x\.npz is not a file of things"),
        open_npz(tmp_path / "x.npz", "a file of things") as arrays,
    ):
        arrays["scores"]


def test_every_cut_and_every_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "good.npz", scores=np.arange(4), header=np.array('{"a": 1}'))
    good = (tmp_path / "good.npz").read_bytes()
    path = tmp_path / "x.npz"
    for place in range(0, len(good), 3):
        for bad in (good[:place], good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]):
            path.write_bytes(bad)
            with suppress(InputError), open_npz(path, "a file of things") as arrays:
                parse_json(str(arrays["header"]), "bad")
                arrays["scores"].sum()
