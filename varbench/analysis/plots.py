"""What figures are drawn from, as plain lists: it travels inside `analysis.json`."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import disagreement_matrix, instability, vote_counts
from varbench.measures.scores import accuracy_per_run, correctness, loss_per_run
from varbench.measures.weights import relative_distance_matrix

FLIPS = 12
"""How many of the examples that flip most are shown."""

MATRIX_RUNS = 128
"""Pairwise matrices are stored for so many runs at most, the first ones."""

CURVE_RUNS = 128
"""Curves are stored for so many runs at most, the first ones."""


def plots(
    population: PopulationArrays,
    *,
    curves: dict[str, np.ndarray],
    steps: Int[np.ndarray, " C"],
    x_test: np.ndarray,
) -> dict[str, Any]:
    """Runs, matrices, instability, flips and curves of one population.

    Args:
        population: Its arrays.
        curves: name → [R, C] float.
        steps: Steps [C] of the curves.
        x_test: Test examples [E, *shape], to show the ones that flip.
    """
    labels = population.predicted_labels
    first = labels[:MATRIX_RUNS]
    classes = population.logits.shape[2]
    disagreement = disagreement_matrix(first, n_classes=classes)
    matrices = {"disagreement": _rounded(disagreement)}
    if population.weights is not None:
        matrices["weight_distance"] = _rounded(relative_distance_matrix(population.weights[:MATRIX_RUNS]))
    votes = vote_counts(labels, n_classes=classes)
    unstable = instability(votes)
    accuracy = accuracy_per_run(correctness(labels, population.labels))
    loss = np.where(population.usable, loss_per_run(population.logits, population.labels), np.nan)
    return {
        "runs": {
            "accuracy": _rounded(accuracy),
            "loss": _rounded(loss),
            "finished": [bool(f) for f in population.finished],
        },
        "matrices": matrices,
        "order": clustering_order(disagreement),
        "instability": _rounded(np.sort(unstable)[::-1]),
        "flips": _flips(unstable, votes, population.labels, x_test),
        "curves": {
            "step": [int(s) for s in steps],
            **{name: _rounded(curve[:CURVE_RUNS]) for name, curve in curves.items()},
        },
    }


def clustering_order(distances: Float[np.ndarray, "R R"]) -> list[int]:
    """Order of the runs in which an average-linkage clustering puts similar ones side by side.

    Distances that are not finite count as the largest one. Optimal leaf ordering makes the order unique up to ties.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(distances) < 3:
        return list(range(len(distances)))
    largest = np.nanmax(distances, initial=1.0, where=np.isfinite(distances))
    clean = np.where(np.isfinite(distances), distances, largest)
    np.fill_diagonal(clean, 0.0)
    tree = linkage(squareform((clean + clean.T) / 2, checks=False), method="average", optimal_ordering=True)
    return [int(i) for i in leaves_list(tree)]


def _flips(
    unstable: np.ndarray, votes: np.ndarray, labels: Int[np.ndarray, " E"], x_test: np.ndarray
) -> list[dict[str, Any]]:
    most = np.argsort(-unstable, kind="stable")[:FLIPS]
    return [
        {
            "example": int(i),
            "label": int(labels[i]),
            "instability": float(unstable[i]),
            "votes": [int(v) for v in votes[i, :-1]],
            "x": _rounded(np.asarray(x_test[i], dtype=np.float64).ravel()),
            "shape": list(x_test[i].shape),
        }
        for i in most
        if unstable[i] > 0
    ]


def _rounded(values: np.ndarray) -> Any:
    """Nested lists with six significant digits: enough to draw from; what is not finite becomes None."""
    flat = [float(f"{v:.6g}") if np.isfinite(v) else None for v in np.asarray(values, dtype=np.float64).ravel()]
    for size in reversed(np.shape(values)[1:]):
        flat = [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat
