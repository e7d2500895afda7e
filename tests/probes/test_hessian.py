"""The Hessian of trained networks against the dense one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.training.toys import BASE, vectors
from varbench.probes import TrainedNetworks, hessian

DATA = vectors()


def test_curvature_is_that_of_the_dense_hessian_of_the_training_loss(monkeypatch):
    monkeypatch.setattr(hessian, "EXAMPLES", 50)
    monkeypatch.setattr(hessian, "PROBES", 64)  # of the 4 of a report, the standard error itself is uncertain
    networks = TrainedNetworks(BASE.replace(hidden=(4,)), DATA)
    size = networks.leaves[-1].stop
    weights = np.random.default_rng(0).normal(size=(2, size)).astype(np.float32)
    found = networks.curvature(weights, key=1)
    x, y = jnp.asarray(DATA.x_train[:50], jnp.float32), DATA.y_train[:50]

    def loss(vector):
        logits = networks.forward(vector, networks.state_like, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    for run, row in enumerate(weights):
        values = np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(row), np.float64))
        assert found.largest[run] == pytest.approx(values[-1], rel=1e-4)
        assert found.smallest[run] == pytest.approx(values[0], rel=1e-3)
        assert abs(found.trace[run] - values.sum()) < 4 * found.trace_se[run]
        share = -values[values < 0].sum() / np.abs(values).sum()
        assert abs(found.negative[run] - share) < 4 * found.negative_se[run] + 0.01
    again, other = networks.curvature(weights, key=1), networks.curvature(weights, key=2)
    np.testing.assert_array_equal(again.trace, found.trace)
    assert (other.trace != found.trace).all()
    assert isinstance(found.trace, np.ndarray)
