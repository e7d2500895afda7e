"""What studies compute over the runs of one condition and between two conditions whose levels match."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.analysis.document import LEVEL
from varbench.measures import predictions
from varbench.stats.difference import difference_of_left_out, paired_difference
from varbench.stats.estimate import UNBOUNDED, Estimate, missing
from varbench.stats.improvement import paired_improvement_estimate
from varbench.stats.jackknife import (
    jackknife_estimate,
    mean_left_out,
    pair_mean,
    pair_mean_estimate,
    pair_mean_left_out,
    ratio_left_out,
)
from varbench.stats.mean import mean_estimate
from varbench.stats.shares import none_bound

MID_P = "mid-p binomial over runs"
NO_FLIPS = "Clopper–Pearson for none of {:g} independent pairs"
ALL_AGREE = "a ratio of disagreements needs two runs in each condition that disagree somewhere"

NOTHING_TO_SHARE = "there are no two runs apart from each other to hold this against"


def over_runs(
    values: Float[np.ndarray, " R"],
    *,
    n_examples: int | None = None,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Estimate:
    """Mean over the runs whose value is finite, with the t interval of reports."""
    return mean_estimate(values[np.isfinite(values)], level=LEVEL, n_examples=n_examples, bounds=bounds)


def share(flags: Bool[np.ndarray, " R"]) -> Estimate:
    """Share of the runs of which something is true, with the mid-p interval of a binomial, at 0 and 1 too."""
    found = paired_improvement_estimate(
        flags.astype(np.float64), np.full(len(flags), 0.5), level=LEVEL, n_examples=None
    )
    return dataclasses.replace(found, method=MID_P) if found.value is not None else found


def change(
    first: Float[np.ndarray, " R"],
    second: Float[np.ndarray, " R"],
    *,
    n_examples: int | None = None,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Estimate:
    """Mean of second − first over runs of the same levels in which both are finite."""
    both = np.isfinite(first) & np.isfinite(second)
    return paired_difference(first[both], second[both], level=LEVEL, n_examples=n_examples, bounds=bounds).estimate


def ratio(first: Float[np.ndarray, " R"], second: Float[np.ndarray, " R"]) -> Estimate:
    """Geometric mean of second / first over runs of the same levels in which both are positive; 1 is no change.

    A value of 0 has no logarithm and its run is left out: where zeros can occur, count them beside it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(np.where(values > 0, values, math.nan)) for values in (first, second)]
    return exponential(change(logs[0], logs[1]))


def earlier_moment(steps: Int[np.ndarray, " S"], *, factor: float) -> int:
    """The moment of a training nearest to the last step over a factor, on a logarithmic scale."""
    return int(np.abs(np.log(np.maximum(steps, 0.5) * factor / steps[-1])).argmin())


def exponential(estimate: Estimate) -> Estimate:
    """An estimate of a logarithm as one of its number."""
    value, low, high = (None if v is None else math.exp(v) for v in (estimate.value, estimate.low, estimate.high))
    return dataclasses.replace(estimate, value=value, low=low, high=high)


def disagreement(labels: Int[np.ndarray, "R E"], *, classes: int) -> Estimate:
    """Mean over pairs of runs of the fraction of examples whose labels differ, with a jackknife over runs."""
    sums = disagreement_sums(labels, classes=classes)
    return pair_mean_estimate(sums, level=LEVEL, n_examples=labels.shape[1], bounds=(0.0, 1.0))


def disagreement_ratio(first: Int[np.ndarray, "R E"], second: Int[np.ndarray, "R E"], *, classes: int) -> Estimate:
    """Disagreement of the second condition over that of the first, runs of the same levels left out together.

    The jackknife is that of the logarithm; no value where the runs of a condition all agree.
    """
    logs, left_out = [], []
    with np.errstate(divide="ignore"):
        for labels in (first, second):
            sums = disagreement_sums(labels, classes=classes)
            logs.append(np.log(pair_mean(sums)))
            left_out.append(np.log(pair_mean_left_out(sums)))
    if not np.isfinite(logs).all():
        return missing(ALL_AGREE, level=LEVEL, n_runs=len(first), n_examples=first.shape[1])
    found = difference_of_left_out(
        float(logs[1] - logs[0]), left_out[1] - left_out[0], level=LEVEL, n_examples=first.shape[1]
    )
    return exponential(found.estimate)


def disagreement_share(first: Int[np.ndarray, "R E"], whole: Int[np.ndarray, "R E"], *, classes: int) -> Estimate:
    """Disagreement of the first condition over that of the second, runs of the same place left out together.

    Unlike `disagreement_ratio` it may be 0; no value where the runs of the second all agree. Runs of the first that all
    agree have the upper end that R/2 independent pairs without a flip allow (`none_bound`), if a pair that does differ
    differs as much as two of the second at most.
    """
    sums = disagreement_sums(first, classes=classes)
    below = disagreement_sums(whole, classes=classes)
    pairs = len(first) / 2
    return _share(pair_mean(sums), pair_mean_left_out(sums), below, pairs=pairs, n_examples=whole.shape[1])


def share_of_pairs(
    values: Float[np.ndarray, " R"], sums: Float[np.ndarray, " R"], *, n_examples: int | None
) -> Estimate:
    """Mean distance of each run from its like elsewhere, over that of two runs; each run is left out of both.

    Where no run differs from its like the upper end is that of `disagreement_share`, with R pairs.

    Args:
        values: Of run r from its like.
        sums: Σ_{s≠r} D_rs of the runs themselves.
        n_examples: Test examples behind each distance, or None.
    """
    value = float(values.mean()) if len(values) else math.nan
    return _share(value, mean_left_out(values), sums, pairs=len(values), n_examples=n_examples)


def _share(
    value: float,
    left_out: Float[np.ndarray, " R"],
    sums: Float[np.ndarray, " R"],
    *,
    pairs: float,
    n_examples: int | None,
) -> Estimate:
    below = pair_mean(sums)
    if not below > 0:
        return missing(NOTHING_TO_SHARE, level=LEVEL, n_runs=len(sums), n_examples=n_examples)
    found = jackknife_estimate(
        value / below,
        ratio_left_out(left_out, pair_mean_left_out(sums)),
        level=LEVEL,
        n_examples=n_examples,
        bounds=(0.0, math.inf),
    )
    if found.high == 0.0:
        return dataclasses.replace(found, high=none_bound(pairs, level=LEVEL), method=NO_FLIPS.format(pairs))
    return found


def disagreement_sums(labels: Int[np.ndarray, "R E"], *, classes: int) -> Float[np.ndarray, " R"]:
    """Sum over the other runs of the fraction of examples on which they differ from each run."""
    return predictions.disagreement_row_sums(labels, predictions.vote_counts(labels, n_classes=classes))
