"""The gradients of single examples of trained networks against one backward pass for each."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.training.toys import BASE, vectors
from varbench.probes import TrainedNetworks, gradient_noise

DATA = vectors()


def test_moments_are_those_of_one_backward_pass_for_each_example(monkeypatch) -> None:
    monkeypatch.setattr(gradient_noise, "BLOCK", 7)
    networks = TrainedNetworks(BASE.replace(hidden=(4,)), DATA)
    assert len(DATA.y_train) % 7
    weights = np.random.default_rng(0).normal(size=(2, networks.leaves[-1].stop)).astype(np.float32)
    found = networks.gradient_noise(weights)
    x = jnp.asarray(DATA.x_train, jnp.float32)

    def losses(vector):
        logits = networks.forward(vector, networks.state_like, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(DATA.y_train))

    for run, row in enumerate(weights):
        gradients = np.asarray(jax.jacobian(losses)(row), np.float64)
        np.testing.assert_allclose(found.squared_norm[run], (gradients.mean(0) ** 2).sum(), rtol=1e-5)
        np.testing.assert_allclose(found.trace[run], np.trace(np.cov(gradients, rowvar=False)), rtol=1e-5)
