"""Downloads, only when asked for."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from varbench.data.files import DataFile, data_directory, find_path, read_content, sha256_of
from varbench.data.registry import info_of
from varbench.errors import InputError

CHUNK = 2**16
TIMEOUT = 30.0
CONTENT_LIMIT = 2**30


def fetch(name: str, directory: Path | None = None, *, progress: bool = True) -> tuple[Path, ...]:
    """Download the files of a data set that are not there yet, each checked against its published SHA-256.

    Args:
        name: Name of the data set.
        directory: The files go into its folder `name`; `data_directory()` if None.
        progress: Whether to draw a bar on standard error.

    Returns:
        The paths of the files, downloaded now or before; none for a data set that needs no download. A file
        is in its place whole and right, or not at all.

    Raises:
        InputError: If the name is unknown, a download fails, is not the published file or cannot be written.
    """
    info = info_of(name)
    root = data_directory() if directory is None else Path(directory)
    return tuple(_fetched(name, file, root, progress=progress) for file in info.files)


def _fetched(dataset: str, file: DataFile, root: Path, *, progress: bool) -> Path:
    present = find_path(dataset, (file.name, file.unpacked_name), directory=root)
    if present is not None and _is_published(file, present):
        return present
    import pooch
    import requests

    folder = root / dataset
    try:
        with _quiet(pooch.get_logger()), _bar(file.name, draw=progress) as bar:
            # A server that is asked for plain bytes does not unpack the .gz files on the way.
            downloader = pooch.HTTPDownloader(
                progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
            )
            pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=file.name, path=folder, downloader=downloader)
    except requests.RequestException as error:
        raise InputError(
            f"{dataset}: could not download {file.url} ({_short(error)}): try again, or put the file "
            f"(SHA-256 {file.sha256}) into {folder} by other means"
        ) from None
    except ValueError as error:
        raise InputError(f"{dataset}: {file.url} is not the published file: {_short(error)}") from None
    except OSError as error:
        raise InputError(f"{dataset}: cannot write {folder / file.name}: {error.strerror or error}") from None
    return folder / file.name


def _is_published(file: DataFile, path: Path) -> bool:
    if sha256_of(path) in (file.sha256, file.content_sha256):
        return True
    if file.content_sha256 is None:
        return False
    try:
        content = read_content(path, limit=CONTENT_LIMIT)
    except InputError:
        return False
    return hashlib.sha256(content).hexdigest() == file.content_sha256


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Bar:
    """The progress bar that pooch expects, drawn by rich."""

    def __init__(self, progress: Any, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=None)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, value: int) -> None:
        self._progress.update(self._task, total=value or None)

    def update(self, amount: int) -> None:
        self._progress.advance(self._task, amount)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """The display belongs to `_bar`."""


@contextlib.contextmanager
def _bar(label: str, *, draw: bool) -> Iterator[_Bar | bool]:
    if not draw:
        yield False
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bar(progress, label)
