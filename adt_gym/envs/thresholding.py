"""ADT-v0 and its presets: an agent sets the threshold of an anomaly detector, window by window."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from adt_gym.checks import one_of
from adt_gym.envs.actions import action_space_of, keys_of, threshold_of
from adt_gym.envs.costs import Ledger
from adt_gym.envs.feedback import ToldEpisode
from adt_gym.envs.memory import CountedEpisode, TabulatedEpisode
from adt_gym.envs.rendering import Frame, Screen, ansi, frame_of
from adt_gym.envs.settings import settings_of, takes_settings
from adt_gym.envs.sources import JsonSpec, Source, draw_episode, resolve
from adt_gym.mdp.mdp import PASSIVE, mdp_of
from adt_gym.mdp.plan import View
from adt_gym.metrics.episode import EPISODE_METRICS, UNTOLD, episode_metrics
from adt_gym.stream.feedback import NO_OUTCOME, OUTCOME_NUMBERS, flips

_FIRST = np.array([0])
_USUAL = (np.int64, int)
_UNJUDGED = {"t": -1, "threshold": -1.0, "decision": False, "label": False, "outcome": NO_OUTCOME}
_UNTOLD = np.full(len(EPISODE_METRICS), UNTOLD)


def observation_space_of(observe_score: bool) -> spaces.Space[NDArray[np.float32]]:
    """Return the space of one observation."""
    return spaces.Box(0.0, 1.0, (6 + observe_score,), np.float32)


def empty_info(*shape: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of an info of that shape, every entry saying that no window was judged."""
    return {
        "t": np.full(shape, -1),
        "threshold": np.full(shape, -1.0),
        "decision": np.zeros(shape, dtype=bool),
        "label": np.zeros(shape, dtype=bool),
        "outcome": np.full(shape, NO_OUTCOME),
    }


class ThresholdingEnv(JsonSpec, gym.Env[NDArray[np.float32], np.int64]):
    """The thresholding MDP of Yang, Howley and Schukat (ALA 2023, section 3.3).

    ## Description
    A detector has given every window of a time series an anomaly score in [0, 1]. Before each window the agent
    chooses the threshold; the window is flagged if its score is above it. Labels tell afterwards which of the
    four outcomes (TP, TN, FP, FN) that was.

    **Read this before trusting a good result:** by default the observation holds the label of the window before, and
    with thresholds 0 and 1 the score of the judged window plays no part in the decision. The optimal policy copies the
    last label. `feedback`, `feedback_delay` and `label_noise` take that label away; `thresholds` and `observe_score`
    let the score matter. The presets:

    | id | thresholds | score observed | labels observed |
    |---|---|---|---|
    | `ADT-v0` (the paper) | 0 and 1 | no | all, after one window |
    | `ADT-Levels-v0` | 0, 0.05, ..., 1 | yes | all, after one window |
    | `ADT-Continuous-v0` | any | yes | all, after one window |
    | `ADT-Blind-v0` | 0, 0.05, ..., 1 | yes | none |

    ## Action Space
    `Discrete(len(thresholds))`, action i sets `thresholds[i]`; by default 0 = active mode, threshold 0, flags the
    window; 1 = passive mode, threshold 1, flags nothing (equation 7). `Box(0, 1, (1,), float32)`, the threshold itself,
    with `thresholds="continuous"`. Thresholds are float32, as scores are.

    ## Observation Space
    `Box(0, 1, (6,), float32)`: mean and sample variance of the scores of the last k windows (equation 5), then the
    shares of TP, TN, FP and FN among the outcomes of the k windows whose labels came last (equation 6). Before window t
    is judged those are windows t - d - k + 1 to t - d for a delay of d, by default the last k. A window whose label is
    never told, or before the episode's start, counts in none of the four shares; they are always shares of k.
    `observe_score` appends the score of window t, 0 at the series' end: `Box(0, 1, (7,), float32)`.

    ## Rewards
    `alpha (nTP - nFP - nFN) + beta nTN`, counted over the last k windows, the one just judged included
    (equation 8), always by the true labels. With `hold` above 1 a step returns the sum over the windows it judged.
    Three terms, off by default, are added per window judged:

    - `change_cost` is subtracted when the threshold is not that of the window before (the first k had threshold 1).
    - `early_bonus * max(0, 1 - i / early_windows)` is earned by the first flagged window of an event, once per event, i
      windows after the event's first one. An event is a run of anomalous windows of the series.
    - `alarm_cost` is subtracted for each flagged window of the episode beyond the first `alarm_budget`.

    ## Starting State
    A series and, for cropped episodes, a start are drawn uniformly. The first k windows are judged in passive
    mode, fill the first observation and earn no reward.
    `reset(options={"series": index or name, "start": window})` picks instead of drawing.

    ## Episode End
    The end of the series terminates. An episode of `episode_windows` windows that ends before it is truncated.

    ## Information
    `reset` and `step` return the same keys, numbers and arrays only:
    - `series`, its index, and `start`, the episode's first window;
    - of the window just judged `t`, `threshold`, `decision`, `label` and `outcome`, 0 to 3 for TP, TN, FP and FN
      (`adt_gym.stream.feedback.OUTCOMES`); -1, -1, False, False and -1 after `reset`. With `hold` above 1 they are
      arrays of shape `(hold,)`, whose entries past the episode's end say the same as after `reset`;
    - `episode_metrics`, float64 of shape `(6,)`: precision, recall and F1 over windows, events, events found and false
      alarms of the episode that this step ends, its first k windows included; before its end all are -1. Events are
      runs of anomalous windows as far as the episode holds them, false alarms runs of flagged windows that touch none
      (`adt_gym.metrics.episode.EPISODE_METRICS` names them in this order). It is an array as TorchRL reads no
      dictionary within an info. A `TimeLimit` wrapper (`max_episode_steps` of `gym.make`) ends an episode unseen, so
      there it stays -1: `episode_windows`, or `max_episode_steps` of `gym.make_vec`, tell it.

    ## Arguments
    - `series`: None (the packaged `yahoo_like`), a packaged name, the path of an `.npz` file of scored series or of
      a folder of them, a `ScoredSeries`, or a sequence of these, no two series of one name. Names and paths keep the
      EnvSpec JSON-serialisable.
    - `k` (2): how many windows observation and reward look back on.
    - `alpha` (0.9), `beta` (0.1): the weights of the reward; they add up to 1.
    - `hold` (1): for how many windows a step keeps its threshold (l).
    - `thresholds` ((0, 1)): the levels in [0, 1] that actions set, or "continuous".
    - `feedback` ("full"): whose labels are told: those of all windows, of flagged ones ("alerts") or of none ("none");
      or a rule of your own, an `adt_gym.stream.feedback.Feedback`, with its own delay and noise.
    - `feedback_delay` (1): d, how many windows after its own a label is told.
    - `label_noise` (0): with what probability the label that is told is the wrong one. It is drawn once per window,
      when the window is judged; rewards and infos keep the truth.
    - `observe_score` (False): whether the score of the window to be judged is observed.
    - `episode_windows` (None): windows of an episode, the first k included; None for whole series.
    - `render_mode`: None, "ansi", "rgb_array" or "human".
    - `change_cost` (0), `early_bonus` (0), `early_windows` (10), `alarm_budget` (None), `alarm_cost` (1): see Rewards.

    Bad arguments and data raise `adt_gym.InputError`; an action outside the space raises
    `gymnasium.error.InvalidAction`, a step after the end `gymnasium.error.ResetNeeded`.

    ## Vectorized environment
    `gym.make_vec("ADT-v0", num_envs=1024)` is native: see `adt_gym.envs.vector.ThresholdingVectorEnv`.

    ## Version History
    - v0: initial version

    ## Credits
    Yang, Howley, Schukat: "ADT: Agent-based Dynamic Thresholding for Anomaly Detection", ALA workshop, 2023.
    """

    metadata = {"render_modes": ["ansi", "rgb_array", "human"], "render_fps": 30}  # noqa: RUF012

    @takes_settings
    def __init__(self, series: Source = None, render_mode: str | None = None, **settings: Any):
        self.settings = given = settings_of(settings)
        if render_mode is not None:
            one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.mdp = mdp_of(resolve(series), given.k, given.alpha, given.beta)
        self.render_mode, self.hold, self.feedback = render_mode, given.hold, given.told
        self.levels, self.observe_score = given.levels, given.observe_score
        self.action_space = action_space_of(self.levels)
        self.observation_space = observation_space_of(self.observe_score)
        self._ledger = Ledger(given, self.mdp, 1) if given.charged else None
        self._threshold_of: dict[Any, float] = dict(enumerate(self.levels or ()))
        self._scores, self._labels = self.mdp.score_list, self.mdp.label_list
        truth = (TabulatedEpisode if self.mdp.table else CountedEpisode)(self.mdp)
        self._memory = truth if self.feedback.immediate else ToldEpisode(truth, self.mdp, self.feedback)
        self._position = self._stop = 0  # until reset() there is nothing to judge
        self._screen: Any = None
        self._extend()

    def _extend(self) -> None:
        """Make what a subclass has beside all this."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; see "Starting State" in the class docstring."""
        super().reset(seed=seed)
        mdp = self.mdp
        episode = draw_episode(self.np_random, mdp.series, mdp.k, self.settings.episode_windows, options)
        self.episode, self._series, self._start = episode, episode.series, episode.start
        self._offset = int(mdp.offsets[episode.series])
        self._end = self._offset + int(mdp.lengths[episode.series])
        self._stop = self._offset + episode.stop
        self._position = self._offset + episode.start + mdp.k
        self._memory.restart(self._position, self.np_random)
        if self._ledger:
            self._ledger.restart(_FIRST)
        self._thresholds, self._decisions = [PASSIVE] * mdp.k, bytearray(mdp.k)
        self._last_reward = self._return = 0.0
        if self.render_mode == "human":
            self.render()
        observation = self._memory.observe()
        if self.observe_score:
            observation = self._with_score(observation)
        unjudged = empty_info(self.hold) if self.hold > 1 else _UNJUDGED
        return observation, {
            "series": episode.series,
            "start": episode.start,
            **unjudged,
            "episode_metrics": _UNTOLD.copy(),
        }

    def step(self, action: np.int64 | int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Judge the next window, or the next ``hold`` windows, with the action's threshold."""
        # The space's own check takes as long as the rest of the step, so ask it only about unusual types.
        threshold = self._threshold_of.get(action) if type(action) in _USUAL else None
        if threshold is None:
            threshold = threshold_of(action, self.levels, self.action_space)
        if self._position >= self._stop:
            raise ResetNeeded("the episode is over or was never begun: call reset() before step()")
        earned, info = self._judge(threshold) if self.hold == 1 else self._judge_held(threshold)
        terminated = truncated = False
        if self._position == self._stop:
            terminated = self._stop == self._end
            truncated = not terminated
            info["episode_metrics"] = self._metrics()
        if self.render_mode is not None:
            self._last_reward, self._return = earned, self._return + earned
            if self.render_mode == "human":
                self.render()
        observation = self._memory.observe()
        if self.observe_score:
            observation = self._with_score(observation)
        return observation, earned, terminated, truncated, info

    @property
    def span(self) -> tuple[int, int]:
        """The MDP's positions from which and up to which the agent judges in this episode."""
        return self._offset + self.episode.start + self.mdp.k, self._stop

    @property
    def end(self) -> int:
        """The MDP's position at which the episode's series ends."""
        return self._end

    def seen(self, first: int = 0) -> list[int]:
        """Return what is told of the windows judged in this episode, the first k included, when its time has come.

        Per window the label, 0 or 1, flipped where label noise flips it; -1 where no label ever comes. With a delay of
        d windows the last d - 1 entries are not known yet.

        Args:
            first: How many windows of the episode are left out.
        """
        if isinstance(self._memory, ToldEpisode):
            return self._memory.seen[first:]
        return self.mdp.label_numbers[self._offset + self.episode.start + first : self._position]

    def foresee(self) -> View:
        """Return what an agent is shown in the whole episode that has just begun, for planning it instead of stepping.

        It draws all that stepping through the episode would draw.
        """
        labels = None
        if self.feedback.noise:
            start, stop = self.span
            flipped = flips(self.np_random, self.feedback.noise, stop - start)
            labels = np.concatenate((np.array(self.seen()) == 1, self.mdp.labels[start:stop] ^ flipped))
        return View(self.feedback, self.observe_score, labels)

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Return the action of each key for `gymnasium.utils.play`: 0 to 9, then a to z; `adt play` plays it.

        Raises:
            InputError: If thresholds are "continuous", or there are more than 36.
        """
        return keys_of(self.levels)

    def render(self) -> Any:
        """Return text ("ansi") or an image of shape ``(400, 600, 3)`` ("rgb_array"), or show a window ("human")."""
        if self.render_mode is None:
            gym.logger.warn('nothing to render: choose one with gym.make("ADT-v0", render_mode="rgb_array")')
            return None
        if self._stop == 0:
            raise ResetNeeded("nothing to render yet: call reset() first")
        if self.render_mode == "ansi":
            return ansi(self._frame())
        if self._screen is None:
            mode: Any = self.render_mode
            self._screen = Screen(mode, self.metadata["render_fps"])
        return self._screen.draw(self._frame())

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def _with_score(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        scored = np.empty(7, dtype=np.float32)
        scored[:6], scored[6] = observation, self._scores[self._position]
        return scored

    def _judge(self, threshold: float) -> tuple[float, dict[str, Any]]:
        position = self._position
        label = self._labels[position]
        decision = self._scores[position] > threshold
        self._position = after = position + 1
        if self.render_mode is not None:
            self._thresholds.append(threshold)
        self._decisions.append(decision)
        earned = self._memory.push(after, decision)
        if self._ledger:
            judged = np.array([position]), np.array([threshold], np.float32), np.array([decision])
            earned += float(self._ledger.charge(_FIRST, *judged)[0])
        return earned, {
            "series": self._series,
            "start": self._start,
            "t": position - self._offset,
            "threshold": threshold,
            "decision": decision,
            "label": label,
            "outcome": OUTCOME_NUMBERS[label][decision],
            "episode_metrics": _UNTOLD.copy(),
        }

    def _judge_held(self, threshold: float) -> tuple[float, dict[str, Any]]:
        total = 0.0
        windows = empty_info(self.hold)
        for i in range(min(self.hold, self._stop - self._position)):
            earned, info = self._judge(threshold)
            total += earned
            for key, values in windows.items():
                values[i] = info[key]
        return total, info | windows

    def _metrics(self) -> NDArray[np.float64]:
        labels = self.mdp.labels[self._position - len(self._decisions) : self._position]
        return episode_metrics(np.frombuffer(bytes(self._decisions), dtype=bool), labels)

    def _frame(self) -> Frame:
        series, stop = self.mdp.series[self._series], self._position - self._offset
        return frame_of(series, self._start, stop, self._thresholds, self._last_reward, self._return)
