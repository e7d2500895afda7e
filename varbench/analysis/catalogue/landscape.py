"""Curvature of the training loss along training, and slices of the loss surface through runs.

Measured only where a population keeps snapshots: a few hundred Hessian–vector products for every run and snapshot take
longer than everything else in a report, so that they are there for who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.plotdata import plot_data, rounded
from varbench.analysis.population import PopulationArrays
from varbench.measures.curvature import Curvature
from varbench.measures.separation import ulp_triples
from varbench.measures.slices import line, plane_places, plane_points, plane_through, plane_ticks
from varbench.stats.estimate import UNBOUNDED, Estimate
from varbench.stats.mean import mean_estimate

RUNS = 8
"""Curvature is measured for so many runs at most, the first ones."""

KEY = 20_260_101
"""Draws the probes of the curvature: fixed, so that equal weights have equal curvature in every report."""

LINE = np.linspace(-0.5, 1.5, 33)
"""Positions on the line through two runs: 0 is the first, 1 the second."""

GRID, MARGIN = 16, 0.3
"""Points along each axis of the plane through three runs, and the margin around them."""

_NEEDS = ("snapshots", "networks")


@measure(
    "sharpness",
    label="Sharpness",
    unit="none",
    better="none",
    meaning="Largest eigenvalue of the Hessian of the training loss: curvature in the steepest direction.",
    needs=_NEEDS,
)
def sharpness(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over runs of λ_max at the final weights (at None) and at every snapshot (at its step)."""
    return _along(population, lambda found: found.largest, level=level)


@measure(
    "hessian_trace",
    label="Trace of the Hessian",
    unit="none",
    better="none",
    meaning="Sum of the eigenvalues of the Hessian of the training loss: curvature in all directions together.",
    needs=_NEEDS,
)
def hessian_trace(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over runs of Σ λ (Hutchinson; the error of its probes is part of the spread over runs)."""
    return _along(population, lambda found: found.trace, level=level)


@measure(
    "lowest_curvature",
    label="Lowest curvature",
    unit="none",
    better="none",
    meaning="Smallest eigenvalue of the Hessian of the training loss: below 0 where the loss falls off to both sides.",
    needs=_NEEDS,
)
def lowest_curvature(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over runs of λ_min."""
    return _along(population, lambda found: found.smallest, level=level)


@measure(
    "negative_curvature",
    label="Share of negative curvature",
    unit="fraction",
    better="none",
    meaning="Share of the Hessian's total curvature that bends downward: 0 at a minimum, one half where as much "
    "falls as rises.",
    needs=_NEEDS,
)
def negative_curvature(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over runs of Σ_{λ<0} |λ| / Σ |λ| (stochastic Lanczos quadrature)."""
    return _along(population, lambda found: found.negative, level=level, bounds=(0.0, 1.0))


@plot_data("landscape", needs=_NEEDS)
def landscape_points(population: PopulationArrays) -> dict[str, Any] | None:
    """Curvature [r, S] of every measured run at every snapshot."""
    rows, found = _curvature(population)
    if not len(rows):
        return None
    points = {
        "sharpness": found.largest,
        "hessian_trace": found.trace,
        "negative_curvature": found.negative,
        "lowest_curvature": found.smallest,
    }
    shape = (len(rows), -1)
    return {
        "run": [int(row) for row in rows],
        "step": [int(step) for step in _steps(population)],
        **{name: rounded(values.reshape(shape)) for name, values in points.items()},
    }


@plot_data("slices", needs=_NEEDS)
def loss_slices(population: PopulationArrays) -> dict[str, Any] | None:
    """Training and test loss on the line through the first two runs and on the plane through the first three.

    `tracks` [3, S, 2]: where in the plane the snapshots of the three runs come closest to it.
    """
    rows = _rows(population)
    if len(rows) < 2:
        return None
    weights = _final(population, rows[:3])
    found: dict[str, Any] = {"run": [int(row) for row in rows[:3]]}
    found["line"] = {"position": rounded(LINE), **_losses(population, line(weights[0], weights[1], LINE))}
    plane = plane_through(*weights) if len(weights) == 3 else None
    if plane is not None:
        x, y = plane_ticks(plane, points=GRID, margin=MARGIN)
        columns = [_losses(population, plane_points(plane, np.stack([x, np.full(GRID, v)], axis=1))) for v in y]
        found["plane"] = {
            "x": rounded(x),
            "y": rounded(y),
            "runs": rounded(plane.places),
            "tracks": [rounded(plane_places(plane, _snapshots(population)[row])) for row in rows[:3]],
            **{name: [row[name] for row in columns] for name in columns[0]},
        }
    return found


def _along(
    population: PopulationArrays,
    pick: Callable[[Curvature], Float[np.ndarray, " n"]],
    *,
    level: float,
    bounds: tuple[float, float] = UNBOUNDED,
) -> list[tuple[At, Estimate]]:
    """t over runs, for the final weights and for each snapshot."""
    rows, found = _curvature(population)
    steps = _steps(population)
    values = pick(found).reshape(len(rows), len(steps)).astype(np.float64)
    places: list[tuple[At, int]] = [(None, len(steps) - 1), *((float(step), i) for i, step in enumerate(steps))]
    return [(at, mean_estimate(values[:, i], level=level, n_examples=None, bounds=bounds)) for at, i in places]


def _curvature(population: PopulationArrays) -> tuple[Int[np.ndarray, " r"], Curvature]:
    """The measured runs, and their curvature at every snapshot, snapshots fastest."""

    def compute() -> tuple[Int[np.ndarray, " r"], Curvature]:
        rows = _rows(population)[:RUNS]
        if not len(rows) or population.snapshots is None or population.networks is None:
            empty = np.zeros(0)
            return rows[:0], Curvature(empty, empty, empty, empty, empty, empty)
        weights = population.snapshots[rows]
        return rows, population.networks.curvature(weights.reshape(-1, weights.shape[2]), key=KEY)

    return population.derived("curvature", compute)


def _rows(population: PopulationArrays) -> Int[np.ndarray, " r"]:
    """Runs that finished with finite snapshots; of one-ULP triples only the base run, the others being near copies."""
    usable = population.usable_snapshots.copy()
    triples = ulp_triples(population.levels)
    usable[triples.perturbed] = False
    usable[triples.duplicate] = False
    return np.flatnonzero(usable)


def _steps(population: PopulationArrays) -> Int[np.ndarray, " S"]:
    assert population.snapshot_steps is not None  # what needs snapshots is never asked without
    return population.snapshot_steps


def _snapshots(population: PopulationArrays) -> Float[np.ndarray, "R S P"]:
    assert population.snapshots is not None
    return population.snapshots


def _final(population: PopulationArrays, rows: Int[np.ndarray, " r"]) -> Float[np.ndarray, "r P"]:
    return _snapshots(population)[rows, -1]


def _losses(population: PopulationArrays, weights: Float[np.ndarray, "n P"]) -> dict[str, Any]:
    networks = population.networks
    assert networks is not None
    return {f"{split}_loss": rounded(networks.scores(weights, split)[0]) for split in ("train", "test")}
