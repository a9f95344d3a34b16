"""ADT-v0 in JAX: pure functions with gymnax's interface (extra ``jax``)."""

try:
    from adt_gym.jax.env import Thresholding
    from adt_gym.jax.making import make
    from adt_gym.jax.values import EnvParams, EnvState
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error.name} is missing: pip install 'adt-gym[jax]'", name=error.name) from error

__all__ = ["EnvParams", "EnvState", "Thresholding", "make"]
