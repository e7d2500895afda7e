"""Disagreement three ways, instability, and what a run left out changes."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from varbench.measures import predictions


@st.composite
def label_arrays(draw, min_runs=2):
    n_classes = draw(st.integers(1, 5))
    shape = (draw(st.integers(min_runs, 8)), draw(st.integers(1, 12)))
    return draw(arrays(np.int64, shape, elements=st.integers(-1, n_classes - 1))), n_classes


def by_pairs(labels):
    return float(np.mean([(a != b).mean() for a, b in combinations(labels, 2)]))


@settings(max_examples=60, deadline=None)
@given(label_arrays())
def test_disagreement_from_counts_from_pairs_and_from_the_matrix_are_one_number(case):
    labels, n_classes = case
    counts = predictions.vote_counts(labels, n_classes=n_classes)
    matrix = predictions.disagreement_matrix(labels, n_classes=n_classes)
    off_diagonal = matrix[~np.eye(len(labels), dtype=bool)]
    expected = by_pairs(labels)
    assert predictions.disagreement(counts) == pytest.approx(expected, abs=1e-12)
    assert off_diagonal.mean() == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(predictions.disagreement_row_sums(labels, counts), matrix.sum(axis=1), atol=1e-12)
    assert np.diag(matrix).tolist() == [0.0] * len(labels)


@settings(max_examples=40, deadline=None)
@given(label_arrays(min_runs=3))
def test_instability_without_a_run_equals_recomputing_it(case):
    labels, n_classes = case
    left_out = predictions.instability_left_out(labels, predictions.vote_counts(labels, n_classes=n_classes))
    for run in range(len(labels)):
        rest = predictions.vote_counts(np.delete(labels, run, axis=0), n_classes=n_classes)
        np.testing.assert_allclose(left_out[run], predictions.instability(rest), atol=1e-12)


def test_vote_counts_are_counts_with_no_prediction_last():
    labels = np.array([[0, 2, -1], [0, 1, -1], [1, 2, 0]])
    assert predictions.vote_counts(labels, n_classes=3).tolist() == [[2, 1, 0, 0], [0, 1, 2, 0], [1, 0, 0, 2]]


@pytest.mark.parametrize("n_classes", [3, predictions.FEW_COLUMNS - 1, predictions.FEW_COLUMNS, 300])
@pytest.mark.parametrize("n_runs", [1, 255, 256, 700])
def test_vote_counts_of_many_runs_and_classes_are_those_of_one_label_after_another(n_classes, n_runs):
    rng = np.random.default_rng(n_runs)
    labels = np.where(rng.random((n_runs, 7)) < 0.9, n_classes - 1, rng.integers(-1, n_classes, (n_runs, 7)))
    labels[:, 0] = -1
    expected = np.zeros((7, n_classes + 1), dtype=int)
    for example, label in zip(np.tile(np.arange(7), n_runs), labels.ravel(), strict=True):
        expected[example, label] += 1
    counts = predictions.vote_counts(labels, n_classes=n_classes)
    np.testing.assert_array_equal(counts, expected)
    agreeing = np.take_along_axis(expected.T, labels, axis=0).sum(axis=1)
    np.testing.assert_allclose(predictions.disagreement_row_sums(labels, counts), n_runs - agreeing / 7, atol=1e-9)


def test_identical_runs_disagree_nowhere_and_different_ones_everywhere():
    # An agreement reported as disagreement (or churn) would give 1 and 0.
    same, other = np.zeros((4, 5), dtype=int), np.arange(4)[:, None] + np.zeros((1, 5), dtype=int)
    assert predictions.disagreement(predictions.vote_counts(same, n_classes=4)) == 0.0
    assert predictions.disagreement(predictions.vote_counts(other, n_classes=4)) == 1.0
    assert predictions.disagreement_matrix(other, n_classes=4).tolist() == (1.0 - np.eye(4)).tolist()
    assert predictions.paired_disagreement(same, same).tolist() == [0.0] * 4
    assert predictions.paired_disagreement(same, other).tolist() == [0.0, 1.0, 1.0, 1.0]


def test_two_diverged_runs_agree_with_each_other_and_with_no_other():
    labels = np.array([[-1, -1], [-1, -1], [0, 1]])
    assert predictions.disagreement_matrix(labels, n_classes=2).tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]


def test_paired_disagreement_compares_run_by_run():
    first = np.array([[0, 1, 2, 0], [1, 1, 1, 1]])
    second = np.array([[0, 1, 2, 1], [0, 0, 0, 1]])
    assert predictions.paired_disagreement(first, second).tolist() == [0.25, 0.75]


def test_instability_is_unbiased_for_the_chance_that_two_runs_differ():
    # Planted: classes with chances .6, .3, .1, so two runs differ with chance 1 − .46 = .54. The share of runs off
    # the majority label would be .4 at best and biased.
    rng = np.random.default_rng(0)
    labels = rng.choice(3, p=[0.6, 0.3, 0.1], size=(4, 200_000))
    u = predictions.instability(predictions.vote_counts(labels, n_classes=3))
    assert u.mean() == pytest.approx(0.54, abs=4 * u.std() / np.sqrt(u.size))


def test_labels_are_the_first_largest_logit_and_minus_one_where_one_is_not_finite():
    logits = np.array([[[1.0, 3.0, 3.0], [0.0, np.nan, 9.0], [np.inf, 0.0, 0.0], [5.0, 4.0, 3.0]]])
    assert predictions.predicted_labels(logits).tolist() == [[1, -1, -1, 0]]


def test_share_of_instability_by_hand():
    u = np.array([0.1, 0.4, 0.0, 0.3, 0.2])
    assert predictions.instability_share(u, share=0.2) == pytest.approx(0.4)
    assert predictions.instability_share(u, share=0.4) == pytest.approx(0.7)
    assert predictions.instability_share(u, share=0.3) == pytest.approx(0.4 + 0.5 * 0.3)
    assert predictions.instability_share(u, share=1.0) == pytest.approx(1.0)
    assert predictions.instability_share(np.full(8, 0.25), share=0.05) == pytest.approx(0.05)
    assert np.isnan(predictions.instability_share(np.zeros(3), share=0.1))
    np.testing.assert_allclose(predictions.instability_share(np.stack([u, u[::-1]]), share=0.2), [0.4, 0.4])


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(7, 33, 4))
    labels = predictions.predicted_labels(logits)
    whole = predictions.vote_counts(labels, n_classes=4), predictions.disagreement_matrix(labels, n_classes=4)
    monkeypatch.setattr(
        predictions, "blocks", lambda total, *, bytes_each, limit=0: (slice(i, i + 2) for i in range(0, total, 2))
    )
    assert predictions.predicted_labels(logits).tolist() == labels.tolist()
    assert predictions.vote_counts(labels, n_classes=4).tolist() == whole[0].tolist()
    assert predictions.disagreement_matrix(labels, n_classes=4).tolist() == whole[1].tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 9), st.integers(1, 12), st.integers(0, 1000), st.sampled_from([0.1, 0.25, 1.0]))
def test_held_out_instability_ranks_by_other_runs_than_it_sums(n_runs, n_examples, seed, share):
    found = np.random.default_rng(seed).integers(-1, 3, (n_runs, n_examples))
    folds = n_runs // 2
    held_out = predictions.held_out_instability(
        found, predictions.vote_counts(found, n_classes=3), shares=[share], folds=folds
    )
    for fold in range(folds):
        inside = np.arange(n_runs) % folds == fold
        own = found[inside]
        values = [len(own) * np.mean([a[i] != b[i] for a, b in combinations(own, 2)]) for i in range(n_examples)]
        rank = [-np.mean([a[i] != b[i] for a, b in combinations(found[~inside], 2)]) for i in range(n_examples)]
        ordered = np.array(values)[np.argsort(np.round(rank, 9), kind="stable")]
        whole = int(share * n_examples + 1e-9)
        carried = ordered[:whole].sum() + (share * n_examples - whole) * (ordered[whole] if whole < n_examples else 0)
        assert held_out.carried[0, fold] == pytest.approx(carried)
        assert held_out.total[fold] == pytest.approx(sum(values))
