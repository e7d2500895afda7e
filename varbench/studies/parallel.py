"""Work on several items at once, in threads, and matrix products that keep out of their way."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from types import TracebackType
from typing import Any, TypeVar

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


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Every matrix product of NumPy and SciPy is done by the thread that asks for it; a context, or a decorator.

    Measures multiply many small matrices: the threads of the library spend most of their time waiting for each other,
    and those of other populations for theirs. Of the whole process, so to be entered by one thread alone.
    """
    from threadpoolctl import threadpool_limits

    importlib.import_module("scipy.linalg")  # brings a BLAS of its own: one that is loaded later would not be told
    with threadpool_limits(1, user_api="blas"):
        yield


class Workers:
    """So many pieces of work at once, begun in the order in which they are given; a context.

    The first that raises ends the whole: its exception is raised where the next piece is given or all are awaited.
    When the context is left by an exception, `stopped` is set, and it waits until the work at hand has noticed.
    """

    def __init__(self, count: int):
        self.stopped = Event()
        self._count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="work")
        self._futures: set[Future[Any]] = set()

    def begin(self, work: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Begin a piece of work as soon as fewer than `count` are at hand."""
        self.wait(fewer_than=self._count)
        self._futures.add(self._pool.submit(work, *args, **options))

    def wait(self, *, fewer_than: int = 1) -> None:
        """Wait until fewer than so many pieces of work are at hand."""
        while True:
            for future in [future for future in self._futures if future.done()]:
                self._futures.remove(future)
                future.result()
            if len(self._futures) < fewer_than:
                return
            wait(self._futures, return_when=FIRST_COMPLETED)

    def __enter__(self) -> Workers:
        """The same object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is at hand; after an exception, tell it to stop."""
        if kind is not None:
            self.stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
