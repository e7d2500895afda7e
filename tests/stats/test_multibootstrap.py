"""The multi-bootstrap against drawing runs and examples one by one, and what pairing and sharing must cancel."""

import numpy as np
import pytest
from scipy import stats

from varbench.measures import blocks as blocking
from varbench.measures.predictions import disagreement, vote_counts
from varbench.stats import count_resamples, multibootstrap

SETTINGS = {"n_resamples": 200, "level": 0.9, "key": 3}


def drawn(counts):
    return [np.repeat(np.arange(len(row)), row.astype(int)) for row in counts]


def test_resampled_means_equal_those_of_the_drawn_rows_and_columns():
    scores = np.random.default_rng(0).normal(5.0, 1.0, (6, 9))
    (counts,) = count_resamples.draw_counts([6], 9, n_resamples=40, key=1)
    found = count_resamples.mean_resampled_twice(scores, counts.runs, counts.examples)
    rows_and_columns = zip(drawn(counts.runs), drawn(counts.examples), strict=True)
    assert found == pytest.approx([scores[np.ix_(rows, columns)].mean() for rows, columns in rows_and_columns])


def test_runs_runs_of_another_condition_and_examples_are_drawn_independently():
    (counts,) = count_resamples.draw_counts([6, 6], 6, n_resamples=2000, key=1)
    for one, other in ((counts.runs, counts.others), (counts.runs, counts.examples), (counts.others, counts.examples)):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_resampled_disagreement_forms_pairs_anew_and_never_of_a_run_with_itself():
    labels = np.random.default_rng(1).integers(-1, 3, (5, 7)).astype(np.int32)
    (counts,) = count_resamples.draw_counts([5], 7, n_resamples=40, key=2)
    found = count_resamples.disagreement_resampled_twice(labels, counts.runs, counts.examples, n_classes=3) / 7
    for value, rows, columns in zip(found, drawn(counts.runs), drawn(counts.examples), strict=True):
        pairs = [(labels[r] != labels[s])[columns].mean() for r in rows for s in rows if r != s]
        assert value == pytest.approx(np.mean(pairs), rel=1e-12)


def test_runs_that_all_differ_do_so_in_every_resample():
    # With self-pairs a resample with a repeated run would come out below 1.
    labels = np.tile(np.arange(6, dtype=np.int32)[:, None], (1, 8))
    found = multibootstrap.multibootstrap_disagreement(labels, n_classes=6, **SETTINGS)
    assert (found.value, found.low, found.high) == (1.0, pytest.approx(1.0), pytest.approx(1.0))


def test_values_are_the_plain_statistics():
    rng = np.random.default_rng(2)
    first, second = rng.random((7, 30)) < 0.8, rng.random((9, 30)) < 0.6
    labels = rng.integers(0, 4, (7, 30))
    assert multibootstrap.multibootstrap_mean(first, **SETTINGS).value == pytest.approx(first.mean(), rel=1e-14)
    gap = multibootstrap.multibootstrap_difference(first, second, paired=False, **SETTINGS)
    assert gap.value == pytest.approx(second.mean() - first.mean(), rel=1e-13)
    assert (gap.n_runs, gap.n_examples, gap.resampled) == (16, 30, "runs and examples")
    found = multibootstrap.multibootstrap_disagreement(labels, n_classes=4, **SETTINGS)
    assert found.value == pytest.approx(disagreement(vote_counts(labels, n_classes=4)), rel=1e-14)


def test_a_paired_difference_is_the_mean_of_the_differences():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(8, 20)), rng.normal(size=(8, 20))
    paired = multibootstrap.multibootstrap_difference(first, second, paired=True, **SETTINGS)
    direct = multibootstrap.multibootstrap_mean(second - first, **SETTINGS)
    assert (paired.value, paired.low, paired.high) == pytest.approx((direct.value, direct.low, direct.high))
    assert paired.n_runs == 8


def test_examples_are_shared_by_both_conditions_and_runs_only_where_paired():
    """What the examples add cancels always, what the runs add only where they are the same runs."""
    rng = np.random.default_rng(4)
    of_example, of_run = rng.normal(size=(1, 30)), rng.normal(size=(8, 1))
    easy = np.repeat(of_example, 8, axis=0)
    shared = multibootstrap.multibootstrap_difference(easy, easy[:5] + 1.0, paired=False, **SETTINGS)
    assert (shared.low, shared.high) == pytest.approx((1.0, 1.0))
    scores = of_example + of_run
    paired, independent = (
        multibootstrap.multibootstrap_difference(scores, scores + 1.0, paired=p, **SETTINGS) for p in (True, False)
    )
    assert (paired.low, paired.high) == pytest.approx((1.0, 1.0))
    assert independent.high - independent.low > 0.5


def test_results_do_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(5)
    scores, labels = rng.normal(size=(6, 40)), rng.integers(0, 3, (6, 40))

    def estimates():
        return (
            multibootstrap.multibootstrap_mean(scores, **SETTINGS),
            multibootstrap.multibootstrap_difference(scores, scores[:4] ** 2, paired=False, **SETTINGS),
            multibootstrap.multibootstrap_disagreement(labels, n_classes=3, **SETTINGS),
        )

    whole = [(e.low, e.high) for e in estimates()]
    monkeypatch.setattr(count_resamples, "blocks", lambda total, **_: blocking.blocks(total, bytes_each=1, limit=7))
    assert [(e.low, e.high) for e in estimates()] == [pytest.approx(ends, rel=1e-12) for ends in whole]


def test_the_same_key_gives_the_same_interval_and_another_key_another():
    scores = np.random.default_rng(6).normal(size=(6, 40))
    same = [multibootstrap.multibootstrap_mean(scores, n_resamples=99, level=0.9, key=k) for k in (0, 0, 1)]
    assert same[0] == same[1] != same[2]


def test_degenerate_scores_have_a_value_or_a_reason():
    constant = multibootstrap.multibootstrap_mean(np.ones((4, 5)), **SETTINGS)
    assert (constant.value, constant.low, constant.high) == (1.0, 1.0, 1.0)
    for shape in ((2, 5), (4, 1), (1, 1)):
        found = multibootstrap.multibootstrap_mean(np.ones(shape), **SETTINGS)
        assert (found.value, found.low, found.reason) == (1.0, None, multibootstrap.TOO_FEW)
    torn = multibootstrap.multibootstrap_mean(np.array([[1.0, np.nan], [0.0, 1.0], [0.0, 0.0]]), **SETTINGS)
    assert torn.value is None
    alike = multibootstrap.multibootstrap_disagreement(np.zeros((4, 5), int), n_classes=2, **SETTINGS)
    assert (alike.value, alike.low, alike.high) == (0.0, 0.0, 0.0)
    single = multibootstrap.multibootstrap_disagreement(np.zeros((1, 5), int), n_classes=2, **SETTINGS)
    assert (single.value, single.reason) == (None, multibootstrap.TOO_FEW)


def test_paired_conditions_need_the_same_number_of_runs():
    with pytest.raises(ValueError, match="the same runs"):
        multibootstrap.multibootstrap_difference(np.ones((3, 4)), np.ones((4, 4)), paired=True, **SETTINGS)


def test_noise_of_single_scores_is_not_counted_three_times():
    """Without effects the standard error of the mean is σ/√(RE); the resamples as they are have √3 of it."""
    rng = np.random.default_rng(7)
    widths = []
    for key in range(6):
        found = multibootstrap.multibootstrap_mean(rng.normal(size=(40, 50)), n_resamples=600, level=0.95, key=key)
        widths.append((found.high - found.low) * np.sqrt(40 * 50))
    assert np.mean(widths) == pytest.approx(2 * 1.96, rel=0.25)


def test_the_ends_of_a_disagreement_are_quantiles_of_the_resamples_of_all_examples():
    labels = np.random.default_rng(8).choice(4, size=(8, 30), p=[0.7, 0.1, 0.1, 0.1])
    found = multibootstrap.multibootstrap_disagreement(labels, n_classes=4, **SETTINGS)
    (counts,) = count_resamples.draw_counts([8], 30, n_resamples=200, key=SETTINGS["key"])
    every = count_resamples.disagreement_resampled_twice(labels, counts.runs, counts.examples, n_classes=4) / 30
    below, above = (every < found.low).mean(), (every > found.high).mean()
    assert below == pytest.approx(above, abs=0.011)
    assert 0.01 < below < 0.05  # expanded: less than the 5 % of the plain percentile interval


def test_tails_are_those_of_student_and_of_the_expanded_percentile():
    """With one kind of units: √(n/(n − 1)) t_{n−1} normal standard deviations out."""
    units = [multibootstrap.Component(0.3, 8), multibootstrap.Component(0.0, 50)]
    for expanded, factor in ((True, np.sqrt(8 / 7)), (False, 1.0)):
        tail = multibootstrap._tail(units, level=0.9, expanded=expanded)
        assert tail == pytest.approx(stats.norm.cdf(-factor * stats.t.ppf(0.95, 7)), rel=1e-10)
    equal = [multibootstrap.Component(0.3, 8), multibootstrap.Component(0.3, 8)]
    tail = multibootstrap._tail(equal, level=0.9, expanded=False)
    assert tail == pytest.approx(stats.norm.cdf(-stats.t.ppf(0.95, 14)), rel=1e-10)
