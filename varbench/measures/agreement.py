"""Agreement of pairs of runs beyond their labels: chance-corrected agreement of errors, correlation of logits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.blocks import blocks

DECIMALS = 13
"""Of a mean kappa; what comes behind is rounding. So runs that err alike have exactly 1."""


def error_consistency_row_sums(correct: Bool[np.ndarray, "R E"]) -> Float[np.ndarray, " R"]:
    """Σ_{s≠r} κ_rs of every run, κ = (p_o − p_e) / (1 − p_e) Cohen's kappa of the correctness of two runs.

    p_o is the fraction of examples that both get right or both get wrong, p_e = a_r a_s + (1 − a_r)(1 − a_s) what two
    independent runs of the same accuracies would show (Geirhos et al. 2020, arXiv 2006.16736). 1: the same examples are
    missed; 0: no more overlap than chance; at least −1.

    No pair is formed: time grows with R E. With t = 1 − 2a, p_o − p_e is twice the covariance of the correctness and
    1 − p_e = (1 − t_r t_s)/2, so that κ_rs = ρ_rs sech(x_r − x_s), ρ the correlation and x = artanh t. The second
    factor is a positive definite kernel and, to 1e-14, a sum of some ten products; each takes a pass over the runs.

    Returns:
        [R]; a pair that has no kappa (`undefined_kappas`) counts as 0.
    """
    n_runs, n_examples = correct.shape
    right = np.count_nonzero(correct, axis=1)
    accuracy = right / n_examples
    varies = (right > 0) & (right < n_examples)
    a = accuracy[varies]
    factors = _sech_factors(np.arctanh(1.0 - 2.0 * a)) / np.sqrt(a * (1.0 - a))[:, None]
    sums = np.full(len(a), -1.0)  # less that of a run with itself
    for part in blocks(n_examples, bytes_each=8 * n_runs):
        centered = correct[varies, part] - a[:, None]
        sums += np.einsum("rk,rk->r", factors, centered @ (centered.T @ factors)) / n_examples
    others, found = max(n_runs - 1, 1), np.zeros(n_runs)
    found[varies] = np.round(sums / others, DECIMALS) * others
    return found


def undefined_kappas(correct: Bool[np.ndarray, "R E"]) -> Int[np.ndarray, " R"]:
    """How many others each run has no kappa with, p_e = 1: both right everywhere, or both wrong everywhere."""
    right, wrong = correct.all(axis=1), ~correct.any(axis=1)
    return right * (right.sum() - 1) + wrong * (wrong.sum() - 1)


def chance_disagreement_row_sums(predicted: Int[np.ndarray, "R E"], *, n_classes: int) -> Float[np.ndarray, " R"]:
    """Σ_{s≠r} (1 − Σ_c m_rc m_sc) of every run, m_rc the share of the examples on which run r predicts c.

    What two runs would disagree on by chance, that predict their labels as often as they do but on any examples. With
    the disagreement D over the same pairs, κ = 1 − Σ D / Σ (1 − Σ_c m_rc m_sc) is Cohen's kappa for two runs and
    Conger's for more (Conger 1980, Psychological Bulletin 88, 322–328).

    Args:
        predicted: Labels in −1..K−1.
        n_classes: K.
    """
    n_runs, n_examples = predicted.shape
    shares = np.empty((n_runs, n_classes + 1))
    for part in blocks(n_runs, bytes_each=8 * n_examples):
        rows = predicted[part]
        offsets = (n_classes + 1) * np.arange(len(rows))[:, None]
        counted = np.bincount((rows % (n_classes + 1) + offsets).ravel(), minlength=len(rows) * (n_classes + 1))
        shares[part] = counted.reshape(len(rows), -1) / n_examples
    return (n_runs - 1) - (shares @ shares.sum(axis=0) - np.square(shares).sum(axis=1))


def logit_correlation_matrix(logits: Float[np.ndarray, "R E K"]) -> Float[np.ndarray, "R R"]:
    """Pearson correlation of the flattened logits of every pair of runs, in [−1, 1].

    Centered before the products are summed, in float64, a block of examples at a time.

    Args:
        logits: Finite logits.

    Returns:
        [R, R]; NaN in the rows of a run whose logits are all equal.
    """
    n_runs, n_examples, n_classes = logits.shape
    mean = logits.mean(axis=(1, 2), dtype=np.float64)
    products = np.zeros((n_runs, n_runs))
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes):
        centered = logits[:, part].reshape(n_runs, -1) - mean[:, None]
        products += centered @ centered.T
    constant = np.ptp(logits.reshape(n_runs, -1), axis=1) == 0
    scale = np.sqrt(np.diag(products))
    correlation = np.full((n_runs, n_runs), np.nan)
    np.divide(products, np.outer(scale, scale), out=correlation, where=~np.logical_or.outer(constant, constant))
    return np.clip(correlation, -1.0, 1.0)


def _sech_factors(x: Float[np.ndarray, " R"]) -> Float[np.ndarray, "R k"]:
    """F with FFᵀ = sech(x_r − x_s), each entry to 1e-14: Cholesky with pivoting, that stops when no more is left."""
    factors = np.zeros((len(x), 0))
    left = np.ones(len(x))
    while left.size and left.max() > 1e-14:
        pivot = int(left.argmax())
        column = (1.0 / np.cosh(x - x[pivot]) - factors @ factors[pivot]) / np.sqrt(left[pivot])
        factors = np.column_stack([factors, column])
        left -= column**2
    return factors
