"""Comparisons of churn alone, of runs that diverged, and of runs that share levels."""

import numpy as np
import pytest
from scipy import stats

import varbench
from tests.analysis.sides import population
from varbench.analysis.comparing.between import between_rows, excess
from varbench.measures.predictions import disagreement_matrix
from varbench.report.comparisons import headline, pairs, signed
from varbench.report.document import read_document
from varbench.report.figures.comparisons import tables
from varbench.report.numbers import Quantity
from varbench.report.tables import readable
from varbench.stats.difference import difference_of_estimates
from varbench.stats.disjoint import disjoint_mean_estimate
from varbench.stats.sharing import shared_mean_estimate, sharing


def test_churn_alone_has_a_headline_and_a_table():
    document = varbench.compare(population(0), population(1), measures=["churn"])
    view = read_document(document)
    (pair,) = pairs(view)
    assert (pair.main, pair.title) == ([], "B · population against A · population")
    assert document["headline"] == headline(view)
    assert "of the predictions change between runs of the same levels." in document["headline"]
    assert "churn" in [table.name for table in tables(view)]


def test_measures_that_are_not_main_ones_are_shown_where_no_other_is():
    view = read_document(varbench.compare(population(0), population(1), measures=["brier"]))
    assert [row.measure for row in pairs(view)[0].main] == ["brier"]
    assert "core changes by" in view.text("headline")


def test_differences_have_their_sign_in_tables_too():
    view = read_document(varbench.compare(population(0), population(1, skill=4.0), measures=["accuracy"]))
    table = readable(next(table for table in tables(view) if table.name.startswith("main-differences")))
    row = pairs(view)[0].main[0]
    assert row.gap.value > 0
    assert table.rows[0][3].line == signed(row.gap)
    assert table.rows[0][3].text.startswith("+")
    assert not table.rows[0][2].text.startswith("+")
    assert signed(Quantity(-0.1, unit="pp")).startswith("−")


def test_runs_that_diverged_do_not_count_as_agreeing():
    first, second = population(1), population(2)
    lost = varbench.PopulationArrays(labels=first.labels, logits=first.logits, finished=np.arange(8) < 5)
    other = varbench.PopulationArrays(labels=first.labels, logits=second.logits, finished=np.arange(8) < 6)
    settings = {"partners": None, "measures": ["disagreement"], "level": 0.95, "key": 0}
    (found,) = between_rows(lost, other, **settings)
    labels = np.concatenate([first.predicted_labels[:5], second.predicted_labels[:6]])
    assert found.estimate.value == pytest.approx(excess(disagreement_matrix(labels, n_classes=3), n_first=5))
    assert (found.estimate.n_runs, found.test.n_runs) == (11, 11)
    alone = varbench.PopulationArrays(labels=first.labels, logits=first.logits, finished=np.arange(8) < 1)
    (found,) = between_rows(alone, other, **settings)
    assert found.estimate.reason.startswith("a condition in which one run finished, or none")


def test_shared_levels_leave_the_degrees_of_freedom_of_levels():
    random = np.random.default_rng(3)
    levels = {"init": np.repeat(np.arange(6), 5), "order": np.tile(np.arange(5), 6)}
    effects = random.normal(size=6), random.normal(size=6) + 0.8
    sides = [
        shared_mean_estimate(np.repeat(effect, 5), sharing(levels), level=0.95, n_examples=None) for effect in effects
    ]
    assert [side.freedom for side in sides] == [5, 5]
    found = difference_of_estimates(*sides)
    reference = stats.ttest_ind(effects[1], effects[0], equal_var=False)
    interval = reference.confidence_interval(0.95)
    assert found.p == pytest.approx(reference.pvalue, rel=1e-9)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(tuple(interval), rel=1e-9)


def test_disjoint_groups_leave_the_degrees_of_freedom_of_groups():
    random = np.random.default_rng(4)
    values = random.normal(size=6), random.normal(size=8) + 1.0
    found = difference_of_estimates(*(disjoint_mean_estimate(v, size=2, level=0.95, n_examples=None) for v in values))
    assert found.p == pytest.approx(stats.ttest_ind(values[1], values[0], equal_var=False).pvalue, rel=1e-9)
