"""How often runs predict different labels, on which examples, and how that compares with their errors."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.level import ECE_BINS
from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.catalogue.pairs import mean_of_row_sums
from varbench.analysis.population import PopulationArrays
from varbench.measures.agreement import chance_disagreement_row_sums, error_consistency_row_sums, undefined_kappas
from varbench.measures.blocks import blocks
from varbench.measures.calibration import (
    class_aggregated_calibration_error,
    class_aggregated_calibration_error_left_out,
)
from varbench.measures.predictions import (
    disagreement_row_sums,
    held_out_instability,
    instability,
    instability_left_out,
    instability_share,
    vote_counts,
)
from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import (
    jackknife_estimate,
    mean_left_out,
    pair_mean,
    pair_mean_left_out,
    ratio_left_out,
)
from varbench.stats.ranked import ranked_share_estimate

FRACTION = (0.0, 1.0)
SHARES = (0.01, 0.05, 0.10)
"""Most unstable shares of the examples that `instability_share` is given for."""

MOST_FOLDS = 8  # of two runs or more, whose disagreement is read on examples that the other runs rank


@measure(
    "disagreement",
    label="Disagreement",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples on which two runs predict different labels.",
    respects_levels=True,
    spread=True,
)
def disagreement(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of all runs, from vote counts; jackknife over runs.

    Where runs share levels, over the pairs that share none, if there are any; jackknife over levels.
    """
    estimate = mean_of_row_sums(
        partial(_row_sums, population),
        population.n_runs,
        population.shared,
        level=level,
        n_examples=population.n_examples,
        bounds=FRACTION,
    )
    return [(None, estimate)]


@measure(
    "disagreement_over_error",
    label="Disagreement over error",
    unit="ratio",
    better="none",
    meaning="Disagreement over mean error: about 1 if the runs' ensemble is calibrated, 0 if all runs err alike.",
    spread=True,
)
def disagreement_over_error(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Ratio of means over all runs; the jackknife leaves a run out of both."""
    row_sums, errors = _row_sums(population), 1.0 - population.accuracy
    mean_error = float(errors.mean())
    reason = "no run makes an error" if mean_error == 0 else "a mean over pairs needs at least 2 runs"
    estimate = jackknife_estimate(
        _disagreement(population) / mean_error if mean_error > 0 else math.nan,
        ratio_left_out(pair_mean_left_out(row_sums), mean_left_out(errors)),
        level=level,
        n_examples=population.n_examples,
        bounds=(0.0, math.inf),
        reason=reason,
    )
    return [(None, estimate)]


@measure(
    "error_consistency",
    label="Error consistency",
    unit="kappa",
    better="none",
    meaning="Cohen's kappa of two runs' correctness: 1 if they miss the same examples, 0 if overlap is chance.",
    respects_levels=True,
    spread=True,
)
def error_consistency(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of all runs; jackknife over runs.

    Where runs share levels, over the pairs that share none, if there are any; jackknife over levels. Measured coverage
    of a nominal 95 % (8,000 repetitions): R = 16 .949 to .971, R = 64 .951 to .956.
    """
    correct = population.correct
    estimate = mean_of_row_sums(
        lambda rows: error_consistency_row_sums(correct[rows]),
        population.n_runs,
        population.shared,
        level=level,
        n_examples=population.n_examples,
        bounds=(-1.0, 1.0),
        reason="kappa is not defined for two runs that are both right, or both wrong, everywhere",
        undefined=lambda rows: undefined_kappas(correct[rows]),
    )
    return [(None, estimate)]


@measure(
    "cace",
    label="Calibration error of the votes",
    unit="fraction",
    better="lower",
    meaning="Class-aggregated calibration error of the runs' votes: how far from right a class with so many votes is "
    "on average. Of many runs, disagreement and error differ by no more than about this.",
    spread=True,
)
def cace(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Over all runs, 15 equal-width bins of the share of votes; jackknife over runs.

    Where a run is left out, examples change their bins, and the sum of absolute gaps is not smooth: the interval is too
    wide, .98 to 1 at R = 16 and 64 (500 repetitions), for the value of so many runs and for that of many.
    """
    about = {"bins": ECE_BINS}
    value = class_aggregated_calibration_error(population.votes, population.labels, **about)
    left_out = class_aggregated_calibration_error_left_out(
        population.predicted_labels, population.votes, population.labels, **about
    )
    n_examples = population.n_examples
    return [(None, jackknife_estimate(value, left_out, level=level, n_examples=n_examples, bounds=(0.0, 2.0)))]


@measure(
    "prediction_kappa",
    label="Agreement beyond chance",
    unit="kappa",
    better="higher",
    meaning="Kappa of two runs' predicted labels: 1 if they always agree, 0 if no more often than by chance.",
    spread=True,
)
def prediction_kappa(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """1 − disagreement over the disagreement by chance, means over pairs of all runs; jackknife over runs.

    Measured coverage of a nominal 95 % (8,000 repetitions): R = 16 .955 to .965, without effects of the runs' quality
    .976 (a little too wide); R = 64 .951 to .957.
    """
    row_sums = _row_sums(population)
    chance = chance_disagreement_row_sums(population.predicted_labels, n_classes=population.n_classes)
    by_chance = pair_mean(chance)
    one_label = population.n_runs > 1 and by_chance < 1e-12
    reason = "all runs predict one label on all examples" if one_label else "a mean over pairs needs at least 2 runs"
    left_out = ratio_left_out(pair_mean_left_out(row_sums), pair_mean_left_out(chance))
    estimate = jackknife_estimate(
        math.nan if one_label else 1.0 - _disagreement(population) / by_chance,
        1.0 - left_out,
        level=level,
        n_examples=population.n_examples,
        bounds=(-1.0, 1.0),
        reason=reason,
    )
    return [(None, estimate)]


@measure(
    "instability",
    label="Mean instability of an example",
    unit="fraction",
    better="lower",
    meaning="Chance that two runs disagree on an example, averaged over examples; equal to the disagreement.",
    respects_levels=True,
    spread=True,
)
def mean_instability(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over examples of the unbiased instability, which is `disagreement`."""
    return disagreement(population, level=level, key=key)


@measure(
    "instability_share",
    label="Instability carried by the most unstable examples",
    unit="fraction",
    better="none",
    meaning="Part of all disagreement that falls on the given share of the examples, the most unstable ones.",
    spread=True,
)
def share_of_instability(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """For each share in `SHARES`, over all runs; the examples are ranked again for each run left out.

    What ranking by noise adds, and the interval's coverage: see `ranked_share_estimate`.
    """
    values = instability(population.votes)
    n_runs, n_examples = population.n_runs, population.n_examples
    left_out = np.full((len(SHARES), n_runs), math.nan)
    if n_runs > 2:
        for part in blocks(n_runs, bytes_each=8 * n_examples):
            each = instability_left_out(population.predicted_labels[part], population.votes)
            left_out[:, part] = [instability_share(each, share=share) for share in SHARES]
    reason = "no two runs disagree" if n_runs > 1 else "a mean over pairs needs at least 2 runs"
    folds = min(MOST_FOLDS, n_runs // 2)
    held_out = held_out_instability(population.predicted_labels, population.votes, shares=SHARES, folds=folds)
    found: list[tuple[At, Estimate]] = []
    for share, without, carried in zip(SHARES, left_out, held_out.carried, strict=True):
        estimate = ranked_share_estimate(
            float(instability_share(values, share=share)),
            without,
            carried=carried,
            total=held_out.total,
            level=level,
            n_examples=n_examples,
            bounds=(share, 1.0),
            reason=reason,
        )
        found.append((share, estimate))
    return found


def _disagreement(population: PopulationArrays) -> float:
    """The value of `disagreement`, NaN for one run."""
    value = disagreement(population, level=0.95, key=0)[0][1].value
    return math.nan if value is None else value


def _row_sums(population: PopulationArrays, rows: Int[np.ndarray, " r"] | None = None) -> Float[np.ndarray, " r"]:
    """Σ_s D_rs over all runs, or over some."""
    if rows is None or len(rows) == population.n_runs:
        return disagreement_row_sums(population.predicted_labels, population.votes)
    labels = population.predicted_labels[rows]
    return disagreement_row_sums(labels, vote_counts(labels, n_classes=population.n_classes))
