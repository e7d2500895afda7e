"""Agreement of pairs of runs beyond their labels: chance-corrected agreement of errors, correlation of logits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.blocks import blocks


def error_consistency_matrix(correct: Bool[np.ndarray, "R E"]) -> Float[np.ndarray, "R R"]:
    """Cohen's kappa of the correctness of every pair of runs: κ = (p_o − p_e) / (1 − p_e).

    p_o is the fraction of examples that both get right or both get wrong, p_e = a_r a_s + (1 − a_r)(1 − a_s) what two
    independent runs of the same accuracies would show (Geirhos et al. 2020, arXiv 2006.16736). 1: the same examples are
    missed; 0: no more overlap than chance; at least −1.

    Returns:
        [R, R], 1 on the diagonal; NaN where p_e = 1 (both runs right everywhere, or both wrong everywhere).
    """
    n_runs, n_examples = correct.shape
    both_right = np.zeros((n_runs, n_runs))
    for part in blocks(n_examples, bytes_each=4 * n_runs):
        block = correct[:, part].astype(np.float32)
        both_right += block @ block.T
    right = np.count_nonzero(correct, axis=1).astype(np.float64)
    return kappa_of_counts(both_right, right[:, None], right[None, :], n_examples=n_examples)


def kappa_of_counts(
    both_right: Float[np.ndarray, "*pairs"] | Int[np.ndarray, "*pairs"],
    first: Float[np.ndarray, ...],
    second: Float[np.ndarray, ...],
    *,
    n_examples: int,
) -> Float[np.ndarray, "*pairs"]:
    """Cohen's kappa of correctness from how many examples both runs of a pair, the first, and the second get right."""
    both_wrong = n_examples - first - second + both_right
    by_chance = (first * second + (n_examples - first) * (n_examples - second)) / n_examples
    room = n_examples - by_chance
    return np.divide(both_right + both_wrong - by_chance, room, out=np.full(room.shape, np.nan), where=room > 0)


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
