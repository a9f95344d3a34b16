import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from typer.testing import CliRunner

from adt_gym import InputError, ScoredSeries, thresholds
from adt_gym.envs.sources import resolve
from adt_gym.envs.vector import ThresholdingVectorEnv
from adt_gym.experiments import benchmarks as module
from adt_gym.experiments.learning import pack, stretch_of, unpack
from adt_gym.experiments.timing import PACKAGES, short
from adt_gym.report.learning import Judge, band
from adt_gym.scripts import benchmark as commands
from adt_gym.stream.stream import Fixed
from adt_gym.written import LOG

SMALL_LEARN = ("learn", "--seeds", 2, "--episodes", 4, "--windows", 80, "--jobs", 1)


def adt_benchmark(*arguments: Any) -> str:
    command = [str(argument) for argument in arguments]
    result = CliRunner().invoke(commands.benchmark, command, env={"COLUMNS": "160"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def figures(out: Path, name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    assert known["benchmark"] == name
    assert set(known["machine"]["packages"]) == set(PACKAGES)
    assert {path.name for path in out.rglob(".*")} == {LOG}
    return known


@pytest.mark.parametrize(
    ("arguments", "ours", "others"),
    [
        (["step", "--steps", 300], "ADT-v0", ["CartPole-v1", "CartPole-v1, no wrappers", "does nothing"]),
        (["vector", "--steps", 30, "--num-envs", 3], "ADT-v0", ["CartPole-v1"]),
        (["context", "--steps", 20, "--slow-steps", 2, "--num-envs", 3], "native", ["in turns"]),
        (
            ["train", "--windows", 60, "--episodes", 8, "--slow-episodes", 6],
            "reference, planned",
            ["reference, stepped", "SB3 DQN"],
        ),
        (["monitor", "--windows", 40, "--episodes", 2], "static", ["belief", "planned DQN"]),
        (["infer", "--windows", 300, "--slow-windows", 40, "--episodes", 2], "ours", ["SB3's predict in a loop"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_speeds_are_compared_in_table_and_json(
    tmp_path: Path, arguments: list[Any], ours: str, others: list[str]
) -> None:
    printed = adt_benchmark(*arguments, "--rounds", 3, "--out", tmp_path)
    known = figures(tmp_path, arguments[0])
    assert known["settings"]["rounds"] == 3
    (comparison,) = known["comparisons"]
    assert list(comparison["rates"]) == [ours, *others]
    assert list(comparison["ratios"]) == others
    for other in others:
        by_round = [a / b for a, b in zip(comparison["rates"][ours], comparison["rates"][other], strict=True)]
        expected = {"median": np.median(by_round), "low": min(by_round), "high": max(by_round)}
        assert comparison["ratios"][other] == pytest.approx(expected)
    slowest = comparison.get("p99 of a push, us", {})
    assert list(slowest) == ([ours, *others] if arguments[0] == "monitor" else [])
    assert all(short(value) in printed for value in slowest.values())
    assert all(text in printed for text in (ours, *others, known["unit"], known["machine"]["processor"]))


def test_jax_is_compared_in_steps_and_in_learning(tmp_path: Path) -> None:
    pytest.importorskip("gymnax", reason="it measures gymnax's CartPole")
    small = ("--num-envs", 8, "--steps", 10, "--updates", 1, "--sb3-steps", 64, "--rounds", 1)
    printed = adt_benchmark("jax", *small, "--out", tmp_path)
    known = figures(tmp_path, "jax")
    stepping, learning = known["comparisons"]
    assert list(stepping["ratios"]) == ["CartPole-v1 in gymnax", "ADT-v0's native vector env"]
    assert list(learning["ratios"]) == ["with a GRU", "SB3's PPO as it comes", "SB3's PPO, settings and N as ours"]
    assert known["device"] in printed
    assert "CPU" in known["device"]


def test_jax_takes_every_step_it_counts() -> None:
    from adt_gym.experiments import jax_benchmark

    class Counted:
        def action_space(self, params: Any) -> Any:
            return gym.spaces.Discrete(3)

        def reset(self, key: Any, params: Any) -> tuple[Any, Any]:
            return 0.0, 0

        def step(self, key: Any, state: Any, action: Any, params: Any) -> tuple[Any, ...]:
            taken.append(action.dtype)
            return 0.0, state + 1, 0.0, False, False, {}

    taken: list[Any] = []
    assert jax_benchmark.stepping(Counted(), None, 5, 7)() == 35
    assert {str(one) for one in taken} == {"int32"}


def test_a_monitor_is_told_every_label_in_time() -> None:
    series = module.training_series(400)
    pushed: list[tuple[str, Any]] = []

    class Noted(Fixed):
        def judged(self, score: float, decision: bool) -> None:
            pushed.append(("judged", score))

        def tell(self, t: int, label: bool) -> None:
            pushed.append((f"told {t}", label))

    class Told(thresholds.Method):
        name, sees_labels = "told", True

        def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Noted:
            return Noted(0.5)

    assert module.pushing(Told(), series)() == 400
    first, pushed[:] = pushed[:], []
    assert len(module.latencies(Told(), series)) == 400
    assert pushed == first
    assert first[1::2] == [(f"told {t}", bool(label)) for t, label in enumerate(series.labels)]
    assert [score for _, score in first[::2]] == pytest.approx(series.scores.tolist())


def test_vector_sizes_are_compared_one_by_one(tmp_path: Path) -> None:
    adt_benchmark("vector", "--steps", 2, "--num-envs", 2, "--num-envs", 5, "--rounds", 1, "--out", tmp_path)
    assert [one["setting"] for one in figures(tmp_path, "vector")["comparisons"]] == ["N = 2", "N = 5"]


def test_the_papers_protocol_is_timed_for_both_holds(tmp_path: Path) -> None:
    assert "seconds" in adt_benchmark("paper", "--episodes", 3, "--windows", 50, "--out", tmp_path)
    assert list(figures(tmp_path, "paper")["seconds"]) == ["1", "10"]


def test_the_live_service_loses_nothing_by_kill_9(tmp_path: Path) -> None:
    words = ["live", "--series", 3, "--steps", 2, "--few", 2, "--points", 100, "--further", 10, "--kills", 2]
    printed = adt_benchmark(*words, "--out", tmp_path)
    measured = json.loads((tmp_path / "live.json").read_text())
    assert (measured["kills"], measured["differences"], len(measured["steps"])) == (2, 0, 2)
    assert measured["p50"] <= measured["p99"]
    assert "kill -9, labels left meanwhile" in printed


def test_without_a_subcommand_the_quick_ones_run(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    for name in ("step", "vector", "context", "train", "learn", "infer", "monitor", "live", "paper", "jax"):
        monkeypatch.setattr(commands, name, lambda name=name: called.append(name))
    adt_benchmark()
    assert called == ["step", "vector", "train", "infer"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--windows", 5000], "has 1431 windows; .* not 5000"),
        (["infer", "--windows", 3, "--episodes", 1], "has 3 windows; with k=2 at least 4 are needed"),
        (["learn", "--windows", 5000], "yahoo_like_10 has no stretch of 5000 windows"),
    ],
)
def test_bad_settings(tmp_path: Path, arguments: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        adt_benchmark(*arguments, "--out", tmp_path)
    assert not list(tmp_path.rglob("*.json"))


# What is measured


def test_steps_include_restarts_and_the_actions_are_of_the_space() -> None:
    class Short(gym.Env[Any, Any]):
        action_space = gym.spaces.Discrete(3)
        resets = 0
        taken: ClassVar[list[Any]] = []

        def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
            self.resets += 1
            return 0, {}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            self.taken.append(action)
            return 0, 0.0, len(self.taken) % 5 == 0, len(self.taken) % 7 == 0, {}

    env = Short()
    assert module.stepping(env, 35)() == 35
    assert env.resets == 1 + 7 + 5 - 1
    assert {type(action) for action in env.taken} == {np.int64}
    assert set(env.taken) == {0, 1, 2}


def test_vector_steps_count_every_environment() -> None:
    env = gym.make_vec("ADT-v0", 3, series="yahoo_like_1")
    assert module.vector_stepping(env, 100)() == 300
    assert isinstance(env.unwrapped, ThresholdingVectorEnv)


def test_both_ways_to_run_a_policy_agree() -> None:
    class FlagsAfterMisses:
        def predict(self, observation: Any, deterministic: bool) -> tuple[Any, None]:
            return np.where(observation[..., 5] > 0, 0, 1), None

    series = module.training_series(400)
    planned = module.detect(FlagsAfterMisses(), series)
    stepped = module.detect_in_turns(FlagsAfterMisses(), series)
    assert not planned[:2].any()
    np.testing.assert_array_equal(planned[2:], stepped)
    assert 0 < planned.mean() < 1


def test_a_series_is_repeated_to_any_length() -> None:
    series = ScoredSeries(np.array([0.1, 0.2, 0.3]), np.array([0, 1, 0]))
    long = module.repeated(series, 7)
    np.testing.assert_array_equal(long.scores, np.float32([0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1]))
    assert long.labels.tolist() == [False, True, False, False, True, False, False]


# Learning curves


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmarks")
    adt_benchmark(*SMALL_LEARN, "--out", out)
    return out


def test_learning_is_drawn_and_told_beside_the_baselines(learned: Path) -> None:
    known = figures(learned, "learn")
    names = ["SB3 DQN", "reference DQN", "persistence(1)", "static", "always", "never"]
    assert [row["name"] for row in known["rows"]] == names
    assert [one["seed"] for one in known["equal"]] == [0, 1]
    assert (learned / "learn.png").read_bytes().startswith(b"\x89PNG")
    cells = [json.loads(path.read_text()) for path in (learned / "learn/cells").iterdir()]
    assert {cell["cell"] for cell in cells} == {
        f"{agent}, seed {seed}" for agent in ("sb3", "reference") for seed in (0, 1)
    }
    assert {len(cell["result"]["returns"]) for cell in cells} == {4}


def test_finished_cells_are_not_trained_again(learned: Path, tmp_path: Path) -> None:
    shutil.copytree(learned, tmp_path, dirs_exist_ok=True)
    lost, *kept = (tmp_path / "learn/cells").iterdir()
    before = json.loads(lost.read_text())
    lost.unlink()
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert "3 of 4 cells were finished before" in adt_benchmark(*SMALL_LEARN, "--out", tmp_path)
    assert json.loads(lost.read_text()) == before
    assert {path: path.stat().st_mtime_ns for path in kept} == times


def test_agents_learn_where_the_most_events_begin() -> None:
    (series,) = resolve("yahoo_like_10")
    stretch = stretch_of(330)
    text = "".join("1" if label else "0" for label in series.labels)
    begun = "".join("1" if label else "0" for label in stretch.labels).count("01") + int(stretch.labels[0])
    assert begun == max(text[at : at + 330].count("01") for at in range(len(text) - 329)) == 4


def test_decisions_survive_packing() -> None:
    decisions = np.random.default_rng(0).random(83) < 0.3
    np.testing.assert_array_equal(unpack(pack(decisions), 83), decisions)


def test_the_judge_by_hand() -> None:
    judge = Judge(stretch_of(80), 0.99)
    env = gym.make("ADT-v0", series=judge.stretch)
    never = np.zeros(80, dtype=bool)
    env.reset()
    returned = sum(float(env.step(1)[1]) for _ in range(78))
    assert judge.of_optimum(never) == pytest.approx(returned / judge.optimum)
    row = judge.row("never", [never], [np.zeros(sum(map(len, judge.packaged)), dtype=bool)])
    assert row.f1.median == 0.0
    history_is_clean = judge.solution.values[:, 0]
    expected = np.mean(history_is_clean[:, 1] >= history_is_clean.max(axis=1) - 1e-9)
    assert row.optimal.median == pytest.approx(expected)


def test_no_policy_returns_more_than_the_optimum() -> None:
    judge = Judge(stretch_of(80), 0.99)
    random = np.random.default_rng(0)
    assert judge.of_optimum(judge.stretch.labels) <= 1.0 + 1e-9
    assert all(judge.of_optimum(random.random(80) < share) < 1 for share in (0.1, 0.5, 0.9))


def test_the_band_is_students() -> None:
    mean, half = band(np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]))
    np.testing.assert_allclose(mean, [3.0, 5.0])
    # sd = sqrt(7), t(0.975, 2) = 4.302653
    np.testing.assert_allclose(half, [4.302653 * np.sqrt(7 / 3), 0.0], rtol=1e-6)
