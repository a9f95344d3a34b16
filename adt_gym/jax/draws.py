"""Draws of episodes, where those by keys would take longer than a step."""

from typing import Any

import jax
import jax.numpy as jnp


def next_draw(draws: jax.Array) -> jax.Array:
    """Return the number that the next episode is drawn by: one more step of a Weyl sequence."""
    return draws + jnp.uint32(0x9E3779B9)


def mixed(draws: jax.Array) -> jax.Array:
    """Return 32 random bits of a number (lowbias32 of Wellons, "Prospecting for Hash Functions", 2018)."""
    draws = (draws ^ (draws >> 16)) * jnp.uint32(0x7FEB352D)
    draws = (draws ^ (draws >> 15)) * jnp.uint32(0x846CA68B)
    return draws ^ (draws >> 16)


def below(draws: jax.Array, n: Any) -> jax.Array:
    """Return whole numbers below n, int32: the upper word of 32 random bits times n, as a remainder takes long."""
    n = jnp.asarray(n, jnp.uint32)
    high, low, n_high, n_low = draws >> 16, draws & 0xFFFF, n >> 16, n & 0xFFFF
    middle = high * n_low + ((low * n_low) >> 16)
    return (high * n_high + (middle >> 16) + ((low * n_high + (middle & 0xFFFF)) >> 16)).astype(jnp.int32)
