"""What a run sees, against numpy: order, rows, labels, augmentation. Level 0 draws like any other level."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from varbench.keys import source_key
from varbench.training.batches import augmented, drawn_rows, epoch_order, noisy_labels
from varbench.training.recipe import Recipe

LEVELS = jnp.arange(5)
N = 61


def orders(level, epochs=4):
    return np.stack([epoch_order(jnp.asarray(level), jnp.asarray(e), examples=N) for e in range(epochs)])


@pytest.mark.parametrize("level", [0, 1])
def test_every_epoch_is_a_fresh_permutation(level):
    found = orders(level)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(N), (4, 1)))
    assert found.dtype == np.int32
    assert not (found == np.arange(N)).all(axis=1).any(), "an epoch in the order of the file"
    for one in range(4):
        for other in range(one):
            assert np.mean(found[one] == found[other]) < 0.15
    np.testing.assert_array_equal(found, orders(level))
    assert np.mean(found == orders(level + 1)) < 0.1


def test_an_order_is_that_of_one_random_number_per_example():
    for n in (1, 2, 3, 64, 65, 1437):
        found = jax.jit(jax.vmap(lambda level, n=n: epoch_order(level, jnp.int32(3), examples=n)))(LEVELS)
        assert found.dtype == jnp.int32, "64 bits stay inside"
        for level, order in zip(LEVELS, found, strict=True):
            high, low = np.asarray(jax.random.bits(source_key("order", level, 3), (2, n), jnp.uint32), np.uint64)
            np.testing.assert_array_equal(order, np.argsort(high << np.uint64(32) | low, kind="stable"))
    assert jnp.ones(1).dtype == jnp.float32


def test_every_example_comes_first_second_and_last_equally_often():
    found = jax.vmap(lambda level: epoch_order(level, jnp.int32(0), examples=8))(jnp.arange(4000))
    counts = np.stack([np.bincount(found[:, place], minlength=8) for place in range(8)])
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500 * 7 / 8)
    before = np.mean(np.argmax(np.asarray(found) == 2, axis=1) < np.argmax(np.asarray(found) == 5, axis=1))
    assert before == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(4000))


def test_a_bootstrap_draws_as_many_with_replacement():
    rows = np.stack([drawn_rows(level, examples=2000, resample="bootstrap") for level in LEVELS])
    assert rows.shape == (5, 2000)
    assert rows.min() >= 0
    assert rows.max() < 2000
    distinct = [len(np.unique(row)) / 2000 for row in rows]
    np.testing.assert_allclose(distinct, 1 - np.exp(-1), atol=0.03)
    assert len(np.unique(rows, axis=0)) == 5
    np.testing.assert_array_equal(rows[0], drawn_rows(LEVELS[0], examples=2000, resample="bootstrap"))


def test_a_subset_draws_half_without_replacement():
    rows = np.stack([drawn_rows(level, examples=N, resample="subset") for level in LEVELS])
    assert rows.shape == (5, N // 2)
    for row in rows:
        assert len(np.unique(row)) == N // 2
        assert 0 <= row.min() <= row.max() < N
    assert len(np.unique(np.sort(rows, axis=1), axis=0)) == 5
    assert not np.array_equal(np.sort(rows[0]), np.arange(N // 2)), "level 0 is the first half of the file"


def test_over_many_levels_every_example_is_drawn_half_the_time():
    rows = jax.vmap(lambda level: drawn_rows(level, examples=20, resample="subset"))(jnp.arange(1000))
    share = np.bincount(np.ravel(rows), minlength=20) / 1000
    np.testing.assert_allclose(share, 0.5, atol=5 * np.sqrt(0.25 / 1000))


@pytest.mark.parametrize(("fraction", "classes"), [(0.1, 10), (0.5, 2), (1.0, 3), (0.0, 4), (0.123, 5)])
def test_label_noise_hits_exactly_its_fraction_and_always_another_class(fraction, classes):
    labels = jnp.asarray(np.random.default_rng(0).integers(0, classes, 501), jnp.int32)
    hits = set()
    for level in LEVELS:
        noisy = np.asarray(noisy_labels(level, labels, classes=classes, fraction=fraction))
        wrong = np.flatnonzero(noisy != labels)
        assert len(wrong) == round(fraction * 501)
        assert noisy.dtype == np.int32
        assert 0 <= noisy.min() <= noisy.max() < classes
        hits.add(tuple(wrong))
    assert len(hits) == (5 if 0 < fraction < 1 else 1)


def test_noisy_labels_are_spread_over_all_other_classes():
    noisy = noisy_labels(jnp.asarray(0), jnp.full(6000, 2, jnp.int32), classes=4, fraction=1.0)
    counts = np.bincount(noisy, minlength=4)
    assert counts[2] == 0
    np.testing.assert_allclose(counts[[0, 1, 3]], 2000, atol=5 * np.sqrt(6000 * 2 / 9))


def moved_by_hand(x, shift, *, zero):
    """One example moved by `shift` positions along its leading axes, with loops."""
    result = np.zeros_like(x)
    for target in np.ndindex(x.shape[: len(shift)]):
        source = tuple(t - s for t, s in zip(target, shift, strict=True))
        inside = all(0 <= s < length for s, length in zip(source, x.shape, strict=False))
        if inside or not zero:
            result[target] = x[tuple(np.clip(s, 0, length - 1) for s, length in zip(source, x.shape, strict=False))]
    return result


def draws(level, step, batch, axes, shift):
    """The offsets and flips that the keys of the augmentation give."""
    shift_key, flip_key = (source_key("augment", level, step, use) for use in (0, 1))
    offsets = np.asarray(jax.random.randint(shift_key, (batch, axes), -shift, shift + 1))
    return offsets, np.asarray(jax.random.bernoulli(flip_key, 0.5, (batch,)))


@pytest.mark.parametrize("shape", [(7, 5, 2), (9,)], ids=["image", "curve"])
@pytest.mark.parametrize(
    "recipe", [Recipe(shift=2), Recipe(flip=True), Recipe(shift=1, flip=True)], ids=["shift", "flip", "both"]
)
def test_augmentation_is_a_flip_and_then_a_shift_of_each_example(shape, recipe):
    x = np.random.default_rng(1).normal(size=(40, *shape)).astype(np.float32)
    level, step = jnp.asarray(0), jnp.asarray(3)
    found = augmented(level, step, jnp.asarray(x), recipe=recipe)
    axes = 2 if len(shape) == 3 else 1
    offsets, mirrored = draws(level, step, 40, axes, recipe.shift)
    expected = [
        moved_by_hand(
            np.flip(example, axes - 1) if recipe.flip and mirror else example, tuple(offset), zero=len(shape) == 3
        )
        for example, offset, mirror in zip(x, offsets, mirrored, strict=True)
    ]
    np.testing.assert_array_equal(found, np.stack(expected))
    if recipe.shift:
        assert {tuple(np.abs(row)) for row in offsets} >= {(recipe.shift,) * axes, (0,) * axes}
    if recipe.flip:
        assert 8 < mirrored.sum() < 32


def test_augmentation_follows_level_and_step():
    x = jnp.asarray(np.random.default_rng(2).normal(size=(8, 6, 6, 1)), jnp.float32)
    recipe = Recipe(shift=2, flip=True)
    seen = {
        np.asarray(augmented(jnp.asarray(level), jnp.asarray(step), x, recipe=recipe)).tobytes()
        for level in range(3)
        for step in range(3)
    }
    assert len(seen) == 9


def test_shifts_are_uniform_over_their_range():
    x = jnp.zeros((500, 9)).at[:, 4].set(1)
    found = augmented(jnp.asarray(1), jnp.asarray(0), x, recipe=Recipe(shift=2))
    counts = np.bincount(np.argmax(found, axis=1), minlength=9)
    assert counts[[0, 1, 7, 8]].sum() == 0
    np.testing.assert_allclose(counts[2:7], 100, atol=5 * np.sqrt(500 * 0.16))
