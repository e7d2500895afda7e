"""Calibration of the votes: loops, leaving out, the bound on disagreement minus error, and planted calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.measures import calibration
from varbench.measures.predictions import vote_counts


def drawn(seed, n_runs, n_examples, n_classes):
    rng = np.random.default_rng(seed)
    return rng.integers(-1, n_classes, (n_runs, n_examples)), rng.integers(0, n_classes, n_examples)


def cace(predicted, labels, *, bins, n_classes=4):
    return calibration.class_aggregated_calibration_error(
        vote_counts(predicted, n_classes=n_classes), labels, bins=bins
    )


def by_loops(predicted, labels, *, bins, n_classes=4):
    gaps = np.zeros(bins)
    for i, label in enumerate(labels):
        for c in [*range(n_classes), -1]:
            votes = int((predicted[:, i] == c).sum())
            which = max(0, -(-votes * bins // len(predicted)) - 1)
            gaps[which] += (label == c) - votes / len(predicted)
    return np.abs(gaps).sum() / len(labels)


@given(seed=st.integers(0, 2**16), n_runs=st.integers(1, 9), n=st.integers(1, 12), bins=st.integers(1, 20))
def test_equals_loops_and_leaving_a_run_out_equals_recomputing(seed, n_runs, n, bins):
    predicted, labels = drawn(seed, n_runs, n, 4)
    assert cace(predicted, labels, bins=bins) == pytest.approx(by_loops(predicted, labels, bins=bins), abs=1e-12)
    left_out = calibration.class_aggregated_calibration_error_left_out(
        predicted, vote_counts(predicted, n_classes=4), labels, bins=bins
    )
    if n_runs == 1:
        assert np.isnan(left_out).all()
    else:
        again = [by_loops(np.delete(predicted, run, axis=0), labels, bins=bins) for run in range(n_runs)]
        np.testing.assert_allclose(left_out, again, atol=1e-12)


@given(seed=st.integers(0, 2**16), n_runs=st.integers(2, 9), n=st.integers(1, 40))
def test_bounds_the_gap_between_disagreement_and_error(seed, n_runs, n):
    """Theorem 4.4 of Jiang et al., with a bin for each number of votes, none too; pairs with replacement."""
    predicted, labels = drawn(seed, n_runs, n, 4)
    disagreement = (predicted[:, None] != predicted[None, :]).mean()
    error = (predicted != labels).mean()
    assert abs(disagreement - error) <= cace(predicted, labels, bins=2 * n_runs) + 1e-12


def test_calibrated_votes_are_near_zero_and_confident_errors_are_not():
    """Votes and labels of each example from one distribution: calibrated, so only sampling noise is left."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(4, 0.7), size=20_000)
    cumulative = p.cumsum(axis=1)

    def draw(size):
        return (rng.random((size, 20_000, 1)) > cumulative).sum(axis=-1)

    predicted, labels = draw(200), draw(1)[0]
    assert cace(predicted, labels, bins=15) < 0.03
    assert cace(np.zeros((5, 10), int), np.ones(10, int), bins=15) == 2.0
    assert cace(np.zeros((5, 10), int), np.zeros(10, int), bins=15) == 0.0
