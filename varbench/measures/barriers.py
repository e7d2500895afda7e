"""Barriers: by how much a straight path between two networks rises above the chord between its ends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from varbench.measures.blocks import blocks

PATH_BYTES = 64 * 2**20
"""Size that the weights along the paths of one block may have: few blocks leave few calls of a program half full."""


def path_weights(
    first: Float[np.ndarray, "n P"], second: Float[np.ndarray, "n P"], alphas: Float[np.ndarray, " A"]
) -> Iterator[tuple[slice, Float[np.ndarray, "m P"]]]:
    """(1−α) a + α b in float32 for every pair and every α, a block of pairs at a time; α changes fastest.

    The ends are the weights themselves, bit for bit.

    Yields:
        The pairs and their weights [pairs · A, P].
    """
    for part in blocks(len(first), bytes_each=4 * len(alphas) * first.shape[1], limit=PATH_BYTES):
        a, b = (weights[part][:, None, :].astype(np.float64) for weights in (first, second))
        mixed = (1.0 - alphas[:, None]) * a + alphas[:, None] * b
        yield part, mixed.astype(np.float32).reshape(-1, first.shape[1])


def excess(values: Float[np.ndarray, "n A"], alphas: Float[np.ndarray, " A"]) -> Float[np.ndarray, "n A"]:
    """L(α) − [(1−α) L(0) + α L(1)] along every path: 0 at both ends.

    Args:
        values: L(α), α = 0 first and α = 1 last.
        alphas: Rising from 0 to 1.
    """
    chord = (1.0 - alphas) * values[:, :1] + alphas * values[:, -1:]
    return values - chord


def barrier(values: Float[np.ndarray, "n A"], alphas: Float[np.ndarray, " A"]) -> Float[np.ndarray, " n"]:
    """max_α of the excess over the chord, never of L itself: 0 where a path lies on or below its chord.

    max_α L((1−α) θ_a + α θ_b) − [(1−α) L(θ_a) + α L(θ_b)] (Frankle et al. 2020, arXiv 1912.05671; Entezari et al. 2022,
    arXiv 2110.06296, equation 1). The maximum over a grid lies a little below the one over all α, and never below 0.

    Args:
        values: L(α), α = 0 first and α = 1 last.
        alphas: Rising from 0 to 1.

    Returns:
        NaN where a value on the path is not finite.
    """
    finite = np.isfinite(values).all(axis=1)
    found = np.full(len(values), np.nan)
    above = excess(values[finite], alphas)
    above[:, [0, -1]] = 0.0
    found[finite] = above.max(axis=1)
    return found
