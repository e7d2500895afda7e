"""What averaging the probabilities of M runs gives, for M in powers of two up to half the runs."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.level import ECE_BINS, ece_of_runs
from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.catalogue.pairs import mean_of_row_sums
from varbench.analysis.ensemble_members import Members, ensemble_members
from varbench.analysis.population import PopulationArrays
from varbench.measures.ensembles import (
    Subsets,
    SubsetScores,
    brier_spread_row_sums,
    pair_disagreement,
    subset_scores,
)
from varbench.measures.predictions import disagreement_row_sums, predicted_labels, vote_counts
from varbench.stats.estimate import NO_INTERVAL, Estimate, missing
from varbench.stats.jackknife import (
    jackknife_estimate,
    mean_left_out,
    pair_mean,
    pair_mean_left_out,
)
from varbench.stats.mean import mean_estimate
from varbench.stats.sharing import unrelated_row_sums
from varbench.stats.subsets import subset_mean_estimate

FRACTION = (0.0, 1.0)


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
    """Brier_1 − (1 − 1/M) V: exact over all subsets, none is formed; V over pairs of runs that share no level."""
    single, chosen = _per_run(population, "brier"), ensemble_members(population, key=key)
    spread, left_out_spread = _brier_spread(population, chosen)
    curve: list[tuple[At, Estimate]] = []
    for size in chosen.sizes:
        shrink = 1.0 - 1.0 / size
        value = float(single.mean()) - shrink * spread
        left_out = mean_left_out(single) - (shrink * left_out_spread if shrink else 0.0)
        estimate = jackknife_estimate(value, left_out, level=level, n_examples=population.n_examples, bounds=(0.0, 2.0))
        curve.append((size, _bare_if_shared(estimate, chosen)))
    return curve or _too_few(population, chosen, level=level, needed=2)


def _brier_spread(population: PopulationArrays, chosen: Members) -> tuple[float, Float[np.ndarray, " r"]]:
    """V over the pairs of runs that share no level, and without each run, where runs share none."""
    logits = population.usable_logits
    if chosen.n_runs < 2:
        return 0.0, np.zeros(chosen.n_runs)
    if chosen.shared is None:
        row_sums = brier_spread_row_sums(logits)
        return pair_mean(row_sums), pair_mean_left_out(row_sums)
    sums, partners = unrelated_row_sums(lambda rows: brier_spread_row_sums(logits[rows]), chosen.shared)
    return float(sums.sum() / partners.sum()), np.full(chosen.n_runs, math.nan)


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
    chosen = ensemble_members(population, key=key)
    nothing = np.zeros(chosen.n_runs)
    curve: list[tuple[At, Estimate]] = [
        (size, _point(population, "accuracy", size, base=nothing, level=level, key=key, bounds=(-1.0, 1.0)))
        for size in chosen.sizes[1:]
    ]
    return curve or _too_few(population, chosen, level=level, needed=4)


@measure(
    "ensemble_disagreement",
    label="Disagreement of two ensembles",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples on which two ensembles of M other runs each predict different labels.",
    needs=("probabilities",),
)
def ensemble_disagreement(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of disjoint ensembles; M = 1 is `disagreement` among the usable runs.

    Where runs share levels, over pairs of ensembles that share none, as the disagreement is over such pairs of runs.
    """
    logits, n_examples = population.usable_logits, population.n_examples
    chosen = ensemble_members(population, key=key)
    if not chosen.sizes:
        return _too_few(population, chosen, level=level, needed=2)
    of_runs = partial(_disagreement_row_sums, predicted_labels(logits), population.n_classes)
    single = mean_of_row_sums(
        of_runs, chosen.n_runs, chosen.shared, level=level, n_examples=n_examples, bounds=FRACTION
    )
    curve: list[tuple[At, Estimate]] = [(1, single)]
    pairs = [chosen.pairs(size) for size in chosen.sizes[1:]]
    differing = pair_disagreement(logits, [subsets.members for subsets in pairs])
    for size, (members, exhaustive), values in zip(chosen.sizes[1:], pairs, differing, strict=True):
        estimate = subset_mean_estimate(
            values,
            members.reshape(len(members), -1),
            base=0.0,
            base_left_out=np.zeros(chosen.n_runs),
            exhaustive=exhaustive,
            level=level,
            n_examples=n_examples,
            bounds=FRACTION,
        )
        curve.append((size, _bare_if_shared(estimate, chosen)))
    return curve


def _disagreement_row_sums(
    labels: Int[np.ndarray, "r E"], n_classes: int, rows: Int[np.ndarray, " s"]
) -> Float[np.ndarray, " s"]:
    return disagreement_row_sums(labels[rows], vote_counts(labels[rows], n_classes=n_classes))


def _curve(
    population: PopulationArrays, score: str, *, level: float, key: int, bounds: tuple[float, float]
) -> list[tuple[At, Estimate]]:
    single, chosen = _per_run(population, score), ensemble_members(population, key=key)
    curve: list[tuple[At, Estimate]] = []
    for size in chosen.sizes:
        infinite = _infinite_loss(population, size) if score == "loss" else ""
        if infinite:
            estimate = missing(infinite, level=level, n_runs=len(single), n_examples=population.n_examples)
        elif size == 1:
            estimate = mean_estimate(single, level=level, n_examples=population.n_examples, bounds=bounds)
        else:
            estimate = _point(population, score, size, base=_finite(single), level=level, key=key, bounds=bounds)
        curve.append((size, estimate))
    return curve or _too_few(population, chosen, level=level, needed=2)


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
    chosen = ensemble_members(population, key=key)
    (members, exhaustive), scored = _subsets(population, chosen)[size]
    change = getattr(scored, score) - _finite(_per_run(population, score))[members].mean(axis=1)
    estimate = subset_mean_estimate(
        change,
        members,
        base=float(base.mean()),
        base_left_out=mean_left_out(base),
        exhaustive=exhaustive,
        level=level,
        n_examples=population.n_examples,
        bounds=bounds,
    )
    return _bare_if_shared(estimate, chosen)


def _bare_if_shared(estimate: Estimate, chosen: Members) -> Estimate:
    """Without the interval over runs where they share levels, and what the value is of."""
    if chosen.shared is None:
        return estimate
    reason = f"{chosen.shared.reason}; the value is that of ensembles whose runs share none"
    return replace(estimate, low=None, high=None, method=NO_INTERVAL, resampled="none", reason=reason, freedom=None)


def _subsets(population: PopulationArrays, chosen: Members) -> dict[int, tuple[Subsets, SubsetScores]]:
    """The ensembles of every size from 2 and their scores, shared by the measures of the curve.

    All sizes are drawn by the same stream: each random ensemble begins with one of half its size.
    """

    def compute() -> dict[int, tuple[Subsets, SubsetScores]]:
        logits, sizes = population.usable_logits, chosen.sizes[1:]
        subsets = [chosen.subsets(size) for size in sizes]
        scored = subset_scores(logits, population.labels, [found.members for found in subsets], bins=ECE_BINS)
        return dict(zip(sizes, zip(subsets, scored, strict=True), strict=True))

    return population.derived(("ensembles", chosen.key), compute)


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


def _too_few(population: PopulationArrays, chosen: Members, *, level: float, needed: int) -> list[tuple[At, Estimate]]:
    which = "" if chosen.shared is None else " that share no level"
    reason = f"an ensemble curve needs at least {needed} finished runs{which}, there are {chosen.most}"
    return [(None, missing(reason, level=level, n_runs=chosen.n_runs, n_examples=population.n_examples))]
