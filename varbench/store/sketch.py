"""Weights too many to keep, reduced so that distances survive."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

SKETCH_SIZE = 4096
_SEED = 0x5EED


def count_sketch(weights: Float[np.ndarray, "R P"], *, size: int = SKETCH_SIZE) -> Float[np.ndarray, "R S"]:
    """A linear reduction of [R, P] to [R, size] that keeps squared distances without bias.

    Every parameter is sent to one of `size` buckets with a random sign, the same for all runs and forever; the
    bucket holds the signed sum. Being linear, it maps equal weights to equal sketches and differences to sketches of
    differences; what is not finite stays not finite. The relative standard error of a squared distance is at most
    √(2/size): 2.2 % at 4,096.

    Source: Charikar, Chen and Farach-Colton 2002; Weinberger et al. 2009, arXiv 0902.2206, lemma 2.
    """
    generator = np.random.Generator(np.random.PCG64(_SEED))
    parameters = weights.shape[1]
    buckets = generator.integers(0, size, parameters)
    signs = generator.choice(np.array([-1.0, 1.0]), parameters)
    sketches = np.stack([np.bincount(buckets, weights=row * signs, minlength=size) for row in weights])
    with np.errstate(over="ignore"):  # weights of a diverged run may add up to infinity
        return sketches.astype(np.float32)
