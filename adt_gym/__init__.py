"""Thresholds for anomaly detection as a Gymnasium environment, and an honest comparison of what sets them."""

from typing import Any

from gymnasium.envs import registration

from adt_gym.envs import task
from adt_gym.series import Detection, InputError, ScoredSeries, Series
from adt_gym.stream.monitor import Monitor

__all__ = ["Detection", "InputError", "Monitor", "ScoredSeries", "Series"]
__version__ = "0.1.0"

_LEVELS = [i / 20 for i in range(21)]

_THRESHOLDING = ("adt_gym.envs.thresholding:ThresholdingEnv", "adt_gym.envs.vector:ThresholdingVectorEnv")
_CONTEXT = ("adt_gym.envs.context:ContextEnv", "adt_gym.envs.context:ContextVectorEnv")
_OUTCOMES = ("adt_gym.envs.wrappers:OutcomesEnv", "adt_gym.envs.wrappers:OutcomesVectorEnv")
_BENCH = ("adt_gym.envs.bench:BenchEnv", "adt_gym.envs.bench:BenchVectorEnv")
_SAMPLES = ("adt_gym.samples.env:SamplesEnv", "adt_gym.samples.vector:SamplesVectorEnv")

_ENVIRONMENTS: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "ADT-v0": (_THRESHOLDING, {}),
    "ADT-Levels-v0": (_THRESHOLDING, {"thresholds": _LEVELS, "observe_score": True}),
    "ADT-Continuous-v0": (_THRESHOLDING, {"thresholds": "continuous", "observe_score": True}),
    "ADT-Blind-v0": (_THRESHOLDING, {"thresholds": _LEVELS, "observe_score": True, "feedback": "none"}),
    "ADT-Context-v0": (_CONTEXT, {"thresholds": _LEVELS, "observe_score": True}),
    **{_id: (_BENCH, _arguments) for _id, _arguments in task.ids()},
    "mo-adt-v0": (_OUTCOMES, {}),
    "ADT-Samples-v0": (_SAMPLES, {}),
}

for _id, ((_entry, _vector_entry), _arguments) in _ENVIRONMENTS.items():
    if _id not in registration.registry:
        registration.register(
            id=_id,
            entry_point=_entry,
            vector_entry_point=_vector_entry,
            # The environment makes these checks itself, at a fraction of the wrappers' cost per step.
            disable_env_checker=True,
            order_enforce=False,
            kwargs=_arguments,
        )
