"""How noisy the gradient of a batch is beside the gradient of all training examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class GradientNoise(NamedTuple):
    """Moments of the N training examples' gradients at n weight vectors.

    Attributes:
        trace: tr Σ, Σ the covariance of the gradients of single examples (ddof = 1): their variances added up.
        squared_norm: ‖G‖², G the gradient of the mean loss.
    """

    trace: Float[np.ndarray, " n"]
    squared_norm: Float[np.ndarray, " n"]


def noise_scale(noise: GradientNoise) -> Float[np.ndarray, " n"]:
    """B_simple = tr Σ / ‖G‖²: the batch size at which noise and gradient are equally large; 0 without noise.

    Returns:
        Infinity where the gradient is 0 and the noise is not, NaN where both are.

    Source: McCandlish et al. 2018, arXiv 1812.06162, equation 2.9.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return noise.trace / noise.squared_norm


def batch_noise(noise: GradientNoise, *, batch_size: int, examples: int) -> Float[np.ndarray, " n"]:
    """E‖g − G‖² / ‖G‖² of the gradient g of a batch drawn without replacement: B_simple / B · (1 − B / N).

    0 for a batch of all examples, 1 where noise and gradient are equally large.

    Args:
        noise: Moments over the training set.
        batch_size: B, from 1 to N.
        examples: N.

    Returns:
        As `noise_scale`.
    """
    return noise_scale(noise) / batch_size * (1.0 - batch_size / examples)
