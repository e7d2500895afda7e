"""A user's own arrays from an `.npz` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from varbench.data.archive import opened
from varbench.data.dataset import Dataset
from varbench.errors import InputError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def load_npz(path: Path) -> Dataset:
    """A data set from the arrays x_train, y_train, x_test, y_test of a file that `numpy.savez` wrote.

    Examples are [N, F] (vectors) or [N, H, W, C] (images), float or uint8. Floats are used as they are, in
    float32; uint8 is divided by 255. Labels are integers; the number of classes is the largest label of both
    splits plus one. Nothing is ever unpickled.

    Args:
        path: The file.

    Raises:
        InputError: Naming file, array and index of what is wrong.
    """
    if not path.exists():
        raise InputError(f"no file at {path}: give the path of an .npz file with {', '.join(ARRAYS)}")
    with opened(path) as archive:
        absent = [name for name in ARRAYS if name not in archive.names]
        if absent:
            held = ", ".join(sorted(archive.names)[:10]) or "nothing"
            raise InputError(f"{path} has no array {absent[0]} (it holds {held}): it needs {', '.join(ARRAYS)}")
        arrays = {name: archive.array(name) for name in ARRAYS}
    x, labels = arrays["x_train"], (arrays["y_train"], arrays["y_test"])
    if x.ndim not in (2, 4):
        raise InputError(
            f"{path}: x_train has shape {x.shape}, but it must be [N, features], or [N, H, W, C] for images "
            "(grey images: x[..., None])"
        )
    return Dataset(
        path.name,
        arrays["x_train"],
        arrays["y_train"],
        arrays["x_test"],
        arrays["y_test"],
        classes=_classes(path, labels),
        kind="image" if x.ndim == 4 else "vector",
        std=255.0 if x.dtype == np.uint8 else 1.0,
    )


def _classes(path: Path, labels: tuple[np.ndarray, np.ndarray]) -> int:
    """Largest label plus one, but at least 2; labels of a wrong type are left for `Dataset` to refuse."""
    largest = max((int(y.max()) for y in labels if y.dtype.kind in "iu" and y.size), default=1)
    examples = sum(y.size for y in labels)
    if all(y.size for y in labels) and largest >= max(examples, 2):
        raise InputError(
            f"{path}: the largest label is {largest}, with {examples} examples: number the classes 0, 1, 2, …"
        )
    return max(largest + 1, 2)
