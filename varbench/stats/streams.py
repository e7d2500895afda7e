"""Random generators of the statistics: one explicit integer key, one fixed path of integers for each use."""

from __future__ import annotations

import numpy as np

from varbench.errors import InputError

BOOTSTRAP = 1
SUBSETS = 2
SUBSET_PAIRS = 3
MULTIBOOTSTRAP = 4
PERMUTATIONS = 5
RINGS = 6


def generator(key: int, *path: int) -> np.random.Generator:
    """A NumPy generator whose stream depends on the key and the path alone, in every process.

    Args:
        key: Non-negative integer; 0 is a key like any other.
        *path: Fixed non-negative integers: the use (`BOOTSTRAP`, `SUBSETS`, …), then what it counts.

    Raises:
        InputError: If the key is not a non-negative integer.
    """
    if isinstance(key, bool) or not isinstance(key, int | np.integer) or key < 0:
        raise InputError(f"The key of a resampling is a non-negative integer, not {key!r}; give for example key=0.")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int(key), spawn_key=path)))
