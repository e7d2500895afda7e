"""Random sets of runs that share no level."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from varbench.measures.unrelated_sets import unrelated_sets


def crossing(a: int, b: int) -> np.ndarray:
    return np.stack([np.repeat(np.arange(a), b), np.tile(np.arange(b), a)])


@pytest.mark.parametrize(("a", "b"), [(3, 3), (4, 6), (7, 2)])
def test_every_set_of_a_crossing_is_as_large_as_it_can_be_and_shares_no_level(a: int, b: int) -> None:
    places = crossing(a, b)
    sets = unrelated_sets(places, count=50, generator=np.random.default_rng(0))
    assert sets.shape == (50, min(a, b))
    for row in places:
        assert all(len(set(row[chosen])) == min(a, b) for chosen in sets)


def test_all_ordered_sets_of_a_crossing_are_equally_likely() -> None:
    sets = unrelated_sets(crossing(3, 3), count=36_000, generator=np.random.default_rng(1))
    counts = np.array(list(Counter(map(tuple, sets)).values()))
    assert len(counts) == 36  # 9 · 4 · 1
    assert ((counts - 1000) ** 2 / 1000).sum() < 66.6  # chi-squared, 35 degrees of freedom, 1 in 1,000


def test_draws_that_ended_early_are_left_out() -> None:
    places = np.array([[0, 1, 1, 2], [0, 0, 1, 2]])  # runs 0, 2 and 3 share nothing; 1 and 3 alone neither
    sets = unrelated_sets(places, count=200, generator=np.random.default_rng(2))
    assert {tuple(sorted(chosen)) for chosen in sets} == {(0, 2, 3)}
    assert 0 < len(sets) < 200
