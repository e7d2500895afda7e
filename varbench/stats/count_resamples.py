"""Resamples of runs and of examples at once, as counts, and statistics of them as matrix products."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.blocks import blocks
from varbench.stats.streams import MULTIBOOTSTRAP, generator

RUNS, OTHER_RUNS, EXAMPLES = 0, 1, 2


class Counts(NamedTuple):
    """How often each unit is drawn in each resample of a block; `others` are runs of a second condition."""

    runs: Float[np.ndarray, "B R"]
    others: Float[np.ndarray, "B S"]
    examples: Float[np.ndarray, "B E"]


def draw_counts(n_runs: Sequence[int], n_examples: int, *, n_resamples: int, key: int) -> Iterator[Counts]:
    """Resamples in blocks, the same ones for a key whatever the blocks are.

    Args:
        n_runs: Runs of one condition, or of two that are drawn independently.
        n_examples: E, drawn once for both.
        n_resamples: B, 1 or more.
        key: Integer key.
    """
    units = dict(zip((RUNS, OTHER_RUNS), n_runs, strict=False)) | {EXAMPLES: n_examples}
    random = {use: generator(key, MULTIBOOTSTRAP, use) for use in units}
    for part in blocks(n_resamples, bytes_each=8 * sum(units.values())):
        drawn = {use: _counts(random[use], n, part.stop - part.start) for use, n in units.items()}
        yield Counts(drawn[RUNS], drawn.get(OTHER_RUNS, drawn[RUNS][:, :0]), drawn[EXAMPLES])


def _counts(random: np.random.Generator, n_units: int, n_resamples: int) -> Float[np.ndarray, "B N"]:
    drawn = random.integers(0, n_units, size=(n_resamples, n_units))
    drawn += n_units * np.arange(n_resamples)[:, None]
    counted = np.bincount(drawn.ravel(), minlength=n_resamples * n_units)
    return counted.reshape(n_resamples, n_units).astype(np.float64)


def mean_resampled_twice(
    scores: Float[np.ndarray, "R E"] | Bool[np.ndarray, "R E"],
    runs: Float[np.ndarray, "B R"],
    examples: Float[np.ndarray, "B E"],
) -> Float[np.ndarray, " B"]:
    """n X mᵀ/(RE) of each resample."""
    total = np.zeros(len(runs))
    for part in blocks(scores.shape[1], bytes_each=8 * max(scores.shape[0], len(runs))):
        total += np.einsum("be,be->b", runs @ scores[:, part].astype(np.float64), examples[:, part])
    return total / scores.size


def disagreement_resampled_twice(
    predicted: Int[np.ndarray, "R e"],
    runs: Float[np.ndarray, "B R"],
    examples: Float[np.ndarray, "B e"],
    *,
    n_classes: int,
) -> Float[np.ndarray, " B"]:
    """Disagreement of each resample, summed over its examples; NaN where one run only was drawn."""
    pairs = runs.sum(axis=1) ** 2 - np.square(runs).sum(axis=1)
    differing = np.zeros(len(runs))
    for part in blocks(predicted.shape[1], bytes_each=8 * max(predicted.shape[0], len(runs))):
        block = predicted[:, part]
        same = np.zeros((len(runs), block.shape[1]))
        for label in range(-1, n_classes):
            votes = (block == label).astype(np.float32)
            if votes.any():  # counts are exact in float32, their squares are not
                same += np.square(runs.astype(np.float32) @ votes, dtype=np.float64)
        everyone = runs.sum(axis=1) ** 2
        differing += np.einsum("be,be->b", everyone[:, None] - same, examples[:, part])
    return np.divide(differing, pairs, out=np.full(len(runs), math.nan), where=pairs > 0)
