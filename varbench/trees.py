"""Pytrees of arrays as flat vectors, with a table that says which slice is which parameter."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from varbench.parameters import Leaf


def path_name(path: tuple[Any, ...]) -> str:
    """A pytree path as `layers/0/kernel`."""
    return "/".join(str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry)))) for entry in path)


def leaves_by_path(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by path name, in flattening order."""
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}


def with_leaves(tree: Any, leaves: dict[str, Any]) -> Any:
    """The same pytree with the leaves named in `leaves` replaced."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaves.get(path_name(path), leaf), tree)


def table(tree: Any) -> tuple[Leaf, ...]:
    """Path, shape and slice of every leaf, in the order in which `ravel` writes them.

    Args:
        tree: Pytree of arrays or `ShapeDtypeStruct`s.
    """
    rows, start = [], 0
    for path, leaf in leaves_by_path(tree).items():
        size = int(np.prod(leaf.shape, dtype=np.int64))
        rows.append(Leaf(path, tuple(leaf.shape), start, start + size))
        start += size
    return tuple(rows)


def ravel(tree: Any) -> jax.Array:
    """All leaves as one float32 vector [P]; an empty tree gives a vector of length 0."""
    leaves = jax.tree.leaves(tree)
    if not leaves:
        return jnp.zeros((0,), jnp.float32)
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in leaves])


def unravel(vector: Any, like: Any) -> Any:
    """Inverse of `ravel`: the vector [P] cut into the shapes (and dtypes) of the tree `like`.

    Raises:
        ValueError: If the vector's length is not the number of elements in `like`.
    """
    rows = table(like)
    total = rows[-1].stop if rows else 0
    if vector.shape != (total,):
        raise ValueError(f"a vector of shape ({total},) was expected for this tree, not {vector.shape}")
    leaves, structure = jax.tree.flatten(like)
    pieces = [
        jnp.asarray(vector[row.start : row.stop]).reshape(row.shape).astype(leaf.dtype)
        for row, leaf in zip(rows, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, pieces)
