"""Churn against loops, its parts, and what it is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.measures.churn import mean_churn_to, paired_churn
from varbench.measures.predictions import vote_counts


def by_hand(old, new, labels):
    return (old != new).mean(), ((old != labels) & (new == labels)).mean(), ((old == labels) & (new != labels)).mean()


@given(
    seed=st.integers(0, 2**16),
    n_old=st.integers(1, 4),
    n_new=st.integers(1, 4),
    n=st.integers(1, 9),
    k=st.integers(1, 4),
)
def test_means_over_cross_pairs_equal_loops(seed, n_old, n_new, n, k):
    rng = np.random.default_rng(seed)
    labels, old, new = rng.integers(0, k, n), rng.integers(-1, k, (n_old, n)), rng.integers(-1, k, (n_new, n))
    pairs = np.array([[by_hand(a, b, labels) for b in new] for a in old])
    forward = mean_churn_to(old, vote_counts(new, n_classes=k), labels, forward=True)
    backward = mean_churn_to(new, vote_counts(old, n_classes=k), labels, forward=False)
    np.testing.assert_allclose(np.stack(forward, axis=-1), pairs.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(np.stack(backward, axis=-1), pairs.mean(axis=0), atol=1e-12)


def test_of_matched_runs_it_is_that_of_each_pair():
    rng = np.random.default_rng(0)
    labels, old, new = rng.integers(0, 3, 30), rng.integers(-1, 3, (5, 30)), rng.integers(-1, 3, (5, 30))
    found = np.stack(paired_churn(old, new, labels), axis=-1)
    np.testing.assert_allclose(found, [by_hand(*pair, labels) for pair in zip(old, new, strict=True)], atol=1e-12)


def test_good_minus_bad_is_the_gain_in_accuracy_and_two_classes_know_nothing_else():
    rng = np.random.default_rng(1)
    labels, old, new = rng.integers(0, 2, 50), rng.integers(0, 2, (3, 50)), rng.integers(0, 2, (3, 50))
    changed, good, bad = paired_churn(old, new, labels)
    np.testing.assert_allclose(good - bad, (new == labels).mean(axis=1) - (old == labels).mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(good + bad, changed, atol=1e-12)


def test_agreement_is_not_churn():
    labels = np.zeros(8, dtype=int)
    same = np.zeros((2, 8), dtype=int)
    assert [part.tolist() for part in paired_churn(same, same, labels)] == [[0.0, 0.0]] * 3
    other = paired_churn(same, same + 1, labels)
    assert [part.tolist() for part in other] == [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    assert mean_churn_to(same, vote_counts(same, n_classes=2), labels, forward=True).changed == pytest.approx(
        [0.0, 0.0]
    )
