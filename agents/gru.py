"""A network with a memory, a GRU (Cho et al., 2014), and how it acts: in NumPy, and kept in files without pickle.

`adt_gym.agents.recurrent` and `adt_gym.agents.generalist` learn its weights, in JAX; using them takes NumPy alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError
from adt_gym.saved import Saved

Weights = dict[str, Any]


def remembered(weights: Weights, embedded: Any, hidden: Any, xp: Any) -> Any:
    """Return the GRU's next state, shape ``(n, memory)``.

    Args:
        weights: Those of the network.
        embedded: Shape ``(n, 3 * memory)``: what the observation contributes to the gates.
        hidden: The state before, shape ``(n, memory)``.
        xp: numpy or jax.numpy.
    """
    recurrent = hidden @ weights["recur"] + weights["recur_bias"]
    (reset_in, update_in, new_in), (reset, update, new) = (xp.split(one, 3, axis=-1) for one in (embedded, recurrent))
    keep = _sigmoid(update_in + update, xp)
    candidate = xp.tanh(new_in + _sigmoid(reset_in + reset, xp) * new)
    return (1 - keep) * candidate + keep * hidden


def _sigmoid(x: Any, xp: Any) -> Any:
    return 0.5 * (xp.tanh(0.5 * x) + 1)


def layer(weights: Weights, name: str, x: Any) -> Any:
    """Return what a linear layer makes of x, shape ``(..., inputs)``."""
    return x @ weights[name] + weights[f"{name}_bias"]


class RecurrentPolicy(Saved):
    """What was learned, in NumPy: the most probable action, with SB3's ``predict`` for policies with a memory.

    Args:
        discrete: Whether an action is the number of a level; else it is a threshold.
        weights: Those of the network.
    """

    kind, name = "policy", "the recurrent policy"
    fitted = ("weights",)

    def __init__(self, discrete: bool = True, weights: Weights | None = None):
        self.discrete = discrete
        if weights is not None:
            self.weights = weights

    @property
    def inputs(self) -> int:
        """How many columns it observes."""
        return len(self.weights["embed"])

    @property
    def outputs(self) -> int:
        """How many actions it chooses from; 1 where it sets any threshold."""
        return self.weights["act"].shape[1] if self.discrete else 1

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Any, NDArray[np.float32]]:
        """Return the actions and what is remembered.

        Args:
            observation: Shape ``(d,)`` or ``(n, d)``.
            state: What the call before returned, shape ``(n, memory)``; None at the beginning.
            episode_start: Shape ``(n,)``: where an episode begins, nothing is remembered.
            deterministic: Must be True.
        """
        if not deterministic:
            raise InputError("this policy knows its best action only: call predict(..., deterministic=True)")
        rows, weights = np.atleast_2d(np.asarray(observation, np.float32)), self.weights
        features = np.tanh(layer(weights, "embed", rows))
        if "recur" in weights:
            memory = len(weights["recur"])
            hidden = np.zeros((len(rows), memory), np.float32) if state is None else np.asarray(state)
            if episode_start is not None:
                hidden = np.where(np.asarray(episode_start, bool).reshape(-1, 1), np.float32(0), hidden)
            state = features = remembered(weights, layer(weights, "input", features), hidden, np)
        else:
            features, state = np.tanh(layer(weights, "second", features)), np.zeros((len(rows), 0), np.float32)
        outputs = layer(weights, "act", features)
        actions = outputs.argmax(axis=1) if self.discrete else np.clip(outputs[:, :1], 0, 1).astype(np.float32)
        return actions if np.ndim(observation) == 2 else actions[0], state

    def _options(self) -> dict[str, Any]:
        return {"discrete": self.discrete}
