"""Training of an agent on scored series, with checkpoints and TensorBoard: `adt train`."""

import json
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure

from adt_gym.agents import sb3
from adt_gym.agents.callbacks import EpisodeMetrics, log_metrics
from adt_gym.agents.reference_dqn import EpisodeReport, Hyperparameters, ReferenceDQN
from adt_gym.agents.sb3_checkpoint import load_checkpoint, save_checkpoint
from adt_gym.checks import InputError
from adt_gym.envs import settings as env_settings
from adt_gym.experiments.agent import SMOOTHED, AgentSettings
from adt_gym.files import seal
from adt_gym.folders import Folder
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar
from adt_gym.settings import count, option, seed, share
from adt_gym.stream.feedback import MAX_DELAY

CHECKPOINT = "checkpoint.pt"
"""Where in a run's folder the last checkpoint lies."""

Agent = Literal["reference", "sb3-dqn", "sb3-ppo"]
"""What can be trained."""

Environment = Literal["ADT-v0", "ADT-Levels-v0", "ADT-Blind-v0"]
"""Where it can be trained: the thresholding environments with Discrete actions."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings(AgentSettings):
    """Everything a training depends on; written to its config.json.

    Args:
        agent: What is trained.
        series: What ADT-v0 takes: a packaged name, an ``.npz`` file of scored series or a folder of them.
        env: The environment's id: ADT-v0, or a preset of it with Discrete actions.
        feedback, feedback_delay, label_noise: See ADT-v0; a feedback of None is what the id stands for.
        episodes: How many; for PPO about as many, it stops after whole rollouts.
        learning_rate, gamma: See the reference DQN.
        num_envs: For PPO, episodes side by side.
        seed: Of everything that is drawn.
    """

    agent: Agent = option("reference", help="the hand-written DQN, or Stable-Baselines3's DQN or PPO")
    series: str = option("yahoo_like", help="a packaged name, an .npz file of scored series, or a folder")
    env: Environment = option("ADT-v0", help="the paper's; 21 levels and the score; the same without labels")
    feedback: str | None = option(None, help="full, alerts or none; the environment's own by default")
    feedback_delay: int = count(1, "windows after which a label is told", most=MAX_DELAY)
    label_noise: float = share(0.0, "probability that a label is told wrong")
    episodes: int = count(20_000)
    learning_rate: float = share(1e-4, within=True)
    gamma: float = share(0.99)
    num_envs: int = count(64, "PPO: episodes side by side", most=10**5)
    seed: int = seed()

    def __post_init__(self) -> None:
        super().__post_init__()
        env_settings.Settings(**self.env_kwargs)
        Hyperparameters(hold=self.hold, learning_rate=self.learning_rate, gamma=self.gamma)

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """The arguments of ADT-v0 that a policy must be evaluated with."""
        preset = gym.spec(self.env).kwargs
        feedback = {} if self.feedback is None else {"feedback": self.feedback}
        told = {**feedback, "feedback_delay": self.feedback_delay, "label_noise": self.label_noise}
        return {**preset, **told, **self.mdp}

    @property
    def learning(self) -> dict[str, Any]:
        """The hyper-parameters that are not the agent's defaults."""
        return {"learning_rate": self.learning_rate, "gamma": self.gamma}

    @property
    def policy_file(self) -> str:
        """Where in a run's folder the policy lies."""
        return "policy.npz" if self.agent == "reference" else "policy.zip"

    @property
    def names(self) -> list[str]:
        """All files that the training leaves in its folder, but for TensorBoard's."""
        return ["config.json", CHECKPOINT, self.policy_file]


def train(settings: TrainSettings, folder: Folder, resume: bool, checkpoint_seconds: float) -> int:
    """Train an agent; Ctrl-C and the signal to end save and stop it.

    Args:
        settings: What is trained.
        folder: Where policy, checkpoint and TensorBoard's events go.
        resume: Whether the run in the folder goes on; one that ended before its first checkpoint begins anew.
        checkpoint_seconds: The time between two checkpoints.

    Returns:
        The number of the signal that stopped it; 0 where it came to its end.

    Raises:
        InputError: If the folder holds another run, or one that is not to be resumed.
    """
    going_on = _prepare(folder, settings, resume)
    with _stopping() as signals:
        begin = _reference if settings.agent == "reference" else _sb3
        training = begin(settings, folder.path, going_on)
        save = partial(_keep, folder, CHECKPOINT, training.checkpoint)
        try:
            with bar(training.title, training.left) as advance:
                training.learn(_Watch(advance, save, checkpoint_seconds, signals))
        except _Stopped:
            return signals[0]
        save()
        _keep(folder, settings.policy_file, training.policy)
    return 0


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
    return as_dataclass(TrainSettings, read_json(path, what), f"{path} is not {what}", every=True)


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
class _Training:
    """An agent to train: the steps of its bar that are left, how it learns, and what writes its two files."""

    title: str
    left: int
    learn: Callable[["_Watch"], object]
    checkpoint: Callable[[Path], object]
    policy: Callable[[Path], object]


def _keep(folder: Folder, name: str, write: Callable[[Path], object]) -> None:
    """Write a file of the run, whole or not at all."""
    with folder.writing(name) as temporary:
        write(temporary)


class _Watch:
    """What follows every episode: the progress bar, now and then a checkpoint, and the stop that Ctrl-C asked for."""

    def __init__(
        self, advance: Callable[[str], None], save: Callable[[], None], seconds: float, signals: Sequence[int]
    ):
        self._advance, self._save, self._seconds, self._signals = advance, save, seconds, signals
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
        if self._signals or now - self._saved > self._seconds:
            self._save()
            self._saved = now
        if self._signals:
            raise _Stopped


def _reference(settings: TrainSettings, folder: Path, going_on: bool) -> _Training:
    env = gym.make(settings.env, series=settings.series, **settings.env_kwargs)
    if going_on:
        agent = ReferenceDQN.resume(folder / CHECKPOINT, env)
    else:
        agent = ReferenceDQN(env, settings.seed, hold=settings.hold, **settings.learning)
    logger = configure(str(folder), ["tensorboard"])

    def learn(watch: _Watch) -> None:
        def after(report: EpisodeReport) -> None:
            log_metrics(logger, report.metrics)
            if report.episode % SMOOTHED == 0:
                _log(logger, report, watch, agent)
            watch(report.reward, report.epsilon)

        agent.learn(settings.episodes, after, resumed=going_on)

    return _Training("reference", settings.episodes - agent.episodes, learn, agent.save_checkpoint, agent.save)


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


def _sb3(settings: TrainSettings, folder: Path, going_on: bool) -> _Training:
    ppo = settings.agent == "sb3-ppo"
    if ppo and settings.hold > 1:
        raise InputError("PPO cannot keep an action while every window is a transition: --hold is for the DQNs")
    made: dict[str, Any] = {"series": settings.series, **settings.env_kwargs}
    env: Any
    if ppo:
        env = gym.make_vec(settings.env, settings.num_envs, autoreset_mode="SameStep", **made)
    else:
        env = gym.make(settings.env, **made)
    model: Any
    if going_on:
        model = load_checkpoint(folder / CHECKPOINT, env)
    elif ppo:
        model = sb3.make_ppo(env, settings.seed, **settings.learning)
    else:
        model = sb3.make_dqn(env, settings.seed, hold=settings.hold, **settings.learning)
    model.set_logger(configure(str(folder), ["tensorboard"]))
    anew = {"reset_num_timesteps": not going_on}
    files = partial(save_checkpoint, model), partial(_save_sealed, model)
    if ppo:
        windows = settings.episodes * int(env.unwrapped.mdp.lengths.mean()) - model.num_timesteps
        rollouts = -(-windows // (model.n_steps * settings.num_envs))
        return _Training(
            "sb3-ppo (rollouts)",
            rollouts,
            lambda watch: model.learn(max(windows, 0), [_Rollouts(watch), EpisodeMetrics()], **anew),
            *files,
        )
    return _Training(
        "sb3-dqn",
        settings.episodes - model._episode_num,
        lambda watch: sb3.learn_episodes(
            model, settings.episodes, [_Episodes(watch), EpisodeMetrics()], log_interval=SMOOTHED, **anew
        ),
        *files,
    )
