"""Compiling ahead: while one population trains, the programs of the next ones are made ready.

A program is compiled on one core and trained on all of them, or on a GPU, so that without this the others would wait.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from varbench.training.engine import Engine

MOST, CORES_EACH = 4, 4
"""Engines compiled at the same time at most, and cores for each: the compiler has threads of its own."""


def compiled_at_once() -> int:
    """How many engines this machine's cores compile at the same time."""
    return max(1, min(MOST, (os.cpu_count() or 1) // CORES_EACH))


def ready_in_turn(engines: Sequence[tuple[Engine, int]], *, at_once: int = 1) -> Generator[Engine, None, None]:
    """Engines in their order, each with its programs compiled, and those of the next being compiled meanwhile.

    Args:
        engines: Engines and how many blocks they have to train; those with none are not compiled.
        at_once: So many engines are compiled at the same time, and so many wait ready.

    Yields:
        Each engine when its programs are ready.

    Raises:
        InputError: If a recipe cannot be trained, when it is that engine's turn.
    """
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="ahead")
    try:
        futures: list[Future[None]] = []
        for place, (engine, _) in enumerate(engines):
            while len(futures) < min(place + 1 + at_once, len(engines)):
                futures.append(pool.submit(_prepare, *engines[len(futures)]))
            futures[place].result()
            yield engine
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(engine: Engine, blocks: int) -> None:
    if blocks:
        engine.prepare(blocks)
