"""Principal components against scikit-learn and a dense decomposition, and at one unit in the last place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.measures import pca
from varbench.measures.pca import centered_gram, pca_shares, pca_shares_left_out, principal_components


def cloud(n_runs=12, n_parameters=60, seed=0):
    """Runs spread more in some directions than in others."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_runs, n_parameters)) * np.geomspace(4, 0.2, n_parameters)
    return (rng.normal(size=n_parameters) + mixing).astype(np.float32)


@settings(max_examples=25)
@given(st.integers(3, 9), st.integers(2, 40), st.integers(0, 1000))
def test_shares_and_coordinates_are_those_of_scikit_learn(n_runs, n_parameters, seed):
    from sklearn.decomposition import PCA

    weights, others = cloud(n_runs, n_parameters, seed), cloud(4, n_parameters, seed + 1)
    count = min(n_runs - 1, n_parameters, 3)
    found = principal_components(weights, others, components=count)
    oracle = PCA(svd_solver="full").fit(weights.astype(np.float64))
    np.testing.assert_allclose(found.shares, oracle.explained_variance_ratio_[:count], atol=1e-12)
    for mine, theirs in ((found.runs, weights), (found.others, others)):
        expected = oracle.transform(theirs.astype(np.float64))[:, :count]
        signs = np.sign((found.runs * oracle.transform(weights.astype(np.float64))[:, :count]).sum(axis=0))
        np.testing.assert_allclose(mine, expected * signs, atol=1e-6 * np.abs(expected).max())


def test_shares_without_a_run_are_the_shares_of_the_others():
    weights = cloud()
    found = pca_shares_left_out(centered_gram(weights), components=3)
    for run in range(len(weights)):
        alone = pca_shares(centered_gram(np.delete(weights, run, axis=0)), components=3)
        np.testing.assert_allclose(found[run], alone, rtol=1e-9)


def test_runs_on_a_line_have_one_component_and_runs_in_unrelated_directions_equal_ones():
    line = np.outer([0.0, 1.0, 3.0, 7.0], np.arange(5.0)) + 1
    np.testing.assert_allclose(pca_shares(centered_gram(line), components=3), [1, 0, 0], atol=1e-12)
    coordinates = principal_components(line, line[:1], components=2)
    # Along the line by distance, the far end on the positive side.
    np.testing.assert_allclose(np.diff(coordinates.runs[:, 0]), np.array([1, 2, 4]) * np.linalg.norm(np.arange(5)))
    assert (coordinates.runs[:, 1] == 0).all()
    np.testing.assert_allclose(coordinates.others, coordinates.runs[:1], atol=1e-9)
    np.testing.assert_allclose(pca_shares(centered_gram(np.eye(6)), components=5), np.full(5, 0.2))


def test_one_unit_in_the_last_place_is_seen_and_equal_runs_are_exactly_equal():
    weights = cloud(1, 50_000).repeat(3, axis=0)
    assert (centered_gram(weights) == 0).all()
    assert np.isnan(pca_shares(centered_gram(weights), components=2)).all()
    assert (principal_components(weights, weights, components=2).runs == 0).all()
    weights[1, 7] = np.nextafter(weights[1, 7], np.float32(np.inf))
    step = float(weights[1, 7]) - float(weights[0, 7])
    found = principal_components(weights, weights[:0], components=2)
    np.testing.assert_allclose(found.runs[:, 0], step * np.array([-1, 2, -1]) / 3, rtol=1e-9)
    assert found.shares[0] == pytest.approx(1)


def test_fewer_components_than_asked_for_and_too_few_runs():
    found = principal_components(cloud(2), cloud(1), components=3)
    assert found.shares == pytest.approx([1, 0, 0])
    assert (found.runs[:, 1:] == 0).all()
    assert np.isnan(principal_components(cloud(1), cloud(0), components=2).shares).all()
    assert np.isnan(pca_shares_left_out(centered_gram(cloud(2)), components=2)).all()


def test_blocks_change_nothing(monkeypatch):
    weights = cloud()
    whole = principal_components(weights, weights[:3] + 1, components=3)
    monkeypatch.setattr(pca, "blocks", lambda total, **_: (slice(i, i + 7) for i in range(0, total, 7)))
    for mine, other in zip(principal_components(weights, weights[:3] + 1, components=3), whole, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_coordinates_are_in_units_of_the_weights_whatever_these_are(unit):
    weights, others = cloud(6).astype(float), cloud(2).astype(float)
    found = principal_components(weights * unit, others * unit, components=2)
    usual = principal_components(weights, others, components=2)
    np.testing.assert_allclose(found.shares, usual.shares, rtol=1e-9)
    np.testing.assert_allclose(found.runs / unit, usual.runs, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.others / unit, usual.others, rtol=1e-7, atol=1e-9)
