"""What two populations of known runs say together, beside the differences of their measures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.comparing.rows import Partners
from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import disagreement_matrix
from varbench.stats.estimate import NO_INTERVAL, Estimate, missing
from varbench.stats.multibootstrap import multibootstrap_difference
from varbench.stats.permutation import permanova, swapped_pairs
from varbench.stats.significance import Significance
from varbench.stats.spread_test import equal_spreads, spread_ratio_estimate

RESAMPLES = 1000
PERMUTATIONS = 1999
MOST_SCORES = 20_000_000
"""Runs × examples of a condition up to which runs and examples are resampled: their scores are held in float64."""

MOST_RUNS = 192
"""Runs of a condition that enter the permutation test, the first ones: all pairs of them are formed."""


@dataclass(frozen=True)
class BetweenRow:
    """One statement on two conditions.

    Attributes:
        name: "accuracy_sd_ratio", "accuracy_on_new_examples" or "disagreement_between".
        unit: Unit of the value.
        estimate: The value, with an interval where it has one.
        test: The test that goes with it, or None.
        paired: Whether runs of the same levels were matched.
    """

    name: str
    unit: str
    estimate: Estimate
    test: Significance | None
    paired: bool


def between_rows(
    first: PopulationArrays,
    second: PopulationArrays,
    *,
    partners: Partners,
    measures: Collection[str] | None,
    level: float,
    key: int,
) -> list[BetweenRow]:
    """Ratio of the spreads of accuracy, difference in accuracy for other examples too, and whether predictions differ.

    - `accuracy_sd_ratio` (with the measure `accuracy_sd`): SD of the second over SD of the first, with the
      Brown–Forsythe test. Runs count as independent, matched or not.
    - `accuracy_on_new_examples` (with `accuracy`): second − first, by the multi-bootstrap over runs and examples: what
      other runs on another test set of this size would give. Paired where levels match.
    - `disagreement_between` (with `disagreement`): mean disagreement of a run of each minus the mean of the two
      conditions' own; PERMANOVA of the runs tests that conditions differ more than the runs within them. Where levels
      match, the runs of a match do not count, being alike, and labels are swapped within matches only. Runs that
      diverged are left out: they all predict nothing, and would agree.

    Args:
        first: The population that is compared with.
        second: The other, on the same test examples.
        partners: For each run of the first the row of the second with the same levels, or None.
        measures: The measures that are compared, or None for all.
        level: Nominal coverage.
        key: Integer key of resamples and permutations.
    """
    wanted = {"accuracy_sd", "accuracy", "disagreement"} if measures is None else set(measures)
    rows = []
    if "accuracy_sd" in wanted:
        accuracies = first.accuracy, second.accuracy
        ratio = spread_ratio_estimate(*accuracies, level=level, n_examples=first.n_examples)
        rows.append(BetweenRow("accuracy_sd_ratio", "ratio", ratio, equal_spreads(accuracies), False))
    if "accuracy" in wanted:
        gap = _on_new_examples(first, second, partners, level=level, key=key)
        rows.append(BetweenRow("accuracy_on_new_examples", "pp", gap, None, partners is not None))
    if "disagreement" in wanted:
        rows.append(_disagreement(first, second, partners, level=level, key=key))
    shared = first.shared or second.shared
    if shared is None:
        return rows
    return [
        replace(
            row,
            estimate=row.estimate.without_interval(shared.reason),
            test=None if row.test is None else replace(row.test, p=None, reason=shared.reason),
        )
        for row in rows
    ]


def _on_new_examples(
    first: PopulationArrays, second: PopulationArrays, partners: Partners, *, level: float, key: int
) -> Estimate:
    sizes = (first.predicted_labels.size, second.predicted_labels.size)
    if max(sizes) > MOST_SCORES:
        return missing(
            f"runs and examples are resampled for at most {MOST_SCORES:,} predictions of a condition, "
            f"there are {max(sizes):,}",
            level=level,
            n_runs=first.n_runs + second.n_runs,
            n_examples=first.n_examples,
        )
    correct = [population.predicted_labels == population.labels for population in (first, second)]
    if partners is not None:
        correct[1] = correct[1][partners]
    return multibootstrap_difference(
        *correct, paired=partners is not None, n_resamples=RESAMPLES, level=level, key=key, bounds=(-1.0, 1.0)
    )


def _disagreement(
    first: PopulationArrays, second: PopulationArrays, partners: Partners, *, level: float, key: int
) -> BetweenRow:
    if partners is not None:
        return _matched_disagreement(first, second, partners, level=level, key=key)
    labels = [p.predicted_labels[p.finished][:MOST_RUNS] for p in (first, second)]
    groups = np.repeat([0, 1], [len(found) for found in labels])
    matrix = disagreement_matrix(np.concatenate(labels), n_classes=max(first.n_classes, second.n_classes))
    test = permanova(np.sqrt(np.maximum(matrix, 0.0)), groups, n_permutations=PERMUTATIONS, key=key)
    value = excess(matrix, n_first=len(labels[0]))
    if value is None:
        reason = "a condition in which one run finished, or none, has no disagreement of its own"
        estimate = missing(reason, level=level, n_runs=len(groups), n_examples=first.n_examples)
    else:
        estimate = Estimate(value, None, None, level, NO_INTERVAL, "none", len(groups), first.n_examples)
    return BetweenRow("disagreement_between", "pp", estimate, test, False)


def _matched_disagreement(
    first: PopulationArrays, second: PopulationArrays, partners: Int[np.ndarray, " R"], *, level: float, key: int
) -> BetweenRow:
    both = np.flatnonzero(first.finished & second.finished[partners])[:MOST_RUNS]
    labels = first.predicted_labels[both], second.predicted_labels[partners[both]]
    matrix = disagreement_matrix(np.concatenate(labels), n_classes=max(first.n_classes, second.n_classes))
    n = len(both)
    test = swapped_pairs(matrix[:n, :n] + matrix[n:, n:], matrix[:n, n:], n_permutations=PERMUTATIONS, key=key)
    if test.statistic is None:
        estimate = missing(str(test.reason), level=level, n_runs=2 * n, n_examples=first.n_examples)
    else:
        estimate = Estimate(test.statistic, None, None, level, NO_INTERVAL, "none", 2 * n, first.n_examples)
    return BetweenRow("disagreement_between", "pp", estimate, test, True)


def excess(matrix: Float[np.ndarray, "N N"], *, n_first: int) -> float | None:
    """Mean distance of a run of each of two groups minus the mean of the mean distances within either, unbiased.

    About 0 where the groups are alike, and then below 0 too; None for a group of one run.

    Args:
        matrix: Symmetric, 0 on the diagonal; the first group first.
        n_first: Runs in the first group.
    """
    within = [matrix[:n_first, :n_first], matrix[n_first:, n_first:]]
    if min(map(len, within)) < 2:
        return None
    own = [float(block.sum()) / (len(block) * (len(block) - 1)) for block in within]
    return float(matrix[:n_first, n_first:].mean()) - sum(own) / 2
