"""The same work on several items at once, a thread for each core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 8
"""Threads at most: each holds the temporary arrays of what it does."""


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Every item in its order, with a function that waits for its result and returns it, or raises what it raised.

    Work that was not begun is given up when the iterator is closed.
    """
    pool = ThreadPoolExecutor(max(1, min(MOST, os.cpu_count() or 1, len(items))), thread_name_prefix="measure")
    try:
        futures = [pool.submit(work, item) for item in items]
        for item, future in zip(items, futures, strict=True):
            yield item, future.result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
