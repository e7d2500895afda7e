"""One writer at a time in a run directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from varbench.errors import InputError
from varbench.store.files import remove_unfinished


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run directory for writing; the operating system lets go of it when the process ends, however it ends.

    What writers that were killed left unfinished there is removed.

    Raises:
        InputError: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"another process is writing to {folder}: wait until it is done, or give another --out"
        ) from None
    try:
        remove_unfinished(folder)
        yield
    finally:
        lock.release()
