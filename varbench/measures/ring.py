"""Means over some of the pairs of many runs: a ring in which each run meets the same number of others.

All pairs of 1,000 runs are half a million; an average over them is known nearly as well from some of them, as long as
every run is in equally many (an incomplete U-statistic of a balanced design, Blom 1976, Biometrika 63, 573–580).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.agreement import kappa_of_counts
from varbench.measures.blocks import blocks
from varbench.measures.divergence import CACHE_BYTES, SMALLEST, negative_entropy
from varbench.measures.scores import softmax

Ring = Int[np.ndarray, " R"]
"""The runs in the order in which they stand on the ring."""


def js_divergence_ring(logits: Float[np.ndarray, "R E K"], ring: Ring, *, reach: int) -> Float[np.ndarray, " R"]:
    """Mean Jensen–Shannon divergence of every run to its `reach` neighbors on either side, in nats (see divergence).

    Args:
        logits: Finite logits.
        ring: Order of the runs; random, so that the neighbors are.
        reach: At most (R − 1) / 2: all pairs then where R is odd.
    """

    def block_means(part: slice) -> Iterable[Float[np.ndarray, " R"]]:
        probabilities = np.maximum(softmax(logits[:, part][ring]).reshape(len(ring), -1), SMALLEST)
        own = 0.5 * negative_entropy(probabilities)
        probabilities *= 0.5
        for step in range(1, reach + 1):
            mixed = negative_entropy(probabilities + np.roll(probabilities, -step, axis=0))
            yield own + np.roll(own, -step) - mixed

    return np.clip(_means(logits, ring, block_means, reach=reach), 0.0, None)


def tv_distance_ring(logits: Float[np.ndarray, "R E K"], ring: Ring, *, reach: int) -> Float[np.ndarray, " R"]:
    """Mean total-variation distance of every run to its `reach` neighbors on either side (see divergence).

    Args:
        logits: Finite logits.
        ring: Order of the runs.
        reach: At most (R − 1) / 2.
    """

    def block_means(part: slice) -> Iterable[Float[np.ndarray, " R"]]:
        probabilities = softmax(logits[:, part][ring]).reshape(len(ring), -1)
        for step in range(1, reach + 1):
            difference = probabilities - np.roll(probabilities, -step, axis=0)
            yield 0.5 * np.abs(difference, out=difference).sum(axis=1)

    return _means(logits, ring, block_means, reach=reach)


def error_consistency_ring(correct: Bool[np.ndarray, "R E"], ring: Ring, *, reach: int) -> Float[np.ndarray, " R"]:
    """Mean kappa of the correctness of every run and its `reach` neighbors on either side (see agreement).

    Args:
        correct: Which run is right on which example.
        ring: Order of the runs.
        reach: At most (R − 1) / 2.

    Returns:
        NaN for a run with a neighbor that it has no kappa with.
    """
    n_runs, n_examples = correct.shape
    both = np.zeros((reach, n_runs), dtype=np.int64)
    for part in blocks(n_examples, bytes_each=n_runs):
        block = correct[:, part][ring]
        for step in range(1, reach + 1):
            both[step - 1] += np.count_nonzero(block & np.roll(block, -step, axis=0), axis=1)
    right = np.count_nonzero(correct, axis=1)[ring].astype(np.float64)
    partner = np.stack([np.roll(right, -step) for step in range(1, reach + 1)])
    return _to_runs(kappa_of_counts(both, right, partner, n_examples=n_examples), ring)


def _means(
    logits: Float[np.ndarray, "R E K"],
    ring: Ring,
    block_means: Callable[[slice], Iterable[Float[np.ndarray, " R"]]],
    *,
    reach: int,
) -> Float[np.ndarray, " R"]:
    n_runs, n_examples, n_classes = logits.shape
    total = np.zeros((reach, n_runs))
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes, limit=CACHE_BYTES):
        for row, values in zip(total, block_means(part), strict=True):
            row += values
    return _to_runs(total / n_examples, ring)


def _to_runs(pairs: Float[np.ndarray, "S R"], ring: Ring) -> Float[np.ndarray, " R"]:
    """From values of the pairs (place, place + step) to the mean of each run over its neighbors."""
    both_sides = sum(values + np.roll(values, step) for step, values in enumerate(pairs, start=1))
    found = np.empty(len(ring))
    found[ring] = both_sides / (2 * len(pairs))
    return found
