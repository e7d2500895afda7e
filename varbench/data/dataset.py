"""A data set: four arrays that are known to be usable, and what they are."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float, Integer, Shaped

from varbench.errors import InputError

Kind: TypeAlias = Literal["curve", "image", "vector"]
"""curve [F]: features in the order of time or space; image [H, W, C]; vector [F]: features in no order."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test examples with their labels, checked when made, and read-only from then on.

    Files of images stay `uint8` here: training widens and standardizes them inside the step, so that the data
    set takes a quarter of the memory and of the traffic. The input of a model is `standardize(x, mean, std)`.

    Attributes:
        name: What reports call it.
        x_train: Training examples [N, *shape], float32 or uint8; other floats given are rounded to float32.
            Images are [N, H, W, C].
        y_train: Training labels [N], int32 in 0 … classes − 1; any integer type may be given.
        x_test: Test examples [E, *shape], of the same type.
        y_test: Test labels [E], int32.
        classes: Number of classes K ≥ 2.
        kind: What the axes of one example are.
        mean: Subtracted from the examples: one number, or one per channel of an image; 0 with std 1 means "as
            is". Held as float32 [1, …, 1] or [1, 1, 1, C], which has the rank of a batch.
        std: What the difference is divided by, likewise; greater than 0.
        verified: False if the content should be the published one and is not, or cannot be shown to be.
        note: One sentence for the reader if there is something to know; always there if not verified.

    Raises:
        InputError: Naming the array and the first offending index: NaN or infinity, wrong rank, type or
            length, labels that are no integers or out of range, an empty split, fewer than 2 classes.
    """

    name: str
    x_train: Shaped[np.ndarray, " N *shape"]
    y_train: Integer[np.ndarray, " N"]
    x_test: Shaped[np.ndarray, " E *shape"]
    y_test: Integer[np.ndarray, " E"]
    classes: int
    kind: Kind
    mean: float | Sequence[float] | Float[np.ndarray, " ..."] = 0.0
    std: float | Sequence[float] | Float[np.ndarray, " ..."] = 1.0
    verified: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.classes, bool) or not isinstance(self.classes, int | np.integer) or self.classes < 2:
            raise InputError(f"{self.name}: classes = {self.classes!r}, but a classifier needs a number of at least 2")
        if self.kind not in get_args(Kind):
            raise InputError(f"{self.name}: kind = {self.kind!r}, but it must be one of {', '.join(get_args(Kind))}")
        arrays = {
            "x_train": _examples(self.name, "x_train", self.x_train, kind=self.kind),
            "x_test": _examples(self.name, "x_test", self.x_test, kind=self.kind),
        }
        train, test = arrays["x_train"], arrays["x_test"]
        if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
            raise InputError(
                f"{self.name}: examples of x_train are {train.dtype} {train.shape[1:]} and of x_test "
                f"{test.dtype} {test.shape[1:]}: give both the same shape and type"
            )
        for split, x in (("train", train), ("test", test)):
            labels = getattr(self, f"y_{split}")
            arrays[f"y_{split}"] = _labels(self.name, f"y_{split}", labels, examples=len(x), classes=self.classes)
        for field, value in arrays.items():
            view = value.view()
            view.setflags(write=False)
            object.__setattr__(self, field, view)
        object.__setattr__(self, "classes", int(self.classes))
        for field in ("mean", "std"):
            object.__setattr__(self, field, _per_channel(self.name, field, getattr(self, field), shape=train.shape))
        if not np.all(np.asarray(self.std) > 0):
            raise InputError(f"{self.name}: std = {np.ravel(self.std).tolist()}, but it must be greater than 0")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_train.shape[1:])

    def checksum(self) -> str:
        """SHA-256 of type, shape and little-endian bytes of x_train, y_train, x_test and y_test.

        64 hexadecimal digits. Name, note and scaling do not enter: equal arrays have equal checksums.
        """
        return self._checksum

    @functools.cached_property
    def _checksum(self) -> str:
        digest = hashlib.sha256()
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            digest.update(f"{little.dtype.name}{list(little.shape)}\n".encode())
            digest.update(little.data)
        return digest.hexdigest()


def standardize(x: Any, mean: Any, std: Any) -> Any:
    """(x − mean) / std in float32: what a model is given of a batch of a data set.

    Args:
        x: A batch [B, *shape], uint8 or float32, of NumPy or JAX.
        mean: `Dataset.mean`.
        std: `Dataset.std`.

    Returns:
        float32 [B, *shape] of the same library; exactly x if mean is 0, std is 1 and x is float32. NaN stays.
    """
    return (x.astype(np.float32) - mean) / std


def _examples(name: str, array: str, value: Any, *, kind: Kind) -> np.ndarray:
    """The examples as uint8 or float32, or a sentence on what is wrong with them."""
    x = np.asarray(value)
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise InputError(
            f"{name}: {array} has type {x.dtype}, but examples must be float32 or, for pixels, uint8: convert them"
        )
    rank = 3 if kind == "image" else 1
    if x.ndim != rank + 1:
        wanted = "[N, H, W, C] (grey images: x[..., None])" if kind == "image" else "[N, features]"
        raise InputError(f"{name}: {array} has shape {x.shape}, but a data set of kind {kind} needs {wanted}")
    if x.size == 0:
        raise InputError(f"{name}: {array} has shape {x.shape} and holds nothing: give at least one example")
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = x.astype(np.float32, copy=False)
        if not np.isfinite(narrow).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(narrow))[0])
            what = "is too large for float32" if np.isfinite(x[index]) else "is not a finite number"
            raise InputError(f"{name}: {array}{list(index)} = {x[index]} {what}: mend or drop that example")
        x = narrow
    return x


def _labels(name: str, array: str, value: Any, *, examples: int, classes: int) -> np.ndarray:
    """The labels as int32, or a sentence on what is wrong with them."""
    y = np.asarray(value)
    if y.dtype.kind not in "iu":
        raise InputError(f"{name}: {array} has type {y.dtype}, but labels must be integers from 0 on")
    if y.shape != (examples,):
        raise InputError(
            f"{name}: {array} has shape {y.shape}, but there are {examples} examples: it must be [{examples}]"
        )
    outside = (y < 0) | (y >= classes)
    if outside.any():
        i = int(np.argmax(outside))
        raise InputError(f"{name}: {array}[{i}] = {y[i]}, but with {classes} classes labels must be 0 … {classes - 1}")
    return y.astype(np.int32)


def _per_channel(name: str, field: str, value: Any, *, shape: tuple[int, ...]) -> np.ndarray:
    """One number or one per channel as float32 of the rank of a batch."""
    numbers = np.asarray(value, np.float32).reshape(-1)
    if numbers.size not in (1, shape[-1] if len(shape) == 4 else 1):
        raise InputError(
            f"{name}: {field} has {numbers.size} values, but it must be one number, or one per image channel"
        )
    if not np.isfinite(numbers).all():
        raise InputError(f"{name}: {field} = {numbers.tolist()}, but it must be finite")
    numbers = numbers.reshape((1,) * (len(shape) - 1) + (-1,))
    numbers.setflags(write=False)
    return numbers
