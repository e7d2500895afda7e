"""Curvature of the loss at the weights of runs, as numbers; `probes.hessian` takes them from the networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Curvature(NamedTuple):
    """Curvature of the training loss at n weight vectors.

    Attributes:
        largest: Largest eigenvalue of the Hessian, estimated from below.
        smallest: Smallest eigenvalue, estimated from above.
        trace: Sum of the eigenvalues, without bias.
        trace_se: Its standard error over random probes.
        negative: Σ_{λ<0} |λ| / Σ |λ|, in [0, 1].
        negative_se: Its standard error over random probes.
    """

    largest: Float[np.ndarray, " n"]
    smallest: Float[np.ndarray, " n"]
    trace: Float[np.ndarray, " n"]
    trace_se: Float[np.ndarray, " n"]
    negative: Float[np.ndarray, " n"]
    negative_se: Float[np.ndarray, " n"]
