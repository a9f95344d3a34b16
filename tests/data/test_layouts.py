"""Families as their repositories hold them, in small."""

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from adt_gym.data.layouts import LAYOUTS, lay_out
from adt_gym.data.sources import SourceSettings
from adt_gym.experiments.suite import read_families
from adt_gym.scripts.datasets import datasets
from adt_gym.series import InputError

AIOPS = ("05f10d3a-239c-3bef-9bdc-a2feeb0037aa", "0efb375b-b902-3661-ab23-9a0bb799f4e3")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """One folder that is a clone of all of them."""
    for part, rows in (("train", "1,2\n3,4\n"), ("test", "5,6\n7,8\n9,10\n"), ("test_label", "0\n1\n0\n")):
        for where, name in (("ServerMachineDataset", "machine-1-1.txt"), ("dataset/Dataset2", "service7.csv"),
                            ("dataset/Dataset3", "service12.csv")):  # fmt: skip
            (tmp_path / where / part).mkdir(parents=True, exist_ok=True)
            (tmp_path / where / part / name).write_text(rows)
    for name, hours in (("app1-09", (1, 2, 2, 3, 4, 5)), ("app1-10", (1, 2, 3, 4, 6, 5))):
        folder = tmp_path / "data" / "crash-rate"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"2018-07-11 0{hour}:00:00,{10.0 * i},{int(i == 4)}" for i, hour in enumerate(hours)]
        (folder / f"{name}.csv").write_text("\n".join(["TimeStamp,Value,Label", *lines]) + "\n")
        (folder / f"{name}.csv-metadata.json").write_text("{}")
    for i, name in enumerate(AIOPS):
        folder = tmp_path / "UTS" / "AIOPS" / name
        folder.mkdir(parents=True)
        for part, array in (
            ("train", np.arange(4.0)), ("test", np.arange(3.0) + i), ("train_label", np.zeros(4, int)),
            ("test_label", np.array([0, 1, 0])), ("test_timestamp", 1_500_000_000 + 60 * np.arange(3)),
        ):  # fmt: skip
            np.save(folder / f"{part}.npy", array)
    return tmp_path


def arrays(path: Path) -> dict[str, list[object]]:
    with np.load(path) as file:
        return {name: file[name].tolist() for name in file.files}


def test_every_family_becomes_files_that_a_suite_reads(clone: Path) -> None:
    made = {family: lay_out(family, clone, clone / "suite" / family) for family in LAYOUTS}
    assert made == {
        "smd": ["machine-1-1.npz"], "jumpstarter2": ["service-07.npz"], "jumpstarter3": ["service-12.npz"],
        "cloud": ["app1-09.npz", "app1-10.npz"], "kpi": ["kpi-00.npz", "kpi-01.npz"],
    }  # fmt: skip
    for name in ("smd/machine-1-1", "jumpstarter2/service-07", "jumpstarter3/service-12"):
        assert arrays(clone / "suite" / f"{name}.npz") == {
            "train": [[1, 2], [3, 4]], "test": [[5, 6], [7, 8], [9, 10]], "test_label": [False, True, False],
        }  # fmt: skip
    families = read_families(clone / "suite", SourceSettings(""))
    assert {family: len(servers) for family, servers in families.items()} == {
        family: len(names) for family, names in made.items()
    }


def test_the_first_two_fifths_of_a_cloud_series_are_for_its_scorer(clone: Path) -> None:
    lay_out("cloud", clone, clone / "out")
    with np.load(clone / "out" / "app1-09.npz") as file:
        assert file["train"].tolist() == [[0], [10]]
        assert file["test"].tolist() == [[20], [30], [40], [50]]
        assert file["test_label"].tolist() == [False, False, True, False]
        assert [str(one) for one in file["index"]] == [f"2018-07-11T0{hour}:00:00" for hour in (2, 3, 4, 5)]
    assert "index" not in arrays(clone / "out" / "app1-10.npz"), "its times run backwards"


def test_kpis_are_numbered_in_the_order_of_their_names_and_bear_times(clone: Path) -> None:
    lay_out("kpi", clone, clone / "out")
    with np.load(clone / "out" / "kpi-01.npz") as file:
        assert file["test"].tolist() == [[1], [2], [3]]
        assert (np.diff(file["index"]) == np.timedelta64(60, "s")).all()
        assert file["index"][0] == np.datetime64("2017-07-14T02:40:00")


def test_what_is_missing_or_pickled_is_one_clear_error(clone: Path, tmp_path: Path) -> None:
    for family, layout in LAYOUTS.items():
        with pytest.raises(FileNotFoundError, match=r"OmniAnomaly" if family == "smd" else layout.source):
            lay_out(family, tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(InputError, match="family"):
        lay_out("asd", clone, tmp_path / "out")
    pickled = clone / "UTS" / "AIOPS" / AIOPS[1] / "test.npy"
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"test\.npy cannot be read"):
        lay_out("kpi", clone, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_made_and_replaces_nothing_of_others(clone: Path) -> None:
    app = typer.Typer()
    app.command()(datasets)
    words = ["--layout", "cloud", str(clone), str(clone / "out")]
    assert "holds 2 series: app1-09.npz to app1-10.npz" in CliRunner().invoke(app, words).output
    assert CliRunner().invoke(app, words).exit_code == 0, "what it wrote itself is written anew"
    (clone / "mine").mkdir()
    (clone / "mine" / "app1-09.npz").write_bytes(b"mine")
    assert isinstance(CliRunner().invoke(app, [*words[:3], str(clone / "mine")]).exception, FileExistsError)
    assert (clone / "mine" / "app1-09.npz").read_bytes() == b"mine"
