"""Adversarial examples against the closed form of linear models and against random search."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from tests.training.toys import BASE, images, vectors
from varbench.data import Dataset
from varbench.probes import TrainedNetworks
from varbench.training.recipe import Recipe
from varbench.trees import ravel

ROWS = np.array([3, 0, 17, 8])
RADII = np.array([0.0, 0.1, 0.4])


def weights_of(networks, count):
    return np.stack([np.asarray(ravel(networks.model.init(jax.random.key(i))[0])) for i in range(count)])


def two_classes(*, scale=1.0):
    x = scale * np.random.default_rng(2).normal(size=(60, 7)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    return Dataset("two", x[:40], y[:40], x[40:], y[40:], classes=2, kind="vector", mean=0.5 * scale, std=2.0 * scale)


@pytest.mark.parametrize("steps", [1, 5])
def test_of_two_classes_a_linear_model_is_worst_at_a_corner_of_the_ball(steps):
    data = two_classes(scale=3.0)
    networks = TrainedNetworks(Recipe(data="two", model="logistic", batch_size=8, steps=1), data)
    weights = weights_of(networks, 3)
    found = networks.adversarial(weights, examples=ROWS, radii=RADII, steps=steps)
    assert found.shape == (3, 3, 4, 7)
    sd, x, y = np.std(data.x_train, dtype=np.float64), data.x_test[ROWS], data.y_test[ROWS]
    for run in range(3):
        kernel = np.asarray(networks.model.init(jax.random.key(run))[0]["readout"]["kernel"])
        wrong_way = np.sign(kernel[:, 1 - y] - kernel[:, y]).T
        for q, radius in enumerate(RADII):
            corner = np.clip(x + sd * radius * wrong_way, data.x_train.min(), data.x_train.max())
            expected = np.clip(x, *([x, x] if radius == 0 else [corner, corner]))
            inside = (x >= data.x_train.min()) & (x <= data.x_train.max())
            np.testing.assert_allclose(found[run, q][inside], expected[inside], atol=1e-5)


def losses(networks, weights, x, y):
    logits = networks.logits_on(weights, x).astype(np.float64)
    log_sum = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
    return log_sum - logits[:, np.arange(len(y)), y]


def test_the_loss_rises_beyond_noise_of_the_same_size_and_more_with_more_steps():
    data = vectors()
    networks = TrainedNetworks(BASE, data)
    weights, rows = 3.0 * weights_of(networks, 2), np.arange(26)
    radius = np.array([0.1])
    y = data.y_test
    once = networks.adversarial(weights, examples=rows, radii=radius, steps=1)
    often = networks.adversarial(weights, examples=rows, radii=radius, steps=20)
    random = [networks.noisy(examples=rows, radii=radius, key=key)[0] for key in range(30)]
    for run in range(2):
        one = weights[[run]]
        found = losses(networks, one, often[run, 0], y)[0]
        searched = np.max([losses(networks, one, x, y)[0] for x in random], axis=0)
        assert (found >= searched - 1e-6).mean() > 0.95
        assert found.mean() > losses(networks, one, once[run, 0], y)[0].mean() > searched.mean()
    own, other = (losses(networks, weights[[0]], often[run, 0], y)[0].mean() for run in (0, 1))
    assert own > other  # every network is attacked by itself


def test_examples_stay_in_their_ball_and_in_the_range_of_the_training_inputs():
    data = images()  # in bytes, whose standardization is not the identity
    networks = TrainedNetworks(Recipe(data="bytes", model="mlp", hidden=(9,), batch_size=8, steps=1), data)
    low, high = int(data.x_train.min()), int(data.x_train.max())
    sd = np.std(data.x_train, dtype=np.float64)
    x = data.x_test[ROWS].astype(float)
    attacked = networks.adversarial(weights_of(networks, 1), examples=ROWS, radii=RADII, steps=3)[0]
    control = networks.noisy(examples=ROWS, radii=RADII, key=0)
    for moved in (attacked, control):
        assert moved.dtype == np.uint8
        assert moved.min() >= low
        assert moved.max() <= high
        np.testing.assert_array_equal(moved[0], data.x_test[ROWS])
        for q in (1, 2):
            away = np.abs(moved[q] - x)
            free = (x - sd * RADII[q] >= low) & (x + sd * RADII[q] <= high)
            assert away.max() <= sd * RADII[q] + 0.5
            assert (away[free] >= sd * RADII[q] - 0.5).mean() > (0.9 if moved is control else 0.5)
    ups = (control[2] > x).mean()
    assert 0.3 < ups < 0.7


def test_noise_is_the_same_again_and_another_with_another_key():
    networks = TrainedNetworks(BASE, vectors())
    first, again, other = (networks.noisy(examples=ROWS, radii=RADII, key=key) for key in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first[2] != other[2]).any()
