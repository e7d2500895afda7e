"""Barriers between runs and the distance that is left after relabeling, over disjoint pairs of runs."""

from __future__ import annotations

import math
from typing import get_args

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.matching import cannot_relabel
from varbench.analysis.networks import Split
from varbench.analysis.paths import ALPHAS, Form, pair_ends, path_pairs, paths
from varbench.analysis.population import PopulationArrays
from varbench.measures.barriers import barrier
from varbench.measures.weights import paired_relative_distance
from varbench.stats.disjoint import disjoint_mean_estimate
from varbench.stats.estimate import Estimate, missing

NEEDS = ("networks", "weights")
NOT_FINITE = "the loss is not finite somewhere between two runs"


@measure(
    "loss_barrier",
    label="Loss barrier",
    unit="nats",
    better="lower",
    meaning="Highest rise of the loss between two runs above the straight line between their own losses.",
    needs=NEEDS,
)
def loss_barrier(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint pairs of runs of max_α of the excess loss, on training and on test examples."""
    return _barrier(population, "loss", "raw", level=level)


@measure(
    "loss_barrier_aligned",
    label="Loss barrier, aligned",
    unit="nats",
    better="lower",
    meaning="The loss barrier after the hidden units of the second run were relabeled to match those of the first.",
    needs=NEEDS,
)
def loss_barrier_aligned(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`loss_barrier` between a run and its partner relabeled by weight matching."""
    return _barrier(population, "loss", "aligned", level=level)


@measure(
    "error_barrier",
    label="Error barrier",
    unit="pp",
    better="lower",
    meaning="Highest rise of the error between two runs above the straight line between their own errors.",
    needs=NEEDS,
)
def error_barrier(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint pairs of runs of max_α of the excess error, on training and on test examples."""
    return _barrier(population, "error", "raw", level=level)


@measure(
    "error_barrier_aligned",
    label="Error barrier, aligned",
    unit="pp",
    better="lower",
    meaning="The error barrier after the hidden units of the second run were relabeled to match those of the first.",
    needs=NEEDS,
)
def error_barrier_aligned(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`error_barrier` between a run and its partner relabeled by weight matching."""
    return _barrier(population, "error", "aligned", level=level)


@measure(
    "weight_distance_aligned",
    label="Weight distance, aligned",
    unit="distance",
    better="none",
    meaning="Weight distance after the hidden units of one run were relabeled to match the other's: what relabeling "
    "does not explain.",
    needs=NEEDS,
)
def weight_distance_aligned(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint pairs of runs of ‖a − π(b)‖ / √(‖a‖² + ‖b‖²)."""
    lacking = _lacking(population, "aligned", level=level)
    if lacking is not None:
        return [(None, lacking)]
    first, second, objection = pair_ends(population, "aligned")
    if objection:
        return [(None, missing(objection, level=level, n_runs=2 * len(first), n_examples=None))]
    distances = paired_relative_distance(first, second)
    bounds = (0.0, math.sqrt(2.0))
    return [(None, disjoint_mean_estimate(distances, size=2, level=level, n_examples=None, bounds=bounds))]


def _barrier(population: PopulationArrays, score: str, form: Form, *, level: float) -> list[tuple[At, Estimate]]:
    lacking = _lacking(population, form, level=level)
    if lacking is not None:
        return [(None, lacking)]
    found: list[tuple[At, Estimate]] = []
    splits: tuple[Split, ...] = get_args(Split)
    for split in splits:
        along = paths(population, form, split)
        values = barrier(getattr(along, score), ALPHAS)
        n_examples = population.n_examples if split == "test" else None
        if along.objection:
            estimate = missing(along.objection, level=level, n_runs=2 * len(values), n_examples=n_examples)
        else:
            bounds = (0.0, math.inf if score == "loss" else 1.0)
            estimate = disjoint_mean_estimate(
                values, size=2, level=level, n_examples=n_examples, bounds=bounds, reason=NOT_FINITE
            )
        found.append((split, estimate))
    return found


def _lacking(population: PopulationArrays, form: Form, *, level: float) -> Estimate | None:
    """The reason in place of an estimate, where nothing can be relabeled or there is no pair."""
    n_runs = 2 * len(path_pairs(population))
    reason = cannot_relabel(population) if form == "aligned" else ""
    reason = reason or ("" if n_runs else "a path between two runs needs at least 2 finished runs")
    return missing(reason, level=level, n_runs=n_runs, n_examples=None) if reason else None
