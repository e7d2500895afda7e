"""Weight matching on every built-in model: a planted relabeling is found again, and the function stays."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from varbench.measures.alignment import weight_matching
from varbench.measures.relabeling import identity_permutations, permuted
from varbench.models import PermutationGroup
from varbench.trees import ravel, table, unravel

from .test_permutations import GROUPS, change, relabeled

PAIRS = 3
pytestmark = pytest.mark.parametrize("subject", GROUPS, indirect=True, scope="module")


def planted(generator, group: PermutationGroup):
    """A random relabeling of everything that may be relabeled: cells among themselves, units within each."""
    width = group.size // group.cells
    cells = generator.permutation(group.cells)
    return np.concatenate([cell * width + generator.permutation(width) for cell in cells])


@pytest.fixture(scope="module")
def moved(subject, trained_like):
    """(flat weights [1, P], relabelings of PAIRS copies, the relabeled copies)."""
    groups, leaves = subject.model.permutations, table(trained_like[0])
    generator = np.random.default_rng(5)
    weights = np.asarray(ravel(trained_like[0]))[None]
    permutations = [np.stack([planted(generator, group) for _ in range(PAIRS)]) for group in groups]
    copies = permuted(weights.repeat(PAIRS, axis=0), permutations, leaves=leaves, groups=groups)
    return weights, permutations, copies


def test_a_planted_relabeling_is_found_exactly(subject, trained_like, moved):
    groups, leaves = subject.model.permutations, table(trained_like[0])
    weights, permutations, copies = moved
    assert (copies != weights).mean() > 0.1
    same = weights.repeat(PAIRS, axis=0)
    matching = weight_matching(same, copies, leaves=leaves, groups=groups, generator=np.random.default_rng(0))
    for found, hidden in zip(matching.permutations, permutations, strict=True):
        undone = np.take_along_axis(hidden, found, axis=1)
        np.testing.assert_array_equal(undone, np.arange(hidden.shape[1])[None].repeat(PAIRS, axis=0))
    np.testing.assert_array_equal(permuted(copies, matching.permutations, leaves=leaves, groups=groups), same)
    assert (np.diff(matching.objectives, axis=0) >= 0).all()


def test_relabeled_weights_compute_the_same_function(subject, trained_like, function, moved):
    """Root mean square change of the logits under 1e-5 of their spread: the rounding of sums in another order."""
    params, state = trained_like
    groups, (_, permutations, copies) = subject.model.permutations, moved
    like = jax.eval_shape(lambda: params)
    for row in range(PAIRS):
        statistics = (params, state)
        for group, permutation in zip(groups, permutations, strict=True):
            statistics = relabeled(statistics, group, permutation[row])
        assert change(function, (unravel(copies[row], like), statistics[1]), trained_like) < 1e-5


def test_unrelated_networks_come_closer_and_their_function_stays(subject, trained_like, function):
    groups, (params, state) = subject.model.permutations, trained_like
    leaves, like = table(params), jax.eval_shape(lambda: params)
    first = np.asarray(ravel(params))[None]
    second = np.random.default_rng(7).normal(size=first.shape).astype(np.float32) * np.abs(first).mean()
    matching = weight_matching(first, second, leaves=leaves, groups=groups, generator=np.random.default_rng(0))
    after = permuted(second, matching.permutations, leaves=leaves, groups=groups)
    assert np.linalg.norm(first - after) < np.linalg.norm(first - second)
    assert np.diff(matching.objectives, axis=0).min() >= 0
    assert matching.objectives[-1, 0] == pytest.approx(first[0].astype(float) @ after[0].astype(float))
    statistics = (params, state)
    for group, permutation in zip(groups, matching.permutations, strict=True):
        statistics = relabeled(statistics, group, permutation[0])
    before = (unravel(second[0], like), state)
    assert change(function, (unravel(after[0], like), statistics[1]), before) < 1e-5


def test_identical_weights_stay_as_they_are(subject, trained_like):
    groups = subject.model.permutations
    weights = np.asarray(ravel(trained_like[0]))[None]
    matching = weight_matching(
        weights, weights, leaves=table(trained_like[0]), groups=groups, generator=np.random.default_rng(0)
    )
    for found, expected in zip(matching.permutations, identity_permutations(groups, 1), strict=True):
        np.testing.assert_array_equal(found, expected)
