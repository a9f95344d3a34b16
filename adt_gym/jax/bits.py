"""The newest of what happened, as bits in words of 32, the newest lowest: an episode's memory on the device.

A shift and a population count take the place of a ring and running counts, and cost little for a few hundred windows.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

BITS = 32
"""Of a word."""


def words_of(n: int) -> int:
    """Return how many words n bits take."""
    return -(-n // BITS)


def masks(sizes: NDArray[np.integer], n: int) -> NDArray[np.uint32]:
    """Return shape ``(*sizes.shape, words_of(n))``: of n bits, the newest so many set."""
    left = np.clip(np.asarray(sizes)[..., None] - BITS * np.arange(words_of(n)), 0, BITS)
    return ((1 << left.astype(np.uint64)) - 1).astype(np.uint32)


def trailing_words(flags: NDArray[np.bool_], n: int) -> NDArray[np.uint32]:
    """Return shape ``(T + 1, words_of(n))``: the n flags before each of 0 .. T."""
    words = np.zeros((len(flags) + 1, words_of(n)), dtype=np.uint32)
    for age in range(min(n, len(flags))):
        words[age + 1 :, age // BITS] |= flags[: len(flags) - age].astype(np.uint32) << np.uint32(age % BITS)
    return words


def pushed(words: jax.Array, bits: jax.Array, n: int) -> jax.Array:
    """Return rows of words with a new bit each, the oldest of n bits forgotten.

    Args:
        words: Shape ``(rows, words_of(n))``.
        bits: Shape ``(rows,)``, bool.
        n: How many bits are kept.
    """
    carried = jnp.concatenate([bits[:, None].astype(jnp.uint32), words[:, :-1] >> (BITS - 1)], axis=1)
    return ((words << 1) | carried) & masks(np.array(n), n)


def taken(words: jax.Array, first: Any, n: int) -> jax.Array:
    """Return n bits of each row as words, from the bit of age ``first`` on; where there are none they are 0.

    Args:
        words: Shape ``(rows, m)``.
        first: A number of 0 or more.
        n: How many.
    """
    size, rest = words_of(n), jnp.asarray(first, jnp.uint32) % BITS
    if words.shape[1] == 1:
        return (words >> rest) & masks(np.array(n), n)
    beyond = jnp.zeros((len(words), size + 1), jnp.uint32)
    near = jax.lax.dynamic_slice_in_dim(jnp.concatenate([words, beyond], axis=1), first // BITS, size + 1, axis=1)
    low, high = near[:, :-1] >> rest, (near[:, 1:] << 1) << (BITS - 1 - rest)
    return (low | high) & masks(np.array(n), n)


def packed(flags: jax.Array) -> jax.Array:
    """Return shape ``(words_of(n),)``: n flags, shape ``(n,)``, as bits."""
    padded = jnp.zeros(words_of(len(flags)) * BITS, jnp.uint32).at[: len(flags)].set(flags.astype(jnp.uint32))
    return (padded.reshape(-1, BITS) << jnp.arange(BITS, dtype=jnp.uint32)).sum(axis=1, dtype=jnp.uint32)


def counts(words: jax.Array) -> jax.Array:
    """Return shape ``words.shape[:-1]``: how many bits are set in each row."""
    return jax.lax.population_count(words).astype(jnp.int32).sum(axis=-1)


def newest(words: jax.Array) -> jax.Array:
    """Return the age of a row's newest bit that is set, any number where none is.

    Args:
        words: Shape ``(m,)``.
    """
    which = jnp.argmax(words != 0)
    word = words[which]
    return which * BITS + jax.lax.population_count((word & (~word + 1)) - 1).astype(jnp.int32)
