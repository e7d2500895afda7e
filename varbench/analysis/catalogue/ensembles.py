"""What averaging the probabilities of M runs gives, for M in powers of two up to half the runs."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.level import ECE_BINS, ece_of_runs
from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.ensembles import (
    Subsets,
    SubsetScores,
    brier_spread_row_sums,
    disjoint_pairs,
    ensemble_sizes,
    member_subsets,
    pair_disagreement,
    subset_scores,
)
from varbench.measures.predictions import disagreement_row_sums, predicted_labels, vote_counts
from varbench.stats.estimate import Estimate, missing
from varbench.stats.jackknife import (
    jackknife_estimate,
    mean_left_out,
    pair_mean,
    pair_mean_estimate,
    pair_mean_left_out,
)
from varbench.stats.mean import mean_estimate
from varbench.stats.streams import SUBSET_PAIRS, SUBSETS, generator
from varbench.stats.subsets import subset_mean_estimate

FRACTION = (0.0, 1.0)
SUBSET_LIMIT = 1024
"""Ensembles of one size: all where there are no more, otherwise this many random ones."""

PAIR_LIMIT = 512
"""Pairs of disjoint ensembles of one size, likewise."""


@measure(
    "ensemble_accuracy",
    label="Accuracy of an ensemble",
    unit="fraction",
    better="higher",
    meaning="Test accuracy of the averaged probabilities of M runs.",
    needs=("probabilities",),
)
def ensemble_accuracy(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs for M = 1, plus the mean gain over subsets for larger ensembles."""
    return _curve(population, "accuracy", level=level, key=key, bounds=FRACTION)


@measure(
    "ensemble_loss",
    label="Loss of an ensemble",
    unit="nats",
    better="lower",
    meaning="Test cross-entropy of the averaged probabilities of M runs.",
    needs=("probabilities",),
)
def ensemble_loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs for M = 1, plus the mean change over subsets for larger ensembles.

    No value where M runs give some right class a probability of exactly 0: their ensemble has an infinite loss.
    """
    return _curve(population, "loss", level=level, key=key, bounds=(0.0, math.inf))


@measure(
    "ensemble_brier",
    label="Brier score of an ensemble",
    unit="score",
    better="lower",
    meaning="Brier score of the averaged probabilities of M runs, over all choices of the M.",
    needs=("probabilities",),
)
def ensemble_brier(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Brier_1 − (1 − 1/M) V: exact over all subsets, none is formed."""
    single = _per_run(population, "brier")
    row_sums = brier_spread_row_sums(population.usable_logits) if len(single) > 1 else np.zeros(len(single))
    curve: list[tuple[At, Estimate]] = []
    for size in ensemble_sizes(len(single)):
        shrink = 1.0 - 1.0 / size
        value = float(single.mean()) - shrink * pair_mean(row_sums)
        left_out = mean_left_out(single) - (shrink * pair_mean_left_out(row_sums) if shrink else 0.0)
        estimate = jackknife_estimate(value, left_out, level=level, n_examples=population.n_examples, bounds=(0.0, 2.0))
        curve.append((size, estimate))
    return curve or _too_few(population, level=level, needed=2)


@measure(
    "ensemble_ece",
    label="Calibration error of an ensemble",
    unit="fraction",
    better="lower",
    meaning="Mean gap between the confidence of the averaged probabilities of M runs and how often they are right.",
    needs=("probabilities",),
)
def ensemble_ece(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs for M = 1, plus the mean change over subsets for larger ensembles."""
    return _curve(population, "ece", level=level, key=key, bounds=FRACTION)


@measure(
    "ensemble_gain",
    label="Gain of an ensemble",
    unit="pp",
    better="higher",
    meaning="Accuracy of the averaged probabilities of M runs, above the mean accuracy of its members.",
    needs=("probabilities",),
)
def ensemble_gain(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over subsets of accuracy − mean member's accuracy, for M of 2 and more."""
    n_runs = int(population.usable.sum())
    nothing = np.zeros(n_runs)
    curve: list[tuple[At, Estimate]] = [
        (size, _point(population, "accuracy", size, base=nothing, level=level, key=key, bounds=(-1.0, 1.0)))
        for size in ensemble_sizes(n_runs)[1:]
    ]
    return curve or _too_few(population, level=level, needed=4)


@measure(
    "ensemble_disagreement",
    label="Disagreement of two ensembles",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples on which two ensembles of M other runs each predict different labels.",
    needs=("probabilities",),
)
def ensemble_disagreement(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of disjoint ensembles; M = 1 is the disagreement of the usable runs, over all pairs."""
    logits, n_examples = population.usable_logits, population.n_examples
    n_runs = len(logits)
    sizes = ensemble_sizes(n_runs)
    if not sizes:
        return _too_few(population, level=level, needed=2)
    labels = predicted_labels(logits)
    row_sums = disagreement_row_sums(labels, vote_counts(labels, n_classes=population.n_classes))
    curve: list[tuple[At, Estimate]] = [
        (sizes[0], pair_mean_estimate(row_sums, level=level, n_examples=n_examples, bounds=FRACTION))
    ]
    pairs = [
        disjoint_pairs(n_runs, size, limit=PAIR_LIMIT, generator=generator(key, SUBSET_PAIRS)) for size in sizes[1:]
    ]
    differing = pair_disagreement(logits, [chosen.members for chosen in pairs])
    for size, (members, exhaustive), values in zip(sizes[1:], pairs, differing, strict=True):
        estimate = subset_mean_estimate(
            values,
            members.reshape(len(members), -1),
            base=0.0,
            base_left_out=np.zeros(n_runs),
            exhaustive=exhaustive,
            level=level,
            n_examples=n_examples,
            bounds=FRACTION,
        )
        curve.append((size, estimate))
    return curve


def _curve(
    population: PopulationArrays, score: str, *, level: float, key: int, bounds: tuple[float, float]
) -> list[tuple[At, Estimate]]:
    single = _per_run(population, score)
    curve: list[tuple[At, Estimate]] = []
    for size in ensemble_sizes(len(single)):
        infinite = _infinite_loss(population, size) if score == "loss" else ""
        if infinite:
            estimate = missing(infinite, level=level, n_runs=len(single), n_examples=population.n_examples)
        elif size == 1:
            estimate = mean_estimate(single, level=level, n_examples=population.n_examples, bounds=bounds)
        else:
            estimate = _point(population, score, size, base=_finite(single), level=level, key=key, bounds=bounds)
        curve.append((size, estimate))
    return curve or _too_few(population, level=level, needed=2)


def _point(
    population: PopulationArrays,
    score: str,
    size: int,
    *,
    base: Float[np.ndarray, " r"],
    level: float,
    key: int,
    bounds: tuple[float, float],
) -> Estimate:
    """Mean of `base` plus the mean over subsets of the ensemble's score − its members' mean score.

    The members' mean is known exactly over all subsets, so only the difference is left to the random ones.
    """
    (members, exhaustive), scored = _subsets(population, key=key)[size]
    change = getattr(scored, score) - _finite(_per_run(population, score))[members].mean(axis=1)
    return subset_mean_estimate(
        change,
        members,
        base=float(base.mean()),
        base_left_out=mean_left_out(base),
        exhaustive=exhaustive,
        level=level,
        n_examples=population.n_examples,
        bounds=bounds,
    )


def _subsets(population: PopulationArrays, *, key: int) -> dict[int, tuple[Subsets, SubsetScores]]:
    """The ensembles of every size from 2 and their scores, shared by the measures of the curve.

    All sizes are drawn by the same stream: each random ensemble begins with one of half its size.
    """

    def compute() -> dict[int, tuple[Subsets, SubsetScores]]:
        logits = population.usable_logits
        sizes = ensemble_sizes(len(logits))[1:]
        chosen = [
            member_subsets(len(logits), size, limit=SUBSET_LIMIT, generator=generator(key, SUBSETS)) for size in sizes
        ]
        scored = subset_scores(logits, population.labels, [subsets.members for subsets in chosen], bins=ECE_BINS)
        return dict(zip(sizes, zip(chosen, scored, strict=True), strict=True))

    return population.derived(("ensembles", key), compute)


def _per_run(population: PopulationArrays, score: str) -> Float[np.ndarray, " r"]:
    """Scores of the usable runs by themselves."""
    if score == "accuracy":
        return population.accuracy[population.usable]
    if score == "ece":
        return ece_of_runs(population)
    return population.loss if score == "loss" else population.brier


def _finite(single: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    """The runs' own scores, which an ensemble's are held against; 0 for all where one is infinite."""
    return single if np.isfinite(single).all() else np.zeros(len(single))


def _infinite_loss(population: PopulationArrays, size: int) -> str:
    """Why ensembles of so many runs have an infinite mean loss, or nothing."""
    if size == 1:
        return population.infinite_loss
    count = int(np.count_nonzero(population.ruled_out.sum(axis=0) >= size))
    if not count:
        return ""
    return (
        f"the right classes of {count:,} of {population.n_examples:,} examples have probability exactly 0 in {size} "
        "runs or more, so the log loss of their ensemble is infinite"
    )


def _too_few(population: PopulationArrays, *, level: float, needed: int) -> list[tuple[At, Estimate]]:
    n_runs = int(population.usable.sum())
    reason = f"an ensemble curve needs at least {needed} finished runs, there are {n_runs}"
    return [(None, missing(reason, level=level, n_runs=n_runs, n_examples=population.n_examples))]
