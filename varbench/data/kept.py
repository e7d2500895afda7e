"""Data sets that other packages make or bring, kept in the data directory: to ask these takes seconds at every start.

MNIST-1D is generated; for the digits scikit-learn is loaded, which nothing else needs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from varbench.data.dataset import Dataset
from varbench.data.files import data_directory
from varbench.data.info import DatasetInfo

FOLDER = "generated"

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def kept_or_made(info: DatasetInfo, make: Callable[[], Dataset]) -> Dataset:
    """The data set from its file `generated/<name>.npz`, if the content is the expected one; else made and kept.

    Args:
        info: Of the data set, with `content_sha256`.
        make: Generates it.

    Returns:
        The same arrays either way: a damaged, edited or outdated file is made anew. A data set whose content is not
        the expected one is never kept; neither is any where nothing can be written.
    """
    path = data_directory() / FOLDER / f"{info.name}.npz"
    with contextlib.suppress(Exception):  # a damaged archive fails in any of a dozen ways
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = Dataset(info.name, *(file[name] for name in ARRAYS), classes=info.classes, kind=info.kind)
        if found.checksum() == info.content_sha256:
            return found
    made = make()
    if made.checksum() == info.content_sha256:
        _keep(made, path)
    return made


def _keep(dataset: Dataset, path: Path) -> None:
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            np.savez(temporary, **{name: getattr(dataset, name) for name in ARRAYS})
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
