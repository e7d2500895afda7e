"""How runs part: triples, words, curves and rates against planted truths and definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.measures.separation import (
    early_rates,
    growth_window,
    independent_distances,
    separation_curves,
    ulp_triples,
    words_changed,
)
from varbench.training.design import one_at_a_time, together, ulp_pairs

STEPS = np.array([0, 1, 2, 4, 8, 16, 32, 64])


def columns(design):
    return {source: design.column(source) for source in design.levels[0]}


@given(st.integers(1, 9), st.sampled_from([3, 6, 12]))
def test_the_design_is_recognized(bases, width):
    found = ulp_triples(columns(ulp_pairs(bases, sources=("init", "order"), width=width)))
    first = 3 * np.arange(bases)
    np.testing.assert_array_equal(found, [first, first + 1, first + 2])


@given(st.permutations(range(6)))
def test_the_order_within_a_block_does_not_matter(order):
    levels = {k: v[list(order)] for k, v in columns(ulp_pairs(2, sources=("init",), width=6)).items()}
    found = ulp_triples(levels)
    assert len(found.base) == 2
    for base, perturbed, duplicate in zip(*found, strict=True):
        assert levels["ulp"][[base, perturbed, duplicate]].tolist() == [0, levels["init"][base] + 1, 0]
        assert len({levels["init"][i] for i in (base, perturbed, duplicate)}) == 1
        assert base != duplicate


def test_what_is_no_triple_is_not_taken_for_one():
    levels = columns(ulp_pairs(4, sources=("init",), width=6))
    shifted = {source: column[1:] for source, column in levels.items()}  # blocks now cut triples
    assert len(ulp_triples(shifted).base) == 2
    assert len(ulp_triples({**levels, "width": np.zeros(12, int)}).base) == 0, "which runs shared a program is unknown"
    assert len(ulp_triples({**levels, "order": np.arange(12)}).base) == 0, "the twins differ in more than one word"
    for design in (together(6, sources=("init", "ulp")), one_at_a_time(6, sources=("ulp",))):
        assert len(ulp_triples(columns(design)).base) == 0
    assert len(ulp_triples({}).base) == 0


def test_words_are_counted_by_their_bits():
    first = np.array([[1.0, 0.0, -2.5, 3e-40]] * 4, np.float32)
    second = first.copy()
    second[1, 2] = np.nextafter(np.float32(-2.5), np.float32(0))
    second[2, 1] = -0.0
    second[3, [0, 3]] = [2.0, 0.0]
    np.testing.assert_array_equal(words_changed(first, second), [0, 1, 1, 2])


def test_curves_are_the_distances_written_out():
    generator = np.random.default_rng(0)
    snapshots = generator.normal(size=(5, 3, 7)).astype(np.float32)
    snapshots[4, 1] = snapshots[0, 1]
    snapshots[3, 2] = snapshots[2, 2]
    snapshots[3, 2, 5] = np.nextafter(snapshots[3, 2, 5], np.float32(9))
    first, second = np.array([0, 2]), np.array([4, 3])
    found = separation_curves(snapshots, first, second)
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        for step in range(3):
            x, y = snapshots[[a, b], step].astype(np.float64)
            expected = np.linalg.norm(x - y) / np.hypot(np.linalg.norm(x), np.linalg.norm(y))
            assert found[pair, step] == pytest.approx(expected, rel=1e-12)
    assert found[0, 1] == 0
    assert 0 < found[1, 2] < 1e-6
    independent = independent_distances(snapshots, np.array([0, 2, 4]))
    np.testing.assert_allclose(independent[:, 0, 2], found[0], rtol=1e-12)
    assert independent.shape == (3, 3, 3)


@given(st.floats(0.001, 0.2), st.floats(1e-9, 1e-6))
def test_a_planted_rate_is_found_below_the_ceiling_and_not_disturbed_above(rate, start):
    curve = np.minimum(start * np.exp(rate * STEPS), 0.9)
    curve[0] = 1e-12  # one word of one weight: no part of the growth
    saturated = np.where(curve > 0.05, 0.9, curve)
    assert early_rates(saturated[None], STEPS, ceiling=0.05)[0] == pytest.approx(rate, rel=1e-9)


def test_a_window_ends_where_the_ceiling_is_first_reached_and_begins_where_runs_are_apart():
    curve = np.array([1e-9, 0.0, 1e-6, 1e-4, 0.2, 0.01, 0.5, 0.5])
    np.testing.assert_array_equal(growth_window(curve, STEPS, ceiling=0.1), [2, 3])
    np.testing.assert_array_equal(growth_window(curve, STEPS, ceiling=1.0), [2, 3, 4, 5, 6, 7])
    rates = early_rates(np.stack([curve, np.zeros(8), np.exp(0.1 * STEPS) * 1e-6]), STEPS, ceiling=0.1)
    assert np.isnan(rates[:2]).all(), "two points would fit any curve, and no point none"
    assert rates[2] == pytest.approx(0.1)
