"""Forward passes in blocks."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from varbench.training import evaluation, run
from varbench.training.engine import Engine
from varbench.training.evaluation import blockwise
from varbench.training.strategy import Strategy

from .toys import BASE, levels, vectors


def sizes_and_sums(examples, *, shape=(4,), most=None):
    """The sizes of the blocks that are traced, and the sums of the examples found by them."""
    sizes = []

    def forward(block):
        sizes.append(block.shape[0])
        return block.reshape(block.shape[0], -1).sum(1, keepdims=True)

    x = jnp.arange(examples * np.prod(shape), dtype=jnp.float32).reshape(examples, *shape)
    found = blockwise(forward, x, most=most)
    assert found.shape == (examples, 1)
    np.testing.assert_allclose(found[:, 0], x.reshape(examples, -1).sum(1))
    return set(sizes)


@pytest.mark.parametrize(("examples", "size"), [(1, 1), (9, 9), (10, 10), (11, 6), (20, 10), (26, 9)])
def test_blocks_are_of_equal_size_and_nothing_is_lost(examples, size, monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_EXAMPLES", 10)
    assert sizes_and_sums(examples) == {size}


@pytest.mark.parametrize(("values", "size"), [(400, 20), (48, 4), (12, 1), (3, 1)])
def test_large_examples_come_in_smaller_blocks(values, size, monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_VALUES", values)
    assert sizes_and_sums(20, shape=(4, 3)) == {size}


@pytest.mark.parametrize(("most", "size"), [(30, 20), (7, 7), (6, 5), (1, 1)])
def test_a_number_of_examples_can_be_asked_for(most, size):
    assert sizes_and_sums(20, most=most) == {size}


def test_a_network_is_evaluated_in_the_parts_of_its_strategy(monkeypatch):
    asked = []

    def spy(forward, x, *, most):
        asked.append(most)
        return blockwise(forward, x, most=most)

    monkeypatch.setattr(run, "blockwise", spy)
    for strategy in (Strategy(2, microbatch=5), Strategy(2)):
        list(Engine(BASE.replace(steps=1), vectors(), strategy, fresh=True).train([(0, (levels(),))]))
    assert set(asked[: len(asked) // 2]) == {5}
    assert set(asked[len(asked) // 2 :]) == {None}
