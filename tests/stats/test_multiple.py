"""Holm's adjustment against the closed test that it abbreviates."""

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.stats.multiple import holm


def closed_bonferroni(p_values):
    """Adjusted p of each hypothesis: the largest Bonferroni p of the intersections that it is part of."""
    places = range(len(p_values))
    families = [family for size in range(1, len(p_values) + 1) for family in combinations(places, size)]
    tests = {family: min(1.0, len(family) * min(p_values[i] for i in family)) for family in families}
    return [max(p for family, p in tests.items() if i in family) for i in places]


p_values_with_ties = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.02, 1.0])), max_size=6)


@settings(max_examples=50)
@given(p_values_with_ties)
def test_holm_is_the_closed_test_of_all_bonferroni_intersections(p_values):
    assert holm(p_values) == pytest.approx(closed_bonferroni(p_values), rel=1e-14)


@settings(max_examples=50)
@given(p_values_with_ties)
def test_adjusted_p_values_keep_the_order_and_never_fall(p_values):
    adjusted = holm(p_values)
    assert all(p <= a for p, a in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in pairs] == sorted(adjusted)


def test_a_test_that_was_not_made_counts_for_nothing():
    assert holm([0.01, None, 0.04, math.nan]) == [0.02, None, 0.04, None]
    assert holm([]) == []


def test_holms_own_order_of_steps():
    # Three tests: 3 · .01, then 2 · .02 = .04, then .04 lifted from 1 · .03 by the step before.
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])
