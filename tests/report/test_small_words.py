"""Counts under tables, the order of matrices, and long names."""

import numpy as np
import pytest

import varbench
from tests.analysis.populations import population
from varbench.analysis.plotdata import square
from varbench.analysis.plots import clustering_order, plots
from varbench.report.document import EstimateRow, read_document
from varbench.report.figures import matrices
from varbench.report.numbers import Quantity
from varbench.report.overview import methods_sentence
from varbench.report.page import _columns, _flow


def test_counts_are_those_of_what_was_made_and_one_is_singular():
    document = read_document(varbench.analyze(population(1)))

    def said(*counts):
        rows = [
            EstimateRow("s", "c", "accuracy", None, Quantity(value, reason="none"), 0.95, "", "", n_runs, 1)
            for value, n_runs in counts
        ]
        return methods_sentence(document, rows)

    assert said((0.5, 6), (None, 0)) == "n = 6 runs, 1 test example."
    assert said((0.5, 1)) == "n = 1 run, 1 test example."
    assert said((0.5, 1), (0.5, 6)) == "n = 1 to 6 runs, 1 test example."


def test_the_matrix_of_weights_is_ordered_by_the_distance_of_weights():
    groups = np.tile([-5.0, 5.0], 5)[:9]
    runs = population()
    weights = groups[:, None] + 0.1 * np.random.default_rng(1).normal(size=(9, 12))
    runs = varbench.PopulationArrays(labels=runs.labels, logits=runs.logits, weights=weights)
    entry = plots(runs)
    order = entry["orders"]["weight_distance"]
    assert order == clustering_order(square(entry["matrices"]["weight_distance"]))
    assert np.count_nonzero(np.diff(groups[order])) == 1  # the two groups lie side by side
    assert np.count_nonzero(np.diff(groups[entry["order"]])) > 1
    document = read_document(varbench.analyze(runs))
    (condition,) = document.populations
    drawn = matrices._matrix(document, condition, "weight_distance")
    assert (drawn[:4, 5:] > drawn[:4, :4].max()).all() or (drawn[:5, 5:] > drawn[:5, :5].max()).all()


def test_long_names_may_break_and_others_stay_as_they_are():
    assert _flow("a short name") == "a short name"
    broken = _flow("x" * 15 + "<" * 20 + " rest")
    assert broken.count("<wbr>") == 2
    assert broken.replace("<wbr>", "") == "x" * 15 + "&lt;" * 20 + " rest"


def test_names_and_numbers_are_not_parted_at_the_end_of_a_line():
    assert _flow("Digits · MLP 32") == "Digits\u00a0· MLP\u00a032"
    assert _flow("MNIST-1D · CNN") == '<span class="together">MNIST-1D</span>\u00a0· CNN'
    assert _flow("MLP 100-100, so") == 'MLP\u00a0<span class="together">100-100</span>, so'
    assert _flow("arXiv 2103.04514") == "arXiv\u00a02103.04514"
    assert _flow("by 0.04 [0.036, 0.044] of") == 'by <span class="together">0.04 [0.036, 0.044]</span> of'


@pytest.mark.parametrize(
    ("count", "few"), [(1, True), (2, True), (3, False), (4, True), (5, False), (6, False), (8, True)]
)
def test_boxes_stand_in_two_columns_where_three_would_leave_one_empty(count, few):
    assert _columns(["box"] * count) == (" few" if few else "")
