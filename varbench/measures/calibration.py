"""Calibration of the runs as an ensemble of votes: how often a class is right when so many runs predict it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks


def class_aggregated_calibration_error(
    counts: Int[np.ndarray, "E C"], labels: Int[np.ndarray, " E"], *, bins: int
) -> float:
    """Class-aggregated calibration error of the votes: Σ_b |Σ_{(i,c) in b} (1[yᵢ = c] − n_ic/R)| / E.

    All pairs of an example and a class are sorted by the share n_ic/R of the runs that predict c on i into equal-width
    bins (b/B, (b+1)/B], 0 into the first (Jiang et al. 2021, arXiv 2106.13799, definition 4.3). In [0, 2]: 0 where,
    whatever the share, classes are right as often. Where each bin holds one share only, |disagreement of two draws with
    replacement − error| is at most this (their theorem 4.4). Biased upward for few runs and examples.

    Args:
        counts: From `vote_counts`.
        labels: Right labels in 0..K−1.
        bins: Number of bins; 15 in the reports.
    """
    n_runs = int(counts[0].sum())
    entries, right = _by_votes(counts, labels)
    return float(_error(entries, right, n_runs=n_runs, bins=bins) / len(counts))


def class_aggregated_calibration_error_left_out(
    predicted: Int[np.ndarray, "R E"], counts: Int[np.ndarray, "E C"], labels: Int[np.ndarray, " E"], *, bins: int
) -> Float[np.ndarray, " R"]:
    """`class_aggregated_calibration_error` without run r, for every r, updated from the counts of all R runs.

    Returns:
        [R], NaN for R < 2.
    """
    n_runs, n_examples = predicted.shape
    if n_runs < 2:
        return np.full(n_runs, math.nan)
    entries, right = _by_votes(counts, labels)
    found = np.empty(n_runs)
    each = np.arange(n_examples)
    for part in blocks(n_runs, bytes_each=8 * max(n_examples, n_runs)):
        for run in range(part.start, part.stop):
            own = counts[each, predicted[run]]
            moved = np.bincount(own, minlength=n_runs + 1)
            moved_right = np.bincount(own[predicted[run] == labels], minlength=n_runs + 1)
            found[run] = _error(
                (entries - moved)[:-1] + moved[1:],
                (right - moved_right)[:-1] + moved_right[1:],
                n_runs=n_runs - 1,
                bins=bins,
            )
    return found / n_examples


def _by_votes(
    counts: Int[np.ndarray, "E C"], labels: Int[np.ndarray, " E"]
) -> tuple[Int[np.ndarray, " V"], Int[np.ndarray, " V"]]:
    """How many pairs of an example and a label have 0, 1, …, R votes, and how many of them are right."""
    n_runs = int(counts[0].sum())
    right = counts[np.arange(len(counts)), labels]
    return np.bincount(counts.ravel(), minlength=n_runs + 1), np.bincount(right, minlength=n_runs + 1)


def _error(entries: Int[np.ndarray, " V"], right: Int[np.ndarray, " V"], *, n_runs: int, bins: int) -> float:
    """Sum over bins of the gap; whole numbers decide the bin, so that n/R = b/B is never rounded into the next one."""
    votes = np.arange(n_runs + 1)
    bin_of = np.maximum(-(-votes * bins // n_runs) - 1, 0)
    return float(np.abs(np.bincount(bin_of, weights=right - entries * votes / n_runs, minlength=bins)).sum())
