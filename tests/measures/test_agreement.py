"""Kappa against scikit-learn, correlation against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from varbench.measures import agreement


def kappa(first, second):
    """As it is defined; NaN where chance alone agrees everywhere."""
    a, b = first.mean(), second.mean()
    by_chance = a * b + (1 - a) * (1 - b)
    return ((first == second).mean() - by_chance) / (1 - by_chance) if by_chance < 1 else np.nan


def drawn(n_runs, n_examples, lowest, highest, seed=0):
    """Correctness of runs whose chances to be right are spread."""
    rng = np.random.default_rng(seed)
    return rng.random((n_runs, n_examples)) < np.linspace(lowest, highest, n_runs)[:, None]


@pytest.mark.parametrize(("n_runs", "n_examples"), [(2, 5), (5, 40), (3, 301)])
def test_error_consistency_is_cohens_kappa_of_correctness(n_runs, n_examples):
    rng = np.random.default_rng(n_examples)
    correct = rng.random((n_runs, n_examples)) < rng.random((n_runs, 1)) * 0.6 + 0.2
    expected = np.zeros(n_runs)
    for r in range(n_runs):
        for s in set(range(n_runs)) - {r}:
            expected[r] += cohen_kappa_score(correct[r].astype(int), correct[s].astype(int))
    np.testing.assert_allclose(agreement.error_consistency_row_sums(correct), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("lowest", "highest"), [(0.0, 1.0), (0.5, 0.5), (0.9, 0.92), (0.9, 0.99999), (0.0, 0.001)], ids=str
)
def test_kappa_without_pairs_is_that_of_the_pairs_for_any_spread_of_accuracies(lowest, highest):
    correct = drawn(60, 2_000, lowest, highest)
    pairs = np.array([[kappa(a, b) for b in correct] for a in correct])
    np.fill_diagonal(pairs, 0.0)
    found = agreement.error_consistency_row_sums(correct)
    np.testing.assert_allclose(found, np.nansum(pairs, axis=1), atol=1e-11)
    np.testing.assert_array_equal(agreement.undefined_kappas(correct), np.isnan(pairs).sum(axis=1))


def test_runs_that_miss_the_same_examples_have_kappa_one():
    for n_runs, n_examples, chance in ((2, 300, 0.9), (50, 300, 0.3), (1_000, 701, 0.97)):
        correct = drawn(1, n_examples, chance, chance).repeat(n_runs, axis=0)
        assert agreement.error_consistency_row_sums(correct).tolist() == [n_runs - 1.0] * n_runs


def test_blocks_of_examples_change_no_kappa(monkeypatch):
    correct = drawn(9, 41, 0.2, 0.9)
    whole = agreement.error_consistency_row_sums(correct)
    monkeypatch.setattr(agreement, "blocks", lambda total, *, bytes_each: (slice(i, i + 1) for i in range(total)))
    np.testing.assert_allclose(agreement.error_consistency_row_sums(correct), whole, atol=1e-12)


@given(seed=st.integers(0, 2**16), n_runs=st.integers(2, 5), n=st.integers(2, 30), k=st.integers(2, 4))
def test_disagreement_over_that_by_chance_is_one_minus_kappa(seed, n_runs, n, k):
    predicted = np.random.default_rng(seed).integers(-1, k, (n_runs, n))
    row_sums = agreement.chance_disagreement_row_sums(predicted, n_classes=k)
    chance = np.zeros(n_runs)
    for r in range(n_runs):
        for s in set(range(n_runs)) - {r}:
            differing = (predicted[r] != predicted[s]).mean()
            if differing > 0:
                chance[r] += differing / (1 - cohen_kappa_score(predicted[r], predicted[s]))
            else:
                chance[r] += 1 - sum((predicted[r] == c).mean() ** 2 for c in range(-1, k))
    np.testing.assert_allclose(row_sums, chance, atol=1e-12)


def test_kappa_is_undefined_only_where_chance_alone_agrees_everywhere():
    correct = np.array([[1, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 1]], dtype=bool)
    assert agreement.undefined_kappas(correct).tolist() == [1, 1, 1, 1, 0]
    assert agreement.error_consistency_row_sums(correct).tolist() == [0.0] * 5
    assert agreement.undefined_kappas(correct[:3]).tolist() == [1, 1, 0]
    assert agreement.undefined_kappas(correct[1:3]).tolist() == [0, 0]


def test_independent_errors_have_kappa_zero():
    rng = np.random.default_rng(0)
    correct = rng.random((2, 400_000)) < [[0.9], [0.6]]
    assert agreement.error_consistency_row_sums(correct)[0] == pytest.approx(0.0, abs=4 / np.sqrt(400_000))


def test_logit_correlation_is_pearson_of_flattened_logits():
    rng = np.random.default_rng(2)
    logits = (rng.normal(size=(1, 30, 4)) + rng.normal(size=(5, 30, 4)) + 100.0).astype(np.float32)
    expected = np.corrcoef(logits.reshape(5, -1).astype(np.float64))
    np.testing.assert_allclose(agreement.logit_correlation_matrix(logits), expected, atol=1e-10)


def test_correlation_ignores_scale_and_shift_and_sees_the_sign():
    logits = np.random.default_rng(3).normal(size=(1, 8, 3))
    both = np.concatenate([logits, 2.0 * logits + 5.0, -logits])
    expected = [[1, 1, -1], [1, 1, -1], [-1, -1, 1]]
    np.testing.assert_allclose(agreement.logit_correlation_matrix(both), expected, atol=1e-12)
    assert np.abs(agreement.logit_correlation_matrix(both)).max() <= 1.0


def test_constant_logits_have_no_correlation():
    logits = np.random.default_rng(4).normal(size=(3, 5, 2)).astype(np.float32)
    logits[1] = 0.1
    matrix = agreement.logit_correlation_matrix(logits)
    assert np.isnan(matrix[1]).all()
    assert np.isfinite(matrix[np.ix_([0, 2], [0, 2])]).all()
