"""Principal components of a population in weight space: where the runs lie in the directions in which they differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from varbench.measures.blocks import blocks
from varbench.measures.lengths import squarable_scale


class Components(NamedTuple):
    """Principal components of R runs.

    Attributes:
        shares: [C], the part of the total variance that each component carries, largest first; NaN where all
            runs are equal.
        runs: [R, C], coordinates of the runs, in units of the weights; their mean is 0.
        others: [S, C], coordinates of the other weights, projected onto the same components.
    """

    shares: Float[np.ndarray, " C"]
    runs: Float[np.ndarray, "R C"]
    others: Float[np.ndarray, "S C"]


def centered_gram(weights: Float[np.ndarray, "R P"], *, scale: float = 1.0) -> Float[np.ndarray, "R R"]:
    """(w_r − w̄)·(w_s − w̄) of all pairs of runs, times the square of the scale; exactly 0 for equal runs.

    Differences from the first run are formed before the mean is taken out and before anything is multiplied, in
    float64: runs that differ in the last place of a few weights keep their differences.

    Args:
        weights: Finite weights; read in blocks of P.
        scale: From `squarable_scale`.
    """
    total = np.zeros((len(weights), len(weights)))
    for part in blocks(weights.shape[1], bytes_each=8 * len(weights)):
        block = _centered(weights, weights, part) * scale
        total += block @ block.T
    return total


def pca_shares(gram: Float[np.ndarray, "R R"], *, components: int) -> Float[np.ndarray, " C"]:
    """Share of the variance in each of the first components: λ_k / Σ_j λ_j, λ the eigenvalues of the Gram matrix.

    In [0, 1], falling with k. Runs that differ in unrelated directions have 1/(R−1) in every component, the least that
    the first can carry; 1 in the first where all lie on one line.

    Args:
        gram: From `centered_gram`.
        components: C.

    Returns:
        NaN where all runs are equal; 0 for components beyond the R − 1 that there are.
    """
    return _shares(np.linalg.eigvalsh(gram)[::-1], float(np.trace(gram)), components)


def pca_shares_left_out(gram: Float[np.ndarray, "R R"], *, components: int) -> Float[np.ndarray, "R C"]:
    """`pca_shares` without run r, for every r: the Gram matrix of the others is centered on their own mean.

    Takes R eigenvalue problems of size R − 1.
    """
    n_runs = len(gram)
    found = np.full((n_runs, components), np.nan)
    for run in range(n_runs if n_runs > 2 else 0):
        others = np.delete(np.delete(gram, run, axis=0), run, axis=1)
        means = others.mean(axis=0)
        centered = others - means - means[:, None] + means.mean()
        found[run] = pca_shares(centered, components=components)
    return found


def principal_components(
    weights: Float[np.ndarray, "R P"], others: Float[np.ndarray, "S P"], *, components: int
) -> Components:
    """Coordinates of the runs and of other weights in the first principal components of the runs.

    From the eigenvectors u_k of the Gram matrix: run r has √λ_k u_rk; other weights x have
    Σ_r (x − w̄)·(w_r − w̄) u_rk / √λ_k. The sign of a component is chosen so that its largest coordinate is positive.
    Coordinates in components without variance are 0.

    Args:
        weights: Finite weights.
        others: Finite weights to be projected (initial weights, say); may have no rows.
        components: C.
    """
    unit = squarable_scale(weights)
    gram, cross = centered_gram(weights, scale=unit), np.zeros((len(others), len(weights)))
    for part in blocks(weights.shape[1], bytes_each=8 * (len(weights) + len(others))):
        cross += (_centered(others, weights, part) * unit) @ (_centered(weights, weights, part) * unit).T
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    shares = _shares(values, float(np.trace(gram)), components)
    runs, projected = np.zeros((len(weights), components)), np.zeros((len(others), components))
    for k in range(min(components, len(weights) - 1)):
        vector = vectors[:, k]
        scale = np.sqrt(max(values[k], 0.0))
        if scale > np.sqrt(max(values[0], 0.0)) * 1e-7:
            vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
            runs[:, k] = scale * vector
            projected[:, k] = cross @ vector / scale
    return Components(shares, runs / unit, projected / unit)


def _centered(
    weights: Float[np.ndarray, "n P"], reference: Float[np.ndarray, "R P"], part: slice
) -> Float[np.ndarray, "n p"]:
    """A block of weights minus the mean of the reference, by way of its first run."""
    start = reference[0, part].astype(np.float64)
    center = np.subtract(reference[:, part], start, dtype=np.float64).mean(axis=0)
    return np.subtract(weights[:, part], start, dtype=np.float64) - center


def _shares(values: Float[np.ndarray, " R"], total: float, components: int) -> Float[np.ndarray, " C"]:
    """Eigenvalues, largest first, over their sum, filled up with zeros."""
    if not total > 0:
        return np.full(components, np.nan)
    found = np.zeros(components)
    count = min(components, len(values) - 1)
    found[:count] = np.clip(values[:count] / total, 0.0, 1.0)
    return found
