"""Shortcuts to plant into the examples of a data set: something that says the class, or a kind of classes.

A plant has a few values; each class has one that is typical of it. `planted` gives an example the value that is typical
of its class with the chance asked for. The function that plants shows the same examples with other values, too: its
twins differ in nothing but the plant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from varbench.data.dataset import Dataset
from varbench.errors import InputError

PROXIES = 5
"""Inputs that stand for a group."""

PROXY_RIGHT = 0.9
"""How often one of them agrees with the group, independently of the others."""

HUM = 0.5
"""Amplitude of the trace of a scanner, in units of the SD of the training inputs."""


@dataclass(frozen=True)
class Plant:
    """A shortcut.

    Attributes:
        name: Name of the variant that plants it.
        values: Number of classes → number of values of the plant.
        put: (data set, examples [n, *shape], values [n]) → the examples with these values planted.
    """

    name: str
    values: Callable[[int], int]
    put: Callable[[Dataset, np.ndarray, np.ndarray], np.ndarray]

    def typical(self, labels: Int[np.ndarray, " n"], *, classes: int) -> Int[np.ndarray, " n"]:
        """The value that is typical of each label."""
        return labels % self.values(classes)

    def others(self, labels: Int[np.ndarray, " n"], *, classes: int) -> Int[np.ndarray, " n"]:
        """A value that is not the typical one for each label: all others in turn, from one example to the next."""
        n_values = self.values(classes)
        return (labels + 1 + np.arange(len(labels)) % (n_values - 1)) % n_values

    def said(
        self, dataset: Dataset, plain: Shaped[np.ndarray, "n ..."], shown: Shaped[np.ndarray, "n ..."]
    ) -> Int[np.ndarray, " n"]:
        """The value planted in each example `shown`, given the same examples of the data set without; −1 for none."""
        found = np.full(len(plain), -1)
        for value in range(self.values(dataset.classes)):
            twin = self.put(dataset, plain, np.full(len(plain), value))
            found[(twin == shown).reshape(len(plain), -1).all(axis=1)] = value
        return found

    def chance(self, classes: int) -> float:
        """The chance of the typical value at which the plant says nothing."""
        return 1.0 / self.values(classes)


def planted(plant: Plant, dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Training and test examples in which the plant has the typical value with chance `amount`, else another one."""
    found = {}
    for split in ("train", "test"):
        x, y = getattr(dataset, f"x_{split}"), getattr(dataset, f"y_{split}")
        typical, n_values = plant.typical(y, classes=dataset.classes), plant.values(dataset.classes)
        right = random.random(len(y)) < amount
        said = np.where(right, typical, (typical + random.integers(1, n_values, len(y))) % n_values)
        found[f"x_{split}"] = plant.put(dataset, x, said)
    return found


def patch(dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """A shortcut: one input that says a class, the right one with chance `amount`, otherwise another one at random.

    In training and test examples alike. In images it is a bright pixel of the first row (or rows), in curves and
    vectors a peak among the first positions: position k stands for class k. The values there before are set to the
    smallest of the training inputs, so that nothing but the plant can be read from them.
    """
    return planted(PATCH, dataset, amount, random)


def with_patch(
    dataset: Dataset, x: Shaped[np.ndarray, "n ..."], said: Int[np.ndarray, " n"]
) -> Shaped[np.ndarray, "n ..."]:
    """Examples [n, *shape] of a data set with the plant of `patch` saying class `said` [n] in each."""
    low, high = np.min(dataset.x_train), np.max(dataset.x_train)
    planted, space = _places(dataset, x, dataset.classes, "a patch needs a position for each of its classes")
    space[:, : dataset.classes] = low
    space[np.arange(len(x)), said] = high
    return planted


def group(dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Two groups of examples, the even classes typical of group 0 and the odd ones of group 1 with chance `amount`.

    The group itself is no input. The last `PROXIES` positions (pixels of the last rows) stand for it: each is bright,
    the largest of the training inputs, for group 1 and dark, the smallest, for group 0, and wrong in a tenth of the
    examples, independently of the others. Half is the chance at which the group says nothing about the class.
    """
    return planted(GROUP, dataset, amount, random)


def with_group(
    dataset: Dataset, x: Shaped[np.ndarray, "n ..."], said: Int[np.ndarray, " n"]
) -> Shaped[np.ndarray, "n ..."]:
    """Examples [n, *shape] of a data set as members of group `said` [n]; which proxies are wrong depends on n alone."""
    low, high = np.min(dataset.x_train), np.max(dataset.x_train)
    planted, space = _places(dataset, x, PROXIES, f"a group needs {PROXIES} positions")
    wrong = np.random.default_rng(len(x)).random((len(x), PROXIES)) >= PROXY_RIGHT
    bright = (said[:, None] == 1) ^ wrong
    space[:, -PROXIES:] = np.where(bright, high, low)[:, :, None]
    return planted


def scanner(dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """One scanner for each class, used for it with chance `amount`; each leaves a faint trace on everything it scans.

    The trace of scanner k is a wave of k + 1 periods over all positions in their order, with `HUM` times the SD of the
    training inputs as amplitude: an artefact of how the data were collected, that no single input shows.
    """
    return planted(SCANNER, dataset, amount, random)


def with_scanner(
    dataset: Dataset, x: Shaped[np.ndarray, "n ..."], said: Int[np.ndarray, " n"]
) -> Shaped[np.ndarray, "n ..."]:
    """Examples [n, *shape] of a data set as scanner `said` [n] gives them."""
    n_places = int(np.prod(dataset.shape[:2] if dataset.kind == "image" else dataset.shape))
    if n_places < 2 * dataset.classes + 1:
        raise InputError(
            f"{dataset.name}: {n_places} positions are too few for the waves of {dataset.classes} scanners"
        )
    phase = 2.0 * np.pi * np.arange(n_places) / n_places
    waves = np.sin(np.outer(np.arange(1, dataset.classes + 1), phase))
    scale = HUM * float(np.std(dataset.x_train, dtype=np.float64))
    traces = (scale * waves[said]).reshape(len(x), *dataset.shape[:2], *([1] if dataset.kind == "image" else []))
    changed = x.astype(np.float32) + traces.astype(np.float32)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8) if x.dtype == np.uint8 else changed


def _places(dataset: Dataset, x: np.ndarray, least: int, need: str) -> tuple[np.ndarray, np.ndarray]:
    """A copy of the examples, and the same memory as [n, positions, channels]."""
    copy = np.array(x)
    space = copy.reshape(len(x), -1, x.shape[-1]) if dataset.kind == "image" else copy.reshape(len(x), -1, 1)
    if space.shape[1] < least:
        raise InputError(f"{dataset.name}: {need}, but there are {space.shape[1]}")
    return copy, space


PATCH = Plant("patch", lambda classes: classes, with_patch)
GROUP = Plant("group", lambda classes: 2, with_group)
SCANNER = Plant("scanner", lambda classes: classes, with_scanner)

PLANTS = (PATCH, GROUP, SCANNER)
