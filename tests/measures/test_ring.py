"""Rings of pairs against the matrices of all pairs."""

import numpy as np
import pytest

from varbench.measures import mixtures, ring
from varbench.measures.divergence import js_divergence_matrix, tv_distance_matrix

RNG = np.random.default_rng(0)
LOGITS = 2.0 * RNG.normal(size=(9, 41, 3))
ORDER = RNG.permutation(9)
CASES = {
    "js": (ring.js_divergence_ring, js_divergence_matrix, LOGITS),
    "tv": (ring.tv_distance_ring, tv_distance_matrix, LOGITS),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reach", [1, 3, 4])
def test_means_over_the_neighbors_on_the_ring(case, reach):
    on_ring, matrix, values = CASES[case]
    pairs = matrix(values)
    expected = np.empty(9)
    for place, run in enumerate(ORDER):
        neighbors = [ORDER[(place + step) % 9] for step in range(-reach, reach + 1) if step]
        expected[run] = pairs[run, neighbors].mean()
    np.testing.assert_allclose(on_ring(values, ORDER, reach=reach), expected, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_ring_that_reaches_round_holds_all_pairs(case):
    on_ring, matrix, values = CASES[case]
    pairs = matrix(values)
    np.fill_diagonal(pairs, 0.0)
    np.testing.assert_allclose(on_ring(values, ORDER, reach=4), pairs.sum(axis=1) / 8, atol=1e-12)


def test_small_blocks_change_nothing(monkeypatch):
    whole = [on_ring(values, ORDER, reach=3) for on_ring, _, values in CASES.values()]
    for module in (ring, mixtures):
        monkeypatch.setattr(
            module, "blocks", lambda total, *, bytes_each, limit=0: (slice(i, i + 1) for i in range(total))
        )
    for before, (on_ring, _, values) in zip(whole, CASES.values(), strict=True):
        np.testing.assert_allclose(on_ring(values, ORDER, reach=3), before, atol=1e-12)
