"""Blocks that bound the memory of a pass over a long axis."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK_BYTES = 4 * 2**20
"""Size that one temporary array of a blocked pass may have."""


def blocks(total: int, *, bytes_each: int, limit: int = BLOCK_BYTES) -> Iterator[slice]:
    """Consecutive slices that cover `range(total)`, as long as `limit` allows and never empty.

    Args:
        total: Length of the axis, 0 or greater (0 gives no slice).
        bytes_each: Bytes that one step along the axis takes in the largest temporary array of the pass.
        limit: Bytes that this array may take.
    """
    length = max(1, limit // max(1, bytes_each))
    for start in range(0, total, length):
        yield slice(start, min(start + length, total))
