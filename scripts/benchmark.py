"""`adt benchmark`: how fast, in ratios measured side by side in one process; one subcommand a question."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import typer
from gymnasium import spaces
from numpy.typing import NDArray
from rich.table import Table

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.envs.sources import resolve
from adt_gym.experiments.timing import Machine, Measurement, measure, this_machine
from adt_gym.folders import check_file, own_file
from adt_gym.mdp.mdp import mdp_of
from adt_gym.report.progress import bar, console
from adt_gym.scripts import learning_curves, options
from adt_gym.scripts.learning_curves import plain_table
from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import Policy

SERIES = "yahoo_like_59"
"""What agents learn on: of the packaged series the one with the most anomalous runs."""

ACTION_ROWS = 64
"""Vectors of actions that are drawn beforehand and taken in turns."""

Rounds = Annotated[int, options.whole("alternations; the table holds medians and extremes", most=1000)]
Windows = Annotated[int, options.whole(f"of {SERIES}, from its start", 3)]
Out = Annotated[Path, typer.Option(help="folder of the JSON; a file there that adt did not write is not replaced")]
OUT = Path("benchmarks")

benchmark = typer.Typer()


@benchmark.callback(invoke_without_command=True)
def quick(context: typer.Context) -> None:
    """Measure speed and learning, side by side with what one would use instead.

    Without a subcommand: step, vector, train and infer at their defaults.
    """
    if context.invoked_subcommand is None:
        for command in (step, vector, train, infer):
            command()


@benchmark.command()
def step(
    steps: Annotated[int, options.whole("per round and environment")] = 200_000,
    rounds: Rounds = 7,
    out: Out = OUT,
) -> None:
    """Steps per second of one environment, restarts included, over CartPole-v1 and an environment that does nothing."""
    report = Report("step", {"steps": steps, "rounds": rounds}, out)
    environments: dict[str, gym.Env[Any, Any]] = {
        "ADT-v0": gym.make("ADT-v0"),
        "CartPole-v1": gym.make("CartPole-v1"),
        "CartPole-v1, no wrappers": gym.make("CartPole-v1").unwrapped,
        "does nothing": DoesNothing(),
    }
    measurement = measure({name: stepping(env, steps) for name, env in environments.items()}, rounds)
    report.compare("steps/s", [Comparison("", measurement)])


@benchmark.command()
def vector(
    num_envs: Annotated[list[int] | None, options.whole("N; repeat it. 64, 1024, 8192 by default", most=10**6)] = None,
    steps: Annotated[int, options.whole("per round and of all N at once; by default about two episodes")] = 3000,
    rounds: Rounds = 7,
    out: Out = OUT,
) -> None:
    """Steps per second of N environments, restarts included, over CartPole's native vector environment."""
    report = Report("vector", {"steps": steps, "rounds": rounds}, out)
    comparisons = []
    for n in num_envs or (64, 1024, 8192):
        environments = {
            "ADT-v0": gym.make_vec("ADT-v0", n),
            "CartPole-v1": gym.make_vec("CartPole-v1", n, vectorization_mode="vector_entry_point"),
        }
        candidates = {name: vector_stepping(env, steps) for name, env in environments.items()}
        comparisons.append(Comparison(f"N = {n:,}", measure(candidates, rounds)))
    report.compare("steps/s", comparisons)


@benchmark.command()
def train(
    windows: Windows = 1000,
    episodes: Annotated[int, options.whole("of the reference agent that plans, per round")] = 500,
    slow_episodes: Annotated[int, options.whole("of the others, per round")] = 10,
    rounds: Rounds = 5,
    out: Out = OUT,
) -> None:
    """Environment steps per second while learning: the reference agent, planned and stepped, over SB3's DQN."""
    from adt_gym.agents.sb3 import learn_episodes, make_dqn

    settings = {"windows": windows, "episodes": episodes, "slow_episodes": slow_episodes, "rounds": rounds}
    report = Report("train", settings, out)
    series = training_series(windows)
    planned, stepped = (ReferenceDQN(gym.make("ADT-v0", series=series), plan=plan) for plan in (True, False))
    sb3 = make_dqn(gym.make("ADT-v0", series=series))
    candidates = {
        "reference, planned": learning(planned, episodes),
        "reference, stepped": learning(stepped, slow_episodes),
        "SB3 DQN": lambda: learn_episodes(sb3, slow_episodes).num_timesteps,
    }
    report.compare("steps/s", [Comparison("", measure(candidates, rounds))])


@benchmark.command()
def learn(
    seeds: Annotated[int, options.whole(None, 2, options.MAX_SEEDS)] = 5,
    episodes: Annotated[int, options.whole()] = 2000,
    windows: Annotated[int, options.whole("of the packaged series, where they hold the most events", 3)] = 330,
    learning_rate: Annotated[float, options.number(within=True)] = 1e-3,
    gamma: Annotated[float, options.number()] = 0.99,
    jobs: Annotated[int | None, options.whole("processes; one per core by default", most=options.MAX_JOBS)] = None,
    out: Out = OUT,
) -> None:
    """Whether the reference agent learns what SB3's DQN learns: curves, final F1, equality of the greedy decisions.

    What an agent learned from a seed is kept in the folder learn/ beside the JSON and not learned again.
    """
    settings = learning_curves.LearnSettings(episodes, windows, learning_rate, gamma)
    report = Report("learn", {**asdict(settings), "seeds": seeds}, out)
    check_file(out / "learn.png", "benchmark")
    cells = learning_curves.run_cells(settings, range(seeds), out / "learn", jobs or report.machine.cores)
    summary = learning_curves.summarise(settings, cells)
    with own_file(out / "learn.png", "benchmark") as temporary:
        learning_curves.draw(temporary, settings, cells)
    console.print(learning_curves.method_table(summary))
    report.publish(learning_curves.equality_table(summary), asdict(summary))


@benchmark.command()
def infer(
    windows: Annotated[int, options.whole(f"of {SERIES}, repeated, per round", 3, 10**8)] = 1_000_000,
    slow_windows: Annotated[int, options.whole("that SB3's predict is called for, per round", 3, 10**8)] = 20_000,
    episodes: Annotated[int, options.whole("that the policy is trained for")] = 500,
    rounds: Rounds = 3,
    out: Out = OUT,
) -> None:
    """Windows per second of a trained policy: ours over the same network in SB3's predict, window by window."""
    from adt_gym.agents.sb3 import make_dqn

    settings = {"windows": windows, "slow_windows": slow_windows, "episodes": episodes, "rounds": rounds}
    report = Report("infer", settings, out)
    once = training_series(1000)
    env = gym.make("ADT-v0", series=once)
    agent = ReferenceDQN(env, learning_rate=1e-3).learn(episodes)
    sb3 = make_dqn(env)
    sb3.q_net.load_state_dict(dict(zip(sb3.q_net.state_dict(), agent.network.state_dict().values(), strict=True)))
    long, short = repeated(once, windows), repeated(once, slow_windows)
    in_turns = detect_in_turns(sb3, short)
    if not np.array_equal(detect(agent, short)[-len(in_turns) :], in_turns):
        raise RuntimeError("the two ways to run one policy came to different decisions: their speeds mean nothing")
    candidates = {
        "ours": lambda: len(detect(agent, long)),
        "SB3's predict in a loop": lambda: len(detect_in_turns(sb3, short)),
    }
    report.compare("windows/s", [Comparison("", measure(candidates, rounds))])


@benchmark.command()
def paper(episodes: Annotated[int, options.whole()] = 20_000, windows: Windows = 1000, out: Out = OUT) -> None:
    """Seconds that the reference agent takes for the paper's protocol: k = 2, l = 1 and 10."""
    report = Report("paper", {"episodes": episodes, "windows": windows, "k": 2}, out)
    series, table = training_series(windows), plain_table("paper", ("l", "seconds", "steps/s"))
    seconds = {}
    for hold in (1, 10):
        agent = ReferenceDQN(gym.make("ADT-v0", series=series, k=2), hold=hold)
        with bar(f"l = {hold}, hundreds of episodes", -(-episodes // 100)) as advance:
            started = perf_counter()
            agent.learn(episodes, lambda done: advance("") if done.episode % 100 == 0 else None)
            seconds[hold] = perf_counter() - started
        table.add_row(f"{hold}", f"{seconds[hold]:.1f}", f"{episodes * (windows - 2) / seconds[hold]:,.0f}")
    report.publish(table, {"seconds": seconds})


# What is measured


class DoesNothing(gym.Env[NDArray[np.float32], np.int64]):
    """The floor: what a loop of steps costs by itself."""

    action_space = spaces.Discrete(2)
    observation_space = spaces.Box(0.0, 1.0, (6,), np.float32)
    nothing = np.zeros(6, dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return an observation."""
        return self.nothing, {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Return the same one."""
        return self.nothing, 0.0, False, False, {}


def stepping(env: gym.Env[Any, Any], steps: int) -> Callable[[], int]:
    """Return what takes ``steps`` random actions and restarts an episode where one ends."""
    actions = list(draw_actions(env.action_space, steps))
    env.reset(seed=0)

    def run() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return steps

    return run


def vector_stepping(env: gym.vector.VectorEnv[Any, Any, Any], steps: int) -> Callable[[], int]:
    """Return what takes ``steps`` random actions in each of the environments, which restart by themselves."""
    actions = draw_actions(env.single_action_space, (ACTION_ROWS, env.num_envs))
    env.reset(seed=0)

    def run() -> int:
        for i in range(steps):
            env.step(actions[i % ACTION_ROWS])
        return steps * env.num_envs

    return run


def draw_actions(space: Any, shape: int | tuple[int, int]) -> NDArray[Any]:
    """Draw from a Discrete space, in its own type."""
    return np.random.default_rng(0).integers(space.n, size=shape).astype(space.dtype)


def learning(agent: ReferenceDQN, episodes: int) -> Callable[[], int]:
    """Return what lets the agent learn on, over so many episodes."""

    def run() -> int:
        transitions: list[int] = []
        agent.learn(episodes, lambda report: transitions.append(report.transitions))
        return sum(transitions)

    return run


def detect(agent: Any, series: ScoredSeries) -> NDArray[np.bool_]:
    """Return the policy's decisions; the series is read anew, as one that was never seen would be."""
    mdp_of.cache_clear()
    return Policy(agent).detect(series).decisions


def detect_in_turns(model: Any, series: ScoredSeries) -> NDArray[np.bool_]:
    """Return the policy's decisions after the first k as SB3's users come to them: predict, step, predict, step."""
    mdp_of.cache_clear()
    env = gym.make("ADT-v0", series=series)
    observation, _ = env.reset()
    decisions: list[bool] = []
    over = False
    while not over:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, over, _, info = env.step(int(action))
        decisions.append(info["decision"])
    return np.array(decisions)


def training_series(windows: int) -> ScoredSeries:
    """Return the first windows of `SERIES`."""
    (series,) = resolve(SERIES)
    if not 2 < windows <= len(series):
        raise InputError(f"{SERIES} has {len(series)} windows; choose from 3 to as many, not {windows}")
    return series[:windows]


def repeated(series: ScoredSeries, windows: int) -> ScoredSeries:
    """Return the series, over and over, up to so many windows."""
    return ScoredSeries(np.resize(series.scores, windows), np.resize(series.truth, windows), series.name)


# What is told


@dataclass(frozen=True)
class Comparison:
    """The measurement at one setting; its first candidate is ours."""

    setting: str
    measurement: Measurement


@dataclass(frozen=True)
class Report:
    """One benchmark's settings, and the machine before it began."""

    name: str
    settings: dict[str, Any]
    out: Path
    machine: Machine = field(default_factory=this_machine)

    def __post_init__(self) -> None:
        check_file(self.path, "benchmark")

    @property
    def path(self) -> Path:
        """The file of the results."""
        return self.out / f"{self.name}.json"

    def compare(self, unit: str, comparisons: Sequence[Comparison]) -> None:
        """Print the comparisons and write them."""
        results = {"unit": unit, "comparisons": [as_results(one) for one in comparisons]}
        self.publish(ratio_table(self.name, unit, comparisons), results)

    def publish(self, table: Table, results: dict[str, Any]) -> None:
        """Print the table and where it was measured, write the results to ``out/NAME.json``."""
        origin = {"benchmark": self.name, "command": ["adt", *sys.argv[1:]], "machine": asdict(self.machine)}
        with own_file(self.path, "benchmark") as temporary:
            temporary.write_text(json.dumps({**origin, "settings": self.settings, **results}, indent=2) + "\n")
        console.print(table)
        console.print(f"on {self.machine}; the figures are in {self.path}", soft_wrap=True, highlight=False)


def as_results(comparison: Comparison) -> dict[str, Any]:
    """Return what the JSON holds of a comparison: each round's rates, and how many times as fast ours is."""
    measurement = comparison.measurement
    ours, *others = measurement.rates
    return {
        "setting": comparison.setting,
        "rates": measurement.rates,
        "ratios": {other: asdict(measurement.ratio(ours, other)) for other in others},
    }


def ratio_table(title: str, unit: str, comparisons: Sequence[Comparison]) -> Table:
    """Return the comparisons as a table to print."""
    table = plain_table(f"{title}: median (lowest - highest)", ("", unit, "ours is times as fast"))
    for comparison in comparisons:
        measurement = comparison.measurement
        ours = next(iter(measurement.rates))
        for name in measurement.rates:
            ratio = "" if name == ours else str(measurement.ratio(ours, name))
            table.add_row(f"{name} {comparison.setting}", str(measurement.rate(name)), ratio)
    return table
