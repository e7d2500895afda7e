"""What two conditions say together: against SciPy, loops and planted differences, and with nothing to say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.analysis.sides import population, side, without_runs
from varbench.analysis.churn import matched_rows
from varbench.analysis.comparing import Side, comparison_document
from varbench.analysis.comparing.between import PERMUTATIONS, between_rows
from varbench.report.document import read_document
from varbench.report.figures.comparisons import tables

SETTINGS = {"measures": None, "level": 0.95, "key": 0}


def between(first, second, **settings):
    found = between_rows(first, second, **{"partners": matched_rows(first, second), **SETTINGS, **settings})
    return {row.name: row for row in found}


def document(*sides, measures=None):
    about = {"population": None, "level": 0.95, "headline": lambda _: "", "provenance": {}}
    return comparison_document(sides, measures=measures, **about)


def test_the_ratio_of_spreads_is_that_of_the_accuracies():
    of_run = np.random.default_rng(0).normal(size=12)
    first, second = population(1, n_runs=12), population(2, n_runs=12, of_run=of_run)
    row = between(first, second)["accuracy_sd_ratio"]
    assert row.estimate.value == pytest.approx(second.accuracy.std(ddof=1) / first.accuracy.std(ddof=1))
    assert row.estimate.low < row.estimate.value < row.estimate.high
    assert row.test.p == pytest.approx(stats.levene(first.accuracy, second.accuracy, center="median").pvalue)


def test_the_difference_on_new_examples_matches_runs_wherever_they_stand():
    of_run = np.random.default_rng(1).normal(size=8)
    first, second = population(1, of_run=of_run, skill=1.0), population(2, skill=1.6, of_run=of_run)
    backwards = replace(second, logits=second.logits[::-1], levels={s: v[::-1] for s, v in second.levels.items()})
    row, other = (between(first, p)["accuracy_on_new_examples"] for p in (second, backwards))
    assert row.paired
    assert row.estimate == other.estimate
    assert row.estimate.value == pytest.approx(second.accuracy.mean() - first.accuracy.mean())
    assert row.estimate.resampled == "runs and examples"
    loose = between(first, replace(second, levels={}))["accuracy_on_new_examples"]
    assert not loose.paired
    assert loose.estimate.high - loose.estimate.low > row.estimate.high - row.estimate.low


def test_the_difference_on_new_examples_is_unsure_where_only_examples_vary():
    """Every run of the second is wrong on the same half: over these examples nothing varies, over others it would."""
    half_right = np.where(np.arange(40) % 2, 50.0, -50.0)[:, None]
    first, second = population(1, skill=50.0), population(2, skill=half_right)
    assert set(second.accuracy - first.accuracy) == {-0.5}
    estimate = between(first, second)["accuracy_on_new_examples"].estimate
    half = stats.t.ppf(0.975, 39) * (np.arange(40) % 2).std(ddof=1) / np.sqrt(40)
    assert (estimate.low, estimate.high) == pytest.approx((-0.5 - half, -0.5 + half), abs=0.1 * half)


def test_conditions_that_differ_more_than_their_runs_are_told_from_those_that_do_not():
    first, second = population(1, skill=0.5), population(2, n_runs=6, skill=0.5)
    shifted = replace(second, logits=second.logits + np.where(np.arange(40) % 2, 0, 3)[:, None] * [1, 0, 0])

    def loops(a, b):
        a, b = a.predicted_labels, b.predicted_labels
        apart = [np.mean([np.mean(x != y) for i, x in enumerate(p) for y in q[(i + 1) if p is q else 0 :]])
                 for p, q in ((a, b), (a, a), (b, b))]  # fmt: skip
        return apart[0] - (apart[1] + apart[2]) / 2

    alike, differing = (between(first, p)["disagreement_between"] for p in (second, shifted))
    assert alike.estimate.value == pytest.approx(loops(first, second))
    assert differing.estimate.value == pytest.approx(loops(first, shifted))
    assert (alike.estimate.low, alike.estimate.method) == (None, "none")
    assert alike.test.p > 0.05
    assert differing.test.p < 5 / (1 + PERMUTATIONS)
    assert differing.estimate.n_runs == 14


def test_a_lost_run_is_a_run_that_predicts_nothing():
    lost = replace(population(1), finished=np.arange(8) != 2)
    found = between(lost, population(2))
    assert found["accuracy_on_new_examples"].estimate.value == pytest.approx(
        population(2).accuracy.mean() - lost.accuracy.mean()
    )
    same = between(lost, lost)["disagreement_between"]
    assert same.estimate.value == pytest.approx(0, abs=1e-12)
    assert same.test.p == 1


def test_matched_runs_which_are_alike_do_not_hide_a_difference():
    """Runs of the same levels share their noise: counted as any others, they would bring the conditions together."""
    of_run = np.random.default_rng(3).normal(size=8)
    first, second = population(1, of_run=of_run, skill=0.5), population(1, of_run=of_run, skill=0.9)
    row = between(first, second)["disagreement_between"]
    a, b = first.predicted_labels, second.predicted_labels
    apart = np.mean([np.mean(x != y) for i, x in enumerate(a) for j, y in enumerate(b) if i != j])
    own = [np.mean([np.mean(p[i] != p[j]) for i in range(8) for j in range(8) if i != j]) for p in (a, b)]
    assert row.paired
    assert row.estimate.value == pytest.approx(apart - np.mean(own))
    loose = between(first, replace(second, levels={}))["disagreement_between"]
    assert row.estimate.value > loose.estimate.value
    assert row.test.p < loose.test.p


@pytest.mark.parametrize(
    "arrays",
    [
        population(1, n_runs=1),
        population(1, n_runs=2),
        replace(population(1), logits=np.repeat(population(1).logits[:1], 8, axis=0)),
        replace(population(1), finished=np.zeros(8, bool)),
        population(1, skill=50.0),
    ],
    ids=["one run", "two runs", "all equal", "all diverged", "perfect"],
)
def test_degenerate_conditions_have_values_or_reasons(arrays):
    for first, second in ((arrays, population(2)), (population(2), arrays), (arrays, arrays)):
        for row in between(first, second).values():
            assert row.estimate.value is not None or row.estimate.reason
            assert row.test is None or row.test.p is not None or row.test.reason
            assert "nan" not in row.estimate.reason


def test_only_what_was_asked_for_is_stated():
    first, second = population(1), population(2)
    assert set(between(first, second, measures=["loss"])) == set()
    assert set(between(first, second, measures=["accuracy_sd", "disagreement"])) == {
        "accuracy_sd_ratio", "disagreement_between",
    }  # fmt: skip


def test_too_many_predictions_are_not_resampled_and_say_so(monkeypatch):
    monkeypatch.setattr("varbench.analysis.comparing.between.MOST_SCORES", 319)
    estimate = between(population(1), population(2))["accuracy_on_new_examples"].estimate
    assert estimate.reason == (
        "runs and examples are resampled for at most 319 predictions of a condition, there are 320"
    )


def test_the_page_shows_them_for_every_two_conditions_with_runs():
    sides = [side(name, p=population(seed)) for seed, name in enumerate(("x", "y", "z"))]
    found = document(*sides)
    assert [(row["a"], row["b"]) for row in found["between"]] == [("A", "B")] * 3 + [("A", "C")] * 3
    (table,) = (table for table in tables(read_document(found)) if table.name == "between")
    assert [row[0] for row in table.rows] == ["A → B"] * 3 + ["A → C"] * 3
    assert table.rows[3][1] == "SD of test accuracy, C over A"
    assert table.rows[5][2].value == found["between"][5]["value"]
    assert table.rows[5][3] == found["between"][5]["test"]["p"]
    assert table.rows[4][3] is None
    assert table.rows[5][4].startswith("mean distance beyond that within")  # runs of the same levels
    reported = replace(sides[1], arms={"p": without_runs(sides[1].arms["p"])})
    assert isinstance(reported, Side)
    alone = document(sides[0], reported)
    assert alone["between"] == []
    assert "between" not in {table.name for table in tables(read_document(alone))}
