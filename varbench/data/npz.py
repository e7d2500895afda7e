"""A user's own arrays from an `.npz` file."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from varbench.data.dataset import Dataset
from varbench.errors import InputError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
HEADER_LIMIT = 10_000
"""Longest array header that is parsed, as NumPy's own."""


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
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(archive, name, path) for name in ARRAYS}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is not a sound .npz file ({error}): write it with numpy.savez") from None
    except MemoryError:
        raise InputError(f"{path} does not fit into memory") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
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


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """One array of the archive; its header is believed only if as many bytes are there as it announces."""
    try:
        member = archive.getinfo(f"{name}.npy")
    except KeyError:
        held = ", ".join(sorted(n.removesuffix(".npy") for n in archive.namelist())[:10]) or "nothing"
        raise InputError(f"{path} has no array {name} (it holds {held}): it needs {', '.join(ARRAYS)}") from None
    with archive.open(member) as stream:
        try:
            version = npy.read_magic(stream)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read_header(stream, max_header_size=HEADER_LIMIT)
        except ValueError as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(
                f"{path}: {name} has no readable array header ({reason}): write it with numpy.savez"
            ) from None
        if dtype.hasobject:
            raise InputError(f"{path}: {name} holds Python objects, which are never unpickled here: give numbers")
        announced, held_bytes = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
        if announced != held_bytes or min(shape, default=0) < 0:
            raise InputError(f"{path}: {name} announces {announced} bytes, but has {held_bytes}: write the file again")
    with archive.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False, max_header_size=HEADER_LIMIT)


def _classes(path: Path, labels: tuple[np.ndarray, np.ndarray]) -> int:
    """Largest label plus one, but at least 2; labels of a wrong type are left for `Dataset` to refuse."""
    largest = max((int(y.max()) for y in labels if y.dtype.kind in "iu" and y.size), default=1)
    examples = sum(y.size for y in labels)
    if all(y.size for y in labels) and largest >= max(examples, 2):
        raise InputError(
            f"{path}: the largest label is {largest}, with {examples} examples: number the classes 0, 1, 2, …"
        )
    return max(largest + 1, 2)
