"""What the agent of `adt run` learns on, held against the same agent trained here."""

from collections.abc import Sequence
from pathlib import Path

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from adt_gym import ScoredSeries
from adt_gym.agents.reference_dqn import EpisodeReport, ReferenceDQN
from adt_gym.scored_files import load_scored
from adt_gym.scripts.__main__ import app
from adt_gym.thresholds import Method, Policy, make

EPISODES, SEED = 300, 3
ASKED = ("--scorer", "isolation", "--episodes", EPISODES, "--seed", SEED, "--k", 3, "--alpha", 0.8)
COLUMNS = ("--time-column", "when", "--label-column", "broken")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def machine(seed: int, events: Sequence[int], points: int = 400) -> pd.DataFrame:
    """Values that rise in events of three points: more in some machines than in others."""
    random = np.random.default_rng(seed)
    broken = np.isin(np.arange(points), [start + i for start in events for i in range(3)])
    values = np.sin(np.arange(points) / 4) + random.normal(0, 0.3, points) + (1 + seed) * broken
    return pd.DataFrame(
        {"when": pd.date_range("2020-01-01", periods=points, freq="h"), "flow": values, "broken": broken.astype(int)}
    )


def run(*arguments: object) -> tuple[list[ScoredSeries], list[ScoredSeries], list[float], dict[str, float]]:
    """Return the scores of both parts, the rewards of the training's episodes, and the F1 of the methods."""
    result = CliRunner().invoke(app, ["run", *map(str, (*arguments, *COLUMNS, *ASKED, "--out", "out"))])
    assert result.exit_code == 0, result.output + repr(result.exception)
    train, test = (load_scored(f"out/scores-{part}.npz") for part in ("train", "test"))
    f1 = pd.read_csv("out/table.csv").set_index("method")["f1"]
    return train, test, pd.read_csv("out/training.csv")["reward"].tolist(), f1.to_dict()


def trained(series: Sequence[ScoredSeries]) -> tuple[ReferenceDQN, list[float]]:
    """Return the agent that has learned on these series, and the rewards of its episodes."""
    env = gym.make("ADT-v0", series=tuple(series), k=3, alpha=0.8, beta=1 - 0.8)
    reports: list[EpisodeReport] = []
    agent = ReferenceDQN(env, SEED, learning_rate=1e-3, gamma=0.9).learn(EPISODES, reports.append)
    return agent, [one.reward for one in reports]


def f1_of(method: Method, test: Sequence[ScoredSeries]) -> float:
    labels, decisions = (
        np.concatenate(parts) for parts in ([one.truth for one in test], [method.detect(one).decisions for one in test])
    )
    return float(f1_score(labels, decisions))


def stretch(series: ScoredSeries, windows: int) -> ScoredSeries:
    """Return so many windows in which the most anomalies begin, the last of equal ones."""
    begins = [t for t in range(len(series)) if series.truth[t] and (t == 0 or not series.truth[t - 1])]
    starts = range(len(series) - windows + 1)
    start = max(starts, key=lambda start: (sum(start <= t < start + windows for t in begins), start))
    return series[start : start + windows]


def test_of_one_series_it_learns_on_the_stretch_in_which_the_most_anomalies_begin() -> None:
    machine(0, (40, 130, 150, 170, 230, 300, 350)).to_csv("pump.csv", index=False)
    (train,), test, rewards, f1 = run("pump.csv", "--train-until", 270, "--labelled-windows", 70)
    labelled = stretch(train, 70)
    assert (labelled.index[0] - train.index[0], len(labelled)) == (np.timedelta64(121, "h"), 70)
    agent, expected = trained([labelled])
    assert rewards == pytest.approx(expected)
    assert f1["adt"] == pytest.approx(f1_of(Policy(agent, k=3), test))
    assert f1["static"] == pytest.approx(f1_of(make("static").fit([train]), test)), "all others may learn on all"
    for other in (train, train[:70], train[-70:]):
        assert rewards != pytest.approx(trained([other])[1])


def test_of_a_fleet_it_learns_on_a_few_whole_series_that_are_drawn() -> None:
    events = [(30, 90, 250), (60, 200, 300), (20, 50, 350), (), (100, 130, 370), (45, 80, 110, 320)]
    fleet = [machine(seed, some).assign(unit=seed) for seed, some in enumerate(events)]
    pd.concat(fleet).to_csv("fleet.csv", index=False)
    asked = ("fleet.csv", "--key-column", "unit", "--train-share", 0.4)
    train, test, rewards, f1 = run(*asked, "--labelled-windows", 250)
    usable = [one for one in train if one.truth.any()]
    assert [len(one) for one in train] == [151] * 6
    assert len(usable) == 5
    order = np.random.default_rng(SEED).permutation(5)
    drawn = [usable[i] for i in order[:2]]  # 151 windows and 151: a third would lead further from 250
    agent, expected = trained(drawn)
    assert rewards == pytest.approx(expected)
    assert f1["adt"] == pytest.approx(f1_of(Policy(agent, k=3), test))
    assert f1["static"] == pytest.approx(f1_of(make("static").fit(drawn), test))
    assert f1["static"] != pytest.approx(f1_of(make("static").fit(train), test))
    for others in (train, usable, usable[:2]):
        assert rewards != pytest.approx(trained(others)[1])

    _, _, rewards, _ = run(*asked, "--labelled-windows", 70)
    assert rewards == pytest.approx(trained([stretch(drawn[0], 70)])[1]), "of a single one that is drawn, a stretch"
