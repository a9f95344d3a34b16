"""What our own agents share on disk: policies and checkpoints, checked at loading by a checksum, never unpickled."""

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium as gym
import numpy as np
import torch

from adt_gym.agents.networks import q_network
from adt_gym.checks import MAX_SEED, MOST, InputError, made_of, whole
from adt_gym.files import MALFORMED_NPZ, replacing, unsealed
from adt_gym.reading import parse_json
from adt_gym.saved import Saved

_MEMORY = ("observations", "next_observations", "actions", "rewards", "terminated")
_COUNTERS = ("episodes", "steps")
_MALFORMED = (*MALFORMED_NPZ, pickle.UnpicklingError)


class Learner(Saved):
    """An agent with a Q-network, on any environment with a flat Box observation and a Discrete action space.

    `save` and `load` keep its policy, which predicts; `save_checkpoint` and `resume` all that learning on needs.

    Args:
        env: Where it learns; None for an agent that only predicts.
        seed: Of the network, the exploration, the replay and the environment.
        hyperparameters: Fields of ``Settings``.

    Raises:
        InputError: If a hyper-parameter is unknown or out of range, or the environment's spaces do not fit.
    """

    kind = "policy"
    Settings: ClassVar[type[Any]]
    optimizer: torch.optim.Adam
    memory: Any

    def __init__(self, env: gym.Env[Any, Any] | None, seed: int = 0, **hyperparameters: Any):
        self.settings = made_of(self.Settings, hyperparameters, "hyper-parameter")
        self.env, self.seed = env, whole("seed", seed, 0, MAX_SEED)
        self.episodes, self.steps = 0, 0
        if env is not None:
            actions, shape = env.action_space, env.observation_space.shape or ()
            if not isinstance(actions, gym.spaces.Discrete) or len(shape) != 1:
                raise InputError(f"a DQN needs a Box observation of one dimension and Discrete actions, got {env}")
            self._build(shape[0], int(actions.n))

    def _build(self, n_observations: int, n_actions: int) -> None:
        """Make the two networks; agents add optimizer and memory."""
        self.n_actions = n_actions
        self.random = np.random.default_rng(self.seed)
        widths = [n_observations, *self.settings.net_arch]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.network, self.target = (q_network(widths, n_actions) for _ in range(2))
        self.target.load_state_dict(self.network.state_dict())

    def kept(self) -> dict[str, Any]:
        """Return what a policy consists of: settings, and the network's weights."""
        weights = {name: tensor.numpy() for name, tensor in self.network.state_dict().items()}
        options = {"seed": self.seed, **asdict(self.settings)}
        return {"options": options, "values": {"episodes": self.episodes, "weights": weights}}

    @classmethod
    def anew(cls, kept: Mapping[str, Any]) -> Self:
        """Make anew what `kept` tells.

        Raises:
            ValueError, KeyError, TypeError: If that is no such policy.
        """
        agent, values = cls(None, **kept["options"]), kept["values"]
        agent.episodes = whole("episodes", values["episodes"], least=0)
        weights = {name: torch.from_numpy(array) for name, array in values["weights"].items()}
        first, *_, last = weights.values()
        widths = [first.shape[-1], *agent.settings.net_arch, len(last)]
        shapes = [shape for before, after in pairwise(widths) for shape in ((after, before), (after,))]
        if [tuple(one.shape) for one in weights.values()] != shapes:  # before a network of such widths is made
            raise ValueError("its weights have other shapes than its settings say")
        if not all(one.isfinite().all() for one in weights.values()):
            raise ValueError("its weights are not finite")
        agent._build(widths[0], widths[-1])
        agent.network.load_state_dict(weights)
        agent.target.load_state_dict(weights)
        return agent

    @classmethod
    def load(cls, path: str | Path, env: gym.Env[Any, Any] | None = None) -> Self:
        """Read a policy that `save` wrote.

        Args:
            path: The file.
            env: Where it may learn further, with a new memory and optimizer.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file does not hold such a policy.
        """
        agent = super().load(path)
        agent.env = env
        return agent

    def save_checkpoint(self, path: str | Path) -> None:
        """Write all that learning on bit for bit needs, between two episodes."""
        assert self.env is not None
        generators = {"agent": self.random, "env": self.env.unwrapped.np_random}
        state = {
            "agent": type(self).__name__,
            "settings": json.dumps(asdict(self.settings)),
            "generators": json.dumps({name: one.bit_generator.state for name, one in generators.items()}),
            "seed": self.seed,
            "counters": {name: getattr(self, name) for name in _COUNTERS},
            "network": self.network.state_dict(),
            "target": self.target.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": {name: torch.from_numpy(getattr(self.memory, name)) for name in _MEMORY},
            "added": self.memory.added,
        }
        with replacing(path, sealed=True) as temporary:
            torch.save(state, temporary)

    @classmethod
    def resume(cls, path: str | Path, env: gym.Env[Any, Any]) -> Self:
        """Return the agent of a checkpoint, ready to learn on bit for bit.

        Args:
            path: What `save_checkpoint` wrote.
            env: An environment like the one it learned in.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file is not such a checkpoint, or ``env`` has other spaces.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no checkpoint at {path}")
        try:
            state = torch.load(unsealed(path), weights_only=True)
            if state["agent"] != cls.__name__:
                raise ValueError(f"it holds one of {state['agent']}")
            agent = cls(env, state["seed"], **parse_json(state["settings"], "its settings"))
            for part in ("network", "target", "optimizer"):
                getattr(agent, part).load_state_dict(state[part])
            for name in _MEMORY:
                getattr(agent.memory, name)[:] = state["memory"][name].numpy()
            agent.memory.added = whole("added", state["added"], least=0, most=MOST**2)
            for name in _COUNTERS:
                setattr(agent, name, whole(name, state["counters"][name], least=0, most=MOST**2))
            generators = parse_json(state["generators"], "its generators")
            agent.random.bit_generator.state = generators["agent"]
            env.unwrapped.np_random.bit_generator.state = generators["env"]
        except _MALFORMED as error:
            raise InputError(f"{path} is not a checkpoint of {cls.__name__} for this environment: {error}") from error
        return agent
