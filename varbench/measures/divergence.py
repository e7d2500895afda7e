"""How far apart the predictive distributions of two runs are, averaged over examples."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from varbench.measures.blocks import blocks
from varbench.measures.mixtures import Mixed, mean_divergences
from varbench.measures.scores import softmax


def js_divergence_matrix(logits: Float[np.ndarray, "R E K"]) -> Float[np.ndarray, "R R"]:
    """Jensen–Shannon divergence in nats of every pair of runs, averaged over examples.

    E⁻¹ Σᵢ [H((p+q)/2) − ½H(p) − ½H(q)], H the entropy (Lin 1991). In [0, log 2]: 0 for the same
    distributions, log 2 where they share no class. Every pair is formed: time grows with R² E K, on all cores and in
    float32 where that is long (see `mean_divergences`).

    Args:
        logits: Finite logits.

    Returns:
        [R, R], symmetric, exactly 0 for identical runs.
    """
    n_runs = len(logits)

    def add(total: np.ndarray, halves: np.ndarray, own: np.ndarray, mixed: Mixed) -> None:
        for run in range(n_runs - 1):
            total[run, run + 1 :] += 0.5 * (own[run] + own[run + 1 :]) - mixed(halves[run + 1 :], halves[run])

    total = mean_divergences(logits, add, rows=n_runs)
    return np.clip(total + total.T, 0.0, None)


def tv_distance_matrix(logits: Float[np.ndarray, "R E K"]) -> Float[np.ndarray, "R R"]:
    """Total-variation distance of every pair of runs, averaged over examples: E⁻¹ Σᵢ ½ Σ_k |p_k − q_k|.

    In [0, 1]: 0 for the same distributions, 1 where they share no class. Every pair is formed.

    Args:
        logits: Finite logits.

    Returns:
        [R, R], symmetric, exactly 0 for identical runs.
    """
    from scipy.spatial.distance import pdist, squareform

    n_runs, n_examples, n_classes = logits.shape
    total = np.zeros(n_runs * (n_runs - 1) // 2)
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes):
        total += pdist(softmax(logits[:, part]).reshape(n_runs, -1), "cityblock")
    return squareform(0.5 * total / n_examples) if n_runs > 1 else np.zeros((1, 1))
