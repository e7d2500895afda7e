"""Which modes of a mixture of Gaussians a generator's samples reach, and how evenly."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

QUALITY = 3.0
"""SDs from the nearest center within which a sample is of high quality (Srivastava et al. 2017, section 4.1)."""

NEAR = 0.25
"""Share of the distance between neighboring modes within which a sample belongs to a mode, however blurred."""

KEPT = 0.1
"""Share of what it would have of evenly spread samples that a mode needs in order not to be lost."""


def mode_counts(
    samples: Float[np.ndarray, "*s n d"], centers: Float[np.ndarray, "K d"], *, radius: float
) -> Int[np.ndarray, "*s K"]:
    """How many samples each mode has: those to which its center is the nearest, and within a radius.

    Samples that are not finite belong to no mode.

    Args:
        samples: Sets of n samples.
        centers: Means of the modes.
        radius: Three SDs for samples of high quality; a quarter of the `spacing` for those that belong to a mode.
    """
    distances = np.linalg.norm(samples[..., None, :] - centers, axis=-1)
    distances = np.where(np.isnan(distances), np.inf, distances)
    near = distances.min(-1) <= radius
    chosen = (distances.argmin(-1)[..., None] == np.arange(len(centers))) & near[..., None]
    return np.asarray(chosen.sum(-2))


def spacing(centers: Float[np.ndarray, "K d"]) -> float:
    """Smallest distance between two centers."""
    distances = np.linalg.norm(centers[:, None] - centers, axis=-1)
    return float(distances[~np.eye(len(centers), dtype=bool)].min())


def kept_modes(counts: Int[np.ndarray, "*s K"], *, n_samples: int) -> Bool[np.ndarray, "*s K"]:
    """Which modes have at least a tenth of the samples that each would have if they were evenly spread."""
    return np.asarray(counts >= KEPT * n_samples / counts.shape[-1])


def mode_kl(counts: Int[np.ndarray, "*s K"]) -> Float[np.ndarray, " *s"]:
    """KL divergence of the histogram over modes from the uniform one, ln K − H in nats: 0 even, ln K a single mode.

    NaN where no sample belongs to a mode.
    """
    total = counts.sum(-1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    terms = np.where(shares == 0, 0.0, shares * np.log(np.where(shares == 0, 1.0, shares)))
    return np.asarray(np.log(counts.shape[-1]) + terms.sum(-1))
