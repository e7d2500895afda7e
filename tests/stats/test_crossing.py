"""Which designs are recognized, and what is said of the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.stats.crossing import Crossing, OneAtATime, crossing, one_at_a_time
from varbench.training import design


def table(made, order=None):
    order = np.arange(len(made)) if order is None else order
    return {source: made.column(source)[order] for source in made.levels[0]}


@given(counts=st.lists(st.integers(2, 4), min_size=2, max_size=3), times=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_crossed_design_is_found_in_any_order_of_rows(counts, times, seed):
    sources = ("init", "order", "data")[: len(counts)]
    made = design.crossed(dict(zip(sources, counts, strict=True)))
    made = design.replicated(made, times, over=["augment"]) if times > 1 else made
    levels = table(made, np.random.default_rng(seed).permutation(len(made)))
    found = crossing(levels)
    assert isinstance(found, Crossing)
    assert found.sources == tuple(source for source in levels if source in sources)
    assert found.replicates == times
    assert sorted(found.cells.ravel()) == list(range(len(made)))
    for axis, source in enumerate(found.sources):
        placed = np.moveaxis(levels[source][found.cells], axis, 0)
        assert (placed == placed[:, *[slice(0, 1)] * (placed.ndim - 1)]).all()
        assert len(np.unique(placed)) == len(placed)


def test_replicates_without_a_source_of_their_own_are_found_too():
    levels = {"init": np.array([3, 3, 3, 3, 7, 7, 7, 7]), "order": np.array([0, 0, 1, 1, 0, 0, 1, 1])}
    assert crossing(levels).cells.shape == (2, 2, 2)


def test_sources_that_change_together_are_one():
    init, order = np.repeat([0, 1, 2], 4), np.tile([5, 6, 7, 8], 3)
    found = crossing({"init": init, "data": 9 - init, "order": order})
    assert found.sources == ("init and data", "order")
    assert found.cells.shape == (3, 4, 1)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ({}, "the runs have no levels"),
        (table(design.together(6, sources=["init", "order"])), "no two sources are crossed"),
        (table(design.one_at_a_time(4, sources=["init", "order"])), "not crossed evenly: a combination has 0 to 1"),
        (table(design.crossed({"init": 6, "order": 1})), "no two sources are crossed"),
        (table(design.crossed({"init": 2, "order": 2, "data": 2, "augment": 2})), "4 sources vary"),
        ({"init": np.array([0, 0, 1, 1, 1]), "order": np.array([0, 1, 0, 1, 1])}, "a combination has 1 to 2 runs"),
        ({"init": np.zeros(1, dtype=int)}, "no two sources are crossed"),
    ],
)
def test_what_is_not_crossed_says_why(levels, reason):
    assert reason in crossing(levels)


@given(st.integers(2, 5), st.integers(0, 99))
def test_one_source_at_a_time_is_found_in_any_order_of_rows(runs, seed):
    made = design.one_at_a_time(runs, sources=["init", "order", "dropout"])
    levels = table(made, np.random.default_rng(seed).permutation(len(made)))
    found = one_at_a_time(levels)
    assert isinstance(found, OneAtATime)
    assert set(found.rows) == {"init", "order", "dropout"}
    for source, rows in found.rows.items():
        assert len(rows) == runs
        assert len(np.unique(levels[source][rows])) == runs
        for other, column in levels.items():
            assert other == source or np.ptp(column[rows]) == 0


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ({}, "fewer than two sources vary"),
        (table(design.together(5, sources=["init"])), "fewer than two sources vary"),
        (table(design.together(5, sources=["init", "order"])), "no run from which each other run differs in one"),
        (table(design.crossed({"init": 2, "order": 2})), "no run from which each other run differs in one"),
        ({"init": np.array([0, 1, 1, 0]), "order": np.array([0, 0, 0, 1])}, "a level of init occurs twice"),
    ],
)
def test_what_is_not_one_at_a_time_says_why(levels, reason):
    assert reason in one_at_a_time(levels)
