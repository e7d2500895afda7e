"""How far apart the weights of two runs are, whole and by layer, with random initializations beside."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.catalogue.pairs import matrix_mean
from varbench.analysis.population import PopulationArrays
from varbench.measures import lengths
from varbench.measures import weights as geometry
from varbench.stats.estimate import Estimate

LARGEST_DISTANCE = math.sqrt(2.0)


class Distances(NamedTuple):
    """‖w_r − w_s‖ [R, R] and ‖w_r‖ [R] of the usable runs."""

    between: Float[np.ndarray, "r r"]
    norms: Float[np.ndarray, " r"]


@measure(
    "weight_distance",
    label="Weight distance",
    unit="distance",
    better="none",
    meaning="Distance between two runs' weights: 0 for identical weights, 1 for orthogonal ones.",
    needs=("weights",),
    respects_levels=True,
)
def weight_distance(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs of ‖a − b‖ / √(‖a‖² + ‖b‖²), whole and by layer."""
    return _relative(population, "weights", level=level)


@measure(
    "weight_cosine",
    label="Weight cosine",
    unit="cosine",
    better="none",
    meaning="Cosine of the angle between two runs' weights: 1 for the same direction, 0 for orthogonal ones.",
    needs=("weights",),
    respects_levels=True,
)
def weight_cosine(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs of a·b / (‖a‖ ‖b‖), whole and by layer."""
    return _cosine(population, "weights", level=level)


@measure(
    "weight_distance_over_travel",
    label="Weight distance over travel",
    unit="ratio",
    better="none",
    meaning="Distance between two runs' weights over how far training moved them from their own initial weights.",
    needs=(
        "weights",
        "initial_weights",
    ),
    respects_levels=True,
)
def weight_distance_over_travel(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs of ‖a − b‖ over the two runs' mean travel, whole and by layer."""
    found: list[tuple[At, Estimate]] = []
    for path in _paths(population):
        chosen, first = _slice(population, "weights", path), _slice(population, "initial_weights", path)
        travel = lengths.paired_distances(chosen, first)
        pairs = geometry.distance_over_travel(
            _distances(population, "weights", path).between, travel[:, None], travel[None, :]
        )
        reason = "two of the runs did not move from their initial weights"
        found.append((path, _pairs(population, pairs, level=level, bounds=(0.0, math.inf), reason=reason)))
    return found


@measure(
    "initial_weight_distance",
    label="Weight distance at initialization",
    unit="distance",
    better="none",
    meaning="Distance between two runs' initial weights: what unrelated random initializations show.",
    needs=("initial_weights",),
    respects_levels=True,
)
def initial_weight_distance(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`weight_distance` of the initial weights: the null to read it against, 0 where all runs start alike."""
    return _relative(population, "initial_weights", level=level)


@measure(
    "initial_weight_cosine",
    label="Weight cosine at initialization",
    unit="cosine",
    better="none",
    meaning="Cosine of the angle between two runs' initial weights: what unrelated random initializations show.",
    needs=("initial_weights",),
    respects_levels=True,
)
def initial_weight_cosine(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`weight_cosine` of the initial weights: the null to read it against, 1 where all runs start alike."""
    return _cosine(population, "initial_weights", level=level)


def _relative(population: PopulationArrays, which: str, *, level: float) -> list[tuple[At, Estimate]]:
    found: list[tuple[At, Estimate]] = []
    for path in _paths(population):
        between, norms = _distances(population, which, path)
        pairs = geometry.relative_distance(between, norms[:, None], norms[None, :])
        found.append((path, _pairs(population, pairs, level=level, bounds=(0.0, LARGEST_DISTANCE))))
    return found


def _cosine(population: PopulationArrays, which: str, *, level: float) -> list[tuple[At, Estimate]]:
    found: list[tuple[At, Estimate]] = []
    for path in _paths(population):
        pairs = geometry.cosines(_slice(population, which, path), *_distances(population, which, path))
        reason = "the weights of a run are all 0 and have no direction"
        found.append((path, _pairs(population, pairs, level=level, bounds=(-1.0, 1.0), reason=reason)))
    return found


def _pairs(
    population: PopulationArrays,
    matrix: Float[np.ndarray, "r r"],
    *,
    level: float,
    bounds: tuple[float, float],
    reason: str = "",
) -> Estimate:
    shared = population.shared_among(population.usable_weights)
    return matrix_mean(matrix, shared, level=level, n_examples=None, bounds=bounds, reason=reason)


def _paths(population: PopulationArrays) -> list[str | None]:
    """The whole vector, then every layer."""
    return [None, *(path for path, _, _ in population.layers)]


def _slice(population: PopulationArrays, which: str, path: str | None) -> Float[np.ndarray, "r p"]:
    """Weights of the usable runs: all parameters, or those of one layer."""
    array = getattr(population, which)
    for layer, start, stop in population.layers:
        if layer == path:
            array = array[:, start:stop]
    return array if population.usable_weights.all() else array[population.usable_weights]


def _distances(population: PopulationArrays, which: str, path: str | None) -> Distances:
    """Shared by the measures of distance, cosine and travel."""

    def compute() -> Distances:
        chosen = _slice(population, which, path)
        return Distances(lengths.distances(chosen), lengths.norms(chosen))

    return population.derived(("distances", which, path), compute)
