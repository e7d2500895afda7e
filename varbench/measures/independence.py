"""The part of the run-to-run variance of a test accuracy that independent test examples would give."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from varbench.measures.blocks import blocks


def independent_variance(correct: Bool[np.ndarray, "R E"]) -> float:
    """E⁻² Σᵢ Var_r(errᵢ), ddof = 1: variance of the accuracy over runs, had the examples failed independently.

    With cᵢ runs wrong on example i, Var_r(errᵢ) = cᵢ (R − cᵢ) / (R (R − 1)). In [0, 1/(4E) · R/(R−1)]: 0 when
    all runs fail on the same examples (Jordan 2023, arXiv 2304.01910).

    Args:
        correct: Which run is right on which example.

    Returns:
        NaN for R < 2.
    """
    n_runs, n_examples = correct.shape
    if n_runs < 2:
        return math.nan
    wrong = n_runs - np.count_nonzero(correct, axis=0)
    return float((wrong * (n_runs - wrong)).sum() / (n_runs * (n_runs - 1)) / n_examples**2)


def independent_variance_left_out(correct: Bool[np.ndarray, "R E"]) -> Float[np.ndarray, " R"]:
    """`independent_variance` without run r, for every r, in one pass.

    Σᵢ (cᵢ − e)(R − 1 − cᵢ + e) for the error e of run r on i is Σᵢ cᵢ (R − 1 − cᵢ) + Σ_{i: e = 1} (2cᵢ − R).

    Returns:
        [R], NaN for R < 3.
    """
    n_runs, n_examples = correct.shape
    if n_runs < 3:
        return np.full(n_runs, math.nan)
    wrong = n_runs - np.count_nonzero(correct, axis=0)
    total = np.full(n_runs, float((wrong * (n_runs - 1 - wrong)).sum()))
    step = (2 * wrong - n_runs).astype(np.float64)
    for part in blocks(n_runs, bytes_each=8 * n_examples):
        total[part] += step.sum() - correct[part].astype(np.float64) @ step
    return total / ((n_runs - 1) * (n_runs - 2)) / n_examples**2
