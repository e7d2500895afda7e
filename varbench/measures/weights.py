"""How far apart the weights of two runs are: distance, cosine, and distance over travel from initialization.

Differences are formed before anything is squared or summed, in float64: two vectors that differ by one unit in the last
place of one weight have a distance above 0, and identical ones exactly 0. The shortcut ‖a‖² + ‖b‖² − 2a·b cancels to
noise there, even in float64.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from varbench.measures.blocks import blocks

LARGEST_WEIGHT = 1e70
"""Beyond it products of squared lengths leave float64. No float32 number is."""


def measurable_vectors(weights: Float[np.ndarray, "R P"]) -> Bool[np.ndarray, " R"]:
    """True for the runs whose weights are all finite, and none beyond ±1e70: their lengths can be squared."""
    measurable = np.ones(len(weights), dtype=bool)
    largest = min(LARGEST_WEIGHT, float(np.finfo(weights.dtype).max))
    for part in blocks(weights.shape[1], bytes_each=len(weights)):
        measurable &= (np.abs(weights[:, part]) <= largest).all(axis=1)
    return measurable


def squared_distances(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """‖w_r − w_s‖² of every pair of runs; symmetric, exactly 0 for identical weights.

    Args:
        weights: Finite weights; read in blocks of P.
    """
    from scipy.spatial.distance import pdist, squareform

    n_runs, n_parameters = weights.shape
    if n_runs < 2:
        return np.zeros((n_runs, n_runs))
    total = np.zeros(n_runs * (n_runs - 1) // 2)
    for part in blocks(n_parameters, bytes_each=8 * n_runs):
        total += pdist(np.asarray(weights[:, part], dtype=np.float64), "sqeuclidean")
    return squareform(total)


def paired_squared_distances(
    first: Float[np.ndarray, "R P"], second: Float[np.ndarray, "R P"]
) -> Float[np.ndarray, " R"]:
    """‖a_r − b_r‖² of run r in one population and run r in another; exactly 0 for identical weights.

    Args:
        first: Finite weights.
        second: Finite weights of the same shape.
    """
    total = np.zeros(len(first))
    for part in blocks(first.shape[1], bytes_each=8 * len(first)):
        difference = np.subtract(first[:, part], second[:, part], dtype=np.float64)
        total += np.einsum("rp,rp->r", difference, difference)
    return total


def squared_norms(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
    """‖w_r‖² of every run, summed in float64."""
    total = np.zeros(len(weights))
    for part in blocks(weights.shape[1], bytes_each=8 * len(weights)):
        block = np.asarray(weights[:, part], dtype=np.float64)
        total += np.einsum("rp,rp->r", block, block)
    return total


def relative_distance(
    squared: Float[np.ndarray, "*shape"], first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]
) -> Float[np.ndarray, "*shape"]:
    """‖a − b‖ / √(‖a‖² + ‖b‖²): 0 for identical weights, 1 for orthogonal ones, √2 for opposite ones.

    Args:
        squared: ‖a − b‖².
        first: ‖a‖², broadcast against `squared`.
        second: ‖b‖², broadcast against `squared`.

    Returns:
        0 also where both vectors are 0: they are identical.
    """
    return np.sqrt(np.divide(squared, first + second, out=np.zeros_like(squared), where=squared > 0))


def cosine(
    squared: Float[np.ndarray, "*shape"], first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]
) -> Float[np.ndarray, "*shape"]:
    """a·b / (‖a‖ ‖b‖) = (‖a‖² + ‖b‖² − ‖a − b‖²) / (2 ‖a‖ ‖b‖), in [−1, 1]; exactly 1 for identical weights.

    Args:
        squared: ‖a − b‖².
        first: ‖a‖², broadcast against `squared`.
        second: ‖b‖², broadcast against `squared`.

    Returns:
        NaN where a vector is 0: it has no direction.
    """
    scale = np.broadcast_to(np.sqrt(first * second), squared.shape)
    product = 0.5 * (first + second - squared)
    return np.clip(np.divide(product, scale, out=np.full_like(squared, np.nan), where=scale > 0), -1.0, 1.0)


def distance_over_travel(
    squared: Float[np.ndarray, "*shape"], first: Float[np.ndarray, ...], second: Float[np.ndarray, ...]
) -> Float[np.ndarray, "*shape"]:
    """‖a − b‖ over the mean of the two runs' distances from their own initial weights; 0 for identical weights.

    About √2 for runs that leave one initialization in unrelated directions, at most 2 for any runs from one
    initialization, far below 1 for runs that travel together.

    Args:
        squared: ‖a − b‖².
        first: ‖a − a₀‖², broadcast against `squared`.
        second: ‖b − b₀‖², broadcast against `squared`.

    Returns:
        NaN where neither run moved.
    """
    travel = np.broadcast_to(0.5 * (np.sqrt(first) + np.sqrt(second)), squared.shape)
    return np.divide(np.sqrt(squared), travel, out=np.full_like(squared, np.nan), where=travel > 0)


def relative_distance_matrix(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """`relative_distance` of every pair of runs; 0 on the diagonal."""
    norms = squared_norms(weights)
    return relative_distance(squared_distances(weights), norms[:, None], norms[None, :])


def cosine_matrix(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """`cosine` of every pair of runs; 1 on the diagonal, NaN in the rows of zero weights."""
    norms = squared_norms(weights)
    return cosine(squared_distances(weights), norms[:, None], norms[None, :])


def distance_over_travel_matrix(
    weights: Float[np.ndarray, "R P"], initial: Float[np.ndarray, "R P"]
) -> Float[np.ndarray, "R R"]:
    """`distance_over_travel` of every pair of runs; 0 on the diagonal of runs that moved."""
    travel = paired_squared_distances(weights, initial)
    return distance_over_travel(squared_distances(weights), travel[:, None], travel[None, :])


def paired_relative_distance(
    first: Float[np.ndarray, "R P"], second: Float[np.ndarray, "R P"]
) -> Float[np.ndarray, " R"]:
    """`relative_distance` between run r of one population and run r of another; exactly 0 for identical weights."""
    return relative_distance(paired_squared_distances(first, second), squared_norms(first), squared_norms(second))


def paired_cosine(first: Float[np.ndarray, "R P"], second: Float[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
    """`cosine` between run r of one population and run r of another; exactly 1 for identical weights."""
    return cosine(paired_squared_distances(first, second), squared_norms(first), squared_norms(second))
