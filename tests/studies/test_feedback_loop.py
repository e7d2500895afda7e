"""Generations trained on predictions: what they are trained on, against the pieces they are made of."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from varbench.data import load
from varbench.errors import InputError
from varbench.studies.claims.feedback.loop import _first_half, _labels, _orders, chains, classes_in_use
from varbench.training.recipe import Recipe

RECIPE = Recipe(data="digits", model="logistic", optimizer="adam", lr=0.05, batch_size=50, steps=60)
LINEAGES, GENERATIONS = 3, 2
OWN, DRAWN, HALF, TRUE = range(4)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(told):
    return chains(RECIPE, load("digits"), lineages=LINEAGES, generations=GENERATIONS, listen=told.append)


def test_the_same_facts_give_the_same_arrays_and_progress_ends_at_1(found, told):
    assert told == [1 / 3, 2 / 3, 1.0]
    again = chains(RECIPE, load("digits"), lineages=LINEAGES, generations=GENERATIONS)
    assert found.keys() == again.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, again[name])


def test_teachers_share_generation_0_bit_for_bit_and_part_from_then_on(found):
    for name in ("predictions", "confidence", "truth"):
        np.testing.assert_array_equal(found[name][0], np.broadcast_to(found[name][0, :1], found[name][0].shape))
    assert all((found["predictions"][1, TRUE] != found["predictions"][1, t]).any() for t in (OWN, DRAWN, HALF))
    np.testing.assert_array_equal(found["truth"][0], np.ones((4, LINEAGES)))


def test_a_generation_learns_from_the_labels_of_the_one_before(found):
    """The share of right labels is the accuracy of their teacher; the half that is true adds what it gets wrong."""
    accuracy = (found["predictions"] == found["labels"]).mean(axis=3)
    truth = found["truth"]
    np.testing.assert_allclose(truth[1, OWN], accuracy[0, OWN], atol=0.06)
    np.testing.assert_allclose(truth[2, OWN], accuracy[1, OWN], atol=0.06)
    np.testing.assert_allclose(truth[1, HALF], (1 + accuracy[0, HALF]) / 2, atol=0.05)
    assert (truth[1, DRAWN] < truth[1, OWN]).all(), "drawn labels err where the teacher is unsure"
    np.testing.assert_array_equal(truth[:, TRUE], 1.0)
    assert accuracy[0].min() > 0.7


def test_lineages_use_up_the_inputs_in_orders_of_their_own():
    order = _orders(3, 40)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(40), (3, 1)))
    assert len({tuple(row) for row in order}) == 3
    half = _first_half(order, 10)
    for lineage in range(3):
        np.testing.assert_array_equal(half[lineage, order[lineage]], np.arange(40) % 10 < 5)


def test_labels_are_the_most_probable_drawn_half_true_and_true():
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 4000)
    logits = np.tile(np.log(np.array([0.5, 0.3, 0.2], np.float32)), (4, 4000, 1))
    known = np.arange(4000)[None] < 2000
    own, drawn, half, true = _labels(logits, truth, known, np.array([7]))
    assert (own == 0).all()
    np.testing.assert_allclose(np.bincount(drawn) / 4000, [0.5, 0.3, 0.2], atol=0.03)
    np.testing.assert_array_equal(half, np.where(known[0], truth, 0))
    np.testing.assert_array_equal(true, truth)
    assert (_labels(logits, truth, known, np.array([8]))[DRAWN] != drawn).any()


def test_a_lineage_that_diverges_predicts_nothing_from_then_on():
    recipe = RECIPE.replace(optimizer="sgd", schedule="constant", lr=1e38, steps=20)
    found = chains(recipe, load("digits"), lineages=2, generations=1)
    assert (found["predictions"] == -1).all()
    assert np.isnan(found["confidence"]).all()


def test_a_batch_larger_than_a_chunk_gets_one_sentence():
    with pytest.raises(InputError, match="give a smaller batch"):
        chains(RECIPE.replace(batch_size=500), load("digits"), lineages=2, generations=3)


def test_generation_0_learns_the_labels_that_it_was_given(found):
    data = load("digits")
    other = dataclasses.replace(data, y_train=(data.y_train + 1) % 10)
    moved = chains(RECIPE, other, lineages=LINEAGES, generations=GENERATIONS)
    assert (moved["predictions"][0] == (found["labels"] + 1) % 10).mean() > 0.7


def test_classes_in_use_are_all_for_uniform_labels_and_one_for_constant_ones():
    uniform, constant = np.arange(20) % 5, np.zeros(20, int)
    np.testing.assert_allclose(classes_in_use(np.stack([uniform, constant]), classes=5), [5.0, 1.0])
    two = np.repeat([0, 1], [5, 15])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert classes_in_use(two, classes=5) == pytest.approx(np.exp(entropy))
    assert np.isnan(classes_in_use(np.array([0, -1]), classes=2))
