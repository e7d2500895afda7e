"""Forward passes over many examples, a block at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax

MOST_EXAMPLES, MOST_VALUES = 500, 400_000
"""Examples per forward pass outside training, and input values: more of large images would leave the cache."""


def blockwise(forward: Callable[[jax.Array], jax.Array], x: jax.Array, *, most: int | None = None) -> jax.Array:
    """`forward` [block, *shape] → [block, K] over all examples [n, *shape] → [n, K], in blocks of equal size.

    Where they do not divide the examples, the last block is filled up with zeros, which are cut off again.

    Args:
        forward: Of a block.
        x: The examples.
        most: Examples of a block, in place of the limits above.
    """
    n = x.shape[0]
    blocks = -(-n // (most or min(MOST_EXAMPLES, max(1, MOST_VALUES // math.prod(x.shape[1:])))))
    block = -(-n // blocks)
    filled = jnp.pad(x, [(0, blocks * block - n)] + [(0, 0)] * (x.ndim - 1))
    found = lax.map(forward, filled.reshape(blocks, block, *x.shape[1:]))
    return found.reshape(blocks * block, -1)[:n]


def loss_and_accuracy(logits: jax.Array, labels: jax.Array, *, classes: int) -> tuple[jax.Array, jax.Array]:
    """Mean cross-entropy in nats and fraction right, of logits [n, K]."""
    loss = optax.softmax_cross_entropy(logits, jax.nn.one_hot(labels, classes)).mean()
    return loss, (jnp.argmax(logits, -1) == labels).mean()
