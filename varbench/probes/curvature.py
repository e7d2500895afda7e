"""Curvature of a loss: extreme eigenvalues, trace and share of negative curvature, from Hessian–vector products."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from varbench.probes.lanczos import Product, Ritz, lanczos, ritz

Loss = Callable[[Array], Array]
"""Weights [P] → a number."""


class Spectrum(NamedTuple):
    """What random probes tell of the spectrum λ₁ ≥ … ≥ λ_P of a symmetric matrix.

    Attributes:
        largest: Estimates [k] of the largest eigenvalues, descending, each from below.
        smallest: Estimates [k] of the smallest, ascending, each from above.
        largest_bounds: An eigenvalue lies within ± so much of each (exact arithmetic); large where not converged.
        smallest_bounds: The same for the smallest.
        trace: Hutchinson's estimate of Σ λ.
        trace_se: Its standard error over probes; NaN for a single probe.
        negative: Σ_{λ<0} |λ| / Σ |λ|, in [0, 1]: 0 without negative curvature (and for a zero matrix), ½ for a
            symmetric spectrum, 1 without positive curvature.
        negative_se: Its standard error over probes (linearized); NaN for a single probe.
    """

    largest: Float[Array, "*runs k"]
    smallest: Float[Array, "*runs k"]
    largest_bounds: Float[Array, "*runs k"]
    smallest_bounds: Float[Array, "*runs k"]
    trace: Float[Array, "*runs"]
    trace_se: Float[Array, "*runs"]
    negative: Float[Array, "*runs"]
    negative_se: Float[Array, "*runs"]


def hessian_product(loss: Loss, weights: Float[Array, " P"]) -> Product:
    """v ↦ ∇²loss(weights) v, forward over reverse: about the cost of two gradients.

    Source: Pearlmutter 1994.
    """
    return lambda vector: jax.jvp(jax.grad(loss), (weights,), (vector,))[1]


def spectrum(
    product: Product, *, like: Float[Array, " P"], order: int, probes: int, count: int, key: PRNGKeyArray
) -> Spectrum:
    """Extreme eigenvalues, trace and negative share from Lanczos runs on random sign vectors.

    Each probe z (independent signs) starts a Lanczos run of `order` steps, T with Ritz values θ and weights τ:

        trace: mean over probes of zᵀAz = P T₁₁ (Hutchinson 1990), unbiased;
        negative share: Σ_z Σ τ max(−θ, 0) / Σ_z Σ τ |θ|, stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017)
            of tr A₋ and tr |A|; curvature weighs the spectrum, since a count of eigenvalues below zero would be settled
            by rounding where thousands of them are nearly zero. The kink of |λ| leaves a quadrature error that falls
            as 1/order and that the standard error does not see;
        eigenvalues: the i-th largest Ritz value of the probe in which it is largest: all lie below λᵢ.

    Args:
        product: A v, A symmetric [P, P].
        like: A vector of the length and type of A's.
        order: Lanczos steps; at most P are taken.
        probes: Lanczos runs, at least 1; `order` · `probes` products are taken.
        count: Eigenvalues at each end, at most the order.
        key: Of the probes.
    """
    size = like.shape[0]
    order = min(order, size)
    count = min(count, order)

    def of_probe(index: Array) -> tuple[Array, Ritz]:
        signs, restart = jax.random.split(jax.random.fold_in(key, index))
        start = jax.random.rademacher(signs, (size,), like.dtype)
        tridiagonal = lanczos(product, start, order=order, key=restart)
        return tridiagonal.diagonal[0] * size, ritz(tridiagonal)

    quadratic, found = lax.map(of_probe, jnp.arange(probes))
    largest, largest_bounds = _best(found.values[:, ::-1][:, :count], found.bounds[:, ::-1][:, :count])
    smallest, smallest_bounds = _best(-found.values[:, :count], found.bounds[:, :count])
    below = (found.weights * jnp.maximum(-found.values, 0.0)).sum(1)
    whole = (found.weights * jnp.abs(found.values)).sum(1)
    total = jnp.where(whole.mean() > 0, whole.mean(), 1.0)
    share = below.mean() / total
    return Spectrum(
        largest=largest,
        smallest=-smallest,
        largest_bounds=largest_bounds,
        smallest_bounds=smallest_bounds,
        trace=quadratic.mean(),
        trace_se=_standard_error(quadratic),
        negative=share,
        negative_se=_standard_error((below - share * whole) / total),
    )


def curvatures(
    loss: Loss, weights: Float[Array, "R P"], *, order: int, probes: int, count: int, key: PRNGKeyArray
) -> Spectrum:
    """`spectrum` of the Hessian of a loss at the weights of every run, one after the other, with the same probes."""

    def of_run(row: Array) -> Spectrum:
        return spectrum(hessian_product(loss, row), like=row, order=order, probes=probes, count=count, key=key)

    return lax.map(of_run, weights)


def _best(values: Float[Array, "n k"], bounds: Float[Array, "n k"]) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """In each column the largest value and its bound."""
    rows = jnp.argmax(values, axis=0)[None]
    return jnp.take_along_axis(values, rows, 0)[0], jnp.take_along_axis(bounds, rows, 0)[0]


def _standard_error(values: Float[Array, " n"]) -> Float[Array, ""]:
    """SD (ddof 1) over √n; NaN for one value."""
    n = values.shape[0]
    return jnp.std(values, ddof=1) / n**0.5 if n > 1 else jnp.full((), jnp.nan, values.dtype)
