"""Designs: exactly which levels are run."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.training.design import check_against, crossed, one_at_a_time, replicated, together, ulp_pairs
from varbench.training.recipe import Recipe


def varied(design):
    """The levels that are not 0, run by run."""
    for row in design.levels:
        assert list(row) == list(SOURCES), "every run has a level on every source"
    return [{source: level for source, level in row.items() if level} for row in design.levels]


def test_together_moves_all_sources_at_once():
    design = together(3, sources=("init", "order"))
    assert varied(design) == [{}, {"init": 1, "order": 1}, {"init": 2, "order": 2}]
    assert (design.kind, design.sources, len(design)) == ("together", ("init", "order"), 3)
    assert design.as_dict() == {"kind": "together", "sources": ["init", "order"], "runs": 3}


def test_together_without_a_source_repeats_the_baseline():
    assert varied(together(2, sources=())) == [{}, {}]


def test_one_at_a_time_shares_the_baseline():
    design = one_at_a_time(3, sources=("init", "dropout"))
    assert varied(design) == [{}, {"init": 1}, {"init": 2}, {"dropout": 1}, {"dropout": 2}]
    assert design.kind == "one at a time"


def test_crossed_takes_every_combination():
    design = crossed({"init": 2, "order": 3})
    cells = [(row["init"], row["order"]) for row in design.levels]
    assert cells == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert (design.kind, design.sources) == ("crossed", ("init", "order"))
    np.testing.assert_array_equal(design.column("order"), [0, 1, 2, 0, 1, 2])


def test_replicates_have_levels_of_their_own_in_every_run():
    design = replicated(crossed({"init": 2}), 3, over=("order", "dropout"))
    assert [row["init"] for row in design.levels] == [0, 0, 0, 1, 1, 1]
    assert [row["order"] for row in design.levels] == [0, 1, 2, 3, 4, 5]
    assert [row["dropout"] for row in design.levels] == [0, 1, 2, 3, 4, 5]
    assert (design.kind, design.sources) == ("replicated", ("init", "order", "dropout"))


@pytest.mark.parametrize("runs", [1, 4, 31])
def test_more_runs_leave_the_first_ones_as_they_were(runs):
    small, large = (together(n, sources=("init", "order", "ulp")) for n in (runs, 32))
    assert large.levels[:runs] == small.levels


@pytest.mark.parametrize("design", [together(40, sources=("init", "order")), one_at_a_time(9, sources=tuple(SOURCES))])
def test_no_two_runs_have_the_same_levels(design):
    assert len({tuple(row.items()) for row in design.levels}) == len(design)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: together(0, sources=("init",)), "0 runs were asked for: at least 1 was expected"),
        (
            lambda: together(10**12, sources=("init",)),
            "1,000,000,000,000 runs were asked for: a population has 1,000,000",
        ),
        (lambda: one_at_a_time(600_000, sources=("init", "order")), "1,199,999 runs were asked for"),
        (lambda: crossed({"init": 2000, "order": 2000}), "4,000,000 runs were asked for"),
        (lambda: replicated(together(4, sources=("init",)), 300_000, over=("order",)), "1,200,000 runs were asked for"),
        (lambda: ulp_pairs(400_000, sources=("init",), width=3), "1,200,000 runs were asked for"),
        (lambda: together(-3, sources=("init",)), "-3 runs"),
        (lambda: together(2, sources=("seed",)), "unknown source 'seed': known are init, order"),
        (lambda: together(2, sources=("init", "init")), "a source is named twice"),
        (lambda: one_at_a_time(0, sources=("init",)), "0 runs"),
        (lambda: crossed({"init": 0}), "0 runs"),
        (lambda: crossed({"weights": 2}), "unknown source 'weights'"),
        (
            lambda: replicated(together(2, sources=("init",)), 2, over=("init",)),
            "a source that the design does not use",
        ),
        (lambda: replicated(together(2, sources=("init",)), 2, over=()), "a source that the design does not use"),
        (lambda: replicated(together(2, sources=("init",)), 0, over=("order",)), "0 runs"),
    ],
)
def test_designs_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("source", "field", "activated"),
    [
        ("augment", "recipe.shift or recipe.flip", {"flip": True}),
        ("dropout", "recipe.dropout", {"dropout": 0.5}),
        ("data", "recipe.resample", {"resample": "bootstrap"}),
        ("label_noise", "recipe.label_noise", {"label_noise": 0.1}),
    ],
)
def test_a_source_without_effect_is_refused_with_the_field_that_gives_it_one(source, field, activated):
    design = together(2, sources=("init", source))
    with pytest.raises(InputError, match=f"'{source}' has no effect under this recipe: set {field}"):
        check_against(design, Recipe())
    check_against(design, Recipe(**activated))


@pytest.mark.parametrize("source", ["init", "order", "ulp", "width"])
def test_some_sources_every_recipe_has(source):
    check_against(together(2, sources=(source,)), Recipe())


def test_ulp_pairs_stand_beside_their_duplicates_in_blocks_of_whole_triples():
    design = ulp_pairs(3, sources=("init", "order"), width=6)
    assert (design.kind, design.sources, len(design)) == ("ulp pairs", ("init", "order", "ulp"), 9)
    np.testing.assert_array_equal(design.column("init"), [0, 0, 0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(design.column("order"), design.column("init"))
    np.testing.assert_array_equal(design.column("ulp"), [0, 1, 0, 0, 2, 0, 0, 3, 0])
    np.testing.assert_array_equal(design.column("width"), [6] * 9)
    assert ulp_pairs(5, sources=("init", "order"), width=6).levels[:9] == design.levels
    assert design.levels[0] is not design.levels[2]


@pytest.mark.parametrize(("width", "near"), [(16, 15), (2, 3), (0, 3), (4, 3)])
def test_blocks_that_would_cut_a_triple_are_refused(width, near):
    with pytest.raises(InputError, match=rf"width = {width} would cut .* such as {near}$"):
        ulp_pairs(3, sources=("init",), width=width)


@pytest.mark.parametrize("sources", [("ulp",), ("init", "width")])
def test_the_bases_of_ulp_pairs_differ_in_other_sources(sources):
    with pytest.raises(InputError, match="cannot differ in ulp or width"):
        ulp_pairs(3, sources=sources, width=3)


@pytest.mark.parametrize(("runs", "width"), [(2, 0), (4, 0), (5, 5), (15, 15), (16, 0), (40, 0)])
def test_few_runs_stand_side_by_side_in_one_program_with_the_same_levels(runs, width):
    design = together(runs, sources=("init", "order"))
    beside = design.in_one_program()
    assert set(beside.column("width").tolist()) == {width}
    assert [{**row, "width": 0} for row in beside.levels] == list(design.levels)
    assert (beside.kind, beside.sources) == (design.kind, design.sources)
