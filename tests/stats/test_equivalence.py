"""Two one-sided tests against SciPy's t tests, at the margin, and for the typical difference of two runs."""

import numpy as np
import pytest
from scipy import stats

from varbench.errors import InputError
from varbench.stats.equivalence import equivalence_of_mean, equivalence_of_means, equivalent_loss
from varbench.stats.spread import variance_interval


def test_matched_differences_are_two_one_sided_t_tests():
    differences = np.random.default_rng(0).normal(0.02, 0.1, 20)
    found = equivalence_of_mean(differences, margin=0.08, alpha=0.05)
    assert found.p_lower == pytest.approx(stats.ttest_1samp(differences, -0.08, alternative="greater").pvalue)
    assert found.p_upper == pytest.approx(stats.ttest_1samp(differences, 0.08, alternative="less").pvalue)
    expected = stats.t.interval(0.9, 19, differences.mean(), stats.sem(differences))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.equivalent == (max(found.p_lower, found.p_upper) < 0.05) == (-0.08 < found.low < found.high < 0.08)


def test_two_conditions_are_two_one_sided_welch_tests():
    rng = np.random.default_rng(1)
    first, second = rng.normal(1.0, 0.1, 9), rng.normal(1.05, 0.3, 14)
    found = equivalence_of_means(first, second, margin=0.4, alpha=0.05)
    expected = stats.ttest_ind(first + 0.4, second, equal_var=False, alternative="greater").pvalue
    assert found.p_lower == pytest.approx(expected)
    assert found.p_upper == pytest.approx(
        stats.ttest_ind(first - 0.4, second, equal_var=False, alternative="less").pvalue
    )
    assert found.difference == pytest.approx(first.mean() - second.mean())


@pytest.mark.parametrize("mean", [-0.5, 0.5])
def test_on_the_margin_it_is_passed_with_probability_alpha(mean):
    rng = np.random.default_rng(2)
    passed = [equivalence_of_mean(rng.normal(mean, 0.3, 16), margin=0.5, alpha=0.05).equivalent for _ in range(4000)]
    assert np.mean(passed) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 4000))


def test_not_shown_to_be_equivalent_is_false_and_not_none():
    found = equivalence_of_mean(np.array([-1.0, 1.0, 0.5]), margin=0.1, alpha=0.05)
    assert found.equivalent is False


def test_typical_difference_is_the_root_mean_square_over_pairs():
    losses = np.random.default_rng(3).normal(1.0, 0.02, 12)
    pairs = losses[:, None] - losses[None, :]
    found = equivalent_loss(losses, margin=0.1, alpha=0.05)
    expected = np.sqrt((pairs**2).sum() / (12 * 11))
    assert found.difference == pytest.approx(expected)
    low, high = variance_interval(losses, level=0.9)
    assert (found.low, found.high) == pytest.approx((np.sqrt(2 * low), np.sqrt(2 * high)))
    assert found.high < 0.1
    assert found.equivalent


def test_p_value_and_interval_of_the_typical_difference_agree():
    losses = np.random.default_rng(4).normal(1.0, 0.02, 12)
    high = equivalent_loss(losses, margin=1.0, alpha=0.05).high
    assert equivalent_loss(losses, margin=high, alpha=0.05).p_upper == pytest.approx(0.05)
    assert equivalent_loss(losses, margin=1.01 * high, alpha=0.05).equivalent
    assert equivalent_loss(losses, margin=0.99 * high, alpha=0.05).equivalent is False


def test_more_runs_never_make_a_large_spread_equivalent():
    # A test of the mean difference of pairs, which is 0 for any population, would pass here.
    losses = np.random.default_rng(5).normal(1.0, 0.5, 5000)
    assert equivalent_loss(losses, margin=0.1, alpha=0.05).equivalent is False


def test_equal_losses_are_equivalent_and_few_runs_cannot_tell():
    assert equivalent_loss(np.full(8, 1.5), margin=1e-9, alpha=0.05).equivalent
    few = equivalent_loss(np.array([1.0, 1.1]), margin=0.5, alpha=0.05)
    assert (few.equivalent, few.p_upper) == (None, None)
    assert few.reason
    assert equivalence_of_mean(np.array([0.1]), margin=1.0, alpha=0.05).equivalent is None
    assert equivalence_of_means(np.array([0.1]), np.array([0.1, 0.2]), margin=1.0, alpha=0.05).equivalent is None
    assert equivalence_of_mean(np.zeros(3), margin=0.1, alpha=0.05).equivalent
    assert equivalence_of_means(np.ones(3), np.zeros(3), margin=0.1, alpha=0.05).equivalent is False


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (-1.0, 0.05), (np.nan, 0.05), (0.1, 0.0), (0.1, 0.5)])
def test_margins_and_levels_that_make_no_sense_are_refused(margin, alpha):
    with pytest.raises(InputError, match=r"margin|level"):
        equivalent_loss(np.arange(9.0), margin=margin, alpha=alpha)
