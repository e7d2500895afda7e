"""How far apart the weights of two runs are: distance, cosine, and distance over travel from initialization."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from varbench.measures.blocks import blocks
from varbench.measures.lengths import LARGEST, distances, norms, paired_distances

ROUNDING = 4 * np.finfo(np.float64).eps
"""Part of the square of the longer vector below which a product of two is what squares and roots were rounded by."""

NEAR = 1e-3
"""Ratio of two lengths below which the cosine is not taken from them and the distance: that would cancel."""


def measurable_vectors(weights: Float[np.ndarray, "R P"]) -> Bool[np.ndarray, " R"]:
    """True for the runs whose weights are all finite, and none beyond ±1e300: they have lengths and distances."""
    measurable = np.ones(len(weights), dtype=bool)
    largest = min(LARGEST, float(np.finfo(weights.dtype).max))
    for part in blocks(weights.shape[1], bytes_each=len(weights)):
        measurable &= (np.abs(weights[:, part]) <= largest).all(axis=1)
    return measurable


def relative_distance(
    distance: Float[np.ndarray, "*shape"], first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]
) -> Float[np.ndarray, "*shape"]:
    """‖a − b‖ / √(‖a‖² + ‖b‖²): 0 for identical weights, 1 for orthogonal ones, √2 for opposite ones.

    Args:
        distance: ‖a − b‖.
        first: ‖a‖, broadcast against `distance`.
        second: ‖b‖, broadcast against `distance`.

    Returns:
        0 also where both vectors are 0: they are identical.
    """
    return np.divide(distance, np.hypot(first, second), out=np.zeros_like(distance), where=distance > 0)


def cosines(
    weights: Float[np.ndarray, "R P"], distance: Float[np.ndarray, "R R"], length: Float[np.ndarray, " R"]
) -> Float[np.ndarray, "R R"]:
    """a·b / (‖a‖ ‖b‖) of every pair of runs, in [−1, 1]; exactly 1 for identical weights.

    Args:
        weights: Weights up to 1e300.
        distance: Their `distances`.
        length: Their `norms`.

    Returns:
        NaN in the rows of zero weights: they have no direction.
    """
    found, far = _cosine_of_triangle(distance, length[:, None], length[None, :])
    if far.any():
        products = np.zeros(distance.shape)
        for part in blocks(weights.shape[1], bytes_each=8 * len(weights)):
            block = _units(weights[:, part], length)
            products += block @ block.T
        found[far] = products[far]
    return np.clip(found, -1.0, 1.0)


def distance_over_travel(
    distance: Float[np.ndarray, "*shape"], first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]
) -> Float[np.ndarray, "*shape"]:
    """‖a − b‖ over the mean of the two runs' distances from their own initial weights; 0 for identical weights.

    About √2 for runs that leave one initialization in unrelated directions, at most 2 for any runs from one
    initialization, far below 1 for runs that travel together.

    Args:
        distance: ‖a − b‖.
        first: ‖a − a₀‖, broadcast against `distance`.
        second: ‖b − b₀‖, broadcast against `distance`.

    Returns:
        NaN where neither run moved.
    """
    travel = np.broadcast_to(0.5 * first + 0.5 * second, distance.shape)
    return np.divide(distance, travel, out=np.full_like(distance, np.nan), where=travel > 0)


def relative_distance_matrix(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """`relative_distance` of every pair of runs; 0 on the diagonal."""
    length = norms(weights)
    return relative_distance(distances(weights), length[:, None], length[None, :])


def cosine_matrix(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """`cosines` of every pair of runs; 1 on the diagonal, NaN in the rows of zero weights."""
    return cosines(weights, distances(weights), norms(weights))


def distance_over_travel_matrix(
    weights: Float[np.ndarray, "R P"], initial: Float[np.ndarray, "R P"]
) -> Float[np.ndarray, "R R"]:
    """`distance_over_travel` of every pair of runs; 0 on the diagonal of runs that moved."""
    travel = paired_distances(weights, initial)
    return distance_over_travel(distances(weights), travel[:, None], travel[None, :])


def paired_relative_distance(
    first: Float[np.ndarray, "R P"], second: Float[np.ndarray, "R P"]
) -> Float[np.ndarray, " R"]:
    """`relative_distance` between run r of one population and run r of another; exactly 0 for identical weights."""
    return relative_distance(paired_distances(first, second), norms(first), norms(second))


def paired_cosine(first: Float[np.ndarray, "R P"], second: Float[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
    """Cosine between run r of one population and run r of another; exactly 1 for identical weights."""
    lengths = norms(first), norms(second)
    found, far = _cosine_of_triangle(paired_distances(first, second), *lengths)
    units = [_units(w[far], length[far]) for w, length in zip((first, second), lengths, strict=True)]
    found[far] = np.einsum("rp,rp->r", *units)
    return np.clip(found, -1.0, 1.0)


def _cosine_of_triangle(
    distance: Float[np.ndarray, "*shape"], first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]
) -> tuple[Float[np.ndarray, "*shape"], Bool[np.ndarray, "*shape"]]:
    """(‖a‖² + ‖b‖² − ‖a − b‖²) / (2 ‖a‖ ‖b‖), and where the lengths are too far apart for it.

    NaN where a vector is 0, and in those places.
    """
    larger, smaller = np.maximum(first, second), np.minimum(first, second)
    there = smaller > 0
    ratio, gap = (np.divide(x, larger, out=np.full(distance.shape, np.nan), where=there) for x in (smaller, distance))
    far = there & (ratio < NEAR)
    product = 0.5 * (1.0 + (ratio - gap) * (ratio + gap))
    product[np.abs(product) < ROUNDING] = 0.0
    return np.divide(product, ratio, out=np.full_like(distance, np.nan), where=there & ~far), far


def _units(weights: Float[np.ndarray, "R p"], length: Float[np.ndarray, " R"]) -> Float[np.ndarray, "R p"]:
    """Weights over the lengths of their runs, 0 where that is 0."""
    wide = np.asarray(weights, dtype=np.float64)
    with np.errstate(under="ignore"):
        return np.divide(wide, length[:, None], out=np.zeros_like(wide), where=length[:, None] > 0)
