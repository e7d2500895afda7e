"""Whether a factor of two values can be read from activations by a plane, fitted by least squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

PENALTY = 1e-3
"""Ridge penalty, in units of the variance of a standardized unit."""


class LinearProbe(NamedTuple):
    """A plane in the space of a layer's units.

    Attributes:
        weights: [D].
        bias: The answer is "yes" where activations · weights + bias is greater than 0.
    """

    weights: Float[np.ndarray, " D"]
    bias: float

    def answers(self, activations: Float[np.ndarray, "n D"]) -> Bool[np.ndarray, " n"]:
        """What the probe says of examples."""
        return activations.astype(np.float64) @ self.weights + self.bias > 0


def linear_probe(
    activations: Float[np.ndarray, "N D"], values: Bool[np.ndarray, " N"], *, penalty: float = PENALTY
) -> LinearProbe:
    """Ridge regression of ±1 on standardized units: argmin_{w,b} mean (z·w + b − t)² + penalty · ‖w‖².

    A linear probe (Alain & Bengio 2016, arXiv 1610.01644), in closed form and deterministic. What it finds can be the
    factor, or anything that went along with it in the examples it was fitted on (Belinkov 2022, Computational
    Linguistics 48, 207–219).

    Args:
        activations: Of the examples to fit, positions flattened into units.
        values: The factor of each.
        penalty: Greater than 0, so that units that never vary or repeat others do no harm.

    Returns:
        Weights for activations as they are, standardization undone.
    """
    a = activations.astype(np.float64)
    target = np.where(values, 1.0, -1.0)
    mean, spread = a.mean(axis=0), a.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    z = (a - mean) / scale
    gram = z.T @ z / len(z) + penalty * np.eye(z.shape[1])
    weights = np.linalg.solve(gram, z.T @ (target - target.mean()) / len(z)) / scale
    return LinearProbe(weights, float(target.mean() - mean @ weights))
