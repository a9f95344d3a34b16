"""Thresholds for anomaly detection as a Gymnasium environment, and an honest comparison of what sets them."""

from gymnasium.envs.registration import register, registry

from adt_gym.series import Detection, InputError, ScoredSeries, Series

__all__ = ["Detection", "InputError", "ScoredSeries", "Series"]
__version__ = "0.1.0"

if "ADT-v0" not in registry:
    register(
        id="ADT-v0",
        entry_point="adt_gym.envs.thresholding:ThresholdingEnv",
        vector_entry_point="adt_gym.envs.vector:ThresholdingVectorEnv",
        # The environment makes these checks itself, at a fraction of the wrappers' cost per step.
        disable_env_checker=True,
        order_enforce=False,
    )

if "ADT-Samples-v0" not in registry:
    register(
        id="ADT-Samples-v0",
        entry_point="adt_gym.envs.samples:SamplesEnv",
        vector_entry_point="adt_gym.envs.samples_vector:SamplesVectorEnv",
        disable_env_checker=True,
        order_enforce=False,
    )
