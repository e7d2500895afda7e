"""Lanczos with full reorthogonalization: the spectrum of a symmetric matrix that is known by its products alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

Product = Callable[[Array], Array]
"""v [P] → A v [P] of a symmetric A."""

_dot = partial(jnp.dot, precision="highest")


class Tridiagonal(NamedTuple):
    """T = QᵀAQ in the orthonormal Krylov basis Q [P, m] of a start vector, and what the next off-diagonal would be."""

    diagonal: Float[Array, " m"]
    off_diagonal: Float[Array, " m-1"]
    remainder: Float[Array, ""]


class Ritz(NamedTuple):
    """The quadrature that Lanczos gives: eigenvalues of T, ascending, with their weights and error bounds.

    Attributes:
        values: θ [m], ascending. By Cauchy interlacing the i-th largest is at most the i-th largest eigenvalue of A.
        weights: τ [m] ≥ 0, summing to 1: Σ τ f(θ) is the Gauss quadrature of qᵀ f(A) q for the unit start vector q,
            exact for polynomials of degree 2m − 1.
        bounds: Within θᵢ ± boundᵢ lies an eigenvalue of A (exact arithmetic).
    """

    values: Float[Array, " m"]
    weights: Float[Array, " m"]
    bounds: Float[Array, " m"]


def lanczos(product: Product, start: Float[Array, " P"], *, order: int, key: PRNGKeyArray) -> Tridiagonal:
    """`order` steps of Lanczos, every new vector made orthogonal to all earlier ones, twice.

    Where the Krylov space is used up (start in an invariant subspace), the recursion goes on from a random vector
    orthogonal to it, with a coupling of 0: eigenvalues of multiplicity, and those the start has no part in, are found
    too, and weigh nothing in the quadrature.

    Args:
        product: A v; A symmetric.
        start: Not zero.
        order: Steps m, at most P.
        key: For the vectors of a restart.

    Raises:
        ValueError: If the order is not between 1 and P.

    Source: Golub and Van Loan 2013, Matrix Computations, sections 10.1 and 10.3.
    """
    size = start.shape[0]
    if not 1 <= order <= size:
        raise ValueError(f"Lanczos takes between 1 and {size} steps on vectors of length {size}, not {order}")
    tiny = 10 * jnp.finfo(start.dtype).eps

    def cleaned(vector: Array, basis: Array) -> Array:
        for _ in range(2):  # once leaves what rounding put back
            vector = vector - _dot(basis.T, _dot(basis, vector))
        return vector

    def step(i: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        basis, vector, alphas, betas, scale = carry
        basis = basis.at[i].set(vector)
        image = product(vector)
        alpha = _dot(vector, image)
        image = cleaned(image, basis)
        beta = jnp.linalg.norm(image)
        scale = jnp.maximum(scale, jnp.maximum(jnp.abs(alpha), beta))
        ended = beta <= tiny * scale
        fresh = cleaned(jax.random.normal(jax.random.fold_in(key, i), vector.shape, vector.dtype), basis)
        following = jnp.where(ended, fresh, image)
        length = jnp.linalg.norm(following)
        following = following / jnp.where(length > 0, length, 1.0)  # no room is left after the last step of all
        beta = jnp.where(ended, 0.0, beta)
        return basis, following, alphas.at[i].set(alpha), betas.at[i].set(beta), scale

    zeros = jnp.zeros(order, start.dtype)
    unit = start / jnp.linalg.norm(start)
    first = (jnp.zeros((order, size), start.dtype), unit, zeros, zeros, jnp.zeros((), start.dtype))
    _, _, alphas, betas, _ = lax.fori_loop(0, order, step, first)
    return Tridiagonal(alphas, betas[:-1], betas[-1])


def ritz(tridiagonal: Tridiagonal) -> Ritz:
    """Eigenvalues of T with the squared first (weights) and scaled last (bounds) components of its eigenvectors."""
    side = tridiagonal.off_diagonal
    dense = jnp.diag(tridiagonal.diagonal) + jnp.diag(side, 1) + jnp.diag(side, -1)
    values, vectors = jnp.linalg.eigh(dense)
    return Ritz(values, vectors[0] ** 2, jnp.abs(tridiagonal.remainder * vectors[-1]))
