"""What `adt benchmark` measures: dataclasses of settings that compare ours with what else there is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from adt_gym import Monitor, thresholds
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.envs.sources import resolve
from adt_gym.experiments.timing import Comparison, measure
from adt_gym.mdp.mdp import mdp_of
from adt_gym.report.progress import bar
from adt_gym.series import InputError, ScoredSeries
from adt_gym.settings import Settings, count, option

SERIES = "yahoo_like_59"
"""What agents learn on: of the packaged series the one with the most anomalous runs."""

ACTION_ROWS = 64
"""Vectors of actions that are drawn beforehand and taken in turns."""


def _rounds(default: int) -> Any:
    return count(default, "alternations; the table holds medians and extremes", most=1000)


def _windows(default: int) -> Any:
    return count(default, f"of {SERIES}, from its start", 3)


@dataclass(frozen=True)
class Step(Settings):
    """Steps per second of one environment, restarts included."""

    steps: int = count(200_000, "per round and environment")
    rounds: int = _rounds(7)

    def compare(self) -> list[Comparison]:
        """Measure ours, CartPole-v1 and an environment that does nothing."""
        environments: dict[str, gym.Env[Any, Any]] = {
            "ADT-v0": gym.make("ADT-v0"),
            "CartPole-v1": gym.make("CartPole-v1"),
            "CartPole-v1, no wrappers": gym.make("CartPole-v1").unwrapped,
            "does nothing": DoesNothing(),
        }
        candidates = {name: stepping(env, self.steps) for name, env in environments.items()}
        return [Comparison("", measure(candidates, self.rounds))]


@dataclass(frozen=True)
class Vector(Settings):
    """Steps per second of N environments, restarts included."""

    num_envs: tuple[int, ...] = option((64, 1024, 8192), help="N; repeat it", min=1, max=10**6)
    steps: int = count(3000, "per round and of all N at once; by default about two episodes")
    rounds: int = _rounds(7)

    def compare(self) -> list[Comparison]:
        """Measure ours and CartPole's, both native."""
        comparisons = []
        for n in self.num_envs:
            environments = {
                "ADT-v0": gym.make_vec("ADT-v0", n),
                "CartPole-v1": gym.make_vec("CartPole-v1", n, vectorization_mode="vector_entry_point"),
            }
            candidates = {name: vector_stepping(env, self.steps) for name, env in environments.items()}
            comparisons.append(Comparison(f"N = {n:,}", measure(candidates, self.rounds)))
        return comparisons


@dataclass(frozen=True)
class Context(Settings):
    """Steps per second of N environments whose observations have a context."""

    num_envs: int = count(1024, "N", most=10**5)
    steps: int = count(500, "per round and of all N at once")
    slow_steps: int = count(10, "of those that are stepped one by one, per round")
    rounds: int = _rounds(5)

    def compare(self) -> list[Comparison]:
        """Measure ADT-Context-v0's native form, and as many scalar ones stepped in turns."""
        environments = {
            "native": (gym.make_vec("ADT-Context-v0", self.num_envs), self.steps),
            "in turns": (gym.make_vec("ADT-Context-v0", self.num_envs, vectorization_mode="sync"), self.slow_steps),
        }
        candidates = {name: vector_stepping(env, steps) for name, (env, steps) in environments.items()}
        return [Comparison(f"N = {self.num_envs:,}", measure(candidates, self.rounds))]


@dataclass(frozen=True)
class Train(Settings):
    """Environment steps per second while learning."""

    windows: int = _windows(1000)
    episodes: int = count(500, "of the reference agent that plans, per round")
    slow_episodes: int = count(10, "of the others, per round")
    rounds: int = _rounds(5)

    def compare(self) -> list[Comparison]:
        """Measure the reference agent, planned and stepped, and SB3's DQN."""
        from adt_gym.agents.sb3 import learn_episodes, make_dqn

        series = training_series(self.windows)
        planned, stepped = (ReferenceDQN(gym.make("ADT-v0", series=series), plan=plan) for plan in (True, False))
        sb3 = make_dqn(gym.make("ADT-v0", series=series))
        candidates = {
            "reference, planned": learning(planned, self.episodes),
            "reference, stepped": learning(stepped, self.slow_episodes),
            "SB3 DQN": lambda: learn_episodes(sb3, self.slow_episodes).num_timesteps,
        }
        return [Comparison("", measure(candidates, self.rounds))]


@dataclass(frozen=True)
class Infer(Settings):
    """Windows per second of a trained policy."""

    windows: int = count(1_000_000, f"of {SERIES}, repeated, per round", 3, 10**8)
    slow_windows: int = count(20_000, "that SB3's predict is called for, per round", 3, 10**8)
    episodes: int = count(500, "that the policy is trained for")
    rounds: int = _rounds(3)

    def compare(self) -> list[Comparison]:
        """Measure ours and the same network in SB3's predict, window by window.

        Raises:
            RuntimeError: If the two come to different decisions: their speeds would mean nothing.
        """
        from adt_gym.agents.sb3 import make_dqn

        once = training_series(1000)
        env = gym.make("ADT-v0", series=once)
        agent = ReferenceDQN(env, learning_rate=1e-3).learn(self.episodes)
        sb3 = make_dqn(env)
        sb3.q_net.load_state_dict(dict(zip(sb3.q_net.state_dict(), agent.network.state_dict().values(), strict=True)))
        long, short = repeated(once, self.windows), repeated(once, self.slow_windows)
        in_turns = detect_in_turns(sb3, short)
        if not np.array_equal(detect(agent, short)[-len(in_turns) :], in_turns):
            raise RuntimeError("the two ways to run one policy came to different decisions: their speeds mean nothing")
        candidates = {
            "ours": lambda: len(detect(agent, long)),
            "SB3's predict in a loop": lambda: len(detect_in_turns(sb3, short)),
        }
        return [Comparison("", measure(candidates, self.rounds))]


@dataclass(frozen=True)
class Live(Settings):
    """Scores per second that a `Monitor` judges one by one, each label told before the next score comes.

    The methods learn on the first eight packaged series.
    """

    windows: int = count(20_000, f"of {SERIES}, repeated, per round", 3, 10**8)
    episodes: int = count(500, "that the DQN is trained for")
    rounds: int = _rounds(5)

    def compare(self) -> list[Comparison]:
        """Measure a static threshold, the belief and a planned DQN, and how long 99% of the pushes take at most."""
        train, series = resolve(None)[:8], repeated(training_series(1000), self.windows)
        agent = ReferenceDQN(gym.make("ADT-v0", series=train), learning_rate=1e-3).learn(self.episodes)
        methods = {
            "static": thresholds.make("static").fit(train),
            "belief": thresholds.make("belief").fit(train),
            "planned DQN": thresholds.Policy(agent),
        }
        measurement = measure({name: pushing(method, series) for name, method in methods.items()}, self.rounds)
        slow = {name: 1e6 * float(np.percentile(latencies(method, series), 99)) for name, method in methods.items()}
        return [Comparison("", measurement, {"p99 of a push, us": slow})]


@dataclass(frozen=True)
class Paper(Settings):
    """Seconds that the reference agent takes for the paper's protocol."""

    episodes: int = count(20_000)
    windows: int = _windows(1000)

    def seconds(self) -> Iterator[tuple[int, float]]:
        """Yield l and the seconds, for l = 1 and 10 and k = 2."""
        series = training_series(self.windows)
        for hold in (1, 10):
            agent = ReferenceDQN(gym.make("ADT-v0", series=series, k=2), hold=hold)
            with bar(f"l = {hold}, hundreds of episodes", -(-self.episodes // 100)) as advance:
                started = perf_counter()
                agent.learn(self.episodes, lambda done: advance("") if done.episode % 100 == 0 else None)
                yield hold, perf_counter() - started


@dataclass(frozen=True)
class Jax(Settings):
    """Steps per second in JAX, restarts included, compilation not."""

    num_envs: tuple[int, ...] = option((4096, 65_536), help="N; repeat it", min=4, max=10**6)
    steps: int = count(1000, "per round and of all N at once")
    updates: int = count(4, "of PPO per round, each on 32 steps of the first N; 0 for none", least=0)
    sb3_steps: int = count(4096, "that SB3's PPO learns for at its defaults, per round")
    rounds: int = _rounds(5)

    def compare(self) -> list[Comparison]:
        """Measure ours beside gymnax's CartPole and our native vector env, and PPO on ours beside SB3's."""
        from adt_gym.experiments.jax_benchmark import learners, steppers

        comparisons = [Comparison(f"N = {n:,}", measure(steppers(n, self.steps), self.rounds)) for n in self.num_envs]
        if self.updates:
            n = self.num_envs[0]
            learning = measure(learners(n, self.updates, self.sb3_steps), self.rounds)
            comparisons.append(Comparison(f"PPO, N = {n:,}", learning))
        return comparisons

    def device(self) -> str:
        """Return what JAX ran on."""
        from adt_gym.experiments.jax_benchmark import device

        return device()


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
    return thresholds.Policy(agent).detect(series).decisions


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


def pushing(method: thresholds.Method, series: ScoredSeries) -> Callable[[], int]:
    """Return what pushes every score of a series into a new monitor and tells it each label, if the method hears them.

    The label of a window is told after its score, before the next one comes.
    """
    scores, labels = series.scores.tolist(), series.truth.tolist()

    def run() -> int:
        monitor = Monitor(None, method)
        for t, score in enumerate(scores):
            monitor.push(t, score)
            if method.sees_labels:
                monitor.tell(t, labels[t])
        return len(scores)

    return run


def latencies(method: thresholds.Method, series: ScoredSeries) -> NDArray[np.float64]:
    """Return shape ``(T,)``: how long each of these pushes took, in seconds."""
    monitor, taken = Monitor(None, method), []
    for t, (score, label) in enumerate(zip(series.scores.tolist(), series.truth.tolist(), strict=True)):
        started = perf_counter()
        monitor.push(t, score)
        taken.append(perf_counter() - started)
        if method.sees_labels:
            monitor.tell(t, label)
    return np.array(taken)


def training_series(windows: int) -> ScoredSeries:
    """Return the first windows of `SERIES`."""
    (series,) = resolve(SERIES)
    if not 2 < windows <= len(series):
        raise InputError(f"{SERIES} has {len(series)} windows; choose from 3 to as many, not {windows}")
    return series[:windows]


def repeated(series: ScoredSeries, windows: int) -> ScoredSeries:
    """Return the series, over and over, up to so many windows."""
    return ScoredSeries(np.resize(series.scores, windows), np.resize(series.truth, windows), series.name)
