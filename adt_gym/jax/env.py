"""ADT-v0 as pure functions of values on the device, with gymnax's interface."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments import environment, spaces

from adt_gym.jax import bits
from adt_gym.jax.context import label_context
from adt_gym.jax.draws import below, mixed, next_draw
from adt_gym.jax.values import Costs, EnvParams, EnvState, Ledger
from adt_gym.mdp.mdp import PASSIVE, reward
from adt_gym.stream.context import HISTORY, LABEL_CONTEXT, SCORE_CONTEXT
from adt_gym.stream.feedback import OUTCOME_NUMBERS, OUTCOMES

NOTHING = {"t": -1, "threshold": -1.0, "decision": False, "label": False, "outcome": -1}
"""What an info says of a window that was not judged."""


class Thresholding(environment.Environment[EnvState, EnvParams]):
    """The MDP of `adt_gym.envs.thresholding.ThresholdingEnv`; `adt_gym.jax.make` makes one.

    Labels are flipped, and series and starts drawn, by keys; all else equals the environment in NumPy. ``step`` begins
    a new episode where one ends, as Gymnasium's SAME_STEP does. A threshold beyond [0, 1] counts as the nearest one.

    Args:
        id: What it is called.
        k, hold: As in ADT-v0.
        kind: Which labels are told: "full", "alerts", "none" or "own rule".
        kept: Of how many windows the told outcomes are kept; 0 where every label is told at once.
        observe_score: Whether the score of the next window is observed.
        params: The default.
    """

    def __init__(self, id: str, k: int, hold: int, kind: str, kept: int, observe_score: bool, params: EnvParams):
        self._id, self.k, self.hold, self.kind, self.kept = id, k, hold, kind, kept
        self.observe_score, self._params = observe_score, params

    @property
    def name(self) -> str:
        """The id."""
        return self._id

    @property
    def default_params(self) -> EnvParams:
        """The parameters that the environment was made with."""
        return self._params

    def reset_env(self, key: jax.Array, params: EnvParams) -> tuple[jax.Array, EnvState]:
        """Begin an episode: a series and, where episodes are cropped, a start are drawn."""
        key_draw, key_flips = jax.random.split(key)
        state = self._begin(jax.random.bits(key_draw), self._flips(key_flips, self.k, params), params)
        return self.get_obs(state, params), state

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: EnvState, action: Any, params: EnvParams | None = None
    ) -> tuple[jax.Array, EnvState, jax.Array, jax.Array, jax.Array, dict[Any, Any]]:
        """Step, and begin a new episode where one ends; the info has the observation before that too.

        gymnax draws what comes next by a key in every step, which takes several times as long as all the rest.
        """
        params = self._params if params is None else params
        flips = self._flips(key, self.hold + self.k, params)
        reached, reward, info = self._judge_all(flips[: self.hold], state, action, params)
        terminated, truncated = self.is_terminated(reached, params), self.is_truncated(reached, params)
        begun = self._begin(next_draw(state.draws), flips[self.hold :], params)
        state = jax.tree.map(partial(jnp.where, terminated | truncated), begun, reached)
        info |= {"terminated": terminated, "truncated": truncated, "final_observation": self.get_obs(reached, params)}
        return self.get_obs(state, params), state, reward, terminated, truncated, info

    def step_env(
        self, key: jax.Array, state: EnvState, action: Any, params: EnvParams
    ) -> tuple[jax.Array, EnvState, jax.Array, jax.Array, dict[Any, Any]]:
        """Judge the next window, or the next ``hold`` windows; the info is as ADT-v0's, with ``discount``."""
        state, earned, info = self._judge_all(self._flips(key, self.hold, params), state, action, params)
        return self.get_obs(state, params), state, earned, self.is_terminated(state, params), info

    def is_terminated(self, state: EnvState, params: EnvParams) -> jax.Array:
        """Return whether the series is over."""
        return state.position == state.end

    def is_truncated(self, state: EnvState, params: EnvParams) -> jax.Array:
        """Return whether an episode of ``episode_windows``, or of so many steps, ends before its series does."""
        late = state.time >= params.max_steps_in_episode
        return late | ((state.position == state.stop) & (state.position != state.end))

    @property
    def num_actions(self) -> int:
        """How many actions there are; 1 where an action is a threshold."""
        return 1 if self._params.thresholds is None else self._params.thresholds.shape[-1]

    def action_space(self, params: EnvParams | None = None) -> Any:
        """Return the space of an action."""
        if self._params.thresholds is None:
            return spaces.Box(0.0, 1.0, (1,), jnp.float32)
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: EnvParams | None = None) -> spaces.Box:
        """Return the space of an observation."""
        least = [0.0] * (6 + self.observe_score)
        if self._params.context is not None:
            least += [-1.0] * (len(SCORE_CONTEXT) + len(LABEL_CONTEXT) * (self.kind != "none"))
        return spaces.Box(jnp.array(least), jnp.ones(len(least)), (len(least),), jnp.float32)

    def get_obs(self, state: EnvState, params: EnvParams | None = None, key: Any = None) -> jax.Array:
        """Return what is observed before the next window is judged."""
        params = self._params if params is None else params
        at, feedback = state.position, params.feedback
        columns = [params.statistics[at]]
        if self.kind == "none":
            shares = jnp.zeros(len(OUTCOMES))
        elif feedback is None:
            tp, fp = bits.counts(state.truth)
            positives = params.positives[at]
            shares = jnp.stack([tp, self.k - positives - fp, fp, positives - tp])
        else:
            lag = feedback.lag if jnp.ndim(feedback.lag) == 0 else feedback.lag[at]
            shares = bits.counts(bits.taken(state.told, lag, self.k))
        columns.append(shares.astype(jnp.float32) / self.k)
        if self.observe_score:
            columns.append(params.scores[at][None])
        if params.context is not None:
            columns.append(params.context[at])
            if feedback is not None:
                columns.append(label_context(bits.taken(state.told, lag, HISTORY), at, feedback.rule))
        return jnp.concatenate(columns)

    def _flips(self, key: jax.Array, windows: int, params: EnvParams) -> jax.Array:
        """Return which labels of so many windows are told wrongly."""
        if params.feedback is None or params.feedback.noise is None:
            return jnp.zeros(windows, bool)
        return jax.random.bernoulli(key, params.feedback.noise, (windows,))

    def _begin(self, draws: jax.Array, flips: jax.Array, params: EnvParams) -> EnvState:
        """Return an episode's first state; ``flips`` are those of its first k windows."""
        series, start = jnp.int32(0), jnp.int32(0)
        if len(params.offsets) > 1:
            series = below(mixed(draws), len(params.offsets))
        offset, length = params.offsets[series], params.lengths[series]
        end = stop = offset + length
        if params.episode_windows is not None:
            windows = jnp.minimum(params.episode_windows, length)
            start = below(mixed(~draws), length - windows + 1)
            stop = offset + start + windows
        return EnvState(
            time=jnp.int32(0),
            position=offset + start + self.k,
            stop=stop,
            end=end,
            truth=jnp.zeros((2, bits.words_of(self.k)), jnp.uint32),
            told=self._first_told(flips, offset + start + self.k, params),
            ledger=None if params.costs is None else Ledger(jnp.float32(PASSIVE), jnp.int32(-1), jnp.int32(0)),
            draws=draws,
        )

    def _first_told(self, flips: jax.Array, position: jax.Array, params: EnvParams) -> Any:
        """Return the outcomes of the first k windows as they will be told."""
        feedback = params.feedback
        if feedback is None:
            return None
        (negative, positive), flipped = feedback.begun[position], bits.packed(flips[::-1])
        negative, positive = (
            (negative & ~flipped) | (positive & flipped),
            (positive & ~flipped) | (negative & flipped),
        )
        if feedback.told is not None:
            negative, positive = (jnp.where(feedback.told[0], one, 0) for one in (negative, positive))
        told = jnp.zeros((len(OUTCOMES), bits.words_of(self.kept)), jnp.uint32)
        words = bits.words_of(self.k)
        return told.at[1, :words].set(negative).at[3, :words].set(positive)

    def _judge_all(
        self, flips: jax.Array, state: EnvState, action: Any, params: EnvParams
    ) -> tuple[EnvState, jax.Array, dict[str, Any]]:
        """Judge the windows of a step; return also the reward and the info."""
        if params.thresholds is None:
            threshold = jnp.clip(jnp.reshape(action, ()), 0.0, 1.0).astype(jnp.float32)
        else:
            threshold = params.thresholds[action]
        if self.hold == 1:
            state, earned, info = self._judge(flips[0], state, threshold, params)
        else:
            state, earned, info = self._judge_held(flips, state, threshold, params)
        state = state.replace(time=state.time + 1)
        return state, earned, {**info, "discount": 1.0 - self.is_terminated(state, params)}

    def _judge(
        self, flipped: jax.Array, state: EnvState, threshold: jax.Array, params: EnvParams
    ) -> tuple[EnvState, jax.Array, dict[str, Any]]:
        at, after = state.position, state.position + 1
        label, decision = params.labels[at], params.scores[at] > threshold
        truth = bits.pushed(state.truth, jnp.stack([decision & label, decision & ~label]), self.k)
        tp, fp = bits.counts(truth)
        earned = reward(tp, fp, params.positives[after], self.k, params.alpha, params.beta)
        ledger = state.ledger
        if ledger is not None and params.costs is not None:
            ledger, charged = charge(params.costs, ledger, at, threshold, decision, label)
            earned = earned + charged
        info = {
            "t": params.t[at],
            "threshold": threshold,
            "decision": decision,
            "label": label,
            "outcome": jnp.array(OUTCOME_NUMBERS)[label.astype(jnp.int32), decision.astype(jnp.int32)],
        }
        told = state.told if params.feedback is None else self._hear(state.told, at, label ^ flipped, decision, params)
        state = state.replace(position=after, truth=truth, told=told, ledger=ledger)
        return state, jnp.asarray(earned, jnp.float32), info

    def _judge_held(
        self, flips: jax.Array, state: EnvState, threshold: jax.Array, params: EnvParams
    ) -> tuple[EnvState, jax.Array, dict[str, Any]]:
        def judge(carry: tuple[EnvState, jax.Array], flipped: jax.Array) -> tuple[Any, dict[str, Any]]:
            before, total = carry
            after, earned, info = self._judge(flipped, before, threshold, params)
            going = before.position < before.stop
            keep = jax.tree.map(lambda new, old: jnp.where(going, new, old), (after, total + earned), carry)
            return keep, {name: jnp.where(going, info[name], NOTHING[name]) for name in info}

        (state, total), info = jax.lax.scan(judge, (state, jnp.float32(0)), flips)
        return state, total, info

    def _hear(self, told: Any, at: jax.Array, label: jax.Array, decision: jax.Array, params: EnvParams) -> Any:
        """Return the outcomes as they are told, with that of the window just judged by the label that is told."""
        feedback = params.feedback
        assert feedback is not None
        is_told: Any = True
        if feedback.told is not None:
            is_told = feedback.told[decision.astype(jnp.int32)]
        elif feedback.rule is not None:
            is_told = feedback.rule.told[at, decision.astype(jnp.int32)]
        outcome = jnp.stack([decision & label, ~decision & ~label, decision & ~label, ~decision & label]) & is_told
        pushed = bits.pushed(told, outcome, self.kept)
        return pushed if feedback.rule is None else jnp.where(feedback.rule.heard[at], pushed, told)


def charge(
    costs: Costs, ledger: Ledger, at: jax.Array, threshold: jax.Array, decision: jax.Array, label: jax.Array
) -> tuple[Ledger, jax.Array]:
    """Return the ledger after a window, and what the terms add to its reward; see `adt_gym.envs.costs`."""
    event = costs.event_starts[at]
    first = decision & label & (event != ledger.detected)
    alarms = ledger.alarms + decision
    added = -costs.change_cost * (threshold != ledger.threshold)
    added += costs.early_bonus * first * jnp.maximum(0.0, 1 - (at - event) / costs.early_windows)
    added -= costs.alarm_cost * (decision & (alarms > costs.alarm_budget))
    return Ledger(threshold, jnp.where(first, event, ledger.detected), alarms), added
