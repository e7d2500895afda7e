"""The smallest change that float32 knows: one weight moved by one unit in the last place."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from varbench.keys import source_key


def moved_by_one_ulp(weights: jax.Array, gradient: jax.Array, level: jax.Array) -> jax.Array:
    """The weights [P] at a level of the source `ulp`.

    Level 0 returns them as they are. Level k > 0 picks, by a key of its own, one weight that is not zero and whose
    gradient on a reference batch is not zero (so that it meets an input that matters), and moves it to the next
    float32 up or down. Exactly one 32-bit word changes; if no weight qualifies, none does.

    Source: Summers and Dinneen 2021, arXiv 2103.04514, section 4.
    """
    eligible = (weights != 0) & (gradient != 0)
    lottery = jax.random.uniform(source_key("ulp", level, 0), weights.shape)
    chosen = jnp.argmax(jnp.where(eligible, lottery, -1.0))
    up = jax.random.bernoulli(source_key("ulp", level, 1))
    moved = jnp.nextafter(weights[chosen], jnp.where(up, jnp.inf, -jnp.inf).astype(weights.dtype))
    apply = (level > 0) & eligible.any()
    return weights.at[chosen].set(jnp.where(apply, moved, weights[chosen]))
