"""Differences of two arms, measure by measure.

Three ways, by what is known of the measure:

- the means over runs in `PER_RUN` (accuracy, error, loss, Brier score, calibration error, training scores): from the
  values of the runs, paired where levels match, otherwise as independent runs (Welch);
- `disagreement` of matched runs: by leaving out a run of both;
- all others (spreads, ensembles, weights, and what takes the trained networks: barriers, representations,
  attributions, curvature), all with a position, and whatever only a report tells: the standard errors of the two
  estimates are combined as those of independent runs; so are those of all measures where runs of a condition share
  levels. What matched runs share does not cancel then: where it makes
  the two estimates go up and down together, the interval is too wide and the p value too large.

What takes the networks is compared between run directories, which hold them, and between reports, which hold what was
measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.measure import At
from varbench.analysis.comparing.per_run import PER_RUN
from varbench.analysis.comparing.side import Arm
from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import disagreement_row_sums
from varbench.stats.difference import (
    Difference,
    difference_of_estimates,
    difference_of_left_out,
    independent_difference,
    paired_difference,
)
from varbench.stats.estimate import Estimate, missing
from varbench.stats.improvement import improvement_estimate, paired_improvement_estimate
from varbench.stats.jackknife import pair_mean_left_out
from varbench.stats.multiple import holm

Partners = Int[np.ndarray, " R"] | None


@dataclass(frozen=True)
class ComparisonRow:
    """One measure of two conditions.

    Attributes:
        population: Which populations are compared.
        measure: Name of the measure.
        at: Its position, or None.
        a: The condition that is compared with.
        b: The condition that is compared.
        value_a: Estimate of a, or None.
        value_b: Estimate of b, or None.
        difference: b − a, with its interval.
        paired: Whether runs of the same levels were matched and what they share cancels.
        p: p value of no difference, or None.
        p_holm: The same, adjusted over all rows without a position, or None.
        p_reason: Why there is no p value, where there is none.
        improvement: P(A > B): how likely a run of a is better (larger, where no direction is) than one of b; None for
            what is not a mean over runs.
    """

    population: str
    measure: str
    at: At
    a: str
    b: str
    value_a: float | None
    value_b: float | None
    difference: Estimate
    paired: bool
    p: float | None
    p_holm: float | None
    p_reason: str
    improvement: Estimate | None


def comparison_rows(
    first: Arm,
    second: Arm,
    *,
    population: str,
    a: str,
    b: str,
    better: dict[str, str],
    partners: Partners,
    measures: Sequence[str] | None,
    level: float,
) -> list[ComparisonRow]:
    """One row for each measure and position that both arms have an estimate of.

    Args:
        first: The arm that is compared with.
        second: The arm that is compared.
        population: Name of the populations that are compared.
        a: Condition name of the first arm.
        b: Condition name of the second.
        better: Measure → "higher", "lower" or "none".
        partners: For each run of the first arm the row of the second's with the same levels, or None.
        measures: Names of the measures to compare, or None for all.
        level: Nominal coverage.
    """
    rows = []
    for (measure, at), ours in first.estimates.items():
        theirs = second.estimates.get((measure, at))
        if theirs is None or (measures is not None and measure not in measures):
            continue
        found, paired, improvement = _compared(
            first, second, measure, at, ours, theirs, better.get(measure, "none"), partners, level
        )
        rows.append(
            ComparisonRow(
                population, measure, at, a, b, ours.value, theirs.value, found.estimate, paired, found.p, None,
                found.reason, improvement,
            )
        )  # fmt: skip
    return rows


def adjusted(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The rows with Holm's p values over all of them that have no position; curves and layers are not tested."""
    tested = [row.p if row.at is None else None for row in rows]
    return [replace(row, p_holm=p) for row, p in zip(rows, holm(tested), strict=True)]


def _compared(
    first: Arm, second: Arm, measure: str, at: At, ours: Estimate, theirs: Estimate, better: str, partners: Partners,
    level: float,
) -> tuple[Difference, bool, Estimate | None]:  # fmt: skip
    before, after = first.population, second.population
    if before is not None and after is not None and at is None:
        n_examples = theirs.n_examples
        shared = before.shared or after.shared
        if measure in PER_RUN and not (ours.value is None or theirs.value is None):
            values = PER_RUN[measure](before), PER_RUN[measure](after)
            if shared is None:
                return _of_runs(*values, better, partners, level, n_examples)
            _, _, improvement = _of_runs(*values, better, None, level, n_examples)
            assert improvement is not None
            return difference_of_estimates(ours, theirs), False, improvement.without_interval(shared.reason)
        known = ours.value is not None and theirs.value is not None
        if measure == "disagreement" and shared is None and partners is not None and known:
            left_out = [_disagreement_left_out(p) for p in (before, after)]
            value = float(theirs.value) - float(ours.value)  # type: ignore[arg-type]
            gaps = left_out[1][partners] - left_out[0]
            return difference_of_left_out(value, gaps, level=level, n_examples=n_examples), True, None
    if ours.level != theirs.level:
        reason = f"their intervals have the levels {ours.level:g} and {theirs.level:g}"
        nothing = missing(reason, level=level, n_runs=ours.n_runs + theirs.n_runs, n_examples=theirs.n_examples)
        return Difference(nothing, None, reason), False, None
    return difference_of_estimates(ours, theirs), False, None


def _of_runs(
    before: Float[np.ndarray, " R"],
    after: Float[np.ndarray, " S"],
    better: str,
    partners: Partners,
    level: float,
    n_examples: int | None,
) -> tuple[Difference, bool, Estimate | None]:
    """Difference of the means and P(A > B); runs without a value are left out, with their partners."""
    sign = -1.0 if better == "lower" else 1.0
    if partners is not None:
        after = after[partners]
        there = np.isfinite(before) & np.isfinite(after)
        before, after = before[there], after[there]
        found = paired_difference(before, after, level=level, n_examples=n_examples)
        improvement = paired_improvement_estimate(sign * before, sign * after, level=level, n_examples=n_examples)
        return found, True, improvement
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    found = independent_difference(before, after, level=level, n_examples=n_examples)
    return found, False, improvement_estimate(sign * before, sign * after, level=level, n_examples=n_examples)


def _disagreement_left_out(population: PopulationArrays) -> Float[np.ndarray, " R"]:
    return pair_mean_left_out(disagreement_row_sums(population.predicted_labels, population.votes))
