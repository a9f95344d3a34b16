"""ADT-Samples-v0: an agent calls each sample normal or anomalous, straight from its features."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded
from numpy.typing import NDArray

from adt_gym.checks import InputError, flag, number, shown, whole
from adt_gym.metrics.episode import OVER_WINDOWS, UNTOLD
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.samples.samples import CLIP, Samples, Standardiser, packaged
from adt_gym.stream.feedback import NO_OUTCOME, OUTCOME_NUMBERS, OUTCOME_OF, OUTCOMES

DEFAULT = "kubernetes_samples"

REWARDS = {"symmetric": (1.0, 1.0, -1.0, -1.0), "imbalanced": (1.0, 0.1, -0.5, -1.0)}
"""The preset rewards of TP, TN, FP and FN."""

Source = None | str | Samples

UNJUDGED = {"sample": -1, "decision": False, "label": False, "outcome": NO_OUTCOME}
"""What an info says where no sample was judged."""

METRICS = OVER_WINDOWS
"""Of `adt_gym.metrics.episode.EPISODE_METRICS` those that samples have, which know no events."""

_UNTOLD = np.full(len(METRICS), UNTOLD)


class SamplesEnv(gym.Env[NDArray[np.float32], np.int64]):
    """Sample-wise anomaly detection, where the action is the verdict.

    ## Description
    The agent sees the features of one sample after another and calls each normal or anomalous. What it does has no
    influence on the samples that follow: this is a contextual bandit in the clothes of an MDP, and supervised
    learning on the same labels is the yardstick (`adt classify` prints both).

    ## Action Space
    `Discrete(2)`: 0 = normal, 1 = anomalous.

    ## Observation Space
    `Box(-10, 10, (d,), float32)`: the d features of the sample to be judged, in standard deviations from the mean of
    the training part, clipped to 10 of them. After the last sample of the set: zeros.

    ## Rewards
    One of four numbers, by the outcome (TP, TN, FP, FN): `symmetric` is (1, 1, -1, -1), `imbalanced` is
    (1, 0.1, -0.5, -1).

    ## Starting State
    Shuffled, the samples come in a new order drawn from the environment's own generator. In a stream they keep the
    order of the rows; a cropped episode starts at a row drawn uniformly.

    ## Episode End
    The end of the samples terminates. An episode of `episode_samples` samples that ends before it is truncated.

    ## Information
    Of the sample just judged: `sample`, its row; `decision` and `label`; `outcome`, 0 to 3 for TP, TN, FP and FN. After
    `reset` they are -1, False, False and -1. `episode_metrics`, float64 of shape `(3,)`: precision, recall and F1 of
    the anomalous class over an episode that has just ended, before that -1. Samples have no order, hence no events.

    ## Arguments
    - `features`: None (the packaged `kubernetes_samples`), a packaged name (`kubernetes_samples`, `blobs`), or an
      `adt_gym.samples.samples.Samples`, such as `adt_gym.data.samples.read_samples` makes of any table with a label
      column. Names keep the EnvSpec JSON-serialisable.
    - `reward` ("symmetric"): a preset, or the rewards of TP, TN, FP and FN.
    - `shuffle` (True): whether every episode has an order of its own; False for a stream.
    - `episode_samples` (None): samples of an episode; None for all.
    - `standardise_on` (None): the samples whose mean and standard deviation scale the features, given like `features`;
      None for the environment's own. To judge a test part, pass the training part.

    Bad arguments and data raise `adt_gym.InputError`; an action outside the space raises
    `gymnasium.error.InvalidAction`, a step after the end `gymnasium.error.ResetNeeded`.

    ## Vectorized environment
    `gym.make_vec("ADT-Samples-v0", num_envs=1024)` is native: see `adt_gym.samples.vector.SamplesVectorEnv`.

    ## Version History
    - v0: initial version
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        features: Source = None,
        reward: str | Sequence[float] = "symmetric",
        shuffle: bool = True,
        episode_samples: int | None = None,
        standardise_on: Source = None,
        render_mode: None = None,
    ):
        check_arguments(shuffle, episode_samples, render_mode)
        self.samples = resolve(features)
        self.shuffle, self.episode_samples = shuffle, episode_samples
        self.action_space = spaces.Discrete(2)
        self.observation_space = observation_space(self.samples)
        self._observations = observations(self.samples, standardise_on)
        self._rewards = reward_table(reward).tolist()
        self._labels = self.samples.labels.tolist()
        self._rows: list[int] = []  # until reset() there is nothing to judge
        self._t = self._stop = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; see "Starting State" in the class docstring."""
        super().reset(seed=seed)
        check_options(options)
        rows = draw_rows(self.np_random, len(self.samples), self.shuffle, self.episode_samples)
        self._rows = rows.tolist()
        self._t, self._stop = 0, len(rows) - 1
        self._decisions = bytearray()
        return self._observations[rows[0]].copy(), {**UNJUDGED, "episode_metrics": _UNTOLD.copy()}

    def step(self, action: np.int64 | int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Judge the sample last observed."""
        if not self.action_space.contains(action):
            raise InvalidAction(f"action {action!r} is outside {self.action_space}")
        if self._t >= self._stop:
            raise ResetNeeded("the episode is over or was never begun: call reset() before step()")
        row = self._rows[self._t]
        decision, label = bool(action), self._labels[row]
        self._decisions.append(decision)
        self._t += 1
        following = self._rows[self._t]
        terminated = following == len(self._labels)
        truncated = self._t == self._stop and not terminated
        info = {
            "sample": row,
            "decision": decision,
            "label": label,
            "outcome": OUTCOME_NUMBERS[label][decision],
            "episode_metrics": self._metrics() if terminated or truncated else _UNTOLD.copy(),
        }
        return self._observations[following].copy(), self._rewards[label][decision], terminated, truncated, info

    def _metrics(self) -> NDArray[np.float64]:
        judged = self._rows[: self._t]
        return np.array(precision_recall_f1(list(self._decisions), self.samples.labels[judged]))


def resolve(source: Source) -> Samples:
    """Return the samples that ``source`` stands for.

    Raises:
        InputError: If it is neither samples nor the name of a packaged set.
    """
    if isinstance(source, Samples):
        return source
    if source is None or isinstance(source, str):
        return packaged(DEFAULT if source is None else source)
    raise InputError(f"features must be Samples or the name of a packaged set, got {type(source).__name__}")


def reward_table(reward: str | Sequence[float]) -> NDArray[np.float64]:
    """Return shape ``(2, 2)``: the reward by label and decision.

    Args:
        reward: The name of a preset, or the rewards of TP, TN, FP and FN.

    Raises:
        InputError: If the preset is unknown, or the rewards are not four finite numbers.
    """
    if isinstance(reward, str):
        if reward not in REWARDS:
            raise InputError(f"unknown reward preset {reward!r}; known: {', '.join(REWARDS)}")
        reward = REWARDS[reward]
    try:
        given = [number("reward", one) for one in reward]
    except (TypeError, InputError):
        given = []
    if len(given) != len(OUTCOMES):
        numbers = f"four finite numbers, for {', '.join(OUTCOMES)}"
        raise InputError(f"reward must be a preset or {numbers}; got {shown(reward)}")
    of = dict(zip(OUTCOMES, given, strict=True))
    return np.array([[of[outcome] for outcome in row] for row in OUTCOME_OF])


def observation_space(samples: Samples) -> spaces.Space[NDArray[np.float32]]:
    """Return the space of standardised features."""
    return spaces.Box(-CLIP, CLIP, (len(samples.columns),), np.float32)


def observations(samples: Samples, standardise_on: Source) -> NDArray[np.float32]:
    """Return shape ``(n + 1, d)``: the standardised features, and zeros for when no sample is left."""
    scale = Standardiser.fit(samples if standardise_on is None else resolve(standardise_on))
    return np.pad(scale(samples), ((0, 1), (0, 0)))


def draw_rows(random: np.random.Generator, n: int, shuffle: bool, episode_samples: int | None) -> NDArray[np.int64]:
    """Return the rows of an episode in their order, then the row that follows them, or n where none is left.

    Nothing is drawn where there is nothing to choose.
    """
    length = min(episode_samples or n, n)
    if not shuffle:
        start = int(random.integers(n - length + 1)) if length < n else 0
        return np.arange(start, start + length + 1)
    rows = random.choice(n, size=min(length + 1, n), replace=False)
    return rows if length < n else np.append(rows, n)


def check_arguments(shuffle: bool, episode_samples: int | None, render_mode: None) -> None:
    """Refuse episodes without a sample, arguments of another type, and rendering."""
    flag("shuffle", shuffle)
    if episode_samples is not None:
        whole("episode_samples", episode_samples)
    if render_mode is not None:
        raise InputError(f"ADT-Samples-v0 does not render, got render_mode={shown(render_mode)}")


def check_options(options: dict[str, Any] | None) -> None:
    """Refuse reset options: there are none to choose from."""
    if options:
        raise InputError(f"unknown reset option {sorted(options)[0]!r}; there are none")
