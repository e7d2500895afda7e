"""Per-run scores against scikit-learn, loops and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from varbench.measures import scores


def population(n_runs, n_examples, n_classes, seed=0, scale=2.0):
    rng = np.random.default_rng(seed)
    logits = (scale * rng.normal(size=(n_runs, n_examples, n_classes))).astype(np.float32)
    return logits, rng.integers(0, n_classes, n_examples)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 30), st.integers(2, 6), st.integers(0, 1000))
def test_loss_and_brier_equal_scikit_learn(n_runs, n_examples, n_classes, seed):
    logits, labels = population(n_runs, n_examples, n_classes, seed)
    classes = np.arange(n_classes)
    for run in range(n_runs):
        p = scores.softmax(logits[run])
        assert scores.loss_per_run(logits, labels)[run] == pytest.approx(log_loss(labels, p, labels=classes), rel=1e-12)
        expected = brier_score_loss(labels, p, labels=classes, scale_by_half=False)
        assert scores.brier_per_run(logits, labels)[run] == pytest.approx(expected, rel=1e-12)


def test_softmax_is_invariant_to_a_shift_and_survives_large_logits():
    logits = np.array([[1000.0, 1000.0 + np.log(3.0)], [-1000.0, -1000.0 + np.log(3.0)]])
    np.testing.assert_allclose(scores.softmax(logits), [[0.25, 0.75]] * 2, rtol=1e-12)
    np.testing.assert_allclose(scores.log_softmax(logits), np.log([[0.25, 0.75]] * 2), rtol=1e-12)


def test_a_hopeless_prediction_has_a_large_finite_loss():
    logits = np.array([[[0.0, 2000.0]]], dtype=np.float32)
    assert scores.loss_per_run(logits, np.array([0]))[0] == 2000.0
    assert scores.brier_per_run(logits, np.array([0]))[0] == 2.0


def test_guessing_has_loss_log_k_and_brier_one_minus_one_over_k():
    logits = np.zeros((1, 7, 5), dtype=np.float32)
    labels = np.arange(7) % 5
    assert scores.loss_per_run(logits, labels)[0] == pytest.approx(np.log(5))
    assert scores.brier_per_run(logits, labels)[0] == pytest.approx(1 - 1 / 5)


def ece_by_loops(logits, labels, bins):
    p = scores.softmax(logits)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    total = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_ece_equals_a_loop_over_bins(n_classes):
    logits, labels = population(4, 200, n_classes, seed=3)
    expected = [ece_by_loops(logits[run], labels, 15) for run in range(4)]
    np.testing.assert_allclose(scores.ece_per_run(logits, labels, bins=15), expected, rtol=1e-10)


def test_ece_of_certain_predictions_is_the_error():
    logits = np.zeros((1, 10, 2), dtype=np.float32)
    logits[..., 1] = 800.0
    labels = np.array([1] * 7 + [0] * 3)
    assert scores.ece_per_run(logits, labels, bins=15)[0] == pytest.approx(0.3)


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin():
    # Confidence exactly ½ and right, .9 and wrong: gaps +½ and −.9 in bins of their own, not added up in one.
    logits = np.array([[[0.0, 0.0], [np.log(9.0), 0.0]]], dtype=np.float32)
    assert scores.ece_per_run(logits, np.array([0, 1]), bins=2)[0] == pytest.approx((0.5 + 0.9) / 2)


def test_ece_of_a_planted_calibrated_run_is_zero():
    logits = np.log(np.broadcast_to([0.75, 0.25], (1, 8, 2))).astype(np.float32)
    labels = np.array([0] * 6 + [1] * 2)
    assert scores.ece_per_run(logits, labels, bins=15)[0] == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_run_with_a_logit_that_is_not_finite_gives_nan_and_leaves_the_others(bad):
    logits, labels = population(3, 5, 4)
    clean = scores.loss_per_run(logits, labels)
    logits[1, 2, 3] = bad
    for score in (
        scores.loss_per_run(logits, labels),
        scores.brier_per_run(logits, labels),
        scores.ece_per_run(logits, labels, bins=15),
    ):
        assert np.isnan(score).tolist() == [False, True, False]
    assert scores.loss_per_run(logits, labels)[[0, 2]].tolist() == clean[[0, 2]].tolist()


def test_no_prediction_is_never_right():
    predicted = np.array([[-1, -1, -1], [0, 1, 2]])
    correct = scores.correctness(predicted, np.array([0, 1, 0]))
    np.testing.assert_array_equal(scores.accuracy_per_run(correct), [0.0, 2 / 3])


def test_results_do_not_depend_on_the_size_of_blocks(monkeypatch):
    logits, labels = population(6, 40, 3)
    whole = scores.loss_per_run(logits, labels)
    monkeypatch.setattr(scores, "blocks", lambda total, *, bytes_each: (slice(i, i + 1) for i in range(total)))
    np.testing.assert_allclose(scores.loss_per_run(logits, labels), whole, rtol=1e-14)
