"""Streams of randomness: the same under vmap as alone, and never shared by two uses."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from varbench.keys import SOURCE_MEANINGS, SOURCES, source_key
from varbench.training.batches import epoch_order

MOVED = "the keys have moved: every published result would change; bring the old derivation back"


def words(key: jax.Array) -> tuple[int, ...]:
    return tuple(np.asarray(jax.random.key_data(key)).ravel().tolist())


def test_the_integers_of_the_sources_never_change():
    expected = ("init", "order", "augment", "dropout", "data", "label_noise", "ulp", "width")
    assert dict(zip(expected, range(1, 9), strict=True)) == SOURCES, MOVED
    assert list(SOURCE_MEANINGS) == list(SOURCES)


@pytest.mark.parametrize(
    ("source", "counters", "expected"),
    [
        ("init", (0,), (2219234406, 2177316854)),
        ("order", (3, 7), (2318625952, 3095926151)),
        ("ulp", (2**32 - 1, 1), (1779055844, 588942310)),
    ],
)
def test_keys_are_what_they_always_were(source, counters, expected):
    assert words(source_key(source, *counters)) == expected, MOVED


def test_a_key_is_a_chain_of_folds_from_one_root():
    key = jax.random.key(0x7661_7262, impl="threefry2x32")
    for integer in (SOURCES["augment"], 5, 6, 7):
        key = jax.random.fold_in(key, integer)
    assert words(source_key("augment", 5, 6, 7)) == words(key)


def test_keys_do_not_depend_on_the_default_generator():
    expected = words(source_key("init", 1))
    with jax.default_prng_impl("rbg"):
        assert words(source_key("init", 1)) == expected


def test_a_stream_is_the_same_under_vmap_and_jit_as_alone():
    levels, steps = jnp.arange(3, dtype=jnp.uint32), jnp.arange(3, dtype=jnp.int32)[::-1]

    def draw(level, step):
        return jnp.stack([jax.random.bits(source_key(source, level, step), (33,)) for source in ("init", "order")])

    together = jax.jit(jax.vmap(draw))(levels, steps)
    alone = np.stack([draw(int(level), int(step)) for level, step in zip(levels, steps, strict=True)])
    np.testing.assert_array_equal(together, alone)


def test_no_two_uses_share_a_key():
    """Sources × levels × up to two counters, those counted in one way and those counted in another."""
    small = range(4)
    counted = [c for length in range(3) for c in itertools.product(small, repeat=length)]
    uses = list(itertools.product(SOURCES.values(), small, counted))
    keys = {}
    for number, level, counters in uses:
        source = next(name for name, integer in SOURCES.items() if integer == number)
        keys.setdefault(words(source_key(source, level, *counters)), []).append((source, level, counters))
    assert len(keys) == len(uses), [same for same in keys.values() if len(same) > 1][:3]


def test_level_zero_is_a_seed_like_any_other():
    """Not "no seed": every source draws at level 0, and draws something else at level 1."""
    for source in SOURCES:
        at_zero, at_one = (jax.random.bits(source_key(source, level), (8,)) for level in (0, 1))
        assert np.asarray(at_zero).any()
        assert not np.intersect1d(at_zero, at_one).size


def test_no_two_levels_and_epochs_share_an_order():
    levels, epochs, examples = 41, 41, 50
    order = jax.jit(
        jax.vmap(lambda level: jax.vmap(lambda epoch: epoch_order(level, epoch, examples=examples))(jnp.arange(epochs)))
    )(jnp.arange(levels))
    rows = np.asarray(order).reshape(-1, examples)
    assert (np.sort(rows, 1) == np.arange(examples)).all()
    assert len(np.unique(rows, axis=0)) == levels * epochs


def test_the_next_level_does_not_repeat_this_level_one_epoch_later():
    """The trap of seeds `level + epoch`: unrelated permutations agree in about one place, equal ones in all."""
    examples = 200
    levels, epochs = (jnp.ravel(grid) for grid in jnp.meshgrid(jnp.arange(12), jnp.arange(12)))
    orders = jax.jit(jax.vmap(lambda level, epoch: epoch_order(level, epoch, examples=examples)))
    agreement = np.mean(np.asarray(orders(levels + 1, epochs) == orders(levels, epochs + 1)), axis=1)
    assert len(agreement) == 144
    assert agreement.max() < 0.05


def test_an_unknown_source_is_an_error():
    with pytest.raises(KeyError, match="seed"):
        source_key("seed", 0)
