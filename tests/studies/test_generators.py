"""Generators and density models of points in the plane: losses against closed forms, bits against the runs beside."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from varbench.studies.claims.mode_collapse import games, generators
from varbench.studies.claims.mode_collapse.games import Mixture, train_generators
from varbench.studies.claims.mode_collapse.generators import COMPONENTS, Modes, Setting

TINY = Setting(hidden=8, latent=3, batch=16, steps=20, generator_lr=1e-2, discriminator_lr=1e-3)
SQUARE = Mixture(((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)), 0.05)


def modes_of(mixture: Mixture) -> Modes:
    return Modes(jnp.array(mixture.centers), np.int32(len(mixture.centers)), np.float32(mixture.sd))


def density(random: np.random.Generator) -> np.ndarray:
    return random.normal(scale=0.5, size=4 * COMPONENTS).astype(np.float32)


def test_the_density_is_that_of_a_mixture_of_gaussians():
    random = np.random.default_rng(0)
    vector, x = density(random), random.normal(size=(7, 2)).astype(np.float32)
    logits, log_sds, first, second = np.split(vector.astype(float), 4)
    shares = np.exp(logits) / np.exp(logits).sum()
    peers = [multivariate_normal((a, b), np.exp(2 * s)).pdf(x) for a, b, s in zip(first, second, log_sds, strict=True)]
    expected = np.log(shares @ np.array(peers))
    np.testing.assert_allclose(generators.log_density(vector, x), expected, rtol=1e-4)


def test_points_of_the_density_model_have_its_moments():
    vector = density(np.random.default_rng(1))
    logits, log_sds, first, second = np.split(vector.astype(float), 4)
    shares = np.exp(logits) / np.exp(logits).sum()
    points = np.asarray(generators.density_points(vector, jax.random.normal(jax.random.key(0), (100_000, 3))))
    np.testing.assert_allclose(points.mean(0), [shares @ first, shares @ second], atol=0.02)
    mean = shares @ first
    variance = shares @ (np.exp(2 * log_sds) + (first - mean) ** 2)
    assert points[:, 0].var() == pytest.approx(variance, rel=0.03)


def test_the_network_is_a_multilayer_perceptron():
    random = np.random.default_rng(2)
    w1, b1, w2, b2 = (random.normal(size=s).astype(np.float32) for s in ((2, 3), (3,), (3, 1), (1,)))
    x = random.normal(size=(5, 2)).astype(np.float32)
    vector = np.concatenate([w1.ravel(), b1, w2.ravel(), b2])
    np.testing.assert_allclose(generators.apply(vector, x, (2, 3, 1)), np.tanh(x @ w1 + b1) @ w2 + b2, rtol=1e-5)


def test_players_that_know_nothing_have_the_losses_of_guessing():
    """D = ½ everywhere: 2 ln 2 and ln 2; the density model's loss is its cross-entropy."""
    players = generators.begin(np.uint32(0), modes_of(SQUARE), TINY)
    blind = players._replace(
        parameters=(players.parameters[0], jnp.zeros_like(players.parameters[1]), players.parameters[2])
    )
    _, losses = generators.step(blind, jax.random.key(0), modes_of(SQUARE), TINY)
    assert losses[0] == pytest.approx(2 * math.log(2), rel=1e-6)
    assert losses[1] == pytest.approx(math.log(2), abs=2e-3)  # after one small step of the discriminator


def test_each_player_moves_against_its_own_loss():
    """One step by hand: Adam's first step is the rate times the sign of the gradient."""
    players = generators.begin(np.uint32(3), modes_of(SQUARE), TINY)
    after, _ = generators.step(players, jax.random.key(1), modes_of(SQUARE), TINY)
    rates = (TINY.generator_lr, TINY.discriminator_lr, TINY.generator_lr)
    for before, now, rate in zip(players.parameters, after.parameters, rates, strict=True):
        moved = np.abs(np.asarray(now - before))
        assert moved.max() == pytest.approx(rate, rel=1e-2)


def test_the_density_starts_around_points_of_the_data():
    vector = np.asarray(generators.begin(np.uint32(0), modes_of(SQUARE), TINY).parameters[2])
    means = np.stack(np.split(vector, 4)[2:], axis=1)
    distances = np.linalg.norm(means[:, None] - np.array(SQUARE.centers), axis=-1).min(1)
    assert distances.max() < 6 * SQUARE.sd
    np.testing.assert_allclose(np.split(vector, 4)[1], math.log(generators.WIDE), rtol=1e-5)


def test_a_run_does_not_depend_on_the_runs_beside_it():
    few, more = (train_generators(SQUARE, TINY, runs=runs) for runs in (2, games.WIDTH + 3))
    for name in ("counts", "again", "sharp", "losses"):
        np.testing.assert_array_equal(few[name], more[name][:2])
    assert not np.array_equal(more["losses"][0], more["losses"][1])


def test_likelihood_finds_every_mode_of_easy_data():
    setting = Setting(hidden=8, latent=3, batch=64, steps=600, generator_lr=2e-2, discriminator_lr=1e-3)
    shares = []
    found = train_generators(SQUARE, setting, runs=2, listen=shares.append)
    assert (found["sharp"][:, 1] > 250).all(), "of 2,500 samples, 625 in each mode if even"
    entropy = math.log(2 * math.pi * math.e * SQUARE.sd**2) + math.log(4)
    np.testing.assert_allclose(found["losses"][:, -1, 2], entropy, atol=0.1)
    assert found["finished"].all()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
