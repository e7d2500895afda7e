"""The data sets by name. A new built-in data set: a file here with its `DatasetInfo`, and one entry below."""

from __future__ import annotations

import difflib
import functools
import os
from pathlib import Path

from varbench.data.cifar10 import CIFAR10
from varbench.data.dataset import Dataset
from varbench.data.digits import DIGITS
from varbench.data.files import data_directory
from varbench.data.idx import FASHION_MNIST, MNIST
from varbench.data.info import DatasetInfo
from varbench.data.mnist1d import MNIST1D, MNIST1D_SHUFFLED
from varbench.data.npz import load_npz
from varbench.data.variants import SEPARATOR, varied
from varbench.errors import InputError

DATASETS: dict[str, DatasetInfo] = {
    info.name: info for info in (DIGITS, MNIST1D, MNIST1D_SHUFFLED, MNIST, FASHION_MNIST, CIFAR10)
}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(DATASETS)


def info_of(name: str) -> DatasetInfo:
    """What is known of a data set by name, without loading it.

    Raises:
        InputError: If no data set has that name, with the nearest name and all names.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(name.lower(), DATASETS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(
            f"unknown data set {name!r}: {hint}known are {', '.join(DATASETS)}, or the path of an .npz file"
        )
    return DATASETS[name]


def load(name_or_path: str | Path, *, directory: Path | None = None) -> Dataset:
    """A data set by name, or from the path of an `.npz` file. Nothing is ever downloaded.

    Args:
        name_or_path: A name of `names()`; or a path: anything that ends in `.npz`, has a separator or is a
            `Path`. A name may be followed by variants, as in `digits+noise:0.5` (see `VARIANTS`).
        directory: Where the files of a named data set are; `VARBENCH_DATA` or the user's cache if None.

    Returns:
        The data set. A named one is loaded once per process.

    Raises:
        InputError: If the name is unknown, a file is missing or not as published, or the arrays are unusable.
    """
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, Path) and SEPARATOR in text and not text.endswith(".npz"):
        base, *asked = text.split(SEPARATOR)
        return _varied(load(base, directory=directory), tuple(asked))
    if isinstance(name_or_path, Path) or text.endswith(".npz") or os.sep in text:
        return load_npz(Path(name_or_path).expanduser())
    info = info_of(text)
    where = (data_directory() if directory is None else Path(directory)) if info.needs_download else Path()
    return _loaded(info, where)


def register(info: DatasetInfo) -> None:
    """Make a data set of your own known by a name that recipes can use.

    Raises:
        InputError: If another data set has the name already.
    """
    if DATASETS.get(info.name, info) != info:
        raise InputError(f"a data set named {info.name!r} exists already: choose another name")
    DATASETS[info.name] = info


@functools.lru_cache(maxsize=8)
def _varied(dataset: Dataset, asked: tuple[str, ...]) -> Dataset:
    for text in asked:
        dataset = varied(dataset, text)
    return dataset


@functools.lru_cache(maxsize=4)
def _loaded(info: DatasetInfo, directory: Path) -> Dataset:
    return info.load(directory)
