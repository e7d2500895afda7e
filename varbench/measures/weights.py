"""How far apart the weights of two runs are: distance, cosine, and distance over travel from initialization.

Of near vectors, differences are formed before anything is squared or summed, in float64: two that differ by one unit in
the last place of one weight have a distance above 0, and identical ones exactly 0. The shortcut ‖a‖² + ‖b‖² − 2a·b
cancels to noise there, even in float64.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.blocks import blocks

LARGEST_WEIGHT = 1e70
"""Beyond it products of squared lengths leave float64. No float32 number is."""

MOST_DIRECT = 2e8
"""Squared differences up to which all are formed: a tenth of a second."""

NEAR = 0.01
"""Part of ‖a‖² + ‖b‖² below which ‖a‖² + ‖b‖² − 2a·b has lost more than two digits."""

MOST_NEAR = 0.25
"""Part of the pairs that are so near, above which it is faster to form the differences of all."""

PRODUCT_BYTES = 16 * 2**20
"""Size of a block of a matrix product: longer blocks write the product less often."""


def measurable_vectors(weights: Float[np.ndarray, "R P"]) -> Bool[np.ndarray, " R"]:
    """True for the runs whose weights are all finite, and none beyond ±1e70: their lengths can be squared."""
    measurable = np.ones(len(weights), dtype=bool)
    largest = min(LARGEST_WEIGHT, float(np.finfo(weights.dtype).max))
    for part in blocks(weights.shape[1], bytes_each=len(weights)):
        measurable &= (np.abs(weights[:, part]) <= largest).all(axis=1)
    return measurable


def squared_distances(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """‖w_r − w_s‖² of every pair of runs; symmetric, exactly 0 for identical weights.

    Up to `MOST_DIRECT` squares are formed of differences, one pair after another. More come from one matrix product, as
    ‖a‖² + ‖b‖² − 2a·b of the vectors less their mean over runs. Pairs that this puts nearer than `NEAR` of ‖a‖² + ‖b‖²
    are formed of differences after all, so that every distance keeps 12 digits.

    Args:
        weights: Finite weights; read in blocks of P.
    """
    from scipy.spatial.distance import pdist, squareform

    n_runs, n_parameters = weights.shape
    n_pairs = n_runs * (n_runs - 1) // 2
    if n_pairs * n_parameters > MOST_DIRECT:
        squared, near = _from_products(weights)
        if sum(map(len, near)) < MOST_NEAR * n_pairs:
            return _with_near(squared, near, weights)
    total = np.zeros(n_pairs)
    for part in blocks(n_parameters, bytes_each=8 * n_runs):
        total += pdist(np.asarray(weights[:, part], dtype=np.float64), "sqeuclidean") if n_pairs else 0.0
    return squareform(total) if n_pairs else np.zeros((n_runs, n_runs))


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


def _from_products(weights: Float[np.ndarray, "R P"]) -> tuple[Float[np.ndarray, "R R"], list[Int[np.ndarray, " _"]]]:
    """Squared distances of all pairs, and for each run the earlier ones that are too near for that."""
    from scipy.linalg.blas import dsyrk

    n_runs, n_parameters = weights.shape
    matrix = np.zeros((n_runs, n_runs), order="F")
    for part in blocks(n_parameters, bytes_each=8 * n_runs, limit=PRODUCT_BYTES):
        block = weights[:, part].astype(np.float64)
        block -= block.mean(axis=0)
        matrix = dsyrk(1.0, block.T, beta=1.0, c=matrix, trans=1, overwrite_c=1)  # writes the upper triangle alone
    norms, near = np.diag(matrix).copy(), []
    for run in range(n_runs):
        both = norms[:run] + norms[run]
        squared = both - 2.0 * matrix[:run, run]
        near.append(np.flatnonzero(squared <= NEAR * both))
        matrix[:run, run] = matrix[run, :run] = squared
    np.fill_diagonal(matrix, 0.0)
    return matrix, near


def _with_near(
    matrix: Float[np.ndarray, "R R"], near: list[Int[np.ndarray, " _"]], weights: Float[np.ndarray, "R P"]
) -> Float[np.ndarray, "R R"]:
    """The same with the distances of some pairs formed of differences."""
    from scipy.spatial.distance import cdist

    close = [(run, others, np.zeros(len(others))) for run, others in enumerate(near) if others.size]
    for part in blocks(weights.shape[1] if close else 0, bytes_each=8 * len(weights)):
        block = weights[:, part].astype(np.float64)
        for run, others, total in close:
            total += cdist(block[others], block[run : run + 1], "sqeuclidean")[:, 0]
    for run, others, total in close:
        matrix[others, run] = matrix[run, others] = total
    return matrix
