"""Gradients of single training examples of a trained network, as two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from varbench.measures.gradient_noise import GradientNoise

if TYPE_CHECKING:
    from varbench.probes.networks import TrainedNetworks

BLOCK = 64
"""Examples whose gradients are in memory together."""


def gradient_noise_of(networks: TrainedNetworks, weights: jax.Array, x: jax.Array, y: jax.Array) -> GradientNoise:
    """tr Σ and ‖G‖² of the gradients of all examples at one network [P].

    tr Σ = (Σᵢ ‖gᵢ‖² − N ‖G‖²) / (N − 1). The loss is the cross-entropy of evaluation (no dropout, augmentation, label
    smoothing, weight decay or label noise); batch statistics are those of the weights, held fixed.
    """
    n, classes = len(x), networks.dataset.classes
    state = lax.stop_gradient(networks.state_of(weights))

    def loss(vector: jax.Array, example: jax.Array, label: jax.Array) -> jax.Array:
        logits = networks.forward(vector, state, example[None])[0]
        return optax.softmax_cross_entropy(logits, jax.nn.one_hot(label, classes))

    gradients = jax.vmap(jax.grad(loss), (None, 0, 0))
    blocks = -(-n // BLOCK)
    extra = blocks * BLOCK - n
    filled = jnp.pad(x, [(0, extra)] + [(0, 0)] * (x.ndim - 1)).reshape(blocks, BLOCK, *x.shape[1:])
    labels = jnp.pad(y, (0, extra)).reshape(blocks, BLOCK)
    counted = jnp.pad(jnp.ones(n), (0, extra)).reshape(blocks, BLOCK)

    def add(sums: tuple[jax.Array, jax.Array], block: Any) -> tuple[tuple[jax.Array, jax.Array], None]:
        examples, classes_of, count = block
        found = gradients(weights, examples, classes_of) * count[:, None]
        return (sums[0] + found.sum(0), sums[1] + (found**2).sum()), None

    (total, squares), _ = lax.scan(add, (jnp.zeros_like(weights), jnp.zeros(())), (filled, labels, counted))
    squared_norm = ((total / n) ** 2).sum()
    trace: Any = jnp.maximum(0.0, squares - n * squared_norm) / (n - 1)
    norm: Any = squared_norm
    return GradientNoise(trace=trace, squared_norm=norm)
