import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from adt_gym.data.sources import SourceSettings
from adt_gym.experiments.run import RunSettings
from adt_gym.files import visible
from adt_gym.folders import Folder
from adt_gym.scripts.figures import figures
from adt_gym.scripts.report import report
from adt_gym.scripts.run import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run, as the command writes it."""
    here = tmp_path_factory.mktemp("runs")
    flow = np.random.default_rng(0).normal(size=400)
    broken = np.arange(400) % 50 < 5
    rows = [f"{value:.4f},{label:d}" for value, label in zip(flow + 4 * broken, broken, strict=True)]
    (here / "pump.csv").write_text("\n".join(["flow,broken", *rows]))
    run(source=str(here / "pump.csv"), label_column="broken", epochs=1, episodes=20, out=here / "pump")
    return here / "pump"


def test_the_report_of_a_run_is_in_its_folder(folder: Path) -> None:
    report([folder])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<title>pump</title>" in page
    assert all(name in page for name in ("persistence(1)", "static (test labels)", "always", "never", "Learning curve"))


def test_the_report_of_several_runs_goes_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    report([folder, folder], tmp_path / "pages" / "both.html")
    assert (tmp_path / "pages" / "both.html").read_text(encoding="utf-8").count("<article") == 2


def test_a_folder_without_a_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        report([tmp_path])
    assert not any(tmp_path.iterdir())


def test_all_pictures_come_from_one_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    for made in ("runs/reproduce-table2-yahoo_like/table2.png", "benchmarks/learn.png"):
        (tmp_path / made).parent.mkdir(parents=True)
        (tmp_path / made).write_bytes((folder / "detections.png").read_bytes())
    figures(folder, tmp_path / "runs", tmp_path / "benchmarks", tmp_path / "figures")
    names = {path.name for path in visible(tmp_path / "figures", "*")}
    assert names == {"detections.png", "adt-v0.png", "table2-yahoo_like.png", "benchmark-learn.png"}
    frame = matplotlib.image.imread(tmp_path / "figures" / "adt-v0.png")
    assert frame.shape[:2] == (400, 600)
    assert len({tuple(pixel) for pixel in frame.reshape(-1, frame.shape[2])}) > 10


def test_a_run_that_is_not_there_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made: list[Path] = []

    def make(settings: RunSettings, own: Folder, cache: Path) -> None:
        assert settings == RunSettings(source=SourceSettings("yahoo_like"))
        made.append(own.path)
        with own.part("whole") as whole:
            shutil.copytree(folder, whole, dirs_exist_ok=True)
        own.move_in({"whole": ""})

    monkeypatch.setattr("adt_gym.experiments.figures.make_run", make)
    for _ in range(2):
        figures(tmp_path / "new", tmp_path, tmp_path, tmp_path / "figures")
    assert made == [tmp_path / "new"]
