"""Distances between predictive distributions against SciPy, loops and the ends of their ranges."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from varbench.measures import divergence, mixtures
from varbench.measures.scores import softmax


@pytest.mark.parametrize(("n_runs", "n_examples", "n_classes"), [(2, 1, 2), (4, 17, 3), (3, 50, 10)])
def test_both_equal_loops_over_pairs_and_examples(n_runs, n_examples, n_classes):
    logits = 3 * np.random.default_rng(n_examples).normal(size=(n_runs, n_examples, n_classes))
    p = softmax(logits)
    js, tv = divergence.js_divergence_matrix(logits), divergence.tv_distance_matrix(logits)
    for r in range(n_runs):
        for s in range(n_runs):
            expected = np.mean([jensenshannon(p[r, i], p[s, i]) ** 2 for i in range(n_examples)]) if r != s else 0.0
            assert js[r, s] == pytest.approx(expected, abs=1e-12)
            assert tv[r, s] == pytest.approx(0.5 * np.abs(p[r] - p[s]).sum(axis=-1).mean(), abs=1e-12)


def test_identical_runs_are_exactly_zero_apart():
    logits = np.repeat(np.random.default_rng(0).normal(size=(1, 301, 10)), 5, axis=0).astype(np.float32)
    assert divergence.js_divergence_matrix(logits).tolist() == np.zeros((5, 5)).tolist()
    assert divergence.tv_distance_matrix(logits).tolist() == np.zeros((5, 5)).tolist()


def test_disjoint_certainties_are_as_far_apart_as_can_be():
    logits = np.zeros((2, 4, 2), dtype=np.float32)
    logits[0, :, 0] = logits[1, :, 1] = 5000.0
    assert divergence.js_divergence_matrix(logits)[0, 1] == pytest.approx(np.log(2), abs=1e-12)
    assert divergence.tv_distance_matrix(logits)[0, 1] == 1.0


def test_one_run_has_a_matrix_of_one_zero():
    logits = np.zeros((1, 3, 2))
    assert divergence.js_divergence_matrix(logits).tolist() == [[0.0]]
    assert divergence.tv_distance_matrix(logits).tolist() == [[0.0]]


def test_blocks_change_nothing(monkeypatch):
    logits = np.random.default_rng(1).normal(size=(4, 23, 3))
    js, tv = divergence.js_divergence_matrix(logits), divergence.tv_distance_matrix(logits)
    for module in (divergence, mixtures):
        monkeypatch.setattr(
            module, "blocks", lambda total, *, bytes_each, limit=0: (slice(i, i + 1) for i in range(total))
        )
    np.testing.assert_allclose(divergence.js_divergence_matrix(logits), js, atol=1e-13)
    np.testing.assert_allclose(divergence.tv_distance_matrix(logits), tv, atol=1e-13)
