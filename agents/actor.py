"""The trained networks of Stable-Baselines3's agents, and how they act: in NumPy, and kept in files without pickle."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.agents.sb3_zip import MALFORMED, policy_weights
from adt_gym.checks import InputError, one_of, whole
from adt_gym.saved import Saved

Array = NDArray[np.float32]
State = tuple[Array, Array]

ALGORITHMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "dqn": ("argmax", "relu", ("q_net.",)),
    "qrdqn": ("argmax", "relu", ("quantile_net.",)),
    "ppo": ("argmax", "tanh", ("mlp_extractor.policy_net.", "action_net.")),
    "ppo_lstm": ("argmax", "tanh", ("mlp_extractor.policy_net.", "action_net.")),
    "sac": ("squash", "relu", ("actor.latent_pi.", "actor.mu.")),
    "tqc": ("squash", "relu", ("actor.latent_pi.", "actor.mu.")),
}
"""By rl-zoo3's name of an algorithm: how outputs become an action, SB3's activation, and what its layers are called."""

HEADS = ("argmax", "squash")

_MEMORY = ("lstm_actor.weight_ih_l0", "lstm_actor.weight_hh_l0", "lstm_actor.bias_ih_l0", "lstm_actor.bias_hh_l0")


class Actor(Saved):
    """A network that acts greedily.

    Args:
        weights: Of its linear layers, weight ``(outputs, inputs)`` and bias ``(outputs,)`` in turns.
        head: "argmax": the number of the highest output; "squash": the only output, squashed into [0, 1], of SAC and
            TQC.
        activation: Between layers, "relu" or "tanh".
        memory: Of an LSTM before the layers, torch's ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh``; none
            where it has no memory.
    """

    kind = "policy"

    def __init__(
        self, weights: Sequence[Array], head: str = "argmax", activation: str = "relu", memory: Sequence[Array] = ()
    ):
        self.weights, self.memory = [np.asarray(one, np.float32) for one in weights], list(memory)
        self.head, self.activation = one_of("head", head, HEADS), one_of("activation", activation, ("relu", "tanh"))

    @property
    def inputs(self) -> int:
        """How many columns it observes."""
        return int((self.memory or self.weights)[0].shape[1])

    @property
    def outputs(self) -> int:
        """How many actions it chooses from; 1 where it sets any threshold."""
        return len(self.weights[-1])

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return the actor of a trained model of SB3 or sb3-contrib, one of `ALGORITHMS`, with an MLP or LSTM policy.

        Raises:
            InputError: If it is another, or its observations are normalised: its actor alone would see others.
        """
        algorithm = {"recurrentppo": "ppo_lstm"}.get(type(model).__name__.lower(), type(model).__name__.lower())
        normalised = model.get_vec_normalize_env()
        if normalised is not None and normalised.norm_obs:
            raise InputError("an agent that learned on normalised observations (VecNormalize): train it without them")
        activation = getattr(getattr(model.policy, "activation_fn", None), "__name__", "").lower() or None
        return cls.of_weights(model.policy.state_dict(), algorithm, getattr(model.action_space, "n", 1), activation)

    @classmethod
    def of_zip(cls, path: str | Path, algorithm: str, actions: int, activation: str | None = None) -> Self:
        """Read the weights in a ``.zip`` that SB3 wrote; nothing is unpickled, unlike in SB3's ``load``.

        Args:
            path: The file.
            algorithm: A key of `ALGORITHMS`.
            actions: How many actions it chooses from; 1 of SAC and TQC.
            activation: See `Actor`; None for SB3's own.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file does not hold such an agent.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no agent at {path}")
        one_of("algorithm", algorithm, ALGORITHMS)
        try:
            return cls.of_weights(policy_weights(path), algorithm, actions, activation)
        except MALFORMED as error:
            raise InputError(f"{path} is not an agent that SB3's {algorithm} saved: {error}") from error

    @classmethod
    def of_weights(
        cls, tensors: Mapping[str, Any], algorithm: str, actions: int, activation: str | None = None
    ) -> Self:
        """Return the actor of a policy's ``state_dict()``; the other arguments are those of `of_zip`.

        Raises:
            InputError: If there is no such algorithm, or the tensors are not its layers.
        """
        head, usual, prefixes = ALGORITHMS[one_of("algorithm", algorithm, ALGORITHMS)]
        weights = [_array(one) for prefix in prefixes for name, one in tensors.items() if name.startswith(prefix)]
        if not weights or len(weights[-1]) % whole("actions", actions):
            raise InputError(f"these are not the layers of {algorithm} with {actions} actions")
        # Of QR-DQN an action's value is the mean of its quantiles, which stand one after the other: linear, too.
        weights[-2:] = [one.reshape(-1, actions, *one.shape[1:]).mean(axis=0) for one in weights[-2:]]
        return cls(weights, head, activation or usual, [_array(tensors[name]) for name in _MEMORY if name in tensors])

    def predict(
        self,
        observation: Any,
        state: State | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Any, State | None]:
        """Return the action for one observation ``(d,)``, or those for a batch ``(n, d)``, and its memory (SB3's API).

        Args:
            observation: What ADT-v0 or another environment of it observes.
            state: What the last call returned; None at the start.
            episode_start: Shape ``(n,)``: where the memory begins anew.
            deterministic: True: it is greedy.

        Raises:
            InputError: If ``deterministic`` is False.
        """
        if not deterministic:
            raise InputError("an actor is greedy: predict with deterministic=True")
        values = np.atleast_2d(np.asarray(observation, np.float32))
        if self.memory:
            state = self._remember(values, state, episode_start)
            values = state[0]
        for i in range(0, len(self.weights) - 2, 2):
            values = values @ self.weights[i].T + self.weights[i + 1]
            values = np.maximum(values, 0) if self.activation == "relu" else np.tanh(values)
        values = values @ self.weights[-2].T + self.weights[-1]
        actions = values.argmax(axis=1) if self.head == "argmax" else (np.tanh(values) + 1) / 2
        return (actions if np.ndim(observation) == 2 else actions[0]), state

    def kept(self) -> dict[str, Any]:
        """Return all that `anew` needs."""
        options = {"head": self.head, "activation": self.activation}
        return {"values": {**options, "weights": self.weights, "memory": self.memory}}

    @classmethod
    def anew(cls, kept: Mapping[str, Any]) -> Self:
        """Make anew what `kept` tells."""
        return cls(**kept["values"])

    def _remember(self, values: Array, state: State | None, episode_start: Any) -> State:
        """Return the LSTM's output and cell after the next observations, each of shape ``(n, width)``."""
        into, again, bias, bias_again = self.memory
        if state is None:
            state = (np.zeros((len(values), again.shape[1]), np.float32),) * 2
        goes_on = 1 - np.reshape(np.zeros(len(values)) if episode_start is None else episode_start, (-1, 1))
        output, cell = (one * goes_on.astype(np.float32) for one in state)
        gates = np.split(values @ into.T + bias + output @ again.T + bias_again, 4, axis=1)
        let_in, keep, let_out = (1 / (1 + np.exp(-gates[i])) for i in (0, 1, 3))
        cell = keep * cell + let_in * np.tanh(gates[2])
        return let_out * np.tanh(cell), cell


def _array(tensor: Any) -> Array:
    """Return a tensor as an array of its own."""
    copied: Array = tensor.detach().cpu().numpy().copy()
    return copied
