"""`adt train`: train an agent on scored series, with checkpoints and TensorBoard."""

import json
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import typer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure

from adt_gym.agents import sb3
from adt_gym.agents.reference_dqn import EpisodeReport, Hyperparameters, ReferenceDQN
from adt_gym.agents.sb3_checkpoint import load_checkpoint, save_checkpoint
from adt_gym.checks import MAX_SEED, InputError, one_of, whole
from adt_gym.envs.settings import Settings
from adt_gym.files import seal
from adt_gym.folders import Folder, own_folder
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar, console
from adt_gym.scripts import options
from adt_gym.stream.feedback import MAX_DELAY

SMOOTHED = 30
"""Episodes that a shown or logged reward is averaged over."""


CHECKPOINT = "checkpoint.pt"
"""Where in a run's folder the last checkpoint lies."""


class Agent(StrEnum):
    """What can be trained."""

    REFERENCE = "reference"
    SB3_DQN = "sb3-dqn"
    SB3_PPO = "sb3-ppo"


class Environment(StrEnum):
    """Where it can be trained: the thresholding environments with Discrete actions."""

    PAPER = "ADT-v0"
    LEVELS = "ADT-Levels-v0"
    BLIND = "ADT-Blind-v0"


@dataclass(frozen=True)
class TrainSettings:
    """Everything a training depends on; written to its config.json.

    Args:
        agent: One of `Agent`.
        series: What ADT-v0 takes: a packaged name, an ``.npz`` file of scored series or a folder of them.
        env: The environment's id: ADT-v0, or a preset of it with Discrete actions.
        feedback, feedback_delay, label_noise: See ADT-v0; a feedback of None is what the id stands for.
        k, hold, alpha, learning_rate, gamma: See ADT-v0 and the reference DQN; beta is 1 - alpha.
        episodes: How many; for PPO about as many, it stops after whole rollouts.
        num_envs: For PPO, episodes side by side.
        seed: Of everything that is drawn.
    """

    agent: str
    series: str
    env: str
    feedback: str | None
    feedback_delay: int
    label_noise: float
    k: int
    hold: int
    alpha: float
    episodes: int
    learning_rate: float
    gamma: float
    num_envs: int
    seed: int

    def __post_init__(self) -> None:
        one_of("agent", self.agent, Agent)
        one_of("env", self.env, Environment)
        for name in ("episodes", "num_envs"):
            whole(name, getattr(self, name))
        Settings(**self.env_kwargs)
        Hyperparameters(hold=self.hold, learning_rate=self.learning_rate, gamma=self.gamma)
        whole("seed", self.seed, 0, MAX_SEED)

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """The arguments of ADT-v0 that a policy must be evaluated with."""
        preset = gym.spec(self.env).kwargs
        feedback = {} if self.feedback is None else {"feedback": self.feedback}
        told = {**feedback, "feedback_delay": self.feedback_delay, "label_noise": self.label_noise}
        return {**preset, **told, "k": self.k, "alpha": self.alpha, "beta": 1 - self.alpha}

    @property
    def policy_file(self) -> str:
        """Where in a run's folder the policy lies."""
        return "policy.npz" if self.agent == Agent.REFERENCE else "policy.zip"


def train(
    agent: Annotated[Agent, typer.Option(help="the hand-written DQN, or Stable-Baselines3's DQN or PPO")] = (
        Agent.REFERENCE
    ),
    series: Annotated[str, typer.Option(help="a packaged name, an .npz file of scored series, or a folder")] = (
        "yahoo_like"
    ),
    env: Annotated[Environment, typer.Option(help="the paper's; 21 levels and the score; the same without labels")] = (
        Environment.PAPER
    ),
    feedback: Annotated[str | None, typer.Option(help="full, alerts or none; the environment's own by default")] = None,
    feedback_delay: Annotated[int, options.whole("windows after which a label is told", most=MAX_DELAY)] = 1,
    label_noise: Annotated[float, options.number("probability that a label is told wrong")] = 0.0,
    k: Annotated[int, options.whole("windows the agent looks back on")] = 2,
    hold: Annotated[int, options.whole("windows it keeps a threshold for (l)")] = 1,
    alpha: Annotated[float, options.number("weight of TP, FP and FN in the reward")] = 0.9,
    episodes: Annotated[int, options.whole()] = 20_000,
    learning_rate: Annotated[float, options.number(within=True)] = 1e-4,
    gamma: Annotated[float, options.number()] = 0.99,
    num_envs: Annotated[int, options.whole("PPO: episodes side by side", most=10**5)] = 64,
    seed: Annotated[int, options.seed()] = 0,
    out: Annotated[Path | None, typer.Option(help="folder of the run; runs/train-AGENT by default")] = None,
    checkpoint_seconds: Annotated[float, options.number("time between two checkpoints", most=1e6)] = 10.0,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the run in the folder stopped")] = False,
) -> None:
    """Train an agent. Ctrl-C saves and exits; --resume goes on, for both DQNs bit for bit as if never stopped.

    A run that ended before its first checkpoint begins anew. Nothing is unpickled.
    """
    settings = TrainSettings(
        agent.value, series, env.value, feedback, feedback_delay, label_noise,
        k, hold, alpha, episodes, learning_rate, gamma, num_envs, seed,
    )  # fmt: skip
    folder = out or Path("runs") / f"train-{agent.value}"
    with own_folder(folder, "train", ("config.json", CHECKPOINT, settings.policy_file)) as own:
        going_on = _prepare(own, settings, resume)
        try:
            with _stopping() as signals:
                schedule = _Schedule(checkpoint_seconds, lambda: bool(signals))
                _TRAINERS[agent](settings, own, going_on, schedule)
        except _Stopped:
            what = "stopped; the same command with --resume goes on. The checkpoint is in"
            console.print(f"{what} {folder}", soft_wrap=True)
            raise typer.Exit(128 + signals[0]) from None
    console.print(f"policy, checkpoint, TensorBoard events and settings are in {folder}", soft_wrap=True)


def read_settings(folder: Path) -> TrainSettings:
    """Return the settings of the run in a folder.

    Raises:
        FileNotFoundError: If there is no run.
        InputError: If its config.json is not one of `adt train`.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"no run in {folder}: it has no config.json")
    what = "the config.json of a training"
    return as_dataclass(TrainSettings, read_json(path, what), f"{path} is not {what}")


def _prepare(folder: Folder, settings: TrainSettings, resume: bool) -> bool:
    """Write config.json, or check that it holds these settings; return whether there is a checkpoint to go on from.

    A run that ended before its first checkpoint begins anew, with or without --resume.
    """
    checkpoint = folder.path / CHECKPOINT
    if resume:
        found = read_settings(folder.path)
        if found != settings:
            old, new = asdict(found), asdict(settings)
            changed = ", ".join(f"{key} was {old[key]}, is {new[key]}" for key in old if old[key] != new[key])
            raise InputError(f"{folder.path} holds a run with other settings: {changed}")
        return checkpoint.is_file()
    if checkpoint.is_file():
        raise InputError(f"{folder.path} is not empty: --resume goes on with its run, another --out starts a new one")
    gym.make(settings.env, series=settings.series, **settings.env_kwargs)  # what it refuses leaves no folder behind
    with folder.writing("config.json") as temporary:
        temporary.write_text(json.dumps(asdict(settings), indent=2) + "\n")
    return False


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Yield what gathers Ctrl-C and the signal to end, so that training stops between two episodes."""
    signals: list[int] = []
    stops = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda number, frame: signals.append(number)) for one in stops]
    try:
        yield signals
    finally:
        for one, handler in zip(stops, before, strict=True):
            signal.signal(one, handler)


class _Stopped(Exception):
    """It was told to stop, and everything is saved."""


@dataclass(frozen=True)
class _Schedule:
    """When to save, and whether to stop."""

    checkpoint_seconds: float
    stopped: Callable[[], bool]


class _Watch:
    """What follows every episode: the progress bar, now and then a checkpoint, and the stop that Ctrl-C asked for."""

    def __init__(self, advance: Callable[[str], None], save: Callable[[], None], schedule: _Schedule):
        self._advance, self._save, self._schedule = advance, save, schedule
        self._rewards: deque[float] = deque(maxlen=SMOOTHED)
        self._episodes = 0
        self._started = self._saved = time.perf_counter()

    @property
    def mean_reward(self) -> float:
        """Of the last ``SMOOTHED`` episodes."""
        return float(np.mean(self._rewards)) if self._rewards else 0.0

    @property
    def episodes_per_second(self) -> float:
        """Since the start."""
        return self._episodes / (time.perf_counter() - self._started)

    def __call__(self, reward: float, epsilon: float | None) -> None:
        self._rewards.append(reward)
        self._episodes += 1
        now = time.perf_counter()
        explored = "" if epsilon is None else f"  epsilon {epsilon:.2f}"
        self._advance(f"reward {self.mean_reward:.0f}{explored}  {self.episodes_per_second:.1f} episodes/s")
        stopped = self._schedule.stopped()
        if stopped or now - self._saved > self._schedule.checkpoint_seconds:
            self._save()
            self._saved = now
        if stopped:
            raise _Stopped


def _train_reference(settings: TrainSettings, folder: Folder, resume: bool, schedule: _Schedule) -> None:
    env = gym.make(settings.env, series=settings.series, **settings.env_kwargs)
    checkpoint = folder.path / CHECKPOINT
    if resume:
        agent = ReferenceDQN.resume(checkpoint, env)
    else:
        agent = ReferenceDQN(
            env, settings.seed, hold=settings.hold, learning_rate=settings.learning_rate, gamma=settings.gamma
        )
    logger = configure(str(folder.path), ["tensorboard"])
    with bar("reference", settings.episodes - agent.episodes) as advance:
        save = _keeping(folder, CHECKPOINT, agent.save_checkpoint)
        watch = _Watch(advance, save, schedule)

        def after(report: EpisodeReport) -> None:
            if report.episode % SMOOTHED == 0:
                _log(logger, report, watch, agent)
            watch(report.reward, report.epsilon)

        agent.learn(settings.episodes, after, resumed=resume)
    save()
    _keeping(folder, settings.policy_file, agent.save)()


def _keeping(folder: Folder, name: str, write: Callable[[Path], object]) -> Callable[[], None]:
    """Return what writes a file of the run, whole or not at all."""

    def keep() -> None:
        with folder.writing(name) as temporary:
            write(temporary)

    return keep


def _log(logger: Logger, report: EpisodeReport, watch: _Watch, agent: ReferenceDQN) -> None:
    """Write SB3's scalars under SB3's names, so that one chart shows both agents."""
    logger.record("rollout/ep_rew_mean", watch.mean_reward)
    logger.record("rollout/ep_len_mean", report.transitions)
    logger.record("rollout/exploration_rate", report.epsilon)
    logger.record("time/fps", int(report.transitions * watch.episodes_per_second))
    logger.record("train/learning_rate", agent.settings.learning_rate)
    if report.loss is not None:
        logger.record("train/loss", report.loss)
    logger.dump(agent.steps)


def _save_sealed(model: Any, path: Path) -> None:
    model.save(path)
    seal(path)


class _Episodes(BaseCallback):
    """SB3's callback that watches episodes; SB3 itself writes its scalars."""

    def __init__(self, watch: _Watch):
        super().__init__()
        self._watch, self._seen = watch, 0

    def _on_rollout_start(self) -> None:
        self._look()

    def _on_training_end(self) -> None:
        self._look()

    def _look(self) -> None:
        infos = list(self.model.ep_info_buffer or ())
        played = getattr(self.model, "_episode_num", 0)
        epsilon = getattr(self.model, "exploration_rate", None)
        if played > self._seen and infos:
            self._seen = played
            self._watch(infos[-1]["r"], epsilon)

    def _on_step(self) -> bool:
        return True


def _train_sb3_dqn(settings: TrainSettings, folder: Folder, resume: bool, schedule: _Schedule) -> None:
    env = gym.make(settings.env, series=settings.series, **settings.env_kwargs)
    checkpoint = folder.path / CHECKPOINT
    if resume:
        model = load_checkpoint(checkpoint, env)
    else:
        model = sb3.make_dqn(
            env, settings.seed, hold=settings.hold, learning_rate=settings.learning_rate, gamma=settings.gamma
        )
    model.set_logger(configure(str(folder.path), ["tensorboard"]))
    with bar("sb3-dqn", settings.episodes - model._episode_num) as advance:
        save = _keeping(folder, CHECKPOINT, partial(save_checkpoint, model))
        watch = _Watch(advance, save, schedule)
        sb3.learn_episodes(
            model, settings.episodes, _Episodes(watch), log_interval=SMOOTHED, reset_num_timesteps=not resume
        )
    save()
    _keeping(folder, settings.policy_file, partial(_save_sealed, model))()


class _Rollouts(BaseCallback):
    """SB3's callback that watches PPO's rollouts."""

    def __init__(self, watch: _Watch):
        super().__init__()
        self._watch = watch

    def _on_rollout_end(self) -> None:
        infos = list(self.model.ep_info_buffer or ())
        self._watch(float(np.mean([info["r"] for info in infos])) if infos else 0.0, None)

    def _on_step(self) -> bool:
        return True


def _train_sb3_ppo(settings: TrainSettings, folder: Folder, resume: bool, schedule: _Schedule) -> None:
    if settings.hold > 1:
        raise InputError("PPO cannot keep an action while every window is a transition: --hold is for the DQNs")
    env: Any = gym.make_vec(
        settings.env, settings.num_envs, series=settings.series, autoreset_mode="SameStep", **settings.env_kwargs
    )
    checkpoint = folder.path / CHECKPOINT
    if resume:
        model = load_checkpoint(checkpoint, env)
    else:
        model = sb3.make_ppo(env, settings.seed, learning_rate=settings.learning_rate, gamma=settings.gamma)
    model.set_logger(configure(str(folder.path), ["tensorboard"]))
    windows = settings.episodes * int(env.unwrapped.mdp.lengths.mean()) - model.num_timesteps
    rollouts = -(-windows // (model.n_steps * settings.num_envs))

    with bar("sb3-ppo (rollouts)", rollouts) as advance:
        save = _keeping(folder, CHECKPOINT, partial(save_checkpoint, model))
        watch = _Watch(advance, save, schedule)
        model.learn(max(windows, 0), _Rollouts(watch), reset_num_timesteps=not resume)
    save()
    _keeping(folder, settings.policy_file, partial(_save_sealed, model))()


_TRAINERS = {
    Agent.REFERENCE: _train_reference,
    Agent.SB3_DQN: _train_sb3_dqn,
    Agent.SB3_PPO: _train_sb3_ppo,
}
