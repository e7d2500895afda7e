"""How alike two runs represent the same examples in a layer: debiased linear CKA and orthogonal Procrustes distance.

Both ignore an orthogonal map and an isotropic scaling of either representation, so that relabeled units change nothing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from varbench.measures.blocks import blocks
from varbench.measures.squared_distances import squared_distances

FEWEST = 4
"""Examples below which HSIC_u has no value: its denominator is n(n − 3)."""

CONSTANT = 1e-12
"""Share of a representation's size below which what varies over examples is rounding."""

DEGENERATE = 1e-10
"""Share of a Gram matrix below which its U-centered part is rounding: a single example differs from all others, say."""


def cka_vectors(features: Float[np.ndarray, "R n d"]) -> Float[np.ndarray, "R pairs"]:
    """A unit vector for each run whose inner products are the debiased CKA.

    With K̃ the zero-diagonal Gram matrix, HSIC_u(K, L) = [tr(K̃L̃) + (1ᵀK̃1)(1ᵀL̃1)/((n−1)(n−2)) − 2/(n−2)·1ᵀK̃L̃1]/(n(n−3))
    (Song et al. 2012) is ⟨U(K), U(L)⟩/(n(n−3)), where U takes the row means Σ_k K̃_ik/(n−2) and column means out of the
    entries off the diagonal and adds ΣK̃/((n−1)(n−2)) back (Székely and Rizzo 2014, Proposition 1). The entries above
    the diagonal of U(K), divided by their norm, are the vector.

    Args:
        features: Finite activations of n examples, d units. Examples must be independent draws; positions within one
            image are not.

    Returns:
        [R, n(n−1)/2] float64; a row of NaN for n < 4, for a layer that is constant over examples, and where U(K) = 0.
    """
    n_runs, n, d = features.shape
    above = np.flatnonzero(np.triu(np.ones((n, n), dtype=bool), 1))
    vectors = np.full((n_runs, len(above)), np.nan)
    if n < FEWEST:
        return vectors
    for part in blocks(n_runs, bytes_each=8 * n * (n + d)):
        centered = _centered(features[part])
        gram = centered @ centered.swapaxes(1, 2)
        size = np.linalg.norm(gram, axis=(1, 2))
        gram[:, np.arange(n), np.arange(n)] = 0.0
        means = gram.sum(axis=2) / (n - 2)
        gram -= means[:, :, None]
        gram += (means.sum(axis=1)[:, None] / (n - 1) - means)[:, None, :]
        entries = np.take(gram.reshape(len(gram), -1), above, axis=1)
        norm = np.linalg.norm(entries, axis=1)
        defined = norm > DEGENERATE * size
        vectors[part][defined] = entries[defined] / norm[defined, None]
    return vectors


def cka_matrix_of(vectors: Float[np.ndarray, "R pairs"]) -> Float[np.ndarray, "R R"]:
    """Debiased CKA of every pair of runs from their `cka_vectors`: 1 − ½‖u_r − u_s‖²; NaN beside a row of NaN."""
    length = np.einsum("rp,rp->r", vectors, vectors)
    defined = length > 0  # not NaN; the vector of one example has no entries
    if defined.all():
        return 1.0 - 0.5 * squared_distances(vectors)
    matrix = np.full((len(vectors), len(vectors)), np.nan)
    matrix[np.ix_(defined, defined)] = 1.0 - 0.5 * squared_distances(vectors[defined])
    return matrix


def cka_matrix(features: Float[np.ndarray, "R n d"]) -> Float[np.ndarray, "R R"]:
    """Debiased linear CKA of every pair of runs: HSIC_u(K, L) / √(HSIC_u(K, K) HSIC_u(L, L)), K = XXᵀ.

    In [−1, 1]: exactly 1 for identical representations, 1 up to rounding for those that differ by an orthogonal map, a
    scale and a shift, 0 on average for independent ones, slightly negative by chance. The plain form, with centered
    Gram matrices and their diagonals, is biased upward by a lot where d is not far below n (.667 for independent
    Gaussians with n = 64 and d = 128, whose debiased value is −.001 ± .022). The numerator is unbiased, the ratio
    nearly.

    Source: Kornblith et al. 2019, arXiv 1905.00414; the debiased form: Nguyen et al. 2021, arXiv 2010.15327, eq. 3.

    Args:
        features: Finite activations of n ≥ 4 independent examples, d units.

    Returns:
        [R, R], symmetric; NaN beside a run whose layer is constant over examples, and everywhere for n < 4.
    """
    return cka_matrix_of(cka_vectors(features))


def cka_between_layers(vectors: Float[np.ndarray, "L R pairs"]) -> Float[np.ndarray, "L L"]:
    """Mean debiased CKA of layer a in one run and layer b in another, over all pairs of different runs.

    Args:
        vectors: `cka_vectors` of L layers.

    Returns:
        [L, L], symmetric; NaN for R < 2 and beside a layer that is NaN in a run.
    """
    n_layers, n_runs, _ = vectors.shape
    if n_runs < 2:
        return np.full((n_layers, n_layers), np.nan)
    total = vectors.sum(axis=1)
    same_run = np.einsum("arp,brp->ab", vectors, vectors, optimize=True)
    return (total @ total.T - same_run) / (n_runs * (n_runs - 1))


def procrustes_distance_matrix(features: Float[np.ndarray, "R n d"]) -> Float[np.ndarray, "R R"]:
    """Orthogonal Procrustes distance of every pair of runs: min over QᵀQ = 1 of ‖A − BQ‖_F / √(‖A‖² + ‖B‖²).

    A and B are the representations with their means over examples removed and scaled to ‖·‖_F = 1, so that it is
    √(1 − ‖AᵀB‖_*), with the nuclear norm (sum of singular values); half the squared distance of Ding et al. 2021
    (arXiv 2108.01661, eq. 4), under the root. In [0, 1]: exactly 0 for identical representations, below 1e-7 where
    only an orthogonal map, a scale and a shift are between them, 1 where every unit of one is orthogonal to every unit
    of the other.

    Biased toward 0 where d is not far below n: a rotation of n units fits n examples that have nothing in common.

    Args:
        features: Finite activations, n rows, d units. Rows need not be independent.

    Returns:
        [R, R], symmetric; NaN beside a run whose layer is constant over rows.
    """
    n_runs, n, _ = features.shape
    shapes = _reduced(_unit(features)) if n_runs else np.zeros((0, n, 0))
    size = shapes.shape[2]
    constant = ~shapes.any(axis=(1, 2))
    matrix = np.zeros((n_runs, n_runs))
    for run in range(n_runs - 1):
        first = shapes[run]
        for part in blocks(n_runs - run - 1, bytes_each=8 * size * (size + 2 * n)):
            others = shapes[run + 1 :][part]
            nuclear = np.linalg.svd(first.T @ others, compute_uv=False).sum(axis=-1)
            nuclear[(others == first).all(axis=(1, 2))] = 1.0
            matrix[run, run + 1 :][part] = np.sqrt(np.clip(1.0 - nuclear, 0.0, None))
    matrix += matrix.T
    matrix[constant] = matrix[:, constant] = np.nan
    return matrix


def _centered(features: Float[np.ndarray, "r n d"]) -> Float[np.ndarray, "r n d"]:
    """Means over examples removed, in float64; exactly 0 where only rounding is left."""
    wide = features.astype(np.float64)
    centered = wide - wide.mean(axis=1, keepdims=True)
    constant = np.linalg.norm(centered, axis=(1, 2)) <= CONSTANT * np.linalg.norm(wide, axis=(1, 2))
    centered[constant] = 0.0
    return centered


def _unit(features: Float[np.ndarray, "R n d"]) -> Float[np.ndarray, "R n d"]:
    """Centered and of Frobenius norm 1; 0 where the layer is constant."""
    centered = _centered(features)
    norm = np.linalg.norm(centered, axis=(1, 2), keepdims=True)
    return np.divide(centered, norm, out=centered, where=norm > 0)


def _reduced(shapes: Float[np.ndarray, "R n d"]) -> Float[np.ndarray, "R n m"]:
    """The same up to a rotation of the units, with at most as many units as rows: A = Rᵀ Qᵀ, where Aᵀ = QR."""
    n_runs, n, d = shapes.shape
    if d <= n:
        return shapes
    return np.stack([np.asarray(np.linalg.qr(shape.T, mode="r")).T for shape in shapes]) if n_runs else shapes[:, :, :n]
