"""ADT-v0 in JAX: pure functions with gymnax's interface (extra ``jax``)."""

from adt_gym.extras import require

require("adt_gym.jax", "jax", "flax", "gymnax", "six")

from adt_gym.jax.env import Thresholding  # noqa: E402
from adt_gym.jax.making import make  # noqa: E402
from adt_gym.jax.values import EnvParams, EnvState  # noqa: E402

__all__ = ["EnvParams", "EnvState", "Thresholding", "make"]
