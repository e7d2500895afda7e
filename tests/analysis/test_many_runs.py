"""Many runs: memory that does not grow with the logits, rings instead of all pairs, and intervals that hold."""

import tracemalloc

import numpy as np
import pytest

from tests.analysis.populations import population
from varbench.analysis import ensemble_members
from varbench.analysis.catalogue import MEASURES, distributions, estimates, pairs
from varbench.measures.blocks import BLOCK_BYTES
from varbench.stats.jackknife import incomplete_pair_mean_estimate, pair_mean_estimate

RING = ("js_divergence", "tv_distance")


def found(of, *names, key=0):
    return {name: estimate for name, _, estimate in estimates(of, names=names, key=key)}


@pytest.fixture
def _rings(monkeypatch):
    monkeypatch.setattr(distributions, "MOST_RUNS", 20)
    monkeypatch.setattr(pairs, "REACH", 8)


@pytest.mark.parametrize("name", RING)
def test_a_ring_is_near_all_pairs_and_says_what_it_is(name, monkeypatch, request):
    of = population(60)
    whole = found(of, name)[name]
    request.getfixturevalue("_rings")
    some = found(population(60), name)[name]
    assert some.method == "jackknife over runs, each paired with 16 others"
    assert whole.method == "jackknife over runs"
    half = (whole.high - whole.low) / 2
    assert abs(some.value - whole.value) < half
    assert half * 0.8 < (some.high - some.low) / 2 < half * 1.6
    assert found(population(60), name, key=1)[name].value != some.value
    assert found(population(19), name)[name].method == "jackknife over runs"


def test_of_all_partners_it_is_the_mean_over_pairs():
    half = np.triu(np.random.default_rng(0).random((9, 9)), 1)
    matrix = half + half.T
    about = {"level": 0.9, "n_examples": None}
    one = pair_mean_estimate(matrix.sum(axis=1), **about)
    other = incomplete_pair_mean_estimate(matrix.sum(axis=1) / 8, partners=8, **about)
    assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high))


@pytest.mark.parametrize("quality", [0.0, 1.0])
def test_coverage_over_a_ring(quality):
    """D_rs = q_r + q_s + e_rs: 100 runs with 16 partners each."""
    rng = np.random.default_rng(1)
    held = []
    for _ in range(600):
        q = 0.2 * quality * rng.normal(size=100)
        total = np.zeros(100)
        for step in range(1, 9):
            values = q + np.roll(q, -step) + rng.normal(size=100)
            total += values + np.roll(values, step)
        estimate = incomplete_pair_mean_estimate(total / 16, partners=16, level=0.95, n_examples=None)
        held.append(estimate.low <= 0.0 <= estimate.high)
    low, high = (0.98, 1.0) if quality == 0.0 else (0.95, 0.99)
    assert low <= np.mean(held) <= high


@pytest.mark.usefixtures("_rings")
def test_memory_does_not_grow_with_the_logits(monkeypatch):
    """All function-space measures: temporaries of some blocks, labels and correctness, never another set of logits."""
    monkeypatch.setattr(ensemble_members, "SUBSET_LIMIT", 4)
    monkeypatch.setattr(ensemble_members, "PAIR_LIMIT", 4)
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(100, 4000, 10)).astype(np.float32)
    of = population(100, labels=rng.integers(0, 10, 4000), logits=logits, weights=None, initial_weights=None, layers=())
    kept = 100 * 4000 * 5 + 4000 * 11 * 8
    names = [name for name, entry in MEASURES.items() if not entry.lacking(of)]
    tracemalloc.start()
    try:
        estimates(of, names=names, key=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < kept + 5 * BLOCK_BYTES
    assert logits.nbytes > 3 * BLOCK_BYTES  # so that a copy would be seen
