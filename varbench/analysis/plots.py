"""What figures are drawn from, as plain lists: it travels inside `analysis.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.plotdata import DRAWN, registered_plot_data, rounded, triangle
from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import disagreement_matrix, instability
from varbench.measures.weights import relative_distance_matrix

FLIPS = 12
"""How many of the examples that flip most are shown."""

MATRIX_RUNS = 128
"""Pairwise matrices are stored for so many runs at most, the first ones."""

CURVE_RUNS = 16
"""Curves are stored for so many runs at most, the first ones."""


def plots(
    population: PopulationArrays,
    *,
    curves: dict[str, np.ndarray] | None = None,
    steps: Int[np.ndarray, " C"] | None = None,
    x_test: np.ndarray | None = None,
    examples: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Runs, matrices, instability, flips and curves of one population, and what the families of measures add.

    Args:
        population: Its arrays.
        curves: name → [R, C] float, where there are any.
        steps: Steps [C] of the curves.
        x_test: Test examples [E, *shape], to show the ones that flip; without them only their votes are given.
        examples: What they are called [E]; by default their numbers.
    """
    first = population.predicted_labels[:MATRIX_RUNS]
    disagreement = disagreement_matrix(first, n_classes=population.n_classes)
    matrices = {"disagreement": triangle(rounded(disagreement))}
    orders: dict[str, list[int]] = {}
    if population.weights is not None:
        usable = population.usable_weights[:MATRIX_RUNS]
        among = np.full((len(usable), len(usable)), np.nan)
        among[np.ix_(usable, usable)] = relative_distance_matrix(population.weights[:MATRIX_RUNS][usable])
        matrices["weight_distance"] = triangle(rounded(among))
        orders["weight_distance"] = clustering_order(among)
    unstable = instability(population.votes)
    runs = {"accuracy": rounded(population.accuracy), "finished": [bool(f) for f in population.finished]}
    if not population.lacks("log_loss") and not population.infinite_loss:
        loss = np.full(population.n_runs, np.nan)
        loss[population.usable] = population.loss
        runs["loss"] = rounded(loss)
    found = {
        "runs": runs,
        "matrices": matrices,
        "order": clustering_order(disagreement),
        "orders": orders,
        "instability": rounded(np.sort(unstable)[::-1]),
        "flips": _flips(unstable, population.votes, population.labels, x_test, examples),
        **registered_plot_data(population),
    }
    if curves is not None and steps is not None:
        points = {name: rounded(curve[:CURVE_RUNS], digits=DRAWN) for name, curve in curves.items()}
        found["curves"] = {"step": [int(s) for s in steps], **points}
    return found


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
    unstable: np.ndarray,
    votes: np.ndarray,
    labels: Int[np.ndarray, " E"],
    x_test: np.ndarray | None,
    examples: Sequence[str] | None,
) -> list[dict[str, Any]]:
    most = np.argsort(-unstable, kind="stable")[:FLIPS]
    return [
        {
            "example": int(i) if examples is None else examples[i],
            "label": int(labels[i]),
            "instability": float(unstable[i]),
            "votes": [int(v) for v in votes[i, :-1]],
            **_picture(x_test, i),
        }
        for i in most
        if unstable[i] > 0
    ]


def _picture(x_test: np.ndarray | None, example: int) -> dict[str, Any]:
    if x_test is None:
        return {}
    x = np.asarray(x_test[example], dtype=np.float64)
    return {"x": rounded(x.ravel(), digits=DRAWN), "shape": list(x.shape)}
