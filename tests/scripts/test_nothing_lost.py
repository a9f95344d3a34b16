"""No command replaces what adt did not write, whatever it is called, and each says so before it works."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from adt_gym import ScoredSeries
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.data.sources import SourceSettings
from adt_gym.envs.sources import resolve
from adt_gym.evaluation.frontier import FrontierRow, read_rows, write_rows
from adt_gym.evaluation.results import read_run
from adt_gym.experiments import run as module
from adt_gym.experiments.servers import read_servers
from adt_gym.folders import own_folder
from adt_gym.scored_files import save_scored
from adt_gym.scripts.__main__ import app
from adt_gym.written import LOG

PUMP = ("run", "pump.csv", "--label-column", "broken", "--epochs", 1, "--episodes", 20)
MINE = "years of work"


def adt(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def succeed(*words: object) -> Result:
    result = adt(*words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def refused(*words: object) -> str:
    before = everything()
    result = adt(*words)
    assert result.exit_code == 2, result.output + repr(result.exception)
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ")
    assert everything() == before
    return line


def everything() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table, scores, series and a trained policy, and no work that may be begun."""
    monkeypatch.chdir(tmp_path)
    random, broken = np.random.default_rng(0), np.arange(400) % 50 < 5
    pd.DataFrame({"flow": random.normal(size=400) + 4 * broken, "broken": broken.astype(int)}).to_csv("pump.csv")
    save_scored("scored.npz", [ScoredSeries(random.random(400), broken, "one")])
    Path("fleet").mkdir()
    for name in "abc":
        arrays = {"train": random.normal(size=(200, 1)), "test": random.normal(size=(200, 1))}
        np.savez(f"fleet/{name}.npz", **arrays, test_label=np.arange(200) % 50 < 5)
    return tmp_path


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: Any, **__: Any) -> None:
        pytest.fail("work was begun")

    for name in ("learn", "__init__"):
        monkeypatch.setattr(ReferenceDQN, name, work)
    for name in ("scores.fit", "run.fit_and_score", "scorers.cached_scores", "frontier.score_all"):
        monkeypatch.setattr(f"adt_gym.experiments.{name}", work)


FOLDERS = (
    (*PUMP, "--out"),
    ("compare-scorers", "pump.csv", "--label-column", "broken", "--out"),
    ("train", "--series", "scored.npz", "--out"),
    ("train", "--series", "scored.npz", "--resume", "--out"),
    ("reproduce", "table2", "--out"),
    ("sweep", "seed=0,1", "--out"),
    ("frontier", "--train", "fleet", "--out"),
    ("classify", "blobs", "--out"),
    ("classify", "blobs", "--resume", "--out"),
)


@pytest.mark.usefixtures("here", "idle")
@pytest.mark.parametrize("name", ["config.json", "table.csv", "thesis.tex"])
@pytest.mark.parametrize("words", FOLDERS, ids=lambda words: words[0])
def test_a_folder_of_the_users_is_refused(words: tuple[object, ...], name: str) -> None:
    Path("mine").mkdir()
    Path("mine", name).write_text(json.dumps({"kind": "frontier", "settings": {"what": MINE}, "grid": {}}))
    assert "move it away or choose another name (--out)" in refused(*words, "mine")
    Path("link").symlink_to("nowhere")
    assert "leads nowhere" in refused(*words, "link")
    assert "not a folder" in refused(*words, "pump.csv")
    os.chdir("mine")
    if words[0] in ("reproduce", "sweep", "classify"):
        assert "move it away" in refused(*words, ".")


@pytest.mark.usefixtures("here", "idle")
def test_a_file_of_the_users_is_refused() -> None:
    Path("out").mkdir()
    with own_folder("trained", "train") as own, own.writing("config.json") as temporary:
        settings = {
            "agent": "reference",
            "series": "scored.npz",
            "env": "ADT-v0",
            "feedback": None,
            "feedback_delay": 1,
        }
        settings |= {"label_noise": 0, "k": 2, "hold": 1, "alpha": 0.9, "episodes": 1, "learning_rate": 0.1, "gamma": 1}
        temporary.write_text(json.dumps({**settings, "num_envs": 1, "seed": 0}))
    score = ("score", "pump.csv", "--label-column", "broken", "--out")
    commands = {
        "scored.npz": (*score, "scored.npz"),
        "x.curves.png": (*score, "x.npz"),
        "out/step.json": ("benchmark", "step", "--out", "out"),
        "out/learn.png": ("benchmark", "learn", "--out", "out"),
        "out/adt-v0.png": ("figures", "--out", "out"),
        "out/page.html": ("report", "trained", "--out", "out/page.html"),
        "trained/report.html": ("report", "trained"),
        "trained/table.csv": ("evaluate", "trained", "--series", "scored.npz"),
        "out/table.csv": ("evaluate", "trained", "--series", "scored.npz", "--out", "out/table.csv"),
    }
    for name, words in commands.items():
        Path(name).write_text(MINE)
        assert f"{name} exists and adt did not write it; move it away" in refused(*words)
        Path(name).unlink()


@pytest.mark.usefixtures("here")
def test_what_the_user_adds_to_a_run_stays_and_what_he_changed_is_not_lost() -> None:
    succeed(*PUMP, "--seeds", 2)
    succeed("report", "runs/pump")
    for name in ("notes.md", "seed-1/notes.md"):
        Path("runs/pump", name).write_text(MINE)
    succeed(*PUMP)
    kept = {path.relative_to("runs/pump").as_posix() for path in Path("runs/pump").rglob("*") if path.is_file()}
    assert {"notes.md", "seed-1/notes.md", "report.html"} <= kept
    assert not {"seeds.csv", "seed-1/table.csv"} & kept, "ours of the time before are gone"
    succeed("report", "runs/pump")
    for name in ("table.csv", "report.html"):
        Path("runs/pump", name).write_text(MINE)
    assert "runs/pump/table.csv was changed since adt wrote it" in refused(*PUMP)
    assert "runs/pump/report.html was changed" in refused("report", "runs/pump")


@pytest.mark.usefixtures("here")
def test_a_run_of_an_older_version_is_told_what_to_do() -> None:
    succeed(*PUMP)
    Path("runs/pump", LOG).unlink()
    assert f"it holds no {LOG}, which a copy needs too); move it away or choose another name" in refused(*PUMP)
    assert read_run("runs/pump").name == "pump", "it can still be read"


@pytest.mark.usefixtures("here")
def test_each_source_has_a_folder_of_its_own() -> None:
    table = Path("pump.csv").read_text()
    for name in ("server.1.csv", "server.2.csv", ".h.csv", "other/server.1.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(table)
    for name, folder in (("server.1.csv", "server.1"), ("server.2.csv", "server.2"), (".h.csv", "h")):
        succeed("run", name, *PUMP[2:])
        assert Path("runs", folder, "table.csv").is_file()
    assert {path.name for path in Path("runs").iterdir()} == {"server.1", "server.2", "h"}
    assert "runs/server.1 holds the results of" in refused("run", "other/server.1.csv", *PUMP[2:])
    succeed("run", "other/server.1.csv", *PUMP[2:], "--out", "runs/other")


def test_a_run_goes_into_the_folder_that_one_is_in(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "empty").mkdir()
    monkeypatch.chdir(here / "empty")
    for _ in range(2):
        succeed(PUMP[0], "../pump.csv", *PUMP[2:], "--out", ".")
        assert Path("table.csv").is_file()


@pytest.mark.usefixtures("here")
def test_finished_seeds_are_kept_for_the_same_settings_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    train = module.train_agent

    def counting(series: Any, settings: Any, *rest: Any, **hyperparameters: Any) -> Any:
        if settings.seed in stops:
            raise KeyboardInterrupt
        trained.append(settings.seed)
        return train(series, settings, *rest, **hyperparameters)

    monkeypatch.setattr(module, "train_agent", counting)
    words, stops = (*PUMP, "--seeds", 2), {1}
    assert adt(*words).exit_code == 130
    assert not Path("runs/pump/table.csv").exists()
    stops = set()
    assert succeed(*words).output.count("finished before") == 1
    assert trained == [0, 1]
    succeed(*words, "--out", "whole")
    for name in ("seeds.csv", "table.csv", "seed-1/table.csv"):
        one, other = (pd.read_csv(f"{folder}/{name}").drop(columns="seconds") for folder in ("runs/pump", "whole"))
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    trained.clear()
    stops = {1}
    assert adt(*words).exit_code == adt(*words, "--gamma", 0.5).exit_code == 130
    Path("pump.csv").write_text(Path("pump.csv").read_text().replace("-0.1", "-0.2", 1))
    assert adt(*words).exit_code == 130
    assert trained == [0, 0, 0], "neither other settings nor other data take what was kept"


@pytest.mark.usefixtures("here")
def test_a_training_that_ended_before_its_first_checkpoint_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", "--series", "scored.npz", "--episodes", 20, "--out", "run")
    learn = ReferenceDQN.learn

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    for more in ((), ("--resume",), ("--seed", 1)):
        monkeypatch.setattr(ReferenceDQN, "learn", full)
        assert adt(*words).exit_code == 2
        monkeypatch.setattr(ReferenceDQN, "learn", learn)
        succeed(*words, *more)
        assert Path("run/policy.npz").is_file()
        for path in Path("run").iterdir():
            path.unlink()
        Path("run").rmdir()


@pytest.mark.usefixtures("here")
def test_a_damaged_policy_or_checkpoint_is_one_line() -> None:
    words = ("train", "--series", "scored.npz", "--episodes", 4)
    for agent, policy in (("reference", "policy.npz"), ("sb3-dqn", "policy.zip")):
        succeed(*words, "--agent", agent, "--num-envs", 2, "--out", agent)
        for name in (policy, "checkpoint.pt"):
            path = Path(agent, name)
            content = bytearray(path.read_bytes())
            content[len(content) // 3] ^= 1
            path.write_bytes(content)
        assert "damaged" in refused("evaluate", agent, "--series", "scored.npz")
        resumed = (*words, "--agent", agent, "--num-envs", 2, "--out", agent, "--resume")
        assert "checkpoint.pt was changed since adt wrote it" in refused(*resumed)


def test_a_table_holds_no_formula_and_is_read_back(tmp_path: Path, several: list[ScoredSeries]) -> None:
    numbers = dict.fromkeys([f.name for f in FrontierRow.__dataclass_fields__.values()], -0.5)
    texts = {"method": "=SUM(A1)", "series": "@cmd", "detail": "+1 or so", "feedback": "-x", "delay": "1"}
    texts |= {"panel": "=1", "family": "+2"}
    row = FrontierRow(**{**numbers, **texts, "seed": 0, "saw_labels": True, "learned": {}})
    write_rows(tmp_path / "table.csv", [row])
    written = (tmp_path / "table.csv").read_text()
    assert all(f"'{texts[name]}" in written for name in ("method", "series", "detail", "feedback"))
    assert "'-0.5" not in written
    table = read_rows(tmp_path / "table.csv")
    assert {name: table[name][0] for name in texts} == texts
    assert table["f1"][0] == -0.5


@pytest.mark.parametrize("reader", ["resolve", "source"])
def test_what_a_dead_process_left_is_no_series(here: Path, reader: str) -> None:
    read: dict[str, Callable[[], int]] = {
        "resolve": lambda: len(resolve(str(here / "scores"))),
        "source": lambda: len(read_servers(("fleet",), SourceSettings(""))),
    }
    Path("scores").mkdir()
    for folder, name in (("scores", "scored.npz"), ("fleet", "fleet/a.npz")):
        content = Path(name).read_bytes()
        Path(folder, f".adt_gym-0-1-2-3{reader}.npz").write_bytes(content)
    Path("scores/x.npz").write_bytes(Path("scored.npz").read_bytes())
    assert read[reader]() == {"resolve": 1, "source": 3}[reader]
