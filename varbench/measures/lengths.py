"""Lengths and distances of vectors of any size that float64 has.

Where a sum of squares leaves float64, or nearly does, the vector is divided by its largest entry first, as LAPACK's
`nrm2` does (Anderson 2018, ACM Transactions on Mathematical Software 44(1), article 12). No vector of float32 numbers
needs it.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from jaxtyping import Bool, Float

from varbench.measures.blocks import blocks
from varbench.measures.squared_distances import squared_distances

LARGEST = 1e300
"""Beyond it a distance may leave float64. No float32 number is."""

SQUARES = (1e-280, 1e300)
"""Sums of squares that have all their digits: smaller ones may have lost some, or all, and larger ones overflow."""

SQUARABLE = (1e-140, 1e135)
"""Largest entries of vectors whose squares can be summed and multiplied with each other."""


def norms(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
    """‖w_r‖ of every run, summed in float64.

    Args:
        weights: Weights up to 1e300.
    """
    squared = np.zeros(len(weights))
    with np.errstate(over="ignore", under="ignore"):
        for part in blocks(weights.shape[1], bytes_each=8 * len(weights)):
            block = np.asarray(weights[:, part], dtype=np.float64)
            squared += np.einsum("rp,rp->r", block, block)
    found = np.sqrt(squared)
    for r in np.flatnonzero(_doubtful(squared, weights)):
        found[r] = _scaled_norm(np.asarray(weights[r], dtype=np.float64))
    return found


def distances(weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "R R"]:
    """‖w_r − w_s‖ of every pair of runs; symmetric, exactly 0 for identical weights.

    Args:
        weights: Weights up to 1e300; read in blocks of P.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squared = squared_distances(weights)
    different = np.triu(_doubtful(squared, weights), 1)
    if different.any():
        digests = np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in weights])
        different &= digests[:, None] != digests
    found = np.sqrt(squared, out=np.zeros_like(squared), where=squared > 0)
    if not different.any():
        return found
    scale = _power_of_two(float(np.abs(weights).max()))
    with np.errstate(under="ignore"):
        squared = squared_distances(weights * scale)
    rescaled = different & ~_doubtful(squared, weights)
    found[rescaled | rescaled.T] = np.sqrt(squared[rescaled | rescaled.T]) / scale
    for r, s in np.argwhere(different & ~rescaled):
        found[r, s] = found[s, r] = _scaled_norm(np.subtract(weights[r], weights[s], dtype=np.float64))
    return found


def paired_distances(first: Float[np.ndarray, "R P"], second: Float[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
    """‖a_r − b_r‖ of run r in one population and run r in another; exactly 0 for identical weights.

    Args:
        first: Weights up to 1e300.
        second: Weights of the same shape.
    """
    squared = np.zeros(len(first))
    with np.errstate(over="ignore", under="ignore"):
        for part in blocks(first.shape[1], bytes_each=8 * len(first)):
            difference = np.subtract(first[:, part], second[:, part], dtype=np.float64)
            squared += np.einsum("rp,rp->r", difference, difference)
    found = np.sqrt(squared)
    for r in np.flatnonzero(_doubtful(squared, first, second)):
        found[r] = _scaled_norm(np.subtract(first[r], second[r], dtype=np.float64))
    return found


def squarable_scale(weights: Float[np.ndarray, "R P"]) -> float:
    """A power of two by which the runs' differences can be squared; 1 unless they leave float64 as they are.

    Args:
        weights: Weights up to 1e300.
    """
    if weights.dtype.itemsize <= 4 or not weights.size:
        return 1.0
    largest = 0.0
    for part in blocks(weights.shape[1], bytes_each=8 * len(weights)):
        largest = max(largest, float(np.abs(weights[:, part] - weights[0, part]).max()))
    return 1.0 if largest == 0.0 or SQUARABLE[0] <= largest <= SQUARABLE[1] else _power_of_two(largest)


def _power_of_two(largest: float) -> float:
    """What brings the largest magnitude near 1 without rounding."""
    return math.ldexp(1.0, max(-1022, min(1023, -math.frexp(largest)[1])))


def _doubtful(squared: Float[np.ndarray, "*shape"], *weights: Float[np.ndarray, "R P"]) -> Bool[np.ndarray, "*shape"]:
    """Where a sum of squares may have lost digits; nowhere for weights of four bytes or fewer."""
    if max(w.dtype.itemsize for w in weights) <= 4:
        return np.zeros(squared.shape, dtype=bool)
    return ~((squared >= SQUARES[0]) & (squared <= SQUARES[1]))


def _scaled_norm(vector: Float[np.ndarray, " P"]) -> float:
    """The largest magnitude times the length of the vector over it."""
    largest = float(np.abs(vector).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    with np.errstate(under="ignore"):
        return largest * float(np.linalg.norm(vector / largest))
