"""Squared distances of all pairs of vectors: exactly 0 for identical ones, with 12 digits for all others.

Of near vectors, differences are formed before anything is squared or summed, in float64: two that differ by one unit in
the last place of one weight have a distance above 0, and identical ones exactly 0. The shortcut ‖a‖² + ‖b‖² − 2a·b
cancels to noise there, even in float64.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks

MOST_DIRECT = 2e8
"""Squared differences up to which all are formed: a tenth of a second."""

NEAR = 0.01
"""Part of ‖a‖² + ‖b‖² below which ‖a‖² + ‖b‖² − 2a·b has lost more than two digits."""

MOST_NEAR = 0.25
"""Part of the pairs that are so near, above which it is faster to form the differences of all."""

PRODUCT_BYTES = 16 * 2**20
"""Size of a block of a matrix product: longer blocks write the product less often."""


def squared_distances(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """‖w_r − w_s‖² of every pair of runs; symmetric, exactly 0 for identical weights.

    Up to `MOST_DIRECT` squares are formed of differences, one pair after another. More come from one matrix product, as
    ‖a‖² + ‖b‖² − 2a·b of the vectors less their mean over runs. Pairs that this puts nearer than `NEAR` of ‖a‖² + ‖b‖²
    are formed of differences after all, so that every distance keeps 12 digits.

    Args:
        weights: Finite vectors whose squares are float64 numbers, not beyond ±1e70; read in blocks of P.
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
