"""Compiling ahead: while one population trains, the programs of the next one are made ready.

A program is compiled on one core and trained on all of them, so that without this the others would wait.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from varbench.training.engine import Engine


def ready_in_turn(engines: Sequence[tuple[Engine, int]]) -> Generator[Engine, None, None]:
    """Engines in their order, each with its programs compiled, and the next one's being compiled meanwhile.

    Args:
        engines: Engines and how many blocks they have to train; those with none are not compiled.

    Yields:
        Each engine when its programs are ready.

    Raises:
        InputError: If a recipe cannot be trained, when it is that engine's turn.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        futures: list[Future[None]] = []
        for place, (engine, _) in enumerate(engines):
            # One thread takes them one by one: two that share programs are never compiled at the same time.
            while len(futures) < min(place + 2, len(engines)):
                futures.append(pool.submit(_prepare, *engines[len(futures)]))
            futures[place].result()
            yield engine
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(engine: Engine, blocks: int) -> None:
    if blocks:
        engine.prepare(blocks)
