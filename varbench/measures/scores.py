"""How good each run is by itself: accuracy, cross-entropy, Brier score and calibration error of every run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.blocks import blocks

FLOAT64 = 8
SMALLEST = 1e-300


def log_softmax(logits: Float[np.ndarray, "... K"]) -> Float[np.ndarray, "... K"]:
    """Log-probabilities in float64: log p_k = z_k − log Σ_j exp z_j, shifted by the largest logit first.

    Args:
        logits: Finite logits, classes last.
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def softmax(logits: Float[np.ndarray, "... K"]) -> Float[np.ndarray, "... K"]:
    """Probabilities in float64: p_k = exp z_k / Σ_j exp z_j, shifted by the largest logit first.

    Args:
        logits: Finite logits, classes last.
    """
    exponentials = logits.astype(np.float64)
    exponentials -= exponentials.max(axis=-1, keepdims=True)
    np.exp(exponentials, out=exponentials)
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials


def logs_of(probabilities: Float[np.ndarray, "... K"]) -> Float[np.ndarray, "... K"]:
    """log p in float32, whose softmax gives the probabilities back; a probability of 0 counts as 1e-300 (−691 nats).

    Args:
        probabilities: In [0, 1], classes last; NaN stays NaN.
    """
    logs = np.empty(probabilities.shape, np.float32)
    for part in blocks(len(probabilities), bytes_each=FLOAT64 * probabilities[0].size if len(probabilities) else 1):
        logs[part] = np.log(np.maximum(probabilities[part], SMALLEST, dtype=np.float64))
    return logs


def finite_runs(logits: Float[np.ndarray, "R E K"]) -> Bool[np.ndarray, " R"]:
    """True for the runs whose logits are all finite."""
    n_runs, n_examples, n_classes = logits.shape
    finite = np.zeros(n_runs, dtype=bool)
    for part in blocks(n_runs, bytes_each=n_examples * n_classes):
        finite[part] = np.isfinite(logits[part]).all(axis=(1, 2))
    return finite


def correctness(predicted: Int[np.ndarray, "R E"], labels: Int[np.ndarray, " E"]) -> Bool[np.ndarray, "R E"]:
    """True where a run predicts the right class, 0..K−1; the label −1 (no prediction) is never right."""
    return predicted == labels


def accuracy_per_run(correct: Bool[np.ndarray, "R E"]) -> Float[np.ndarray, " R"]:
    """Fraction of examples that each run gets right: E⁻¹ Σᵢ 1[right], in [0, 1]."""
    return np.count_nonzero(correct, axis=1) / correct.shape[1]


def loss_per_run(logits: Float[np.ndarray, "R E K"], labels: Int[np.ndarray, " E"]) -> Float[np.ndarray, " R"]:
    """Mean cross-entropy of each run in nats: −E⁻¹ Σᵢ log p_{i, yᵢ}; 0 is certain and right, log K is guessing.

    Args:
        logits: Logits; a run with a logit that is not finite gives NaN.
        labels: Right labels in 0..K−1.
    """

    def score(log_p: Float[np.ndarray, "r E K"]) -> Float[np.ndarray, " r"]:
        return -log_p[:, np.arange(labels.size), labels].mean(axis=1)

    return _per_run(logits, lambda part: score(log_softmax(part)))


def brier_per_run(logits: Float[np.ndarray, "R E K"], labels: Int[np.ndarray, " E"]) -> Float[np.ndarray, " R"]:
    """Mean Brier score of each run: E⁻¹ Σᵢ ‖pᵢ − onehot(yᵢ)‖²; 0 is certain and right, 2 certain and wrong.

    Args:
        logits: Logits; a run with a logit that is not finite gives NaN.
        labels: Right labels in 0..K−1.
    """

    def score(part: Float[np.ndarray, "r E K"]) -> Float[np.ndarray, " r"]:
        residual = softmax(part)
        residual[:, np.arange(labels.size), labels] -= 1.0
        return np.einsum("rek,rek->r", residual, residual) / labels.size

    return _per_run(logits, score)


def ece_per_run(
    logits: Float[np.ndarray, "R E K"], labels: Int[np.ndarray, " E"], *, bins: int
) -> Float[np.ndarray, " R"]:
    """Top-label expected calibration error of each run, in [0, 1]; 0 is calibrated in every bin.

    Σ_b (n_b/E) |accuracy of b − mean confidence of b| over equal-width bins (b/B, (b+1)/B] of the confidence max_k p_k
    (Guo et al. 2017, arXiv 1706.04599, equation 3). Biased upward by up to 0.4 √(B/E): even a calibrated run has a
    positive value on a finite test set.

    Args:
        logits: Logits; a run with a logit that is not finite gives NaN.
        labels: Right labels in 0..K−1.
        bins: Number of bins; 15 in the reports.
    """

    def score(part: Float[np.ndarray, "r E K"]) -> Float[np.ndarray, " r"]:
        right = part.argmax(axis=-1) == labels
        return np.abs(confidence_gaps(softmax(part).max(axis=-1), right, bins=bins)).sum(axis=1) / labels.size

    return _per_run(logits, score)


def confidence_gaps(
    confidence: Float[np.ndarray, "r E"], correct: Bool[np.ndarray, "r E"], *, bins: int
) -> Float[np.ndarray, "r B"]:
    """Σ (1[right] − confidence) of the examples in each equal-width bin (b/B, (b+1)/B] of the confidence."""
    n_rows = len(confidence)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    bin_of += bins * np.arange(n_rows)[:, None]
    gaps = np.bincount(bin_of.ravel(), weights=(correct - confidence).ravel(), minlength=bins * n_rows)
    return gaps.reshape(n_rows, bins)


def _per_run(logits: Float[np.ndarray, "R E K"], score: Callable[[np.ndarray], np.ndarray]) -> Float[np.ndarray, " R"]:
    """`score` of the runs with finite logits, a block of runs at a time; NaN for the others."""
    n_runs, n_examples, n_classes = logits.shape
    finite = finite_runs(logits)
    values = np.full(n_runs, np.nan)
    for part in blocks(n_runs, bytes_each=FLOAT64 * n_examples * n_classes):
        chosen = np.flatnonzero(finite[part]) + part.start
        if chosen.size:
            values[chosen] = score(logits[chosen])
    return values
