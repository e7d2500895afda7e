"""How often the intervals of components and shares hold the truth, at the designs that the docstrings speak of."""

from math import prod

import numpy as np
import pytest

from tests.stats.crossed import planted, rows_of
from varbench.measures.effects import effect_energies
from varbench.stats.component_shares import variance_shares
from varbench.stats.components import variance_components

ABOUT = {"level": 0.95, "n_examples": None, "resampled": "levels"}
REPETITIONS = 160
ALL = {(0,): 1.0, (1,): 1.0, (0, 1): 1.0}


def coverage(shape, truth, *, width=1, gamma=False):
    """For each term the measured coverage of its component, and of its share."""
    rng = np.random.default_rng(12)
    draw = (lambda size: (rng.gamma(4.0, size=size) - 4.0) / 2.0) if gamma else None
    total = sum(truth.values())
    held = {term: ([], []) for term in truth}
    for _ in range(REPETITIONS):
        values = planted(rng, shape, truth, width=width, draw=draw).reshape(prod(shape), width)
        energies = effect_energies([values], rows_of(shape))
        components, shares = (f(energies, shape, **ABOUT) for f in (variance_components, variance_shares))
        for term, variance in truth.items():
            held[term][0].append(components[term].low <= width * variance <= components[term].high)
            held[term][1].append(shares[term].low <= variance / total <= shares[term].high)
    return {term: tuple(map(np.mean, pair)) for term, pair in held.items()}


def assert_within(found, low, high):
    margin = 3 * np.sqrt(0.95 * 0.05 / REPETITIONS)
    assert low - margin <= found <= min(1.0, high + margin)


@pytest.mark.parametrize(("levels", "width"), [(8, 1), (16, 1), (8, 20)])
def test_normal_effects(levels, width):
    found = coverage((levels, levels, 1), ALL, width=width)
    for term in ALL:
        assert_within(found[term][0], 0.93, 0.97 if len(term) == 1 else 0.99)
        assert_within(found[term][1], 0.94, 0.99)


def test_interaction_alone_as_at_convergence():
    found = coverage((8, 8, 1), {(0,): 0.0, (1,): 0.0, (0, 1): 1.0}, width=20)
    for term in ALL:
        assert_within(found[term][0], 0.93, 0.99)
    assert_within(found[0, 1][1], 0.95, 1.0)
    assert found[0,][1] > 0.95


def test_skewed_effects_of_one_value_are_held_less_often_as_the_docstring_says():
    found = coverage((16, 16, 1), ALL, gamma=True)
    assert_within(found[0,][0], 0.90, 0.94)
    assert_within(found[0, 1][0], 0.95, 0.98)


def test_replicates():
    truth = {(0,): 1.0, (1,): 0.2, (0, 1): 1.0, (0, 1, 2): 1.0}
    found = coverage((8, 8, 2), truth)
    for term in truth:
        assert_within(found[term][0], 0.93, 0.98)
