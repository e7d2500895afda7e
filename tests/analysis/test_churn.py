"""Churn between populations: planted, matched or not, and refused where the examples differ."""

import numpy as np
import pytest

from tests.analysis.populations import population
from varbench.analysis.churn import MATCHED, churn_estimates, matched_rows
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError

NAMES = ["churn", "good_churn", "bad_churn", "win_loss_ratio"]
GOOD, BAD, WRONG = 0.06, 0.02, 0.01


def of(predictions, labels, **levels):
    return PopulationArrays(predictions=predictions, labels=labels, classes=4, levels=levels)


def found(old, new):
    estimates = churn_estimates(old, new, level=0.95)
    assert [name for name, _, _ in estimates] == NAMES
    return {name: estimate for name, _, estimate in estimates}


def planted(rng, n_runs, n_examples, *, own=0.0):
    """Old runs with a quarter of errors; new ones mend, spoil and move planted fractions of the examples."""
    labels = rng.integers(0, 3, n_examples)
    wrong = np.arange(n_examples) < n_examples // 4
    old = np.tile(np.where(wrong, (labels + 1) % 3, labels), (n_runs, 1))
    new = old.copy()
    start = n_examples // 4
    for run in range(n_runs):
        shift = 1.0 + own * rng.normal()
        mended, moved = round(GOOD * n_examples * shift), round(WRONG * n_examples * shift)
        new[run, :mended] = labels[:mended]
        new[run, start - moved : start] = (labels[start - moved : start] + 2) % 3
        spoiled = round(BAD * n_examples * shift)
        new[run, -spoiled:] = (labels[-spoiled:] + 1) % 3
    return old, new, labels


@pytest.mark.parametrize("matched", [True, False])
def test_planted_churn_is_recovered(matched):
    old, new, labels = planted(np.random.default_rng(0), 6, 1000)
    levels = {"init": np.arange(6)} if matched else {}
    values = found(of(old, labels, **levels), of(new, labels, **levels))
    expected = {"churn": GOOD + BAD + WRONG, "good_churn": GOOD, "bad_churn": BAD, "win_loss_ratio": GOOD / BAD}
    assert {name: estimate.value for name, estimate in values.items()} == pytest.approx(expected)
    assert values["churn"].resampled == (MATCHED if matched else "runs")
    assert values["churn"].n_runs == (6 if matched else 12)


def test_runs_are_matched_by_level_in_any_order():
    rng = np.random.default_rng(1)
    old, new, labels = planted(rng, 7, 200, own=0.3)
    order = rng.permutation(7)
    plain = found(of(old, labels, init=np.arange(7)), of(new, labels, init=np.arange(7)))
    mixed = found(of(old, labels, init=np.arange(7)), of(new[order], labels, init=order))
    assert mixed == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"init": range(4)}),
        ({"init": range(4)}, {"order": range(4)}),
        ({"init": range(4)}, {"init": range(1, 5)}),
        ({"init": [0, 0, 1, 2]}, {"init": [0, 0, 1, 2]}),
    ],
)
def test_other_levels_do_not_match(old, new):
    arms = [
        of(np.zeros((4, 2), int), np.zeros(2, int), **{s: np.array(list(v)) for s, v in levels.items()})
        for levels in (old, new)
    ]
    assert matched_rows(*arms) is None


def test_populations_of_other_sizes_are_compared_over_all_pairs():
    old, new, labels = planted(np.random.default_rng(2), 5, 400, own=0.2)
    values = found(of(old[:2], labels), of(new, labels))
    changed = [(a != b).mean() for a in old[:2] for b in new]
    assert values["churn"].value == pytest.approx(np.mean(changed))
    assert values["churn"].low < values["churn"].value < values["churn"].high


def test_equal_populations_have_no_churn_and_no_ratio():
    one = population()
    values = found(one, population())
    assert values["churn"].value > 0  # other runs of the same pipeline: disagreement
    levels = {"init": np.arange(9)}
    values = found(population(levels=levels), population(levels=levels))
    assert (values["churn"].value, values["churn"].low, values["churn"].high) == (0.0, 0.0, 0.0)
    assert values["win_loss_ratio"].reason == "no example went from right to wrong"


def test_single_runs_have_churn_without_an_interval():
    old, new, labels = planted(np.random.default_rng(3), 1, 100)
    for levels in ({}, {"init": np.array([4])}):
        estimate = found(of(old, labels, **levels), of(new, labels, **levels))["churn"]
        assert estimate.value == pytest.approx(GOOD + BAD + WRONG)
        assert estimate.low is None
        assert len(estimate.reason) > 10


def test_other_examples_are_refused():
    with pytest.raises(InputError, match="same test examples in the same order"):
        churn_estimates(population(), population(seed=1), level=0.95)


def test_more_classes_in_one_population():
    labels = np.array([0, 1, 2])
    old = PopulationArrays(predictions=np.array([[0, 1, -1], [0, 1, 2]]), labels=labels, classes=3)
    new = PopulationArrays(predictions=np.array([[4, 1, -1], [0, 4, 2]]), labels=labels, classes=5)
    assert found(old, new)["churn"].value == pytest.approx(np.mean([1 / 3, 2 / 3, 2 / 3, 1 / 3]))
