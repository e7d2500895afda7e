"""Squared distances of many pairs from products, against every difference."""

import numpy as np
import pytest

from tests.measures.test_weights import vectors
from varbench.measures import lengths
from varbench.measures import squared_distances as squares


def test_blocks_change_nothing(monkeypatch):
    w = vectors()
    whole = squares.squared_distances(w), lengths.norms(w)
    for module in (squares, lengths):
        monkeypatch.setattr(
            module, "blocks", lambda total, *, bytes_each, limit=0: (slice(i, i + 10) for i in range(0, total, 10))
        )
    np.testing.assert_allclose(squares.squared_distances(w), whole[0], rtol=1e-13)
    np.testing.assert_allclose(lengths.norms(w), whole[1], rtol=1e-13)


def direct(w):
    """Every difference, in float64."""
    a = w.astype(np.float64)
    return np.square(a[:, None] - a).sum(axis=-1)


@pytest.fixture
def _many(monkeypatch):
    """Every number of differences is a large one."""
    monkeypatch.setattr(squares, "MOST_DIRECT", 0)


def clouds(spread, n_runs=40):
    """Runs around two centers that are far apart, two of them identical."""
    w = vectors(2).repeat(n_runs // 2, axis=0) + np.float32(spread) * vectors(n_runs, seed=1)
    w[7] = w[3]
    return w


@pytest.mark.usefixtures("_many")
@pytest.mark.parametrize("spread", [3.0, 0.3, 0.1, 1e-2, 1e-5, 0.0])
@pytest.mark.parametrize("most_near", [0.25, 1.1])
def test_distances_from_products_are_those_of_the_differences(spread, most_near, monkeypatch):
    """Near pairs in all numbers: none but the identical one, some, all within a cloud, with and without the way out."""
    monkeypatch.setattr(squares, "MOST_NEAR", most_near)
    w = clouds(spread)
    found = squares.squared_distances(w)
    np.testing.assert_allclose(found, direct(w), rtol=1e-12)
    assert (found == found.T).all()
    assert found[3, 7] == 0.0 == np.abs(np.diag(found)).max()


@pytest.mark.usefixtures("_many")
def test_a_common_start_far_away_costs_no_digits():
    w = vectors(1, seed=5) * np.float32(1e4) + vectors(30)
    np.testing.assert_allclose(squares.squared_distances(w), direct(w), rtol=1e-12)
    found, near = squares._from_products(w)
    assert not np.concatenate(near).size, "this was formed of differences, and says nothing"
    np.testing.assert_allclose(found, direct(w), rtol=1e-12)


@pytest.mark.usefixtures("_many")
def test_one_unit_in_the_last_place_is_seen_among_many_runs():
    w = vectors(30, 2_000)
    moved = w[:1].copy()
    moved[0, 5] = np.nextafter(w[0, 5], np.float32(np.inf))
    found = squares.squared_distances(np.concatenate([w, moved]))
    assert found[0, 30] == (float(moved[0, 5]) - float(w[0, 5])) ** 2 > 0
