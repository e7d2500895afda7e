"""Means over some of the pairs of many runs: a ring in which each run meets the same number of others.

All pairs of 1,000 runs are half a million; an average over them is known nearly as well from some of them, as long as
every run is in equally many (an incomplete U-statistic of a balanced design, Blom 1976, Biometrika 63, 573–580).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks
from varbench.measures.mixtures import Mixed, mean_divergences
from varbench.measures.scores import softmax

CACHE_BYTES = 2**20
"""A block that is passed over once for every step should stay in the cache."""

Ring = Int[np.ndarray, " R"]
"""The runs in the order in which they stand on the ring."""


def js_divergence_ring(logits: Float[np.ndarray, "R E K"], ring: Ring, *, reach: int) -> Float[np.ndarray, " R"]:
    """Mean Jensen–Shannon divergence of every run to its `reach` neighbors on either side, in nats (see divergence).

    Args:
        logits: Finite logits.
        ring: Order of the runs; random, so that the neighbors are.
        reach: At most (R − 1) / 2: all pairs then where R is odd.
    """

    n_runs = len(ring)

    def add(total: np.ndarray, halves: np.ndarray, own: np.ndarray, mixed: Mixed) -> None:
        halves, own = np.concatenate([halves, halves[:reach]]), np.concatenate([own, own[:reach]])
        for step in range(1, reach + 1):
            entropies = mixed(halves[:n_runs], halves[step : step + n_runs])
            total[step - 1] += 0.5 * (own[:n_runs] + own[step : step + n_runs]) - entropies

    on_ring = mean_divergences(logits, add, rows=reach, order=ring)
    return np.clip(_to_runs(on_ring, ring), 0.0, None)


def tv_distance_ring(logits: Float[np.ndarray, "R E K"], ring: Ring, *, reach: int) -> Float[np.ndarray, " R"]:
    """Mean total-variation distance of every run to its `reach` neighbors on either side (see divergence).

    Args:
        logits: Finite logits.
        ring: Order of the runs.
        reach: At most (R − 1) / 2.
    """

    n_runs, n_examples, n_classes = logits.shape
    total = np.zeros((reach, n_runs))
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes, limit=CACHE_BYTES):
        probabilities = softmax(logits[:, part][ring]).reshape(n_runs, -1)
        for step in range(1, reach + 1):
            difference = probabilities - np.roll(probabilities, -step, axis=0)
            total[step - 1] += 0.5 * np.abs(difference, out=difference).sum(axis=1)
    return _to_runs(total / n_examples, ring)


def _to_runs(pairs: Float[np.ndarray, "S R"], ring: Ring) -> Float[np.ndarray, " R"]:
    """From values of the pairs (place, place + step) to the mean of each run over its neighbors."""
    both_sides = sum(values + np.roll(values, step) for step, values in enumerate(pairs, start=1))
    found = np.empty(len(ring))
    found[ring] = both_sides / (2 * len(pairs))
    return found
