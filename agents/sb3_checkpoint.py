"""Checkpoints of the Stable-Baselines3 agents of `adt_gym.agents.sb3`: checked at loading, and never unpickled.

SB3's own ``save`` pickles the object and ``load`` unpickles it, which runs whatever a file holds. Here the agent is
made anew by `make_dqn` or `make_ppo` from the arguments in the file, and tensors and numbers are put in.
"""

import json
import pickle
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adt_gym.agents.sb3 import HoldDQN, make_dqn, make_ppo
from adt_gym.agents.vec_env import Env
from adt_gym.files import MALFORMED_NPZ, replacing, unsealed
from adt_gym.series import InputError

_MAKERS: dict[str, Any] = {"HoldDQN": make_dqn, "SmallPPO": make_ppo}
_COUNTERS = ("num_timesteps", "_n_updates", "_episode_num")
_MEMORY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_MALFORMED = (*MALFORMED_NPZ, pickle.UnpicklingError)


def save_checkpoint(model: Any, path: str | Path) -> None:
    """Write network, optimizer, memory, counters and generator states, whole or not at all.

    Called between two episodes (a callback's ``on_rollout_start``) of a DQN on one ADT-v0, `load_checkpoint` continues
    bit for bit. A vector's episodes are cut and begin anew, as do those of PPO.

    Args:
        model: What `make_dqn` or `make_ppo` returned.
        path: The file.

    Raises:
        InputError: If `make_dqn` or `make_ppo` did not make the model, or it has arguments that JSON cannot hold.
    """
    try:
        made = json.dumps(model.made_with)
    except (AttributeError, TypeError) as error:
        raise InputError(f"only what make_dqn or make_ppo made of plain arguments can be kept: {error}") from error
    state: dict[str, Any] = {
        "algorithm": type(model).__name__,
        "made_with": made,
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "counters": {name: getattr(model, name) for name in _COUNTERS},
        "episodes": json.dumps(list(model.ep_info_buffer or ()), default=float),
    }
    if isinstance(model, HoldDQN):
        state |= _state_of_dqn(model)
    with replacing(path, sealed=True) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: str | Path, env: Env) -> Any:
    """Return the model of a checkpoint; go on with ``learn_episodes(..., reset_num_timesteps=False)``.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is damaged or not such a checkpoint, or ``env`` has other spaces.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        state = torch.load(unsealed(path), weights_only=True)
        model: Any = _MAKERS[state["algorithm"]](env, **json.loads(state["made_with"]))
        model.policy.load_state_dict(state["policy"])
        model.policy.optimizer.load_state_dict(state["optimizer"])
        for name in _COUNTERS:
            setattr(model, name, state["counters"][name])
        window = model._stats_window_size
        model.ep_info_buffer = deque(json.loads(state["episodes"]), maxlen=window)
        model.ep_success_buffer = deque(maxlen=window)
        if isinstance(model, HoldDQN):
            _go_on(model, state)
    except _MALFORMED as error:
        raise InputError(f"{path} is not a checkpoint of adt train for this environment: {error}") from error
    return model


def _state_of_dqn(model: HoldDQN) -> dict[str, Any]:
    assert model.env is not None
    assert model.replay_buffer is not None
    memory, env = model.replay_buffer, model.env.unwrapped
    kind, key, *rest = np.random.get_state()  # noqa: NPY002 - SB3's replay draws from it
    generators = {
        "agent": model.random.bit_generator.state,
        "env": env.get_attr("np_random")[0].bit_generator.state,
        "numpy": [kind, np.asarray(key).tolist(), *rest],
    }
    filled = slice(None) if memory.full else slice(memory.pos)
    return {
        "memory": {name: torch.from_numpy(getattr(memory, name)[filled]) for name in _MEMORY},
        "pos": memory.pos,
        "full": memory.full,
        "generators": json.dumps(generators),
        "started": json.dumps({key: int(env.reset_infos[0][key]) for key in ("series", "start")}),
    }


def _go_on(model: HoldDQN, state: dict[str, Any]) -> None:
    """Put in what was remembered, and let the next episode begin where it would have."""
    assert model.env is not None
    assert model.replay_buffer is not None
    for name in _MEMORY:
        kept = state["memory"][name].numpy()
        getattr(model.replay_buffer, name)[: len(kept)] = kept
    model.replay_buffer.pos, model.replay_buffer.full = state["pos"], state["full"]
    generators = json.loads(state["generators"])
    model.random.bit_generator.state = generators["agent"]
    if model.n_envs == 1:
        model.env.reset()  # uses up the seed that it was made with
        model.env.get_attr("np_random")[0].bit_generator.state = generators["env"]
        model.env.set_options(json.loads(state["started"]))
    kind, key, *rest = generators["numpy"]
    np.random.set_state((kind, np.array(key, dtype=np.uint32), *rest))  # noqa: NPY002
