"""What a run sees: which examples, with which labels, in which order, and how augmented.

Every function takes the level of its source and nothing else that is random.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from varbench.keys import source_key
from varbench.training.recipe import Recipe


def epoch_order(level: jax.Array, epoch: jax.Array, *, examples: int) -> jax.Array:
    """The permutation [examples] int32 of one epoch: fresh for every (level, epoch).

    Sorts one random 64-bit number per example whose lowest bits are the example's own number. XLA sorts numbers alone
    on a CPU four to seven times as fast as `jax.random.permutation` sorts pairs, which took up to a third of a
    training. Two of n examples tie, and stay in their order, with a probability of at most n² / 2^(65 − ⌈log₂ n⌉):
    2 · 10⁻⁹ for 4,000.
    """
    high, low = jax.random.bits(source_key("order", level, epoch), (2, examples), jnp.uint32)
    with jax.enable_x64(True):
        own = jnp.uint64((1 << (examples - 1).bit_length()) - 1)
        drawn = (high.astype(jnp.uint64) << 32) | low.astype(jnp.uint64)
        numbered = (drawn & ~own) | lax.iota(jnp.uint64, examples)
        return (lax.sort(numbered, is_stable=False) & own).astype(jnp.int32)


def drawn_rows(level: jax.Array, *, examples: int, resample: str) -> jax.Array:
    """The rows of the training set that a run trains on: "bootstrap" with replacement, "subset" half without."""
    key = source_key("data", level)
    if resample == "bootstrap":
        return jax.random.randint(key, (examples,), 0, examples, dtype=jnp.int32)
    return jax.random.permutation(key, examples)[: examples // 2].astype(jnp.int32)


def noisy_labels(level: jax.Array, labels: jax.Array, *, classes: int, fraction: float) -> jax.Array:
    """Labels [N] of which exactly round(fraction · N) are replaced by another class, uniformly drawn."""
    n = labels.shape[0]
    hit = jax.random.permutation(source_key("label_noise", level, 0), n) < round(fraction * n)
    offset = jax.random.randint(source_key("label_noise", level, 1), (n,), 1, max(classes, 2), dtype=labels.dtype)
    return jnp.where(hit, (labels + offset) % classes, labels)


def augmented(level: jax.Array, step: jax.Array, x: jax.Array, *, recipe: Recipe) -> jax.Array:
    """A batch [B, *shape], each example shifted and flipped by itself.

    Shifted-in positions are zero in images and repeat the edge in curves. Flips mirror the width of an image, or
    the whole curve.
    """
    shift_key = source_key("augment", level, step, 0)
    flip_key = source_key("augment", level, step, 1)
    image = x.ndim == 4
    axes = (1, 2) if image else (1,)
    if recipe.flip:
        mirror = jax.random.bernoulli(flip_key, 0.5, (x.shape[0],))
        x = jnp.where(mirror.reshape(-1, *[1] * (x.ndim - 1)), jnp.flip(x, axes[-1]), x)
    if recipe.shift:
        offsets = jax.random.randint(shift_key, (x.shape[0], len(axes)), -recipe.shift, recipe.shift + 1)
        x = jax.vmap(lambda example, offset: _shifted(example, offset, fill_zero=image))(x, offsets)
    return x


def _shifted(example: jax.Array, offset: jax.Array, *, fill_zero: bool) -> jax.Array:
    for axis in range(offset.shape[0]):
        length = example.shape[axis]
        source = jnp.arange(length) - offset[axis]
        moved = jnp.take(example, jnp.clip(source, 0, length - 1), axis=axis)
        if fill_zero:
            inside = (source >= 0) & (source < length)
            moved = jnp.where(inside.reshape(-1, *[1] * (example.ndim - 1 - axis)), moved, 0)
        example = moved
    return example
