"""The two components of a mean over pairs: identities with the jackknife, planted values, and widths that come out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from varbench.stats.jackknife import (
    jackknife_variance,
    off_diagonal_row_sums,
    pair_mean,
    pair_mean_estimate,
    pair_mean_left_out,
)
from varbench.stats.pair_planning import (
    PairComponents,
    admissible_components,
    expected_jackknife_variance,
    pair_components,
    pair_mean_variance,
    pair_mean_width,
)

matrices = st.integers(4, 9).flatmap(lambda n: arrays(float, (n, n), elements=st.floats(-5, 5)).map(lambda a: a + a.T))


def jackknife(matrix):
    return jackknife_variance(pair_mean_left_out(off_diagonal_row_sums(matrix)))


@settings(max_examples=60)
@given(matrices)
def test_raw_components_give_back_the_jackknife_variance_of_the_pilot(matrix):
    expected = expected_jackknife_variance(pair_components(matrix), len(matrix))
    assert expected == pytest.approx(jackknife(matrix), rel=1e-9, abs=1e-9)


@settings(max_examples=60)
@given(matrices)
def test_admissible_components_do_so_too_and_are_possible(matrix):
    found = admissible_components(matrix)
    assert expected_jackknife_variance(found, len(matrix)) == pytest.approx(jackknife(matrix), rel=1e-9, abs=1e-9)
    assert found.shared >= 0
    assert found.own >= 2 * found.shared - 1e-9


def test_components_by_brute_force_over_index_sets():
    matrix = np.random.default_rng(0).normal(size=(6, 6))
    matrix = matrix + matrix.T
    by_common = {0: [], 1: [], 2: []}
    pairs = [(r, s) for r in range(6) for s in range(r + 1, 6)]
    for first in pairs:
        for second in pairs:
            by_common[len({*first} & {*second})].append(matrix[first] * matrix[second])
    none, one, same = (np.mean(by_common[count]) for count in (0, 1, 2))
    assert pair_components(matrix) == pytest.approx((one - none, same - none))


def planted(rng, n_runs):
    """D_rs = (a_r + a_s) + noise: ζ₁ = Var a = 0.25, ζ₂ = 2 · 0.25 + 1."""
    effects, noise = rng.normal(0, 0.5, n_runs), np.triu(rng.normal(size=(n_runs, n_runs)), 1)
    return effects[:, None] + effects[None, :] + noise + noise.T


def test_planted_components_are_found_and_predict_both_variances():
    rng = np.random.default_rng(1)
    samples = [planted(rng, 12) for _ in range(1500)]
    found = np.mean([pair_components(matrix) for matrix in samples], axis=0)
    assert found == pytest.approx((0.25, 1.5), abs=0.03)
    truth = PairComponents(0.25, 1.5)
    means = [pair_mean(off_diagonal_row_sums(matrix)) for matrix in samples]
    assert np.var(means) == pytest.approx(pair_mean_variance(truth, 12), rel=0.11)
    jackknifed = np.mean([jackknife(matrix) for matrix in samples])
    assert jackknifed == pytest.approx(expected_jackknife_variance(truth, 12), rel=0.04)


def test_a_pilot_of_eight_runs_predicts_the_width_at_forty():
    rng = np.random.default_rng(2)

    def width(matrix):
        estimate = pair_mean_estimate(off_diagonal_row_sums(matrix), level=0.95, n_examples=None)
        return estimate.high - estimate.low

    real = np.mean([width(planted(rng, 40)) for _ in range(150)])
    pilots = [pair_mean_width(admissible_components(planted(rng, 8)), 40, level=0.95) for _ in range(400)]
    assert np.mean(pilots) == pytest.approx(real, rel=0.08)


def test_where_single_runs_bring_nothing_twice_the_runs_halve_the_error():
    vectors = np.random.default_rng(3).normal(size=(400, 30))
    found = admissible_components(vectors @ vectors.T)
    assert found.shared < 0.02 * found.own
    ratio = pair_mean_variance(PairComponents(0.0, 30.0), 200) / pair_mean_variance(PairComponents(0.0, 30.0), 400)
    assert np.sqrt(ratio) == pytest.approx(2.0, abs=0.01)


def test_too_few_runs_and_equal_pairs():
    assert np.isnan(pair_components(np.ones((3, 3)))).all()
    assert admissible_components(np.full((5, 5), 0.3)) == (0.0, 0.0)
