"""Pytrees as flat vectors."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from varbench.trees import leaves_by_path, path_name, ravel, table, unravel, with_leaves


class Pair(NamedTuple):
    kernel: jax.Array
    bias: jax.Array


def example_tree():
    return {
        "layers": [Pair(jnp.arange(6.0).reshape(2, 3), jnp.array([7.0, 8.0, 9.0])), {"scale": jnp.array(10.0)}],
        "z": jnp.array([[11.0]]),
    }


def test_paths_name_keys_indices_and_attributes():
    tree = {"a": [Pair(1.0, 2.0)], "b": {3: 4.0}}
    assert leaves_by_path(tree) == {"a/0/kernel": 1.0, "a/0/bias": 2.0, "b/3": 4.0}
    assert path_name(()) == ""


def test_the_table_says_where_ravel_put_every_leaf():
    tree = example_tree()
    vector, rows = ravel(tree), table(tree)
    assert vector.dtype == jnp.float32
    np.testing.assert_array_equal(vector, [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11])
    assert [row.path for row in rows] == ["layers/0/kernel", "layers/0/bias", "layers/1/scale", "z"]
    for row, leaf in zip(rows, leaves_by_path(tree).values(), strict=True):
        np.testing.assert_array_equal(vector[row.start : row.stop].reshape(row.shape), leaf)
    assert rows[0].start == 0
    assert all(a.stop == b.start for a, b in itertools.pairwise(rows))


def test_the_table_of_shapes_is_the_table_of_arrays():
    tree = {"w": jnp.ones((3, 4)), "b": jnp.ones(())}
    assert table(jax.eval_shape(lambda: tree)) == table(tree)


floats = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2), elements=st.floats(width=32)
)


@settings(max_examples=40)
@given(
    st.recursive(
        floats,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
        max_leaves=4,
    )
)
def test_unravel_takes_ravel_back(tree):
    again = unravel(ravel(tree), tree)
    assert jax.tree.structure(again) == jax.tree.structure(tree)
    for leaf, other in zip(jax.tree.leaves(tree), jax.tree.leaves(again), strict=True):
        assert leaf.shape == other.shape
        np.testing.assert_array_equal(leaf.view(np.uint32), np.asarray(other).view(np.uint32))


def test_narrow_leaves_come_back_in_their_own_type():
    tree = {"wide": jnp.array([1.5]), "narrow": jnp.array([0.25, -3.0], jnp.bfloat16)}
    again = unravel(ravel(tree), tree)
    assert [leaf.dtype for leaf in jax.tree.leaves(again)] == [leaf.dtype for leaf in jax.tree.leaves(tree)]
    np.testing.assert_array_equal(again["narrow"].astype(jnp.float32), [0.25, -3.0])


def test_an_empty_tree_is_a_vector_of_length_zero():
    assert ravel({}).shape == (0,)
    assert unravel(ravel({}), {}) == {}


@pytest.mark.parametrize("length", [0, 10, 12])
def test_a_vector_of_another_length_is_refused(length):
    tree = example_tree()
    with pytest.raises(ValueError, match=rf"\(11,\) was expected for this tree, not \({length},\)"):
        unravel(jnp.zeros(length), tree)


def test_with_leaves_replaces_the_named_ones_and_no_others():
    tree = {"a": [jnp.array([1.0]), jnp.array([2.0])], "b": jnp.array([3.0])}
    after = with_leaves(tree, {"a/1": jnp.array([9.0])})
    assert [float(leaf[0]) for leaf in jax.tree.leaves(after)] == [1.0, 9.0, 3.0]
    assert [float(leaf[0]) for leaf in jax.tree.leaves(tree)] == [1.0, 2.0, 3.0]
