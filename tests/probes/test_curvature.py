"""Curvature against dense Hessians, planted spectra, and matfree as an independent second implementation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from varbench.probes.curvature import curvatures, hessian_product, spectrum
from varbench.probes.lanczos import lanczos, ritz

KEY = jax.random.key(5)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def rotation(size, *, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def planted(eigenvalues, *, seed=0):
    q = rotation(len(eigenvalues), seed=seed)
    return jnp.asarray(q * np.asarray(eigenvalues, float) @ q.T)


def network_loss(inputs=5, hidden=6, classes=3, examples=40):
    """A two-layer network's cross-entropy as a function of its 57 weights, and two weight vectors."""
    generator = np.random.default_rng(1)
    x = jnp.asarray(generator.normal(size=(examples, inputs)))
    y = jnp.asarray(generator.integers(0, classes, examples))
    tree = {
        "a": jnp.zeros((inputs, hidden)),
        "b": jnp.zeros(hidden),
        "c": jnp.zeros((hidden, classes)),
        "d": jnp.zeros(3),
    }
    flat, unravel = ravel_pytree(tree)

    def loss(weights):
        t = unravel(weights)
        logits = jnp.tanh(x @ t["a"] + t["b"][None]) @ t["c"] + t["d"][None]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    return loss, jnp.asarray(generator.normal(size=(2, flat.size)))


def test_hessian_products_are_those_of_the_dense_hessian():
    loss, weights = network_loss()
    vector = jnp.asarray(np.random.default_rng(2).normal(size=weights.shape[1]))
    for row in weights:
        np.testing.assert_allclose(hessian_product(loss, row)(vector), jax.hessian(loss)(row) @ vector, rtol=1e-10)


def test_every_run_has_the_spectrum_of_its_own_dense_hessian():
    """With as many steps as parameters nothing is left to chance but the trace and the share, which have errors."""
    loss, weights = network_loss()
    size = weights.shape[1]
    found = curvatures(loss, weights, order=size, probes=8, count=5, key=KEY)
    for run, row in enumerate(weights):
        values = np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(row)))
        np.testing.assert_allclose(found.largest[run], values[::-1][:5], atol=1e-9)
        np.testing.assert_allclose(found.smallest[run], values[:5], atol=1e-9)
        share = -values[values < 0].sum() / np.abs(values).sum()
        assert abs(found.trace[run] - values.sum()) < 4 * found.trace_se[run]
        assert abs(found.negative[run] - share) < 4 * found.negative_se[run]
        assert found.negative_se[run] < 0.5 * share
    assert abs(found.largest[0, 0] - found.largest[1, 0]) > 0.01, "the runs are different"


def test_few_steps_find_what_stands_apart_and_bound_what_they_miss():
    eigenvalues = np.concatenate([[9.0, 5.0, -2.0], np.random.default_rng(3).uniform(-0.1, 0.1, 297)])
    matrix = planted(eigenvalues)
    found = spectrum(lambda v: matrix @ v, like=jnp.ones(300), order=20, probes=3, count=3, key=KEY)
    np.testing.assert_allclose(found.largest[:2], [9.0, 5.0], rtol=1e-9)
    np.testing.assert_allclose(found.smallest[0], -2.0, rtol=1e-9)
    third = np.sort(eigenvalues)[-3]
    assert found.largest[2] <= third
    assert np.abs(eigenvalues - found.largest[2]).min() <= found.largest_bounds[2]


@pytest.mark.parametrize("order", [4, 30])
def test_quadrature_is_exact_for_polynomials_and_agrees_with_matfree(order):
    from matfree import decomp

    matrix = planted(np.linspace(-1, 3, 30) ** 3)
    start = jnp.asarray(np.random.default_rng(4).normal(size=30))
    mine = lanczos(lambda v: matrix @ v, start, order=order, key=KEY)
    theirs = decomp.tridiag_sym(order, materialize=True)(lambda v: matrix @ v, start).J_small
    np.testing.assert_allclose(mine.diagonal, np.diag(theirs), atol=1e-7)
    np.testing.assert_allclose(mine.off_diagonal, np.diag(theirs, 1), atol=1e-7)
    quadrature, unit = ritz(mine), start / jnp.linalg.norm(start)
    for degree in range(min(2 * order, 8)):
        exact = unit @ jnp.linalg.matrix_power(matrix, degree) @ unit
        found = (quadrature.weights * quadrature.values**degree).sum()
        np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("eigenvalues", [[2.0] * 6, [-3.0, -3.0, -1.0, -1.0, -1.0, -1.0], [0.0] * 6, [4.0, *[0.0] * 5]])
def test_a_krylov_space_that_is_used_up_is_left(eigenvalues):
    """Multiple eigenvalues end the recursion early; no zero may be made up from the steps that are left."""
    matrix = planted(eigenvalues)
    found = spectrum(lambda v: matrix @ v, like=jnp.ones(6), order=6, probes=3, count=6, key=KEY)
    np.testing.assert_allclose(found.largest, sorted(eigenvalues, reverse=True), atol=1e-9)
    np.testing.assert_allclose(found.smallest, sorted(eigenvalues), atol=1e-9)
    total = np.abs(eigenvalues).sum()
    share = -sum(v for v in eigenvalues if v < 0) / total if total else 0.0
    assert found.negative == pytest.approx(share, abs=1e-9)
    assert found.negative_se == pytest.approx(0.0, abs=1e-9)


def test_the_share_of_a_symmetric_spectrum_is_a_half_and_short_runs_are_near_it():
    generator = np.random.default_rng(6)
    positive = generator.exponential(size=200) ** 2
    for eigenvalues, share in (
        (np.concatenate([positive, -positive]), 0.5),
        (np.concatenate([positive, -0.25 * positive]), 0.2),
    ):
        matrix = planted(eigenvalues)
        found = spectrum(lambda v, a=matrix: a @ v, like=jnp.ones(400), order=20, probes=10, count=1, key=KEY)
        assert abs(found.negative - share) < 4 * found.negative_se + 0.01
        assert found.negative_se < 0.05


def test_the_standard_error_of_the_trace_covers_the_trace():
    """200 repetitions of 16 probes: |trace − truth| < t₁₅ · SE in 95 % of them; and Hutchinson's known variance."""
    matrix = planted(np.random.default_rng(7).normal(size=24) + 1)
    repeat = jax.jit(
        jax.vmap(lambda k: spectrum(lambda v: matrix @ v, like=jnp.ones(24), order=1, probes=16, count=1, key=k))
    )
    found = repeat(jax.random.split(KEY, 200))
    truth = float(jnp.trace(matrix))
    covered = np.abs(found.trace - truth) < 2.131 * found.trace_se
    assert 0.915 <= covered.mean() <= 0.985  # binomial: three standard deviations of 0.0154 and a little skew
    off = matrix - jnp.diag(jnp.diag(matrix))
    np.testing.assert_allclose(np.mean(found.trace_se**2), 2 * (off**2).sum() / 16, rtol=0.1)
    np.testing.assert_allclose(found.trace.mean(), truth, atol=4 * found.trace.std() / 200**0.5)


def test_the_key_draws_the_probes():
    matrix = planted(np.arange(12.0))
    first, again, other = (
        spectrum(lambda v: matrix @ v, like=jnp.ones(12), order=3, probes=2, count=1, key=jax.random.key(k))
        for k in (0, 0, 1)
    )
    assert first.trace == again.trace != other.trace
    one = spectrum(lambda v: matrix @ v, like=jnp.ones(12), order=3, probes=1, count=1, key=KEY)
    assert np.isnan(one.trace_se)
    assert np.isfinite(one.trace)


def test_single_precision_is_near_double():
    loss, weights = network_loss()
    double = curvatures(loss, weights, order=20, probes=4, count=1, key=KEY)
    with jax.enable_x64(False):
        loss, weights = network_loss()
        single = curvatures(loss, weights.astype(jnp.float32), order=20, probes=4, count=1, key=KEY)
        assert single.largest.dtype == jnp.float32
    np.testing.assert_allclose(single.largest, double.largest, rtol=1e-4)
    np.testing.assert_allclose(single.smallest, double.smallest, rtol=1e-3)


@pytest.mark.parametrize("order", [0, 7])
def test_an_order_beyond_the_space_is_refused(order):
    with pytest.raises(ValueError, match="between 1 and 6 steps"):
        lanczos(lambda v: v, jnp.ones(6), order=order, key=KEY)
