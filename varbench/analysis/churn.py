"""Churn from an old population to a new one: over matched runs where levels match, otherwise over all pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.measures.churn import Churn, mean_churn_to, paired_churn
from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import jackknife_estimate, mean_left_out, ratio_left_out
from varbench.stats.two_sample import two_sample_estimate

MATCHED = "matched runs"
NOTHING_WORSE = "no example went from right to wrong"


def churn_estimates(old: PopulationArrays, new: PopulationArrays, *, level: float) -> list[tuple[str, None, Estimate]]:
    """`churn`, `good_churn`, `bad_churn` and `win_loss_ratio` from old to new.

    Where every run has a partner with the same levels in the other population, over these pairs, which are independent;
    otherwise over all pairs of an old and a new run.

    Args:
        old: Population before the change.
        new: Population after it, on the same test examples.
        level: Nominal coverage of the intervals.

    Raises:
        InputError: If the populations have other test examples.
    """
    if old.n_examples != new.n_examples or (old.labels != new.labels).any():
        raise InputError(
            f"churn compares predictions for the same test examples in the same order, but the labels of the "
            f"{old.n_examples} and the {new.n_examples} examples of the two populations differ; align them first"
        )
    shared = old.shared or new.shared
    found = _estimates(old, new, level=level)
    if shared is None:
        return found
    return [(name, at, estimate.without_interval(shared.reason)) for name, at, estimate in found]


def _estimates(old: PopulationArrays, new: PopulationArrays, *, level: float) -> list[tuple[str, None, Estimate]]:
    partners = matched_rows(old, new)
    if partners is not None:
        matched = paired_churn(old.predicted_labels, new.predicted_labels[partners], old.labels)
        return _named(matched, None, level=level, n_examples=old.n_examples)
    classes = max(old.n_classes, new.n_classes)
    votes = [_votes(population, classes) for population in (old, new)]
    before = mean_churn_to(old.predicted_labels, votes[1], old.labels, forward=True)
    after = mean_churn_to(new.predicted_labels, votes[0], old.labels, forward=False)
    return _named(before, after, level=level, n_examples=old.n_examples)


def matched_rows(old: PopulationArrays, new: PopulationArrays) -> Int[np.ndarray, " R"] | None:
    """For each run of the old population the row of the new one with the same levels; None where they do not match.

    They match where both know the same sources, no two runs of a population have the same levels, and every run has a
    partner.
    """
    if old.n_runs != new.n_runs or not old.levels or set(old.levels) != set(new.levels):
        return None
    sources = sorted(old.levels)
    keys = [list(zip(*(p.levels[s].tolist() for s in sources), strict=True)) for p in (old, new)]
    place = {key: row for row, key in enumerate(keys[1])}
    if len(set(keys[0])) < old.n_runs or set(keys[0]) != set(place):
        return None
    return np.array([place[key] for key in keys[0]])


def _named(first: Churn, second: Churn | None, *, level: float, n_examples: int) -> list[tuple[str, None, Estimate]]:
    def over(
        value: float, left_out: list[Float[np.ndarray, " _"]], bounds: tuple[float, float], reason: str = ""
    ) -> Estimate:
        about = {"level": level, "n_examples": n_examples, "bounds": bounds, "reason": reason}
        if len(left_out) == 2:
            return two_sample_estimate(value, *left_out, **about)  # type: ignore[arg-type]
        estimate = jackknife_estimate(value, left_out[0], **about)  # type: ignore[arg-type]
        paired = len(left_out[0]) > 1
        return replace(estimate, method=f"{estimate.method}, matched by level", resampled=MATCHED if paired else "none")

    arms = [first] if second is None else [first, second]
    names = {"churn": "changed", "good_churn": "good", "bad_churn": "bad"}
    left_out = {part: [mean_left_out(getattr(arm, part)) for arm in arms] for part in names.values()}
    means = {part: float(getattr(first, part).mean()) for part in names.values()}
    found: list[tuple[str, None, Estimate]] = [
        (name, None, over(means[part], left_out[part], (0.0, 1.0))) for name, part in names.items()
    ]
    ratios = [ratio_left_out(good, bad) for good, bad in zip(left_out["good"], left_out["bad"], strict=True)]
    ratio = means["good"] / means["bad"] if means["bad"] > 0 else math.nan
    found.append(("win_loss_ratio", None, over(ratio, ratios, (0.0, math.inf), NOTHING_WORSE)))
    return found


def _votes(population: PopulationArrays, classes: int) -> Int[np.ndarray, "E C"]:
    """Votes in columns for so many classes; the last column still counts −1."""
    votes = population.votes
    missing = np.zeros((len(votes), classes - population.n_classes), dtype=votes.dtype)
    return np.concatenate([votes[:, :-1], missing, votes[:, -1:]], axis=1)
