"""Commands on folders whose files were damaged, or made by somebody who means harm: one line, and exit code 2."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from toy_cells import Cell, work
from typer.testing import CliRunner

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.evaluation.detections import load_detections, save_detections
from adt_gym.experiments.cells import run_cells
from adt_gym.experiments.sweep import Measured
from adt_gym.experiments.train import TrainSettings
from adt_gym.folders import own_folder
from adt_gym.reading import as_dataclass
from adt_gym.scored_files import save_scored
from adt_gym.scripts.__main__ import app
from adt_gym.series import Detection, InputError, ScoredSeries

HUGE = 10**12
DAMAGED = [
    "", "{", "null", "[]", "5", '"text"', "{}", "\x00", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 10**5,
    '{"settings":' * 10**4, '{"settings": 5, "command": 5, "versions": 5}',
    '{"kind": 5, "settings": {"what": 1}, "x": -Infinity}',
]  # fmt: skip


def refused(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    return result.output


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scores") / "scored.npz"
    random = np.random.default_rng(0)
    save_scored(path, [ScoredSeries(random.random(60), random.random(60) < 0.3, "one", meta={"a": 1})])
    return path


@pytest.fixture
def trained(tmp_path: Path, scored: Path) -> Path:
    """The folder of a training, as far as `adt evaluate` reads it."""
    folder = tmp_path / "trained"
    folder.mkdir()
    ReferenceDQN(gym.make("ADT-v0", series=str(scored))).save(folder / "policy.npz")
    (folder / "config.json").write_text(json.dumps(asdict(settings(scored))))
    return folder


def settings(scored: Path) -> TrainSettings:
    return TrainSettings(series=str(scored), episodes=5, learning_rate=1e-3, gamma=0.9)


def test_the_folder_is_as_it_should_be(trained: Path, scored: Path) -> None:
    assert CliRunner().invoke(app, ["evaluate", str(trained), "--series", str(scored)]).exit_code == 0


FIELDS: list[tuple[str, tuple[Any, ...]]] = [
    ("agent", (5, None, "sac", [])), ("series", (5, None, ["a"], "no_such", "a" * 5000)),
    ("env", (5, "CartPole-v1", "ADT-v99", "nonsense:x-v0")), ("feedback", (5, "some", [])),
    ("feedback_delay", (0, 1.5, "1", HUGE, None)), ("label_noise", (2, "x", None, [0])),
    ("k", (0, 2.0, True, HUGE, "2", 59)),
    ("hold", (0, 1.5, HUGE, None)), ("alpha", (2, "x", None, {})), ("episodes", (0, 1.5, HUGE, "5")),
    ("learning_rate", (0, -1, "x", None)), ("gamma", (2, "x", None)), ("num_envs", (0, 1.5, HUGE)),
    ("seed", (-1, 0.5, HUGE, "0")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, every in FIELDS for bad in every], ids=str)
def test_a_setting_of_a_training_that_cannot_be(trained: Path, scored: Path, name: str, bad: Any) -> None:
    config = json.loads((trained / "config.json").read_text())
    (trained / "config.json").write_text(json.dumps({**config, name: bad}))
    assert name in refused("evaluate", trained, "--series", scored) or (name, bad) in (("series", "no_such"), ("k", 59))


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:20]))
@pytest.mark.parametrize("command", ["evaluate", "report", "resume"])
def test_a_config_that_cannot_be(trained: Path, scored: Path, command: str, content: str) -> None:
    (trained / "config.json").write_text(content)
    words = {
        "evaluate": ("evaluate", trained, "--series", scored),
        "report": ("report", trained),
        "resume": ("train", "--series", scored, "--episodes", 5, "--out", trained, "--resume"),
    }
    assert (str(trained) if command == "resume" else "config.json") in refused(*words[command])


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
@pytest.mark.parametrize("name", ["config.json", "policy.npz"])
def test_a_file_that_is_none(trained: Path, scored: Path, make: Callable[[Path], object], name: str) -> None:
    (trained / name).unlink()
    make(trained / name)
    refused("evaluate", trained, "--series", scored)
    refused("report", trained)
    refused("evaluate", trained / name, "--series", scored)
    refused("train", "--series", trained / name, "--out", trained.parent / "other")


@pytest.mark.parametrize(
    "header",
    [
        {"methods": ["a"], "series": [["one", HUGE]]}, {"methods": ["a"], "series": [["one", -60], ["two", 120]]},
        {"methods": ["a"], "series": [["one", 60.0]]}, {"methods": ["a"], "series": [[5, 60]]},
        {"methods": [5], "series": []},
        {"methods": ["a", "b"], "series": [["one", 60]]}, {"methods": ["a"], "series": []}, [], None,
        {"methods": ["a"]},
        {"methods": ["a"], "series": [["one", 1]] * 60 + [["one", 0]]},
    ],
    ids=lambda header: str(header)[:50],
)  # fmt: skip
def test_detections_that_claim_what_cannot_be(tmp_path: Path, header: Any) -> None:
    path = tmp_path / "d.npz"
    flags = np.zeros(60, dtype=bool)
    save_detections(path, {"a": [Detection(np.ones(60, np.float32), flags, flags, "one")]})
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez(path, **{**content, "header": np.array(json.dumps(header))})
    with pytest.raises(InputError, match=r"d\.npz is not a file of detections") as caught:
        load_detections(path)
    assert "\n" not in str(caught.value)


CELLS = [
    *DAMAGED,
    '{"rows": [{"f1": "high"}]}',
    '{"rows": 5, "error": null}',
    json.dumps({"rows": [{}] * 10, "error": None}),
]


@pytest.mark.parametrize("content", CELLS, ids=lambda content: repr(content[:20]))
def test_a_cell_that_cannot_be_is_done_again(tmp_path: Path, content: str) -> None:
    with own_folder(tmp_path, "test") as folder:
        first = run_cells(folder, [Cell(2)], work, 0)
        (kept,) = tmp_path.glob("cells/*")
        kept.write_text(content)
        with pytest.warns(UserWarning, match=r"^a cell is measured again: [^\n]*\.json is [^\n]*$"):
            assert run_cells(folder, [Cell(2)], work, 0) == first


@pytest.mark.parametrize("name", ["method", "saw_labels", "values"])
def test_a_cell_of_a_sweep_with_a_row_of_other_types_is_none(name: str) -> None:
    row = {"method": "adt", "saw_labels": True, "values": {"f1": 0.5, "f1_low": float("nan")}}
    assert as_dataclass(Measured, {"rows": [row], "training_seconds": 1.0}, "it").rows[0].f1 == 0.5
    for bad in ([], {"f1": "x"}, None, "x" if name != "method" else 5):
        with pytest.raises(InputError, match=rf"rows\[0\]\.{name}(\.f1)? must be"):
            as_dataclass(Measured, {"rows": [{**row, name: bad}], "training_seconds": 1.0}, "it")


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:20]))
def test_a_folder_of_reproduce_that_cannot_be(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert str(tmp_path) in refused("reproduce", "table2", "--episodes", 1, "--seeds", 1, "--out", tmp_path)
    assert (tmp_path / "config.json").read_text() == content


def test_a_policy_of_another_environment_is_one_line(trained: Path, scored: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    (trained / "config.json").write_text(json.dumps({**config, "env": "ADT-Levels-v0"}))
    assert "does not take the 7 numbers" in refused("evaluate", trained, "--series", scored)
