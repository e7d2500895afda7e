"""Agreement of attributions against SciPy, scikit-learn and sets, and at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_similarity

from varbench.measures import attributions as att


def gradients(n_runs=4, n_examples=6, n_inputs=25, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(1, n_examples, n_inputs)) + rng.normal(size=(n_runs, n_examples, n_inputs))).astype("f4")


def overlap(a, b, k):
    first, second = (set(np.argsort(-np.abs(x), kind="stable")[:k]) for x in (a, b))
    return len(first & second) / k


MEASURED = {
    "cosine": att.attribution_cosine_matrix,
    "rank": att.attribution_rank_correlation_matrix,
    "topk": att.attribution_topk_overlap_matrix,
}


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(2, 30), st.integers(0, 1000))
def test_every_pair_and_example_against_the_oracles(n_runs, n_examples, n_inputs, seed):
    g = gradients(n_runs, n_examples, n_inputs, seed)
    k = math.ceil(n_inputs / 10)
    found = {name: measured(g) for name, measured in MEASURED.items()}
    for r in range(n_runs):
        for s in range(n_runs):
            pairs = [(g[r, i], g[s, i]) for i in range(n_examples)]
            cosine = np.mean([cosine_similarity(a[None].astype("f8"), b[None].astype("f8"))[0, 0] for a, b in pairs])
            rank = np.mean([spearmanr(np.abs(a), np.abs(b)).statistic for a, b in pairs])
            assert found["cosine"][r, s] == pytest.approx(cosine, abs=1e-12)
            assert found["rank"][r, s] == pytest.approx(rank, abs=1e-12)
            assert found["topk"][r, s] == pytest.approx(np.mean([overlap(a, b, k) for a, b in pairs]), abs=1e-12)


@pytest.mark.parametrize("name", MEASURED)
def test_the_same_attributions_agree_exactly(name):
    g = gradients(1, 33, 41).repeat(3, axis=0)
    assert MEASURED[name](g).tolist() == np.ones((3, 3)).tolist()


@pytest.mark.parametrize(("name", "chance"), [("cosine", 0.0), ("rank", 0.0), ("topk", 0.1)])
def test_unrelated_attributions_agree_as_often_as_chance_says(name, chance):
    g = np.random.default_rng(1).normal(size=(6, 400, 40)).astype("f4")
    pairs = MEASURED[name](g)[~np.eye(6, dtype=bool)]
    assert pairs.mean() == pytest.approx(chance, abs=0.006)


def test_signs_matter_to_the_cosine_and_to_nothing_else():
    g = gradients(1)
    both = np.concatenate([g, -2.0 * g])
    assert att.attribution_cosine_matrix(both)[0, 1] == pytest.approx(-1.0, abs=1e-12)
    assert att.attribution_rank_correlation_matrix(both)[0, 1] == 1.0
    assert att.attribution_topk_overlap_matrix(both)[0, 1] == 1.0


def test_ties_share_their_mean_rank():
    g = np.array([[[3, 3, 1, 0, 0, 7]], [[1, 5, 5, 5, 0, 2]]], dtype="f4")
    expected = spearmanr(g[0, 0], g[1, 0]).statistic
    assert att.attribution_rank_correlation_matrix(g)[0, 1] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", MEASURED)
def test_an_example_without_a_gradient_is_left_out_for_its_pairs_alone(name):
    g = gradients(4, 6)
    g[1, 2] = 0.0
    g[1:3, 4] = 0.0
    found, whole = MEASURED[name](g), MEASURED[name]
    for r, s, kept in ((0, 3, [0, 1, 2, 3, 4, 5]), (0, 1, [0, 1, 3, 5]), (0, 2, [0, 1, 2, 3, 5]), (1, 2, [0, 1, 3, 5])):
        alone = whole(g[[r, s]][:, kept])[0, 1]
        assert found[r, s] == pytest.approx(alone, abs=1e-12)


@pytest.mark.parametrize("name", MEASURED)
def test_no_gradient_at_all_is_no_agreement(name):
    g = gradients(3, 2)
    g[1] = 0.0
    found = MEASURED[name](g)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[0, [0, 2]]).all()


def test_gradients_too_small_to_square_still_have_a_direction():
    g = gradients(2).astype("f8")
    np.testing.assert_allclose(
        att.attribution_cosine_matrix(g * 1e-200), att.attribution_cosine_matrix(g), rtol=1e-9, atol=1e-9
    )


def test_agreement_by_example_averages_to_the_mean_over_pairs():
    units = att.directions(gradients(5, 7))
    matrix = att.attribution_cosine_matrix(gradients(5, 7))
    by_example = att.example_agreement(units)
    assert by_example.shape == (7,)
    assert by_example.mean() == pytest.approx(matrix[~np.eye(5, dtype=bool)].mean(), abs=1e-12)
    units[1:, 3] = 0.0
    units[2:, 4] = 0.0
    assert np.isnan(att.example_agreement(units)[3])
    assert att.example_agreement(units)[4] == pytest.approx(units[0, 4] @ units[1, 4], abs=1e-12)


def test_blocks_change_nothing(monkeypatch):
    g = gradients()
    whole = att.attribution_cosine_matrix(g)
    monkeypatch.setattr(att, "blocks", lambda total, *, bytes_each: (slice(i, i + 4) for i in range(0, total, 4)))
    np.testing.assert_allclose(att.attribution_cosine_matrix(g), whole, rtol=1e-12)
