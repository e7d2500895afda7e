"""CKA and Procrustes against their definitions, an oracle, published numbers, and what must leave them unchanged."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from varbench.measures import representations as rep
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean_estimate


def gaussians(n_runs, n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n_runs, n, d))


def rotation(d, rng):
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def hsic_u(x, y):
    """The formula as it is published, term by term."""
    n = len(x)
    first, second = x @ x.T, y @ y.T
    np.fill_diagonal(first, 0.0)
    np.fill_diagonal(second, 0.0)
    one = np.ones(n)
    middle = (one @ first @ one) * (one @ second @ one) / ((n - 1) * (n - 2))
    return (np.trace(first @ second) + middle - 2 / (n - 2) * (one @ first @ second @ one)) / (n * (n - 3))


def debiased(x, y):
    return hsic_u(x, y) / math.sqrt(hsic_u(x, x) * hsic_u(y, y))


def biased(x):
    """Every pair as Kornblith et al. 2019 have it, with the diagonals."""
    x = x - x.mean(axis=1, keepdims=True)
    grams = (x @ x.swapaxes(1, 2)).reshape(len(x), -1)
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    return grams @ grams.T


def procrustes(a, b):
    """By the rotation that SciPy finds, without any nuclear norm."""
    a, b = a - a.mean(0), b - b.mean(0)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    turn, _ = orthogonal_procrustes(b, a)
    return np.linalg.norm(a - b @ turn) / math.sqrt(2)


def off_diagonal(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)]


@settings(max_examples=40)
@given(st.integers(1, 4), st.integers(4, 20), st.integers(1, 30), st.integers(0, 1000))
def test_cka_is_its_definition_for_every_pair(n_runs, n, d, seed):
    x = gaussians(n_runs, n, d, seed) + 3.0
    found = rep.cka_matrix(x)
    for r in range(n_runs):
        for s in range(n_runs):
            assert found[r, s] == pytest.approx(debiased(x[r], x[s]), abs=1e-9)
    assert np.diag(found).tolist() == [1.0] * n_runs
    assert (found == found.T).all()


def test_independent_gaussians_read_zero_debiased_and_two_thirds_biased():
    x = gaussians(64, 64, 128)
    found = off_diagonal(rep.cka_matrix(x))
    assert off_diagonal(biased(x)).mean() == pytest.approx(0.667, abs=0.003)
    assert np.mean(found) == pytest.approx(-0.001, abs=0.002)
    assert np.std(found) == pytest.approx(0.022, abs=0.002)


@settings(max_examples=25)
@given(st.integers(4, 24), st.integers(1, 30), st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_an_orthogonal_map_a_scale_and_a_shift_change_nothing(n, d, scale, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, n, d))
    moved = x.copy()
    moved[1] = scale * x[1] @ rotation(d, rng) + rng.normal(size=d)
    for measured in (rep.cka_matrix, rep.procrustes_distance_matrix):
        np.testing.assert_allclose(measured(moved), measured(x), atol=1e-6)
    same = np.stack([x[1], moved[1]])
    assert rep.cka_matrix(same)[0, 1] == pytest.approx(1.0, abs=1e-9)
    assert rep.procrustes_distance_matrix(same)[0, 1] < 1e-7 * math.sqrt(d)


@settings(max_examples=25)
@given(st.integers(2, 20), st.integers(1, 25), st.integers(0, 1000))
def test_procrustes_is_what_the_best_rotation_leaves(n, d, seed):
    x = gaussians(3, n, d, seed)
    x[1] = 0.5 * x[0] + x[1]
    found = rep.procrustes_distance_matrix(x)
    for r in range(3):
        for s in range(r):
            assert found[r, s] == found[s, r] == pytest.approx(procrustes(x[r], x[s]), abs=1e-7)
    assert np.diag(found).tolist() == [0.0] * 3


def test_the_ends_of_procrustes():
    one, other = np.zeros((2, 6, 4))
    one[:, 0], other[:, 3] = [1, -1, 0, 0, 0, 0], [0, 0, 0, 1, 1, -2]
    assert rep.procrustes_distance_matrix(np.stack([one, other]))[0, 1] == 1.0
    x = gaussians(1, 30, 7)
    assert rep.procrustes_distance_matrix(np.concatenate([x, x, x])).tolist() == np.zeros((3, 3)).tolist()


def test_procrustes_reads_zero_for_anything_where_units_outnumber_examples():
    """What the docstring warns of, and why it is no measure of layers much wider than the number of examples."""
    wide = off_diagonal(rep.procrustes_distance_matrix(gaussians(4, 16, 1000)))
    narrow = off_diagonal(rep.procrustes_distance_matrix(gaussians(4, 1000, 16)))
    assert wide.max() < 0.25
    assert narrow.min() > 0.85


def test_identical_runs_are_exactly_alike_also_in_float32():
    x = gaussians(1, 50, 20).astype(np.float32).repeat(3, axis=0)
    assert rep.cka_matrix(x).tolist() == np.ones((3, 3)).tolist()
    assert rep.procrustes_distance_matrix(x).tolist() == np.zeros((3, 3)).tolist()


def test_a_layer_that_does_not_vary_has_no_similarity():
    x = gaussians(4, 13, 5)
    x[1] = 0.3
    assert np.ptp(x[1] - x[1].mean(axis=0)) == 0 != (x[1] - x[1].mean(axis=0))[0, 0], "the mean must be rounded"
    x[2] = 0.0
    cka, distance = rep.cka_matrix(x), rep.procrustes_distance_matrix(x)
    for run in (1, 2):
        assert np.isnan(cka[run]).all()
        assert np.isnan(cka[:, run]).all()
        assert np.isnan(distance[run]).all()
    assert np.isfinite(cka[np.ix_([0, 3], [0, 3])]).all()
    assert np.isfinite(distance[np.ix_([0, 3], [0, 3])]).all()


def test_one_example_unlike_all_others_leaves_nothing_to_compare():
    x = gaussians(2, 12, 5)
    x[1] = 1.0
    x[1, 3] = [2.0, 5.0, -1.0, 0.0, 0.3]
    assert np.isnan(rep.cka_matrix(x)[1]).all()


def test_cka_needs_four_examples():
    for n in (1, 2, 3):
        assert np.isnan(rep.cka_matrix(gaussians(3, n, 5))).all()
    assert np.isfinite(rep.cka_matrix(gaussians(3, 4, 5))).all()


def test_layers_are_compared_over_pairs_of_different_runs():
    layers = [gaussians(5, 10, d, d) for d in (3, 8)]
    layers[1][:, :, :3] += layers[0]
    vectors = np.stack([rep.cka_vectors(x) for x in layers])
    found = rep.cka_between_layers(vectors)
    for a in range(2):
        for b in range(2):
            pairs = [debiased(layers[a][r], layers[b][s]) for r in range(5) for s in range(5) if r != s]
            assert found[a, b] == pytest.approx(np.mean(pairs), abs=1e-9)
    assert np.isnan(rep.cka_between_layers(vectors[:, :1])).all()


def test_blocks_change_nothing(monkeypatch):
    x = gaussians(5, 9, 12)
    whole = rep.cka_vectors(x), rep.procrustes_distance_matrix(x)
    monkeypatch.setattr(rep, "blocks", lambda total, *, bytes_each: (slice(i, i + 2) for i in range(0, total, 2)))
    np.testing.assert_allclose(rep.cka_vectors(x), whole[0], rtol=1e-12)
    np.testing.assert_allclose(rep.procrustes_distance_matrix(x), whole[1], rtol=1e-12)


@pytest.mark.parametrize("n_runs", [16, 64])
def test_coverage_of_the_jackknife_over_runs(n_runs):
    """Runs see the same examples through noise of their own strength; the truth is the mean of many such pairs."""
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(24, 6))

    def draw(runs):
        strength = np.exp(0.4 * rng.normal(size=(runs, 1, 1)))
        return rep.cka_matrix(shared + strength * rng.normal(size=(runs, 24, 6)))

    truth = np.mean([off_diagonal(draw(128)).mean() for _ in range(40)])
    inside = []
    for _ in range(600 if n_runs == 16 else 300):
        estimate = pair_mean_estimate(off_diagonal_row_sums(draw(n_runs)), level=0.95, n_examples=24)
        inside.append(estimate.low <= truth <= estimate.high)
    assert 0.93 <= np.mean(inside) <= 0.97
