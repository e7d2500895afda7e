"""Sums over examples of what needs the entropies of pair mixtures: their logarithms are nearly all that they cost."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import BLOCK_BYTES, blocks
from varbench.measures.scores import softmax

MOST_DOUBLE = 2e8
"""Logarithms up to which all is done in float64, by one thread: a second or two."""

LEAST_SINGLE = 1e-3
"""Mean divergence in nats below which float32 is not enough, and all is done in float64."""

COLUMNS = 128
"""Examples × classes of a block: it stays in the cache while it is passed over, and bounds what float32 adds up."""

PARTS = 16
"""The examples are split in so many parts for the threads, however many there are: then the sum is the same."""

Kind = type[np.float64] | type[np.float32]

SMALLEST: dict[Kind, float] = {np.float64: 1e-300, np.float32: 1e-37}
"""Stands for a probability that underflowed to 0: p log p is 0 to every digit there."""

Mixed = Callable[[np.ndarray, np.ndarray], Float[np.ndarray, " r"]]
"""Σ m log m of m = a + b, for a [r, C] and b [r, C] or [C]."""

Add = Callable[[np.ndarray, np.ndarray, np.ndarray, Mixed], None]
"""Adds the divergences of a block to its first argument [rows, R], from p / 2 [R, C], Σ p log p [R] and `Mixed`."""


def mean_divergences(
    logits: Float[np.ndarray, "R E K"], add: Add, *, rows: int, order: Int[np.ndarray, " R"] | None = None
) -> Float[np.ndarray, "rows R"]:
    """Mean over examples of the Jensen–Shannon divergences that `add` adds up.

    Up to `MOST_DOUBLE` logarithms are taken in float64. More are taken in float32, on all cores, and again in float64
    if the mean is below `LEAST_SINGLE`. A float32 logarithm is within 4 units in its last place (2⁻²¹ of it), rounding
    a probability changes p log p by at most 2⁻²⁴ (p |log p| + p), and adding 128 terms in 8 lanes changes the sum by at
    most 2⁻²⁰ of it. So a divergence is within 2 (1.6 × 10⁻⁶ H + 6 × 10⁻⁸) nats at worst, H ≤ log K the entropy:
    8 × 10⁻⁶ for 10 classes. The errors of many terms cancel: of 1,000 examples 10⁻⁸ is left.

    Args:
        logits: Finite logits.
        add: Adds the divergences of pairs of runs, summed over the examples of a block.
        rows: How many numbers each run gets.
        order: The order in which `add` sees the runs; None for theirs.
    """
    n_runs, n_examples, n_classes = logits.shape
    if rows * n_runs * n_examples * n_classes <= MOST_DOUBLE:
        return _summed(logits, add, rows, order, np.float64) / n_examples
    found = _on_all_cores(logits, add, rows, order, np.float32) / n_examples
    if found.sum() < LEAST_SINGLE * np.count_nonzero(found):
        found = _on_all_cores(logits, add, rows, order, np.float64) / n_examples
    return found


def _on_all_cores(logits: np.ndarray, add: Add, rows: int, order: np.ndarray | None, kind: Kind) -> np.ndarray:
    parts = blocks(logits.shape[1], bytes_each=PARTS, limit=logits.shape[1] + PARTS - 1)
    with ThreadPoolExecutor(min(PARTS, os.cpu_count() or 1), thread_name_prefix="varbench") as pool:
        return sum(pool.map(lambda part: _summed(logits[:, part], add, rows, order, kind), parts), np.zeros(()))


def _summed(logits: np.ndarray, add: Add, rows: int, order: np.ndarray | None, kind: Kind) -> np.ndarray:
    n_runs, n_examples, n_classes = logits.shape
    total = np.zeros((rows, n_runs))
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes, limit=min(BLOCK_BYTES, 8 * n_runs * COLUMNS)):
        some = logits[:, part] if order is None else logits[:, part][order]
        halves = softmax(some).reshape(n_runs, -1).astype(kind, copy=False)
        np.maximum(halves, kind(SMALLEST[kind]), out=halves)
        halves *= kind(0.5)
        mixed = _mixed(halves)
        add(total, halves, mixed(halves, halves).astype(np.float64), mixed)
    return total


def _mixed(like: Float[np.ndarray, "R C"]) -> Mixed:
    """Makes its temporary arrays once."""
    sums, logs = np.empty_like(like), np.empty_like(like)

    def mixed(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " r"]:
        m, log_m = sums[: len(a)], logs[: len(a)]
        np.log(np.add(a, b, out=m), out=log_m)
        return np.einsum("rc,rc->r", m, log_m)

    return mixed
