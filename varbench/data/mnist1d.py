"""MNIST-1D: curves of 40 points in ten classes, generated, no download."""

from __future__ import annotations

import contextlib
import functools
import random
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from varbench.data.dataset import Dataset
from varbench.data.info import DatasetInfo
from varbench.data.kept import kept_or_made


class Generated(NamedTuple):
    """What the generator returns, before it is rounded to float32."""

    x_train: Float64[np.ndarray, "4000 40"]
    y_train: Int64[np.ndarray, " 4000"]
    x_test: Float64[np.ndarray, "1000 40"]
    y_test: Int64[np.ndarray, " 1000"]


def generate(*, shuffled: bool) -> Generated:
    """MNIST-1D in float64 by its authors' generator with default arguments and seed 42.

    Args:
        shuffled: Whether the 40 positions are permuted, the same way in all examples.

    Returns:
        4,000 training and 1,000 test examples, standardized over all values by the generator. Unshuffled, the
        labels are those of the authors' published file and the values agree with it to 1e-12. The global
        random states of Python and NumPy, which the generator seeds, are put back.

    Source: S. Greydanus, D. Kobak, Scaling Down Deep Learning with MNIST-1D, ICML 2024.
    """
    with _authors_generator() as (make_dataset, get_dataset_args), _global_random_states_kept():
        arguments = get_dataset_args()
        arguments.shuffle_seq = shuffled
        data = make_dataset(arguments)
    return Generated(data["x"], data["y"], data["x_test"], data["y_test"])


@contextlib.contextmanager
def _global_random_states_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  kept, not used
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextlib.contextmanager
def _authors_generator() -> Iterator[tuple[Callable[..., Any], Callable[..., Any]]]:
    """`make_dataset` and `get_dataset_args`, without what else their package imports.

    The package loads pyplot and requests for functions that are not used here, at the price of a second and
    of a warning where matplotlib finds no place for its cache. Empty modules stand in for those not loaded
    yet; in the end they and the package are forgotten, so that a later `import mnist1d` gets the real one.
    """
    import scipy.interpolate
    import scipy.ndimage  # noqa: F401  loaded here, so that the stand-ins are there for an instant only

    names = ("matplotlib", "matplotlib.pyplot", "requests")
    absent = [] if "mnist1d" in sys.modules else [name for name in names if name not in sys.modules]
    stand_ins = {name: types.ModuleType(name) for name in absent}
    sys.modules.update(stand_ins)
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    finally:
        for name in stand_ins:
            del sys.modules[name]
        if stand_ins:
            for name in [n for n in sys.modules if n.partition(".")[0] == "mnist1d"]:
                del sys.modules[name]
    yield make_dataset, get_dataset_args


def _load(info: DatasetInfo, directory: Path, *, shuffled: bool) -> Dataset:
    def make() -> Dataset:
        return Dataset(info.name, *generate(shuffled=shuffled), classes=info.classes, kind=info.kind)

    return kept_or_made(info, make)


_SOURCE = (
    "S. Greydanus, D. Kobak: Scaling Down Deep Learning with MNIST-1D (ICML 2024), "
    "https://arxiv.org/abs/2011.14439; default arguments, seed 42"
)

MNIST1D = DatasetInfo(
    name="mnist1d",
    title="MNIST-1D, curves of 40 points",
    shape=(40,),
    n_train=4000,
    n_test=1000,
    classes=10,
    kind="curve",
    license="Apache-2.0",
    source=_SOURCE,
    loader=functools.partial(_load, shuffled=False),
    content_sha256="e53ad23194391c1b60b425bcc38b932ea1fc878091834acc33aac90f77767116",
)

MNIST1D_SHUFFLED = DatasetInfo(
    name="mnist1d-shuffled",
    title="MNIST-1D, the 40 points in shuffled order",
    shape=(40,),
    n_train=4000,
    n_test=1000,
    classes=10,
    kind="vector",
    license="Apache-2.0",
    source=_SOURCE + ", shuffle_seq",
    loader=functools.partial(_load, shuffled=True),
    content_sha256="5a047b9cd7c72cd6b949b5f59f12579850e1cbdb240fc408a9b0c4e635241a01",
)
