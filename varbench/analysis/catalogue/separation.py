"""The one-ULP protocol: whether it was kept, and how the pairs part. Base runs are the sample, each gives one pair."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.plotdata import plot_data, rounded
from varbench.analysis.population import PopulationArrays
from varbench.analysis.ulp import Pairs, ceiling_of, no_protocol, pairs_of, protocol_kept
from varbench.measures.separation import FEWEST, early_rates
from varbench.stats.estimate import NO_INTERVAL, Estimate, estimate_of, missing
from varbench.stats.jackknife import (
    jackknife_estimate,
    mean_left_out,
    off_diagonal_row_sums,
    pair_mean,
    pair_mean_left_out,
    ratio_left_out,
)
from varbench.stats.mean import mean_estimate

LARGEST_DISTANCE = math.sqrt(2.0)


@measure(
    "ulp_one_word",
    label="Pairs that begin one word apart",
    unit="fraction",
    better="none",
    meaning="Fraction of the one-ULP pairs whose initial weights differ in exactly one 32-bit word, as they must.",
    needs=("levels", "initial_weights"),
    respects_levels=True,
)
def ulp_one_word(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """A check, without interval: 1 or the protocol was not kept."""
    return _check(population, "one word", level=level)


@measure(
    "ulp_duplicate_equal",
    label="Untouched duplicates equal bit for bit",
    unit="fraction",
    better="none",
    meaning="Fraction of the one-ULP pairs whose untouched duplicate ended with the base run's weights and "
    "predictions, bit for bit: whatever parts a pair is then the one word.",
    needs=("levels", "weights"),
    respects_levels=True,
)
def ulp_duplicate_equal(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """A check, without interval: 1 or the protocol was not kept."""
    return _check(population, "duplicate", level=level)


@measure(
    "separation",
    label="Separation from one ULP",
    unit="distance",
    better="none",
    meaning="Distance between the weights of a run and of its twin that began one ULP apart, at a step of the "
    "training: the geometric mean over pairs; 0 for identical weights, 1 for orthogonal ones.",
    needs=("levels", "initial_weights", "weights", "snapshots"),
    respects_levels=True,
)
def separation(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """At every snapshot exp(mean ln d), t over base runs of ln d; pairs that are not apart at that step are left out.

    The curves run through many decades, in which pairs differ by factors: the logarithm makes those differences
    symmetric, and the interval is exact for log-normal distances. Measured coverage of a nominal 95 % there, with 16
    and 64 base runs (1,500 repetitions): .945 and .939.
    """

    def estimates(pairs: Pairs, steps: Int[np.ndarray, " S"]) -> list[tuple[At, Estimate]]:
        return [(float(step), _geometric(pairs.curves[:, i], level=level)) for i, step in enumerate(steps)]

    return _of_pairs(population, estimates, level=level)


@measure(
    "separation_rate",
    label="Early rate of separation",
    unit="per step",
    better="none",
    meaning="Exponential rate, per step, at which one-ULP pairs part before their distance reaches a tenth of that "
    "between independent runs; ln 2 over it is the doubling time.",
    needs=("levels", "initial_weights", "weights", "snapshots"),
    respects_levels=True,
)
def separation_rate(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """t over base runs of the slope of ln d over the step (see `measures.separation.early_rates`)."""

    def estimates(pairs: Pairs, steps: Int[np.ndarray, " S"]) -> list[tuple[At, Estimate]]:
        rates = early_rates(pairs.curves, steps, ceiling=ceiling_of(pairs))
        known = rates[np.isfinite(rates)]
        if not len(known):
            reason = f"no pair has {FEWEST} snapshots before its growth saturates: keep more snapshots"
            return [(None, missing(reason, level=level, n_runs=0, n_examples=None))]
        return [(None, _of_bases(mean_estimate(known, level=level, n_examples=None)))]

    return _of_pairs(population, estimates, level=level)


@measure(
    "separation_saturation",
    label="Separation over that of independent runs",
    unit="ratio",
    better="none",
    meaning="Final distance of one-ULP pairs over that of independent runs: 1 if one ULP ends as far apart as another "
    "run altogether.",
    needs=("levels", "initial_weights", "weights", "snapshots"),
    respects_levels=True,
)
def separation_saturation(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean final distance of pairs over the mean between different base runs, jackknife over base runs.

    Measured coverage of a nominal 95 %, with 16 and 64 base runs whose effects enter both (1,500 repetitions): .949
    and .955.
    """

    def estimates(pairs: Pairs, steps: Int[np.ndarray, " S"]) -> list[tuple[At, Estimate]]:
        return [(None, _ratio(pairs.curves[:, -1], pairs.independent[-1], level=level))]

    return _of_pairs(population, estimates, level=level)


@measure(
    "separation_disagreement",
    label="Disagreement of one-ULP pairs",
    unit="fraction",
    better="none",
    meaning="Fraction of test examples on which a run and its twin that began one ULP apart disagree at the end.",
    needs=("levels", "initial_weights", "weights", "snapshots"),
    respects_levels=True,
)
def separation_disagreement(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """t over base runs of the fraction of examples with another label."""

    def estimates(pairs: Pairs, steps: Int[np.ndarray, " S"]) -> list[tuple[At, Estimate]]:
        labels = population.predicted_labels
        differ = (labels[pairs.triples.base] != labels[pairs.triples.perturbed]).mean(axis=1)
        found = mean_estimate(differ, level=level, n_examples=population.n_examples, bounds=(0.0, 1.0))
        return [(None, _of_bases(found))]

    return _of_pairs(population, estimates, level=level)


@plot_data("separation", needs=("levels", "initial_weights", "weights", "snapshots"))
def separation_lines(population: PopulationArrays) -> dict[str, Any] | None:
    """The curve of every pair, the mean distance between independent runs at every snapshot, and the fitted ceiling."""
    if no_protocol(population) != "":
        return None
    pairs, steps = pairs_of(population), population.snapshot_steps
    if not len(pairs.triples.base) or steps is None:
        return None
    independent = [pair_mean(off_diagonal_row_sums(matrix)) for matrix in pairs.independent]
    return {
        "step": [int(step) for step in steps],
        "run": [int(run) for run in pairs.triples.base],
        "distance": rounded(pairs.curves),
        "independent": rounded(np.array(independent)),
        "ceiling": rounded(np.array([ceiling_of(pairs)]))[0],
        "rate": rounded(early_rates(pairs.curves, steps, ceiling=ceiling_of(pairs))),
    }


def _of_pairs(population: PopulationArrays, estimates: Any, *, level: float) -> list[tuple[At, Estimate]]:
    """Nothing without perturbed runs; the reason where they do not keep to the protocol; the estimates otherwise."""
    reason = no_protocol(population)
    if reason is None:
        return []
    pairs = pairs_of(population) if not reason else None
    if pairs is not None and not len(pairs.triples.base):
        reason = "no one-ULP pair finished with exactly one word changed and a duplicate that is bit-identical"
    if pairs is None or reason:
        return [(None, missing(reason, level=level, n_runs=0, n_examples=None))]
    assert population.snapshot_steps is not None
    return estimates(pairs, population.snapshot_steps)


def _check(population: PopulationArrays, which: str, *, level: float) -> list[tuple[At, Estimate]]:
    reason = no_protocol(population)
    if reason is None:
        return []
    if reason:
        return [(None, missing(reason, level=level, n_runs=0, n_examples=None))]
    kept = protocol_kept(population)[which]
    share = float(kept.mean())
    found = Estimate(share, None, None, level, NO_INTERVAL, "none", len(kept), None)
    return [(None, found)]


def _geometric(distances: Float[np.ndarray, " B"], *, level: float) -> Estimate:
    apart = distances[distances > 0]
    if not len(apart):
        reason = "all pairs have the same weights at this step, bit for bit"
        return estimate_of(
            0.0, math.nan, math.nan, level=level, method="none", n_runs=0, n_examples=None, reason=reason
        )
    log = mean_estimate(np.log(apart), level=level, n_examples=None)
    value, low, high = (math.nan if x is None else math.exp(x) for x in (log.value, log.low, log.high))
    return estimate_of(
        value,
        low,
        high,
        level=level,
        method="t over base runs, of the logarithm",
        n_runs=len(apart),
        n_examples=None,
        bounds=(0.0, LARGEST_DISTANCE),
        reason=log.reason,
    )


def _ratio(distances: Float[np.ndarray, " B"], independent: Float[np.ndarray, "B B"], *, level: float) -> Estimate:
    row_sums = off_diagonal_row_sums(independent)
    whole = pair_mean(row_sums)
    value = float(distances.mean()) / whole if math.isfinite(whole) and whole > 0 else math.nan
    left_out = ratio_left_out(mean_left_out(distances), pair_mean_left_out(row_sums))
    reason = "a distance between independent runs needs at least 2 base runs that differ"
    found = jackknife_estimate(value, left_out, level=level, n_examples=None, bounds=(0.0, math.inf), reason=reason)
    return _of_bases(found)


def _of_bases(estimate: Estimate) -> Estimate:
    """The method says what its runs are."""
    return replace(estimate, method=estimate.method.replace("over runs", "over base runs"))
