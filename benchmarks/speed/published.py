"""The analysis as published codes have it: a loop over pairs of runs, and all over again for each run left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.optimize import linear_sum_assignment


def over_pairs(values: np.ndarray, of_pair: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """[R, R] of a number for each pair of runs, one pair after another; 0 on the diagonal."""
    n = len(values)
    matrix = np.zeros((n, n))
    for a in range(n):
        for b in range(a + 1, n):
            matrix[a, b] = matrix[b, a] = of_pair(values[a], values[b])
    return matrix


def leave_one_out(matrix: np.ndarray, *, level: float = 0.95) -> list[float]:
    """Mean over pairs with its jackknife interval: the mean is formed again without each run."""
    n = len(matrix)

    def mean(pairs: np.ndarray) -> float:
        return float((pairs.sum() - np.trace(pairs)) / (len(pairs) * (len(pairs) - 1)))

    value = mean(matrix)
    without = np.array([mean(np.delete(np.delete(matrix, run, 0), run, 1)) for run in range(n)])
    variance = (n - 1) / n * ((without - without.mean()) ** 2).sum()
    half = float(stats.t.ppf(0.5 + level / 2, n - 1) * variance**0.5)
    return [value, value - half, value + half]


def disagreement(a: np.ndarray, b: np.ndarray) -> float:
    """Fraction of examples whose labels differ."""
    return float(np.mean(a != b))


def kappa(a: np.ndarray, b: np.ndarray) -> float:
    """Error consistency as in the code of Geirhos et al. 2020."""
    observed = np.mean(a == b)
    p, q = np.mean(a), np.mean(b)
    expected = p * q + (1 - p) * (1 - q)
    return float((observed - expected) / (1 - expected))


def kappa_sklearn(a: np.ndarray, b: np.ndarray) -> float:
    """The same by scikit-learn."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(a, b))


def weight_distance(a: np.ndarray, b: np.ndarray) -> float:
    """‖a − b‖ / √(‖a‖² + ‖b‖²)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.linalg.norm(a - b) / np.sqrt(a @ a + b @ b))


def disagreement_sklearn(predictions: np.ndarray) -> np.ndarray:
    """All pairs at once by scikit-learn."""
    from sklearn.metrics import pairwise_distances

    return pairwise_distances(predictions, metric="hamming")


def weight_distance_sklearn(weights: np.ndarray) -> np.ndarray:
    """All pairs at once by scikit-learn, which forms ‖a‖² + ‖b‖² − 2ab: nearly equal weights lose their digits."""
    from sklearn.metrics import pairwise_distances

    norms = np.einsum("rp,rp->r", weights, weights, dtype=np.float64)
    return pairwise_distances(weights, metric="euclidean") / np.sqrt(norms[:, None] + norms[None, :])


def cka(x: np.ndarray, y: np.ndarray) -> float:
    """Debiased linear CKA in feature space, as in the notebook of Kornblith et al. 2019."""
    x, y = (z - z.mean(0, keepdims=True) for z in (x.astype(np.float64), y.astype(np.float64)))
    n = len(x)
    rows = [np.einsum("ij,ij->i", z, z) for z in (x, y)]

    def debiased(product: float, a: np.ndarray, b: np.ndarray) -> float:
        return product - n / (n - 2.0) * a.dot(b) + a.sum() * b.sum() / ((n - 1) * (n - 2))

    both = debiased(np.linalg.norm(x.T @ y) ** 2, rows[0], rows[1])
    own = [debiased(np.linalg.norm(z.T @ z) ** 2, r, r) for z, r in zip((x, y), rows, strict=True)]
    return float(both / np.sqrt(own[0] * own[1]))


Layers = dict[str, np.ndarray]
Axes = dict[str, tuple[str | None, ...]]
"""The permutation that acts on each axis of each parameter, or None."""


def permuted(
    axes: Axes, permutations: dict[str, np.ndarray], layers: Layers, name: str, without: int = -1
) -> np.ndarray:
    """One parameter with the permutations applied along its axes, or along all but one."""
    moved = layers[name]
    for axis, group in enumerate(axes[name]):
        if axis != without and group is not None:
            moved = np.take(moved, permutations[group], axis=axis)
    return moved


def git_re_basin(axes: Axes, a: Layers, b: Layers, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Weight matching of one pair, as in the code of Ainsworth et al. 2022: coordinate descent over the groups."""
    sizes: dict[str, int] = {}
    for name, groups in axes.items():
        sizes |= {group: a[name].shape[axis] for axis, group in enumerate(groups) if group is not None}
    names = list(sizes)
    permutations = {group: np.arange(size) for group, size in sizes.items()}
    progress = True
    while progress:
        progress = False
        for index in random.permutation(len(names)):
            group, n = names[index], sizes[names[index]]
            worth = np.zeros((n, n))
            for name, groups in axes.items():
                for axis, other in enumerate(groups):
                    if other == group:
                        first = np.moveaxis(a[name], axis, 0).reshape(n, -1)
                        moved = permuted(axes, permutations, b, name, without=axis)
                        worth += first @ np.moveaxis(moved, axis, 0).reshape(n, -1).T
            _, columns = linear_sum_assignment(worth, maximize=True)
            before = np.vdot(worth, np.eye(n)[permutations[group]])
            after = np.vdot(worth, np.eye(n)[columns])
            if after > before + 1e-12:
                permutations[group], progress = columns, True
    return permutations
