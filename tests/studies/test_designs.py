"""What the report says of a design is what the design is."""

from __future__ import annotations

import pytest

from varbench.studies.designs import identical_in_experiment, together_told, varied_in
from varbench.training.design import Design, crossed, one_at_a_time, replicated, together, ulp_pairs

GRID = crossed({"init": 3, "order": 2})


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (together(4, sources=("init", "order")), "init, order: a level of its own in each of the 4 runs"),
        (GRID, "3 levels of init × 2 levels of order, every combination: 6 runs"),
        (one_at_a_time(3, sources=("init", "order")), "init, order: one at a time, the others at one level; 5 runs"),
        (replicated(GRID, 2, over=("ulp",)), "init, order, ulp: several runs for each combination of levels; 12 runs"),
        (ulp_pairs(2, sources=("init",), width=3), "init, ulp: each run beside itself with one weight moved by a ULP"),
    ],
)
def test_each_kind_of_design_is_told_as_it_is(design: Design, words: str) -> None:
    assert varied_in(design).startswith(words)


def test_what_all_have_in_common_is_told_once():
    rows = [("A", ["x", "lr 1", "y"]), ("B", ["x", "lr 2", "y"]), ("C", ["x", "lr 1", "y"])]
    assert together_told(rows) == [["All of them", "x; y"], ["A; C", "lr 1"], ["B", "lr 2"]]
    assert together_told(rows[:1]) == [["A", "x; lr 1; y"]]
    assert together_told([("A", ["x"]), ("B", ["x"])]) == [["A; B", "x"]]
    assert together_told([("A", ["x"]), ("B", ["y"])]) == [["A", "x"], ["B", "y"]]
    assert together_told([("A", ["x"]), ("B", ["x", "y"])]) == [["All of them", "x"], ["A", ""], ["B", "y"]]
    assert together_told([]) == []


def test_the_facts_of_an_experiment_that_are_numbers_or_words_are_told():
    facts = {"steps": 5000, "generator_lr": 1e-3, "centers": [[0.0, 1.0]], "kind": "ring"}
    assert identical_in_experiment(facts) == ["steps 5,000", "generator lr 0.001", "kind ring"]
