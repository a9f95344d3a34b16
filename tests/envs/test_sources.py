"""What a path stands for is what lies there now."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from adt_gym.envs.sources import resolve
from adt_gym.series import InputError, ScoredSeries

MakeSeries = Callable[..., ScoredSeries]


def names(source: Any) -> list[str]:
    return [one.name for one in resolve(source)]


def assert_is_read(source: str | Path, *series: ScoredSeries) -> None:
    env = gym.make("ADT-v0", series=source)
    read = env.unwrapped.mdp.series  # type: ignore[attr-defined]
    assert [one.name for one in read] == [one.name for one in series]
    for one, other in zip(read, series, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("kept", ["nothing", "time", "file"])
def test_a_file_replaced_by_one_of_equal_size_is_read_anew(tmp_path: Path, make_series: MakeSeries, kept: str) -> None:
    path, other = tmp_path / "a.npz", tmp_path / "b.npz"
    old, new = (ScoredSeries(np.full(20, score), np.zeros(20, dtype=bool), "one") for score in (0.25, 0.75))
    old.save(path)
    new.save(other)
    assert path.stat().st_size == other.stat().st_size
    assert_is_read(path, old)
    before = path.stat()
    if kept == "file":
        path.write_bytes(other.read_bytes())
    else:
        os.replace(other, path)
    if kept != "nothing":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert_is_read(path, new)


def test_a_folder_is_what_is_in_it_now(tmp_path: Path, make_series: MakeSeries) -> None:
    one, two = replace(make_series(20, 1), name="one"), replace(make_series(30, 2), name="two")
    one.save(tmp_path / "a.npz")
    assert_is_read(tmp_path, one)
    two.save(tmp_path / "b.npz")
    assert_is_read(tmp_path, one, two)
    two.save(tmp_path / "a.npz")
    with pytest.raises(InputError, match="two series are called 'two'"):
        resolve(tmp_path)
    (tmp_path / "b.npz").unlink()
    assert_is_read(tmp_path, two)
    (tmp_path / "a.npz").rename(tmp_path / "c.npz")
    assert_is_read(tmp_path, two)
    (tmp_path / "c.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"no \.npz files"):
        resolve(tmp_path)


def test_a_file_that_is_gone_is_not_there(tmp_path: Path, make_series: MakeSeries) -> None:
    make_series(20).save(tmp_path / "a.npz")
    resolve(tmp_path / "a.npz")
    (tmp_path / "a.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.npz"):
        resolve(tmp_path / "a.npz")


def test_hidden_files_of_a_folder_are_not_read(tmp_path: Path, make_series: MakeSeries) -> None:
    make_series(20, 1).save(tmp_path / "a.npz")
    make_series(20, 2).save(tmp_path / ".a.123.npz")
    (tmp_path / "._a.npz").write_bytes(b"what another system left")
    assert names(tmp_path) == ["random_1"]


def test_a_relative_path_is_of_the_folder_that_is_worked_in(
    tmp_path: Path, make_series: MakeSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i, name in enumerate(("one", "two")):
        (tmp_path / name / "scores").mkdir(parents=True)
        for path in ("a.npz", "scores/a.npz"):
            make_series(20, i).save(tmp_path / name / path)
    for source in ("a.npz", "scores", "./a.npz"):
        for i, name in enumerate(("one", "two")):
            monkeypatch.chdir(tmp_path / name)
            assert names(source) == [f"random_{i}"]


def test_what_stayed_the_same_is_read_once(tmp_path: Path, make_series: MakeSeries) -> None:
    make_series(20).save(tmp_path / "a.npz")
    first = resolve(tmp_path / "a.npz")
    assert resolve(str(tmp_path / "a.npz")) is first
    assert resolve("yahoo_like_1")[0] is resolve(None)[0]
    envs = [gym.make("ADT-v0", series=tmp_path / "a.npz").unwrapped for _ in range(2)]
    assert envs[0].mdp is envs[1].mdp  # type: ignore[attr-defined]


# Several sources, and how an EnvSpec holds them


def test_names_paths_and_series_mix(tmp_path: Path, make_series: MakeSeries) -> None:
    files = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for i, path in enumerate(files):
        make_series(20, i).save(path)
    sources = ["yahoo_like_2", files[0], str(files[1]), make_series(20, 5)]
    for given in (sources, tuple(sources)):
        assert names(given) == ["yahoo_like_2", "random_0", "random_1", "random_5"]


@pytest.mark.parametrize("make_env", [gym.make, partial(gym.make_vec, num_envs=2)], ids=["scalar", "vector"])
@pytest.mark.parametrize("env_id", ["ADT-v0", "ADT-Context-v0", "mo-adt-v0"])
def test_a_spec_of_paths_and_several_sources_survives_json(
    make_env: Callable[..., Any], env_id: str, tmp_path: Path, make_series: MakeSeries
) -> None:
    make_series(20).save(tmp_path / "a.npz")
    for source in (
        tmp_path / "a.npz",
        tmp_path,
        ("yahoo_like_1", "yahoo_like_4"),
        ["yahoo_like_1", tmp_path / "a.npz"],
    ):
        spec = make_env(env_id, series=source).spec
        read = EnvSpec.from_json(spec.to_json())
        assert read == spec
        again = make_env(read) if make_env is gym.make else gym.make_vec(read)
        assert [one.name for one in again.unwrapped.mdp.series] == names(source)
        assert again.spec == spec


def test_a_spec_of_series_keeps_them(several: list[ScoredSeries]) -> None:
    spec = gym.make("ADT-v0", series=several).spec
    assert spec is not None
    assert spec.kwargs["series"] == several


@pytest.mark.parametrize("make_env", [gym.make, partial(gym.make_vec, num_envs=2)], ids=["scalar", "vector"])
def test_two_series_of_one_name_are_refused(make_env: Callable[..., Any], make_series: MakeSeries) -> None:
    series = make_series(60)
    for source in ([series[:30], series[30:]], ["yahoo_like_1", "yahoo_like_1"], ["yahoo_like", "yahoo_like_7"]):
        with pytest.raises(InputError, match=r"two series are called '(random_0|yahoo_like_[17])': leave one out or"):
            make_env("ADT-v0", series=source)
    make_env("ADT-v0", series=[series[:30], replace(series[30:], name="later")])
