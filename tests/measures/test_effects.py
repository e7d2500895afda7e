"""Effects against their definition, blocks against whole arrays, and the identity of mean disagreements."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from varbench.measures import effects
from varbench.measures.predictions import disagreement_matrix
from varbench.measures.scores import softmax
from varbench.measures.squared_distances import squared_distances
from varbench.stats.components import variance_components

SHAPES = [(3, 4, 1), (2, 3, 2), (2, 3, 2, 1), (2, 2, 2, 2)]


def shuffled_cells(shape, seed=0):
    return np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_energies_follow_the_definition_by_inclusion_and_exclusion(shape):
    cells = shuffled_cells(shape)
    values = np.random.default_rng(1).normal(size=(cells.size, 5))
    found = effects.effect_energies([values[:, :2], values[:, 2:]], cells)
    placed, axes = values[cells], range(len(shape))
    for term in effects.terms(len(shape) - 1):
        effect = 0.0
        for size in range(len(term) + 1):
            for subset in combinations(term, size):
                mean = placed.mean(axis=tuple(a for a in axes if a not in subset), keepdims=True)
                effect = effect + (-1) ** (len(term) - size) * mean
        expected = np.square(effect).sum(axis=-1).squeeze(tuple(a for a in axes if a not in term))
        np.testing.assert_allclose(found[term], expected, atol=1e-12)
    residual = np.square(placed - placed.mean(axis=-2, keepdims=True)).sum(axis=-1)
    np.testing.assert_allclose(found[tuple(axes)], residual, atol=1e-12)


def from_distances(halves, cells):
    """σ²_T = −Σ_{S ⊆ T} (−1)^{|T|−|S|} D(S), D by which levels two runs share."""
    by_pattern = effects.half_squared_distances_by_pattern(halves, cells)
    found = {}
    for term in effects.terms(cells.ndim - 1):
        subsets = [s for size in range(len(term) + 1) for s in combinations(term, size)]
        found[term] = -sum((-1) ** (len(term) - len(s)) * by_pattern.get(s, 0.0) for s in subsets)
    if cells.shape[-1] > 1:
        found[tuple(range(cells.ndim))] = by_pattern[tuple(range(cells.ndim - 1))]
    return {**found, (): by_pattern[()]}


def from_values(value_blocks, cells):
    energies = effects.effect_energies(value_blocks, cells)
    found = variance_components(energies, cells.shape, level=0.95, n_examples=None, resampled="levels")
    return {term: estimate.value for term, estimate in found.items()}


@given(data=st.data(), shape=st.sampled_from(SHAPES), n_classes=st.integers(1, 4), n_examples=st.integers(1, 9))
def test_components_of_predictions_are_differences_of_mean_disagreements(data, shape, n_classes, n_examples):
    cells = shuffled_cells(shape)
    elements = st.integers(-1, n_classes - 1)
    predicted = data.draw(arrays(np.int64, (cells.size, n_examples), elements=elements))
    halves = disagreement_matrix(predicted, n_classes=n_classes)
    found = from_values(effects.one_hot_blocks(predicted, n_classes=n_classes), cells)
    assert found == pytest.approx(from_distances(halves, cells), abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_holds_for_scores_probabilities_and_weights(shape):
    cells = shuffled_cells(shape)
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(cells.size, 6, 3))
    scores, weights = rng.normal(size=cells.size), rng.normal(size=(cells.size, 11))
    probabilities = softmax(logits).reshape(cells.size, -1)
    for blocks, halves in (
        (effects.score_blocks(scores), 0.5 * squared_distances(scores[:, None])),
        (effects.probability_blocks(logits), 0.5 * squared_distances(probabilities) / 6),
        (effects.vector_blocks(weights), 0.5 * squared_distances(weights)),
    ):
        assert from_values(blocks, cells) == pytest.approx(from_distances(halves, cells), abs=1e-12)


def test_methods_of_two_sources_by_name():
    """Disagreements .4 where both differ, .3 where init is shared, .1 where order is."""
    index = np.indices((3, 3, 1)).reshape(3, 9)
    same_init, same_order = (row[:, None] == row[None, :] for row in index[:2])
    halves = np.where(same_init & same_order, 0.0, np.where(same_init, 0.3, np.where(same_order, 0.1, 0.4)))
    assert from_distances(halves, np.arange(9).reshape(3, 3, 1)) == pytest.approx(
        {(0,): 0.1, (1,): 0.3, (0, 1): 0.0, (): 0.4}
    )


def test_small_blocks_change_nothing(monkeypatch):
    cells = shuffled_cells((3, 4, 1))
    rng = np.random.default_rng(4)
    predicted, logits, weights = rng.integers(-1, 3, (12, 23)), rng.normal(size=(12, 23, 3)), rng.normal(size=(12, 17))

    def makers():
        yield effects.one_hot_blocks(predicted, n_classes=3)
        yield effects.probability_blocks(logits)
        yield effects.vector_blocks(weights)

    whole = [effects.effect_energies(blocks, cells) for blocks in makers()]
    monkeypatch.setattr(effects, "blocks", lambda total, *, bytes_each: (slice(i, i + 1) for i in range(total)))
    for before, blocks in zip(whole, makers(), strict=True):
        for term, energy in effects.effect_energies(blocks, cells).items():
            np.testing.assert_allclose(energy, before[term], atol=1e-12)
