"""Policies and checkpoints of our own agents on disk: checked at loading by a checksum, and never unpickled."""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from torch import nn

from adt_gym.agents.hyperparameters import widths_of
from adt_gym.checks import MOST, InputError, whole
from adt_gym.files import MALFORMED_NPZ, replacing, seal, unsealed
from adt_gym.reading import as_dataclass, open_npz, parse_json

_MEMORY = ("observations", "next_observations", "actions", "rewards", "terminated")
_MALFORMED = (*MALFORMED_NPZ, pickle.UnpicklingError)


class Learner(Protocol):
    """What a checkpoint holds of an agent."""

    env: gym.Env[Any, Any] | None
    seed: int
    settings: Any
    episodes: int
    random: np.random.Generator
    network: nn.Sequential
    target: nn.Sequential
    optimizer: torch.optim.Adam
    memory: Any


def write_policy(path: str | Path, agent: Learner, **shape: int) -> None:
    """Write weights, settings and the sizes in ``shape`` to an ``.npz`` file.

    Raises:
        InputError: If ``path`` has another ending.
    """
    if Path(path).suffix != ".npz":
        raise InputError(f"{path}: policies are kept in .npz files; give the file that ending")
    config = {"agent": type(agent).__name__, "settings": asdict(agent.settings), "seed": agent.seed}
    config |= {"episodes": agent.episodes, **shape}
    weights = {name: tensor.numpy() for name, tensor in agent.network.state_dict().items()}
    with replacing(path) as temporary:
        np.savez(temporary, config=np.array(json.dumps(config)), **weights)
        seal(temporary)


@dataclass(frozen=True)
class PolicyConfig:
    """What a file of a policy says of it beside its weights."""

    agent: str
    settings: dict[str, Any]
    seed: int
    episodes: int
    observations: int
    actions: int


@contextmanager
def reading_policy(path: str | Path, agent: str) -> Iterator[tuple[PolicyConfig, dict[str, torch.Tensor]]]:
    """Yield the configuration and the weights of a policy of that kind of agent.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file, or what the block makes of it, does not hold such a policy.
    """
    with open_npz(path, f"a policy that {agent}.save wrote", sealed=True) as arrays:
        config = as_dataclass(PolicyConfig, parse_json(str(arrays["config"]), "its config"), "its config")
        if config.agent != agent:
            raise ValueError(f"it holds one of {config.agent}")
        widths = [config.observations, *widths_of("net_arch", config.settings["net_arch"]), config.actions]
        weights = {name: torch.from_numpy(arrays[name]) for name in arrays if name != "config"}
        shapes = [shape for before, after in pairwise(widths) for shape in ((after, before), (after,))]
        if [tuple(one.shape) for one in weights.values()] != shapes:  # before a network of such widths is made
            raise ValueError("its weights have other shapes than its settings say")
        if not all(one.isfinite().all() for one in weights.values()):
            raise ValueError("its weights are not finite")
        yield config, weights


def write_checkpoint(path: str | Path, agent: Learner, **counters: int) -> None:
    """Write all that learning on bit for bit needs, between two episodes."""
    assert agent.env is not None
    generators = {"agent": agent.random, "env": agent.env.unwrapped.np_random}
    state = {
        "agent": type(agent).__name__,
        "settings": json.dumps(asdict(agent.settings)),
        "generators": json.dumps({name: one.bit_generator.state for name, one in generators.items()}),
        "seed": agent.seed,
        "counters": {"episodes": agent.episodes, **counters},
        "network": agent.network.state_dict(),
        "target": agent.target.state_dict(),
        "optimizer": agent.optimizer.state_dict(),
        "memory": {name: torch.from_numpy(getattr(agent.memory, name)) for name in _MEMORY},
        "added": agent.memory.added,
    }
    with replacing(path) as temporary:
        torch.save(state, temporary)
        seal(temporary)


def read_checkpoint(path: str | Path, make: Any, env: gym.Env[Any, Any]) -> Any:
    """Return the agent of a checkpoint, made by ``make(env, seed, **settings)``, ready to learn on in ``env``.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not such a checkpoint, or ``env`` has other spaces.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        state = torch.load(unsealed(path), weights_only=True)
        if state["agent"] != make.__name__:
            raise ValueError(f"it holds one of {state['agent']}")
        agent = make(env, state["seed"], **parse_json(state["settings"], "its settings"))
        for part in ("network", "target", "optimizer"):
            getattr(agent, part).load_state_dict(state[part])
        for name in _MEMORY:
            getattr(agent.memory, name)[:] = state["memory"][name].numpy()
        agent.memory.added = whole("added", state["added"], least=0, most=MOST**2)
        for name in ("episodes", "steps"):
            setattr(agent, name, whole(name, state["counters"][name], least=0, most=MOST**2))
        generators = parse_json(state["generators"], "its generators")
        agent.random.bit_generator.state = generators["agent"]
        env.unwrapped.np_random.bit_generator.state = generators["env"]
    except _MALFORMED as error:
        raise InputError(f"{path} is not a checkpoint of {make.__name__} for this environment: {error}") from error
    return agent
