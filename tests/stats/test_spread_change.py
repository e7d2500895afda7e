"""The change of a variance of true accuracies: identities, an oracle of covariances, and reasons."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from varbench.stats.estimate import Estimate
from varbench.stats.spread_change import NO_SPREAD, distribution_variance_change, signed_root


def runs(seed: int, *, runs: int = 12, examples: int = 40, spread: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.random((runs, examples)) < 0.7 + spread * random.normal(size=(runs, 1))


def mean_covariance(correct: np.ndarray) -> float:
    """Mean over pairs of different examples of their covariance over runs."""
    return float(np.mean([np.cov(a, b)[0, 1] for a, b in itertools.combinations(correct.T.astype(float), 2)]))


def test_it_is_the_change_of_the_mean_covariance_of_two_examples():
    first, second = runs(0), runs(1, examples=25, spread=0.2)
    found = distribution_variance_change(first, second, level=0.95)
    assert found.value == pytest.approx(mean_covariance(second) - mean_covariance(first))
    back = distribution_variance_change(second, first, level=0.95)
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_the_same_answers_are_no_change_and_more_of_them_neither():
    first = runs(2)
    assert distribution_variance_change(first, first, level=0.95).value == 0.0
    same = distribution_variance_change(first, first[:, ::-1], level=0.95)
    assert same.value == pytest.approx(0.0, abs=1e-15)
    assert same.low < 0.0 < same.high


def test_errors_on_examples_of_their_own_add_nothing_however_many():
    random = np.random.default_rng(3)
    few, many = (random.random((400, 200)) < right for right in (0.98, 0.5))
    assert many.mean(axis=1).std() > 3 * few.mean(axis=1).std()
    change = distribution_variance_change(few, many, level=0.95)
    assert change.low < 0.0 < change.high
    assert abs(change.value) < 0.1 * many.mean(axis=1).var()


def test_too_little_has_no_interval_or_no_value():
    all_right = np.ones((8, 10), bool)
    flat = distribution_variance_change(all_right, all_right, level=0.95)
    assert (flat.value, flat.low, flat.reason) == (0.0, None, NO_SPREAD)
    assert distribution_variance_change(all_right, runs(4, runs=8), level=0.95).low is not None
    assert distribution_variance_change(runs(0, runs=4), runs(1, runs=4), level=0.95).low is None
    for count in (0, 1):
        assert distribution_variance_change(runs(0, runs=count), runs(1, runs=count), level=0.95).value is None
    one_example = distribution_variance_change(runs(0, examples=1), runs(1), level=0.95)
    assert one_example.value is None


def test_the_signed_root_keeps_the_side_of_0():
    change = Estimate(0.0004, -0.0001, 0.0009, 0.95, "m", "runs", 8, 10)
    root = signed_root(change)
    assert (root.value, root.low, root.high) == pytest.approx((0.02, -0.01, 0.03))
    assert signed_root(distribution_variance_change(runs(0, runs=4), runs(1, runs=4), level=0.95)).low is None
    assert math.copysign(1.0, signed_root(change).value) == 1.0


@pytest.mark.parametrize(("n_runs", "lowest", "highest"), [(8, 0.97, 1.0), (16, 0.95, 0.99), (64, 0.93, 0.97)])
@pytest.mark.parametrize(
    ("right", "spread", "together"),
    [((0.8, 0.6), (0.03, 0.03), 0.0), ((0.9, 0.5), (0.0, 0.0), 0.0), ((0.9, 0.5), (0.01, 0.05), 0.3)],
)
def test_coverage_is_what_the_docstring_says(n_runs, lowest, highest, right, spread, together):
    random, truth, covered = np.random.default_rng(n_runs), spread[1] ** 2 - spread[0] ** 2, []
    for _ in range(300):
        shared, own = random.normal(size=(2, n_runs))
        effects = (shared, together * shared + math.sqrt(1.0 - together**2) * own)
        both = [
            random.random((n_runs, 400)) < (a + s * effect)[:, None]
            for a, s, effect in zip(right, spread, effects, strict=True)
        ]
        found = distribution_variance_change(*both, level=0.95)
        covered.append(found.low <= truth <= found.high)
    margin = 3 * math.sqrt(0.95 * 0.05 / len(covered))
    assert lowest - margin <= np.mean(covered) <= highest + margin, f"coverage {np.mean(covered):.3f}"
