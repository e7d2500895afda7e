"""The minimum of a convex problem by another method than training, and weights without the softmax's flat direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from varbench.analysis.population import PopulationArrays
from varbench.data import Dataset
from varbench.data.dataset import standardize
from varbench.measures.scores import logs_of, softmax

ROUNDING = 1e-3
"""Largest change of a log-probability that counts as none."""


def minimum(data: Dataset, *, penalty: float) -> tuple[Float[np.ndarray, " P"], float]:
    """Weights [K + F·K] (biases, then the matrix by rows) that minimize mean cross-entropy + penalty/2 · ‖w‖².

    By L-BFGS in float64 from 0. Without a penalty the softmax has a flat direction; the solution is the one without
    any component in it. No minimum exists without a penalty where the classes can be separated.

    Returns:
        The weights, and the cross-entropy there on the training examples.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    x = np.asarray(standardize(data.x_train, data.mean, data.std), np.float64).reshape(len(data.y_train), -1)
    x = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    rows = np.arange(len(x))

    def objective(flat: Any) -> Any:
        w = flat.reshape(x.shape[1], data.classes)
        logs = log_softmax(x @ w, axis=1)
        excess = np.exp(logs)
        excess[rows, data.y_train] -= 1.0
        gradient = x.T @ excess / len(x) + penalty * w
        return float(-logs[rows, data.y_train].mean() + 0.5 * penalty * flat @ flat), gradient.ravel()

    start = np.zeros(x.shape[1] * data.classes)
    options = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 0.0, "gtol": 1e-9}
    solve: Any = minimize
    found = np.asarray(solve(objective, start, jac=True, method="L-BFGS-B", options=options).x)
    return found, objective(found)[0] - 0.5 * penalty * float(found @ found)


def centered(weights: Float[np.ndarray, "n P"], population: PopulationArrays) -> Float[np.ndarray, "n P"] | str:
    """Weights with the mean over the classes taken off the readout: one vector added to all classes changes nothing.

    Returns:
        The weights, or why there are none: the last layer is no readout, or the predictions are not the same after.
    """
    if population.networks is None:
        return "the networks themselves are not at hand"
    leaves = population.networks.leaves
    module = leaves[-1].path.rpartition("/")[0]
    readout = [leaf for leaf in leaves if leaf.path.rpartition("/")[0] == module]
    if any(leaf.shape[-1:] != (population.n_classes,) for leaf in readout):
        return "the last layer has another size than the classes"
    moved = weights.astype(np.float64)
    for leaf in readout:
        block = moved[:, leaf.start : leaf.stop].reshape(len(moved), -1, population.n_classes)
        moved[:, leaf.start : leaf.stop] = (block - block.mean(-1, keepdims=True)).reshape(len(moved), -1)
    before, after = (
        logs_of(softmax(population.networks.logits(w[:1].astype(np.float32), "test"))) for w in (weights, moved)
    )
    unchanged = np.abs(before - after).max() <= ROUNDING * (1.0 + np.abs(before).max())
    return moved if unchanged else "the predictions are others without the direction that should be flat"
