"""The label context of `adt_gym.stream.context`, from the outcomes that an episode was told as bits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adt_gym.jax import bits
from adt_gym.stream.context import HISTORY, HORIZONS, since

_HORIZONS = bits.masks(np.array(HORIZONS), HISTORY)
_SINCE = since(np.arange(HISTORY + 1))


def label_context(told: jax.Array, position: jax.Array, rule: Any) -> jax.Array:
    """Return a row, shape ``(len(LABEL_CONTEXT),)``.

    Args:
        told: Shape ``(4, words_of(HISTORY))``: which of the windows whose feedback came last are told to be TP, TN, FP
            and FN.
        position: Of the window that is judged next.
        rule: An `adt_gym.jax.env.Rule` where the feedback is the user's own.
    """
    true_positive, true_negative, false_positive, false_negative = told
    positive = true_positive | false_negative
    heard = positive | true_negative | false_positive
    positives, labels = bits.counts(positive & _HORIZONS), bits.counts(heard & _HORIZONS)
    newest = jnp.where(heard[0] & 1, (positive[0] & 1).astype(jnp.int32), -1)
    age = bits.newest(positive)
    if rule is not None:
        age = position - rule.due[rule.released[position] - 1 - age]
    since_positive = jnp.where(positives[-1] > 0, jnp.asarray(_SINCE)[jnp.minimum(age, HISTORY)], 1.0)
    shares = positives / jnp.maximum(labels, 1)
    return jnp.concatenate([newest[None], shares, labels[-1:] / HISTORY, since_positive[None]]).astype(jnp.float32)
