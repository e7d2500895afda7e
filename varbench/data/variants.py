"""Data sets made from others by planting, corrupting or relabeling: `digits+noise:0.5`, `mnist1d+patch:0.9`.

A variant is a function of a data set and one number. What it draws at random is drawn from a key made of its name
alone: the same text gives the same bytes, and another number moves the same draws, so that amounts are comparable.
A new variant: one function and one entry below, or a file of its own and one entry.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from varbench.data.dataset import Dataset
from varbench.data.plants import group, patch, scanner
from varbench.data.plants import with_patch as with_patch
from varbench.data.proxies import proxy
from varbench.errors import InputError

SEPARATOR = "+"


@dataclass(frozen=True)
class Variant:
    """A way of changing a data set.

    Attributes:
        name: What follows the separator.
        meaning: One phrase, with what the number says.
        make: (data set, number, generator) → the arrays and fields that change, by their names in `Dataset`.
        least, most: Range of the number.
    """

    name: str
    meaning: str
    make: Callable[[Dataset, float, np.random.Generator], dict[str, np.ndarray]]
    least: float
    most: float


def varied(dataset: Dataset, text: str) -> Dataset:
    """The data set changed as `name:number` says.

    Raises:
        InputError: If there is no such variant, or the number is none or out of range.
    """
    name, _, amount = text.partition(":")
    if name not in VARIANTS:
        near = difflib.get_close_matches(name, VARIANTS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"{dataset.name}{SEPARATOR}{text}: unknown variant {name!r}: {hint}known are {_known()}")
    variant = VARIANTS[name]
    try:
        number = float(amount)
    except ValueError:
        number = float("nan")
    if not variant.least <= number <= variant.most:
        between = (variant.least + min(variant.most, variant.least + 1)) / 2
        raise InputError(
            f"{dataset.name}+{text}: {name} needs a number from {variant.least:g} to {variant.most:g}, such as "
            f"{name}:{between:g}"
        )
    seed = int.from_bytes(hashlib.sha256(f"{dataset.name}{SEPARATOR}{name}".encode()).digest()[:8], "little")
    changes = variant.make(dataset, number, np.random.default_rng(seed))
    return dataclasses.replace(dataset, name=f"{dataset.name}{SEPARATOR}{text}", **changes)  # type: ignore[arg-type]


def noise(dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Gaussian noise on the test inputs, with `amount` times the SD of the training inputs; training is untouched."""
    x = np.asarray(dataset.x_test, np.float32)
    drawn = random.standard_normal(x.shape, dtype=np.float32)
    noisy = x + np.float32(amount * np.std(dataset.x_train, dtype=np.float64)) * drawn
    if dataset.x_test.dtype == np.uint8:
        return {"x_test": np.clip(np.rint(noisy), 0, 255).astype(np.uint8)}
    return {"x_test": noisy}


def scale(dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Every second input, the first included, `amount` times as large as in the data; as float32. Nothing is drawn.

    Inputs are counted in their order in memory, position by position (the channels of a pixel together), and multiplied
    about the mean that training subtracts, in training and test examples alike. Mean and SD stay as they are: networks
    see half of their inputs in another unit. With D the diagonal of ones and `amount`s, the covariance Σ of the inputs
    becomes DΣD. At 4 its condition number, of the inputs that vary, is 4.5 times as large in MNIST-1D and digits.
    """
    mean = np.asarray(dataset.mean, np.float32)
    axes = dataset.shape[:2] if dataset.kind == "image" else dataset.shape
    factors = np.where(np.arange(np.prod(axes)) % 2 == 0, np.float32(amount), np.float32(1.0)).reshape(axes)
    if dataset.kind == "image":
        factors = factors[..., None]
    return {name: (getattr(dataset, name).astype(np.float32) - mean) * factors + mean for name in ("x_train", "x_test")}


VARIANTS: dict[str, Variant] = {
    v.name: v
    for v in (
        Variant("noise", "Gaussian noise on the test inputs, its SD in units of that of the inputs", noise, 0.0, 100.0),
        Variant("patch", "an input that says the class, right with this chance, in training and test", patch, 0.0, 1.0),
        Variant("group", "proxies of a group that is typical of the class with this chance", group, 0.0, 1.0),
        Variant("scale", "every second input so many times as large, in training and test", scale, 0.0, 1000.0),
        Variant("scanner", "the trace of a scanner that is the class's own with this chance", scanner, 0.0, 1.0),
        Variant("proxy", "training labels true for this share, the next class for the most energetic", proxy, 0.0, 1.0),
    )
}


def _known() -> str:
    return ", ".join(VARIANTS)
